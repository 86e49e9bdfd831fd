"""The milter protocol, spoken to as Postfix's milter8.c does."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from edge.milter import serve
from edge.rules import Decision, Message, Rules
from tests.edge.sample import config, known

_ALL_ACTIONS = 0x1FF
_ALL_EVENTS = 0x1FFFFF
# NOCONNECT NOHELO NOBODY NOEOH NOUNKNOWN NODATA, no reply for header and MAIL.
_EVENTS = 0x01 | 0x02 | 0x10 | 0x40 | 0x100 | 0x200 | 0x80 | 0x4000


@dataclass(slots=True)
class _Scripted(Rules):
    """Rules that say what the test wants and remember what they were asked."""

    decision: Decision = field(default_factory=Decision)
    fails: bool = False
    refused: str = ""
    free: bool = False
    recipients: list[tuple[str, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def here(self, client: str, server: str) -> bool:
        return bool(client) and client == server

    def recipient(self, daemon: str, address: str) -> Decision:
        self.recipients.append((daemon, address))
        if self.fails:
            raise ValueError(f"secret {address}")
        return Decision(reply=self.refused, free=self.free)

    def message(self, message: Message) -> Decision:
        self.messages.append(message)
        if self.fails:
            raise ValueError(f"secret {message}")
        return self.decision


@dataclass(slots=True)
class _Postfix:
    """Sends packets and reads answers, as milter8.c does."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    def tell(self, command: bytes, *strings: bytes) -> None:
        packet = command + b"".join(each + b"\0" for each in strings)
        self.raw(struct.pack(">I", len(packet)) + packet)

    async def hear(self) -> bytes:
        (length,) = struct.unpack(">I", await self.reader.readexactly(4))
        return await self.reader.readexactly(length)

    async def ask(self, command: bytes, *strings: bytes) -> bytes:
        self.tell(command, *strings)
        return await self.hear()

    async def greet(
        self, daemon: bytes = b"edge", client: bytes = b"", server: bytes = b""
    ) -> None:
        packet = b"O" + struct.pack(">III", 6, _ALL_ACTIONS, _ALL_EVENTS)
        self.raw(struct.pack(">I", len(packet)) + packet)
        assert (await self.hear())[:1] == b"O"
        self.tell(
            *(b"DC", b"{daemon_name}", daemon),
            *(b"{client_addr}", client, b"{daemon_addr}", server),
        )
        self.tell(b"DH")

    async def mail(self, sender: bytes, *recipients: bytes, login: bytes = b"") -> None:
        self.tell(b"DM", *((b"{auth_authen}", login) if login else ()))
        self.tell(b"M", sender, b"SIZE=100")
        for recipient in recipients:
            self.tell(b"DR", b"i", b"4bXYZ")
            assert await self.ask(b"R", recipient, b"ORCPT=x") == b"c"

    async def content(self, *headers: tuple[bytes, bytes]) -> list[bytes]:
        """Send header fields and the end of the message, return the answers up to the last."""
        for name, value in headers:
            self.tell(b"DL", b"i", b"4bXYZ")
            self.tell(b"L", name, value)
        self.tell(b"DE", b"i", b"4bXYZ", b"{daemon_name}", b"of cleanup")
        self.tell(b"E")
        answers = [await self.hear()]
        while answers[-1][:1] in b"mihe+":
            answers.append(await self.hear())
        return answers


def _talk(rules: Rules, script: Callable[[_Postfix], Awaitable[None]], dns: bool = True) -> None:
    """Let Postfix follow a script, hang up, and wait until we have noticed."""

    async def reach() -> bool:
        return dns

    async def both() -> None:
        ours, theirs = socket.socketpair()
        streams = await asyncio.open_connection(sock=ours)
        server = asyncio.create_task(serve(*streams, rules, reach))
        postfix = _Postfix(*await asyncio.open_connection(sock=theirs))
        await script(postfix)
        postfix.writer.close()
        await asyncio.wait_for(server, 10)

    asyncio.run(both())


def _ends(rules: Rules, data: bytes, greet: bool = True) -> None:
    """Claim that we end the connection after these octets, without an answer."""

    async def script(postfix: _Postfix) -> None:
        if greet:
            await postfix.greet()
        postfix.raw(data)
        assert await asyncio.wait_for(postfix.reader.read(), 10) == b""

    _talk(rules, script)


def _packet(packet: bytes) -> bytes:
    return struct.pack(">I", len(packet)) + packet


