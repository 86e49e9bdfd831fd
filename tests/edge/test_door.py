"""Whoever comes through a door is passed on unchanged, but passwords are not tried at will."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge import auth, door, http1, relay
from edge.auth import PMail
from tests.edge.fakes import Elsewhere, Handler, certificate, server

NO = b"NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\r\n"
IN = b"OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n"
RIGHT = b'{"errorNo":0,"errorMsg":"","data":{"account":"bob","name":"Bob"}}'
WRONG = b'{"errorNo":100,"errorMsg":"Incorrect account number or password","data":""}'
EXPIRED = b'{"errorNo":403,"errorMsg":"account or password error","data":""}'


def _client() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass
class _World:
    """Doors in front of a fake PMail."""

    folder: Path
    watch: Elsewhere = field(default_factory=Elsewhere)
    context: ssl.SSLContext = field(default_factory=_client)

    def __post_init__(self) -> None:
        (self.folder / "pmail").mkdir()
        self.files = certificate(self.folder)

    def run(self, name: str, handler: Handler | None, talk: Callable[[int], Any]) -> Any:
        """Return what `talk(port of the door)` returns; handler: PMail, None where it is down."""
        return asyncio.run(self._run(name, handler, talk))

    async def _run(self, name: str, handler: Handler | None, talk: Callable[[int], Any]) -> Any:
        if handler is None:
            return await self._served(name, _unused(), talk)
        async with server(self.folder / "pmail", handler) as port:
            return await self._served(name, port, talk)

    async def _served(self, name: str, port: int, talk: Callable[[int], Any]) -> Any:
        shown = door.Certificate(*map(str, self.files))
        doors = door.Doors(shown, self.watch, PMail(), {name: port})
        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.create_task(doors.serve(name, listener))
            try:
                async with asyncio.timeout(20):
                    return await talk(listener.getsockname()[1])
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    async def open(self, port: int) -> auth.Streams:
        return await asyncio.open_connection(
            "127.0.0.1", port, ssl=self.context, server_hostname="mail.example.test"
        )

    def said(self, name: str, handler: Handler | None, *sent: bytes, until: bytes = b"") -> bytes:
        """Send pieces one after the other; return all that came until the end or a text."""

        async def talk(port: int) -> bytes:
            reader, writer = await self.open(port)
            for piece in sent:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.001)
            try:
                return await (reader.readuntil(until) if until else reader.read())
            except asyncio.IncompleteReadError as error:
                return error.partial
            except OSError:
                return b""
            finally:
                writer.transport.abort()

        got: bytes = self.run(name, handler, talk)
        return got


@pytest.fixture
def world(tmp_path: Path) -> _World:
    return _World(tmp_path)


def _unused() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


async def _imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As PMail: bob's password is right; after a login every line is echoed."""
    writer.write(b"* OK [CAPABILITY IMAP4rev1 SASL-IR] IMAP server ready\r\n")
    inside = False
    while line := await reader.readline():
        tag, _, command = line.rstrip().partition(b" ")
        if inside:
            writer.write(line)
        elif command.startswith(b"CAPABILITY"):
            writer.write(b"* CAPABILITY IMAP4rev1\r\n%s OK CAPABILITY completed\r\n" % tag)
        elif command.endswith(b"}"):
            writer.write(b"+ Ready for literal data\r\n")
            rest = await reader.readline()
            writer.write(b"%s %s" % (tag, IN if b"right" in rest else NO))
        elif command == b"AUTHENTICATE PLAIN":
            writer.write(b"+ \r\n")
            inside = b"AGJvYgByaWdodA==" in await reader.readline()
            writer.write(b"%s %s" % (tag, IN if inside else NO))
        else:
            inside = command in (b"LOGIN bob right", b'login "bob@example.test" "right"')
            writer.write(b"%s %s" % (tag, IN if inside else NO))


@pytest.mark.parametrize(
    "login",
    [
        b"a LOGIN bob right\r\n",
        b'a login "bob@example.test" "right"\r\n',
        b"a AUTHENTICATE PLAIN\r\nAGJvYgByaWdodA==\r\n",
    ],
)
def test_imap_passes_a_right_login_and_all_after_it(world: _World, login: bytes) -> None:
    got = world.said("imaps", _imap, b"z CAPABILITY\r\n", login, b"last\r\n", until=b"last\r\n")
    assert b"* CAPABILITY IMAP4rev1\r\n" in got
    assert got.endswith(b"a " + IN + b"last\r\n")
    assert (world.watch.settled, world.watch.passwords) == ([("bob", True)], [b"right"])


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_imap_wrong_logins_count_however_the_bytes_are_cut(world: _World, size: int) -> None:
    told = b"".join(b"a%d LOGIN bob x%d\r\n" % (n, n) for n in range(6)) + b"z LOGIN bob right\r\n"
    pieces = [told[at : at + size] for at in range(0, len(told), size)]
    got = world.said("imaps", _imap, *pieces, until=b"z " + IN)
    assert got.count(b" NO [AUTH") == 6
    assert world.watch.settled == [("bob", False)] * 6 + [("bob", True)]
    assert world.watch.waits == [1, 2, 4]


