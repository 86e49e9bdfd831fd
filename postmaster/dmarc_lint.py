"""What people write into DMARC records, what receivers make of it, and how it is written well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from postmaster import dmarc, pasted
from postmaster.dmarc import POLICIES, DmarcRecord, DmarcSyntaxError
from postmaster.pasted import Mishap

REMOVED = ("pct", "rf", "ri")  # by RFC 9989
_VALUES = {
    "adkim": re.compile("[rs]", re.I),
    "aspf": re.compile("[rs]", re.I),
    "t": re.compile("[yn]", re.I),
    "psd": re.compile("[ynu]", re.I),
    "fo": re.compile(r"[01ds](?:\s*:\s*[01ds])*", re.I),
}
# As RFC 9989 section 4.7 lists them; older readers want `p` second (RFC 7489 section 6.3).
_ORDER = ("v", "p", "sp", "np", "t", "psd", "adkim", "aspf", "rua", "ruf", "fo")
_TAG = re.compile(r"[a-z]+")
_MAIL = re.compile(r"mailto:[^@\s]+@[^@\s]+", re.I)
_PRINTABLE = re.compile("[\x20-\x7e]+")
_SIZE = re.compile(r"(?:\s*!\d+[kmgt]?)+$", re.I)


class Flaw(StrEnum):
    """What is wrong with a record that receivers heed all the same."""

    NO_POLICY = "no_policy"  # `none`, to readers of RFC 9989; older ones may heed nothing
    ORDER = "order"  # `p` is not second: older readers heed nothing
    REMOVED = "removed"  # tags of RFC 7489 that RFC 9989 has no more
    UNKNOWN = "unknown"  # ignored
    VALUE = "value"  # ignored: the default holds
    SIZE = "size"  # a limit behind an address: ignored


def flaws(record: DmarcRecord) -> tuple[tuple[Flaw, str], ...]:
    """Return what is wrong, each with the tag that it is about."""
    return tuple(_flaws(record))


def _flaws(record: DmarcRecord) -> Iterator[tuple[Flaw, str]]:
    names = [name for name, _ in record.tags]
    if "p" not in names:
        yield Flaw.NO_POLICY, "p"
    elif names[1] != "p":
        yield Flaw.ORDER, "p"
    for name, value in record.tags:
        if name in REMOVED:
            yield Flaw.REMOVED, name
        elif name not in _ORDER:
            yield Flaw.UNKNOWN, name
        elif name in _VALUES and not _VALUES[name].fullmatch(value):
            yield Flaw.VALUE, f"{name}={value}"
        if name in ("rua", "ruf") and any(map(_SIZE.search, _addresses(value))):
            yield Flaw.SIZE, name


def _addresses(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]


def rewritten(record: DmarcRecord) -> str:
    """Return a record that says the same to readers of RFC 9989 and of RFC 7489.

    What RFC 9989 has removed, what is unknown, and what is not valid is left out.
    """
    tags = dict(record.tags) | {"p": record.policy}
    shown = {
        name: tags[name]
        for name in _ORDER
        if name in tags
        and _PRINTABLE.fullmatch(tags[name])
        and (name not in _VALUES or _VALUES[name].fullmatch(tags[name]))
    }
    for name in ("rua", "ruf"):
        if name in shown:
            bare = (_SIZE.sub("", each).strip() for each in _addresses(shown[name]))
            shown[name] = ",".join(filter(None, bare))
    return "; ".join(f"{name}={value}" for name, value in shown.items() if value)


def with_tags(record: DmarcRecord, changes: Mapping[str, str | None]) -> str:
    """Return a record with other values of some tags. None: without the tag."""
    tags = {**dict(record.tags), **{name: value or "" for name, value in changes.items()}}
    gone = {name for name, value in changes.items() if value is None}
    kept = tuple((name, value) for name, value in tags.items() if name not in gone)
    policy = changes.get("p") or record.policy
    return rewritten(DmarcRecord(policy, record.rua, kept))


@dataclass(frozen=True, slots=True)
class Mistake:
    """What makes receivers ignore a record. at: the tag. record: as it was meant, or None."""

    at: str
    mishaps: tuple[Mishap, ...]
    record: str | None


def mistake(data: bytes) -> Mistake | None:
    """Return what makes receivers ignore a record, None for nothing."""
    try:
        dmarc.read(data)
    except DmarcSyntaxError as error:
        text = pasted.decoded(data)
        return Mistake(str(error), pasted.mishaps(text), repaired(data))
    return None


def is_meant(data: bytes) -> bool:
    """Whether a TXT value is no DMARC record to a receiver, and was meant to be one."""
    if dmarc.is_dmarc(data) and mistake(data) is None:
        return False
    return bool(re.match(r"v?\s*=?\s*dmarc\s*v?1", pasted.mended(pasted.decoded(data)), re.I))


def repaired(data: bytes) -> str | None:
    """Return a record as it was meant; None where not even that is one."""
    text = pasted.mended(pasted.decoded(data))
    text = re.sub(r"^v?\s*=?\s*dmarc\s*v?1\b", "v=DMARC1;", text, flags=re.I)
    # Whatever stands before a tag of ours, a comma, a colon or nothing, was meant to end one.
    names = "|".join((*_ORDER[1:], *REMOVED))
    text = re.sub(rf"[;,\s]+({names})\s*[=:](?!//)\s*", r"; \1=", text, flags=re.I)
    tags = dict[str, str]()
    for part in text.split(";"):
        name, equals, value = (each.strip() for each in part.partition("="))
        if equals and name.lower() not in tags and _TAG.fullmatch(name.lower()):
            tags[name.lower()] = value.rstrip(",. ")
    for name in ("p", "sp", "np"):
        if name in tags:
            tags[name] = tags[name].lower()
    for name in ("rua", "ruf"):
        if name in tags:
            tags[name] = ",".join(map(as_uri, _addresses(tags[name])))
    try:
        record = dmarc.read("; ".join(f"{n}={v}" for n, v in tags.items()).encode("utf-8"))
    except DmarcSyntaxError:
        return None
    return rewritten(record)


def as_uri(address: str) -> str:
    """Return an address for reports as a URI; one without a scheme is mail."""
    bare = re.sub(r"^(?:mailto\s*[:=]\s*/*\s*|mailto\s+)", "", address, flags=re.I)
    return f"mailto:{bare}" if "@" in bare and ":" not in bare else address


@dataclass(frozen=True, slots=True)
class Effective:
    """The policies that receivers apply: to mail of the domain itself, of names below that exist,
    and of names below that do not (RFC 9989 section 4.7).
    """

    own: str
    below: str
    nowhere: str


def effective(record: DmarcRecord) -> Effective:
    """Return the policies of an organisation's record; `t=y` takes each one step down."""
    tags = dict(record.tags)
    below = tags.get("sp", record.policy).lower()
    nowhere = tags.get("np", below).lower()
    steps = 1 if is_test(record) else 0
    return Effective(*(_down(each, steps) for each in (record.policy, below, nowhere)))


