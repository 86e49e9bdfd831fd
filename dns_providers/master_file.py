"""Zone master files (RFC 1035 section 5) as text whose records can be cut out and put in.

Everything that is not asked for stays as it is: comments, blank lines, order, directives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from dns_providers.rrset import RRKey, RRset, Value, from_rdata
from dns_providers.text import value_text
from ground.errors import Told

MARK = "; --- below: written by pmail-deploy ---"
_TTL = re.compile(r"(\d+[smhdw]?)+", re.IGNORECASE)
_CLASSES = frozenset({"IN", "CH", "HS", "CS"})


class MasterFileError(Told, ValueError):
    """The text is no master file that can be edited safely."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a record: its text as written (quotes and escapes kept) and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line (parentheses joined): its tokens, and whether it starts with white space."""

    start: int
    end: int
    tokens: tuple[Token, ...]
    indented: bool


@dataclass(frozen=True, slots=True)
class Record:
    """One record: what it says and the text it takes up, its line end included."""

    key: RRKey
    value: Value
    start: int
    end: int
    inherits_owner: bool
    rdata: tuple[Token, ...]


def lines(text: str) -> Iterator[Line]:
    """Cut a master file into logical lines. Raises MasterFileError for an open quote or bracket."""
    at, size = 0, len(text)
    while at < size:
        start, depth, tokens = at, 0, []
        while at < size:
            char = text[at]
            if char == "\n" and depth == 0:
                break
            if char == ";":
                at = _find(text, "\n", at)
            elif char in "()":
                depth += 1 if char == "(" else -1
                at += 1
            elif char.isspace():
                at += 1
            else:
                end = _token_end(text, at)
                tokens.append(Token(text[at:end], at, end))
                at = end
        if depth != 0:
            raise MasterFileError("dns.zone_file.bracket", line=text.count("\n", 0, start) + 1)
        at = min(at + 1, size)
        yield Line(start, at, tuple(tokens), text[start : start + 1].isspace())


def _find(text: str, what: str, at: int) -> int:
    found = text.find(what, at)
    return len(text) if found < 0 else found


def _token_end(text: str, at: int) -> int:
    if text[at] == '"':
        end = at + 1
        while end < len(text) and text[end] != '"':
            end += 2 if text[end] == "\\" else 1
        if end >= len(text):
            number = text.count("\n", 0, at) + 1
            raise MasterFileError("dns.zone_file.quote", line=number)
        return end + 1
    end = at
    while end < len(text) and not text[end].isspace() and text[end] not in '();"':
        end += 2 if text[end] == "\\" else 1
    return min(end, len(text))


def records(text: str, zone: dns.name.Name) -> tuple[Record, ...]:
    """Return the records of a master file. Raises MasterFileError."""
    origin, owner, found = zone, zone, []
    for line in lines(text):
        if not line.tokens:
            continue
        first = line.tokens[0].text
        if first.startswith("$"):
            origin = _directive(first, line, origin)
            continue
        if not line.indented:
            owner = _name(first, origin)
        found.append(_record(line, owner, origin))
    return tuple(found)


def _directive(name: str, line: Line, origin: dns.name.Name) -> dns.name.Name:
    if name.upper() == "$INCLUDE":
        raise MasterFileError("dns.zone_file.include")
    if name.upper() == "$GENERATE":
        raise MasterFileError("dns.zone_file.generate")
    if name.upper() == "$ORIGIN" and len(line.tokens) > 1:
        return _name(line.tokens[1].text, origin)
    return origin


def _name(text: str, origin: dns.name.Name) -> dns.name.Name:
    if text == "@":
        return origin
    return dns.name.from_text(text, origin, idna_codec=None).canonicalize()


def _record(line: Line, owner: dns.name.Name, origin: dns.name.Name) -> Record:
    tokens = line.tokens if line.indented else line.tokens[1:]
    at = 0
    while at < len(tokens) and (
        _TTL.fullmatch(tokens[at].text) or tokens[at].text.upper() in _CLASSES
    ):
        at += 1
    if at >= len(tokens):
        raise MasterFileError("dns.zone_file.no_type", owner=owner)
    rtype, rdata = tokens[at].text.upper(), tokens[at + 1 :]
    try:
        parsed = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.from_text(rtype),
            " ".join(token.text for token in rdata),
            origin=origin,
            relativize=False,
        )
    except (dns.exception.DNSException, ValueError) as error:
        raise MasterFileError(
            "dns.zone_file.record", owner=owner, rtype=rtype, reason=error
        ) from None
    key = RRKey(owner, rtype)
    return Record(key, from_rdata(parsed), line.start, line.end, line.indented, rdata)


def edit(
    text: str, zone: dns.name.Name, before: Collection[RRset], after: Collection[RRset]
) -> str:
    """Return the text with the RRsets of `before` gone, those of `after` in, the serial raised.

    What stands in both stays where it is. Raises MasterFileError.
    """
    found = records(text, zone)
    stay = {(rrset.key, value, rrset.ttl) for rrset in after for value in rrset.values}
    had = {(rrset.key, value, rrset.ttl) for rrset in before for value in rrset.values}
    gone = {(key, value) for key, value, ttl in had - stay}
    cuts = [record for record in found if (record.key, record.value) in gone]
    new = sorted(
        f"{key.owner.to_text()} {ttl} IN {key.rtype} {value_text(value, key.rtype)}\n"
        for key, value, ttl in stay - had
    )
    edited = _cut(text, found, cuts)
    if new:
        edited = edited if not edited or edited.endswith("\n") else edited + "\n"
        mark = "" if MARK in edited else f"\n{MARK}\n"
        edited += mark + "".join(new)
    return _raise_serial(edited, zone)


def _cut(text: str, found: tuple[Record, ...], cuts: list[Record]) -> str:
    """Take records out; a record that took its owner name from one of them gets it written."""
    pieces, at, owner_lost = [], 0, False
    for record in found:
        if record not in cuts:
            pieces.append(text[at : record.start])
            if record.inherits_owner and owner_lost:
                pieces.append(record.key.owner.to_text())
            owner_lost = False
            at = record.start
            continue
        pieces.append(text[at : record.start])
        owner_lost = owner_lost or not record.inherits_owner
        at = record.end
    return "".join(pieces) + text[at:]


def _raise_serial(text: str, zone: dns.name.Name) -> str:
    soa = [record for record in records(text, zone) if record.key == RRKey(zone, "SOA")]
    if len(soa) != 1 or len(soa[0].rdata) < 3:
        raise MasterFileError("dns.zone_file.soa", zone=zone, count=len(soa))
    token = soa[0].rdata[2]
    fresh = next_serial(int(token.text), datetime.now(UTC))
    return text[: token.start] + str(fresh) + text[token.end :]


def next_serial(serial: int, now: datetime) -> int:
    """Return the serial after `serial` (RFC 1982); a date (YYYYMMDDnn) stays a date."""
    today = int(f"{now:%Y%m%d}") * 100
    if re.fullmatch(r"(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\d{2}", str(serial)):
        return max(serial + 1, today)
    return (serial + 1) % 2**32 or 1