def test_the_options_say_what_is_wanted_and_name_the_macros() -> None:
    async def script(postfix: _Postfix) -> None:
        postfix.raw(_packet(b"O" + struct.pack(">III", 6, _ALL_ACTIONS, _ALL_EVENTS)))
        answer = await postfix.hear()
        assert struct.unpack(">III", answer[1:13]) == (6, 0x01 | 0x10 | 0x40 | 0x100, _EVENTS)
        connect = b"\0\0\0\0{daemon_name} {client_addr} {daemon_addr}\0"
        assert answer[13:] == connect + b"\0\0\0\x02{auth_authen}\0"

    _talk(_Scripted(), script)


def test_a_message_is_shown_as_postfix_tells_it() -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet(b"submission")
        await postfix.mail(b"<bob@example.test>", b"<a@x.test>", b"b@x.test", login=b"bob")
        answers = await postfix.content(
            (b"Subject", b"a\n\tb"), (b"X", b""), (b"Y", b"\xff\xc3\xa4")
        )
        assert answers == [b"c"]
        postfix.tell(b"Q")
        assert await postfix.reader.read() == b""

    _talk(rules, script)
    assert rules.recipients == [("submission", "a@x.test"), ("submission", "b@x.test")]
    headers = (("Subject", "a\n\tb"), ("X", ""), ("Y", "\udcffä"))
    assert rules.messages == [Message("submission", "bob", "bob@example.test", 2, headers)]


def test_nothing_of_a_message_is_left_for_the_next_one() -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<a@x.test>", b"<b@x.test>", login=b"bob")
        postfix.tell(b"L", b"Subject", b"first")
        postfix.tell(b"A")
        await postfix.mail(b"<>", b"<c@x.test>")
        assert await postfix.content((b"Subject", b"second")) == [b"c"]
        await postfix.mail(b"", b"<d@x.test>", b"<e@x.test>")
        assert await postfix.content() == [b"c"]

    _talk(rules, script)
    assert rules.messages == [
        Message("edge", "", "", 1, (("Subject", "second"),)),
        Message("edge", "", "", 2, ()),
    ]


@pytest.mark.parametrize("end", [b"A", b"E"])
def test_a_login_ends_with_its_message(end: bytes) -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet(b"submission")
        await postfix.mail(b"<bob@example.test>", b"<b@x.test>", login=b"bob")
        postfix.tell(end)
        postfix.tell(b"M", b"<carol@example.test>")
        postfix.tell(b"E")
        for _ in range(2 if end == b"E" else 1):
            assert await postfix.hear() == b"c"

    _talk(rules, script)
    assert rules.messages[-1] == Message("submission", "", "carol@example.test", 0, ())


def test_changes_come_before_the_last_word_and_deletions_from_the_last() -> None:
    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        name = b"X-PMail-Deploy-Verdict\0"
        assert await postfix.content((b"From", b"a@x.test")) == [
            b"m\0\0\0\x02" + name + b"\0",
            b"m\0\0\0\x01" + name + b"\0",
            b"i\0\0\0\0" + name + b"trusted\0",
            b"e<>\0",
            b"c",
        ]

    _talk(_Scripted(decision=Decision(verdict="trusted", sender="", delete=2)), script)


def test_a_refusal_is_sent_as_it_is_with_its_percent_signs_doubled() -> None:
    rules = _Scripted(decision=Decision(reply="550 5.7.1 100% no", delete=1))

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        assert await postfix.content() == [b"y550 5.7.1 100%% no\0"]

    _talk(rules, script)


@pytest.mark.parametrize(
    ("refused", "free", "answer"),
    [
        ("550 5.1.1 no such user here", False, b"y550 5.1.1 no such user here\0"),
        ("", True, b"c"),
    ],
)
def test_a_recipient_that_is_refused_or_costs_nothing_is_not_counted(
    refused: str, free: bool, answer: bytes
) -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        rules.refused, rules.free = refused, free
        assert await postfix.ask(b"R", b"<c@x.test>") == answer
        assert await postfix.content() == [b"c"]

    _talk(rules, script)
    assert rules.messages[0].recipients == 1


@pytest.mark.parametrize(("client", "here"), [(b"203.0.113.10", True), (b"203.0.113.9", False)])
def test_whether_the_client_is_on_this_host_is_asked_and_passed_on(
    client: bytes, here: bool
) -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet(client=client, server=b"203.0.113.10")
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        assert await postfix.content() == [b"c"]

    _talk(rules, script)
    assert rules.messages[0].here is here


def test_a_loop_is_discarded_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def script(postfix: _Postfix) -> None:
        await postfix.greet(b"pmail")
        await postfix.mail(b"<bob@example.test>", b"<b@x.test>")
        assert await postfix.content() == [b"d"]

    _talk(_Scripted(decision=Decision(discarded="bob", why="a forwarding loop")), script)
    told = json.loads(capsys.readouterr().out)
    assert told == {"event": "forward_braked", "mailbox": "bob", "why": "a forwarding loop"}


