"""What a plan has to know that the zone's provider does not show: asked of DNS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import dns.name

from dns_providers.base import Snapshot
from dns_providers.publishing.claims import Claim, Elsewhere
from dns_providers.publishing.taken import cut_above, wildcard_for
from dns_providers.rrset import RRKey, Value

# What DNS shows at a key, through aliases; nothing is an empty set, None is no answer.
Look = Callable[[RRKey], frozenset[Value] | None]


def looked(claims: Iterable[Claim], snapshot: Snapshot, look: Look | None) -> Elsewhere:
    """Return what DNS shows of all that the claims depend on and the snapshot does not have."""
    if look is None:
        return {}
    return {key: look(key) for key in dict.fromkeys(_open(claims, snapshot))}


def names_above(claims: Iterable[Claim], zone: dns.name.Name) -> frozenset[dns.name.Name]:
    """Return names of a zone whose records may hold for what is claimed."""
    keys = (key for claim in claims if claim.theirs for key in claim.theirs.above)
    return frozenset(key.owner for key in keys if key.owner.is_subdomain(zone))


def _open(claims: Iterable[Claim], snapshot: Snapshot) -> Iterator[RRKey]:
    for claim in claims:
        if claim.theirs is None or _has_own(claim.key, snapshot):
            continue
        if claim.theirs.anywhere and _is_elsewhere(claim.key, snapshot):
            yield claim.key
            continue
        for key in claim.theirs.above:
            if not key.owner.is_subdomain(snapshot.zone) or _is_elsewhere(key, snapshot):
                yield key


def _has_own(key: RRKey, snapshot: Snapshot) -> bool:
    live = snapshot.get(key)
    return live is not None and not live.synthesised


def _is_elsewhere(key: RRKey, snapshot: Snapshot) -> bool:
    """Whether a name is in another zone, or an alias, by itself or by a wildcard."""
    if cut_above(key.owner, snapshot):
        return True
    there = [each for each in snapshot.at(key.owner) if not each.synthesised]
    wild = () if there else wildcard_for(key.owner, snapshot)
    return any(each.key.rtype == "CNAME" for each in (*there, *wild))
