"""Zone master files (RFC 1035 section 5) as text whose records can be cut out and put in.

Everything that is not asked for stays as it is: comments, blank lines, order, directives, line
ends. A file is taken as octets, each as one character (latin-1): none has to mean anything.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from dns_providers.rrset import Other, RRKey, RRset, Value, from_rdata
from dns_providers.text import value_text
from ground.errors import Told

MARK = "; --- below: written by pmail-deploy ---"
_TTL = re.compile(r"(\d+[smhdw]?)+", re.IGNORECASE)
_CLASS = re.compile(r"IN|CH|HS|CS|CLASS\d+", re.IGNORECASE)
_BLANK = frozenset(" \t\r\n\v\f")  # not what str.isspace() takes for it among octets
_BEYOND_ASCII = re.compile(r"(\\[\x00-\x7f])|\\?([\x80-\xff])")
_RETURN = re.compile(r"\r(?=\n|\Z)")
_STAND_IN = "TYPE65533"  # private use (RFC 6895 section 3.1)
# A signer made these of all that is there, or they prove it (RFC 4034, 5155, 8976).
_SIGNERS = frozenset(
    {"RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD", "SIG", "NXT"}
)


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
    """One record: what it says and the text it takes up, its line end included.

    head: where its TTL, class and type stand, as far as they are given. odd: nothing can be made
    of its name or its value, which is `Other` then, with the text as it stands.
    """

    key: RRKey
    value: Value
    start: int
    end: int
    inherits_owner: bool
    head: tuple[Token, ...]
    rdata: tuple[Token, ...]
    odd: bool = False


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
            elif char in _BLANK:
                at += 1
            else:
                end = _token_end(text, at)
                tokens.append(Token(text[at:end], at, end))
                at = end
        if depth != 0:
            raise MasterFileError("dns.zone_file.bracket", line=text.count("\n", 0, start) + 1)
        at = min(at + 1, size)
        yield Line(start, at, tuple(tokens), text[start : start + 1] in _BLANK)


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
    while end < len(text) and text[end] not in _BLANK and text[end] not in '();"':
        end += 2 if text[end] == "\\" else 1
    return min(end, len(text))


def records(text: str, zone: dns.name.Name) -> tuple[Record, ...]:
    """Return the records of a master file. Raises MasterFileError."""
    origin, owner, nameless, found = zone, zone, False, []
    for line in lines(text):
        if not line.tokens:
            continue
        first = line.tokens[0].text
        if first.startswith("$"):
            origin = _directive(first, line, origin)
            continue
        if not line.indented:
            owner, nameless = _owner(first, origin)
        found.append(_record(line, owner, origin, nameless))
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
    return dns.name.from_text(_ascii(text), origin, idna_codec=None).canonicalize()


def _owner(text: str, origin: dns.name.Name) -> tuple[dns.name.Name, bool]:
    """A record's owner, and whether it is none: then a label that says what stands there."""
    try:
        return _name(text, origin), False
    except dns.exception.DNSException:
        return dns.name.Name((text.encode("latin-1")[:63], *dns.name.root.labels)), True


def _ascii(text: str) -> str:
    """A text with octets beyond ASCII escaped (RFC 1035 section 5.1), as servers take them."""
    return _BEYOND_ASCII.sub(lambda found: found[1] or f"\\{ord(found[2]):03d}", text)


def _joined(tokens: tuple[Token, ...]) -> str:
    """Tokens as one line; what stands without blanks between it stays so (`alpn="h2"`)."""
    at, pieces = tokens[0].start if tokens else 0, []
    for token in tokens:
        pieces.append(token.text if token.start == at else f" {token.text}")
        at = token.end
    return _ascii("".join(pieces))


def _record(line: Line, owner: dns.name.Name, origin: dns.name.Name, nameless: bool) -> Record:
    tokens = line.tokens if line.indented else line.tokens[1:]
    at = 0
    while at < len(tokens) and (
        _TTL.fullmatch(tokens[at].text) or _CLASS.fullmatch(tokens[at].text)
    ):
        at += 1
    if at >= len(tokens):
        raise MasterFileError("dns.zone_file.no_type", owner=owner)
    head, rdata = tokens[: at + 1], tokens[at + 1 :]
    rtype, said = tokens[at].text.upper(), _joined(rdata)
    value: Value = Other(said.encode(), said)
    odd = nameless
    try:
        kind = dns.rdatatype.from_text(_ascii(rtype))
        rtype = dns.rdatatype.to_text(kind)
        parsed = dns.rdata.from_text(dns.rdataclass.IN, kind, said, origin=origin, relativize=False)
        value = from_rdata(parsed)
    except (dns.exception.DNSException, ValueError, IndexError):
        odd = True
    key = RRKey(owner, rtype)
    return Record(key, value, line.start, line.end, line.indented, head, rdata, odd)


def signers_types(found: Iterable[Record]) -> frozenset[str]:
    """Return the types among records that only a signed zone has."""
    return frozenset(record.key.rtype for record in found) & _SIGNERS


def sensible(text: str, found: Iterable[Record]) -> str:
    """Return the text for a parser that ends at the first record it can make nothing of.

    found: the text's records. In place of odd ones stand records of a private type (see
    `is_stand_in`), which keep an owner's name and TTL for those below. Line ends are plain.
    """
    pieces, at = [], 0
    for record in found:
        if record.odd:
            owner = "" if record.inherits_owner else record.key.owner.to_text()
            head = " ".join(token.text for token in record.head[:-1])
            pieces += [text[at : record.start], f"{owner} {head} {_STAND_IN} \\# 0\n"]
            at = record.end
    return _RETURN.sub("", _ascii("".join(pieces) + text[at:]))


def is_stand_in(key: RRKey) -> bool:
    """Whether an RRset is what `sensible` put in."""
    return key.rtype == _STAND_IN


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
        f"{key.owner.to_text()} {ttl} IN {key.rtype} {value_text(value, key.rtype)}"
        for key, value, ttl in stay - had
    )
    edited = _cut(text, found, cuts)
    if new:
        # The file's own, where it has more of one kind.
        end = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
        edited = edited if not edited or edited.endswith("\n") else edited + end
        mark = "" if MARK in edited else f"{end}{MARK}{end}"
        edited += mark + "".join(f"{each}{end}" for each in new)
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


def serial_of(text: str, zone: dns.name.Name) -> int:
    """Return the serial of a master file's SOA. Raises MasterFileError, ValueError."""
    return int(_serial(text, zone).text)


def _serial(text: str, zone: dns.name.Name) -> Token:
    soa = [record for record in records(text, zone) if record.key == RRKey(zone, "SOA")]
    if len(soa) != 1 or len(soa[0].rdata) < 3:
        raise MasterFileError("dns.zone_file.soa", zone=zone, count=len(soa))
    return soa[0].rdata[2]


def _raise_serial(text: str, zone: dns.name.Name) -> str:
    token = _serial(text, zone)
    fresh = next_serial(int(token.text), datetime.now(UTC))
    return text[: token.start] + str(fresh) + text[token.end :]


def next_serial(serial: int, now: datetime) -> int:
    """Return the serial after `serial` (RFC 1982); a date (YYYYMMDDnn) stays a date."""
    today = int(f"{now:%Y%m%d}") * 100
    if re.fullmatch(r"(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\d{2}", str(serial)):
        return max(serial + 1, today)
    return (serial + 1) % 2**32 or 1
