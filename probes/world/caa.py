"""Which certificate authorities DNS lets issue for a name (RFC 8659)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from dns_providers.rrset import CAA
from probes.world.dns import Answer, Ask, AskSoon, Outcome


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
    for owner in _climbed(name):
        if view := _ends(name, owner, ask(owner, "CAA")):
            return view
    return CaaView(name, name, Outcome.NODATA)


async def look_soon(name: str, ask: AskSoon) -> CaaView:
    """The same, in the loop, at all names at once."""
    owners = _climbed(name)
    answers = await asyncio.gather(*(ask(owner, "CAA") for owner in owners))
    for owner, found in zip(owners, answers, strict=True):
        if view := _ends(name, owner, found):
            return view
    return CaaView(name, name, Outcome.NODATA)


def _climbed(name: str) -> list[str]:
    """A name and all above it, without the root."""
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]


def _ends(name: str, owner: str, found: Answer) -> CaaView | None:
    """What is seen, where the climb ends here."""
    values = frozenset(value for value in found.values if isinstance(value, CAA))
    ends = values or not found.outcome.known
    return CaaView(name, owner, found.outcome, values) if ends else None
