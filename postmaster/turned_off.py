"""Records of settings that are off by now, which go by themselves: no mail needs them; pure."""

from __future__ import annotations

from collections.abc import Iterable

from dns_providers.publishing.claims import Claim
from dns_providers.publishing.plan import Entries
from dns_providers.rrset import RRKey

_KINDS = frozenset({"no-srv", "tls-rpt", "client", "sts-host", "sts", "caa-account"})


def turned_off(
    claims: Iterable[Claim], entries: Entries, leaving: frozenset[RRKey]
) -> frozenset[RRKey]:
    """Return which RRsets of a zone's ledger nothing asks for any more.

    claims: all that the zone should hold. leaving: RRsets of domains that the inventory no longer
    has, which wait for somebody's consent.
    """
    wanted = {claim.key for claim in claims}
    return frozenset(
        key
        for key, entry in entries.items()
        if entry.group.partition(":")[0] in _KINDS and key not in wanted | leaving
    )
