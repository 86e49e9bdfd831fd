"""What stands before PMail: what it shows, and what is said of it."""

from __future__ import annotations

import pytest

from postmaster.checks import edge as checks
from postmaster.checks.results import Status
from probes.host.edge import EdgeView, Event, parse, script
from tests.postmaster.test_settings import site, zone

SERVER = site(zone("example.com"), domains=["example.com"]).servers[0]


def statuses(view: EdgeView) -> dict[str, Status]:
    return {result.check: result.status for result in checks.all_checks(view, SERVER)}


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


@pytest.mark.parametrize(
    ("view", "check", "status"),
    [
        (EdgeView(True), "EDGE-01", Status.PASS),
        (EdgeView(True, ("pmail-deploy-edge.service",)), "EDGE-01", Status.FAIL),
        (EdgeView(True, (), (Event("kept", "forged"),)), "EDGE-02", Status.PASS),
        (EdgeView(True, (), (Event("kept", "554 no"),)), "EDGE-02", Status.WARN),
        (EdgeView(True, (), (Event("mailbox_limited", "bob"),)), "EDGE-03", Status.WARN),
        (EdgeView(True, (), (Event("forward_braked", "bob"),)), "EDGE-03", Status.WARN),
        (EdgeView(True, (), (Event("login_held", "8.8.8.8"),)), "EDGE-03", Status.PASS),
        (EdgeView(True, resolves=False), "EDGE-04", Status.FAIL),
        (EdgeView(True, resolves=True), "EDGE-04", Status.PASS),
        (EdgeView(True), "EDGE-04", Status.UNKNOWN),
        (EdgeView(False), "EDGE-01", Status.UNKNOWN),
    ],
)
def test_what_was_seen_is_judged(view: EdgeView, check: str, status: Status) -> None:
    assert statuses(view)[check] is status


def test_a_mode_without_an_edge_has_no_such_checks() -> None:
    assert list(checks.all_checks(None, SERVER)) == []
