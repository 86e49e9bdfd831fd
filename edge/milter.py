"""Postfix's side door: the server side of Sendmail's milter protocol, version 6.

Numbers: libmilter/mfdef.h of Sendmail; what is sent when: Postfix's milter8.c. Postfix opens one
connection for each SMTP session, shows a message once the milters before us have changed it, and
hides the Received field that it added itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from edge.events import event
from edge.fields import VERDICT
from edge.rules import Decision, Message, Rules

_LOG = logging.getLogger(__name__)

_VERSION = 6
# SMFIF_*: add headers, change headers, change the sender, name the macros we want.
_ACTIONS = 0x01 | 0x10 | 0x40 | 0x100
# SMFIP_*: no CONNECT, HELO, body, end of headers, unknown commands and DATA, and no reply to
# header fields and MAIL. Macros of CONNECT are sent all the same.
_PROTOCOL = 0x01 | 0x02 | 0x10 | 0x40 | 0x100 | 0x200 | 0x80 | 0x4000
# SMFIM_CONNECT and SMFIM_ENVFROM.
_MACROS = ((0, b"{daemon_name} {client_addr} {daemon_addr}"), (2, b"{auth_authen}"))

_LENGTH = struct.Struct(">I")
_OPTIONS = struct.Struct(">III")
# Postfix cuts a header field at header_size_limit, 102,400 bytes.
_MOST_PACKET = 256 * 1024
# PMail's go-message reads no more than 1 MiB of header fields; ours come on top.
_MOST_HEADERS = 1000 * 1024
# What each field takes beside its text, so that many small ones are bounded too.
_FIELD = 100
# libmilter's own: an SMTP session in which nothing has to be asked can last.
_IDLE = 7210.0
_WRITE = 60.0

_CONTINUE = b"c"
_TEMPFAIL = b"t"
_NO_DNS = Decision(
    reply="451 4.4.3 who the message is from cannot be looked up now: this server has no DNS"
)
_TOO_LARGE = Decision(reply="552 5.3.4 the header fields of the message are too large")


class _Broken(Exception):
    """What came is not the protocol that was agreed on."""


@dataclass(slots=True)
class _Transaction:
    """What is known of the message that is coming in."""

    sender: str = ""
    recipients: int = 0
    size: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)


async def serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    rules: Rules,
    reach: Callable[[], Awaitable[bool]],
) -> None:
    """Answer one connection of Postfix until it ends, and close it.

    reach: whether this host has DNS now. What breaks the protocol or takes too long ends it;
    Postfix then says 451 (milter_default_action = tempfail).
    """
    try:
        await _Session(reader, writer, rules, reach).run()
    except (_Broken, TimeoutError, ConnectionError) as error:
        _LOG.warning("connection ended: %s: %s", type(error).__name__, error)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            _LOG.warning("connection ended within a packet")
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class _Session:
    """One connection of Postfix: one SMTP session, or one message that it made itself."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        rules: Rules,
        reach: Callable[[], Awaitable[bool]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._rules = rules
        self._reach = reach
        self._daemon = ""
        self._here = False
        self._login = ""
        self._queue_id = ""
        self._now = _Transaction()

    async def run(self) -> None:
        await self._negotiate()
        while True:
            command, data = await self._receive()
            match command:
                case b"D":
                    self._macros(data)
                case b"M":
                    self._now = _Transaction(sender=_bare(_strings(data)[0]))
                case b"R":
                    await self._recipient(_strings(data)[0])
                case b"L":
                    self._header(data)
                case b"E":
                    await self._message()
                    self._forget()
                case b"A":
                    self._forget()
                case b"Q":
                    return
                case _:
                    raise _Broken(f"unexpected command {command!r}")

    async def _negotiate(self) -> None:
        command, data = await self._receive()
        if command != b"O" or len(data) != _OPTIONS.size:
            raise _Broken("no negotiation of options")
        version, actions, protocol = _OPTIONS.unpack(data)
        if version < _VERSION or _ACTIONS & ~actions or _PROTOCOL & ~protocol:
            raise _Broken("Postfix has to speak milter_protocol 6")
        wanted = b"".join(_LENGTH.pack(stage) + names + b"\0" for stage, names in _MACROS)
        await self._send((b"O" + _OPTIONS.pack(_VERSION, _ACTIONS, _PROTOCOL) + wanted,))

    def _macros(self, data: bytes) -> None:
        """Keep what Postfix tells at the stage where it knows it: smtpd, not the later cleanup."""
        stage, strings = data[:1], _strings(data[1:]) if data[1:] else []
        if not stage or len(strings) % 2:
            raise _Broken("macros without values")
        macros = dict(zip(strings[::2], strings[1::2], strict=True))
        self._queue_id = macros.get("i", self._queue_id)
        if stage == b"C":
            self._daemon = macros.get("{daemon_name}", "")
            client, server = macros.get("{client_addr}", ""), macros.get("{daemon_addr}", "")
            self._here = self._rules.here(client, server)
        elif stage == b"M":
            self._login = macros.get("{auth_authen}", "")

    async def _recipient(self, address: str) -> None:
        decision = await self._decided(lambda: self._rules.recipient(self._daemon, _bare(address)))
        if decision is not None and not decision.reply:
            self._now.recipients += not decision.free
        await self._send((_TEMPFAIL if decision is None else _verdict(decision),))

    def _header(self, data: bytes) -> None:
        strings = _strings(data)
        if len(strings) != 2 or not strings[0]:
            raise _Broken("a header field without name or value")
        self._now.size += len(data) + _FIELD
        if self._now.size <= _MOST_HEADERS:
            self._now.headers.append((strings[0], strings[1]))

    async def _message(self) -> None:
        now = self._now
        message = Message(
            daemon=self._daemon,
            login=self._login,
            sender=now.sender,
            recipients=now.recipients,
            headers=tuple(now.headers),
            here=self._here,
        )
        if now.size > _MOST_HEADERS:
            decision: Decision | None = _TOO_LARGE
        else:
            decision = await self._decided(lambda: self._rules.message(message))
        if decision is None:
            await self._send((_TEMPFAIL,))
            return
        # OpenDMARC without DNS says that SPF failed and that there is no policy, not that it could
        # not be seen.
        if decision.doubtful and not await self._reach():
            decision = _NO_DNS
        if decision.discarded and decision.why:
            event("forward_braked", mailbox=decision.discarded, why=decision.why)
        await self._send((*_changes(decision), _verdict(decision)))

    async def _decided(self, decide: Callable[[], Decision]) -> Decision | None:
        """Return a decision, None where it failed: nothing passes undecided.

        In a thread, because the databases that it asks can be busy for seconds.
        """
        try:
            return await asyncio.to_thread(decide)
        except Exception as error:
            _LOG.error("no decision on %s: %s", self._queue_id or "a message", _where(error))
            return None

    def _forget(self) -> None:
        self._now = _Transaction()
        self._login = ""
        self._queue_id = ""

    async def _receive(self) -> tuple[bytes, bytes]:
        async with asyncio.timeout(_IDLE):
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if not 0 < length <= _MOST_PACKET:
                raise _Broken(f"a packet of {length} bytes")
            packet = await self._reader.readexactly(length)
        return packet[:1], packet[1:]

    async def _send(self, packets: tuple[bytes, ...]) -> None:
        for packet in packets:
            self._writer.write(_LENGTH.pack(len(packet)) + packet)
        async with asyncio.timeout(_WRITE):
            await self._writer.drain()


def _changes(decision: Decision) -> tuple[bytes, ...]:
    """Return the packets that change a message which passes, in their order."""
    if decision.reply or decision.discarded:
        return ()
    name = VERDICT.encode() + b"\0"
    # From the last one on, so that no deletion moves another.
    packets = [b"m" + _LENGTH.pack(n) + name + b"\0" for n in range(decision.delete, 0, -1)]
    if decision.verdict:
        packets.append(b"i" + _LENGTH.pack(0) + name + decision.verdict.encode() + b"\0")
    if decision.sender is not None:
        packets.append(b"e<" + decision.sender.encode("utf-8", "surrogateescape") + b">\0")
    return tuple(packets)


def _verdict(decision: Decision) -> bytes:
    """Return the packet that ends a stage."""
    if decision.reply:
        # Sendmail takes the reply as a format string, and Postfix follows.
        return b"y" + decision.reply.replace("%", "%%").encode("ascii") + b"\0"
    return b"d" if decision.discarded else _CONTINUE


def _strings(data: bytes) -> list[str]:
    """Return the strings in a packet; there is at least one. Bytes that are no UTF-8 survive."""
    if not data.endswith(b"\0"):
        raise _Broken("a string without end")
    return [part.decode("utf-8", "surrogateescape") for part in data[:-1].split(b"\0")]


def _bare(address: str) -> str:
    """Return an address without brackets; Postfix leaves them out where it made the mail."""
    return address.removeprefix("<").removesuffix(">")


def _where(error: Exception) -> str:
    """Return kind and place of an error; its text could hold a part of the message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = f" at {trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{line}"
