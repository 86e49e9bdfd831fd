"""Claims: what we want to be true of an RRset, without taking the rest of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dns_providers.rrset import RRKey, Value
from ground.words import Words


class ClaimMode(StrEnum):
    """How much of an RRset a claim is about."""

    EXCLUSIVE = "exclusive"  # the whole RRset is ours
    MEMBER = "member"  # our values must be among the others
    SINGLETON = "singleton"  # one value of its kind, merged with what is there (SPF)


@dataclass(frozen=True, slots=True)
class Merge:
    """What merging a singleton gave: the new value, or why there is none.

    `ours` is what we added, to be able to take it out again. `problem` (without the value
    `key`): the claim is a conflict; `value` is then what to have in its place, which is written
    only if it is `replaceable` and the user allows it. `value` None without a problem: nothing is
    left of it. `note` (without `key` too): what to know. `whole`: nothing of it is anybody else's.
    """

    value: Value | None
    ours: tuple[str, ...] = ()
    problem: Words | None = None
    replaceable: bool = False
    note: Words | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Singleton:
    """How a SINGLETON claim finds and merges its one value in a shared RRset.

    is_kind: tells whether a value is of this kind (`v=spf1`).
    merge: (existing values of the kind, terms the ledger says are ours) -> Merge.
    """

    is_kind: Callable[[Value], bool]
    merge: Callable[[tuple[Value, ...], tuple[str, ...]], Merge]


@dataclass(frozen=True, slots=True)
class Part:
    """What of an RRset's values nothing but its owner may change: of a key record, the key.

    of: a value's part, None of a value that has none. ours: the parts that may be written over.
    """

    of: Callable[[Value], str | None]
    ours: frozenset[str]

    def keeps(self, live: frozenset[Value]) -> bool:
        """Whether what is there has another part than ours."""
        return not {self.of(value) for value in live} <= self.ours


@dataclass(frozen=True, slots=True)
class Judged:
    """What is thought of a record of somebody else's; nothing is said of what will not do.

    note: it does what ours would, and this is told; its value `how` (to have ours) is put in later.
    problem: what is wrong with it. kept: those of its values that stand for ours.
    """

    note: Words | None = None
    problem: Words | None = None
    kept: frozenset[Value] = frozenset()


# What DNS shows at a key: nothing is an empty set, None is no answer.
Elsewhere = Mapping[RRKey, frozenset[Value] | None]


def _nothing_holds(found: Elsewhere) -> Judged:
    return Judged()


@dataclass(frozen=True, slots=True)
class Theirs:
    """When something of somebody else's does what a claim is for.

    judge: of the values at the claim's name. anywhere: it may be reached through an alias, a
    delegation or (unless `wildcards` is false) a wildcard, too; nothing of it is entered as ours.
    above: RRsets that hold for the name while it has none of its own. holds: of these; what it
    tells (or finds wrong) keeps ours from being made.
    """

    judge: Callable[[frozenset[Value]], Judged]
    anywhere: bool = False
    wildcards: bool = True
    above: tuple[RRKey, ...] = ()
    holds: Callable[[Elsewhere], Judged] = _nothing_holds


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that we want of one RRset.

    values: what must be there (for SINGLETON the value when nothing is there yet). A MEMBER or
    SINGLETON claim without values takes out what we wrote.
    ttl: wished TTL in seconds; alone it is never a reason to change, unless `enforce_ttl`.
    group: claims that make sense only together ("mx", "spf", "dkim"); a conflict blocks its group.
    needed: the server cannot work without the group; else its conflict lets the run go on.
    reason: message id of why the record is published, or empty.
    stage: the publishing stage it belongs to.
    only_if_free: an address that is wanted only where nobody else answers at the name; given up
    together with all others of the name.
    keeps: what of another value there is never written over, whoever wrote it and asks for it.
    theirs: when somebody else's record will do.
    """

    key: RRKey
    mode: ClaimMode
    values: frozenset[Value]
    ttl: int
    group: str
    needed: bool
    reason: str
    stage: str
    enforce_ttl: bool = False
    only_if_free: bool = False
    singleton: Singleton | None = field(default=None, compare=False, repr=False)
    keeps: Part | None = field(default=None, compare=False, repr=False)
    theirs: Theirs | None = field(default=None, compare=False, repr=False)
