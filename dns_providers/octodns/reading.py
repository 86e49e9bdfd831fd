"""What a package reads, record by record: one that makes no sense is none, texts as they came.

Packages parse rows by a method for each type, and hand what it gives to octoDNS: an exception in
either is the end of the whole zone, and octoDNS joins the strings of a TXT. Both are met here, and
rows that are nowhere, before a package sees them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from octodns.record import Record
from octodns.record.exception import RecordException
from octodns.zone import Zone

from dns_providers.rows import NO_SENSE

_METHOD = "_data_for_"
# What APIs call a record's type, and where it is.
TYPES = frozenset({"type", "Type", "rrset_type"})
OWNERS = ("name", "Name", "host", "subname", "rrset_name", "domain")
_VALUES = ("data", "value", "Value", "content", "rdata")
_SHOWN = 200  # characters of what makes no sense
_PAIR = re.compile(r"\\(;)|(\\.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AsRead:
    """What octoDNS's record does not keep: texts as the package read them, or `odd`: the row."""

    texts: tuple[str, ...] = ()
    odd: str = ""

    def __str__(self) -> str:
        return self.odd


@dataclass(frozen=True, slots=True)
class Unread:
    """A row of a type that a package passes over. owner: as the API has it, often relative."""

    owner: str
    rtype: str
    value: str


class _Data(dict[str, Any]):
    """A record's data; octoDNS's record takes the `context` of its data over."""

    context: AsRead | None = None


@contextmanager
def tolerant(provider: Any) -> Iterator[list[Unread]]:
    """Have what the package's object reads meanwhile be in records, whatever is in the zone.

    Gives the rows of types that it passes over, once they are read.
    """
    unread: list[Unread] = []
    types = Record.registered_types()
    found = [each for each in dir(provider) if each.removeprefix(_METHOD) in types]
    wrapped = {each: patient(getattr(provider, each), each[len(_METHOD) :]) for each in found}
    if hasattr(provider, "_data_for"):
        wrapped["_data_for"] = patient(provider._data_for)
    if hasattr(provider, "zone_records"):
        wrapped["zone_records"] = _watched(provider.zone_records, provider.SUPPORTS, unread)
    vars(provider).update(wrapped)
    try:
        yield unread
    finally:
        for each in wrapped:
            del vars(provider)[each]


def _watched(
    method: Callable[..., Any], known: Container[str], unread: list[Unread]
) -> Callable[..., Any]:
    """A method that gives all rows of a zone, and keeps those of types that are not known."""

    def zone_records(*arguments: Any) -> Any:
        rows = method(*arguments)
        unread[:] = [each for each in map(_unread, rows) if each and each.rtype not in known]
        return rows

    return zone_records


def _unread(row: Any) -> Unread | None:
    said = row if isinstance(row, Mapping) else {}
    owner, rtype, value = (
        next((said[each] for each in names if isinstance(said.get(each), str)), None)
        for names in (OWNERS, TYPES, _VALUES)
    )
    return None if owner is None or not rtype else Unread(owner, rtype, (value or "")[:_SHOWN])


def patient(method: Callable[..., Any], rtype: str = "") -> Callable[..., Any]:
    """Return a method that gives data of rows, whatever they are.

    rtype: the record's type; the method's first argument if it is not given.
    """

    def data_for(*arguments: Any, **options: Any) -> Any:
        kind = rtype or str(arguments[0])
        try:
            data = method(*arguments, **options)
            if not isinstance(data, Mapping):
                return data
            _try(data, kind)
        except (*NO_SENSE, RecordException) as error:
            return _nothing(kind, f"{arguments[-1] if rtype else arguments[1]}", error)
        read = _Data(data)
        if kind == "TXT":
            said = data.get("values", [data.get("value")])
            read.context = AsRead(tuple(map(str, said)))
        return read

    return data_for


def _try(data: Mapping[str, Any], rtype: str) -> None:
    """Make a record of data, as octoDNS will."""
    Record.new(Zone("example.test.", []), "x", {"type": rtype, "ttl": 1, **data}, lenient=True)


def _nothing(rtype: str, row: str, error: Exception) -> _Data:
    made = _Data(type=rtype, ttl=0, values=[], value=None)
    made.context = AsRead(odd=row[:_SHOWN] or repr(error))
    return made


def presentation(text: str, wraps: bool, reads_escaped: bool) -> str | None:
    """Return a TXT as its API has it, in presentation format; None where it is not in quotes.

    text: as it was read. wraps: whether the package took the outer quotes off. reads_escaped:
    whether it put a backslash before each semicolon; else only before those without one.
    """
    plain = text.replace("\\;", ";") if reads_escaped else _PAIR.sub(_without_escape, text)
    if wraps:
        return f'"{plain}"'
    return plain if len(plain) > 1 and plain[0] == plain[-1] == '"' else None


def _without_escape(found: re.Match[str]) -> str:
    return found[1] or found[2]


def named_rows(answer: requests.Response) -> requests.Response:
    """Return an answer without rows of records that say of no name whose they are.

    No record of ours can be there, and a package would come to an end at it.
    """
    try:
        said = answer.json()
    except ValueError:
        return answer
    left = _named(said)
    if left != said:
        answer._content = json.dumps(left).encode()
    return answer


def _named(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: _named(value) for key, value in said.items()}
    if not isinstance(said, list):
        return said
    rows = [each for each in said if isinstance(each, dict) and TYPES & each.keys()]
    owners = [each for each in OWNERS if any(isinstance(row.get(each), str) for row in rows)]
    lost = [row for row in rows if not all(isinstance(row.get(each), str) for each in owners)]
    return [_named(each) for each in said if each not in lost]
