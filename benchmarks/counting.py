"""A TCP relay on loopback that counts the calls and the connections that go through it."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def http_requests(stream: bytes) -> int:
    """Requests in what an HTTP/1.1 client sent."""
    return stream.count(b" HTTP/1.1\r\n")


def dns_messages(stream: bytes) -> int:
    """Messages in what a DNS client sent over TCP: each after two octets with its length."""
    count = at = 0
    while at + 2 <= len(stream):
        at += 2 + int.from_bytes(stream[at : at + 2], "big")
        count += 1
    return count


@dataclass
class Relay:
    """A running relay. port: where it listens. asked: counts the calls in what a client sent."""

    port: int
    asked: Callable[[bytes], int]
    _sent: list[bytearray] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """Calls since it runs."""
        return sum(self.asked(bytes(each)) for each in self._sent)

    @property
    def connections(self) -> int:
        """Connections since it runs."""
        return len(self._sent)

    def opened(self) -> bytearray:
        """Takes what the client of a new connection sends."""
        self._sent.append(bytearray())
        return self._sent[-1]


@contextmanager
def relay(upstream: int, asked: Callable[[bytes], int]) -> Iterator[Relay]:
    """A relay to a port on loopback."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sent = running.opened()
            with socket.create_connection(("127.0.0.1", upstream)) as server:
                for each in (self.request, server):
                    # What comes in two packets must not wait for the first's acknowledgement.
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                back = threading.Thread(
                    target=_pump, args=(server, self.request, lambda data: None), daemon=True
                )
                back.start()
                _pump(self.request, server, sent.extend)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        listener.block_on_close = False  # clients keep connections
        running = Relay(int(listener.server_address[1]), asked)
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield running
        finally:
            listener.shutdown()
            thread.join()


def _pump(source: socket.socket, sink: socket.socket, note: Callable[[bytes], object]) -> None:
    try:
        while data := source.recv(65536):
            note(data)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side went
