"""RRsets whose values are parsed data: a TXT is one byte string, a name an absolute A-label name.

Presentation format, quoting and 255-octet strings exist in :func:`to_rdata` / :func:`from_rdata`
and in the adapters, nowhere else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TypeAlias

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.CAA
import dns.rdtypes.ANY.CNAME
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.TXT
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.SRV

from ground.shown import one_line
from ground.words import Words

_STRING_MAX = 255  # RFC 1035 section 3.3: a character-string is at most 255 octets


_KEPT = 8192  # names and values whose parsed form is remembered: a run sees each many times


@lru_cache(_KEPT)
def owner_name(text: str) -> dns.name.Name:
    """Return `text` (A-labels, with or without the final dot) as an absolute lower-case name.

    Raises dns.exception.DNSException for what is no domain name (RFC 1035 section 2.3.4).
    """
    return dns.name.from_text(text, dns.name.root, idna_codec=None).canonicalize()


def name_text(name: dns.name.Name) -> str:
    """Return a name as people write it: no final dot."""
    return name.to_text(omit_final_dot=True)


def host_text(name: dns.name.Name) -> str:
    """Return a target as web APIs want it: no final dot, but the root is one."""
    return "." if name == dns.name.root else name_text(name)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The value of an A or AAAA record, in its canonical text form."""

    address: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", str(ipaddress.ip_address(self.address)))

    @property
    def rtype(self) -> str:
        """`A` or `AAAA`."""
        return "AAAA" if ":" in self.address else "A"

    def __str__(self) -> str:
        return self.address


@dataclass(frozen=True, slots=True)
class Target:
    """The value of a CNAME or PTR record."""

    name: dns.name.Name

    def __str__(self) -> str:
        return self.name.to_text()


# As presentation format has octets that are not seen (RFC 1035 section 5.1).
_CONTROLS = {octet: f"\\{octet:03d}" for octet in (*range(32), 127)}


@dataclass(frozen=True, slots=True, order=True)
class TXT:
    """The value of a TXT record: its character-strings joined (RFC 7208 section 3.3)."""

    data: bytes

    def __str__(self) -> str:
        shown = self.data.decode("ascii", "backslashreplace")
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted.translate(_CONTROLS)}"'


@dataclass(frozen=True, slots=True)
class MX:
    """The value of an MX record."""

    preference: int
    exchange: dns.name.Name

    def __str__(self) -> str:
        return f"{self.preference} {self.exchange.to_text()}"


