"""Ledgers as they are once all that a site wants is published."""

from __future__ import annotations

from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from postmaster.desired import desired
from postmaster.settings import Site
from tests.postmaster.test_desired import key_of


def published(site: Site) -> dict[str, LedgerState]:
    """Return the ledger of each zone, all of it written by us."""
    return {
        zone.name: LedgerState(
            {
                claim.key: Entry(
                    claim.key,
                    claim.values,
                    claim.ttl,
                    "written",
                    claim.group,
                    claim.mode,
                    _terms(claim.values) if claim.mode is ClaimMode.SINGLETON else (),
                    claim.mode is ClaimMode.SINGLETON,
                )
                for claim in desired(site, zone.name, key_of).claims
            }
        )
        for zone in site.zones
    }


def _terms(values: frozenset[object]) -> tuple[str, ...]:
    (value,) = values
    return tuple(str(value).strip('"').split()[1:-1])
