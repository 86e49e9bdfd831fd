"""Bytes between a client and PMail, and the logins among them: IMAP, POP3 and the web's API.

Every answer to a login passes here before the client sees it: it is counted, waits as long as the
guesses say, and does not pass where the address has become held. The account is told only where
it is beyond doubt whose password was tried (PMail reads a login the same way): a right login
takes back the wrong ones for its account, so a guesser must not choose the name they go by.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from edge import http1
from edge.auth import Streams
from edge.guesses import Watch

# Seconds: for one write to a client that does not read, and for a login.
STALL = 120.0
LOGIN = 180.0
_CHUNK = 65_536
_BODY = 8192
_PEEK = 16_384


class Held(Exception):
    """The address tries too many passwords: no answer."""


@dataclass(frozen=True, slots=True)
class _Login:
    """What a client logs in with: "" and b"" for what is not known."""

    account: str = ""
    password: bytes = b""


_NOBODY = _Login()


@dataclass(frozen=True, slots=True)
class Link:
    """A client on one side, PMail on the other. address: the client's."""

    address: str
    watch: Watch
    client: Streams
    pmail: Streams

    async def up(self, data: bytes) -> None:
        """Pass bytes to PMail; where it has stopped to read, wait for its last words.

        Raises TimeoutError.
        """
        try:
            await _send(self.pmail[1], data)
        except TimeoutError:
            raise
        except OSError:
            await _never()

    async def down(self, data: bytes) -> None:
        """Pass bytes to the client. Raises OSError."""
        await _send(self.client[1], data)

    async def answer(self, login: _Login, right: bool, since: float) -> None:
        """Wait until the answer to a login may pass. Raises Held where it must not."""
        settled = self.watch.settle(self.address, login.account, right, since, login.password)
        if not await settled:
            raise Held


class Relay(Protocol):
    """One connection through a door."""

    async def run(self) -> None:
        """Pass bytes until one side ends. Raises OSError, EOFError, ValueError, Held, Malformed."""