def is_public(record: DmarcRecord) -> bool:
    """Whether a record says that its name is a public suffix (`psd=y`)."""
    return dict(record.tags).get("psd", "u").lower() == "y"


def is_test(record: DmarcRecord) -> bool:
    """Whether receivers are asked to apply a laxer policy than the record's (`t=y`)."""
    return dict(record.tags).get("t", "n").lower() == "y"


def _down(policy: str, steps: int) -> str:
    return POLICIES[max(0, POLICIES.index(policy) - steps)]


def wrong_addresses(record: DmarcRecord) -> tuple[str, ...]:
    """Return addresses for aggregate reports that no reporter sends to: not `mailto:`."""
    return tuple(each for each in record.rua if not _MAIL.fullmatch(each))


def organisation(domain: str, found: Mapping[str, DmarcRecord]) -> str:
    """Return the organisational domain by a tree walk (RFC 9989 section 4.10.2).

    found: the valid records of names that the walk asked for, of this one too.
    """
    there = sorted(
        (name for name in found if name == domain or domain.endswith(f".{name}")),
        key=lambda name: -name.count("."),
    )
    for name in there:
        psd = dict(found[name].tags).get("psd", "u").lower()
        if psd == "n":
            return name
        if psd == "y" and name != domain:
            below = domain.removesuffix(f".{name}").rpartition(".")[2]
            return f"{below}.{name}"
    return there[-1] if there else domain
