"""Whether a login is right, for Postfix: the Dovecot authentication protocol, answered by PMail.

Protocol 1.1 as Dovecot's document "Authentication Protocol" has it and as its only client here,
Postfix's src/xsasl/xsasl_dovecot_server.c, reads it: that takes every FAIL for a wrong password
(535), whatever its parameters, and a connection that ends without an answer for a temporary
failure (454). So what is not known yet is answered by closing; Postfix connects anew.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from edge.accounts import Account, Accounts, Unreadable
from edge.addresses import split
from edge.events import event
from edge.guesses import Watch

# Postfix waits 10 seconds for an answer (AUTH_TIMEOUT): what comes later is 454 anyway.
_ANSWER = 9.0
_PATIENCE = 5.0
_PAUSE = 0.1
_CONNECT = 10.0
_GOODBYE = 1.0
_SHUTDOWN = 120.0
# A smtpd process keeps its connection while it lives; it connects anew where it was closed.
_IDLE = 3600.0
_NAME = 320
_PASSWORD = 4096
_PROMPTS = (b"Username:", b"Password:")
# RFC 5530: the server's trouble, not a wrong password.
_TROUBLE = (b"[UNAVAILABLE]", b"[SERVERBUG]", b"[INUSE]", b"[LIMIT]")

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Unavailable(Exception):
    """Whether the login is right cannot be said now; the text says why, without the password."""


class _Gone(Exception):
    """The other side does not speak the protocol, or there is no answer: close."""


class PMail:
    """PMail's own TLS ports, on this host."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # A namespace with nothing but PMail: there is nobody to mistake it for.
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE
        self._down: set[int] = set()

    async def connect(self, port: int, name: str = "") -> Streams:
        """Return a TLS connection to a port.

        name: the SNI to send, "" for none. PMail's restart, 0.2 seconds, is waited for: up to 5.
        Raises Unavailable.
        """
        try:
            made = await self._connect(port, name)
        except (OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            if port not in self._down:
                self._down.add(port)
                event("pmail_down", reason=reason, port=port)
            raise Unavailable(f"PMail's port {port} does not answer: {reason}") from error
        self._down.discard(port)
        return made

    async def _connect(self, port: int, name: str) -> Streams:
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE
        while True:
            try:
                return await self._once(port, name)
            except ConnectionRefusedError:
                if clock() + _PAUSE > end:
                    raise
                await asyncio.sleep(_PAUSE)

    async def _once(self, port: int, name: str) -> Streams:
        async with asyncio.timeout(_CONNECT):
            return await asyncio.open_connection(
                self._host,
                port,
                ssl=self._tls,
                server_hostname=name,
                ssl_shutdown_timeout=_SHUTDOWN,
            )


@dataclass(frozen=True, slots=True)
class Login:
    """What it takes to check a login. domains: own mail domains. port: PMail's IMAPS."""

    domains: Sequence[str]
    accounts: Accounts
    watch: Watch
    pmail: PMail
    port: int = 993

    async def check(self, address: str, name: str, password: bytes) -> Account | None:
        """Return the account of a right login, None for a wrong one, after what it has to wait.

        address: the client's. name: an account, or an address at an own domain, in any case.
        Raises Unavailable.
        """
        since = self.watch.now()
        if self.watch.held(address):
            raise Unavailable("too many wrong logins from this address")
        try:
            async with asyncio.timeout(_ANSWER):
                account = await self._account(name)
                right = account is not None and await self._ask(account.name, password)
        except (OSError, EOFError, ValueError) as error:
            raise Unavailable(f"PMail cannot be asked: {type(error).__name__}") from error
        who = split(name)[0] if account is None else account.name
        if not await self.watch.settle(address, who, right, since, password):
            raise Unavailable("too many wrong logins from this address")
        return account if right else None

    async def _account(self, name: str) -> Account | None:
        local, at, _ = name.rpartition("@")
        if at and split(name)[1] not in (domain.lower() for domain in self.domains):
            return None
        try:
            found = await asyncio.to_thread(self.accounts.canonical, local if at else name)
        except Unreadable as error:
            raise Unavailable(str(error)) from error
        return None if found is None or found.disabled else found

    async def _ask(self, account: str, password: bytes) -> bool:
        reader, writer = await self.pmail.connect(self.port)
        try:
            if not (await reader.readline()).startswith(b"* OK"):
                raise Unavailable("PMail does not greet")
            plain = base64.b64encode(b"\0%s\0%s" % (account.encode(), password))
            writer.write(b"a AUTHENTICATE PLAIN %s\r\n" % plain)
            right = _verdict(await _tagged(reader))
            await _leave(reader, writer)
        finally:
            abort(writer)
        return right


def abort(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, also one that has ended."""
    # Debian 12's Python (3.11.2) raises for a TLS transport whose connection has gone.
    with suppress(AttributeError):
        writer.transport.abort()


async def _tagged(reader: asyncio.StreamReader) -> bytes:
    while line := await reader.readline():
        if line.startswith(b"a "):
            return line[2:]
    raise Unavailable("PMail closed the connection")


def _verdict(answer: bytes) -> bool:
    """Return whether PMail takes the password. Raises Unavailable where it does not say."""
    kind, _, text = answer.upper().partition(b" ")
    if kind == b"OK":
        return True
    if kind == b"NO" and not text.startswith(_TROUBLE):
        return False
    raise Unavailable("PMail cannot check passwords now")


async def _leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # PMail's answer is known: what goes wrong from here does not matter.
    with suppress(OSError, EOFError, ValueError):
        writer.write(b"b LOGOUT\r\n")
        async with asyncio.timeout(_GOODBYE):
            await reader.read()


@dataclass(slots=True)
class _Request:
    """A login under way. said: what the client has sent so far, decoded."""

    number: bytes
    mechanism: bytes
    address: str
    said: list[bytes]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, login: Login) -> None:
    """Answer one connection of Postfix until it ends."""
    pending: _Request | None = None
    writer.write(_greeting())
    try:
        while line := await _line(reader):
            pending, answer = await _step(line.rstrip(b"\n").split(b"\t"), pending, login)
            writer.write(answer)
            await writer.drain()
    except (OSError, EOFError, ValueError, _Gone, Unavailable):
        pass
    finally:
        writer.close()


async def _line(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(_IDLE):
        return await reader.readline()


def _greeting() -> bytes:
    lines = (
        "VERSION\t1\t1",
        "MECH\tPLAIN\tplaintext",
        "MECH\tLOGIN\tplaintext",
        f"SPID\t{os.getpid()}",
        "CUID\t1",
        f"COOKIE\t{os.urandom(16).hex()}",
        "DONE",
    )
    return "".join(f"{line}\n" for line in lines).encode()


async def _step(
    fields: list[bytes], pending: _Request | None, login: Login
) -> tuple[_Request | None, bytes]:
    """Return the login that is under way after a line, and what is answered to the line."""
    match fields:
        case [b"VERSION", b"1", *_]:
            return pending, b""
        case [b"VERSION", *_]:
            raise _Gone
        case [b"AUTH", number, mechanism, *parameters]:
            request = _Request(number, mechanism.upper(), _address(parameters), [])
            # It has to be the last one (RFC 4422's initial response; it may hold anything).
            last = parameters[-1] if parameters else b""
            given = last.removeprefix(b"resp=") if last.startswith(b"resp=") else None
            return await _said(request, given, login)
        case [b"CONT", number, data] if pending is not None and pending.number == number:
            return await _said(pending, data, login)
        case [b"CONT", number, *_]:
            return pending, _refused(number, b"", "no login is under way")
    return pending, b""


def _address(parameters: list[bytes]) -> str:
    found = (part[4:] for part in parameters if part.startswith(b"rip="))
    return next(found, b"").decode("ascii", "replace")


async def _said(
    request: _Request, data: bytes | None, login: Login
) -> tuple[_Request | None, bytes]:
    """Return what follows from a client's response; data: in base64, None for none yet."""
    if request.mechanism not in (b"PLAIN", b"LOGIN"):
        return None, _refused(request.number, b"", "the mechanisms are PLAIN and LOGIN")
    if data is not None:
        try:
            request.said.append(_decoded(data))
        except binascii.Error:
            return None, _refused(request.number, b"", "what the program sent is not base64")
    needed = 1 if request.mechanism == b"PLAIN" else 2
    if len(request.said) < needed:
        prompt = b"" if request.mechanism == b"PLAIN" else _PROMPTS[len(request.said)]
        return request, b"CONT\t%s\t%s\n" % (request.number, base64.b64encode(prompt))
    return None, await _answer(request, login)


def _decoded(data: bytes) -> bytes:
    # RFC 4954 section 4: "=" is an empty initial response.
    return b"" if data == b"=" else binascii.a2b_base64(data, strict_mode=True)


async def _answer(request: _Request, login: Login) -> bytes:
    match request.said if len(request.said) == 2 else _plain(request.said[0]):
        case [name, password] if _sound(name, password):
            pass
        case _:
            return _refused(request.number, b"", "what the program sent is no name and password")
    account = await login.check(request.address, name.decode(), password)
    if account is None or not account.name.isprintable():
        return _refused(request.number, name, "wrong name or password")
    return b"OK\t%s\tuser=%s\n" % (request.number, account.name.encode())


def _plain(message: bytes) -> list[bytes]:
    """Return name and password in a PLAIN message (RFC 4616), nothing where they are not in it."""
    match message.split(b"\0"):
        case [role, name, password] if role.lower() in (b"", name.lower()):
            return [name, password]
    return []


def _sound(name: bytes, password: bytes) -> bool:
    """Return whether name and password are ones that PMail may be asked about."""
    try:
        readable = name.decode().isprintable()
    except UnicodeDecodeError:
        return False
    return readable and 0 < len(name) <= _NAME and len(password) <= _PASSWORD and 0 not in password


def _refused(number: bytes, name: bytes, reason: str) -> bytes:
    # Postfix logs the name and shows the reason to the client.
    user = b"\tuser=%s" % name if name else b""
    return b"FAIL\t%s%s\treason=%s\n" % (number, user, reason.encode())
