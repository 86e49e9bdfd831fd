"""Which delivery service takes mail for a domain: by its MX hosts, for Postfix's transport_maps.

Postfix asks by the socketmap protocol (socketmap_table(5)): a netstring `NAME KEY`, answered by
`OK VALUE`, `NOTFOUND ` or `TEMP REASON`. Routed for each recipient, not for a whole message: one
message may go to receivers of several groups and to users of this server.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from edge import dns

MAX_REQUEST = 1000  # octets
_KEPT = 3600.0  # seconds that an answer is kept
_MOST_KEPT = 5000
_WITHIN = 4.0  # seconds for DNS; then the mail goes by the general service

Lookup = Callable[[str], Awaitable[tuple[str, ...] | None]]


def service_for(
    exchanges: tuple[str, ...], receivers: tuple[tuple[str, tuple[str, ...]], ...]
) -> str:
    """Return the delivery service of the first MX host that a group knows, or an empty text.

    exchanges: host names, the most preferred first.
    """
    for name in exchanges:
        for service, known in receivers:
            if any(name.endswith(each) if each[:1] == "." else name == each for each in known):
                return service
    return ""


@dataclass(slots=True)
class Routes:
    """Answers Postfix; keeps what it has learned for an hour. own: domains that go to PMail."""

    receivers: tuple[tuple[str, tuple[str, ...]], ...]
    own: tuple[str, ...]
    lookup: Lookup
    kept: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def answer(self, key: str) -> str:
        """Return the answer to one key of transport(5).

        A socketmap is asked for whole addresses only, and for `*` (Postfix: DICT_FLAG_FIXED).
        """
        _, at, domain = key.lower().rpartition("@")
        if not at or domain in self.own or domain.endswith(".invalid"):
            return "NOTFOUND "
        now = time.monotonic()
        known = self.kept.get(domain)
        if known is None or known[0] < now:
            exchanges = await self.lookup(domain)
            service = service_for(exchanges or (), self.receivers)
            if len(self.kept) >= _MOST_KEPT:
                self.kept.clear()
            known = (now + (_KEPT if exchanges is not None else 0.0), service)
            self.kept[domain] = known
        return f"OK {known[1]}:" if known[1] else "NOTFOUND "


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, routes: Routes) -> None:
    """Answer the requests of one connection of Postfix's until it is closed."""
    try:
        while (request := await _netstring(reader)) is not None:
            _, _, key = request.partition(" ")
            reply = (await routes.answer(key)).encode()
            writer.write(b"%d:%s," % (len(reply), reply))
            await writer.drain()
    except (OSError, ValueError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def _netstring(reader: asyncio.StreamReader) -> str | None:
    """One request, or None at the end. Raises ValueError for what is none."""
    head = await reader.read(1)
    while head and head[-1:] != b":":
        if len(head) > 6:
            raise ValueError("no netstring")
        head += await reader.readexactly(1)
    if not head:
        return None
    size = int(head[:-1])
    if not 0 <= size <= MAX_REQUEST:
        raise ValueError("request too long")
    body = await reader.readexactly(size + 1)
    return body[:-1].decode("utf-8", "replace")


def resolver(upstream: dns.Upstream) -> Lookup:
    """Return a lookup that asks a recursive resolver.

    It gives MX hosts, the most preferred first; empty where there are none; None where nobody
    could tell.
    """

    async def lookup(domain: str) -> tuple[str, ...] | None:
        try:
            return exchanges(await dns.ask(upstream, dns.query(domain, dns.MX), _WITHIN))
        except (OSError, EOFError, ValueError, IndexError, struct.error):
            return None

    return lookup


def exchanges(message: bytes) -> tuple[str, ...] | None:
    """Return the MX hosts of an answer, the most preferred first; None where it failed.

    Raises ValueError, IndexError or struct.error for what is no DNS message.
    """
    _, _, questions, answers, _, _ = struct.unpack_from("!6H", message)
    if not dns.resolved(message):
        return None
    at = 12
    for _ in range(questions):
        at = _name(message, at)[1] + 4
    found = []
    for _ in range(answers):
        _, at = _name(message, at)
        kind, _, _, size = struct.unpack_from("!2HIH", message, at)
        at += 10
        if kind == dns.MX:
            (preference,) = struct.unpack_from("!H", message, at)
            found.append((preference, _name(message, at + 2)[0]))
        at += size
    return tuple(name for _, name in sorted(found))


def _name(message: bytes, at: int) -> tuple[str, int]:
    """A name, lower-case without the final dot, and where it ends (RFC 1035 section 4.1.4)."""
    labels: list[str] = []
    end = 0
    for _ in range(128):
        size = message[at]
        if size >= 0xC0:
            end = end or at + 2
            at = ((size & 0x3F) << 8) | message[at + 1]
        elif size == 0:
            return ".".join(labels).lower(), end or at + 1
        else:
            labels.append(message[at + 1 : at + 1 + size].decode("latin-1"))
            at += 1 + size
    raise ValueError("a name without an end")
