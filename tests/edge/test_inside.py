"""Behind a web server logins count by the address that it names, and by nothing a client says."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from edge import config, door, relay
from edge.auth import PMail
from edge.guesses import Guesses, Watch
from tests.edge.fakes import Handler, server
from tests.edge.test_door import RIGHT, WRONG, _Web


def _post(password: bytes, *fields: bytes) -> bytes:
    body = b'{"account":"bob","password":"%s"}' % password
    length = b"Content-Length: %d" % len(body)
    head = b"\r\n".join((b"POST /api/login HTTP/1.1", b"Host: x", length, *fields))
    return head + b"\r\n\r\n" + body


class _Front:
    """A web server's socket, with PMail behind it."""

    def __init__(self, folder: Path, handler: Handler | None, most: int = 3) -> None:
        rule = config.Guesses(free=100, most=most, within=600, hold=900)
        self.watch = Watch(Guesses(rule), lambda: 0.0)
        self._folder, self._handler = folder, handler
        (folder / "pmail").mkdir()

    def said(self, *requests: bytes) -> bytes:
        """Send each in a connection of its own; return all that came."""
        return asyncio.run(self._said(requests))

    async def _said(self, requests: tuple[bytes, ...]) -> bytes:
        if self._handler is None:
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                return await self._through(unused.getsockname()[1], requests)
        async with server(self._folder / "pmail", self._handler) as port:
            return await self._through(port, requests)

    async def _through(self, port: int, requests: tuple[bytes, ...]) -> bytes:
        inside = door.Inside(self.watch, PMail(), port)
        path = str(self._folder / "socket")
        serving = await asyncio.start_unix_server(inside.serve, path)
        got = b""
        async with serving, asyncio.timeout(20):
            for each in requests:
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(each)
                if each.startswith(b"POST"):
                    got += await reader.readuntil(b"\r\n\r\n")
                    got += await reader.read(4096)
                writer.close()
        return got


def test_wrong_logins_hold_off_the_address_that_the_web_server_names_and_no_other(
    tmp_path: Path,
) -> None:
    front = _Front(tmp_path, _Web().handle)
    here, there = b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-For: 192.0.2.8"
    pretended = b"X-Forwarded-For: 192.0.2.8, 192.0.2.7"
    got = front.said(*(_post(b"wrong-%d" % n, here) for n in range(2)), _post(b"x", pretended))
    assert got.count(WRONG) == 2 and got.endswith(relay.HELD)
    assert front.watch.held("192.0.2.7") and not front.watch.held("192.0.2.8")
    got = front.said(_post(b"right", here), _post(b"right", pretended), _post(b"right", there))
    assert got.count(relay.HELD) == 2 and got.count(RIGHT) == 1


def test_without_an_address_it_is_the_hosts_own_request_which_nobody_holds_off(
    tmp_path: Path,
) -> None:
    front = _Front(tmp_path, _Web().handle)
    got = front.said(*(_post(b"wrong-%d" % n) for n in range(6)), _post(b"right"))
    assert (got.count(WRONG), got.count(RIGHT)) == (6, 1)


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ((), "127.0.0.1"),
        ((b"192.0.2.1",), "192.0.2.1"),
        ((b"192.0.2.1, 2001:db8::1",), "2001:db8::1"),
        ((b"192.0.2.1", b" 192.0.2.2 "), "192.0.2.2"),
        ((b"192.0.2.1, unknown",), "127.0.0.1"),
        ((b"\xff",), "127.0.0.1"),
    ],
)
def test_the_last_address_counts(fields: tuple[bytes, ...], address: str) -> None:
    assert relay.client(tuple((b"x-forwarded-for", each) for each in fields)) == address


def test_a_web_server_is_told_that_pmail_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.auth._PATIENCE", 0.0)
    front = _Front(tmp_path, None)
    assert b"503 Service Unavailable" in front.said(_post(b"right"))
