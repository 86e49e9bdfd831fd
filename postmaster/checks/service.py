"""Checks of PMail on its host: it runs with what is on the disk, login works, clock is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from probes.host.state import HostView

CLOCK_WRONG, CLOCK_OFF = 60, 5  # seconds


def _host(seen: Seen) -> Iterator[tuple[Subject, HostView]]:
    yield subjects.of_host(seen.server), seen.host


def loaded(view: HostView, _: Seen) -> Judgement:
    """DKIM-07: PMail has read the keys and the configuration that are on the disk."""
    if view.active is None:
        return unknown(Words.of("checks.host.unseen"))
    if not view.active:
        return failed(Words.of("checks.host.down"), Words.of("checks.host.restart"))
    if view.current is None:
        return unknown(Words.of("checks.host.no_stamp"))
    if not view.current:
        return failed(Words.of("checks.host.stale"), Words.of("checks.host.restart"))
    return passed(Words.of("checks.host.current"))


def login(view: HostView, seen: Seen) -> Judgement:
    """HOST-01: the administrator can log in."""
    if not view.reached or view.login is None:
        return unknown(Words.of("checks.host.unseen"))
    account = seen.server.admin_account
    if view.login:
        remedy = Words.of("checks.host.login_remedy", account=account)
        return failed(Words.of("checks.host.no_login", reason=view.login), remedy)
    return passed(Words.of("checks.host.login", account=account))


def clock(view: HostView, _: Seen) -> Judgement:
    """HOST-02: signatures and certificates are of a time; receivers distrust those of another."""
    if view.clock is None:
        return unknown(Words.of("checks.host.unseen"))
    off = abs(view.clock)
    words = Words.of("checks.host.clock", seconds=f"{off:.0f}")
    remedy = Words.of("checks.host.clock_remedy")
    if off > CLOCK_WRONG:
        return failed(words, remedy)
    return warned(words, remedy) if off > CLOCK_OFF else passed(words)


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.DKIM_07, _host, loaded),
    Check(rules.HOST_01, _host, login),
    Check(rules.HOST_02, _host, clock),
)
