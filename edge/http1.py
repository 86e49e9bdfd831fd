"""Where HTTP/1 messages begin and end (RFC 9112), so strictly that nobody can read them otherwise.

What two readers could take differently (a bare LF, folded fields, two lengths, a length beside
chunks) is refused: one of them is Go's net/http behind this, and what it takes for a second
request must not be a body here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

_HEAD = 65_536
# Seconds from a head's first byte to its last.
_WHOLE = 20.0
_LINE = 4096
_TRAILERS = 64
_CHUNK = 65_536

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_REQUEST = re.compile(rb"(%s) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])" % _TOKEN)
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_FIELD = re.compile(rb"(%s):([^\x00-\x08\x0a-\x1f\x7f]*)" % _TOKEN)
_LENGTH = re.compile(rb"[0-9]{1,15}")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n")

# A number of bytes, chunks, or all until the connection ends.
Body = int | Literal["chunked", "rest"]


class Malformed(Exception):
    """What came is not HTTP/1, or could be read in two ways."""


@dataclass(frozen=True, slots=True)
class Request:
    """Head of a request. minor: of the version. fields: names in lower case, as they came."""

    method: bytes
    target: bytes
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]

    def body(self) -> Body:
        """Return how the body ends (RFC 9112 section 6.3). Raises Malformed."""
        if self.method == b"CONNECT":
            raise Malformed
        return _framed(self.fields, self.minor) or 0


@dataclass(frozen=True, slots=True)
class Response:
    """Head of a response. minor: of the version. fields: names in lower case, as they came."""

    status: int
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]

    def body(self, method: bytes) -> Body:
        """Return how the body of the answer to a method ends. Raises Malformed."""
        if method == b"HEAD" or self.status < 200 or self.status in (204, 304):
            return 0
        framed = _framed(self.fields, self.minor)
        return "rest" if framed is None else framed

    def last(self) -> bool:
        """Return whether the connection ends with this answer (RFC 9112 section 9.3)."""
        listed = b",".join(values(self.fields, b"connection")).lower().split(b",")
        options = {option.strip() for option in listed}
        return b"close" in options or (self.minor == 0 and b"keep-alive" not in options)


async def head(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next head as it came, None where the connection ends before it.

    Raises Malformed where it is too long, EOFError where it is cut, TimeoutError where its end
    does not follow its beginning soon.
    """
    raw = b""
    try:
        raw = await reader.readexactly(1)
        async with asyncio.timeout(_WHOLE):
            raw += await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if raw or error.partial:
            raise
        return None
    except asyncio.LimitOverrunError as error:
        raise Malformed from error
    if len(raw) > _HEAD:
        raise Malformed
    return raw


def request(raw: bytes) -> Request:
    """Return the head of a request. Raises Malformed."""
    first, fields = _parsed(raw, _REQUEST)
    return Request(first[1], first[2], int(first[3]), fields)


def response(raw: bytes) -> Response:
    """Return the head of a response. Raises Malformed."""
    first, fields = _parsed(raw, _STATUS)
    return Response(int(first[2]), int(first[1]), fields)


def values(fields: tuple[tuple[bytes, bytes], ...], name: bytes) -> tuple[bytes, ...]:
    """Return the values of a field; name: in lower case."""
    return tuple(value for field, value in fields if field == name)


async def pieces(reader: asyncio.StreamReader, body: Body) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield a body piece by piece: the bytes as they came, and what of them is content.

    Raises Malformed, and EOFError where the body is cut.
    """
    if body == "rest":
        while data := await reader.read(_CHUNK):
            yield data, data
    elif body == "chunked":
        async for piece in _chunks(reader):
            yield piece
    else:
        async for data in _exactly(reader, body):
            yield data, data


def _parsed(
    raw: bytes, start: re.Pattern[bytes]
) -> tuple[re.Match[bytes], tuple[tuple[bytes, bytes], ...]]:
    first, *rest = raw[:-4].split(b"\r\n")
    match = start.fullmatch(first)
    if match is None:
        raise Malformed
    return match, tuple(map(_field, rest))


def _field(line: bytes) -> tuple[bytes, bytes]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise Malformed
    return match[1].lower(), match[2].strip(b" \t")


def _framed(fields: tuple[tuple[bytes, bytes], ...], minor: int) -> Body | None:
    """Return how the fields say that the body ends, None where they do not."""
    coding = values(fields, b"transfer-encoding")
    length = values(fields, b"content-length")
    if coding:
        if length or minor == 0 or tuple(map(bytes.lower, coding)) != (b"chunked",):
            raise Malformed
        return "chunked"
    if not length:
        return None
    if len(length) > 1 or not _LENGTH.fullmatch(length[0]):
        raise Malformed
    return int(length[0])


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        data = await reader.read(min(size, _CHUNK))
        if not data:
            raise EOFError
        size -= len(data)
        yield data


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield a chunked body (RFC 9112 section 7.1), trailers and all."""
    while True:
        line = await _line(reader)
        match = _SIZE.fullmatch(line)
        if match is None:
            raise Malformed
        yield line, b""
        size = int(match[1], 16)
        if not size:
            break
        async for data in _exactly(reader, size):
            yield data, data
        if await reader.readexactly(2) != b"\r\n":
            raise Malformed
        yield b"\r\n", b""
    for _ in range(_TRAILERS):
        line = await _line(reader)
        if line == b"\r\n":
            yield line, b""
            return
        _field(line.removesuffix(b"\r\n"))
        yield line, b""
    raise Malformed


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        raise Malformed from error
    if len(line) > _LINE:
        raise Malformed
    return line