def test_imap_literals_hide_no_wrong_login_and_name_nobody(world: _World) -> None:
    got = world.said("imaps", _imap, b"a LOGIN {3}\r\n", b"bob bad\r\n", until=NO)
    assert got.endswith(b"+ Ready for literal data\r\na " + NO)
    assert (world.watch.settled, world.watch.passwords) == ([("", False)], [b""])


def test_imap_commands_with_one_tag_are_not_mistaken_for_each_other(world: _World) -> None:
    sent = b"a CAPABILITY\r\na LOGIN mallory x\r\na LOGIN bob x\r\na LOGIN bob right\r\n"
    world.said("imaps", _imap, sent, until=IN)
    assert world.watch.settled == [("mallory", False), ("bob", False), ("bob", True)]


def test_connection_ends_and_the_next_is_refused_when_its_address_becomes_held(
    world: _World,
) -> None:
    got = world.said("imaps", _imap, b"".join(b"a LOGIN bob x%d\r\n" % n for n in range(60)))
    assert got.count(b" NO ") == 9
    assert len(world.watch.settled) == 10
    with pytest.raises(OSError):
        world.said("imaps", _imap, b"a LOGIN bob right\r\n")


def test_who_does_not_log_in_is_closed_in_the_end(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LOGIN", 0.05)
    assert world.said("imaps", _imap).startswith(b"* OK")


def test_who_has_logged_in_may_be_idle_longer(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LOGIN", 0.3)

    async def talk(port: int) -> bytes:
        reader, writer = await world.open(port)
        writer.write(b"a LOGIN bob right\r\n")
        await reader.readuntil(IN)
        await asyncio.sleep(0.5)
        writer.write(b"still\r\n")
        line = await reader.readline()
        writer.transport.abort()
        return line

    assert world.run("imaps", _imap, talk) == b"still\r\n"


async def _pop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"+OK pop.example.test POP3 Server powered by gopop\r\n")
    while line := await reader.readline():
        match line.rstrip().upper().split(b" "):
            case [b"USER", _]:
                writer.write(b"+OK\r\n")
            case [b"PASS", b"RIGHT"]:
                writer.write(b"+OK User signed in\r\n")
            case [b"PASS", _]:
                writer.write(b"-ERR Password incorrect!\r\n")
            case [b"RETR", _]:
                writer.write(b"+OK\r\n-ERR Password incorrect!\r\n.\r\n")
            case _:
                writer.write(b"-ERR not supported cmd request \r\n")


def test_pop_counts_passwords_but_neither_odd_commands_nor_mail(world: _World) -> None:
    sent = b"AUTH\r\nUSER bob@example.test\r\npass x\r\nUSER bob\r\nPASS right\r\nRETR 1\r\n"
    got = world.said("pops", _pop, sent, until=b"\r\n.\r\n")
    assert got.endswith(b"+OK User signed in\r\n+OK\r\n-ERR Password incorrect!\r\n.\r\n")
    assert world.watch.settled == [("bob", False), ("bob", True)]
    assert world.watch.passwords == [b"x", b"right"]


@pytest.mark.parametrize("more", [b"USER carol", b"PASS x", "pa\u017f\u017f x".encode(), b"stls"])
def test_pop_takes_no_second_login(world: _World, more: bytes) -> None:
    sent = b"USER bob\r\nPASS right\r\n" + more + b"\r\nRETR 1\r\n"
    assert world.said("pops", _pop, sent).endswith(b"+OK User signed in\r\n")


class _Web:
    """As PMail's API: keeps connections, answers logins and tokens, echoes what else it gets."""

    def __init__(self, chunked: bool = False) -> None:
        self.chunked = chunked
        self.seen: list[tuple[bytes, bytes, bytes]] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await http1.head(reader):
            head = http1.request(raw)
            body = b"".join([content async for _, content in http1.pieces(reader, head.body())])
            self.seen.append((head.method, head.target, body))
            writer.write(self._answer(head, body))
            await writer.drain()

    def _answer(self, head: http1.Request, body: bytes) -> bytes:
        token = http1.values(head.fields, b"token")
        if token and token != (b"bob:good:1",):
            text = EXPIRED
        elif b"login" in head.target or b"%6c" in head.target:
            text = RIGHT if b"right" in body else WRONG
        else:
            text = head.method + head.target + b":" + body
        start = b"HTTP/1.1 200 OK\r\n"
        if not self.chunked:
            return start + b"Content-Length: %d\r\n\r\n%s" % (len(text), text)
        cut = (text[:5], text[5:10], text[10:])
        parts = b"".join(b"%x;x=y\r\n%s\r\n" % (len(part), part) for part in cut if part)
        return start + b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\nA: b\r\n\r\n"


def _post(password: bytes, target: bytes = b"/api/login", account: bytes = b"bob") -> bytes:
    body = b'{"account":"%s","password":"%s"}' % (account, password)
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    return head % (target, len(body)) + body


def _chunked(password: bytes) -> bytes:
    body = b'{"account":"bob","password":"%s"}' % password
    head = b"POST /api/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"1\r\n%c\r\n" % octet for octet in body) + b"0\r\n\r\n"


def _get(target: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join((b"GET %s HTTP/1.1" % target, b"Host: x", *fields, b"", b""))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1, 11, 100_000])
def test_web_logins_count_however_they_are_cut_framed_and_pipelined(
    world: _World, size: int, chunked: bool
) -> None:
    web = _Web(chunked)
    requests = (
        _get(b"/"),
        _post(b"x"),
        _chunked(b"y"),
        _post(b"z", b"/api/%6cogin?a=b"),
        _post(b"z", b"http://mail.example.test/api/login"),
        _post(b"right"),
        _get(b"/last"),
    )
    sent = b"".join(requests)
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    until = b"0\r\nA: b\r\n\r\n" if chunked else b"GET/last:"
    got = b""

    async def talk(port: int) -> None:
        nonlocal got
        reader, writer = await world.open(port)
        for piece in pieces:
            writer.write(piece)
        for _ in requests if chunked else (1,):
            got += await reader.readuntil(until)
        writer.transport.abort()

    world.run("https", web.handle, talk)
    assert world.watch.settled == [("bob", False)] * 4 + [("bob", True)]
    assert world.watch.waits == [1]
    assert [target for _, target, _ in web.seen][::6] == [b"/", b"/last"]
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")


