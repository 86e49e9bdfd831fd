"""SSH channels opened ahead: the next command waits for one round trip, not for two."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread
from typing import Any
from weakref import WeakSet

from paramiko import Channel, SSHException, Transport
from pyinfra.api import Host
from pyinfra.connectors.ssh import SSHConnector


def opens_ahead(host: Host) -> None:
    """Have a host's next channel be opened while the one before it is in use."""
    connector = getattr(host, "connector", None)
    client = connector.client if isinstance(connector, SSHConnector) else None
    transport = client.get_transport() if client else None
    if transport is not None and transport not in _ahead:
        _ahead.add(transport)
        transport.open_session = _Ahead(transport).taken  # type: ignore[method-assign]


_ahead: WeakSet[Transport] = WeakSet()


class _Ahead:
    """One channel of a connection that is open and has no command yet."""

    def __init__(self, transport: Transport) -> None:
        self._open, self._transport = transport.open_session, transport
        self._spare: Channel | None = None
        self._opening = self._next()

    def taken(self, *options: Any, **named: Any) -> Channel:
        """Return a channel, as `Transport.open_session`; the next one is being opened."""
        self._opening.join()
        spare, self._spare = self._spare, None
        if spare is None or spare.closed:
            spare = self._open(*options, **named)
        self._opening = self._next()
        return spare

    def _next(self) -> Thread:
        opening = Thread(target=self._open_next, daemon=True)
        opening.start()
        return opening

    def _open_next(self) -> None:
        # A server that allows no second one has it be opened when it is needed.
        with suppress(SSHException, OSError, EOFError):
            self._spare = self._open()
