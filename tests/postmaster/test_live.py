"""The live proof's rules: each way, one fact apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ground.words import say
from postmaster.checks.live import authentication
from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from probes.host.live import LiveView, Way
from probes.world.dns import Outcome
from probes.world.mailing import Taken
from tests.postmaster.full_view import carried, found, good, one, server, with_world
from tests.postmaster.test_rules import FAR, WAYS

PASS, WARN, FAIL = Status.PASS, Status.WARN, Status.FAIL
SKIP, UNKNOWN = Status.SKIP, Status.UNKNOWN
GOOD = good(server())
NAMES = dict(zip(Way, [*WAYS, FAR], strict=True))
OUT, HOME, OUTSIDE = Way.PROGRAM_OUT, Way.PROGRAM_HOME, Way.FROM_OUTSIDE


def proof(way: Way, outbound: str = "relay", **changes: Any) -> Seen:
    """A proof in which one way went otherwise."""
    there = GOOD if outbound == "relay" else good(server(outbound))
    return replace(there, live=LiveView((replace(carried(way), **changes),), far_read=True))


def judged(rule: str, way: Way, outbound: str = "relay", **changes: Any) -> Status:
    return one(proof(way, outbound, **changes), rule, NAMES[way]).status


def test_without_a_proof_there_are_no_results() -> None:
    assert [e for e in found(replace(GOOD, live=None)) if e.rule.id.startswith("LIVE")] == []


def test_a_proof_that_could_not_be_made_is_unknown_and_counts() -> None:
    (result,) = found(replace(GOOD, live=LiveView(reason="no sqlite3")), "LIVE-01")
    assert (result.status, result.required) == (UNKNOWN, True)
    assert "no sqlite3" in say(result.seen)


@pytest.mark.parametrize("way", [OUT, HOME, OUTSIDE, Way.WEB_OUT, Way.WEB_HOME])
def test_what_was_taken_and_did_not_come_fails_and_nothing_more_is_asked(way: Way) -> None:
    lost = proof(way, came=b"")
    results = {e.rule.id: e.status for e in found(lost) if e.rule.id.startswith("LIVE")}
    assert results.pop("LIVE-01") is FAIL
    assert set(results.values()) == {SKIP}


@pytest.mark.parametrize(
    ("way", "took", "status", "required"),
    [
        (OUT, Taken("451 not signed", later=True), FAIL, True),
        (HOME, Taken("550 no"), FAIL, True),
        (OUTSIDE, Taken("550 no"), FAIL, True),
        (OUTSIDE, Taken("450 greylisted", later=True), UNKNOWN, True),
        (OUTSIDE, Taken("timed out", closed=True), UNKNOWN, False),
        (HOME, Taken("timed out", closed=True), FAIL, True),
    ],
)
def test_what_was_not_taken(way: Way, took: Taken, status: Status, required: bool) -> None:
    result = one(proof(way, took=took, came=b""), "LIVE-01", NAMES[way])
    assert (result.status, result.required) == (status, required)
    assert took.reason in say(result.seen)


def test_who_greylists_has_asked_for_it() -> None:
    there = server(greylist=True)
    took = Taken("450 greylisted", later=True)
    live = LiveView((replace(carried(OUTSIDE), took=took, came=b""),))
    result = one(replace(good(there), live=live), "LIVE-01", NAMES[OUTSIDE])
    assert (result.status, result.required) == (UNKNOWN, False)


def test_a_mailbox_that_cannot_be_read_says_nothing_of_what_came() -> None:
    seen = proof(HOME, came=b"")
    assert seen.live
    unread = replace(seen, live=replace(seen.live, unread="login refused"))
    assert one(unread, "LIVE-01", NAMES[HOME]).status is UNKNOWN


def test_another_folder_is_a_warning_and_in_mode_direct_a_known_limit() -> None:
    hidden = {"folder": "Deleted Messages"}
    assert judged("LIVE-01", HOME, **hidden) is WARN
    assert judged("LIVE-01", OUTSIDE, "direct", **hidden) is WARN
    direct = one(proof(HOME, "direct", **hidden), "LIVE-01", NAMES[HOME])
    assert direct.status is PASS and "hidden" in say(direct.seen)


def test_a_message_that_is_not_whole_fails_and_a_known_limit_is_named() -> None:
    came = carried(HOME).came
    assert judged("LIVE-02", HOME) is PASS
    lost = came.replace(b'filename="contract.pdf"', b'filename="other.pdf"')
    assert judged("LIVE-02", HOME, came=lost) is FAIL
    escaped = came.replace(b"Don't panic: 1 <", b"Don&#39;t panic: 1 &lt;")
    result = one(proof(HOME, came=escaped), "LIVE-02", NAMES[HOME])
    assert result.status is PASS and "escaped" in say(result.seen)
    # On the wire nothing is a known limit.
    wire = carried(OUT).came.replace(b"Don't panic: 1 <", b"Don&#39;t panic: 1 &lt;")
    assert judged("LIVE-02", OUT, came=wire) is FAIL


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, PASS),
        ({"valid": False}, FAIL),
        ({"valid": None}, UNKNOWN),
        ({"domain": "x.test"}, FAIL),
    ],
)
def test_what_leaves_is_signed_by_its_domain(changes: dict[str, Any], status: Status) -> None:
    (signature,) = carried(OUT).signatures
    assert judged("LIVE-03", OUT, signatures=(replace(signature, **changes),)) is status
    assert judged("LIVE-03", OUT, signatures=()) is FAIL


def test_what_leaves_is_well_formed_and_comes_with_the_ptr_name() -> None:
    assert judged("LIVE-04", OUT) is PASS
    without = carried(OUT).came.replace(b"Message-ID: ", b"X-ID: ")
    assert judged("LIVE-04", OUT, came=without) is FAIL
    assert judged("LIVE-05", OUT) is PASS
    assert judged("LIVE-05", OUT, ehlo="localhost") is WARN
    mute = tuple(replace(e, outcome=Outcome.TIMEOUT) for e in GOOD.world.reverse)
    unseen = with_world(proof(OUT), reverse=mute)
    assert one(unseen, "LIVE-05", NAMES[OUT]).status is UNKNOWN


@pytest.mark.parametrize(
    ("results", "folder", "status"),
    [
        ("spf=pass; dkim=pass; dmarc=pass", "INBOX", PASS),
        ("spf=pass; dkim=pass", "INBOX", PASS),
        ("spf=pass; dkim=fail; dmarc=pass", "INBOX", FAIL),
        ("spf=softfail; dkim=pass; dmarc=pass", "INBOX", FAIL),
        ("spf=pass; dkim=pass; dmarc=pass", "Junk", WARN),
        ("none", "INBOX", UNKNOWN),
    ],
)
def test_a_mailbox_elsewhere_believes_it(results: str, folder: str, status: Status) -> None:
    came = f"Authentication-Results: mx.far.test;\r\n {results}\r\n".encode() + carried(OUT).came
    assert judged("LIVE-06", Way.FAR, came=came, folder=folder) is status


def test_only_the_topmost_results_count() -> None:
    own = b"Authentication-Results: mx.far.test; dkim=fail\r\n"
    claimed = b"Authentication-Results: mx.far.test; dkim=pass\r\n"
    assert authentication(own + claimed + b"From: x@y\r\n\r\n") == {"dkim": "fail"}
    assert authentication(b"From: x@y\r\n\r\nAuthentication-Results: dkim=pass\r\n") is None


def test_a_mailbox_elsewhere_that_nobody_reads_is_skipped_and_one_without_the_mail_fails() -> None:
    seen = proof(Way.FAR, came=b"")
    assert one(seen, "LIVE-06", FAR).status is FAIL
    assert seen.live
    blind = replace(seen, live=replace(seen.live, far_read=False))
    assert one(blind, "LIVE-06", FAR).status is SKIP
    assert judged("LIVE-06", Way.FAR, came=b"", unread="login refused") is UNKNOWN
