"""Which certificate authorities DNS lets issue for a name (RFC 8659)."""

from __future__ import annotations

from dataclasses import dataclass

from dns_providers.rrset import CAA
from probes.world.dns import Ask, Outcome


@dataclass(frozen=True, slots=True)
class CaaView:
    """The CAA records that count for a host name, and the name that has them.

    outcome: NODATA where no name above it has any; unknown where that could not be found out.
    """

    name: str
    owner: str
    outcome: Outcome
    values: frozenset[CAA] = frozenset()


def look(name: str, ask: Ask) -> CaaView:
    """Climb from a host name until there are CAA records (RFC 8659 section 3)."""
    owner = name
    while owner:
        found = ask(owner, "CAA")
        values = frozenset(value for value in found.values if isinstance(value, CAA))
        if values or not found.outcome.known:
            return CaaView(name, owner, found.outcome, values)
        owner = owner.partition(".")[2]
    return CaaView(name, name, Outcome.NODATA)
