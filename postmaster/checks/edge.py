"""Checks of what stands before PMail: it runs, and what it had to hold back of late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from probes.host.edge import EdgeView

_FORGED = "forged"  # why the edge keeps what only claims to be from an own domain
_LIMITED = ("mailbox_limited", "forward_braked")


def _host(seen: Seen) -> Iterator[tuple[Subject, EdgeView]]:
    yield subjects.of_host(seen.server), seen.edge


def _unseen() -> Judgement:
    return unknown(Words.of("checks.host.unseen"))


def runs(view: EdgeView, _: Seen) -> Judgement:
    """EDGE-01: its programs run with what is on the disk."""
    if not view.reached:
        return _unseen()
    if view.idle:
        idle = Words.of("checks.edge.idle", units=", ".join(view.idle))
        return failed(idle, Words.of("checks.relay.deploy"))
    return passed(Words.of("checks.edge.runs"))


def kept(view: EdgeView, _: Seen) -> Judgement:
    """EDGE-02: forged mail comes every day; what PMail would not take is worth a look."""
    if not view.reached:
        return _unseen()
    reasons = [each.about for each in view.events if each.kind == "kept"]
    refused = [why for why in reasons if why != _FORGED]
    if refused:
        words = Words.of("checks.edge.refused", count=len(refused), reason=refused[-1])
        return warned(words, Words.of("checks.edge.kept_remedy"))
    return passed(Words.of("checks.edge.kept", count=len(reasons)))


def sending(view: EdgeView, _: Seen) -> Judgement:
    """EDGE-03: no mailbox sent or forwarded more than it may."""
    if not view.reached:
        return _unseen()
    mailboxes = sorted({each.about for each in view.events if each.kind in _LIMITED})
    held = {each.about for each in view.events if each.kind == "login_held"}
    if mailboxes:
        limited = Words.of("checks.edge.limited", mailboxes=", ".join(mailboxes))
        return warned(limited, Words.of("checks.edge.limited_remedy"))
    return passed(Words.of("checks.edge.quiet", count=len(held)))


def resolver(view: EdgeView, _: Seen) -> Judgement:
    """EDGE-04: it has DNS."""
    if view.resolves is None:
        return _unseen()
    if not view.resolves:
        return failed(Words.of("checks.edge.deaf"), Words.of("checks.edge.deaf_remedy"))
    return passed(Words.of("checks.edge.hears"))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.EDGE_01, _host, runs),
    Check(rules.EDGE_02, _host, kept),
    Check(rules.EDGE_03, _host, sending),
    Check(rules.EDGE_04, _host, resolver),
)
