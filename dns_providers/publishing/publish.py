"""Publishing: read, plan, remember the intent, write with compare-and-set, read back, remember.

Free of pyinfra, so that operations, the ACME challenge and the tests go the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol, TypeVar

import dns.name

from dns_providers.base import (
    FRESH,
    Change,
    PartialApply,
    Provider,
    Rejected,
    Snapshot,
    Stale,
    Tell,
    is_fresh,
    tell_nobody,
)
from dns_providers.publishing.claims import Claim
from dns_providers.publishing.ledger import Intent, Ledger, LedgerState, fingerprint, resolve
from dns_providers.publishing.looking import Look, looked, names_above
from dns_providers.publishing.plan import Entry, Given, Plan, assert_inside, plan, undo
from dns_providers.publishing.watched import Watched
from dns_providers.rrset import RRKey, RRset, Value, same_values

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, with what it was made from.

    known: the ledger; state: the same, settled. loaded: when the ledger was read, in seconds of
    `time.monotonic`.
    """

    plan: Plan
    snapshot: Snapshot
    state: LedgerState
    known: LedgerState
    loaded: float

    @property
    def interrupted(self) -> bool:
        """Whether an earlier run was killed between intent and outcome."""
        return bool(self.known.pending)

    @property
    def idle(self) -> bool:
        """Whether nothing is to be written, and nothing to be told that keeps it from it."""
        return not (self.plan.changes or self.plan.conflicts or self.interrupted)


def prepare(
    provider: Provider,
    claims: Iterable[Claim],
    ledger: Ledger,
    replaced: frozenset[RRKey] = frozenset(),
    look: Look | None = None,
    given: Given | None = None,
    *,
    reuse: float = 0.0,
) -> Prepared:
    """Read the zone and plan; nothing is written. Raises ProviderError.

    look: asks DNS for what the provider does not show. given: see `plan`. reuse: how many seconds
    old what a `Watched` provider showed may be in place of a read, where nothing is to be written.
    """
    wanted, loaded, known = tuple(claims), monotonic(), ledger.load()
    kept = {key: values for key, values in (given or {}).items() if key in known.entries}
    names = _owners((*(claim.key for claim in wanted), *kept)) | _unsettled(known)
    names |= names_above(wanted, provider.zone) | {provider.zone}

    def planned(snapshot: Snapshot) -> Prepared:
        state = resolve(known, snapshot)
        made = plan(
            wanted,
            snapshot,
            state.entries,
            replace=replaced,
            capabilities=provider.capabilities,
            elsewhere=looked(wanted, snapshot, look),
            given=kept,
        )
        return Prepared(made, snapshot, state, known, loaded)

    seen = seen_before(provider, names, reuse)
    if seen is not None and not known.pending and (found := planned(seen)).idle:
        return found
    return planned(read(provider, names))


def _owners(keys: Iterable[RRKey]) -> frozenset[dns.name.Name]:
    return frozenset(key.owner for key in keys)


def _unsettled(known: LedgerState) -> frozenset[dns.name.Name]:
    """Names that a killed run was about to write: what became of them nobody asks for by now."""
    return _owners(intent.change.key for intent in known.pending)


def read(provider: Provider, names: frozenset[dns.name.Name]) -> Snapshot:
    """Read `names` and the apex. Raises Rejected when the zone looks empty: no SOA.

    A provider that suddenly shows an empty zone is broken, not a reason to write.
    """
    asked = monotonic()
    snapshot = replace(provider.read(names | {provider.zone}), asked=asked)
    _refuse_empty(provider, snapshot)
    return snapshot


def seen_before(
    provider: Provider, names: frozenset[dns.name.Name], within: float = FRESH
) -> Snapshot | None:
    """Return what a `Watched` provider showed of names and the apex so many seconds ago at most.

    None where it did not. Raises Rejected as `read` does.
    """
    seen = provider.seen(names | {provider.zone}) if isinstance(provider, Watched) else None
    if seen is None or monotonic() - seen.asked >= within:
        return None
    _refuse_empty(provider, seen)
    return seen


