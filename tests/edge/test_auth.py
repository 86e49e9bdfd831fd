"""Postfix learns who logged in, that a password is wrong, or nothing at all: never a guess."""

from __future__ import annotations

import asyncio
import base64
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge import auth
from edge.accounts import Accounts
from tests.edge.fakes import Elsewhere, server

DOMAINS = ("example.test", "Second.test")
PASSWORD = 'pä"s\\s€ "'.encode()
WRONG = b"reason=wrong name or password\n"


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _plain(name: str, password: bytes = PASSWORD, role: str = "") -> bytes:
    return _b64(role.encode() + b"\0" + name.encode() + b"\0" + password)


def _request(resp: bytes, number: int = 1) -> bytes:
    return b"AUTH\t%d\tPLAIN\tservice=smtp\tnologin\trip=192.0.2.7\tsecured\tresp=%s\n" % (
        number,
        resp,
    )


@dataclass
class _PMail:
    """Fake IMAP server: knows bob; `say` is what it answers to AUTHENTICATE instead."""

    say: bytes | None = None
    greeting: bytes = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
    asked: list[bytes] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        line = await reader.readline()
        if not line:
            return
        command, data = line.rsplit(b" ", 1)
        assert command == b"a AUTHENTICATE PLAIN"
        self.asked.append(base64.b64decode(data, validate=False))
        right = self.asked[-1] == b"\0bob\0" + PASSWORD
        no = b"NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"
        said = self.say if self.say is not None else (b"OK done" if right else no)
        if not said:
            return
        writer.write(b"* NO odd but untagged\r\na " + said + b"\r\n")
        assert await reader.readline() == b"b LOGOUT\r\n"
        writer.write(b"* BYE Logging out\r\nb OK LOGOUT completed\r\n")


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class _World:
    """One Login on fakes, and how Postfix's side of a connection talks to it."""

    folder: Path
    pmail: _PMail = field(default_factory=_PMail)
    watch: Elsewhere = field(default_factory=Elsewhere)

    def accounts(self) -> Accounts:
        database = self.folder / "pmail.db"
        if not database.exists():
            with sqlite3.connect(database) as made:
                made.execute("CREATE TABLE user (id INTEGER, account, disabled, is_admin)")
                made.execute("INSERT INTO user VALUES (1, 'bob', 0, 0), (2, 'gone', 1, 0)")
            made.close()
        return Accounts(str(database))

    async def talk(self, talk: Talk, accounts: Accounts | None = None, port: int = 0) -> None:
        async with server(self.folder, self.pmail.handle) as real:
            known = accounts or self.accounts()
            login = auth.Login(DOMAINS, known, self.watch, auth.PMail(), port or real)
            path = str(self.folder / "auth.sock")

            async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await auth.serve(reader, writer, login)

            async with await asyncio.start_unix_server(served, path):
                reader, writer = await asyncio.open_unix_connection(path)
                try:
                    await talk(reader, writer)
                finally:
                    writer.close()

    def answers(self, *sent: bytes, accounts: Accounts | None = None, port: int = 0) -> list[bytes]:
        """Return the answer to each line, b"" where the connection was closed instead."""
        got = []

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"VERSION\t1\t1\nCPID\t77\n")
            await reader.readuntil(b"DONE\n")
            for line in sent:
                writer.write(line)
                got.append(await reader.readline())

        asyncio.run(self.talk(talk, accounts, port))
        return got


@pytest.fixture
def world(tmp_path: Path) -> _World:
    return _World(tmp_path)


def test_handshake_is_one_that_postfix_takes(world: _World) -> None:
    greeting = b""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeting
        greeting = await reader.readuntil(b"DONE\n")

    asyncio.run(world.talk(talk))
    lines = greeting.decode().splitlines()
    assert lines[:3] == ["VERSION\t1\t1", "MECH\tPLAIN\tplaintext", "MECH\tLOGIN\tplaintext"]
    assert [line.split("\t")[0] for line in lines[3:]] == ["SPID", "CUID", "COOKIE", "DONE"]


def test_other_major_version_is_closed(world: _World) -> None:
    assert world.answers(b"VERSION\t2\t0\n") == [b""]


@pytest.mark.parametrize("name", ["bob", "Bob", "bob@Example.test", "BOB@SECOND.TEST"])
def test_every_spelling_of_a_login_is_one_account(world: _World, name: str) -> None:
    assert world.answers(_request(_plain(name))) == [b"OK\t1\tuser=bob\n"]
    assert world.pmail.asked == [b"\0bob\0" + PASSWORD]
    assert world.watch.settled == [("bob", True)]


@pytest.mark.parametrize("name", ["bob@other.test", "bob@sub.example.test", "nobody", "gone"])
def test_who_has_no_account_here_is_wrong_without_asking(world: _World, name: str) -> None:
    (answer,) = world.answers(_request(_plain(name)))
    assert answer == b"FAIL\t1\tuser=%s\t" % name.encode() + WRONG
    assert world.pmail.asked == []
    assert world.watch.settled == [(name.partition("@")[0], False)]


