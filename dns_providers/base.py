"""What every DNS provider adapter offers, and the errors it may raise.

ProviderError
├── AuthError        credentials refused, or not enough rights
├── ZoneNotFound     the provider does not serve this zone
├── Stale            an RRset changed between reading and writing; nothing was written
├── Rejected         the provider refused a change for what it contains
├── RateLimited      too many calls; `retry_after` in seconds
├── Unreachable      no answer: the outcome of a write is unknown until it is read again
└── PartialApply     some records are written and some are not; `cause` says why

Each says why in the words of its root, see `ground.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import ClassVar, Generic, Literal, Protocol, TypeVar

import dns.name

from dns_providers.rrset import Other, RRKey, RRset, related_names, same_values
from dns_providers.text import value_from_text
from ground.errors import Told
from ground.words import Words


class ProviderError(Told):
    """A DNS provider could not do what was asked."""


class AuthError(ProviderError):
    """The credentials were refused, or lack a right."""


class ZoneNotFound(ProviderError):
    """The provider does not serve the zone."""


class Stale(ProviderError):
    """An RRset is not what it was when the change was planned; nothing was written."""


class Rejected(ProviderError):
    """The provider refused the change."""


class RateLimited(ProviderError):
    """The provider asks to come back later."""


class Unreachable(ProviderError):
    """No answer from the provider; whether a write was carried out must be read."""


class PartialApply(ProviderError):
    """An API without transactions failed on the way: the next run reads, and goes on from there.

    cause: what stopped it. done, total: records written and to be written.
    """

    def __init__(self, cause: ProviderError, done: int, total: int) -> None:
        super().__init__("dns.error.partial", cause=cause, done=done, total=total)
        self.cause = cause


# Takes what there is to say while something takes long.
Tell = Callable[[Words], None]


def tell_nobody(words: Words) -> None:
    """Nobody is there to be told."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an adapter's API can do.

    atomic: what one call changes all or nothing. cas: whether preconditions are checked by the
    server or by reading again. TTLs in seconds, TXT limits in octets (None: no known limit).
    mx_range: lowest and highest preference of an MX. txt_forbidden: octets that a TXT must not
    have. txt_trimmed: whether spaces at a TXT's ends get lost, and an empty one is refused.
    by_hand: nothing is written by us; the user enters it in the web panel `panel` (see export).
    beside_apex_alias: types that the zone's apex can have beside an alias. apex_alias_hides: the
    provider answers with the alias itself, not with its target's addresses; a resolver that
    remembers it may look for all else at the target. ask_min_ttl: asks for the lowest TTL, where
    that takes a call; `min_ttl` is then one that is taken in any case.
    """

    atomic: Literal["zone", "rrset", "record"]
    cas: Literal["native", "reread"]
    min_ttl: int = 1
    max_ttl: int = 2**31 - 1
    max_txt: int | None = None
    mx_range: tuple[int, int] = (0, 65535)
    txt_forbidden: frozenset[int] = frozenset()
    txt_trimmed: bool = False
    by_hand: bool = False
    panel: str = "generic"
    beside_apex_alias: frozenset[str] = frozenset()
    apex_alias_hides: bool = False
    ask_min_ttl: Callable[[], int] | None = field(default=None, compare=False, repr=False)

    def ttl(self, wish: int) -> int:
        """Return what a TTL can be that is to be `wish`, in seconds. Raises ProviderError."""
        lowest = self.min_ttl
        if wish < lowest and self.ask_min_ttl:
            lowest = self.ask_min_ttl()
        return min(max(wish, lowest), self.max_ttl)


@dataclass(frozen=True, slots=True)
class Change:
    """One RRset's way from `before` (the precondition) to `after`; None means absent."""

    before: RRset | None
    after: RRset | None
    group: str
    reason: str = ""

    @property
    def key(self) -> RRKey:
        """Owner name and type of the RRset."""
        rrset = self.after or self.before
        if rrset is None:
            raise ValueError("a change needs a before or an after")
        return rrset.key


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the provider showed: complete for every owner name in `names`, all types.

    `covering` holds, for other names that matter, what is there: CNAME, DNAME and NS at ancestors
    inside the zone, and wildcards that would answer for a name in `names`. asked: when it was
    asked for, in seconds of `time.monotonic`. whole: all of the zone, where all was read.
    """

    zone: dns.name.Name
    names: frozenset[dns.name.Name]
    rrsets: dict[RRKey, RRset]
    covering: tuple[RRset, ...] = field(default=())
    asked: float = field(default=0.0, compare=False)
    whole: Mapping[RRKey, RRset] | None = field(default=None, compare=False, repr=False)

    def of(self, names: frozenset[dns.name.Name]) -> Snapshot | None:
        """What this shows of other names; None where it does not know."""
        if self.whole is not None:
            return _narrow(self.zone, names, self.whole, self.asked)
        if not names <= self.names:
            return None
        shown = {**{each.key: each for each in self.covering}, **self.rrsets}
        return replace(_narrow(self.zone, names, shown, self.asked), whole=None)

    def get(self, key: RRKey) -> RRset | None:
        """The RRset at `key`, if there is one."""
        return self.rrsets.get(key)

    def at(self, owner: dns.name.Name) -> tuple[RRset, ...]:
        """All RRsets at an owner name."""
        return tuple(r for k, r in self.rrsets.items() if k.owner == owner)


def snapshot_of(
    zone: dns.name.Name, names: frozenset[dns.name.Name], rrsets: Iterable[RRset]
) -> Snapshot:
    """Return the snapshot of `names` out of a whole zone's RRsets."""
    return _narrow(zone, names, {each.key: each for each in rrsets})