def _refuse_empty(provider: Provider, snapshot: Snapshot) -> None:
    if snapshot.get(RRKey(provider.zone, "SOA")) is None:
        zone = provider.zone.to_text(omit_final_dot=True)
        raise Rejected("dns.error.no_soa", zone=zone)


def carry_out(
    provider: Provider,
    claims: Iterable[Claim],
    ledger: Ledger,
    replaced: frozenset[RRKey] = frozenset(),
    tell: Tell = tell_nobody,
    look: Look | None = None,
    given: Given | None = None,
    prepared: Prepared | None = None,
) -> Plan:
    """Make the claims true and return the plan that was carried out.

    look, given: see `prepare`. tell: gets the progress of long waits. prepared: a plan for these
    claims that was made a moment ago. Plans anew under the zone's lock, unless that plan is fresh
    and no run has written since; when an RRset changes in between, tries again (three times).
    Raises ProviderError; then the ledger holds what is known, and the next run reads.
    """
    wanted = tuple(claims)
    with ledger.locked():
        for attempt in range(_ATTEMPTS):
            if attempt or prepared is None or not _holds(prepared, ledger):
                prepared = prepare(provider, wanted, ledger, replaced, look, given)
            assert_inside(prepared.plan.changes, frozenset(claim.key for claim in wanted))
            try:
                _write(provider, prepared, ledger, tell)
            except (Stale, PartialApply) as error:
                overtaken = isinstance(getattr(error, "cause", error), Stale)
                if not overtaken or attempt + 1 == _ATTEMPTS:
                    raise
                continue
            if prepared.interrupted:
                provider.settle()
            return prepared.plan
    raise AssertionError("unreachable")


def _holds(prepared: Prepared, ledger: Ledger) -> bool:
    """Whether a plan is as good as one that is made now, under the zone's lock.

    A run of ours writes in the ledger before it writes in the zone: what was read of the zone after
    the ledger, which is still the same, has all that our runs wrote.
    """
    fresh = not prepared.interrupted and is_fresh(prepared.snapshot.asked)
    after = prepared.snapshot.asked >= prepared.loaded
    return fresh and after and ledger.load() == prepared.known


def carry_out_undo(
    provider: Provider,
    changes: Iterable[Change],
    ledger: Ledger,
    tell: Tell = tell_nobody,
    keeps: Callable[[RRset], bool] | None = None,
) -> Plan:
    """Put back the before-images of recorded changes; what was edited since is left alone.

    keeps: tells of a former RRset whether it must not come back. Returns the plan.
    Raises ProviderError.
    """
    recorded = tuple(changes)
    with ledger.locked():
        loaded, known = monotonic(), ledger.load()
        snapshot = read(provider, _owners(change.key for change in recorded) | _unsettled(known))
        state = resolve(known, snapshot)
        planned = undo(recorded, snapshot, keeps)
        assert_inside(planned.changes, frozenset(change.key for change in recorded))
        _write(provider, Prepared(planned, snapshot, state, known, loaded), ledger, tell)
        return planned


def adoptable(prepared: Prepared) -> tuple[Entry, ...]:
    """What is there just as wished and the ledger does not know yet."""
    changed = {change.key for change in prepared.plan.changes}
    known = prepared.state.entries
    return tuple(
        entry
        for entry in prepared.plan.entries
        if entry.key not in changed and entry.key not in known
    )


def adopt(provider: Provider, claims: Iterable[Claim], ledger: Ledger) -> tuple[Entry, ...]:
    """Take what is there as wished into the ledger, as somebody else's; the zone stays as it is.

    Returns what was taken in. Raises ProviderError.
    """
    wanted = tuple(claims)
    with ledger.locked():
        prepared = prepare(provider, wanted, ledger)
        fresh = adoptable(prepared)
        if fresh:
            entries = {**prepared.state.entries, **{entry.key: entry for entry in fresh}}
            ledger.save(replace(prepared.state, entries=entries))
        return fresh


