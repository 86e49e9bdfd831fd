"""DNS over TCP (RFC 7766): for PMail all mail leads to Postfix; the host's resolver is asked.

PMail looks up the MX of a receiver before it sends, and knows no other way than an MX host with an
address. Here every domain has one and the same: so domains with only an A record, with a null MX,
with MX hosts that do not resolve or have IPv6 only, are all Postfix's business.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

RELAY = "relay.pmail-deploy.invalid"
# TEST-NET-1 (RFC 5737); nftables in PMail's namespace leads its port 25 to Postfix.
ADDRESS = "192.0.2.25"
_TTL = 60
_A, MX, _AAAA = 1, 15, 28
_SOA = 6
_INTERNET = 1
_NO_ERROR, _FORMAT_ERROR, _SERVER_FAILURE, _NO_NAME = 0, 1, 2, 3
_HEADER = struct.Struct("!6H")
_LENGTH = struct.Struct("!H")
# A question with its EDNS options has some hundred bytes; PMail is the only one that asks.
_LONGEST = 4096
_IDLE = 30.0
_WITHIN = 5.0
_CONNECTIONS = 64
_BELIEVED = 10.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """A resolver that answers over TCP."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Question:
    """The one question of a query (RFC 1035 4.1.2).

    id, flags: of its header. name: lower-case, without the last dot. raw: as it was sent, type and
    class included.
    """

    id: int
    flags: int
    name: str
    type: int
    klass: int
    raw: bytes


def parse(query: bytes) -> Question:
    """Return the question of a query. Raises ValueError where it is none."""
    if len(query) < _HEADER.size:
        raise ValueError("shorter than a header")
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if flags & 0xF800 or questions != 1:  # a response, another opcode, not one question
        raise ValueError("not a standard query with one question")
    labels: list[str] = []
    at = _HEADER.size
    while size := query[at : at + 1]:
        at += 1
        if size == b"\0":
            break
        if size[0] > 63:
            raise ValueError("a compressed name in a question")
        labels.append(query[at : at + size[0]].decode("latin-1").lower())
        at += size[0]
    if len(query) < at + 4:
        raise ValueError("the question is cut off")
    kind, klass = struct.unpack_from("!2H", query, at)
    return Question(number, flags, ".".join(labels), kind, klass, query[_HEADER.size : at + 4])


def answer(question: Question) -> bytes | None:
    """Return the answer that is given here, None where the resolver is to be asked."""
    if question.klass != _INTERNET:
        return None
    if question.type == MX:
        return _response(question, _NO_ERROR, struct.pack("!H", 0) + _encoded(RELAY))
    if question.type not in (_A, _AAAA):
        return None
    if question.name != RELAY:
        return _response(question, _NO_NAME)
    if question.type == _AAAA:
        return _response(question, _NO_ERROR)
    return _response(question, _NO_ERROR, bytes(int(part) for part in ADDRESS.split(".")))


def failure(query: bytes) -> bytes:
    """Return SERVFAIL for a query, FORMERR for what is none. Raises ValueError without an id."""
    try:
        return _response(parse(query), _SERVER_FAILURE)
    except ValueError:
        if len(query) < _HEADER.size:
            raise
    number, flags, *_ = _HEADER.unpack_from(query)
    return _HEADER.pack(number, 0x8080 | flags & 0x7900 | _FORMAT_ERROR, 0, 0, 0, 0)


def _response(question: Question, code: int, data: bytes | None = None) -> bytes:
    flags = 0x8080 | question.flags & 0x0100 | code  # a response, recursion available, RD kept
    head = _HEADER.pack(question.id, flags, 1, 0 if data is None else 1, 0, 0)
    if data is None:
        return head + question.raw
    # 0xC00C: the name of the question (RFC 1035 4.1.4).
    record = struct.pack("!3HIH", 0xC00C, question.type, question.klass, _TTL, len(data))
    return head + question.raw + record + data


def query(name: str, kind: int) -> bytes:
    """Return a question to a recursive resolver. Raises ValueError for what is no name."""
    head = _HEADER.pack(secrets.randbits(16), 0x0100, 1, 0, 0, 0)
    return head + _encoded(name) + struct.pack("!2H", kind, _INTERNET)


def _encoded(name: str) -> bytes:
    """A name as a message has it (RFC 1035 3.1). Raises ValueError for what is none."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError("no domain name")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


async def ask(upstream: Upstream, question: bytes, within: float) -> bytes:
    """Return a resolver's answer to a query.

    within: seconds. Raises OSError (TimeoutError too), EOFError, and ValueError for the answer to
    another question.
    """
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
        try:
            writer.write(_framed(question))
            await writer.drain()
            response = await _message(reader, 65535)
        finally:
            writer.close()
    if response[:2] != question[:2] or len(response) < _HEADER.size:
        raise ValueError("an answer to another question")
    return response


def resolved(response: bytes) -> bool:
    """Return whether an answer says what there is, or that there is nothing (RFC 1035 4.1.1)."""
    return response[3] & 0x0F in (_NO_ERROR, _NO_NAME)


class Reach:
    """Whether the host's resolver reaches the world's DNS now.

    It is asked for a name that no cache can know, nor infer from its neighbours (RFC 8198 section
    5.2): com. is signed with opt-out. clock: seconds, never backwards. A yes is believed for ten
    seconds, a no never.
    """

    def __init__(
        self,
        upstream: Upstream,
        within: float = _WITHIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upstream = upstream
        self._within = within
        self._clock = clock
        self._until = -1.0

    async def __call__(self) -> bool:
        """Return the answer, or that of a moment ago."""
        if self._clock() < self._until:
            return True
        try:
            question = query(f"{secrets.token_hex(8)}.com", _SOA)
            reached = resolved(await ask(self._upstream, question, self._within))
        except (OSError, EOFError, ValueError):
            return False
        if reached:
            self._until = self._clock() + _BELIEVED
        return reached


class Server:
    """Serves connections.

    upstream: the resolver for what is not answered here. within: seconds that it may take.
    """

    def __init__(self, upstream: Upstream, within: float = _WITHIN) -> None:
        self._upstream = upstream
        self._within = within
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the queries of one connection, one after the other."""
        self._open += 1
        try:
            if self._open <= _CONNECTIONS:
                await self._answer_all(reader, writer)
        except (OSError, EOFError, ValueError):
            pass  # gone, silent for too long, or no DNS: the connection ends
        finally:
            self._open -= 1
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(_IDLE):
                query = await _message(reader, _LONGEST)
                response = await self._response(query)
                writer.write(_framed(response))
                await writer.drain()

    async def _response(self, query: bytes) -> bytes:
        try:
            if given := answer(parse(query)):
                return given
        except ValueError:
            return failure(query)
        try:
            return await ask(self._upstream, query, self._within)
        except (OSError, EOFError, ValueError):
            return failure(query)


async def _message(reader: asyncio.StreamReader, longest: int) -> bytes:
    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if size > longest:
        raise ValueError(f"a message of {size} bytes")
    return await reader.readexactly(size)


def _framed(message: bytes) -> bytes:
    return _LENGTH.pack(len(message)) + message