class Imap:
    """IMAP: one command at a time until the client is logged in, then everything as it comes.

    go-imap takes no second login on a connection, so nothing has to be watched after the first.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._inside = asyncio.Event()
        self._answered = asyncio.Event()
        self._prompted = False
        self._login = _NOBODY
        self._since = 0.0

    async def run(self) -> None:
        """See Relay."""
        await _first(self._up(), self._down(), _limit(self._inside))

    async def _up(self) -> None:
        reader = self._link.client[0]
        prompted = False
        while not self._inside.is_set():
            line = await reader.readline()
            known = _plain(line) if prompted else _imap(line)
            self._login, self._since = known or _NOBODY, self._link.watch.now()
            self._prompted = False
            self._answered.clear()
            await self._link.up(line)
            # With what is not read here (literals) goes what keeps commands and answers paired.
            if known is None or not line:
                break
            await self._answered.wait()
            prompted = self._prompted
        if not reader.at_eof():
            await _pump(reader, self._link.up)

    async def _down(self) -> None:
        reader = self._link.pmail[0]
        while not self._inside.is_set():
            line = await reader.readline()
            if not line:
                return
            await self._judge(line)
            await self._link.down(line)
        await _pump(reader, self._link.down)

    async def _judge(self, line: bytes) -> None:
        tag, _, answer = line.partition(b" ")
        if tag == b"*":
            return
        right = answer.startswith(b"OK [CAPABILITY ")
        if right or answer.startswith(b"NO [AUTHENTICATIONFAILED]"):
            await self._link.answer(self._login, right, self._since)
            # Of what follows unread commands it is not known when they came.
            self._login, self._since = _NOBODY, self._link.watch.now()
        if right:
            self._inside.set()
        self._prompted = tag == b"+"
        self._answered.set()


# A whole command: go-imap's own rules for tags, atoms and quoted strings.
_TAG = rb'[^\x00-\x20\x7f-\xff"%()*+\\\]{]+'
_ATOM = rb'[^\x00-\x20\x7f-\xff"%()*\\\]{]+'
_QUOTED = rb'"(?:[^"\\\r\n\x00]|\\["\\])*"'
_LOGIN = re.compile(
    rb"%s LOGIN (%s|%s) (%s|%s)\r?\n" % (_TAG, _QUOTED, _ATOM, _QUOTED, _ATOM), re.IGNORECASE
)
_PLAIN = re.compile(rb"%s AUTHENTICATE PLAIN(?: ([A-Za-z0-9+/=]+))?\r?\n" % _TAG, re.IGNORECASE)
_OTHER = re.compile(rb"%s (?:CAPABILITY|NOOP|LOGOUT)\r?\n" % _TAG, re.IGNORECASE)


def _imap(line: bytes) -> _Login | None:
    """Return what a command logs in with, None for a command that is not read."""
    if match := _LOGIN.fullmatch(line):
        return _Login(_local(_string(match[1])), _string(match[2]))
    if match := _PLAIN.fullmatch(line):
        return _plain(match[1]) if match[1] else _NOBODY
    return _NOBODY if _OTHER.fullmatch(line) else None


def _string(text: bytes) -> bytes:
    """Return what a quoted string or an atom says."""
    return re.sub(rb"\\(.)", rb"\1", text[1:-1]) if text.startswith(b'"') else text


def _plain(data: bytes) -> _Login:
    """Return what a PLAIN message in base64 logs in with (RFC 4616)."""
    try:
        parts = base64.b64decode(data.strip(), validate=True).split(b"\0")
    except binascii.Error:
        return _NOBODY
    return _Login(_local(parts[1]), parts[2]) if len(parts) == 3 else _NOBODY


def _local(name: bytes) -> str:
    # PMail takes what stands before the first @ (session_login.go, pop3_server/action.go).
    return name.partition(b"@")[0].decode("utf-8", "replace")


class Pop:
    """POP3: every password waits for the answer to the one before.

    PMail's POP3 takes USER and PASS, and TLS inside of TLS, at any time; a client that does so
    after it has logged in is gone.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._inside = asyncio.Event()
        self._answered = asyncio.Event()
        self._account = ""
        self._password = b""
        self._since = 0.0

    async def run(self) -> None:
        """See Relay."""
        await _first(self._up(), self._down(), _limit(self._inside))

    async def _up(self) -> None:
        while line := await self._link.client[0].readline():
            command, arguments = _pop(line)
            if command == "STLS" or (self._inside.is_set() and command in ("USER", "PASS")):
                return
            if command == "USER":
                self._account = _local(arguments[0]) if arguments else ""
            self._password = b" ".join(arguments) if command == "PASS" else b""
            self._since = self._link.watch.now()
            self._answered.clear()
            await self._link.up(line)
            if command == "PASS":
                await self._answered.wait()

    async def _down(self) -> None:
        reader = self._link.pmail[0]
        while not self._inside.is_set():
            line = await reader.readline()
            if not line:
                return
            right = line.startswith(b"+OK User signed in")
            if right or line.startswith(b"-ERR Password incorrect"):
                login = _Login(self._account, self._password)
                await self._link.answer(login, right, self._since)
                if right:
                    self._inside.set()
                self._answered.set()
            await self._link.down(line)
        await _pump(reader, self._link.down)


def _pop(line: bytes) -> tuple[str, list[bytes]]:
    """Return command and arguments as gopop reads them (pop3.go, getCommand)."""
    command, *arguments = line.strip(b"\r \n").split(b" ")
    return command.decode("utf-8", "replace").upper(), arguments


@dataclass(slots=True)
class _Asked:
    """A request that PMail has not answered.

    link: with the address that it came from. body: the beginning of its content, of a login.
    """

    link: Link
    method: bytes
    login: bool
    token: bytes | None
    since: float
    body: bytearray = field(default_factory=bytearray)


