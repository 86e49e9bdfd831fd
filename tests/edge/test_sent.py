"""The Sent copy, against a real SQLite file with PMail's schema."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge import sent
from edge.pmail import Peer, Pmail
from edge.sent import (
    DONE,
    LOST,
    NOBODY,
    NOT_NOW,
    NOT_OURS,
    NOT_STORED,
    SentCopies,
    message_id,
)
from tests.edge.fake_pmail import FakePmail, make_database, running, storing

PRIMARY = "example.test"


def _message(number: int = 1) -> bytes:
    head = f"From: bob@example.test\r\nSubject: s{number}\r\nMessage-ID: <m{number}@prog.test>\r\n"
    return f"{head}\r\nbody\r\n".encode()


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "pmail.db")
    make_database(path, "bob", "carol")
    return path


def _rows(database: str, question: str, *values: object) -> list[Any]:
    connection = sqlite3.connect(database)
    try:
        found = connection.execute(question, values).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def _sent(database: str) -> list[Any]:
    """Owner, and subject of all that is Sent as PMail looks for it (services/list/list.go)."""
    return _rows(
        database,
        "SELECT user.account, email.subject FROM user_email JOIN email ON email.id = email_id "
        "JOIN user ON user.id = user_id WHERE email.type = 1 AND user_email.status = 1 "
        "AND user_email.group_id = 0 AND user_email.is_read = 1 AND email.send_user_id = user.id "
        "AND email.status = 1 AND email.bcc = 'null' AND spf_check = 1 AND dkim_check = 1",
    )


def _all(database: str) -> tuple[int, int]:
    """How many rows there are, of whatever kind."""
    (counts,) = _rows(
        database, "SELECT (SELECT count(*) FROM email), (SELECT count(*) FROM user_email)"
    )
    return counts


async def _copies(fake: FakePmail, database: str, client: Pmail | None = None) -> SentCopies:
    fake.stored = storing(database)
    return SentCopies(database, PRIMARY, client or fake.client(), asyncio.Lock())


async def _one(database: str, account: str = "bob", *script: str) -> tuple[Any, FakePmail]:
    async with running(*script) as fake:
        copies = await _copies(fake, database)
        return await copies.copy(account, _message()), fake


@pytest.mark.parametrize("account", ["bob", "BOB"])
def test_the_message_becomes_one_row_in_the_senders_sent(database: str, account: str) -> None:
    reply, fake = asyncio.run(_one(database, account))
    assert reply == DONE
    assert _sent(database) == [("bob", "s1")]
    assert _all(database) == (1, 1)
    assert fake.messages == [("bob@example.test", ("sent-copies@example.test",), _message())]


def test_the_account_is_made_once_disabled_and_without_a_password(database: str) -> None:
    async def run() -> None:
        async with running() as fake:
            copies = await _copies(fake, database)
            await copies.copy("bob", _message(1))
            await copies.copy("carol", _message(2))

    asyncio.run(run())
    ((name, password, disabled, admin),) = _rows(
        database,
        "SELECT name, password, disabled, is_admin FROM user WHERE account = 'sent-copies'",
    )
    assert (name, disabled, admin) == ("Sent copies", 1, 0)
    assert len(password) != 32  # no MD5 of any password
    assert sorted(_sent(database)) == [("bob", "s1"), ("carol", "s2")]


@pytest.mark.parametrize("account", ["nobody", "sent-copies", "x' OR '1'='1"])
def test_an_unknown_sender_needs_no_copy(database: str, account: str) -> None:
    reply, fake = asyncio.run(_one(database, account))
    assert reply == NOBODY
    assert reply.code == 250
    assert fake.connections == 0
    assert _all(database) == (0, 0)


def test_what_pmail_never_takes_makes_no_bounce_for_a_message_that_is_on_its_way(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reply, _ = asyncio.run(_one(database, "bob", "END 554 5.0.0 no"))
    assert reply == NOT_STORED and reply.code == 250
    assert '"event": "sent_refused", "account": "bob"' in capsys.readouterr().out
    assert _sent(database) == []


def test_killed_before_pmail_has_it_it_comes_again_as_one_row(database: str) -> None:
    first, _ = asyncio.run(_one(database, "bob", "END 451 4.3.0 wait"))
    assert first.code == 451
    assert _all(database) == (0, 0)
    assert asyncio.run(_one(database))[0] == DONE
    assert _all(database) == (1, 1)


def test_killed_after_pmail_stored_it_it_comes_again_as_one_row(database: str) -> None:
    reply, _ = asyncio.run(_one(database, "bob", "cut end"))
    assert reply.code == 451
    assert _all(database) == (1, 1)
    assert _sent(database) == []
    assert asyncio.run(_one(database))[0] == DONE
    assert _sent(database) == [("bob", "s1")]
    assert _all(database) == (1, 1)


@pytest.mark.parametrize("table", ["email", "user_email"])
def test_killed_within_the_last_transaction_it_comes_again_as_one_row(
    database: str, table: str
) -> None:
    _rows(
        database,
        f"CREATE TRIGGER killed BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'killed'); END",
    )
    assert asyncio.run(_one(database))[0] == NOT_NOW
    assert _sent(database) == []
    _rows(database, "DROP TRIGGER killed")
    assert asyncio.run(_one(database))[0] == DONE
    assert _sent(database) == [("bob", "s1")]
    assert _all(database) == (1, 1)


def test_where_only_the_250_was_lost_the_row_is_not_made_twice(database: str) -> None:
    asyncio.run(_one(database))
    reply, fake = asyncio.run(_one(database))
    assert reply == DONE
    assert fake.connections == 0
    assert _all(database) == (1, 1)


def test_the_same_message_id_of_another_sender_or_of_long_ago_is_another_copy(
    database: str,
) -> None:
    asyncio.run(_one(database))
    asyncio.run(_one(database, "carol"))
    _rows(database, """UPDATE user_email SET "create" = datetime('now', '-25 hours')""")
    asyncio.run(_one(database))
    assert sorted(_sent(database)) == [("bob", "s1"), ("bob", "s1"), ("carol", "s1")]


def test_two_messages_with_one_message_id_are_two_copies(database: str) -> None:
    async def run() -> None:
        async with running() as fake:
            copies = await _copies(fake, database)
            for content in (_message(), _message() + b"and more\r\n", _message()):
                assert await copies.copy("bob", content) == DONE

    asyncio.run(run())
    assert _sent(database) == [("bob", "s1"), ("bob", "s1")]


def test_what_a_killed_run_left_of_another_message_is_nobodys_sent(database: str) -> None:
    asyncio.run(_one(database, "bob", "cut end"))

    async def run() -> None:
        async with running() as fake:
            copies = await _copies(fake, database)
            assert await copies.copy("carol", _message(2)) == DONE

    asyncio.run(run())
    assert _sent(database) == [("carol", "s2")]
    assert _all(database) == (1, 1)


def test_many_at_once_end_with_the_right_owners_one_row_each(database: str) -> None:
    async def run() -> Sequence[object]:
        async with running() as fake:
            copies = await _copies(fake, database)
            who = ("bob", "carol") * 10
            jobs = [copies.copy(name, _message(number)) for number, name in enumerate(who)]
            return await asyncio.gather(*jobs)

    assert asyncio.run(run()) == [DONE] * 20
    expected = [(("bob", "carol")[number % 2], f"s{number}") for number in range(20)]
    assert sorted(_sent(database)) == sorted(expected)
    assert _all(database) == (20, 20)


def test_two_rows_where_one_was_expected_become_nobodys_sent(database: str) -> None:
    async def run() -> object:
        async with running() as fake:
            copies = await _copies(fake, database)
            store = storing(database)

            def twice(recipients: tuple[str, ...], content: bytes) -> None:
                store(recipients, content)
                store(recipients, content)

            fake.stored = twice
            return await copies.copy("bob", _message())

    assert asyncio.run(run()) == LOST
    assert _sent(database) == []


def test_mail_of_others_survives_the_cleaning(database: str) -> None:
    asyncio.run(_one(database, "bob", "cut end"))
    storing(database)(("carol@example.test", "sent-copies@example.test"), _message(7))
    asyncio.run(_one(database))
    assert _sent(database) == [("bob", "s1")]
    assert _rows(
        database,
        "SELECT account, subject FROM user_email JOIN email ON email.id = email_id "
        "JOIN user ON user.id = user_id WHERE type = 0",
    ) == [("carol", "s7")]


def test_an_account_of_that_name_with_a_password_is_not_ours_and_keeps_its_mail(
    database: str,
) -> None:
    _rows(
        database, "INSERT INTO user (account, name, password) VALUES ('sent-copies', 'x', 'hash')"
    )
    storing(database)(("sent-copies@example.test",), _message(7))
    reply, fake = asyncio.run(_one(database))
    assert reply == NOT_OURS
    assert reply.code == 451
    assert fake.connections == 0
    assert _all(database) == (1, 1)


def test_a_database_that_is_missing_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "pmail.db"

    async def run() -> object:
        copies = SentCopies(str(path), PRIMARY, Pmail("h"), asyncio.Lock())
        return await copies.copy("bob", _message())

    assert asyncio.run(run()) == NOT_NOW
    assert not path.exists()


def test_a_database_that_somebody_else_holds_is_waited_for_then_left(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sent, "_TIMEOUT", 0.01)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert asyncio.run(_one(database))[0] == NOT_NOW
    finally:
        holder.close()
    assert asyncio.run(_one(database))[0] == DONE


def test_while_pmail_is_away_nothing_is_stored(database: str) -> None:
    async def run() -> Any:
        peer = Peer("127.0.0.1", 1)
        client = Pmail("h", peer, peer, patience=0.0)
        return await SentCopies(database, PRIMARY, client, asyncio.Lock()).copy("bob", _message())

    assert asyncio.run(run()).code == 451
    assert _all(database) == (0, 0)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"Message-ID: <a@b>\r\n", "a@b"),
        (b"Subject: x\r\nMESSAGE-id:\r\n <a@b>\r\nX: y\r\n", "a@b"),
        (b"X-Message-ID: <no@b>\r\nMessage-Id : bare\r\n", "bare"),
        (b"Message-ID: <1@b>\r\nMessage-ID: <2@b>\r\n", "1@b"),
        (b"Subject: x\r\n", ""),
        (b"Subject: x\r\n\r\nMessage-ID: <body@b>\r\n", ""),
    ],
)
def test_message_id_is_read_as_pmail_stores_it(head: bytes, found: str) -> None:
    assert message_id(head + b"\r\nbody\r\n") == found
