"""A server for one test: says what it is told to on loopback, and knows what it was asked."""

from __future__ import annotations

import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from tests.lab.certificates import Files
from tests.listening import listening


@dataclass
class Smtp:
    """What an SMTP server says, and what it heard. files: of its certificate."""

    greeting: str = "220 mail.example.test ESMTP"
    extensions: tuple[str, ...] = ()
    files: Files | None = None
    refuses_tls: bool = False
    heard: list[str] = field(default_factory=list)

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """One conversation."""
        reader, writer = stream.rfile, stream.wfile
        writer.write(f"{self.greeting}\r\n".encode())
        while line := reader.readline().decode().strip():
            self.heard.append(line)
            match line.split()[0].upper():
                case "EHLO":
                    lines = ("mail.example.test", *self.extensions)
                    marks = ["-"] * (len(lines) - 1) + [" "]
                    said = "".join(f"250{m}{t}\r\n" for m, t in zip(marks, lines, strict=True))
                    writer.write(said.encode())
                case "STARTTLS" if self.refuses_tls:
                    writer.write(b"454 4.7.0 not now\r\n")
                case "STARTTLS":
                    writer.write(b"220 go on\r\n")
                    secure = context(self.files).wrap_socket(stream.connection, server_side=True)
                    reader, writer = secure.makefile("rb"), secure.makefile("wb", buffering=0)
                case "QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                case _:
                    writer.write(b"502 what\r\n")


class Talker(Protocol):
    """Something that serves a connection."""

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """One connection."""


class HangsUp:
    """A server that closes every connection without a word."""

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """Nothing."""


@dataclass
class Http:
    """A server that gives one answer to everything. files: of its certificate, for HTTPS."""

    answer: bytes
    heard: list[bytes] = field(default_factory=list)
    files: Files | None = None

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """One request."""
        reader, writer = stream.rfile, stream.wfile
        if self.files:
            secure = context(self.files).wrap_socket(stream.connection, server_side=True)
            reader, writer = secure.makefile("rb"), secure.makefile("wb", buffering=0)
        head = b""
        while (line := reader.readline()) not in (b"\r\n", b""):
            head += line
        size = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        self.heard.append(head + b"\r\n" + reader.read(int(size or 0)))
        writer.write(self.answer)


@dataclass
class Tls:
    """A server that shows a certificate and says nothing. names: those that were asked for."""

    files: Files
    names: list[str | None] = field(default_factory=list)

    def serve(self, stream: socketserver.StreamRequestHandler) -> None:
        """One handshake."""
        tls = context(self.files)
        tls.sni_callback = lambda _, name, __: self.names.append(name)
        with tls.wrap_socket(stream.connection, server_side=True) as secure:
            secure.recv(1)


def context(files: Files | None) -> ssl.SSLContext:
    """What a server needs to show a certificate."""
    assert files is not None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files.chain, files.key)
    return made


@contextmanager
def talking(what: Talker) -> Iterator[int]:
    """Serve on 127.0.0.1; gives the port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # whoever looks may hang up at any time
                what.serve(self)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    with listening(server):
        yield int(server.server_address[1])
