"""What a zone should hold now: what the inventory wants, and what is still needed of before."""

from __future__ import annotations

import time

from deploys.zones.access import all_resolvers, ledger_of
from deploys.zones.asking import asking
from deploys.zones.key_records import key_records
from dns_providers.publishing.publish import mark_former
from dns_providers.rrset import RRKey
from postmaster import moving, spf_merge
from postmaster.desired import Desired, desired
from postmaster.leaving import remembered
from postmaster.settings import Site
from postmaster.turned_off import turned_off


def wanted(site: Site, zone: str) -> Desired:
    """Return what a zone should hold.

    Raises LedgerError, KeyStoreError or JournalError.
    """
    now, state = int(time.time()), ledger_of(zone).load()
    found = desired(site, zone, key_records)
    former = moving.former_terms(found.claims, state, now)
    claims = moving.with_former(found.claims, former, spf_keeps(site, zone), now)
    claims = spf_merge.asking(
        claims, asking((each.name for each in site.zones), all_resolvers(site))
    )
    return Desired(moving.staged(claims, state.entries), found.missing_keys, found.given)


def remember_former(site: Site, zone: str) -> None:
    """Have the ledger know since when addresses and MX values are not wanted any more.

    Raises LedgerError, KeyStoreError or JournalError.
    """
    ledger = ledger_of(zone)
    claims = desired(site, zone, key_records).claims
    mx_keep = remembered(site.zone(zone))
    mark_former(ledger, moving.former(claims, ledger.load(), mx_keep, int(time.time())))


def no_longer_asked_for(site: Site, zone: str) -> frozenset[RRKey]:
    """Return what a zone's ledger has for settings that are off by now.

    Raises LedgerError, KeyStoreError or JournalError.
    """
    claims = desired(site, zone, key_records).claims
    return turned_off(claims, ledger_of(zone).load().entries, leaving_in(site))


def leaving_in(site: Site) -> frozenset[RRKey]:
    """Return the records of all that the inventory no longer has."""
    return frozenset(key for each in site.leaving for key in each.records)


def spf_keeps(site: Site, zone: str) -> int:
    """Return for how long an address stays in SPF once it is nobody's, in seconds.

    The queue of the old server lives so long, and then resolvers remember the record.
    """
    return max(server.relay.retry_for for server in site.servers) + site.zone(zone).ttl


def former_addresses(site: Site, zone: str) -> dict[str, int]:
    """Return the addresses of before that SPF records still have, each with its end (Unix seconds).

    Raises LedgerError, KeyStoreError or JournalError.
    """
    now, keep = int(time.time()), spf_keeps(site, zone)
    claims = desired(site, zone, key_records).claims
    terms = moving.former_terms(claims, ledger_of(zone).load(), now)
    found: dict[str, int] = {}
    for (_, term), since in terms.items():
        address = term.partition(":")[2]
        if now < since + keep:
            found[address] = max(found.get(address, 0), since + keep)
    return found
