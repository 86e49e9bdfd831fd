"""PTR, greeting name and banner: what receivers ask of them, one fact apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ground.words import say
from postmaster.checks.results import Status
from postmaster.checks.reverse import is_generic
from postmaster.checks.seen import Seen
from probes.host.proof import Proof
from probes.world.dns import Outcome, Reverse
from tests.postmaster.full_view import ADDRESSES, good, one, server, with_world

PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
GOOD = good(server())
V4 = ADDRESSES[0]
HOST = "smtp.example.com"


def named(*names: str) -> Seen:
    """The IPv4 address has these PTR names, which point back."""
    forward = tuple((each, (V4,)) for each in names)
    view = Reverse(V4, Outcome.ANSWER, names, forward)
    return with_world(GOOD, reverse=(view, GOOD.world.reverse[1]))


def greeted(name: str, *addresses: str, **changes: Any) -> Seen:
    """Receivers are greeted with this name, which has these addresses."""
    proofs = tuple((Proof(p.domain, name, b""), s) for p, s in GOOD.relay.proofs)
    seen = replace(GOOD, relay=replace(GOOD.relay, proofs=proofs))
    return with_world(seen, greeted=((name, addresses),), **changes)


@pytest.mark.parametrize(
    ("name", "address", "generic"),
    [
        ("static.8.8.8.8.clients.your-server.de", "8.8.8.8", True),
        ("ec2-203-0-113-7.compute-1.amazonaws.com", "203.0.113.7", True),
        ("113.7.hoster.net", "203.0.113.7", True),
        ("host-203-0.hoster.net", "203.0.113.7", True),
        ("ip203000113007.hoster.net", "203.0.113.7", False),
        ("cb007107.hoster.net", "203.0.113.7", True),
        ("dynamic.hoster.net", "203.0.113.7", True),
        ("vps-12.hoster.net", "203.0.113.7", True),
        ("mail7.hoster.net", "203.0.113.7", False),
        ("static.hoster.net", "203.0.113.7", False),
        ("mx113.hoster.net", "203.0.113.7", False),
        ("8.hoster.net", "8.8.8.8", False),
        ("8-8.hoster.net", "8.8.8.8", True),
        ("smtp.example.com", "8.8.8.8", False),
        ("2001-db8-0-0-0-0-0000-0007.hoster.net", "2001:db8::7", True),
        ("mail.hoster.net", "2001:db8::7", False),
    ],
)
def test_a_ptr_that_any_customer_has_is_known(name: str, address: str, generic: bool) -> None:
    assert is_generic(name, address) is generic


@pytest.mark.parametrize(
    ("names", "rule", "status"),
    [
        ((HOST,), "RDNS-03", PASS),
        (("static.8.8.8.8.example.com",), "RDNS-03", WARN),
        (("mail.example.com",), "RDNS-04", PASS),
        (("mail.hoster.net",), "RDNS-04", WARN),
    ],
)
def test_the_ptr_name_is_of_its_own_and_of_the_mails_organisation(
    names: tuple[str, ...], rule: str, status: Status
) -> None:
    result = one(named(*names), rule, V4)
    assert result.status is status
    if result.remedy:
        assert V4 in say(result.remedy) and HOST in say(result.remedy)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (HOST, PASS),
        ("localhost", FAIL),
        ("smtp", FAIL),
        ("8.8.8.8", FAIL),
        ("a_b.example.com", FAIL),
        ("vps.localdomain", FAIL),
    ],
)
def test_the_greeting_name_is_a_whole_host_name(name: str, status: Status) -> None:
    assert one(greeted(name, V4), "EHLO-01", name).status is status


@pytest.mark.parametrize(
    ("addresses", "status"), [(ADDRESSES, PASS), ((), FAIL), (ADDRESSES[:1], WARN)]
)
def test_the_greeting_name_leads_back(addresses: tuple[str, ...], status: Status) -> None:
    result = one(greeted(HOST, *addresses), "EHLO-02", HOST)
    assert result.status is status
    assert not result.remedy or ADDRESSES[1] in say(result.remedy)


def test_a_greeting_name_whose_address_nobody_tells_is_unknown() -> None:
    seen = with_world(GOOD, greeted=((HOST, None),))
    assert one(seen, "EHLO-02", HOST).status is UNKNOWN


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (f"220 {HOST} ESMTP", PASS),
        ("220 example.com ESMTP", PASS),
        ("220 mail.elsewhere.test ESMTP", WARN),
        ("220 ", WARN),
        ("554 go away", UNKNOWN),
    ],
)
def test_port_25_greets_with_a_name_of_ours(said: str, status: Status) -> None:
    seen = with_world(GOOD, smtp=replace(GOOD.world.smtp, banner=said))
    result = one(seen, "EHLO-04", f"{V4}:25")
    assert result.status is status


def test_in_mode_direct_the_greeting_is_of_the_ptrs_organisation() -> None:
    direct = good(server("direct"))
    assert one(direct, "EHLO-03").status is PASS
    views = tuple(replace(each, names=("mx.hoster.net",)) for each in direct.world.reverse)
    assert one(with_world(direct, reverse=views), "EHLO-03").status is WARN


def test_where_the_provider_is_known_its_panel_is_named() -> None:
    assert GOOD.bare is not None
    at_vultr = replace(GOOD.bare.fitness, dmi=(("sys_vendor", "Vultr"),))
    seen = replace(named(), bare=replace(GOOD.bare, fitness=at_vultr))
    bare = with_world(seen, reverse=(Reverse(V4, Outcome.NXDOMAIN),))
    remedy = one(bare, "RDNS-01", V4).remedy
    assert remedy and say(remedy).startswith("Vultr: ") and HOST in say(remedy)
