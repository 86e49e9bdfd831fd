"""One DNS question over the wire: UDP, and TCP where the answer did not fit."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.flags
import dns.message
import dns.rcode

PAYLOAD = 1232  # octets, as is usual since DNS Flag Day 2020
_FIRST_WAIT = 0.3  # of the time limit; then the question is sent once more
_LARGEST = 65535


class Reach(StrEnum):
    """How an exchange ended."""

    ANSWERED = "answered"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    UNREACHABLE = "unreachable"
    GARBLED = "garbled"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one question. message: None unless it was answered.

    no_edns: the server answers only where EDNS is left out. no_tcp: an answer that did not fit into
    UDP could not be had by TCP. seconds: how long it took.
    """

    reach: Reach
    message: dns.message.Message | None = None
    no_edns: bool = False
    no_tcp: bool = False
    seconds: float = 0.0


# Sends a message to (address, port) within so many seconds, by TCP or UDP; returns the octets of
# the answer. Raises OSError, TimeoutError.
Send = Callable[[bytes, str, int, float, bool], Awaitable[bytes]]


async def send(wire: bytes, address: str, port: int, timeout: float, tcp: bool) -> bytes:
    """Send a message over the network, and return what comes back."""
    return await (_tcp if tcp else _udp)(wire, address, port, timeout)


async def _udp(wire: bytes, address: str, port: int, timeout: float) -> bytes:
    loop = asyncio.get_running_loop()
    with _socket(address, socket.SOCK_DGRAM) as sock:
        # Connected: the kernel drops what comes from elsewhere, and tells of a closed port.
        sock.connect((address, port))
        deadline = loop.time() + timeout
        for wait in (timeout * _FIRST_WAIT, timeout):
            await loop.sock_sendall(sock, wire)
            until = min(deadline, loop.time() + wait)
            while (left := until - loop.time()) > 0:
                try:
                    async with asyncio.timeout(left):
                        data = await loop.sock_recv(sock, _LARGEST)
                except TimeoutError:
                    break
                if data[:2] == wire[:2]:
                    return data
    raise TimeoutError


async def _tcp(wire: bytes, address: str, port: int, timeout: float) -> bytes:
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(address, port)
        try:
            writer.write(struct.pack("!H", len(wire)) + wire)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(length)
        except EOFError as error:  # as readexactly has it where the other side hangs up
            raise ConnectionResetError from error
        finally:
            writer.close()


def _socket(address: str, kind: int) -> socket.socket:
    version = ipaddress.ip_address(address).version
    found = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind)
    found.setblocking(False)
    return found


async def exchange(
    query: dns.message.Message,
    address: str,
    port: int,
    timeout: float,
    *,
    tcp: bool = False,
    by: Send = send,
) -> Reply:
    """Ask one address; an answer that was cut is asked for by TCP, one without EDNS once more.

    timeout: seconds, for each way that is tried.
    """
    started = time.monotonic()
    reply = await _once(query, address, port, timeout, tcp, by)
    found = reply.message
    if query.edns >= 0 and found is not None and _knows_no_edns(found):
        query.use_edns(False)
        again = await _once(query, address, port, timeout, tcp, by)
        reply = Reply(again.reach, again.message, no_edns=True)
        found = reply.message
    if found is not None and found.flags & dns.flags.TC and not tcp:
        longer = await _once(query, address, port, timeout, True, by)
        if longer.message is None:
            reply = Reply(longer.reach, None, reply.no_edns, no_tcp=True)
        else:
            reply = Reply(longer.reach, longer.message, reply.no_edns)
    seconds = time.monotonic() - started
    return Reply(reply.reach, reply.message, reply.no_edns, reply.no_tcp, seconds)


def _knows_no_edns(found: dns.message.Message) -> bool:
    refused = found.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP)
    return refused and found.edns < 0


async def _once(
    query: dns.message.Message, address: str, port: int, timeout: float, tcp: bool, by: Send
) -> Reply:
    try:
        wire = await by(query.to_wire(), address, port, timeout, tcp)
        found = dns.message.from_wire(wire, ignore_trailing=True)
    except TimeoutError:
        return Reply(Reach.TIMEOUT)
    except (ConnectionRefusedError, ConnectionResetError):
        return Reply(Reach.CLOSED)
    except OSError:
        return Reply(Reach.UNREACHABLE)
    except (dns.exception.DNSException, ValueError):
        return Reply(Reach.GARBLED)
    if not query.is_response(found):
        return Reply(Reach.GARBLED)
    return Reply(Reach.ANSWERED, found)
