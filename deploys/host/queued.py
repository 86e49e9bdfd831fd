"""What waits in a server's queue and was signed with keys that are to leave DNS."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyinfra.api import Host

from deploys.host.remote import read
from ground.errors import Told
from probes.host import queued
from probes.host.queued import Signer
from probes.host.relay import Waiting, waiting

_LOOK_FOR = 600  # seconds


class QueueUnknown(Told):
    """The queue cannot be read."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Messages that wait: each once. held: somebody has put it on hold."""

    messages: tuple[Waiting, ...]

    @property
    def held(self) -> tuple[str, ...]:
        """Queue ids of those that no time sends away."""
        return tuple(each.queue_id for each in self.messages if each.queue == "hold")

    @property
    def ids(self) -> tuple[str, ...]:
        """Their queue ids."""
        return tuple(each.queue_id for each in self.messages)


def signed_with(host: Host, signers: frozenset[Signer], before: float | None = None) -> Signed:
    """Return the messages that wait in a server's queue and carry a signature by one of these.

    signers: signing domains and selectors. before: only messages of before this time (Unix seconds)
    can. Raises QueueUnknown.
    """
    listed = read(host, queued.LIST)
    if not listed.ok:
        raise QueueUnknown("queue.unreadable", host=host.name, reason=_last(listed.stderr))
    entries = {each.queue_id: each for each in waiting(listed.stdout)}
    ids = [each.queue_id for each in entries.values() if before is None or each.since <= before]
    if not ids:
        return Signed(())
    seen = read(host, queued.script(ids), timeout=_LOOK_FOR)
    found = queued.parse(seen.stdout)
    if not seen.ok or found.keys() != set(ids):
        raise QueueUnknown("queue.unreadable", host=host.name, reason=_last(seen.stderr))
    return Signed(tuple(entries[each] for each in ids if found[each] & signers))


def _last(lines: str) -> str:
    return re.sub(r"\s+", " ", lines.strip().rpartition("\n")[2]) or "-"
