"""Claims: what we want to be true of an RRset, without taking the rest of it."""

from __future__ import annotations

from collections.abc import Callable
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
class Claim:
    """One thing that we want of one RRset.

    values: what must be there (for SINGLETON the value when nothing is there yet). A MEMBER or
    SINGLETON claim without values takes out what we wrote.
    ttl: wished TTL in seconds; alone it is never a reason to change, unless `enforce_ttl`.
    group: claims that make sense only together ("mx", "spf", "dkim"); a conflict blocks its group.
    needed: the server cannot work without the group; else its conflict lets the run go on.
    reason: message id of why the record is published, or empty.
    stage: the publishing stage it belongs to.
    keeps: what of another value there is never written over, whoever wrote it and asks for it.
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
    only_if_free: bool = False  # leave a foreign RRset alone without calling it a conflict
    singleton: Singleton | None = field(default=None, compare=False, repr=False)
    keeps: Part | None = field(default=None, compare=False, repr=False)
