"""The client towards PMail."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

import pytest

from edge.pmail import CUT, DOWN, UNKNOWN, Peer, Pmail, Reply, has_long_line, stuffed
from tests.edge.fake_pmail import FakePmail, running

MESSAGE = b"From: a@b.test\r\nSubject: s\r\n\r\nbody\r\n"
QUEUED = Reply(250, "2.0.0 OK: queued")


def _with(do: Callable[[FakePmail], Awaitable[None]], *script: str) -> FakePmail:
    async def run() -> FakePmail:
        async with running(*script) as fake:
            await do(fake)
            return fake

    return asyncio.run(run())


def test_two_messages_go_over_two_connections_each_to_its_own_recipients() -> None:
    async def do(fake: FakePmail) -> None:
        client = fake.client()
        assert await client.hand_over("x@y.test", ["bob@example.test"], MESSAGE, True) == (QUEUED,)
        assert await client.hand_over("", ["carol@example.test"], MESSAGE, True) == (QUEUED,)

    fake = _with(do)
    assert fake.connections == 2
    assert fake.messages == [
        ("x@y.test", ("bob@example.test",), MESSAGE),
        ("", ("carol@example.test",), MESSAGE),
    ]


def test_more_than_50_recipients_go_in_batches_each_once() -> None:
    recipients = [f"u{number}@example.test" for number in range(120)]

    async def do(fake: FakePmail) -> None:
        replies = await fake.client().hand_over("", recipients, MESSAGE, True)
        assert replies == (QUEUED,) * 120

    fake = _with(do)
    assert [len(to) for _, to, _ in fake.messages] == [50, 50, 20]
    assert [name for _, to, _ in fake.messages for name in to] == recipients


@pytest.mark.parametrize(
    "body",
    [
        b".\r\n..\r\n...x\r\n",
        b"bare\n.\nbare\r.\r\n",
        b"\xff\x00\xe4\xb8\xad\r\n",
        b"",
        b"last\r\n.\r\n",
        b"z" * 9000 + b"\r\n.\r\n",
    ],
)
def test_what_pmail_gets_is_the_message_byte_for_byte(body: bytes) -> None:
    message = b"Subject: s\r\n\r\n" + body

    async def do(fake: FakePmail) -> None:
        await fake.client().hand_over("", ["bob@example.test"], message, True)

    assert _with(do).messages[0][2] == message


def test_a_message_that_begins_with_a_dot_or_has_no_last_line_end_is_no_problem() -> None:
    assert stuffed(b".\r\n.x") == b"..\r\n..x\r\n"
    assert stuffed(b"") == b""
    assert stuffed(b"a\r\n") == b"a\r\n"


def test_only_long_lines_go_by_bdat_whose_first_and_last_chunks_are_empty() -> None:
    async def do(fake: FakePmail) -> None:
        client = fake.client()
        await client.hand_over("", ["bob@example.test"], b"s: s\r\n\r\n" + b"y" * 3000, True)
        await client.hand_over("", ["bob@example.test"], MESSAGE, True)

    commands = [line for line in _with(do).commands if line.startswith(("BDAT", "DATA"))]
    assert commands == ["BDAT 0", "BDAT 3008", "BDAT 0 LAST", "DATA"]


def test_without_chunking_a_long_line_goes_by_data() -> None:
    async def do(fake: FakePmail) -> None:
        fake.extensions = ("8BITMIME",)
        await fake.client().hand_over("", ["bob@example.test"], b"s: s\r\n\r\n" + b"y" * 3000, True)

    assert "DATA" in _with(do).commands


@pytest.mark.parametrize(
    ("content", "long"),
    [
        (b"", False),
        (b"a" * 1800 + b"\n" + b"b" * 1800, False),
        (b"a" * 2500, True),
        (b"x\n" * 3000 + b"a" * 2500 + b"\n", True),
        (b"x\n" * 3000, False),
    ],
)
def test_a_long_line_is_found_wherever_it_is(content: bytes, long: bool) -> None:
    assert has_long_line(content) is long


@pytest.mark.parametrize("first", ["cut", "cut data", "MAIL 421 4.3.2 stopping"])
def test_while_pmail_is_away_it_is_tried_again(first: str) -> None:
    # More than all buffers between: a cut is seen before the dot has left.
    message = MESSAGE + (b"z" * 998 + b"\r\n") * 20_000

    async def do(fake: FakePmail) -> None:
        got = await fake.client().hand_over("", ["bob@example.test"], message, True)
        assert got == (QUEUED,)

    fake = _with(do, first, first)
    assert fake.connections == 3
    assert [content for _, _, content in fake.messages] == [message]


@pytest.mark.parametrize("line", [b"z" * 998, b"z" * 3000])
def test_a_message_within_which_pmail_goes_away_each_time_is_left_to_the_queue(
    line: bytes,
) -> None:
    message = MESSAGE + (line + b"\r\n") * (20_000_000 // len(line))

    async def do(fake: FakePmail) -> None:
        got = await fake.client().hand_over("", ["a@b.test", "c@b.test"], message, True)
        assert got == (CUT, CUT)

    assert _with(do, *["cut data"] * 3).connections == 3
    assert CUT.code == 451


def test_where_the_outcome_is_unknown_nothing_is_repeated_at_once() -> None:
    async def do(fake: FakePmail) -> None:
        got = await fake.client().hand_over("", ["bob@example.test"], MESSAGE, True)
        assert got == (UNKNOWN,)

    fake = _with(do, "cut end")
    assert fake.connections == 1
    assert UNKNOWN.code == 451


def test_when_patience_ends_the_message_goes_back_to_the_queue(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    client = Pmail("h.test", Peer("127.0.0.1", port), patience=0.05, pause=0.01)

    async def twice() -> None:
        for _ in range(2):
            assert await client.hand_over("", ["a@b.test", "c@b.test"], MESSAGE, True) == (
                DOWN,
                DOWN,
            )

    asyncio.run(twice())
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "pmail_down"


def test_each_recipient_gets_its_own_reply() -> None:
    async def do(fake: FakePmail) -> None:
        to = ["bad@example.test", "bob@example.test"]
        replies = await fake.client().hand_over("", to, MESSAGE, True)
        assert replies == (Reply(550, "5.1.1 no"), QUEUED)

    fake = _with(do, "RCPT:bad@example.test 550 5.1.1 no")
    assert fake.messages[0][1] == ("bob@example.test",)


@pytest.mark.parametrize(
    ("script", "reply"),
    [
        ("MAIL 552 5.3.4 too big", Reply(552, "5.3.4 too big")),
        ("RCPT:bob@example.test 451 4.3.0 wait", Reply(451, "4.3.0 wait")),
        ("DATA 554 5.0.0 no", Reply(554, "5.0.0 no")),
        ("END 554 5.0.0 no", Reply(554, "5.0.0 no")),
        ("END 421 4.0.0 Internal server error", Reply(421, "4.0.0 Internal server error")),
    ],
)
def test_a_refusal_anywhere_is_the_reply_and_nothing_is_repeated(script: str, reply: Reply) -> None:
    async def do(fake: FakePmail) -> None:
        got = await fake.client().hand_over("", ["bob@example.test"], MESSAGE, True)
        assert got == (reply,)

    fake = _with(do, script)
    assert fake.connections == 1
    assert not fake.messages


def test_trusted_and_untrusted_mail_go_to_different_addresses() -> None:
    async def run() -> tuple[int, int]:
        async with running() as good, running() as bad:
            client = Pmail("h", Peer("127.0.0.1", good.port), Peer("127.0.0.1", bad.port))
            await client.hand_over("", ["bob@example.test"], MESSAGE, True)
            await client.hand_over("", ["bob@example.test"], MESSAGE, False)
            await client.hand_over("", ["bob@example.test"], MESSAGE, False)
            return len(good.messages), len(bad.messages)

    assert asyncio.run(run()) == (1, 2)
