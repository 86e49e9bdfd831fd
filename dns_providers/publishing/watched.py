"""A zone's provider through a run of several steps: what it showed last is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import ClassVar

import dns.name

from dns_providers.base import Capabilities, Change, Provider, Snapshot, Tell


@dataclass(slots=True)
class Watched:
    """A provider that remembers what it showed last, until something is written."""

    slug: ClassVar[str] = "watched"
    provider: Provider
    _last: Snapshot | None = field(default=None, init=False, repr=False)

    @property
    def zone(self) -> dns.name.Name:
        """The zone's apex."""
        return self.provider.zone

    @property
    def capabilities(self) -> Capabilities:
        """Limits and guarantees of the provider. Raises ProviderError."""
        return self.provider.capabilities

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read all RRsets of the given owner names, and remember them. Raises ProviderError."""
        asked = monotonic()
        self._last = replace(self.provider.read(names), asked=asked)
        return self._last

    def seen(self, names: frozenset[dns.name.Name]) -> Snapshot | None:
        """Return what was last seen of these names, None where they were not."""
        return self._last.of(names) if self._last else None

    def apply(self, changes: Sequence[Change]) -> Snapshot | None:
        """Carry out changes, and forget what was there before. Raises ProviderError."""
        self._last, asked = None, monotonic()
        shown = self.provider.apply(changes)
        self._last = replace(shown, asked=asked) if shown else None
        return self._last

    def wait_accepted(self, tell: Tell) -> None:
        """Wait until what was accepted is carried out. Raises ProviderError."""
        self.provider.wait_accepted(tell)

    def settle(self) -> None:
        """Make sure that what is written is served. Raises ProviderError."""
        self.provider.settle()
