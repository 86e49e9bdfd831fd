"""pyinfra operations on a zone: publish what is claimed, and wait until all servers show it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from dns_providers.base import FRESH, Change, Provider, ProviderError, Tell
from dns_providers.by_hand.panels import PANELS
from dns_providers.by_hand.table import change_table
from dns_providers.publishing import propagation
from dns_providers.publishing.claims import Claim, Singleton
from dns_providers.publishing.ledger import Ledger, LedgerState, read_backup
from dns_providers.publishing.looking import Look
from dns_providers.publishing.plan import (
    Entry,
    Given,
    Note,
    Plan,
    forgotten,
    removals,
    takings_out,
    unknown_replaced,
    unused_since,
    withdrawals,
)
from dns_providers.publishing.plan import undo as plan_undo
from dns_providers.publishing.propagation import Delegation, Expected, Network, Outcome, Progress
from dns_providers.publishing.publish import (
    Prepared,
    adoptable,
    carry_out,
    carry_out_undo,
    mark_proven,
    mark_unused,
    prepare,
    read,
    unproven,
)
from dns_providers.publishing.publish import adopt as take_in
from dns_providers.publishing.wording import (
    change_lines,
    conflict_lines,
    held_lines,
    state_line,
    stop_line,
)
from dns_providers.publishing.zone_choice import Differences, check_live
from dns_providers.rrset import RRKey, RRset, Value
from ground.operations import fail, refuse
from ground.words import Words, lines, text

_REPORT_EVERY = 15.0


OpenProvider = Callable[[], Provider]
Claims = Callable[[], Iterable[Claim]]


@operation()
def publish(
    provider: OpenProvider,
    claims: Claims,
    ledger: Ledger,
    replaced: frozenset[RRKey] = frozenset(),
    made_by_this_run: Callable[[], Iterable[str]] = tuple,
    all_claims: Claims | None = None,
    retiring: str = "",
    gate: Callable[[], Iterable[str]] | None = None,
    unsolved: Callable[[tuple[str, ...]], None] | None = None,
    delegation: Callable[[], Delegation] | None = None,
    leaving: frozenset[RRKey] = frozenset(),
    look: Look | None = None,
    given: Callable[[], Given] | None = None,
    stops: Callable[[tuple[str, ...]], bool] = bool,
    sparing: bool = False,
) -> Generator[FunctionCommand, None, None]:
    """Publish claims in a zone, leaving everything foreign alone.

    + provider: opens the zone's provider
    + claims: gives the claims (late: keys may be made by this very run)
    + ledger: the zone's ledger
    + replaced: foreign RRsets that may be replaced
    + made_by_this_run: lines of records whose values this run makes first (shown by --dry)
    + all_claims: claims of every stage, to tell what is no longer wanted
    + retiring: kind of group that `retire` takes care of
    + gate: reasons not to write now, asked right before writing
    + unsolved: takes conflicts that the run may go on without
    + delegation: finds the zone's servers; nothing is written in a zone that is live elsewhere
    + leaving: RRsets no longer wanted that somebody else tells of
    + look: asks DNS for what the provider does not show
    + given: what we published and need no more; its owner keeps it
    + stops: takes the conflicts that stop the run here, and tells whether the zone is stopped, be
    it by an earlier stage
    + sparing: what an earlier stage saw will do where nothing is to be written
    """
    # What is shown before a run is carried out is planned anew then.
    reuse = math.inf if sparing or not state.is_executing else FRESH
    try:
        opened, kept, wanted = provider(), given() if given else {}, tuple(claims())
        prepared = prepare(opened, wanted, ledger, replaced, look, kept, reuse=reuse)
        if delegation is not None:
            _show_differences(check_live(prepared.snapshot, delegation()))
    except ProviderError as error:
        yield from fail(str(error))
        return
    plan, coming = prepared.plan, tuple(made_by_this_run())
    notes = plan.notes
    if all_claims is not None:
        every = tuple(all_claims())
        notes += unknown_replaced(replaced, every)
        notes += forgotten(every, prepared.state.entries, retiring, leaving | kept.keys())
    needed = (conflict for conflict in plan.conflicts if conflict.needed)
    stopped = stops(tuple(line for each in needed for line in conflict_lines(each)))
    _show(plan, notes, coming, stages=True, stopped=stopped)
    _show_by_hand(opened, plan)
    if plan.blocked:
        yield FunctionCommand(refuse, (text("dns.blocked"),), {})
        return
    if unsolved is not None and state.is_executing:
        unsolved(tuple(line for c in plan.conflicts for line in conflict_lines(c)))
    if plan.changes or prepared.interrupted or (coming and not state.is_executing):
        arguments = (opened, wanted, ledger, replaced, gate, look, kept, prepared)
        yield FunctionCommand(_publish, arguments, {})
        return
    if state.is_executing and not _in_ledger(plan, prepared.known):
        # Adopting writes our own ledger only: nothing that the user has changes.
        if not _publish(state, host, opened, wanted, ledger, replaced, None, look, kept, prepared):
            yield from fail(text("dns.not_adopted"))
        return
    host.noop(text("dns.as_wished"))


@operation()
def wait_until_visible(
    claims: Claims,
    ledger: Ledger,
    network: Network,
    timeout: float,
    zone: str,
    published: OperationMeta,
) -> Generator[FunctionCommand, None, None]:
    """Wait until every authoritative server shows the claimed records as we published them.

    + claims: the claims of the stage
    + ledger: the zone's ledger, which knows what was published and what was seen everywhere
    + network: resolvers to find the servers with
    + timeout: seconds to wait at most
    + zone: the zone's name
    + published: the operation that published them
    """
    expected = _unproven(claims(), ledger)
    coming = not state.is_executing and state.should_check_for_changes() and published.will_change
    if not expected and not coming:
        host.noop(text("dns.visible"))
        return
    yield FunctionCommand(_wait, (claims, ledger, network, timeout, zone), {})


@operation()
def retire(
    provider: OpenProvider,
    all_claims: Claims,
    ledger: Ledger,
    group: str,
    keep: int,
    ready: Callable[[], bool],
    needed: Callable[[RRKey], Iterable[Words]],
    delegation: Callable[[], Delegation],
    network: Network,
    timeout: float,
    spared: frozenset[RRKey] = frozenset(),
) -> Generator[FunctionCommand, None, None]:
    """Take out records that nothing has needed for long enough; only what we wrote, and until no
    server shows it.

    + provider: opens the zone's provider
    + all_claims: claims of every stage: what is needed
    + ledger: the zone's ledger
    + group: kind of claim group ("dkim")
    + keep: seconds that a record stays after its last use
    + ready: whether what replaces them is in use by now
    + needed: reasons why a record has to stay still, asked right before
    + delegation: finds the zone's servers
    + network: resolvers to find the servers with
    + timeout: seconds to wait at most
    + spared: records that wait for somebody's consent
    """
    if state.is_executing and not ready():
        host.noop(text("dns.not_retired_yet"))
        return
    now = int(time.time())
    try:
        known = ledger.load()
        unused = unused_since(all_claims(), known.entries, known.unused, group, now)
        over = tuple(key for key, since in unused.items() if now - since >= keep)
        due = tuple(key for key in over if key not in spared)
        stays = {key: tuple(needed(key)) for key in due} if state.is_executing else {}
        due = tuple(key for key in due if not stays.get(key))
        claims = withdrawals(due, known.entries)
        opened = provider() if claims else None
        prepared = prepare(opened, claims, ledger, reuse=FRESH) if opened else None
    except ProviderError as error:
        yield from fail(str(error))
        return
    for key, since in unused.items():
        for reason in stays.get(key, ()):
            _log(str(reason), "cyan")
        if now - since < keep and key not in spared:
            day = datetime.fromtimestamp(since + keep, UTC).date()
            _log(text("dns.note.retiring", key=str(key), day=day), "cyan")
    if state.is_executing:
        mark_unused(ledger, unused)
    if prepared is None or opened is None:
        host.noop(text("dns.none_retired"))
        return
    _show(prepared.plan, prepared.plan.notes, ())
    _show_by_hand(opened, prepared.plan)
    yield _publishing(opened, claims, ledger, prepared)
    gone = tuple(Expected(each.key, _taken_out(each), gone=True) for each in prepared.plan.changes)
    if gone:
        yield FunctionCommand(_wait_until_gone, (gone, delegation, network, timeout), {})


@operation()
def adopt(
    provider: OpenProvider, claims: Claims, ledger: Ledger
) -> Generator[FunctionCommand, None, None]:
    """Take records that are there as wished into the ledger; the zone stays as it is.

    + provider: opens the zone's provider
    + claims: all that is wanted in the zone
    + ledger: the zone's ledger
    """
    try:
        opened = provider()
        prepared = prepare(opened, claims(), ledger)
    except ProviderError as error:
        yield from fail(str(error))
        return
    fresh = adoptable(prepared)
    for entry in fresh:
        _log(text("dns.adopted", key=str(entry.key)), "green")
    for change in prepared.plan.changes:
        _log(text("dns.not_as_wished", key=str(change.key)), "cyan")
    _show(Plan(conflicts=prepared.plan.conflicts), (), ())
    if fresh:
        yield FunctionCommand(_adopt, (opened, claims, ledger), {})
    else:
        host.noop(text("dns.none_to_adopt"))


@operation()
def remove(
    provider: OpenProvider,
    ledger: Ledger,
    unmerge: Callable[[Entry], Singleton],
    unsolved: Callable[[tuple[str, ...]], None],
) -> Generator[FunctionCommand, None, None]:
    """Take out all that we wrote and only that; what was adopted stays.

    + provider: opens the zone's provider
    + ledger: the zone's ledger
    + unmerge: how what we added to a shared value is taken out again
    + unsolved: takes conflicts
    """
    try:
        opened, claims = provider(), removals(ledger.load().entries, unmerge)
        prepared = prepare(opened, claims, ledger)
    except ProviderError as error:
        yield from fail(str(error))
        return
    plan = prepared.plan
    kept = tuple(entry for entry in prepared.state.entries.values() if not entry.ours)
    notes = tuple(Note(Words.of("dns.note.adopted_stays", key=entry.key)) for entry in kept)
    _show(plan, notes, ())
    _show_by_hand(opened, plan)
    if state.is_executing:
        unsolved(tuple(line for c in plan.conflicts for line in conflict_lines(c)))
    if plan.changes or plan.released:
        yield _publishing(opened, claims, ledger, prepared)
    else:
        host.noop(text("dns.none_to_remove"))


@operation()
def withdraw(
    provider: OpenProvider,
    due: frozenset[RRKey],
    ledger: Ledger,
    unmerge: Callable[[Entry], Singleton],
    unsolved: Callable[[tuple[str, ...]], None],
    before: Callable[[frozenset[RRKey]], None] = lambda _: None,
) -> Generator[FunctionCommand, None, None]:
    """Take out what we wrote at some names; what was there before us stays, and is forgotten.

    An MX record that was there before us and still leads here is not forgotten: somebody has to
    take it out.

    + provider: opens the zone's provider
    + due: the RRsets
    + ledger: the zone's ledger
    + unmerge: how what we added to a shared value is taken out again
    + unsolved: takes conflicts, and MX records that somebody has to take out
    + before: is told, right before that, which RRsets go
    """
    try:
        opened, entries = provider(), ledger.load().entries
        snapshot = read(opened, frozenset(key.owner for key in due))
        held = tuple(
            entry
            for key in sorted(due)
            if (entry := entries.get(key)) and key.rtype == "MX" and not entry.ours
            if (live := snapshot.get(key)) and live.values & entry.values
        )
        going = due - {entry.key for entry in held}
        claims = takings_out(going, entries, unmerge)
        prepared = prepare(opened, claims, ledger, reuse=FRESH)
    except ProviderError as error:
        yield from fail(str(error))
        return
    by_hand = tuple(text("dns.mx_by_hand", key=str(entry.key)) for entry in held)
    for line in by_hand:
        _log(f"! {line}", "yellow")
    _show(prepared.plan, (), ())
    _show_by_hand(opened, prepared.plan)
    if state.is_executing:
        conflicts = prepared.plan.conflicts
        unsolved((*by_hand, *(line for c in conflicts for line in conflict_lines(c))))
        before(going)
    if not claims:
        host.noop(text("dns.none_to_remove"))
        return
    yield _publishing(opened, claims, ledger, prepared)


@operation()
def undo(
    provider: OpenProvider,
    backup: str,
    ledger: Ledger,
    keeps: Callable[[RRset], bool] | None = None,
    costs: Callable[[Change], Words | None] = lambda _: None,
) -> Generator[FunctionCommand, None, None]:
    """Put back the records of a backup, where nobody has changed them since.

    + provider: opens the zone's provider
    + backup: path of the backup file
    + ledger: the zone's ledger
    + keeps: tells of a former RRset whether it must not come back
    + costs: tells of a change what to know before it is made
    """
    try:
        changes = read_backup(Path(backup))[1]
        opened = provider()
        plan = plan_undo(changes, read(opened, frozenset(c.key.owner for c in changes)), keeps)
        known = tuple(Note(words) for each in plan.changes if (words := costs(each)))
    except ProviderError as error:
        yield from fail(str(error))
        return
    _show(plan, (*plan.notes, *known), ())
    _show_by_hand(opened, plan)
    if plan.conflicts:
        yield FunctionCommand(refuse, (text("dns.blocked"),), {})
    elif plan.changes:
        yield FunctionCommand(_undo, (opened, changes, ledger, keeps), {})
    else:
        host.noop(text("dns.as_wished"))


def _show_differences(found: Differences) -> None:
    values = {
        "parent": ", ".join(found.only_parent) or "-",
        "provider": ", ".join(found.only_provider) or "-",
    }
    if found != Differences():
        _log(text("dns.note.servers_differ", **values), "yellow")


def _show(
    plan: Plan,
    notes: Iterable[Note],
    coming: Iterable[str],
    *,
    stages: bool = False,
    stopped: bool = False,
) -> None:
    """Show what will be done and what will not.

    stages: the run goes on after this, so a conflict stops it or not. stopped: nothing is written.
    """
    for change in () if stopped else plan.changes:
        for line in change_lines(change):
            _log(line, "green" if line.startswith("+") else "red")
    for change in (*(plan.changes if stopped else ()), *plan.held):
        for line in held_lines(change):
            _log(line, "yellow")
    for line in coming:
        if stopped:
            _log(text("dns.held", line=f"+ {line}"), "yellow")
        else:
            _log(f"+ {line}", "green")
    for conflict in plan.conflicts:
        for line in (*conflict_lines(conflict), *((stop_line(conflict),) if stages else ())):
            _log(f"! {line}", "yellow")
    for note in notes:
        _log(str(note.words), "cyan")


def _log(line: str, colour: str) -> None:
    host.log_styled(f"  {line}", fg=colour)


def _show_by_hand(provider: Provider, plan: Plan) -> None:
    """Show what to enter where nobody but the user can write."""
    if provider.capabilities.by_hand and plan.changes and not plan.blocked:
        panel = PANELS[provider.capabilities.panel]
        for line in change_table(plan.changes, provider.zone, panel):
            host.log(f"  {line}")


def _in_ledger(plan: Plan, known: LedgerState) -> bool:
    entries = known.entries
    there = all(entries.get(entry.key) == entry for entry in plan.entries)
    return there and not plan.released & entries.keys()


def _publishing(
    provider: Provider, claims: tuple[Claim, ...], ledger: Ledger, prepared: Prepared
) -> FunctionCommand:
    nothing: frozenset[RRKey] = frozenset()
    arguments = (provider, claims, ledger, nothing, None, None, None, prepared)
    return FunctionCommand(_publish, arguments, {})


def _teller(host: Host) -> Tell:
    def tell(words: Words) -> None:
        host.log_styled(f"  {words}", fg="cyan")

    return tell


def _publish(
    state: State,
    host: Host,
    provider: Provider,
    claims: tuple[Claim, ...],
    ledger: Ledger,
    replaced: frozenset[RRKey] = frozenset(),
    gate: Callable[[], Iterable[str]] | None = None,
    look: Look | None = None,
    given: Given | None = None,
    prepared: Prepared | None = None,
) -> bool:
    reasons = tuple(gate()) if gate else ()
    if reasons:
        return refuse(state, host, "\n".join(reasons))
    try:
        carry_out(provider, claims, ledger, replaced, _teller(host), look, given, prepared)
    except ProviderError as error:
        return refuse(state, host, str(error))
    return True


def _adopt(state: State, host: Host, provider: Provider, claims: Claims, ledger: Ledger) -> bool:
    try:
        take_in(provider, claims(), ledger)
    except ProviderError as error:
        return refuse(state, host, str(error))
    return True


def _undo(
    state: State,
    host: Host,
    provider: Provider,
    changes: tuple[Change, ...],
    ledger: Ledger,
    keeps: Callable[[RRset], bool] | None,
) -> bool:
    try:
        carry_out_undo(provider, changes, ledger, _teller(host), keeps)
    except ProviderError as error:
        return refuse(state, host, str(error))
    return True


def _unproven(claims: Iterable[Claim], ledger: Ledger) -> tuple[Expected, ...]:
    """What we published or adopted for these claims and no wait has seen everywhere yet."""
    known = ledger.load()
    keys = {claim.key for claim in claims}
    ours = (entry for entry in known.entries.values() if entry.key in keys)
    return tuple(Expected(entry.key, entry.values, entry.mode) for entry in unproven(known, ours))


def _wait(
    state: State,
    host: Host,
    claims: Claims,
    ledger: Ledger,
    network: Network,
    timeout: float,
    zone: str,
) -> bool:
    expected = _unproven(claims(), ledger)
    if not expected:
        return True
    try:
        delegation = propagation.delegation(zone, network)
        outcome = propagation.wait(
            expected,
            delegation,
            network,
            timeout=timeout,
            report=Reporter(host, network.clock),
        )
        _show_outcome(host, outcome)
        if outcome.ok:
            mark_proven(ledger, expected)
    except ProviderError as error:
        return refuse(state, host, str(error))
    return outcome.ok


def _taken_out(change: Change) -> frozenset[Value]:
    before, after = change.before, change.after
    return (before.values if before else frozenset()) - (after.values if after else frozenset())


def _wait_until_gone(
    state: State,
    host: Host,
    gone: tuple[Expected, ...],
    delegation: Callable[[], Delegation],
    network: Network,
    timeout: float,
) -> bool:
    try:
        outcome = propagation.wait(
            gone, delegation(), network, timeout=timeout, report=Reporter(host, network.clock)
        )
    except ProviderError as error:
        return refuse(state, host, str(error))
    servers = lines(state_line(each) for each in outcome.failures)
    return outcome.ok or refuse(state, host, text("dns.still_shown", servers=servers))


def _show_outcome(host: Host, outcome: Outcome) -> None:
    for silent in outcome.silent:
        host.log_styled(f"  {state_line(silent)}", fg="yellow")
    for failed in outcome.failures:
        host.log_styled(f"  {state_line(failed)}", fg="red")
    if not outcome.ok:
        host.log_styled(text("dns.not_visible"), fg="red")


class Reporter:
    """Shows each server's state when it changes, and the time left every now and then."""

    def __init__(self, host: Host, clock: Callable[[], float]) -> None:
        self._host, self._clock = host, clock
        self._shown: dict[tuple[str, str], str] = {}
        self._last = clock()

    def __call__(self, progress: Progress) -> None:
        states = self._by_server(progress)
        fresh = {where: line for where, line in states.items() if self._shown.get(where) != line}
        for line in fresh.values():
            self._host.log_styled(f"  {line}", fg="cyan")
        self._shown = states
        due = self._clock() - self._last >= _REPORT_EVERY
        if progress.rounds == 0 and (fresh or due):
            self._last = self._clock()
            left = f"{int(progress.left) // 60}:{int(progress.left) % 60:02d}"
            self._host.log_styled(f"  {text('dns.time_left', left=left)}", fg="cyan")

    def _by_server(self, progress: Progress) -> dict[tuple[str, str], str]:
        """One line for each address: right, or its first record that is not."""
        lines: dict[tuple[str, str], str] = {}
        for seen in progress.states:
            where = (seen.server, seen.address)
            if where in lines and seen.verdict is propagation.Verdict.OK:
                continue
            if seen.verdict is propagation.Verdict.OK:
                lines[where] = text("dns.verdict.all_ok", server=seen.server, address=seen.address)
            else:
                lines[where] = state_line(seen)
        return lines
