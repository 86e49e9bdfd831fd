"""The next channel is open before it is asked for, and nothing depends on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from paramiko import SSHException

from deploys.host.channels import _Ahead


@dataclass(eq=False)
class Channel:
    number: int
    closed: bool = False


@dataclass
class Server:
    """Opens so many channels at the same time."""

    allows: int = 10
    opened: list[Channel] = field(default_factory=list)

    def open_session(self, *_: Any, **__: Any) -> Channel:
        if sum(not each.closed for each in self.opened) >= self.allows:
            raise SSHException("administratively prohibited")
        self.opened.append(Channel(len(self.opened)))
        return self.opened[-1]


def ahead(server: Server) -> _Ahead:
    transport: Any = server
    return _Ahead(transport)


def test_a_channel_that_is_asked_for_was_opened_before() -> None:
    server = Server()
    channels = ahead(server)
    channels._opening.join()
    assert len(server.opened) == 1
    assert [channels.taken() for _ in range(3)] == server.opened[:3]
    channels._opening.join()
    assert len(server.opened) == 4


def test_a_server_that_allows_one_channel_at_a_time_gets_no_more() -> None:
    server = Server(allows=1)
    channels = ahead(server)
    for _ in range(3):
        taken: Any = channels.taken()
        channels._opening.join()
        assert not taken.closed
        taken.closed = True
    assert len(server.opened) == 3


def test_a_channel_that_was_closed_meanwhile_is_not_used() -> None:
    server = Server()
    channels = ahead(server)
    channels._opening.join()
    server.opened[0].closed = True
    assert not channels.taken().closed


def test_who_cannot_open_any_is_told_when_it_is_needed() -> None:
    with pytest.raises(SSHException):
        ahead(Server(allows=0)).taken()