@dataclass(frozen=True, slots=True)
class SRV:
    """The value of an SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: dns.name.Name

    def __str__(self) -> str:
        return f"{self.priority} {self.weight} {self.port} {self.target.to_text()}"


@dataclass(frozen=True, slots=True)
class CAA:
    """The value of a CAA record (RFC 8659)."""

    flags: int
    tag: str
    value: bytes

    def __str__(self) -> str:
        shown = self.value.decode("ascii", "backslashreplace").translate(_CONTROLS)
        return f'{self.flags} {one_line(self.tag)} "{shown}"'


@dataclass(frozen=True, slots=True)
class Other:
    """A value of a type we never write: its RFC 3597 wire data, kept as it is."""

    wire: bytes
    text: str = field(compare=False)

    def __str__(self) -> str:
        return one_line(self.text)


Value: TypeAlias = Address | Target | TXT | MX | SRV | CAA | Other


@dataclass(frozen=True, slots=True)
class RRKey:
    """What identifies an RRset in a zone: owner name and type."""

    owner: dns.name.Name
    rtype: str
    # dnspython goes through a name octet by octet, and a key is looked up again and again.
    _octets: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        labels = tuple(label.lower() for label in self.owner.labels)
        if labels != self.owner.labels:
            object.__setattr__(self, "owner", self.owner.canonicalize())
        object.__setattr__(self, "rtype", self.rtype.upper())
        object.__setattr__(self, "_octets", (self.rtype, *labels))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RRKey) and self._octets == other._octets

    def __hash__(self) -> int:
        return hash(self._octets)

    def __str__(self) -> str:
        return f"{name_text(self.owner)}/{self.rtype}"

    def __lt__(self, other: RRKey) -> bool:
        return (self.owner, self.rtype) < (other.owner, other.rtype)


def key(owner: str, rtype: str) -> RRKey:
    """Return the key for an owner name written in A-labels."""
    return RRKey(owner_name(owner), rtype)


@dataclass(frozen=True, slots=True)
class RRset:
    """All values of one owner name and type, with their TTL in seconds (RFC 2181 section 5).

    `opaque` marks what a provider shows but a plain RRset cannot say (alias, weighted, proxied):
    it is never changed; `special` says what it is and how it is made plain. `handles` maps a value
    to the provider's record id. `synthesised`: seen by asking, and the same as what a wildcard
    gives (RFC 4592): probably there is no such record.
    """

    key: RRKey
    ttl: int
    values: frozenset[Value]
    opaque: bool = False
    handles: tuple[tuple[Value, str], ...] = field(default=(), compare=False, repr=False)
    synthesised: bool = field(default=False, compare=False)
    special: Words | None = field(default=None, compare=False, repr=False)

    def lines(self) -> tuple[str, ...]:
        """One line for each value, in presentation format, sorted."""
        owner = name_text(self.key.owner)
        return tuple(
            sorted(f"{owner} {self.ttl} IN {self.key.rtype} {value}" for value in self.values)
        )


@lru_cache(_KEPT)
def key_from_text(text: str) -> RRKey:
    """Return the key of `owner/TYPE`, as str() of a key gives it."""
    owner, _, rtype = text.rpartition("/")
    return key(owner, rtype)


def rrset(owner: str, rtype: str, ttl: int, *values: Value) -> RRset:
    """Return an RRset for an owner name written in A-labels."""
    return RRset(key(owner, rtype), ttl, frozenset(values))


@lru_cache(_KEPT)
def to_rdata(value: Value, rtype: str) -> dns.rdata.Rdata:
    """Return `value` as dnspython rdata; a TXT is cut into 255-octet character-strings."""
    cls = dns.rdataclass.IN
    kind = dns.rdatatype.from_text(rtype)
    match value:
        case Address(address=address) if rtype == "A":
            return dns.rdtypes.IN.A.A(cls, kind, address)
        case Address(address=address):
            return dns.rdtypes.IN.AAAA.AAAA(cls, kind, address)
        case Target(name=name) if rtype == "PTR":
            return dns.rdtypes.ANY.PTR.PTR(cls, kind, name)
        case Target(name=name):
            return dns.rdtypes.ANY.CNAME.CNAME(cls, kind, name)
        case TXT(data=data):
            return dns.rdtypes.ANY.TXT.TXT(cls, kind, character_strings(data))
        case MX(preference=preference, exchange=exchange):
            return dns.rdtypes.ANY.MX.MX(cls, kind, preference, exchange)
        case SRV(priority=priority, weight=weight, port=port, target=target):
            return dns.rdtypes.IN.SRV.SRV(cls, kind, priority, weight, port, target)
        case CAA(flags=flags, tag=tag, value=data):
            return dns.rdtypes.ANY.CAA.CAA(cls, kind, flags, tag.encode("ascii"), data)
        case Other(wire=wire):
            return dns.rdata.from_wire(cls, kind, wire, 0, len(wire))


def from_rdata(rdata: dns.rdata.Rdata) -> Value:
    """Return dnspython rdata as a value; a type that we never write becomes `Other`."""
    match rdata:
        case dns.rdtypes.IN.A.A(address=address) | dns.rdtypes.IN.AAAA.AAAA(address=address):
            return Address(address)
        case dns.rdtypes.ANY.CNAME.CNAME(target=target) | dns.rdtypes.ANY.PTR.PTR(target=target):
            return Target(target.canonicalize())
        case dns.rdtypes.ANY.TXT.TXT(strings=strings):
            return TXT(b"".join(strings))
        case dns.rdtypes.ANY.MX.MX(preference=preference, exchange=exchange):
            return MX(preference, exchange.canonicalize())
        case dns.rdtypes.IN.SRV.SRV(priority=priority, weight=weight, port=port, target=target):
            return SRV(priority, weight, port, target.canonicalize())
        case dns.rdtypes.ANY.CAA.CAA(flags=flags, tag=tag, value=data):
            return CAA(flags, tag.decode("ascii").lower(), data)
    return Other(rdata.to_digestable(dns.name.root) or b"", rdata.to_text())


def texts_as_seen(rrset: RRset, live: RRset | None, text: Callable[[Value, str], str]) -> list[str]:
    """Return a text for each of an RRset's values: that of `live` where it has the value.

    live: what is there, its handles texts of values; a value may have several (a TXT cut in two
    ways). text: that of a value which is new, by value and type.
    """
    seen = live.handles if live else ()
    kept = [said for value, said in seen if value in rrset.values]
    new = rrset.values - {value for value, _ in seen}
    return kept + [text(value, rrset.key.rtype) for value in new]


def from_rdataset(owner: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> RRset:
    """Return the RRset of an owner name and dnspython's rdataset."""
    rrset_key = RRKey(owner, dns.rdatatype.to_text(rdataset.rdtype))
    return RRset(rrset_key, rdataset.ttl, frozenset(from_rdata(rdata) for rdata in rdataset))