def test_a_decision_that_fails_is_temporary_and_logged_without_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        rules.fails = True
        assert await postfix.ask(b"R", b"<c@x.test>") == b"t"
        assert await postfix.content((b"Subject", b"secret content")) == [b"t"]
        rules.fails = False
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        assert await postfix.content() == [b"c"]

    with caplog.at_level(logging.DEBUG):
        _talk(rules, script)
    assert "no decision on 4bXYZ: ValueError at _Scripted.message" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("value", [b"x" * 100_000, b""], ids=["large", "many"])
def test_too_many_header_fields_are_refused_unread(value: bytes) -> None:
    rules = _Scripted()

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<a@x.test>", b"<b@x.test>")
        for _ in range(21 if value else 21_000):
            postfix.tell(b"L", b"X", value)
            await postfix.writer.drain()
        (answer,) = await postfix.content()
        assert answer.startswith(b"y552 5.3.4 ")

    _talk(rules, script)
    assert rules.messages == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(struct.pack(">I", 0), id="empty"),
        pytest.param(struct.pack(">I", 0xFFFFFFFF) + b"L", id="huge"),
        pytest.param(_packet(b"L"), id="header without anything"),
        pytest.param(_packet(b"LSubject\0x"), id="header without end"),
        pytest.param(_packet(b"L\0x\0"), id="header without name"),
        pytest.param(_packet(b"LX\0y\0z\0"), id="header with two values"),
        pytest.param(_packet(b"M"), id="mail without address"),
        pytest.param(_packet(b"D"), id="macros of no stage"),
        pytest.param(_packet(b"DM{auth_authen}\0"), id="macro without value"),
        pytest.param(_packet(b"BBody"), id="body that was not wanted"),
        pytest.param(_packet(b"?"), id="unknown"),
    ],
)
def test_a_broken_packet_ends_the_connection(data: bytes) -> None:
    _ends(_Scripted(), data)


@pytest.mark.parametrize(
    "packet",
    [
        b"M<a@x.test>\0",
        b"O" + struct.pack(">II", 6, _ALL_ACTIONS),
        b"O" + struct.pack(">III", 2, _ALL_ACTIONS, _ALL_EVENTS),
        b"O" + struct.pack(">III", 6, _ALL_ACTIONS & ~0x40, _ALL_EVENTS),
        b"O" + struct.pack(">III", 6, _ALL_ACTIONS, _ALL_EVENTS & ~0x80),
    ],
)
def test_nothing_is_said_to_who_does_not_offer_what_is_needed(packet: bytes) -> None:
    _ends(_Scripted(), _packet(packet), greet=False)


def test_a_connection_that_breaks_within_a_packet_just_ends() -> None:
    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        postfix.raw(b"\0\0\0\x09L")

    _talk(_Scripted(), script)


@pytest.mark.parametrize("dns", [True, False])
@pytest.mark.parametrize(
    "decision",
    [Decision(verdict="untrusted", doubtful=True), Decision(reply="550 no", doubtful=True)],
)
def test_what_is_in_doubt_waits_at_its_sender_while_the_host_has_no_dns(
    decision: Decision, dns: bool
) -> None:
    rules = _Scripted(decision)

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<ann@far.test>", b"<bob@example.test>")
        answers = await postfix.content((b"From", b"Ann <ann@far.test>"))
        assert (answers[-1].startswith(b"y451 4.4.3 "), len(answers) == 1) == (
            not dns,
            not dns or bool(decision.reply),
        )

    _talk(rules, script, dns)


def test_what_is_beyond_doubt_passes_without_dns() -> None:
    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<ann@far.test>", b"<bob@example.test>")
        assert (await postfix.content((b"From", b"Ann <ann@far.test>")))[-1] == b"c"

    _talk(_Scripted(Decision(verdict="trusted")), script, dns=False)


def test_the_real_rules_put_their_verdict_on_top() -> None:
    class _None:
        def spend(self, mailbox: str, recipients: int, message: str = "") -> str:
            raise AssertionError

        def forward(self, mailbox: str) -> bool:
            raise AssertionError

    async def script(postfix: _Postfix) -> None:
        await postfix.greet()
        await postfix.mail(b"<ann@far.test>", b"<bob@example.test>")
        answers = await postfix.content(
            (b"Authentication-Results", b"smtp.example.test; dmarc=pass header.from=far.test"),
            (b"Authentication-Results", b"smtp.example.test;\n\tdkim=pass header.d=far.test"),
            (b"From", b"Ann <ann@far.test>"),
        )
        assert answers == [b"i\0\0\0\0X-PMail-Deploy-Verdict\0trusted\0", b"c"]

    _talk(Rules(config(), known, _None(), lambda: False), script)