class Https:
    """HTTP/1: one request at a time; the answers to logins are looked into."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asked: _Asked | None = None
        self._free = asyncio.Event()
        self._free.set()

    async def run(self) -> None:
        """See Relay."""
        await _first(self._up(), self._down())

    async def _up(self) -> None:
        reader = self._link.client[0]
        while raw := await http1.head(reader):
            head = http1.request(raw)
            body = head.body()
            since = self._link.watch.now()
            await self._free.wait()
            asked = _asked(self._seen(head), head, since)
            self._free.clear()
            self._asked = asked
            await self._link.up(raw)
            async for piece, content in http1.pieces(reader, body):
                if asked.login and len(asked.body) <= _BODY:
                    asked.body += content
                await self._link.up(piece)

    def _seen(self, head: http1.Request) -> Link:
        """Return the link with the address that a request came from. Raises Held."""
        return self._link

    async def _down(self) -> None:
        while raw := await http1.head(self._link.pmail[0]):
            head = http1.response(raw)
            asked = self._asked
            if asked is None or head.status == 101:
                return
            if head.status < 200:
                await self._link.down(raw)
                continue
            await self._answer(asked, raw, head.body(asked.method))
            self._asked = None
            self._free.set()
            if head.last():
                return

    async def _answer(self, asked: _Asked, raw: bytes, body: http1.Body) -> None:
        pieces = http1.pieces(self._link.pmail[0], body)
        if asked.login or asked.token is not None:
            content = b""
            async for piece, more in pieces:
                raw, content = raw + piece, content + more
                if len(content) >= _PEEK:
                    break
            await self._judge(asked, content)
        await self._link.down(raw)
        async for piece, _ in pieces:
            await self._link.down(piece)

    async def _judge(self, asked: _Asked, content: bytes) -> None:
        match = _ERROR.match(content)
        if match is None:
            return
        number = int(match[1])
        if asked.token is not None and number == 403:
            await asked.link.answer(_Login(_signer(asked.token)), False, asked.since)
        elif asked.login and number:
            await asked.link.answer(_Login(_named(bytes(asked.body))), False, asked.since)
        elif asked.login:
            account = _SHOWN.search(content)
            name = account[1].decode("utf-8", "replace") if account else ""
            await asked.link.answer(_Login(name), True, asked.since)


class Http(Https):
    """HTTP/1 behind a web server, which names the client of each request."""

    async def run(self) -> None:
        """See Relay. An address that is held off is told so."""
        try:
            await super().run()
        except Held:
            await self._link.down(HELD)
            raise

    def _seen(self, head: http1.Request) -> Link:
        address = client(head.fields)
        if self._link.watch.held(address):
            raise Held
        return replace(self._link, address=address)


_HELD = b"Too many wrong logins. Please try again in an hour.\n"
HELD = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nRetry-After: 3600\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_HELD), _HELD)
)


def client(fields: tuple[tuple[bytes, bytes], ...]) -> str:
    """Return the address that a web server says it has a request from; without one, it is root's.

    It is the last one of X-Forwarded-For: what stands before was sent by the client.
    """
    listed = b",".join(http1.values(fields, b"x-forwarded-for"))
    try:
        return str(ipaddress.ip_address(listed.rpartition(b",")[2].strip().decode("ascii")))
    except ValueError:
        return "127.0.0.1"


# dto/response/response.go and controllers/login.go: Go writes the members in this order.
_ERROR = re.compile(rb'\s*\{"errorNo":(-?[0-9]{1,9})[,}]')
_SHOWN = re.compile(rb'"data":\{"account":"([^"\\]*)"')


def _asked(link: Link, head: http1.Request, now: float) -> _Asked:
    """Return what has to be known of a request until it is answered. Raises Malformed.

    Any method logs in, and any spelling of the path that Go decodes to it. The answer to HEAD
    tells by its length alone whether a password was right: nobody needs it there.
    """
    login = b"/api/login" in unquote_to_bytes(head.target)
    tokens = http1.values(head.fields, b"token")
    if head.method == b"HEAD" and (login or tokens):
        raise http1.Malformed
    return _Asked(link, head.method, login, tokens[0] if tokens else None, now)


def _named(body: bytes) -> str:
    """Return the account in a login's JSON, "" where two readers could differ on it."""
    try:
        members = json.loads(body.decode(), object_pairs_hook=tuple) if len(body) <= _BODY else ()
    except (ValueError, RecursionError):
        return ""
    if not isinstance(members, tuple):
        return ""
    names = [value for name, value in members if name.lower() == "account"]
    return names[0] if len(names) == 1 and isinstance(names[0], str) else ""


def _signer(token: bytes) -> str:
    # https_server.go, getLoginInfoByToken: account:digest:time.
    parts = token.split(b":")
    return parts[0].decode("utf-8", "replace") if len(parts) == 3 else ""


class _Way(Protocol):
    async def __call__(self, data: bytes) -> None: ...


async def _pump(reader: asyncio.StreamReader, way: _Way) -> None:
    while data := await reader.read(_CHUNK):
        await way(data)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    async with asyncio.timeout(STALL):
        await writer.drain()


async def _limit(inside: asyncio.Event) -> None:
    """Raise TimeoutError where nobody has logged in after a while."""
    async with asyncio.timeout(LOGIN):
        await inside.wait()
    await _never()


async def _never() -> None:
    await asyncio.Event().wait()


async def _first(*ways: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends, and end with what it ended with."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
