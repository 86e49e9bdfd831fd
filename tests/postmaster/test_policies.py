"""Checks of what domains say of themselves."""

from __future__ import annotations

from dataclasses import replace

import dns.name
import pytest

from dns_providers.rrset import SRV, TXT, Value, key, owner_name
from postmaster import client_setup
from postmaster.checks.results import Status
from postmaster.checks.seen import RecordView, ResolverView, Seen
from postmaster.mta_sts import Policy
from probes.world.dns import Answer, Outcome
from probes.world.documents import Document
from probes.world.tcp import Reach
from tests.postmaster.full_view import answer, certificate, good, one, server, with_world

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

    return replace(GOOD, policies=replace(view, services=put(view.services), texts=put(view.texts)))


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


# -- documents -----------------------------------------------------------------------------------


def serving(path: str, document: Document | None, name: str = "", base: Seen = GOOD) -> Seen:
    """The same, but something else comes from a path (of a name, where one is given)."""
    view = base.policies
    found = tuple(
        (each, document if each.path == path and name in ("", each.name) else there)
        for each, there in view.documents
    )
    return replace(base, policies=replace(view, documents=found))


def came(content: bytes, media_type: str = "text/plain") -> Document:
    return Document("x", "/", 200, media_type, content=content)


XML, PROFILE = "/mail/config-v1.1.xml", "/other.org.mobileconfig"
POLICY, POLICY_HOST = "/.well-known/mta-sts.txt", "mta-sts.other.org"
SILENT = Document("x", "/", reason="timed out")
MOVED = Document("x", "/", 301, location="https://elsewhere.test/")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, Status.UNKNOWN),
        (SILENT, Status.WARN),
        (MOVED, Status.WARN),
        (Document("x", "/", 404), Status.WARN),
        (came(b"<clientConfig/>"), Status.WARN),
    ],
)
def test_programs_get_the_document_itself_or_a_warning(
    document: Document | None, expected: Status
) -> None:
    assert one(serving(XML, document), "CLI-01").status is expected
    assert one(serving(PROFILE, document), "CLI-04", "other.org").status is expected
    assert one(serving(PROFILE, document), "CLI-04", "example.com").status is Status.PASS


def test_a_profile_of_another_certificate_is_stale() -> None:
    tls = tuple(
        replace(each, certificate=replace(certificate(), fingerprint="0" * 64))
        for each in GOOD.world.tls
    )
    renewed = with_world(GOOD, tls=tls)
    assert one(renewed, "CLI-04", "other.org").status is Status.WARN
    unsigned = client_setup.profile(GOOD.server, "other.org")
    seen = serving(PROFILE, came(unsigned, client_setup.PROFILE_TYPE))
    assert one(seen, "CLI-04", "other.org").status is Status.WARN


def test_with_a_certificate_of_ones_own_the_remedy_is_to_add_the_name() -> None:
    files = server(tls="files", tls_cert_file="/c", tls_key_file="/k")
    brought = replace(serving(XML, SILENT), server=files)
    remedy = one(brought, "CLI-01").remedy
    assert remedy is not None and "tls_cert_file" in str(remedy)


# -- MTA-STS -------------------------------------------------------------------------------------

ENFORCED = Policy("enforce", ("smtp.example.com",), 604800)
STS = "_mta-sts.other.org"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((TXT(b"v=STSv1; id=20160831085700Z;"),), Status.PASS),
        ((), Status.FAIL),
        ((TXT(b"v=STSv1; id=1"), TXT(b"v=STSv1; id=2")), Status.FAIL),
        ((TXT(b"v=STSv1; id=a-b"),), Status.FAIL),
        ((TXT(b"v=spf1 -all"),), Status.FAIL),
    ],
)
def test_senders_are_told_of_a_policy_by_one_record(
    values: tuple[TXT, ...], expected: Status
) -> None:
    assert status(STS, "TXT", "STS-01", *values) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (came(ENFORCED.text.encode()), Status.PASS),
        (came(ENFORCED.tried_first().text.encode()), Status.WARN),
        (came(replace(ENFORCED, mx=("smtp.elsewhere.test",)).text.encode()), Status.FAIL),
        (came(Policy("none", (), 86400).text.encode()), Status.FAIL),
        (came(ENFORCED.text.encode(), "text/html"), Status.FAIL),
        (came(b"<html>"), Status.FAIL),
        (MOVED, Status.FAIL),
        (SILENT, Status.FAIL),
        (None, Status.UNKNOWN),
    ],
)
def test_a_policy_is_judged_as_a_sender_takes_it(
    document: Document | None, expected: Status
) -> None:
    seen = serving(POLICY, document, POLICY_HOST)
    assert one(seen, "STS-02", "other.org").status is expected
    assert one(seen, "STS-02", "example.com").status is Status.PASS


def test_an_id_that_was_left_as_it_was_is_noticed_and_a_foreign_one_says_nothing() -> None:
    longer = replace(ENFORCED, max_age=2592000)
    seen = serving(POLICY, came(longer.text.encode()), POLICY_HOST)
    assert one(seen, "STS-03", "other.org").status is Status.WARN
    foreign = saying(answer(STS, "TXT", TXT(b"v=STSv1; id=1")))
    assert one(foreign, "STS-03", "other.org").status is Status.UNKNOWN
    assert one(serving(POLICY, SILENT, POLICY_HOST), "STS-03", "other.org").status is Status.SKIP


@pytest.mark.parametrize(("mode", "expected"), [("enforce", Status.FAIL), ("testing", Status.WARN)])
def test_a_certificate_that_senders_would_refuse_fails_where_the_policy_is_enforced(
    mode: str, expected: Status
) -> None:
    smtp = GOOD.world.smtp
    assert smtp.tls is not None
    bad = replace(smtp, tls=replace(smtp.tls, trusted=False, reason="self-signed certificate"))
    seen = replace(with_world(GOOD, smtp=bad), server=server(mta_sts_policy=mode))
    assert one(seen, "STS-04").status is expected
    closed = with_world(GOOD, smtp=replace(smtp, reach=Reach.TIMEOUT, tls=None))
    assert one(closed, "STS-04").status is Status.UNKNOWN


def test_a_record_of_before_in_a_cache_is_told_as_that() -> None:
    record = key(STS, "TXT")
    zones = tuple(
        replace(
            zone,
            records=(RecordView(record, 2, wished=True, ttl=300), *zone.records),
            resolvers=(ResolverView("1.1.1.1", 2, (record,)),),
        )
        if zone.zone == "other.org"
        else zone
        for zone in GOOD.zones
    )
    longer = replace(ENFORCED, max_age=2592000)
    seen = serving(POLICY, came(longer.text.encode()), POLICY_HOST, replace(GOOD, zones=zones))
    result = one(seen, "STS-03", "other.org")
    assert result.status is Status.WARN and result.remedy and "300" in str(result.remedy)
