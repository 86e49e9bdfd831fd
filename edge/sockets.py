"""The listening sockets that systemd hands over (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, MutableMapping

_FIRST = 3


class NoSockets(Exception):
    """What systemd handed over cannot be used; the text says why."""


def names(environment: MutableMapping[str, str], pid: int) -> tuple[str, ...]:
    """Return the names of the sockets from descriptor 3 on, and take them out of the environment.

    Raises NoSockets where there are none, where they are for another process, or without names.
    """
    count = environment.pop("LISTEN_FDS", "")
    owner = environment.pop("LISTEN_PID", "")
    given = environment.pop("LISTEN_FDNAMES", "")
    if not count.isdecimal() or int(count) == 0:
        raise NoSockets("LISTEN_FDS is not set: start this by its systemd socket units")
    if owner != str(pid):
        raise NoSockets(f"LISTEN_PID is {owner or 'not set'}, this process is {pid}")
    named = tuple(given.split(":")) if given else ()
    if len(named) != int(count):
        raise NoSockets(f"LISTEN_FDNAMES names {len(named)} sockets, LISTEN_FDS says {count}")
    return named


def need(wanted: Iterable[str], named: Iterable[str]) -> None:
    """Raises NoSockets where one that is wanted is not there: systemd starts it before each try."""
    if missing := sorted(set(wanted) - set(named)):
        raise NoSockets(f"systemd has no sockets yet for {', '.join(missing)}")


def taken(named: tuple[str, ...], first: int = _FIRST) -> dict[str, list[socket.socket]]:
    """Return the sockets by name: several of one name where a unit listens on several addresses.

    named: the names of the descriptors from `first` on. Raises NoSockets where one of them is not
    a listening stream socket.
    """
    sockets: dict[str, list[socket.socket]] = {}
    for descriptor, name in enumerate(named, first):
        sockets.setdefault(name, []).append(_listener(descriptor, name))
    return sockets


def _listener(descriptor: int, name: str) -> socket.socket:
    try:
        made = socket.socket(fileno=descriptor)
    except OSError as error:
        raise NoSockets(f"descriptor {descriptor} ({name}) is no socket: {error}") from error
    if made.type != socket.SOCK_STREAM:
        raise NoSockets(f"descriptor {descriptor} ({name}) is no stream socket")
    if not made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise NoSockets(f"descriptor {descriptor} ({name}) does not listen: Accept= must be no")
    os.set_inheritable(descriptor, False)
    made.setblocking(False)
    return made