def test_web_token_that_is_refused_counts_and_one_that_is_taken_does_not(world: _World) -> None:
    sent = (
        _get(b"/api/user/info", b"token: bob:bad:1"),
        _get(b"/api/user/info", b"Token:bob:good:1"),
        _get(b"/api/last"),
    )
    got = world.said("https", _Web().handle, *sent, until=b"GET/api/last:")
    assert got.count(EXPIRED) == 1
    assert world.watch.settled == [("bob", False)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"account":"mallory","account":"bob","password":"x"}',
        b'{"account":"mallory","Account":"bob","password":"x"}',
        b'[["account","mallory"]]',
        b'{"account":"mallory",',
        b'{"account":"mallory","pad":"' + b"x" * 9000 + b'"}',
    ],
)
def test_web_login_that_could_be_read_in_two_ways_names_nobody(world: _World, body: bytes) -> None:
    head = b"POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    world.said("https", _Web().handle, head + body, until=WRONG)
    assert world.watch.settled == [("", False)]


def test_web_right_password_after_too_many_guesses_is_not_told(world: _World) -> None:
    got = world.said("https", _Web().handle, _post(b"x") * 10 + _post(b"right"))
    assert got.count(WRONG) == 9
    assert RIGHT not in got


@pytest.mark.parametrize(
    "sent",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\nToken: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HEAD /api/login HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nToken: bob:x:1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_closed_before_pmail_sees_it(
    world: _World, sent: bytes
) -> None:
    web = _Web()
    assert world.said("https", web.handle, sent) == b""
    assert web.seen == []


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"1\nA\r\n0\r\n\r\n", b"1\r\nAB\r\n0\r\n\r\n", b"0\r\nnot a field\r\n\r\n"]
)
def test_bad_chunks_are_closed(world: _World, body: bytes) -> None:
    web = _Web()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert world.said("https", web.handle, head + body) == b""
    assert web.seen == []


def test_other_requests_pass_unchanged(world: _World) -> None:
    got: list[bytes] = []

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readexactly(len(sent)))
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")

    sent = b"PUT /x?y#z HTTP/1.1\r\nhOsT:  x \r\nX-A: \xe9\r\ncontent-length:3\r\n\r\nabc"
    answer = world.said("https", web, sent)
    assert got == [sent]
    assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"


