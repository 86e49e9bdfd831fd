"""Which names a certificate is ordered for."""

from __future__ import annotations

import pytest

from deploys.tls_certificate.names import fewer_names, why_elsewhere
from dns_providers.rrset import Address
from probes.world.dns import Answer, Outcome
from tests.postmaster.full_view import ADDRESSES, certificate, server

NAME = "autoconfig.example.com"
V4, V6 = ADDRESSES


def answers(v4: tuple[str, ...], v6: tuple[str, ...], known: bool = True) -> tuple[Answer, ...]:
    found = []
    for rtype, values in (("A", v4), ("AAAA", v6)):
        outcome = Outcome.ANSWER if values else Outcome.NODATA
        addresses = frozenset(map(Address, values))
        found.append(Answer(NAME, rtype, outcome if known else Outcome.TIMEOUT, addresses))
    return tuple(found)


def why(found: tuple[Answer, ...], *, planned: bool = False, has: bool = False) -> str:
    words = why_elsewhere(NAME, server(), found, planned=planned, has=has)
    return words.id.rpartition(".")[2] if words else ""


@pytest.mark.parametrize(
    ("v4", "v6", "reason"),
    [
        ((V4,), (V6,), ""),
        ((V4,), (), ""),
        ((V4,), ("2001:4860:4860::1",), "elsewhere"),  # an authority would ask there
        ((V4, "8.8.4.4"), (), "elsewhere"),
        (("8.8.4.4",), (), "elsewhere"),
        ((), (V6,), "elsewhere"),
        ((), (), "nowhere"),
    ],
)
def test_a_name_is_asked_for_only_where_it_leads_to_the_server_alone(
    v4: tuple[str, ...], v6: tuple[str, ...], reason: str
) -> None:
    assert why(answers(v4, v6)) == reason
    assert why(answers(v4, v6), has=True) == reason


def test_a_plan_counts_on_records_that_the_run_makes() -> None:
    assert why(answers((), ()), planned=True) == ""
    assert why(answers(("8.8.4.4",), ()), planned=True) == "elsewhere"


def test_without_an_answer_a_certificate_keeps_what_it_has_and_gets_nothing_new() -> None:
    silent = answers((), (), known=False)
    assert why(silent) == "unanswered"
    assert why(silent, has=True) == ""


NEEDED = ("mail.example.com", "smtp.example.com")
NAMES = (*NEEDED, NAME, "mta-sts.example.com")


def test_a_name_that_is_refused_takes_no_other_with_it() -> None:
    there = certificate(names=(*NEEDED, NAME))
    reason = "Domain: mta-sts.example.com Type: dns Detail: no valid A records"
    assert list(fewer_names(NAMES, NEEDED, there, reason)) == [(*NEEDED, NAME), NEEDED]
    assert list(fewer_names(NAMES, NEEDED, None, reason)) == [NEEDED]


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "too many requests",
        "Domain: smtp.example.com Detail: connection refused; Domain: mta-sts.example.com",
    ],
)
def test_nothing_is_asked_for_again_where_another_cause_is_named(reason: str) -> None:
    assert list(fewer_names(NAMES, NEEDED, None, reason)) == []