def enter(ledger: Ledger, entry: Entry) -> None:
    """Have the ledger know an RRset that something else proves to be ours; the zone stays as it is.

    Raises LedgerError.
    """
    with ledger.locked():
        state = ledger.load()
        ledger.save(replace(state, entries={**state.entries, entry.key: entry}))


class Valued(Protocol):
    """Whatever says which values an RRset has: the RRset, a ledger's entry, an expectation."""

    @property
    def key(self) -> RRKey:
        """Owner name and type."""
        ...

    @property
    def values(self) -> frozenset[Value]:
        """The values."""
        ...


V = TypeVar("V", bound=Valued)


def mark_proven(ledger: Ledger, seen: Iterable[Valued]) -> None:
    """Remember that these values were seen right on all servers."""
    with ledger.locked():
        state = ledger.load()
        marks = {each.key: fingerprint(each.values, each.key.rtype) for each in seen}
        ledger.save(replace(state, proven={**state.proven, **marks}))


def mark_unused(ledger: Ledger, unused: Mapping[RRKey, int]) -> None:
    """Remember since when RRsets wait for their removal; nothing in the zone changes."""
    with ledger.locked():
        state = ledger.load()
        if state.unused != unused:
            ledger.save(replace(state, unused=dict(unused)))


def mark_former(ledger: Ledger, former: Mapping[tuple[RRKey, str], int]) -> None:
    """Remember since when values, or terms of one, are not wanted; the zone does not change."""
    with ledger.locked():
        state = ledger.load()
        if state.former != former:
            ledger.save(replace(state, former=dict(former)))


def forget(ledger: Ledger, keys: Iterable[RRKey]) -> None:
    """Have the ledger know nothing of these RRsets any more; the zone does not change."""
    gone = frozenset(keys)
    with ledger.locked():
        state = ledger.load()
        left = {key: entry for key, entry in state.entries.items() if key not in gone}
        ledger.save(replace(state, entries=left))


def unproven(state: LedgerState, candidates: Iterable[V]) -> tuple[V, ...]:
    """Those whose values no propagation wait has seen everywhere."""
    return tuple(
        each
        for each in candidates
        if state.proven.get(each.key) != fingerprint(each.values, each.key.rtype)
    )


def _write(provider: Provider, prepared: Prepared, ledger: Ledger, tell: Tell) -> None:
    changes, entries = prepared.plan.changes, {e.key: e for e in prepared.plan.entries}
    known = prepared.state
    if changes:
        intents = tuple(Intent(change, entries.get(change.key)) for change in changes)
        ledger.intend(replace(known, pending=intents))
        shown = provider.apply(changes)
        provider.wait_accepted(tell)
        _check_written(provider, changes, shown)
    removed = {change.key for change in changes if change.key not in entries}
    removed |= prepared.plan.released
    kept = {key: entry for key, entry in known.entries.items() if key not in removed}
    there = {**kept, **entries}
    settled = replace(
        known,
        entries=there,
        pending=(),
        # What comes back later has to be seen everywhere anew.
        proven={key: mark for key, mark in known.proven.items() if key in there},
        unused={key: since for key, since in known.unused.items() if key in there},
    )
    if changes:
        ledger.settle(settled)
    elif settled != prepared.known:
        ledger.save(settled)


def _check_written(provider: Provider, changes: Iterable[Change], shown: Snapshot | None) -> None:
    """A server may say yes and do nothing (CNAME beside A, missing rights): look.

    shown: what is there by the answer to the write, where that says it.
    """
    written = tuple(changes)
    owners = _owners(change.key for change in written)
    snapshot = (shown and shown.of(owners)) or read(provider, owners)
    for change in written:
        if not same_values(snapshot.get(change.key), change.after):
            raise Rejected("dns.error.not_written", key=change.key)