def same_values(one: RRset | None, other: RRset | None) -> bool:
    """Whether two RRsets hold the same values; absent equals absent only. TTLs do not count.

    What a wildcard gives counts as absent where the other is.
    """
    if one is None or other is None:
        return all(each is None or each.synthesised for each in (one, other))
    return one.values == other.values


def ancestors(owner: dns.name.Name, zone: dns.name.Name) -> list[dns.name.Name]:
    """Return `owner` and the names above it, down to but without the zone's apex."""
    depth = len(owner.labels) - len(zone.labels) if owner.is_subdomain(zone) else 0
    names = []
    for _ in range(depth):
        names.append(owner)
        owner = owner.parent()
    return names


def wildcard_beside(owner: dns.name.Name) -> dns.name.Name:
    """Return the wildcard that would answer for `owner` (RFC 4592)."""
    return dns.name.Name((b"*", *owner.parent().labels))


def related_names(names: Iterable[dns.name.Name], zone: dns.name.Name) -> set[dns.name.Name]:
    """Return ancestors of `names` inside the zone, the names themselves, wildcards beside them."""
    above = {ancestor for owner in names for ancestor in ancestors(owner, zone)}
    return above | {wildcard_beside(ancestor) for ancestor in above}


def marked_synthesised(found: Iterable[RRset], covering: Iterable[RRset]) -> tuple[RRset, ...]:
    """Mark the RRsets of names that show nothing but what a wildcard among `covering` gives."""
    every = tuple(found)
    wild = [each for each in covering if each.key.owner.is_wild()]
    own = {each.key.owner for each in every if not _by_wildcard(each, wild)}
    return tuple(
        each if each.key.owner in own else replace(each, synthesised=True) for each in every
    )


def _by_wildcard(rrset: RRset, wild: Iterable[RRset]) -> bool:
    owner = rrset.key.owner
    return any(
        owner != each.key.owner
        and owner.is_subdomain(each.key.owner.parent())
        and (each.key.rtype, each.ttl, each.values) == (rrset.key.rtype, rrset.ttl, rrset.values)
        for each in wild
    )


def character_strings(data: bytes) -> tuple[bytes, ...]:
    """Cut a TXT value into the character-strings of its wire form (at most 255 octets each)."""
    cuts = range(0, max(len(data), 1), _STRING_MAX)
    return tuple(data[at : at + _STRING_MAX] for at in cuts)
