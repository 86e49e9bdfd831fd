"""CAA that forbids the chosen authority is found before it refuses, with the line to add."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dns_providers.rrset import CAA
from ground.words import say
from postmaster.caa import Leave, authorities, leave, line
from postmaster.checks.caa import judge, sets_of
from postmaster.checks.results import Status
from probes.world.caa import CaaView
from probes.world.dns import Outcome
from tests.postmaster.full_view import fit, found, good, one, server, with_world

SERVER, DNS_01 = server(), server(tls="acme-dns")
PRIVATE = "https://ca.corp.example/directory"


def issue(value: str, tag: str = "issue", flags: int = 0) -> CAA:
    return CAA(flags, tag, value.encode())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((issue("digicert.com"),), Leave.REFUSED),
        ((issue(";"),), Leave.REFUSED),
        ((issue(""),), Leave.REFUSED),
        ((issue("evil-letsencrypt.org"),), Leave.REFUSED),
        ((issue("digicert.com"), issue("letsencrypt.org")), Leave.GIVEN),
        ((issue(";"), issue(" LetsEncrypt.org ; ")), Leave.GIVEN),
        ((issue("letsencrypt.org", "ISSUE", 128),), Leave.GIVEN),
        ((issue("digicert.com", "issuewild"),), Leave.GIVEN),
        ((issue(";", "issuewild"), issue("mailto:a@x.test", "iodef")), Leave.GIVEN),
        ((issue("letsencrypt.org", "issuewild"), issue("digicert.com")), Leave.REFUSED),
        ((issue("letsencrypt.org; validationmethods=dns-01"),), Leave.REFUSED),
        ((issue("letsencrypt.org;validationmethods = http-01,dns-01"),), Leave.GIVEN),
        ((issue("letsencrypt.org; accounturi=https://x/acct/1"),), Leave.ONE_ACCOUNT),
        (
            (issue("letsencrypt.org; accounturi=https://x/1"), issue("letsencrypt.org")),
            Leave.GIVEN,
        ),
        ((issue("x", "tbs", 128), issue("letsencrypt.org")), Leave.STRANGE),
        ((issue("x", "tbs", 0), issue("letsencrypt.org")), Leave.GIVEN),
        ((issue("\xff"),), Leave.REFUSED),
        # Authorities take nothing of a value with a wrong parameter, not even the name.
        ((issue("letsencrypt.org; anything"),), Leave.REFUSED),
        ((issue("letsencrypt.org; a=b;"),), Leave.REFUSED),
        ((issue("letsencrypt.org;; a=b"),), Leave.REFUSED),
        ((issue("letsencrypt.org; a=b c"),), Leave.REFUSED),
        ((issue("letsencrypt.org; a_b=c"),), Leave.REFUSED),
        ((issue("letsencrypt.org; a-b= ; c=%d"),), Leave.GIVEN),
    ],
)
def test_what_records_say_of_the_authority(values: tuple[CAA, ...], said: Leave) -> None:
    assert leave(values, SERVER) is said


def test_the_way_of_the_proof_counts() -> None:
    limited = (issue("letsencrypt.org; validationmethods=dns-01"),)
    assert leave(limited, DNS_01) is Leave.GIVEN


@pytest.mark.parametrize(
    ("directory", "settings", "names"),
    [
        ("https://acme-v02.api.letsencrypt.org/directory", {}, ("letsencrypt.org",)),
        ("https://acme-staging-v02.api.letsencrypt.org/directory", {}, ("letsencrypt.org",)),
        ("https://acme.zerossl.com/v2/DV90", {}, ("sectigo.com",)),
        ("https://dv.acme-v02.api.pki.goog/directory", {}, ("pki.goog",)),
        ("https://notletsencrypt.org/directory", {}, ()),
        (PRIVATE, {"caa": ["CA.corp.example"]}, ("ca.corp.example",)),
    ],
)
def test_an_authority_has_the_name_that_caa_knows_it_by(
    directory: str, settings: dict[str, Any], names: tuple[str, ...]
) -> None:
    assert authorities(server(acme_directory=directory, **settings)) == names


def view(*values: CAA, owner: str = "example.com", outcome: Outcome | None = None) -> CaaView:
    answered = Outcome.ANSWER if values else Outcome.NODATA
    return CaaView("smtp.example.com", owner, outcome or answered, frozenset(values))


def test_the_line_to_add_gives_leave() -> None:
    there = (issue("digicert.com"), issue("letsencrypt.org; validationmethods=tls-alpn-01"))
    judged = judge(view(*there), SERVER)
    assert judged.status is Status.FAIL and judged.remedy is not None
    assert line("example.com", SERVER) == 'example.com. CAA 0 issue "letsencrypt.org"'
    assert line("example.com", SERVER) in say(judged.remedy)
    assert "digicert.com" in say(judged.seen) and "example.com" in say(judged.seen)
    assert leave((*there, issue("letsencrypt.org")), SERVER) is Leave.GIVEN


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (None, Status.PASS),
        (view(), Status.PASS),
        (view(outcome=Outcome.NXDOMAIN), Status.PASS),
        (view(issue("letsencrypt.org")), Status.PASS),
        (view(issue("digicert.com")), Status.FAIL),
        (view(issue("x", "tbs", 128)), Status.FAIL),
        (view(issue("letsencrypt.org; accounturi=https://x/1")), Status.WARN),
        (view(outcome=Outcome.SERVFAIL), Status.UNKNOWN),
        (view(outcome=Outcome.TIMEOUT), Status.UNKNOWN),
        # With records of our own, that only are to come.
        (view(issue("letsencrypt.org"), outcome=Outcome.TIMEOUT), Status.UNKNOWN),
    ],
)
def test_each_finding_stops_or_warns(seen: CaaView | None, status: Status) -> None:
    assert judge(seen, SERVER).status is status


def test_an_authority_that_nobody_names_is_told_and_stops_nothing() -> None:
    private = server(acme_directory=PRIVATE)
    assert judge(view(issue("digicert.com")), private).status is Status.UNKNOWN
    assert PRIVATE in say(judge(view(issue("digicert.com")), private).seen)
    assert judge(view(), private).status is Status.PASS


def test_preflight_and_verification_tell_of_each_name_that_has_records_once() -> None:
    names = SERVER.certificate_names
    views = (
        *(replace(view(issue("digicert.com")), name=each) for each in names),
        view(issue(";"), owner="imap.example.com"),
    )
    assert [each.owner for each in sets_of(views)] == ["example.com", "imap.example.com"]
    bare = replace(fit(SERVER), caa=views)
    assert [each.status for each in found(bare, "PRE-15")] == [Status.FAIL, Status.FAIL]
    seen = with_world(good(SERVER), caa=views)
    assert [each.status for each in found(seen, "CAA-01")] == [Status.FAIL, Status.FAIL]
    for nothing in (replace(bare, caa=()), replace(bare, caa=(view(), view()))):
        assert one(nothing, "PRE-15").status is Status.PASS
