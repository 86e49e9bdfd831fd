"""Web mail is known by what only PMail answers, by a certificate for its name, and by http."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from probes.host import front
from probes.world import web
from probes.world.tcp import Reach
from tests.edge.fakes import Handler, certificate, server

_HERE = "127.0.0.1"


def _answers(*lines: bytes, body: bytes = b"") -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = b"Content-Length: %d" % len(body)
        writer.write(b"\r\n".join((*lines, length, b"", body)))
        await writer.drain()

    return handle


@contextmanager
def _serving(folder: Path, secure: Handler, plain: Handler) -> Iterator[tuple[int, int]]:
    """Serve both in a thread of its own; yields the ports of https and http."""
    ports: list[int] = []
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        async with server(folder, secure) as one:
            made = await asyncio.start_server(plain, _HERE, 0)
            async with made:
                ports.extend((one, made.sockets[0].getsockname()[1]))
                ready.set()
                await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield ports[0], ports[1]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


_PONG = _answers(b"HTTP/1.1 200 OK", body=b"pong")
_LEADS = _answers(b"HTTP/1.1 301 Moved Permanently", b"Location: https://mail.example.test/")


@pytest.mark.parametrize(
    ("name", "secure", "mail", "reason"),
    [
        ("mail.example.test", _PONG, True, ""),
        ("mail.example.test", _answers(b"HTTP/1.1 200 OK", body=b"other"), False, "HTTP 200"),
        ("mail.example.test", _answers(b"HTTP/1.1 502 Bad", body=b"pong"), False, "HTTP 502"),
    ],
)
def test_only_pmails_own_answer_tells_that_it_is_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    secure: Handler,
    mail: bool,
    reason: str,
) -> None:
    from probes.world.tls import accepting_any

    monkeypatch.setattr(web, "trusting", lambda _: accepting_any())
    with _serving(tmp_path, secure, _LEADS) as ports:
        seen = web.look(_HERE, name, ports=ports)
    assert (seen.secure, seen.mail, seen.reason) == (Reach.OPEN, mail, reason)
    assert (seen.plain, seen.leads) == (Reach.OPEN, "https://mail.example.test/")


def test_a_certificate_that_is_not_right_is_not_web_mail(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    trusted = str(certificate(tmp_path / "other")[0])
    with _serving(tmp_path, _PONG, _answers(b"HTTP/1.1 200 OK")) as ports:
        seen = web.look(_HERE, "mail.example.test", trusted, ports=ports)
    assert (seen.secure, seen.mail, seen.leads) == (Reach.OPEN, False, "")
    assert seen.reason


def test_closed_ports_are_told() -> None:
    seen = web.look(_HERE, "mail.example.test", ports=(1, 1))
    assert (seen.secure, seen.plain, seen.mail) == (Reach.REFUSED, Reach.REFUSED, False)


def test_what_a_stranger_reaches_on_the_host_is_seen() -> None:
    seen = front.parse("owner socket pmail-web 600\n")
    assert (seen.owner, seen.past) == ("pmail-web", ())
    assert front.parse("owner socket www-data 666\npast port\npast socket\n") == front.FrontView(
        True, "", ("port", "socket")
    )
    assert front.parse("owner \n").owner == ""
