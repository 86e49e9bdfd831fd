"""Small stand-ins for what is slow or far away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import dns.name

from dns_providers.base import Capabilities, Change, Snapshot, Stale, Tell
from dns_providers.rrset import Other as OtherValue
from dns_providers.rrset import RRKey, RRset, owner_name, rrset, same_values

ZONE = "example.test"


def soa(zone: str = ZONE) -> RRset:
    """A zone's SOA, which no zone is without."""
    return rrset(zone, "SOA", 60, OtherValue(b"soa", "ns. host. 1 2 3 4 5"))


@dataclass
class MemoryProvider:
    """A zone in memory, with compare-and-set like the real ones."""

    slug: ClassVar[str] = "memory"
    rrsets: dict[RRKey, RRset]
    zone: dns.name.Name = field(default_factory=lambda: owner_name(ZONE))
    capabilities: Capabilities = field(default_factory=lambda: Capabilities("zone", "native"))
    writes: int = 0

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Show the names asked for."""
        own = {key: each for key, each in self.rrsets.items() if key.owner in names}
        covering = tuple(each for key, each in self.rrsets.items() if key.owner != self.zone)
        return Snapshot(self.zone, names, own, covering)

    def apply(self, changes: Sequence[Change]) -> None:
        """Carry out all changes or none."""
        for change in changes:
            if not same_values(self.rrsets.get(change.key), change.before):
                raise Stale("dns.error.stale", keys=str(change.key))
        for change in changes:
            self.rrsets.pop(change.key, None)
            if change.after:
                self.rrsets[change.key] = change.after
        self.writes += 1

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for."""

    def settle(self) -> None:
        """Nothing to do."""


def memory(rrsets: Iterable[RRset] = (), zone: str = ZONE) -> MemoryProvider:
    """A zone with its SOA and these RRsets."""
    return MemoryProvider({each.key: each for each in (soa(zone), *rrsets)}, owner_name(zone))
