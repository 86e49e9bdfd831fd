"""Many questions to one authoritative server, over one TCP connection.

TCP, because answers to UDP are forged on the way in some networks, and a long TXT fits.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from dns_providers.rows import as_it_stands
from dns_providers.rrset import RRKey, RRset, from_rdataset
from ground.words import text

_BATCH = 32  # questions on their way at the same time
_PATIENCE = 3.0  # a batch may take so many timeouts


class Silent(Exception):
    """A server gives no usable answer; says why."""


# What a server sent, or why nothing can be made of it.
Answer: TypeAlias = dns.message.Message | dns.exception.FormError


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
    odd: dict[RRKey, dns.exception.FormError] = {}
    try:
        for at in range(0, len(todo), _BATCH):
            batch = todo[at : at + _BATCH]
            replies = _exchange(address, [_query(key) for key in batch], port, timeout)
            for key, reply in zip(batch, replies, strict=True):
                if isinstance(reply, dns.exception.FormError):
                    odd[key] = reply
                else:
                    found[key] = _reply(key, reply, zone)
        if odd and not found:
            raise next(iter(odd.values()))  # no record is odd, the server is
    except dns.exception.Timeout:
        raise Silent(text("dns.silent.timeout")) from None
    except (OSError, EOFError) as error:
        raise Silent(getattr(error, "strerror", None) or text("dns.silent.closed")) from None
    except dns.exception.DNSException as error:
        raise Silent(f"{type(error).__name__}: {error}") from None
    return found | {k: Reply(as_it_stands(k, [str(error)]), True) for k, error in odd.items()}


def _query(key: RRKey) -> dns.message.QueryMessage:
    query = dns.message.make_query(key.owner, key.rtype, use_edns=0)
    query.flags &= ~dns.flags.RD
    return query


def _exchange(
    address: str, queries: Sequence[dns.message.Message], port: int, timeout: float
) -> list[Answer]:
    """Send all, then receive all (RFC 7766 section 6.2.1.1); go on where a server hangs up."""
    for number, query in enumerate(queries):
        query.id = number
    replies: dict[int, Answer] = {}
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
    replies: dict[int, Answer],
    until: float,
) -> None:
    waiting = {query.id: query for query in queries}
    for query in waiting.values():
        dns.query.send_tcp(connection, query, until)
    odd: list[dns.exception.FormError] = []
    while len(waiting) > len(odd):
        try:
            reply, _ = dns.query.receive_tcp(connection, until)
        except dns.exception.FormError as error:
            odd.append(error)
            continue
        if reply.id not in waiting or not waiting.pop(reply.id).is_response(reply):
            raise dns.query.BadResponse
        replies[reply.id] = reply
    # Those that nobody can read are to what is still waited for.
    replies.update(zip(waiting, odd, strict=True))


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
