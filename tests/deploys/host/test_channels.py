"""The next channel is open before it is asked for, and nothing depends on it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest
from paramiko import ChannelException

from deploys.host.channels import _Ahead


@dataclass(eq=False)
class Channel:
    number: int
    closed: bool = False
    started: list[str] = field(default_factory=list)
    sent: bytes = b""

    def exec_command(self, command: str) -> None:
        self.started.append(command)

    def close(self) -> None:
        self.closed = True

    def sendall(self, data: bytes) -> None:
        self.sent += data


@dataclass
class Server:
    """Opens so many channels at the same time. late: how often it refuses though there is room."""

    allows: int = 10
    late: int = 0
    opened: list[Channel] = field(default_factory=list)

    def open_session(self, *_: Any, **__: Any) -> Channel:
        if sum(not each.closed for each in self.opened) >= self.allows:
            raise ChannelException(1, "administratively prohibited")
        if self.late:
            self.late -= 1
            raise ChannelException(2, "Connect failed")
        self.opened.append(Channel(len(self.opened)))
        return self.opened[-1]


def ahead(server: Server) -> _Ahead:
    transport: Any = server
    return _Ahead(transport)


def ours(channels: _Ahead) -> Any:
    channels.ours = True
    try:
        return channels.opened()
    finally:
        channels.ours = False


def opened(channels: _Ahead) -> None:
    for each in channels._spares:
        each.channel()


def test_two_channels_were_opened_before_they_are_asked_for() -> None:
    server = Server()
    channels = ahead(server)
    opened(channels)
    assert len(server.opened) == 2
    assert [ours(channels) for _ in range(3)] == server.opened[:3]
    opened(channels)
    assert len(server.opened) == 5


def test_a_shell_that_waits_in_a_channel_runs_the_command_and_leaves_it_what_comes_behind() -> None:
    server = Server()
    channels = ahead(server)
    channel: Any = ours(channels)
    command = "sh -c 'echo \"$1 größer\"; cat' sh word"
    channel.exec_command(command)
    (shell,) = channel.started
    done = subprocess.run(
        ["sh", "-c", shell],
        input=channel.sent + b"what it reads\n",
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == "word größer\nwhat it reads\n"


def test_a_command_that_fails_in_a_channel_that_was_opened_ahead_fails() -> None:
    server = Server()
    channel: Any = ours(ahead(server))
    channel.exec_command("exit 7")
    (shell,) = channel.started
    assert subprocess.run(["sh", "-c", shell], input=channel.sent).returncode == 7


def test_a_shell_that_gets_no_command_ends_with_the_connection() -> None:
    server = Server()
    opened(ahead(server))
    (shell,) = server.opened[0].started
    assert subprocess.run(["sh", "-c", shell], input=b"", capture_output=True).stdout == b""


@pytest.mark.parametrize("allows", [1, 2])
def test_a_server_that_allows_few_channels_at_a_time_gets_no_more_than_are_needed(
    allows: int,
) -> None:
    server = Server(allows=allows)
    channels = ahead(server)
    for asks in (ours, lambda channels: channels.opened(), ours, ours):
        taken = asks(channels)
        opened(channels)
        assert not taken.closed
        taken.closed = True


def test_what_others_ask_for_is_a_channel_in_which_nothing_runs_yet() -> None:
    server = Server()
    channels = ahead(server)
    opened(channels)
    theirs: Any = channels.opened()
    assert not theirs.started
    assert not server.opened[0].closed


def test_a_server_that_notices_late_what_was_closed_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deploys.host.channels._PAUSES", (0, 0, 0))
    server = Server(allows=2)
    channels = ahead(server)
    opened(channels)
    server.late = 3
    assert not channels.opened().closed
    assert [each.closed for each in server.opened] == [True, True, False]


def test_a_channel_that_was_closed_meanwhile_is_not_used() -> None:
    server = Server()
    channels = ahead(server)
    opened(channels)
    server.opened[0].closed = True
    assert not ours(channels).closed


def test_who_cannot_open_any_is_told_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploys.host.channels._PAUSES", (0, 0, 0))
    with pytest.raises(ChannelException):
        ours(ahead(Server(allows=0)))
