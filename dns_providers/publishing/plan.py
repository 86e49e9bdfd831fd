"""The three-way plan: what we want, what is there, and what we wrote last; pure.

A value that differs from what we want and from what the ledger says we wrote is foreign: it
becomes a conflict, and nothing of its claim group is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from dns_providers.base import Capabilities, Change, Snapshot
from dns_providers.publishing.claims import Claim, ClaimMode, Elsewhere, Judged, Singleton
from dns_providers.publishing.taken import (
    answering,
    cut_above,
    in_place_of_addresses,
    wildcard_for,
)
from dns_providers.rrset import (
    MX,
    TXT,
    RRKey,
    RRset,
    Value,
    ancestors,
    name_text,
    same_values,
    wildcard_beside,
)
from ground.words import Words

_CUTS = {"NS": "dns.conflict.delegated", "DNAME": "dns.conflict.dname"}
_FAMILIES = {"A": "AAAA", "AAAA": "A"}
NEVER_WRITTEN = frozenset({"NS", "SOA", "DS", "DNSKEY", "CDS", "CDNSKEY"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger remembers of one RRset.

    values: those we wrote or found equal (for MEMBER only those claimed). origin: `written` by
    us, or `adopted` because it was there already. terms: what we added to a SINGLETON. whole: we
    made that SINGLETON. found: values of a MEMBER claim that were there already.
    """

    key: RRKey
    values: frozenset[Value]
    ttl: int
    origin: str
    group: str
    mode: ClaimMode
    terms: tuple[str, ...] = ()
    whole: bool = False
    found: frozenset[Value] = frozenset()

    @property
    def written(self) -> frozenset[Value]:
        """The values that are there because of us."""
        return self.values - self.found if self.origin == "written" else frozenset()

    @property
    def ours(self) -> bool:
        """Whether something of the RRset is there because of us."""
        if self.mode is ClaimMode.SINGLETON:
            return bool(self.terms) or self.whole
        return bool(self.written)


