"""For APIs that know single records only: an RRset's change as the least steps, in a safe order.

A value that goes and one that comes are one step, so that there is no moment without either;
what is new comes before what goes. Only an alias has to go before anything else may come (RFC 1034
section 3.6.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dns_providers.base import Change, PartialApply, ProviderError
from dns_providers.rrset import RRKey, RRset, Value


@dataclass(frozen=True, slots=True)
class Create:
    """A record that is new."""

    key: RRKey
    value: Value
    ttl: int


@dataclass(frozen=True, slots=True)
class Modify:
    """A record of the provider's `id` that gets another value, another TTL or both."""

    key: RRKey
    id: str
    old: Value
    value: Value
    ttl: int
    old_ttl: int


@dataclass(frozen=True, slots=True)
class Delete:
    """A record of the provider's `id` that goes."""

    key: RRKey
    id: str
    old: Value


Step = Create | Modify | Delete


def steps(changes: Iterable[Change], there: Mapping[RRKey, RRset]) -> tuple[Step, ...]:
    """Return what to do, in order. there: what the provider shows now, with its handles.

    A value that the provider shows in several equal records has a handle for each.
    """
    found = [step for change in changes for step in _steps(change, there.get(change.key))]
    return tuple(sorted(found, key=_order))


def carry_out(todo: Sequence[Step], write: Callable[[Step], None]) -> None:
    """Do one step after the other. Raises PartialApply when one fails after others are done."""
    for number, step in enumerate(todo):
        try:
            write(step)
        except ProviderError as error:
            if number == 0:
                raise
            raise PartialApply(error, number, len(todo)) from None


def _order(step: Step) -> int:
    if isinstance(step, Delete):
        return 0 if step.key.rtype == "CNAME" else 2
    return 1


def _steps(change: Change, live: RRset | None) -> list[Step]:
    before = change.before.values if change.before else frozenset()
    after, ttl = (change.after.values, change.after.ttl) if change.after else (frozenset(), 0)
    old_ttl = live.ttl if live else 0
    handles = live.handles if live else ()
    gone = sorted(((v, id) for v, id in handles if v in before - after), key=str)
    new = sorted(after - before, key=str)
    pairs = list(zip(gone, new, strict=False))
    key = change.key
    found: list[Step] = [Modify(key, id, old, v, ttl, old_ttl) for (old, id), v in pairs]
    found += [Create(key, value, ttl) for value in new[len(pairs) :]]
    found += [Delete(key, id, old) for old, id in gone[len(pairs) :]]
    if change.before and change.after and change.before.ttl != ttl:
        kept = sorted(((v, id) for v, id in handles if v in before & after), key=str)
        found += [Modify(key, id, v, v, ttl, old_ttl) for v, id in kept]
    return found
