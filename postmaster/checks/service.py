"""Checks of PMail on its host: it runs with what is on the disk, login works, clock is right."""

from __future__ import annotations

from collections.abc import Iterator

from ground.words import Words
from postmaster.checks.results import Result, Status
from postmaster.settings import MailServer
from probes.host.state import HostView

CLOCK_WRONG, CLOCK_OFF = 60, 5  # seconds


def all_checks(view: HostView, server: MailServer) -> Iterator[Result]:
    """DKIM-07: keys and configuration are loaded; HOST-01: login; HOST-02: clock."""
    yield _loaded(view, server)
    yield _login(view, server)
    yield _clock(view, server)


def _loaded(view: HostView, server: MailServer) -> Result:
    if view.active is None:
        return Result("DKIM-07", server.host, Status.UNKNOWN, Words.of("checks.host.unseen"))
    remedy = Words.of("checks.host.restart")
    if not view.active:
        seen = Words.of("checks.host.down")
        return Result("DKIM-07", server.host, Status.FAIL, seen, remedy)
    if view.current is None:
        return Result("DKIM-07", server.host, Status.UNKNOWN, Words.of("checks.host.no_stamp"))
    if not view.current:
        seen = Words.of("checks.host.stale")
        return Result("DKIM-07", server.host, Status.FAIL, seen, remedy)
    return Result("DKIM-07", server.host, Status.PASS, Words.of("checks.host.current"))


def _login(view: HostView, server: MailServer) -> Result:
    if not view.reached or view.login is None:
        return Result("HOST-01", server.host, Status.UNKNOWN, Words.of("checks.host.unseen"))
    if view.login:
        seen = Words.of("checks.host.no_login", reason=view.login)
        remedy = Words.of("checks.host.login_remedy", account=server.admin_account)
        return Result("HOST-01", server.host, Status.FAIL, seen, remedy)
    seen = Words.of("checks.host.login", account=server.admin_account)
    return Result("HOST-01", server.host, Status.PASS, seen)


def _clock(view: HostView, server: MailServer) -> Result:
    """Signatures and certificates are of a time; receivers distrust those of another."""
    if view.clock is None:
        return Result("HOST-02", server.host, Status.UNKNOWN, Words.of("checks.host.unseen"))
    off = abs(view.clock)
    seen = Words.of("checks.host.clock", seconds=f"{off:.0f}")
    if off <= CLOCK_OFF:
        return Result("HOST-02", server.host, Status.PASS, seen)
    status = Status.FAIL if off > CLOCK_WRONG else Status.WARN
    return Result("HOST-02", server.host, status, seen, Words.of("checks.host.clock_remedy"))