def test_expect_continue_is_passed_and_the_body_after_it(world: _World) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http1.head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await reader.readexactly(4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)

    async def talk(port: int) -> bytes:
        reader, writer = await world.open(port)
        writer.write(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        first = await reader.readuntil(b"Continue\r\n\r\n")
        writer.write(b"body")
        rest = await reader.readuntil(b"body")
        writer.transport.abort()
        return first + rest

    assert world.run("https", web, talk).endswith(b"Content-Length: 4\r\n\r\nbody")


def test_early_answer_reaches_the_client_although_it_is_still_sending(world: _World) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http1.head(reader)
        writer.write(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")

    sent = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
    assert world.said("https", web, sent).endswith(b"\r\n\r\nno")


def test_large_answers_arrive_whole_at_a_client_that_reads_slowly(world: _World) -> None:
    data = os.urandom(3_000_000)

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await http1.head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data)
        await writer.drain()

    async def talk(port: int) -> bytes:
        reader, writer = await world.open(port)
        writer.write(_get(b"/"))
        await reader.readuntil(b"\r\n\r\n")
        got = b""
        while piece := await reader.read(50_000):
            got += piece
            await asyncio.sleep(0.001)
        writer.transport.abort()
        return got

    assert world.run("https", web, talk) == data


@pytest.mark.parametrize(
    ("name", "sent", "told"),
    [
        ("imaps", b"", b"* BYE [UNAVAILABLE] "),
        ("pops", b"", b"-ERR [SYS/TEMP] "),
        ("https", _get(b"/"), b"HTTP/1.1 503 Service Unavailable\r\n"),
    ],
)
def test_client_is_told_that_pmail_is_down(
    world: _World, monkeypatch: pytest.MonkeyPatch, name: str, sent: bytes, told: bytes
) -> None:
    monkeypatch.setattr(auth, "_PATIENCE", 0.0)
    assert world.said(name, None, sent).startswith(told)


async def _shown(world: _World, port: int) -> bytes | None:
    _, writer = await world.open(port)
    tls = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    shown: bytes | None = tls.getpeercert(binary_form=True)
    return shown


def test_renewed_certificate_is_shown_without_a_restart(world: _World) -> None:
    async def talk(port: int) -> list[bytes | None]:
        first = await _shown(world, port)
        certificate(world.folder)
        second = await _shown(world, port)
        world.files[1].write_text("half written")
        return [first, second, await _shown(world, port)]

    first, second, third = world.run("imaps", _imap, talk)
    assert first != second
    assert second == third


@pytest.mark.parametrize(("name", "expected"), [("https", "http/1.1"), ("imaps", None)])
def test_only_the_web_negotiates_a_protocol(world: _World, name: str, expected: str | None) -> None:
    world.context.set_alpn_protocols(["h2", "http/1.1"])

    async def talk(port: int) -> str | None:
        _, writer = await world.open(port)
        chosen: str | None = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        writer.transport.abort()
        return chosen

    assert world.run(name, _imap, talk) == expected


def test_server_name_of_the_client_is_asked_of_pmail(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    connect = PMail.connect

    async def noted(self: PMail, port: int, name: str = "") -> auth.Streams:
        names.append(name)
        return await connect(self, port, name)

    monkeypatch.setattr(PMail, "connect", noted)
    world.said("imaps", _imap, until=b"ready\r\n")
    assert names == ["mail.example.test"]


def test_one_address_gets_so_many_connections_and_more_when_some_end(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_EACH", 3)

    async def talk(port: int) -> bytes:
        opened = [await world.open(port) for _ in range(3)]
        with pytest.raises(OSError):
            await world.open(port)
        for _, writer in opened:
            writer.transport.abort()
        while True:
            try:
                reader, writer = await world.open(port)
            except OSError:
                continue
            line = await reader.readline()
            writer.transport.abort()
            return line

    assert world.run("imaps", _imap, talk).startswith(b"* OK")


def test_all_addresses_together_get_so_many_connections(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_ALL", 2)

    async def talk(port: int) -> None:
        opened = [await world.open(port) for _ in range(2)]
        with pytest.raises(OSError):
            await world.open(port)
        for _, writer in opened:
            writer.transport.abort()

    world.run("imaps", _imap, talk)


@pytest.mark.parametrize("name", ["imaps", "https"])
def test_clients_that_go_away_leave_nothing_in_the_log(
    world: _World, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(port: int, *sent: bytes) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        for data in sent:
            writer.write(data)
        writer.transport.abort()

    async def talk(port: int) -> None:
        await gone(port)
        await gone(port, b"\x16\x03\x01\x02\x00\x01")
        await gone(port, b"GET / HTTP/1.1\r\n\r\n")
        for data in (b"", b"a LOG", _get(b"/")[:9], _post(b"x")):
            _, writer = await world.open(port)
            writer.write(data)
            writer.transport.abort()
        await asyncio.sleep(0.2)

    handler = _imap if name == "imaps" else _Web().handle
    errors: list[dict[str, Any]] = []

    async def watched(port: int) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        await talk(port)

    world.run(name, handler, watched)
    assert (errors, caplog.records) == ([], [])


def test_connections_that_wait_in_a_row_are_counted_before_they_are_served(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_EACH", 3)

    async def talk(port: int) -> int:
        # All at once, before the door accepts the first one.
        opened = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        streams = [await asyncio.open_connection(sock=each) for each in opened]
        reads = {asyncio.create_task(reader.read()) for reader, _ in streams}
        refused = 0
        while refused < 17:
            done, reads = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            refused += len(done)
        await asyncio.sleep(0.05)
        still = sum(not read.done() for read in reads)
        for read in reads:
            read.cancel()
        for _, writer in streams:
            writer.transport.abort()
        return still

    assert world.run("https", _imap, talk) == 3


@pytest.mark.parametrize("bound", ["_ALL", "_EACH"])
def test_who_fills_one_door_leaves_the_others_open(
    world: _World, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(door, bound, 2)

    async def run() -> bytes:
        async with asyncio.timeout(20), server(world.folder / "pmail", _imap) as pmail:
            shown = door.Certificate(*map(str, world.files))
            doors = door.Doors(shown, world.watch, PMail(), {"https": pmail, "imaps": pmail})
            listening = {
                name: socket.create_server(("127.0.0.1", 0)) for name in ("https", "imaps")
            }
            serving = [asyncio.create_task(doors.serve(*each)) for each in listening.items()]
            ports = {name: each.getsockname()[1] for name, each in listening.items()}
            opened = [await world.open(ports["https"]) for _ in range(2)]
            with pytest.raises(OSError):
                await world.open(ports["https"])
            opened.append(await world.open(ports["imaps"]))
            line = await opened[-1][0].readline()
            for _, writer in opened:
                writer.transport.abort()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            for each in listening.values():
                each.close()
            return line

    assert asyncio.run(run()).startswith(b"* OK")


def test_head_that_is_not_sent_to_its_end_is_closed_and_one_that_comes_late_is_not(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "_WHOLE", 0.1)
    assert world.said("https", _Web().handle, b"GET / HTTP/1.1\r\nHost: x\r\n") == b""

    async def talk(port: int) -> bytes:
        reader, writer = await world.open(port)
        got = b""
        for target in (b"/1", b"/2"):
            await asyncio.sleep(0.2)
            writer.write(_get(target))
            got += await reader.readuntil(target)
        writer.transport.abort()
        return got

    assert world.run("https", _Web().handle, talk).endswith(b"GET/2")


def test_a_tls_connection_holds_64_kib_at_most_before_it_is_read(world: _World) -> None:
    async def talk(port: int) -> int:
        _, writer = await world.open(port)
        size = len(writer.transport._ssl_protocol._ssl_buffer)  # type: ignore[attr-defined]
        writer.transport.abort()
        return size

    assert world.run("imaps", _imap, talk) == 65_536


def test_what_ended_connections_held_is_freed_at_once_for_many(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed: list[int] = []
    monkeypatch.setattr(door, "_SWEEP", 1.0)
    monkeypatch.setattr(gc, "collect", lambda: freed.append(1))

    async def talk(port: int) -> None:
        for _ in range(3):
            _, writer = await world.open(port)
            writer.transport.abort()
        while not freed:
            await asyncio.sleep(0.01)

    world.run("imaps", _imap, talk)
    assert freed == [1]


def test_transport_of_debian_12_whose_connection_has_gone_is_no_error(
    world: _World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(self: Any, *_: object) -> None:
        self._ssl_protocol._transport.abort()
        raise AttributeError("'NoneType' object has no attribute '_force_close'")

    monkeypatch.setattr(sslproto._SSLProtocolTransport, "abort", raises)
    errors: list[dict[str, Any]] = []

    async def talk(port: int) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        _, writer = await world.open(port)
        writer.write(b"a LOGIN bob x\r\n")
        writer.close()
        await asyncio.sleep(0.2)
        gc.collect()

    world.run("imaps", _imap, talk)
    assert errors == []
