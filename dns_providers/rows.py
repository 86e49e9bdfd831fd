"""Rows of an API's answer as RRsets: one that makes no sense is kept as it is, opaque.

What others have in a zone is not ours to judge, so that a record nobody can make anything of must
not be the end of the work on all others. Of an answer none of whose rows is a record nothing is
known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import dns.exception

from dns_providers.http_errors import Senseless
from dns_providers.rrset import Other, RRKey, RRset, to_rdata

# What reading a record raises that is not as the API says.
NO_SENSE = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    dns.exception.DNSException,
)
_UNNAMEABLE = (dns.exception.DNSException, UnicodeError)
_WRITTEN = frozenset({"A", "AAAA", "CNAME", "MX", "TXT", "SRV", "CAA"})  # Other says none of them
_MAX_TTL = 2**31 - 1  # RFC 2181 section 8

Row = TypeVar("Row")


def grouped(
    rows: Iterable[Row],
    key_of: Callable[[Row], RRKey],
    made: Callable[[RRKey, list[Row]], RRset],
    shown: Callable[[Row], str],
) -> list[RRset]:
    """Return the RRsets that rows make.

    key_of, made: of rows that are as they should be; they may raise what is in NO_SENSE. shown: a
    row's value as it stands. A row whose owner is no domain name is left out: no record of ours
    can be there. Raises Senseless when there are rows and none is a record at all.
    """
    groups: dict[RRKey, list[Row]] = {}
    strangers = 0
    for row in rows:
        try:
            groups.setdefault(key_of(row), []).append(row)
        except _UNNAMEABLE:
            continue
        except NO_SENSE:
            strangers += 1
    if strangers and not groups:
        raise Senseless("dns.junk.no_records", count=strangers)
    return [sensible(key, made, group, shown) for key, group in groups.items()]


def sensible(
    key: RRKey,
    made: Callable[[RRKey, list[Row]], RRset],
    rows: list[Row],
    shown: Callable[[Row], str],
) -> RRset:
    """Return what `made` makes of the rows at a key; as they stand, opaque, if that is nothing."""
    try:
        return checked(made(key, rows))
    except NO_SENSE:
        return as_it_stands(key, (shown(row) for row in rows))


def as_it_stands(key: RRKey, texts: Iterable[str]) -> RRset:
    """Return an opaque RRset that shows texts in place of values."""
    return RRset(key, 0, frozenset(_stranger(each) for each in texts), opaque=True)


def _stranger(text: str) -> Other:
    return Other(text.encode(errors="backslashreplace"), text)


def checked(rrset: RRset) -> RRset:
    """Return an RRset as it is. Raises what is in NO_SENSE if a plain one cannot be so."""
    if rrset.opaque:
        return rrset
    if not 0 <= rrset.ttl <= _MAX_TTL:
        raise ValueError(f"a TTL of {rrset.ttl}")
    for value in rrset.values:
        if not isinstance(value, Other):
            to_rdata(value, rrset.key.rtype)
        elif rrset.key.rtype in _WRITTEN:
            raise ValueError(f"{value} is no {rrset.key.rtype}")
    return rrset
