"""SSH channels opened ahead, a shell in each: a command waits for one round trip, not for three.

One is to open a channel, one to start a command there: before that, no server takes what the
command is to read (its window is 0).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Thread
from typing import Any
from weakref import WeakKeyDictionary

from paramiko import Channel, ChannelException, SSHException, Transport
from pyinfra.api import Host
from pyinfra.connectors.ssh import SSHConnector


def opens_ahead(host: Host) -> None:
    """Have channels for a host's next commands be opened from now on."""
    transport = _transport(host)
    if transport is not None and transport not in _ahead:
        _ahead[transport] = _Ahead(transport)
        transport.open_session = _ahead[transport].opened  # type: ignore[method-assign]


@contextmanager
def sent_at_once(host: Host) -> Iterator[None]:
    """Have a command of ours be sent by a channel that was opened ahead, where there is one.

    Others' commands are none of ours: they may want a terminal, or another environment.
    """
    transport = _transport(host)
    ahead = _ahead.get(transport) if transport is not None else None
    if ahead is None:
        yield
        return
    ahead.ours = True
    try:
        yield
    finally:
        ahead.ours = False


def _transport(host: Host) -> Transport | None:
    connector = getattr(host, "connector", None)
    client = connector.client if isinstance(connector, SSHConnector) else None
    return client.get_transport() if client else None


_ahead: WeakKeyDictionary[Transport, _Ahead] = WeakKeyDictionary()

# While one is in use, the next is ready and the one after it on its way, which takes two round
# trips. A server has ten for a connection, unless it was told otherwise.
_SPARES = 2
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # seconds
# Reads no byte too much: what comes behind the command is the command's.
_SHELL = """sh -c 'read -r bytes && eval "$(head -c "$bytes")"'"""


class _Ahead:
    """Channels of a connection in which a shell waits for its command.

    ours: whether the next channel is for a command of ours.
    """

    def __init__(self, transport: Transport) -> None:
        self.ours = False
        self._open = transport.open_session
        self._spares = deque(_Spare(self._open) for _ in range(_SPARES))

    def opened(self, *options: Any, **named: Any) -> Channel:
        """Return a channel, as `Transport.open_session`. Raises SSHException."""
        if self.ours and self._spares:
            ready = self._spares.popleft().channel()
            if ready is not None:
                self._spares.append(_Spare(self._open))
            if ready is not None and not ready.closed:
                return ready
        with suppress(ChannelException):
            return self._open(*options, **named)
        # A server that allows so few at a time gets no more of them than are needed.
        while self._spares:
            self._spares.popleft().close()
        return self._once_there_is_room(*options, **named)

    def _once_there_is_room(self, *options: Any, **named: Any) -> Channel:
        """A channel, when the server has noticed that others are closed."""
        for seconds in _PAUSES:
            with suppress(ChannelException):
                return self._open(*options, **named)
            time.sleep(seconds)
        return self._open(*options, **named)


class _Spare:
    """A channel that is being opened."""

    def __init__(self, opens: Callable[[], Channel]) -> None:
        self._channel: Channel | None = None
        self._opening = Thread(target=self._prepare, args=(opens,), daemon=True)
        self._opening.start()

    def channel(self) -> Channel | None:
        """Return it once it is ready, None where it could not be had."""
        self._opening.join()
        return self._channel

    def close(self) -> None:
        """Give it up."""
        channel = self.channel()
        if channel is not None:
            channel.close()

    def _prepare(self, opens: Callable[[], Channel]) -> None:
        with suppress(SSHException, OSError, EOFError):
            channel = opens()
            channel.exec_command(_SHELL)
            channel.exec_command = partial(_tell, channel)  # type: ignore[method-assign]
            self._channel = channel


def _tell(channel: Channel, command: str | bytes) -> None:
    """Have the shell that waits in a channel run a command, as `Channel.exec_command`."""
    words = command.encode() if isinstance(command, str) else command
    channel.sendall(b"%d\n%s" % (len(words), words))