def _narrow(
    zone: dns.name.Name,
    names: frozenset[dns.name.Name],
    whole: Mapping[RRKey, RRset],
    asked: float = 0.0,
) -> Snapshot:
    own = {key: each for key, each in whole.items() if key.owner in names}
    related = related_names(names, zone) - {zone}
    covering = tuple(
        each for key, each in whole.items() if key.owner in related and not each.synthesised
    )
    return Snapshot(zone, names, own, covering, asked, whole)


FRESH = 1.0  # seconds that what was read may stand for what is there, right before a write
T = TypeVar("T")


@dataclass(slots=True)
class Recent(Generic[T]):
    """What an API without preconditions showed last: what is to be read before a write again.

    While it is fresh it is not read twice: between the second read and the write somebody could
    be faster as well.
    """

    _value: T | None = field(default=None, init=False, repr=False)
    _asked: float = field(default=0.0, init=False)

    @property
    def asked(self) -> float:
        """When it was asked for, in seconds of `time.monotonic`."""
        return self._asked

    def read(self, get: Callable[[], T]) -> T:
        """Ask, and remember what comes."""
        self._value, asked = None, monotonic()
        value = get()
        self._value, self._asked = value, asked
        return value

    def used_up(self, get: Callable[[], T]) -> T:
        """Return what was shown last, while it is fresh; else ask. A write makes it old."""
        value, self._value = self._value, None
        if value is None or not is_fresh(self._asked):
            return get()
        return value


def is_fresh(asked: float) -> bool:
    """Whether what was asked for then is still what is there, as far as an API can say."""
    return monotonic() - asked < FRESH


def kept_apex(
    zone: dns.name.Name, servers: Sequence[str], mailbox: str, soa_ttl: int
) -> Iterator[RRset]:
    """Give NS and SOA of the apex of a zone whose provider keeps them to itself.

    mailbox: the SOA's, as the provider has it. soa_ttl: seconds.
    """
    names = frozenset(value_from_text(f"{each.rstrip('.')}.", "NS") for each in servers)
    if names:
        yield RRset(RRKey(zone, "NS"), 86400, names, opaque=True)
    soa = f"{servers[0] if servers else '.'} {mailbox}"
    yield RRset(RRKey(zone, "SOA"), soa_ttl, frozenset({Other(soa.encode(), soa)}), opaque=True)


def refuse_stale(changes: Iterable[Change], there: Mapping[RRKey, RRset]) -> None:
    """For APIs without preconditions: raise Stale where what is there is not what was planned.

    What became opaque meanwhile counts as changed: its records are not what its values say.
    """
    stale = [c.key for c in changes if not _unchanged(there.get(c.key), c.before)]
    if stale:
        keys = ", ".join(map(str, stale))
        raise Stale("dns.error.stale", keys=keys)


def _unchanged(live: RRset | None, before: RRset | None) -> bool:
    return same_values(live, before) and (live is None or not live.opaque)


class Provider(Protocol):
    """A DNS provider, opened for one zone."""

    slug: ClassVar[str]

    @property
    def zone(self) -> dns.name.Name:
        """The zone's apex."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """Limits and guarantees of this provider."""
        ...

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read all RRsets of the given owner names. Raises ProviderError."""
        ...

    def apply(self, changes: Sequence[Change]) -> Snapshot | None:
        """Carry out changes, each only if its `before` still holds. Raises ProviderError.

        Returns what is there now, where the answer says it; else it has to be read.
        """
        ...

    def wait_accepted(self, tell: Tell) -> None:
        """Wait until what was accepted is carried out; returns at once where a write is.

        tell: gets the progress of a long wait. Raises ProviderError.
        """
        ...

    def settle(self) -> None:
        """Make sure that what is written is served; called after a run that was killed."""
        ...
