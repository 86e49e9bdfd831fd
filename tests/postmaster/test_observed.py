"""What was answered, by whom, is read from what a rule was tried on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from dns_providers.rrset import MX, TXT, owner_name
from postmaster.checks import subjects
from postmaster.checks.observed import observed_in
from postmaster.checks.results import Observed
from postmaster.checks.subjects import Subject
from probes.world.dns import Answer, Outcome, Reverse
from probes.world.spf import SpfView
from probes.world.tcp import Connection, Reach
from tests.postmaster.full_view import answer, good, server

THERE = server()
DOMAIN = subjects.of_domain(THERE.domains[0])
RECORD = subjects.of_record("_dmarc.example.com", "TXT", THERE.domains[0])
MAIL = answer("example.com", "MX", MX(10, owner_name("a.test")))
DMARC = answer("_dmarc.example.com", "TXT", TXT(b"v=DMARC1"))
ASKED = replace(MAIL, resolver="9.9.9.9", ttl=300, rcode="NOERROR")


@dataclass(frozen=True)
class View:
    """Some answers, and what is no answer."""

    name: str
    mx: Answer
    dmarc: Answer
    more: object = None


@pytest.mark.parametrize(
    ("thing", "subject", "seen"),
    [
        (MAIL, DOMAIN, (Observed("example.com MX", "10 a.test.", "answer"),)),
        (ASKED, DOMAIN, (Observed("9.9.9.9", "10 a.test.", "NOERROR", 300),)),
        (DMARC, DOMAIN, ()),
        (View("x", ASKED, DMARC), DOMAIN, (Observed("9.9.9.9", "10 a.test.", "NOERROR", 300),)),
        (
            View("x", MAIL, DMARC),
            RECORD,
            (Observed("_dmarc.example.com TXT", '"v=DMARC1"', "answer"),),
        ),
        (("signing", DMARC), RECORD, (Observed("_dmarc.example.com TXT", '"v=DMARC1"', "answer"),)),
        (answer("example.com", "MX"), DOMAIN, (Observed("example.com MX", "", "nodata"),)),
        (
            Reverse("192.0.2.1", Outcome.NXDOMAIN),
            subjects.of_address("192.0.2.1"),
            (Observed("192.0.2.1", "", "nxdomain"),),
        ),
        (
            SpfView("192.0.2.1", "example.com", "e.test", "fail", "", 0),
            DOMAIN,
            (Observed("192.0.2.1", "fail (EHLO e.test)"),),
        ),
        (
            Connection("192.0.2.1", 110, Reach.REFUSED, 0.1),
            subjects.of_port("192.0.2.1", 110),
            (Observed("192.0.2.1:110", "refused"),),
        ),
        (None, DOMAIN, ()),
        ("text", DOMAIN, ()),
        (View, DOMAIN, ()),
    ],
)
def test_the_answers_about_a_subject_are_observed(
    thing: object, subject: Subject, seen: tuple[Observed, ...]
) -> None:
    assert observed_in(thing, subject) == seen


def test_ports_show_their_banner_or_the_names_of_their_certificate() -> None:
    world = good(THERE).world
    port = subjects.of_port("8.8.8.8", 25)
    assert observed_in(world.smtp, port) == (Observed("8.8.8.8:25", world.smtp.banner),)
    (tls,) = observed_in(world.tls[0], port)
    assert tls.value.startswith("mail.example.com, smtp.example.com")
    shut = replace(world.tls[0], certificate=None, reach=Reach.TIMEOUT)
    assert observed_in(shut, port)[0].value == "timeout"