Entries = Mapping[RRKey, Entry]
Given = Mapping[RRKey, frozenset[Value]]
_NOTHING: Mapping[RRKey, frozenset[Value]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something of somebody else is in the way; shown to the user, never overwritten.

    there: lines of what is there. wanted: lines of what we would write.
    """

    key: RRKey
    group: str
    needed: bool
    problem: Words
    there: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """Something the user should know that is no conflict."""

    words: Words


@dataclass(frozen=True, slots=True)
class Plan:
    """What to change, what stands in the way, what to know, what the ledger shall hold.

    released: what the ledger shall forget. held: changes that are not made, as others of their
    group cannot be.
    """

    changes: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[Note, ...] = ()
    entries: tuple[Entry, ...] = ()
    released: frozenset[RRKey] = frozenset()
    held: tuple[Change, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether a group that the server cannot do without is in conflict."""
        return any(conflict.needed for conflict in self.conflicts)


@dataclass(frozen=True, slots=True)
class _Decision:
    """The outcome for one claim: at most one of `change` and `conflict`."""

    change: Change | None = None
    conflict: Conflict | None = None
    note: Note | None = None
    entry: Entry | None = None
    released: RRKey | None = None


@dataclass(frozen=True, slots=True)
class _Context:
    snapshot: Snapshot
    entries: Entries
    replace: frozenset[RRKey]
    capabilities: Capabilities
    covering: Mapping[RRKey, RRset] = field(default_factory=dict)
    elsewhere: Elsewhere = field(default_factory=dict)


class PlanError(AssertionError):
    """A change outside of what was claimed: a mistake in our code, stopped before any write."""


def plan(
    claims: Iterable[Claim],
    snapshot: Snapshot,
    entries: Entries,
    *,
    replace: frozenset[RRKey] = frozenset(),
    capabilities: Capabilities,
    elsewhere: Elsewhere = _NOTHING,
    given: Given = _NOTHING,
) -> Plan:
    """Decide what to change so that all claims hold and nothing foreign is touched.

    `replace` names the foreign RRsets that the user allows us to replace. `elsewhere` is what DNS
    shows of what the provider does not. `given`: what we have published and need no more, and who
    has it keeps it; with the values that it should have. Raises PlanError when a change would lie
    outside of the claims.
    """
    wanted = _unique(claims)
    covering = {rrset.key: rrset for rrset in snapshot.covering}
    context = _Context(snapshot, entries, replace, capabilities, covering, elsewhere)
    decisions = _decisions(wanted, context)
    blocked = {claim.group for claim, decision in decisions if decision.conflict}
    free = [decision for claim, decision in decisions if claim.group not in blocked]
    free += [_given(entries[key], values, snapshot) for key, values in _still_ours(given, context)]
    held = [decision for claim, decision in decisions if claim.group in blocked]
    told = (*_not_replaced(decisions, replace), *_hidden(wanted, context))
    notes = (*held, *free, *told, *_divided(wanted, context))
    result = Plan(
        changes=tuple(decision.change for decision in free if decision.change),
        conflicts=tuple(decision.conflict for _, decision in decisions if decision.conflict),
        notes=tuple(decision.note for decision in notes if decision.note),
        entries=tuple(decision.entry for decision in free if decision.entry),
        released=frozenset(decision.released for decision in free if decision.released),
        held=tuple(decision.change for decision in held if decision.change),
    )
    assert_inside(result.changes, frozenset(claim.key for claim in wanted))
    return result


def _not_replaced(
    decisions: Iterable[tuple[Claim, _Decision]], allowed: frozenset[RRKey]
) -> Iterable[_Decision]:
    """Notes on leave to replace what is as it should be already."""
    for claim, decision in decisions:
        right = decision.entry and not decision.change and not decision.conflict
        if right and claim.key in allowed and claim.mode is not ClaimMode.SINGLETON:
            yield _Decision(note=Note(Words.of("dns.note.not_replaced", key=claim.key)))


def _hidden(wanted: Iterable[Claim], context: _Context) -> Iterable[_Decision]:
    """A note where an alias of the zone's apex may hide what is beside it from resolvers."""
    apex, limits = context.snapshot.zone, context.capabilities
    alias = context.snapshot.get(RRKey(apex, "CNAME"))
    beside = (c for c in wanted if c.key.owner == apex and c.key.rtype in limits.beside_apex_alias)
    if alias is not None and limits.apex_alias_hides and any(beside):
        found = ", ".join(sorted(map(str, alias.values)))
        yield _Decision(note=Note(Words.of("dns.note.beside_alias", key=alias.key, found=found)))


def _divided(wanted: Iterable[Claim], context: _Context) -> Iterable[_Decision]:
    """Notes on addresses at a host of ours that are not ours, of the family that we do not have."""
    hosts = [each for each in wanted if each.key.rtype in _FAMILIES and not each.only_if_free]
    claimed = {each.key for each in hosts}
    for claim in hosts:
        other = RRKey(claim.key.owner, _FAMILIES[claim.key.rtype])
        live = context.snapshot.get(other)
        known = other in claimed or other in context.entries
        if not claim.values or known or live is None or live.synthesised:
            continue
        found = ", ".join(sorted(map(str, live.values)))
        yield _Decision(note=Note(Words.of("dns.note.other_family", key=other, found=found)))


def unknown_replaced(replaced: Iterable[RRKey], claims: Iterable[Claim]) -> tuple[Note, ...]:
    """Notes on leave to replace what no claim of any stage is about."""
    known = {claim.key for claim in claims}
    idle = sorted(key for key in replaced if key not in known)
    return tuple(Note(Words.of("dns.note.replaces_nothing", key=key)) for key in idle)


def _decisions(wanted: tuple[Claim, ...], context: _Context) -> list[tuple[Claim, _Decision]]:
    """The decision for each claim; those for a name that must be free are made together."""
    found = [(each, _decide(each, context)) for each in wanted if not each.only_if_free]
    optional = [each for each in wanted if each.only_if_free]
    for owner in dict.fromkeys(each.key.owner for each in optional):
        found += _if_free([each for each in optional if each.key.owner == owner], context)
    return found


def _if_free(claims: list[Claim], context: _Context) -> list[tuple[Claim, _Decision]]:
    """All of them or, where somebody answers at the name, none: ours is taken out then."""
    ours = {key: entry.values for key, entry in context.entries.items()}
    there = answering(claims, context.snapshot, ours, context.replace)
    if not there and (cut := cut_above(claims[0].key.owner, context.snapshot)):
        there = (cut,)
    if not there:
        return [(each, _decide(each, context)) for each in claims]
    found = ", ".join(str(each.key) for each in there)
    decisions = [_given_up(each, context) for each in claims]
    name = name_text(claims[0].key.owner)
    gone = any(each.change for each in decisions)
    note_id = "dns.note.given_up" if gone else "dns.note.left_alone"
    note = Note(Words.of(note_id, name=name, found=found))
    return list(zip(claims, [replace(decisions[0], note=note), *decisions[1:]], strict=True))


def _given_up(claim: Claim, context: _Context) -> _Decision:
    """Take out what we wrote and nobody has changed; whatever is there is no more of ours."""
    live, entry = context.snapshot.get(claim.key), context.entries.get(claim.key)
    if entry is None:
        return _Decision()
    whole = live is not None and not live.opaque and live.values == entry.values == entry.written
    change = Change(live, None, claim.group, "dns.reason.given_up") if whole else None
    return _Decision(change=change, released=claim.key)


def _still_ours(given: Given, context: _Context) -> list[tuple[RRKey, frozenset[Value]]]:
    return [(key, values) for key, values in given.items() if key in context.entries]


def _given(entry: Entry, values: frozenset[Value], snapshot: Snapshot) -> _Decision:
    """What is there as we left it stays, as somebody else's; told once, and when it is outdated."""
    live = snapshot.get(entry.key)
    if live is None or live.values != entry.values:
        return _Decision(released=entry.key)
    told = entry.origin == "written" or entry.values != values
    words = Words.of("dns.note.not_needed", key=entry.key)
    return _Decision(note=Note(words) if told else None, entry=replace(entry, origin="adopted"))


def assert_inside(changes: Iterable[Change], allowed: frozenset[RRKey]) -> None:
    """The one choke point: every change is about a claimed RRset of a type that we may write."""
    for change in changes:
        keys = {rrset.key for rrset in (change.before, change.after) if rrset}
        if len(keys) != 1 or not keys <= allowed or change.key.rtype in NEVER_WRITTEN:
            raise PlanError(f"refused to change {change.key}: it is not ours to write")


def _unique(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Claims by key; MEMBER claims of one RRset are put together."""
    found: dict[RRKey, Claim] = {}
    for claim in claims:
        earlier = found.get(claim.key)
        if earlier is None:
            found[claim.key] = claim
        elif claim.mode is earlier.mode is ClaimMode.MEMBER:
            found[claim.key] = replace(earlier, values=earlier.values | claim.values)
        elif claim != earlier:
            raise PlanError(f"{claim.key} is claimed twice with different values")
    return tuple(found.values())


def _decide(claim: Claim, context: _Context) -> _Decision:
    live = context.snapshot.get(claim.key)
    if live is not None and live.synthesised and not claim.values <= live.values:
        live = None
    obstacle = _obstacle(claim, live, context)
    if obstacle:
        return obstacle
    match claim.mode:
        case ClaimMode.EXCLUSIVE:
            decision = _exclusive(claim, live, context)
        case ClaimMode.MEMBER:
            decision = _member(claim, live, context)
        case ClaimMode.SINGLETON:
            decision = _singleton(claim, live, context)
    if decision.change and (refusal := _refusal(claim, decision.change, context.capabilities)):
        return refusal
    if decision.change and live is None and (wildcard := _wildcard_above(claim.key, context)):
        words = Words.of("dns.note.hides_wildcard", key=claim.key, wildcard=wildcard)
        return replace(decision, note=Note(words))
    return decision


def _obstacle(claim: Claim, live: RRset | None, context: _Context) -> _Decision | None:
    """What makes any write at this name impossible: alias, delegation, opaque RRset."""
    alias = context.snapshot.get(RRKey(claim.key.owner, "CNAME"))
    if alias is not None and not alias.synthesised and not _stands_beside(claim.key, context):
        return _elsewhere(claim, alias, context) or _in_the_way(claim, alias, "dns.conflict.alias")
    if cut := cut_above(claim.key.owner, context.snapshot):
        return _elsewhere(claim, cut, context) or _in_the_way(claim, cut, _CUTS[cut.key.rtype])
    if live is not None and live.opaque:
        return _in_the_way(claim, live, "dns.conflict.opaque")
    if claim.key.rtype in _FAMILIES and claim.values and not claim.only_if_free:
        for special in in_place_of_addresses(claim.key.owner, context.snapshot):
            return _in_the_way(claim, special, "dns.conflict.taken")
    return None


def _stands_beside(key: RRKey, context: _Context) -> bool:
    """Whether an RRset is the alias at its name, or can be there beside it."""
    apex, limits = key.owner == context.snapshot.zone, context.capabilities
    return key.rtype == "CNAME" or (apex and key.rtype in limits.beside_apex_alias)


def _elsewhere(claim: Claim, way: RRset, context: _Context) -> _Decision | None:
    """A claim that may be met anywhere is met by what an alias or a delegation leads to."""
    theirs = claim.theirs
    if theirs is None or not theirs.anywhere:
        return None
    found = f"{way.key.rtype} {', '.join(sorted(map(str, way.values)))}"
    values = context.elsewhere.get(claim.key)
    if values is None:
        unseen = Words.of("dns.note.elsewhere_unseen", key=claim.key, found=found)
        return _left_to_them(claim, unseen, context)
    judged = theirs.judge(values)
    if judged.note:
        how = Words.of("dns.how.elsewhere", found=found)
        return _left_to_them(claim, judged.note.having(how=how), context)
    problem = Words.of("dns.conflict.elsewhere", key=claim.key, found=found)
    return _Decision(conflict=_conflict(claim, problem, way))


def _left_to_them(claim: Claim, note: Words, context: _Context) -> _Decision:
    released = claim.key if claim.key in context.entries else None
    return _Decision(note=Note(note), released=released)


def _refusal(claim: Claim, change: Change, limits: Capabilities) -> _Decision | None:
    """What of the values that a change brings the provider cannot hold."""
    before = change.before.values if change.before else frozenset()
    after = change.after.values if change.after else frozenset()
    for value in sorted(after - before, key=str):
        found = _beyond(value, claim.key, limits)
        if found:
            return _Decision(conflict=_conflict(claim, found, change.before))
    return None


def _beyond(value: Value, key: RRKey, limits: Capabilities) -> Words | None:
    """Which limit a value is beyond."""
    low, high = limits.mx_range
    if isinstance(value, MX) and not low <= value.preference <= high:
        bounds = {"low": low, "high": high, "preference": value.preference}
        return Words.of("dns.conflict.mx_preference", key=key, **bounds)
    if not isinstance(value, TXT):
        return None
    if limits.max_txt is not None and len(value.data) > limits.max_txt:
        length = len(value.data)
        return Words.of("dns.conflict.too_long", key=key, length=length, limit=limits.max_txt)
    if forbidden := sorted(limits.txt_forbidden & frozenset(value.data)):
        shown = " ".join(ascii(chr(octet)) for octet in forbidden)
        return Words.of("dns.conflict.txt_octets", key=key, found=shown)
    if limits.txt_trimmed and (not value.data or value.data != value.data.strip()):
        return Words.of("dns.conflict.txt_ends", key=key)
    return None


def _in_the_way(claim: Claim, there: RRset, problem: str) -> _Decision:
    why = there.special or Words.of("dns.special.other")
    words = Words.of(problem, key=claim.key, found=there.key, why=why)
    return _Decision(conflict=_conflict(claim, words, there))


def _exclusive(claim: Claim, live: RRset | None, context: _Context) -> _Decision:
    entry = context.entries.get(claim.key)
    after = RRset(claim.key, _ttl(claim, context), claim.values)
    if live is None:
        return _held_elsewhere(claim, context) or _write(claim, None, after)
    if live.values == claim.values:
        if claim.enforce_ttl and live.ttl != after.ttl:
            return _write(claim, live, after)
        return _satisfied(claim, live, entry)
    if claim.keeps is not None:
        if not claim.keeps.keeps(live.values):
            return _write(claim, live, after)
        words = Words.of("dns.conflict.key_changed", key=claim.key)
        return _Decision(conflict=_conflict(claim, words, live))
    known = entry is not None and live.values == entry.values
    if claim.key in context.replace or (entry and known and entry.mode is claim.mode):
        return _write(claim, live, after)
    judged = claim.theirs.judge(live.values) if claim.theirs else Judged()
    if judged.note:
        return _will_do(claim, live, judged, entry)
    if known:
        return _write(claim, live, after)
    problem = Words.of("dns.conflict.edited" if entry else "dns.conflict.foreign", key=claim.key)
    return _Decision(conflict=_conflict(claim, judged.problem or problem, live))


def _will_do(claim: Claim, live: RRset, judged: Judged, entry: Entry | None) -> _Decision:
    """Somebody else's RRset does what ours would; of its values those that stand for ours count."""
    how = Words.of("dns.how.replace", key=claim.key)
    note = Note(judged.note.having(how=how)) if judged.note else None
    if not judged.kept:
        return _Decision(note=note, released=claim.key if entry else None)
    ours = entry is not None and judged.kept <= entry.written
    origin = "written" if ours else "adopted"
    kept = Entry(claim.key, judged.kept, live.ttl, origin, claim.group, ClaimMode.MEMBER)
    return _Decision(note=note, entry=kept)


def _held_elsewhere(claim: Claim, context: _Context) -> _Decision | None:
    """Where a name has no record of its own: what holds for it by a wildcard, or from above."""
    theirs = claim.theirs
    if theirs is None or claim.key in context.replace:
        return None
    anywhere = theirs.anywhere and theirs.wildcards
    there = _of(claim.key, context) if anywhere else frozenset()
    if there is None:
        wild = ", ".join(str(e.key) for e in wildcard_for(claim.key.owner, context.snapshot))
        unseen = Words.of("dns.note.elsewhere_unseen", key=claim.key, found=wild)
        return _left_to_them(claim, unseen, context)
    judged = theirs.judge(there)
    if not judged.note:
        judged = theirs.holds({key: _of(key, context) for key in theirs.above})
    if judged.note:
        how = Words.of("dns.how.replace", key=claim.key)
        return _left_to_them(claim, judged.note.having(how=how), context)
    return _Decision(conflict=_conflict(claim, judged.problem, None)) if judged.problem else None


def _of(key: RRKey, context: _Context) -> frozenset[Value] | None:
    """What there is at a key, be it by a wildcard: as the provider has it, else as DNS shows it."""
    if key in context.elsewhere:
        return context.elsewhere[key]
    there = context.snapshot.at(key.owner)
    if all(each.synthesised for each in there):
        there = wildcard_for(key.owner, context.snapshot)
    return next((each.values for each in there if each.key.rtype == key.rtype), frozenset())


def _member(claim: Claim, live: RRset | None, context: _Context) -> _Decision:
    entry = context.entries.get(claim.key)
    # What we wrote earlier and no longer want goes; everything else stays with its own TTL.
    written = entry.written if entry else frozenset()
    if not claim.values:
        return _withdrawn(claim, live, written)
    there = live.values if live else frozenset()
    found = (claim.values & there) - written
    origin = "adopted" if found == claim.values else "written"
    ttl = live.ttl if live else _ttl(claim, context)
    kept = Entry(claim.key, claim.values, ttl, origin, claim.group, claim.mode, found=found)
    values = (there - (written - claim.values)) | claim.values
    if values == there:
        return _Decision(entry=kept)
    after = RRset(claim.key, ttl, values)
    return _Decision(change=Change(live, after, claim.group, claim.reason), entry=kept)


def _withdrawn(
    claim: Claim,
    live: RRset | None,
    written: frozenset[Value],
    instead: frozenset[Value] = frozenset(),
) -> _Decision:
    """Take out what we wrote and nothing else; the ledger forgets the RRset."""
    there = live.values if live else frozenset()
    left = (there - written) | instead
    if live is None or left == there:
        return _Decision(released=claim.key)
    after = replace(live, values=left) if left else None
    change = Change(live, after, claim.group, claim.reason)
    return _Decision(change=change, released=claim.key)


def _singleton(claim: Claim, live: RRset | None, context: _Context) -> _Decision:
    if claim.singleton is None:
        raise PlanError(f"{claim.key}: a singleton claim needs its merge")
    entry = context.entries.get(claim.key)
    rule, live_values = claim.singleton, live.values if live else frozenset()
    same_kind = tuple(sorted((v for v in live_values if rule.is_kind(v)), key=str))
    merged = rule.merge(same_kind, entry.terms if entry else ())
    others = live_values - frozenset(same_kind)
    if merged.problem and not (merged.replaceable and claim.key in context.replace):
        problem = merged.problem.having(key=claim.key)
        conflict = _conflict(claim, problem, live)
        return _Decision(conflict=replace(conflict, wanted=_lines(claim, merged.value)))
    if not claim.values:
        left = others | ({merged.value} if merged.value else frozenset())
        return _withdrawn(claim, live, live_values - left, left)
    if merged.value is None:
        raise PlanError(f"{claim.key}: the merge gave nothing")
    values = others | {merged.value}
    right = live is not None and values == live_values
    origin = entry.origin if entry else "adopted" if right else "written"
    whole = entry.whole if entry else merged.whole
    note = Note(merged.note.having(key=claim.key)) if merged.note else None
    ttl = live.ttl if live else _ttl(claim, context)
    value = frozenset({merged.value})
    kept = Entry(claim.key, value, ttl, origin, claim.group, claim.mode, merged.ours, whole)
    if right:
        return _Decision(entry=kept, note=note)
    after = RRset(claim.key, ttl, values)
    return _Decision(change=Change(live, after, claim.group, claim.reason), entry=kept, note=note)


def _lines(claim: Claim, value: Value | None) -> tuple[str, ...]:
    return RRset(claim.key, claim.ttl, frozenset({value})).lines() if value else ()


def _write(claim: Claim, before: RRset | None, after: RRset) -> _Decision:
    entry = Entry(claim.key, claim.values, after.ttl, "written", claim.group, claim.mode)
    return _Decision(change=Change(before, after, claim.group, claim.reason), entry=entry)


def _satisfied(claim: Claim, live: RRset, entry: Entry | None) -> _Decision:
    origin = entry.origin if entry is not None and entry.values == claim.values else "adopted"
    kept = Entry(claim.key, claim.values, live.ttl, origin, claim.group, claim.mode)
    return _Decision(entry=kept)


def _conflict(claim: Claim, problem: Words, live: RRset | None) -> Conflict:
    wanted = RRset(claim.key, claim.ttl, claim.values).lines()
    there = live.lines() if live else ()
    return Conflict(claim.key, claim.group, claim.needed, problem, there, wanted)


def _ttl(claim: Claim, context: _Context) -> int:
    return context.capabilities.ttl(claim.ttl)


def _wildcard_above(key: RRKey, context: _Context) -> str | None:
    if not all(rrset.synthesised for rrset in context.snapshot.at(key.owner)):
        return None
    for ancestor in ancestors(key.owner, context.snapshot.zone):
        wildcard = wildcard_beside(ancestor)
        if any(rrset_key.owner == wildcard for rrset_key in context.covering):
            return name_text(wildcard)
    return None


def _kind(entry: Entry) -> str:
    """The kind of an entry's group: "dkim" for `dkim:example.com`."""
    return entry.group.partition(":")[0]


def forgotten(
    claims: Iterable[Claim],
    entries: Entries,
    retiring: str = "",
    leaving: frozenset[RRKey] = frozenset(),
) -> tuple[Note, ...]:
    """Notes on what we wrote once and no claim of any stage asks for now; it is left alone.

    retiring: kind of group that is no news, as it goes by itself in time (see unused_since).
    leaving: RRsets that somebody else tells of.
    """
    wanted = {claim.key for claim in claims}
    return tuple(
        Note(Words.of("dns.note.no_longer_wanted", key=entry.key))
        for entry in entries.values()
        if entry.key not in wanted | leaving
        and entry.origin == "written"
        and not (retiring and _kind(entry) == retiring)
    )


def unused_since(
    wanted: Iterable[Claim], entries: Entries, known: Mapping[RRKey, int], group: str, now: int
) -> dict[RRKey, int]:
    """Return since when each RRset of ours of a kind of group is not needed (Unix seconds).

    wanted: claims of every stage. known: what an earlier run found; a time in the future, from a
    clock that was wrong, counts from now. group: "dkim" for all groups `dkim:…`. Only what we
    wrote ourselves; what was adopted is somebody's.
    """
    keys = {claim.key for claim in wanted}
    return {
        entry.key: min(known.get(entry.key, now), now)
        for entry in entries.values()
        if _kind(entry) == group and entry.origin == "written" and entry.key not in keys
    }


def withdrawals(due: Iterable[RRKey], entries: Entries) -> tuple[Claim, ...]:
    """Return claims that take out what we wrote at these keys."""
    found = (entries[key] for key in due if key in entries)
    return tuple(_withdrawal(entry, "dns.reason.retired") for entry in found)


def removals(entries: Entries, unmerge: Callable[[Entry], Singleton]) -> tuple[Claim, ...]:
    """Return claims that take out all that we wrote and only that; MX comes first.

    unmerge: how what we added to a SINGLETON is taken out again.
    """
    ours = sorted(
        (entry for entry in entries.values() if entry.ours),
        key=lambda entry: (entry.key.rtype != "MX", entry.key),
    )
    return tuple(
        replace(
            _withdrawal(entry, "dns.reason.removed"),
            singleton=unmerge(entry) if entry.mode is ClaimMode.SINGLETON else None,
        )
        for entry in ours
    )


def takings_out(
    due: Iterable[RRKey], entries: Entries, unmerge: Callable[[Entry], Singleton]
) -> tuple[Claim, ...]:
    """Return claims that take out what we wrote at these keys; the ledger forgets them all.

    What was there before us stays in the zone. unmerge: as for `removals`.
    """
    found = (entries[key] for key in sorted(due) if key in entries)
    return tuple(
        replace(
            _withdrawal(entry, "dns.reason.removed"),
            singleton=unmerge(entry) if entry.mode is ClaimMode.SINGLETON else None,
        )
        for entry in found
    )


def _withdrawal(entry: Entry, reason: str) -> Claim:
    """A claim without values; of an RRset wholly ours, too, only what we wrote goes."""
    shared = ClaimMode.SINGLETON if entry.mode is ClaimMode.SINGLETON else ClaimMode.MEMBER
    return Claim(
        entry.key,
        shared,
        frozenset(),
        entry.ttl,
        entry.group,
        needed=False,
        reason=reason,
        stage="withdrawn",
    )


def undo(
    done: Iterable[Change], snapshot: Snapshot, keeps: Callable[[RRset], bool] | None = None
) -> Plan:
    """Plan the way back of recorded changes; what was edited since is a conflict.

    keeps: tells of a former RRset whether it must not come back.
    """
    changes, conflicts, notes = [], [], []
    for change in done:
        live = snapshot.get(change.key)
        if keeps and change.before is not None and keeps(change.before):
            notes.append(Note(Words.of("dns.note.not_undone", key=change.key)))
        elif same_values(live, change.after):
            changes.append(Change(live, change.before, change.group, "dns.reason.undo"))
        elif not same_values(live, change.before):
            there = live.lines() if live else ()
            wanted = change.before.lines() if change.before else ()
            problem = Words.of("dns.conflict.edited", key=change.key)
            conflicts.append(Conflict(change.key, change.group, False, problem, there, wanted))
    return Plan(tuple(changes), tuple(conflicts), tuple(notes))
