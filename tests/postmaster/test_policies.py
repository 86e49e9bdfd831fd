"""Checks of what domains say of themselves."""

from __future__ import annotations

from dataclasses import replace

import dns.name
import pytest

from dns_providers.rrset import SRV, TXT, Value, owner_name
from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from probes.world.dns import Answer, Outcome
from tests.postmaster.full_view import answer, good, one, server

GOOD = good(server())
IMAPS, IMAP = "_imaps._tcp.example.com", "_imap._tcp.example.com"
REPORTS = "_smtp._tls.other.org"
OURS, ELSEWHERE = owner_name("imap.example.com"), owner_name("imap.provider.test")
NOWHERE = SRV(0, 0, 0, dns.name.root)


def saying(found: Answer) -> Seen:
    """The same, but DNS says something else at a name."""
    view = GOOD.policies

    def put(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
        return tuple(found if each.owner == found.owner else each for each in answers)

    return replace(
        GOOD, policies=replace(view, services=put(view.services), tls_rpt=put(view.tls_rpt))
    )


def status(owner: str, rtype: str, rule: str, *values: Value) -> Status:
    return one(saying(answer(owner, rtype, *values)), rule, owner).status


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((SRV(0, 1, 993, OURS),), Status.PASS),
        ((SRV(5, 0, 993, OURS),), Status.PASS),
        ((), Status.WARN),
        ((SRV(0, 1, 143, OURS),), Status.FAIL),
        ((SRV(0, 1, 993, ELSEWHERE),), Status.FAIL),
        ((SRV(0, 1, 993, OURS), SRV(9, 1, 993, ELSEWHERE)), Status.FAIL),
        ((NOWHERE,), Status.FAIL),
    ],
)
def test_programs_are_led_here_and_nowhere_else(values: tuple[SRV, ...], expected: Status) -> None:
    assert status(IMAPS, "SRV", "CLI-02", *values) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((NOWHERE,), Status.PASS),
        ((), Status.PASS),
        ((SRV(0, 1, 143, ELSEWHERE),), Status.WARN),
    ],
)
def test_what_is_not_offered_leads_nowhere(values: tuple[SRV, ...], expected: Status) -> None:
    assert status(IMAP, "SRV", "CLI-02", *values) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((TXT(b"v=TLSRPTv1; rua=mailto:a@b.test"),), Status.PASS),
        ((TXT(b"v=TLSRPTv1; rua=mailto:a@other.org"),), Status.PASS),
        ((), Status.WARN),
        ((TXT(b"v=TLSRPTv1 ; rua=mailto:a@b.test"),), Status.WARN),
        ((TXT(b"v=TLSRPTv1; rua=mailto:a@b.test"), TXT(b"v=TLSRPTv1;")), Status.WARN),
    ],
)
def test_senders_find_one_record_that_they_can_read(
    values: tuple[TXT, ...], expected: Status
) -> None:
    assert status(REPORTS, "TXT", "RPT-01", *values) is expected


@pytest.mark.parametrize(("owner", "rule"), [(IMAPS, "CLI-02"), (REPORTS, "RPT-01")])
def test_without_an_answer_nothing_is_known_and_nobody_has_to_look(owner: str, rule: str) -> None:
    result = one(saying(Answer(owner, "TXT", Outcome.TIMEOUT)), rule, owner)
    assert (result.status, result.required) == (Status.UNKNOWN, False)
