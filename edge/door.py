"""The public TLS ports of web mail, IMAP and POP3: who gets in, and on to PMail's own."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import socket
import ssl
import sys
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from edge import http1
from edge.auth import PMail, Streams, Unavailable, abort
from edge.guesses import Watch, place
from edge.relay import STALL, Held, Http, Https, Imap, Link, Pop, Relay

# Connections to one door, and of them from one address.
_ALL = 300
_EACH = 40
_HANDSHAKE = 30.0
_SORRY = 10.0
_PAUSE = 1.0
_SWEEP = 3.0
# The longest head of HTTP/1 that is taken.
_BUFFER = 65_536
_HOST = re.compile(r"(?=.{1,253}\Z)[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*")
# What clients do, and what ends a connection without a word.
_ENDS = (OSError, EOFError, ValueError, Held, http1.Malformed)

# asyncio makes a buffer of this size for each TLS connection, also for the ones to PMail. It is for
# the whole process, in which every TLS connection is a door's or one to PMail.
sslproto.SSLProtocol.max_size = 65_536

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Service:
    """What stands behind a door. sorry: what a client is told while PMail is down."""

    relay: Callable[[Link], Relay]
    protocols: tuple[str, ...]
    sorry: bytes


_TEXT = b"The mail server is being restarted. Please try again in a minute.\n"
_SORRY_WEB = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 5\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_TEXT), _TEXT)
)
_SERVICES: Mapping[str, _Service] = {
    "imaps": _Service(Imap, (), b"* BYE [UNAVAILABLE] PMail does not answer, try again later\r\n"),
    "pops": _Service(Pop, (), b"-ERR [SYS/TEMP] PMail does not answer, try again later\r\n"),
    "https": _Service(Https, ("http/1.1",), _SORRY_WEB),
    "web": _Service(Http, (), _SORRY_WEB),
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


class Inside:
    """The way in for a web server on this host, which has taken TLS off and names each client.

    Who may connect, the socket's owner says.
    """

    def __init__(self, watch: Watch, pmail: PMail, port: int = PORTS["https"]) -> None:
        """Remember what it needs. port: PMail's HTTPS."""
        self._watch = watch
        self._pmail = pmail
        self._port = port
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection until one side ends."""
        self._open += 1
        try:
            if self._open <= _ALL:
                with suppress(*_ENDS):
                    await self._relayed(reader, writer)
        finally:
            self._open -= 1
            writer.close()

    async def _relayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        service = _SERVICES["web"]
        try:
            pmail = await self._pmail.connect(self._port)
        except Unavailable:
            await _sorry(service, reader, writer)
        else:
            await _relay(service, Link("", self._watch, (reader, writer), pmail))


class Doors:
    """All doors of this process. Each counts its own connections: whoever fills one leaves the
    others open."""

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
        self._open = {name: Counter[str]() for name in ports}
        self._sweeping = False

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
                if self._refused(name, address[0]):
                    connection.close()
                else:
                    task = self._started(name, connection, address[0])
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                # sock_accept does not yield while connections wait: others want to be served too.
                await asyncio.sleep(0)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _refused(self, name: str, address: str) -> bool:
        here = self._open[name]
        full = here.total() >= _ALL or here[place(address)] >= _EACH
        return full or self._watch.held(address)

    def _started(self, name: str, connection: socket.socket, address: str) -> asyncio.Task[None]:
        """Serve a connection, which counts from now on: its task runs later."""
        here, where = self._open[name], place(address)
        here[where] += 1

        def ended(_: asyncio.Task[None]) -> None:
            here[where] -= 1
            if not here[where]:
                del here[where]
            self._sweep()

        task = asyncio.create_task(self._connection(name, connection, address))
        task.add_done_callback(ended)
        return task

    def _sweep(self) -> None:
        """Free soon what ended connections hold: TLS transports are cycles, and large ones."""
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(_SWEEP, self._collect)

    def _collect(self) -> None:
        self._sweeping = False
        gc.collect()

    async def _connection(self, name: str, connection: socket.socket, address: str) -> None:
        with suppress(*_ENDS):
            await self._greet(_SERVICES[name], self._ports[name], connection, address)

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
            abort(writer)

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
        abort(link.pmail[1])


async def _sorry(
    service: _Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if service.relay in (Https, Http):
        # An answer that comes before the request is lost on some clients.
        async with asyncio.timeout(_SORRY):
            await http1.head(reader)
    writer.write(service.sorry)
    await writer.drain()


def quiet() -> None:
    """Have it not printed when a client asks for a server name that is no ASCII.

    Python's ssl ends such a handshake before any code of ours can leave the name out, and tells of
    it as of an exception that was ignored (CPython's Modules/_ssl.c, _servername_callback).
    """
    sys.unraisablehook = _unraisable


def _unraisable(ignored: sys.UnraisableHookArgs) -> None:
    if not (
        isinstance(ignored.exc_value, UnicodeDecodeError) and isinstance(ignored.object, bytes)
    ):
        sys.__unraisablehook__(ignored)
