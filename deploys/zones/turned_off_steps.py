"""Records of settings that are off by now: taken out, with what was there before us left alone."""

from __future__ import annotations

from pyinfra import host

from deploys.run import flow
from deploys.zones.access import ledger_of, open_zone, writing_ledger
from deploys.zones.wanted import no_longer_asked_for
from dns_providers.publishing import operations
from ground.words import text
from postmaster import spf
from postmaster.settings import Site, ZoneSettings


def withdraw_turned_off(site: Site, zone: ZoneSettings) -> None:
    """Take out of a zone what we wrote for settings that are off by now."""
    if not ledger_of(zone.name).path.exists():
        return
    if due := no_longer_asked_for(site, zone.name):
        operations.withdraw(
            name=text("dns.name.turned_off"),
            provider=lambda: open_zone(zone),
            due=due,
            ledger=writing_ledger(zone),
            unmerge=lambda entry: spf.unmerge(entry.terms, entry.whole),
            unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
        )
