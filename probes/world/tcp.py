"""Can a TCP port be reached from here, and if not, how does it fail."""

from __future__ import annotations

import errno
import socket
import time
from dataclasses import dataclass
from enum import StrEnum

TIMEOUT = 8.0


class Reach(StrEnum):
    """How a connection attempt ended."""

    OPEN = "open"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection attempt: how it ended, after how many seconds."""

    address: str
    port: int
    reach: Reach
    seconds: float
    reason: str = ""


def connect(address: str, port: int, timeout: float = TIMEOUT) -> Connection:
    """Try to connect to an address and close again."""
    started = time.monotonic()
    reach, reason = Reach.OPEN, ""
    try:
        socket.create_connection((address, port), timeout=timeout).close()
    except OSError as error:
        reach, reason = reach_of(error), error.strerror or str(error)
    return Connection(address, port, reach, time.monotonic() - started, reason)


def reach_of(error: OSError) -> Reach:
    """Return how a connection attempt failed."""
    if isinstance(error, TimeoutError):
        return Reach.TIMEOUT
    if error.errno in (errno.ECONNREFUSED, errno.ECONNRESET):
        return Reach.REFUSED
    return Reach.UNREACHABLE
