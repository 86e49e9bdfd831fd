"""Checks of what stands before PMail: it runs, and what it had to hold back of late."""

from __future__ import annotations

from collections.abc import Iterator

from ground.words import Words
from postmaster.checks.results import Result, Status
from postmaster.settings import MailServer
from probes.host.edge import EdgeView

_FORGED = "forged"  # why the edge keeps what only claims to be from an own domain


def all_checks(view: EdgeView | None, server: MailServer) -> Iterator[Result]:
    """EDGE-01 its programs run, EDGE-02 mail kept aside, EDGE-03 mailboxes that sent too much,
    EDGE-04 it has DNS."""
    if view is None:
        return
    if not view.reached:
        for check in ("EDGE-01", "EDGE-02", "EDGE-03", "EDGE-04"):
            yield Result(check, server.host, Status.UNKNOWN, Words.of("checks.host.unseen"))
        return
    yield _runs(view, server)
    yield _kept(view, server)
    yield _sending(view, server)
    yield _resolver(view, server)


def _runs(view: EdgeView, server: MailServer) -> Result:
    if view.idle:
        seen = Words.of("checks.edge.idle", units=", ".join(view.idle))
        return Result("EDGE-01", server.host, Status.FAIL, seen, Words.of("checks.relay.deploy"))
    return Result("EDGE-01", server.host, Status.PASS, Words.of("checks.edge.runs"))


def _kept(view: EdgeView, server: MailServer) -> Result:
    """Forged mail comes every day; what PMail would not take is worth a look."""
    reasons = [each.about for each in view.events if each.kind == "kept"]
    refused = [why for why in reasons if why != _FORGED]
    if refused:
        seen = Words.of("checks.edge.refused", count=len(refused), reason=refused[-1])
        remedy = Words.of("checks.edge.kept_remedy")
        return Result("EDGE-02", server.host, Status.WARN, seen, remedy)
    seen = Words.of("checks.edge.kept", count=len(reasons))
    return Result("EDGE-02", server.host, Status.PASS, seen)


def _sending(view: EdgeView, server: MailServer) -> Result:
    kinds = ("mailbox_limited", "forward_braked")
    mailboxes = sorted({each.about for each in view.events if each.kind in kinds})
    held = sorted({each.about for each in view.events if each.kind == "login_held"})
    if mailboxes:
        seen = Words.of("checks.edge.limited", mailboxes=", ".join(mailboxes))
        remedy = Words.of("checks.edge.limited_remedy")
        return Result("EDGE-03", server.host, Status.WARN, seen, remedy)
    seen = Words.of("checks.edge.quiet", count=len(held))
    return Result("EDGE-03", server.host, Status.PASS, seen)


def _resolver(view: EdgeView, server: MailServer) -> Result:
    if view.resolves is None:
        return Result("EDGE-04", server.host, Status.UNKNOWN, Words.of("checks.host.unseen"))
    if not view.resolves:
        seen, remedy = Words.of("checks.edge.deaf"), Words.of("checks.edge.deaf_remedy")
        return Result("EDGE-04", server.host, Status.FAIL, seen, remedy)
    return Result("EDGE-04", server.host, Status.PASS, Words.of("checks.edge.hears"))
