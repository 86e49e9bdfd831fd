"""What stands before PMail: what it shows, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ground.words import say
from postmaster.checks.results import Status
from probes.host.edge import EdgeView, Event, parse, script
from tests.postmaster.full_view import found, good, one, server

GOOD = good(server())


def test_units_and_events_are_read_and_torn_lines_left_out() -> None:
    seen = parse(
        "unit pmail-deploy-edge.service yes\nunit pmail-deploy-dmarc.service no\n"
        "resolver no\n"
        '{"event": "kept", "id": "1", "why": "forged"}\n'
        '{"event": "login_held", "address": "8.8.8.8", "count": 12}\n{"event": "ke'
    )
    assert seen.resolves is False
    assert (parse("resolver yes\n").resolves, parse("").resolves) == (True, None)
    assert seen.idle == ("pmail-deploy-dmarc.service",)
    assert seen.events == (Event("kept", "forged"), Event("login_held", "8.8.8.8"))
    made = script(("a.service", "b.socket"), "/run/stamps", "a.service", "net", 5353)
    assert "ip netns exec net python3 -I - 5353 <<" in made
    assert "for unit in a.service b.socket;" in made and "/run/stamps/$unit.sha256" in made


def told(*events: tuple[str, str]) -> EdgeView:
    """What the program told of in the last day."""
    return EdgeView(True, events=tuple(Event(*each) for each in events), resolves=True)


@pytest.mark.parametrize(
    ("view", "rule", "status"),
    [
        (EdgeView(True, ("a.service", "b.service"), resolves=True), "EDGE-01", Status.FAIL),
        (told(("kept", "554 no")), "EDGE-02", Status.WARN),
        (told(("kept", "554 no"), ("kept", "forged")), "EDGE-02", Status.WARN),
        (told(("mailbox_limited", "bob")), "EDGE-03", Status.WARN),
        (told(("forward_braked", "bob")), "EDGE-03", Status.WARN),
        (EdgeView(True, resolves=False), "EDGE-04", Status.FAIL),
        (EdgeView(True), "EDGE-04", Status.UNKNOWN),
        (told(("kept", "forged")), None, None),
        (told(("login_held", "8.8.8.8")), None, None),
        (told(("pmail_down", "x")), None, None),
    ],
)
def test_what_was_seen_is_judged(view: EdgeView, rule: str | None, status: Status | None) -> None:
    results = found(replace(GOOD, edge=view))
    judged = [(each.rule.id, each.status) for each in results if each.status is not Status.PASS]
    assert judged == ([(rule, status)] if rule else [])


def test_each_mailbox_that_was_limited_is_named_once_and_held_addresses_are_counted() -> None:
    events = (("mailbox_limited", "bob"), ("forward_braked", "bob"), ("forward_braked", "al"))
    limited = one(replace(GOOD, edge=told(*events)), "EDGE-03")
    assert say(limited.seen).endswith(": al, bob")
    held = [("login_held", address) for address in ("8.8.8.8", "8.8.8.8", "8.8.4.4")]
    held += [("pmail_down", "x"), ("kept", "forged")]
    assert say(one(replace(GOOD, edge=told(*held)), "EDGE-03").seen).endswith("passwords: 2")


def test_the_units_that_do_not_run_and_the_mail_that_was_kept_are_told() -> None:
    idle = replace(GOOD, edge=EdgeView(True, ("a.service", "b.service"), resolves=True))
    assert say(one(idle, "EDGE-01").seen).endswith(": a.service, b.service")
    events = (("kept", "forged"), ("kept", "554 no"), ("kept", "452 full"), ("login_held", "x"))
    refused = say(one(replace(GOOD, edge=told(*events)), "EDGE-02").seen)
    assert "PMail refused" in refused and refused.endswith(": 2 (452 full)")
    forged = say(one(replace(GOOD, edge=told(events[0], events[0], events[3])), "EDGE-02").seen)
    assert forged.startswith("messages that claimed") and forged.endswith(": 2")
