"""Where a record is entered: its owner name, and what a DNS panel wants to have for it."""

from __future__ import annotations

from dns_providers.publishing.public_suffix import organizational
from postmaster.checks.seen import Public


def zone_of(owner: str, seen: Public) -> str:
    """Return the zone that an owner name is in; of a name elsewhere, where it was registered."""
    every = (seen.zone(each) for each in seen.domains)
    zones = [each for each in every if _is_in(owner, each)]
    return max(zones, key=len, default=organizational(owner))


def host_of(owner: str, seen: Public) -> str:
    """Return what a panel calls the host of a record: the owner name without the zone, or `@`."""
    zone = zone_of(owner, seen)
    return "@" if owner == zone else owner.removesuffix(f".{zone}")


def _is_in(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
