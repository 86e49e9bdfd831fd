"""What a mail server remembers of its site: who wrote last, keys, records, users; no secret; pure.

The manifest is on the host, the state on the operator's machine. Each write to the host takes the
site's next number, so that of two copies of a state the older one is found out, whatever its files
say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import RRKey, Value, key_from_text, name_text
from dns_providers.text import value_text
from ground.errors import Told
from keys.rotation import Rotation
from keys.rotation_record import from_record, plain_name, to_record
from postmaster.settings import MailServer, Site

VERSION = 1


class ManifestError(Told):
    """What is on the host is no manifest, or one of a later version of ours."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who wrote a manifest.

    site: 32 hex digits, made once for each site. generation: the site's; each write takes the next
    one. mark: 16 hex digits, another for each write: two writers of one number are told apart.
    controller: user@machine, for people. time: UTC, by the controller's clock.
    """

    site: str
    generation: int
    mark: str
    controller: str
    time: datetime


@dataclass(frozen=True, slots=True)
class KeyInUse:
    """A key that mail is signed with, without its private part.

    name: in the store, which differs from the selector where the signer knows one only.
    fingerprint: SHA-256 of the public part, hex.
    """

    domain: str
    selector: str
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RecordMark:
    """What a zone's ledger holds of one RRset, the values as sums only.

    sums: of each value of the entry, SHA-256, hex. ours: those of them that we wrote. The others
    are as in the ledger's entry.
    """

    zone: str
    key: RRKey
    sums: tuple[str, ...]
    ours: tuple[str, ...]
    mode: ClaimMode
    group: str
    ttl: int
    origin: str
    terms: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class FormerMark:
    """A value, or a term of one, that is not wanted any more: since when (Unix seconds)."""

    zone: str
    key: RRKey
    text: str
    since: int


@dataclass(frozen=True, slots=True)
class Versions:
    """pmail, pmail_sha256: of the binary that is in use. ours: of this program."""

    pmail: str = ""
    pmail_sha256: str = ""
    ours: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a manifest says of its server; it is written anew only where this is no longer true.

    host: inventory name. machine: /etc/machine-id. domains: the primary first. revoked:
    fingerprints of keys that have leaked. users: accounts that we made. Neither are ever fewer than
    before, but where another database took the place of theirs. paused: message id of why mail is
    paused. rotations: those going on. records, former: of the zones of its domains and of what
    leaves, without those of other servers' domains.
    """

    host: str
    machine: str
    address: str
    outbound: str
    domains: tuple[str, ...]
    keys: tuple[KeyInUse, ...]
    revoked: tuple[str, ...]
    users: tuple[str, ...]
    admin: str
    versions: Versions
    paused: str | None
    rotations: tuple[Rotation, ...]
    records: tuple[RecordMark, ...]
    former: tuple[FormerMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest. email: the highest id of a message that was in the database at that write."""

    stamp: Stamp
    facts: Facts
    email: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest is made of, besides the inventory.

    keys: in use, as the store has them. leaked: fingerprints. rotations: of the whole site, going
    on. ledgers: by zone. before: what the host's manifest says now.
    """

    machine: str
    keys: tuple[KeyInUse, ...] = ()
    leaked: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    versions: Versions = field(default_factory=Versions)
    rotations: tuple[Rotation, ...] = ()
    ledgers: Mapping[str, LedgerState] = field(default_factory=dict)
    before: Facts | None = None


def wanted(site: Site, server: MailServer, known: Known) -> Facts:
    """Return what a server's manifest has to say."""
    rotations = tuple(each for each in known.rotations if _is_of(each, server))
    revoked = known.before.revoked if known.before else ()
    users = known.before.users if known.before else ()
    return Facts(
        host=server.host,
        machine=known.machine,
        address=server.ipv4,
        outbound=server.outbound,
        domains=tuple(each.name for each in server.domains),
        keys=tuple(sorted(known.keys, key=lambda each: (each.domain, each.selector))),
        revoked=tuple(sorted({*revoked, *known.leaked})),
        users=tuple(sorted({*users, *known.users})),
        admin=server.admin_account,
        versions=known.versions,
        paused="rotation.paused" if any(each.paused for each in rotations) else None,
        rotations=tuple(sorted(rotations, key=lambda each: each.domain)),
        records=tuple(
            mark_of(zone, state.entries[key])
            for zone, state, mine in _zones(site, server, known.ledgers)
            for key in sorted(state.entries)
            if mine(key)
        ),
        former=tuple(
            FormerMark(zone, key, text, since)
            for zone, state, mine in _zones(site, server, known.ledgers)
            for (key, text), since in sorted(state.former.items())
            if mine(key)
        ),
    )


def _is_of(rotation: Rotation, server: MailServer) -> bool:
    named = rotation.server == server.host  # the inventory may have its domain no more
    return named or rotation.domain in {each.name for each in server.domains}


def zones_of(site: Site, server: MailServer) -> tuple[str, ...]:
    """Return the zones that a server's host remembers records of: of its domains, and of what
    leaves and was its own, or nobody's.
    """
    left = {each.zone for each in site.leaving if each.server in ("", server.host)}
    return tuple(sorted({each.zone for each in server.domains} | left))


def _zones(
    site: Site, server: MailServer, ledgers: Mapping[str, LedgerState]
) -> Iterable[tuple[str, LedgerState, Callable[[RRKey], bool]]]:
    """Zones with their ledgers, and which of their RRsets are no other server's."""
    owners = {each.name: owner.host for owner in site.servers for each in owner.domains}

    def mine(key: RRKey) -> bool:
        return owners.get(_domain_of(key, owners), server.host) == server.host

    return [(each, ledgers.get(each, LedgerState()), mine) for each in zones_of(site, server)]


def _domain_of(key: RRKey, domains: Iterable[str]) -> str:
    """The nearest domain at or above an owner name, "" where there is none."""
    owner = name_text(key.owner)
    above = [each for each in domains if owner == each or owner.endswith(f".{each}")]
    return max(above, key=len, default="")


def mark_of(zone: str, entry: Entry) -> RecordMark:
    """Return what stands for an entry of a zone's ledger."""
    return RecordMark(
        zone,
        entry.key,
        _sums(entry.values, entry.key),
        _sums(entry.written, entry.key),
        entry.mode,
        entry.group,
        entry.ttl,
        entry.origin,
        entry.terms,
        entry.whole,
    )


def _sums(values: Iterable[Value], key: RRKey) -> tuple[str, ...]:
    return tuple(sorted(value_sum(value, key.rtype) for value in values))


def value_sum(value: Value, rtype: str) -> str:
    """Return what stands for one value of a record (SHA-256 of its presentation format, hex)."""
    return hashlib.sha256(value_text(value, rtype).encode()).hexdigest()


# -- as a file ---------------------------------------------------------------------------------


def dump(manifest: Manifest) -> bytes:
    """Return a manifest as the file on the host."""
    facts, stamp = manifest.facts, manifest.stamp
    record = {
        "version": VERSION,
        "stamp": {**asdict(stamp), "time": stamp.time.isoformat(timespec="seconds")},
        "facts": {
            **{name: getattr(facts, name) for name in _PLAIN},
            "keys": [asdict(each) for each in facts.keys],
            "versions": asdict(facts.versions),
            "rotations": [to_record(each) for each in facts.rotations],
            "records": [_mark_to(each) for each in facts.records],
            "former": [{**asdict(each), "key": str(each.key)} for each in facts.former],
        },
        "email": manifest.email,
    }
    return json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


_PLAIN = (
    "host",
    "machine",
    "address",
    "outbound",
    "domains",
    "revoked",
    "users",
    "admin",
    "paused",
)


def parse(text: str) -> Manifest:
    """Return the manifest of a file on a host. Raises ManifestError."""
    try:
        record = json.loads(text)
        version = record["version"]
    except (ValueError, LookupError, TypeError):
        raise ManifestError("manifest.damaged") from None
    if version != VERSION:
        raise ManifestError("manifest.version", version=version)
    try:
        return Manifest(
            _stamp_from(record["stamp"]), _facts_from(record["facts"]), int(record["email"])
        )
    # Names and types of records raise errors of dnspython's own.
    except Exception:
        raise ManifestError("manifest.damaged") from None


def _stamp_from(record: dict[str, Any]) -> Stamp:
    time = datetime.fromisoformat(_text(record["time"]))
    if time.tzinfo is None:
        raise ValueError("a time of no zone")
    texts = (_text(record[name]) for name in ("site", "mark", "controller"))
    site, mark, controller = texts
    return Stamp(site, int(record["generation"]), mark, controller, time)


def _facts_from(record: dict[str, Any]) -> Facts:
    return Facts(
        host=_text(record["host"]),
        machine=_text(record["machine"]),
        address=_text(record["address"]),
        outbound=_text(record["outbound"]),
        domains=_names(record["domains"]),
        keys=tuple(_key_from(each) for each in _list(record["keys"])),
        revoked=_texts(record["revoked"]),
        users=_names(record["users"]),
        admin=plain_name(record["admin"]),
        versions=Versions(**_named(record["versions"])),
        paused=None if record["paused"] is None else _text(record["paused"]),
        rotations=tuple(from_record(each) for each in _list(record["rotations"])),
        records=tuple(_mark_from(each) for each in _list(record["records"])),
        former=tuple(_former_from(each) for each in _list(record["former"])),
    )


def _key_from(record: dict[str, Any]) -> KeyInUse:
    found = KeyInUse(**_named(record))
    plain_name(found.domain), plain_name(found.selector), plain_name(found.name)
    return found


def _mark_to(mark: RecordMark) -> dict[str, object]:
    return {
        "zone": mark.zone,
        "key": str(mark.key),
        "sums": list(mark.sums),
        "ours": list(mark.ours),
        "mode": mark.mode.value,
        "group": mark.group,
        "ttl": mark.ttl,
        "origin": mark.origin,
        "terms": list(mark.terms),
        "whole": mark.whole,
    }


def _mark_from(record: dict[str, Any]) -> RecordMark:
    return RecordMark(
        zone=plain_name(record["zone"]),
        key=key_from_text(_text(record["key"])),
        sums=_texts(record["sums"]),
        ours=_texts(record["ours"]),
        mode=ClaimMode(record["mode"]),
        group=_text(record["group"]),
        ttl=_ttl(record["ttl"]),
        origin=_origin(record["origin"]),
        terms=_texts(record["terms"]),
        whole=bool(record["whole"]),
    )


def _ttl(value: Any) -> int:
    if not 0 <= int(value) < 1 << 31:  # RFC 2181 section 8
        raise ValueError("no TTL")
    return int(value)


def _origin(value: object) -> str:
    if value not in ("written", "adopted"):
        raise ValueError("no origin")
    return str(value)


def _former_from(record: dict[str, Any]) -> FormerMark:
    zone, key, text = plain_name(record["zone"]), _text(record["key"]), _text(record["text"])
    return FormerMark(zone, key_from_text(key), text, int(record["since"]))


def _text(value: object) -> str:
    """What may be shown: a host is somebody else's once it is broken into."""
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("no text")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _names(value: object) -> tuple[str, ...]:
    return tuple(plain_name(each) for each in _list(value))


def _named(record: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(value) for name, value in record.items()}


# -- compared with the state -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostKnown:
    """What the state knows of a host's manifest.

    generation, mark: as we wrote it last, 0 and "" before that. pending: the mark of a write that
    was about to be made. time: of the last write, ISO 8601.
    """

    generation: int
    mark: str
    pending: str | None
    machine: str
    address: str
    domains: tuple[str, ...]
    time: str


def known_of(facts: Facts, stamp: Stamp) -> HostKnown:
    """Return what the state knows of a manifest that has been written."""
    when = stamp.time.isoformat(timespec="seconds")
    return HostKnown(
        stamp.generation, stamp.mark, None, facts.machine, facts.address, facts.domains, when
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """Which site a state is of. generation: of its last write; hosts: by inventory name."""

    site: str
    generation: int
    hosts: Mapping[str, HostKnown] = field(default_factory=dict)


class Standing(StrEnum):
    """How a host's manifest and the state stand to each other.

    NEW        nothing of ours is there yet
    SAME       the state is the one that was written from last
    UNTOLD     ours, from a version that wrote no manifest yet
    NO_STATE   ours, and the state knows nothing of it
    OLDER_STATE  written since, from another copy of the state
    OLDER_HOST   the host was put back to an earlier day
    OTHER_SITE   another site's
    OTHER_HOST   another machine, or one set up anew, in the place of one of ours
    LOST       ours, its manifest is gone
    """

    NEW = "new"
    SAME = "same"
    UNTOLD = "untold"
    NO_STATE = "no_state"
    OLDER_STATE = "newer"
    OLDER_HOST = "older"
    OTHER_SITE = "other_site"
    OTHER_HOST = "other_host"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of a host. deployed: our unit is there."""

    manifest: Manifest | None
    deployed: bool


def standing(identity: Identity | None, host: str, seen: Look, *, traces: bool) -> Standing:
    """Return how a host and the state stand to each other.

    identity: the state's, None where it has none. host: inventory name. traces: the state has a
    ledger or a key of the host's domains.
    """
    if seen.manifest is None:
        return _without(_known(identity, host), seen, traces=traces)
    if identity is None:
        return Standing.NO_STATE
    stamp = seen.manifest.stamp
    if stamp.site != identity.site:
        return Standing.OTHER_SITE
    if any(stamp.mark in (each.mark, each.pending) for each in identity.hosts.values()):
        return Standing.SAME  # under another name in the inventory, too
    known = _known(identity, host)
    if known is None or stamp.generation >= known.generation:
        return Standing.OLDER_STATE
    return Standing.OLDER_HOST


def _without(known: HostKnown | None, seen: Look, *, traces: bool) -> Standing:
    if known is not None:
        return Standing.LOST if seen.deployed else Standing.OTHER_HOST
    if not seen.deployed:
        return Standing.NEW
    return Standing.UNTOLD if traces else Standing.NO_STATE


def _known(identity: Identity | None, host: str) -> HostKnown | None:
    """What the state knows of a manifest that was written once."""
    known = identity.hosts.get(host) if identity else None
    return known if known is not None and known.mark else None
