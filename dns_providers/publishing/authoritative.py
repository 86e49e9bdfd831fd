"""Many questions to one authoritative server, over one TCP connection.

TCP, because answers to UDP are forged on the way in some networks, and a long TXT fits.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from dns_providers.rrset import RRKey, RRset, from_rdataset
from ground.words import text

_BATCH = 32  # questions on their way at the same time
_PATIENCE = 3.0  # a batch may take so many timeouts


class Silent(Exception):
    """A server gives no usable answer; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server shows at a key. exists: whether the name is there, with whatever types."""

    rrset: RRset | None
    exists: bool


def ask_all(
    address: str, keys: Iterable[RRKey], zone: dns.name.Name, *, port: int, timeout: float
) -> dict[RRKey, Reply]:
    """Return what a server of `zone` shows at each key. Raises Silent.

    timeout: seconds that a connection or an answer may take.
    """
    todo = tuple(dict.fromkeys(keys))
    found: dict[RRKey, Reply] = {}
    try:
        for at in range(0, len(todo), _BATCH):
            batch = todo[at : at + _BATCH]
            replies = _exchange(address, [_query(key) for key in batch], port, timeout)
            found |= {k: _reply(k, r, zone) for k, r in zip(batch, replies, strict=True)}
    except dns.exception.Timeout:
        raise Silent(text("dns.silent.timeout")) from None
    except (OSError, EOFError) as error:
        raise Silent(getattr(error, "strerror", None) or text("dns.silent.closed")) from None
    except dns.exception.DNSException as error:
        raise Silent(f"{type(error).__name__}: {error}") from None
    return found


def _query(key: RRKey) -> dns.message.QueryMessage:
    query = dns.message.make_query(key.owner, key.rtype, use_edns=0)
    query.flags &= ~dns.flags.RD
    return query


def _exchange(
    address: str, queries: Sequence[dns.message.Message], port: int, timeout: float
) -> list[dns.message.Message]:
    """Send all, then receive all (RFC 7766 section 6.2.1.1); go on where a server hangs up."""
    for number, query in enumerate(queries):
        query.id = number
    replies: dict[int, dns.message.Message] = {}
    while len(replies) < len(queries):
        before = len(replies)
        left = [query for query in queries if query.id not in replies]
        with socket.create_connection((address, port), timeout) as connection:
            connection.setblocking(False)
            until = time.time() + timeout * _PATIENCE
            try:
                _pipeline(connection, left, replies, until)
            except (EOFError, ConnectionError):
                if len(replies) == before:
                    raise
    return [replies[query.id] for query in queries]


def _pipeline(
    connection: socket.socket,
    queries: Iterable[dns.message.Message],
    replies: dict[int, dns.message.Message],
    until: float,
) -> None:
    waiting = {query.id: query for query in queries}
    for query in waiting.values():
        dns.query.send_tcp(connection, query, until)
    while waiting:
        reply, _ = dns.query.receive_tcp(connection, until)
        if reply.id not in waiting or not waiting.pop(reply.id).is_response(reply):
            raise dns.query.BadResponse
        replies[reply.id] = reply


def _reply(key: RRKey, reply: dns.message.Message, zone: dns.name.Name) -> Reply:
    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise Silent(dns.rcode.to_text(rcode))
    referral = _referral(key, reply, zone)
    if not reply.flags & dns.flags.AA and not referral:
        raise Silent(text("dns.silent.lame"))
    kind = dns.rdatatype.from_text(key.rtype)
    for section in (reply.answer, reply.authority if referral else []):
        for found in section:
            if found.name == key.owner and found.rdtype == kind:
                return Reply(from_rdataset(key.owner, found), True)
    return Reply(None, rcode == dns.rcode.NOERROR)


def _referral(key: RRKey, reply: dns.message.Message, zone: dns.name.Name) -> bool:
    """Whether the answer points to servers of a zone below ours."""
    return not reply.answer and any(
        found.rdtype == dns.rdatatype.NS
        and found.name != zone
        and found.name.is_subdomain(zone)
        and key.owner.is_subdomain(found.name)
        for found in reply.authority
    )
