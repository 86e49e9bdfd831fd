"""Many questions to one DNS server over one TCP connection, none waiting for another's answer.

TCP, because answers to UDP are forged on the way in some networks, and a long TXT fits.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import dns.exception
import dns.message
import dns.query

_BATCH = 32  # questions on their way at the same time
_PATIENCE = 3.0  # a batch may take so many timeouts

# What a server sent, or why nothing can be made of it.
Answer: TypeAlias = dns.message.Message | dns.exception.FormError


@dataclass(slots=True)
class Pipeline:
    """A server that is asked; a context, at whose end the connection is closed.

    timeout: seconds that a connection or an answer may take.
    """

    address: str
    port: int
    timeout: float
    _connection: socket.socket | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        """Connect with the first question."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Hang up."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def ask(self, queries: Sequence[dns.message.Message]) -> list[Answer]:
        """Return the answers; send many, then receive (RFC 7766 section 6.2.1.1).

        queries: each with an id of its own, and signed or not. Where the server hangs up, what is
        left is asked again. Raises OSError, EOFError or dns.exception.DNSException.
        """
        left = {query.id: query for query in queries}
        replies: dict[int, Answer] = {}
        while left:
            fresh, before = self._connection is None, len(replies)
            try:
                self._connection = self._connection or self._connected()
                _batch(self._connection, left, replies, self.timeout)
            except TimeoutError:
                raise dns.exception.Timeout(timeout=self.timeout) from None
            except (EOFError, ConnectionError):
                self.__exit__()
                if fresh and len(replies) == before:
                    raise
        return [replies[query.id] for query in queries]

    def _connected(self) -> socket.socket:
        made = socket.create_connection((self.address, self.port), self.timeout)
        # Questions must not wait for the acknowledgement of those before them.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _batch(
    connection: socket.socket,
    left: dict[int, dns.message.Message],
    replies: dict[int, Answer],
    timeout: float,
) -> None:
    """Ask some of what is left; what is answered is left no more."""
    until = time.monotonic() + timeout * _PATIENCE
    asked = list(left.values())[:_BATCH]
    connection.settimeout(timeout)
    connection.sendall(b"".join(query.to_wire(prepend_length=True) for query in asked))
    for _ in asked:
        length = int.from_bytes(_received(connection, 2, until), "big")
        wire = _received(connection, length, until)
        query = left.get(int.from_bytes(wire[:2], "big"))
        if query is None:
            raise dns.query.BadResponse
        replies[query.id] = _read(wire, query)
        del left[query.id]


def _received(connection: socket.socket, count: int, until: float) -> bytes:
    octets = b""
    while len(octets) < count:
        connection.settimeout(max(until - time.monotonic(), 0.001))
        more = connection.recv(count - len(octets))
        if not more:
            raise EOFError
        octets += more
    return octets


def _read(wire: bytes, query: dns.message.Message) -> Answer:
    try:
        reply = dns.message.from_wire(wire, keyring=query.keyring, request_mac=query.mac)
    except dns.exception.FormError as error:
        return error
    if not query.is_response(reply):
        raise dns.query.BadResponse
    return reply
