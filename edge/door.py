"""The public TLS ports of web mail, IMAP and POP3: who gets in, and on to PMail's own."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from edge import http1
from edge.auth import PMail, Streams, Unavailable
from edge.guesses import Watch, place
from edge.relay import STALL, Held, Https, Imap, Link, Pop, Relay

_ALL = 400
_EACH = 40
_HANDSHAKE = 30.0
_SORRY = 10.0
_PAUSE = 1.0
_BUFFER = 262_144
_HOST = re.compile(r"(?=.{1,253}\Z)[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*")
# What clients do, and what ends a connection without a word.
_ENDS = (OSError, EOFError, ValueError, Held, http1.Malformed)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Service:
    """What stands behind a door. sorry: what a client is told while PMail is down."""

    relay: Callable[[Link], Relay]
    protocols: tuple[str, ...]
    sorry: bytes


_TEXT = b"The mail server is being restarted. Please try again in a minute.\n"
_SERVICES: Mapping[str, _Service] = {
    "imaps": _Service(Imap, (), b"* BYE [UNAVAILABLE] PMail does not answer, try again later\r\n"),
    "pops": _Service(Pop, (), b"-ERR [SYS/TEMP] PMail does not answer, try again later\r\n"),
    "https": _Service(
        Https,
        ("http/1.1",),
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 5\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_TEXT), _TEXT),
    ),
}
PORTS: Mapping[str, int] = {"imaps": 993, "pops": 995, "https": 443}


class Certificate:
    """The certificate that the doors show, read again when its files have changed."""

    def __init__(self, chain: str, key: str) -> None:
        self._files = (Path(chain), Path(key))
        self._stamp: tuple[int, ...] = ()
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._names: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()

    def context(self, protocols: tuple[str, ...]) -> ssl.SSLContext:
        """Return what a handshake needs. protocols: for ALPN.

        New files that do not fit together leave the certificate that was shown before. Raises
        OSError where there is none.
        """
        stamp = self._stamped()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                made = {kind.protocols: self._made(kind.protocols) for kind in _SERVICES.values()}
            except OSError as error:
                _log.warning("the certificate in %s cannot be read: %s", self._files[0], error)
            else:
                self._contexts = made
        if not self._contexts:
            raise OSError("no certificate")
        return self._contexts[protocols]

    def name(self, tls: ssl.SSLObject | None) -> str:
        """Return the server name that a client asked for, "" for none or an odd one."""
        name = self._names.get(tls, "") if tls is not None else ""
        return name if _HOST.fullmatch(name) else ""

    def _stamped(self) -> tuple[int, ...]:
        stats = []
        for file in self._files:
            with suppress(OSError):
                stat = file.stat()
                stats += [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_size]
        return tuple(stats)

    def _made(self, protocols: tuple[str, ...]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.load_cert_chain(*self._files)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        context.sni_callback = self._asked
        return context

    def _asked(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name is not None:
            self._names[tls] = name


class Doors:
    """All doors of this process: they share what is counted."""

    def __init__(
        self,
        certificate: Certificate,
        watch: Watch,
        pmail: PMail,
        ports: Mapping[str, int] = PORTS,
    ) -> None:
        """Remember what they need. ports: PMail's, by the door's name."""
        self._certificate = certificate
        self._watch = watch
        self._pmail = pmail
        self._ports = ports
        self._open: Counter[str] = Counter()

    async def serve(self, name: str, listener: socket.socket) -> None:
        """Serve a door until it is cancelled. name: imaps, pops or https. listener: TCP."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    connection, address = await loop.sock_accept(listener)
                except OSError:
                    # Gone before it was accepted, or no descriptors left: others will end.
                    await asyncio.sleep(_PAUSE)
                    continue
                if self._refused(address[0]):
                    connection.close()
                    continue
                task = asyncio.create_task(self._connection(name, connection, address[0]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _refused(self, address: str) -> bool:
        full = self._open.total() >= _ALL or self._open[place(address)] >= _EACH
        return full or self._watch.held(address)

    async def _connection(self, name: str, connection: socket.socket, address: str) -> None:
        where = place(address)
        self._open[where] += 1
        try:
            await self._greet(_SERVICES[name], self._ports[name], connection, address)
        except _ENDS:
            pass
        finally:
            self._open[where] -= 1
            if not self._open[where]:
                del self._open[where]

    async def _greet(
        self, service: _Service, port: int, connection: socket.socket, address: str
    ) -> None:
        reader, writer = await self._handshake(service, connection)
        try:
            name = self._certificate.name(writer.get_extra_info("ssl_object"))
            try:
                pmail = await self._pmail.connect(port, name)
            except Unavailable:
                await _sorry(service, reader, writer)
            else:
                await _relay(service, Link(address, self._watch, (reader, writer), pmail))
            writer.close()
            await writer.wait_closed()
        finally:
            # Debian 12's Python (3.11.2) raises for a TLS transport whose connection has gone.
            with suppress(AttributeError):
                writer.transport.abort()

    async def _handshake(self, service: _Service, connection: socket.socket) -> Streams:
        try:
            context = self._certificate.context(service.protocols)
        except OSError:
            connection.close()
            raise
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_BUFFER)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE,
            ssl_shutdown_timeout=STALL,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _relay(service: _Service, link: Link) -> None:
    try:
        await service.relay(link).run()
    finally:
        link.pmail[1].transport.abort()


async def _sorry(
    service: _Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if service.relay is Https:
        # An answer that comes before the request is lost on some clients.
        async with asyncio.timeout(_SORRY):
            await http1.head(reader)
    writer.write(service.sorry)
    await writer.drain()