def test_wrong_password_fails_and_is_counted(world: _World) -> None:
    answers = world.answers(_request(_plain("Bob", b"guess")))
    assert answers == [b"FAIL\t1\tuser=Bob\t" + WRONG]
    assert (world.watch.settled, world.watch.passwords) == ([("bob", False)], [b"guess"])


def test_plain_without_initial_response_gets_an_empty_challenge(world: _World) -> None:
    answers = world.answers(b"AUTH\t7\tPLAIN\trip=192.0.2.7\n", b"CONT\t7\t%s\n" % _plain("bob"))
    assert answers == [b"CONT\t7\t\n", b"OK\t7\tuser=bob\n"]


@pytest.mark.parametrize("initial", [True, False])
def test_login_mechanism_asks_for_name_and_password(world: _World, initial: bool) -> None:
    name, password = _b64(b"bob"), _b64(PASSWORD)
    prompts = [b"CONT\t3\tVXNlcm5hbWU6\n", b"CONT\t3\tUGFzc3dvcmQ6\n"]
    start = b"AUTH\t3\tLOGIN\trip=192.0.2.7"
    if initial:
        sent = [start + b"\tresp=%s\n" % name, b"CONT\t3\t%s\n" % password]
        prompts = prompts[1:]
    else:
        sent = [start + b"\n", b"CONT\t3\t%s\n" % name, b"CONT\t3\t%s\n" % password]
    assert world.answers(*sent) == [*prompts, b"OK\t3\tuser=bob\n"]


def test_one_connection_serves_one_login_after_the_other(world: _World) -> None:
    answers = world.answers(
        _request(_plain("bob", b"x")), _request(_plain("bob"), 2), b"CONT\t2\tAA==\n"
    )
    assert [answer.split(b"\t")[:2] for answer in answers] == [
        [b"FAIL", b"1"],
        [b"OK", b"2"],
        [b"FAIL", b"2"],
    ]


@pytest.mark.parametrize(
    "resp",
    [
        b"=",
        b"!!!!",
        _b64(b"bob"),
        _b64(b"\0bob\0a\0b"),
        _plain("bob", role="admin"),
        _plain("", b"x"),
        _plain("bo\tb", b"x"),
        _plain("bob\nFAIL", b"x"),
        _plain("bob", b"x" * 5000),
        _b64(b"\0\xff\0x"),
    ],
)
def test_what_is_no_name_and_password_fails_without_asking(world: _World, resp: bytes) -> None:
    (answer,) = world.answers(_request(resp))
    assert answer.startswith(b"FAIL\t1\treason=")
    assert (world.pmail.asked, world.watch.settled) == ([], [])


def test_unknown_mechanism_fails(world: _World) -> None:
    (answer,) = world.answers(b"AUTH\t1\tCRAM-MD5\trip=192.0.2.7\n")
    assert answer.startswith(b"FAIL\t1\treason=")


@pytest.mark.parametrize(
    "say", [b"", b"BAD what", b"NO [SERVERBUG] Internal server error", b"NO [UNAVAILABLE] later"]
)
def test_pmail_that_does_not_say_is_never_a_wrong_password(world: _World, say: bytes) -> None:
    world.pmail.say = say
    assert world.answers(_request(_plain("bob"))) == [b""]
    assert world.watch.settled == []


def test_pmail_that_does_not_greet_is_never_a_wrong_password(world: _World) -> None:
    world.pmail.greeting = b"* BYE overloaded\r\n"
    assert world.answers(_request(_plain("bob"))) == [b""]


def test_unreadable_accounts_are_never_a_wrong_password(world: _World, tmp_path: Path) -> None:
    accounts = Accounts(str(tmp_path / "missing.db"))
    assert world.answers(_request(_plain("bob")), accounts=accounts) == [b""]
    assert world.pmail.asked == []


def test_pmail_down_is_told_once_and_never_a_wrong_password(
    world: _World,
    unused: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(auth, "_PATIENCE", 0.0)
    assert world.answers(_request(_plain("bob")), port=unused) == [b""]
    assert '"event": "pmail_down"' in capsys.readouterr().out
    assert world.watch.settled == []


def test_pmail_that_starts_meanwhile_is_waited_for(world: _World, unused: int) -> None:
    async def run() -> bytes:
        asking = asyncio.create_task(auth.PMail().connect(unused))
        await asyncio.sleep(0.2)
        assert not asking.done()
        async with server(world.folder, world.pmail.handle, unused):
            reader, writer = await asking
            greeting = await reader.readline()
            writer.close()
        return greeting

    assert asyncio.run(run()) == world.pmail.greeting


def test_held_address_gets_no_answer_and_pmail_is_not_asked(world: _World) -> None:
    async def hold() -> None:
        for _ in range(10):
            await world.watch.settle("", "bob", False, 0.0)

    asyncio.run(hold())
    assert world.answers(_request(_plain("bob"))) == [b""]
    assert world.pmail.asked == []


def test_wrong_answers_wait_as_the_guesses_say(world: _World) -> None:
    world.answers(*(_request(_plain("bob", b"x"), number) for number in range(1, 7)))
    assert world.watch.waits == [1, 2, 4]


@pytest.fixture
def unused() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
