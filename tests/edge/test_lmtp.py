"""The LMTP server, from Postfix's side and towards PMail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from edge import lmtp
from edge.accounts import Unreadable
from edge.kept import Store
from edge.lmtp import (
    Judged,
    Post,
    Route,
    Server,
    _for,
    is_late,
    judge,
    route,
    traced,
    unique,
    worst,
)
from edge.pmail import Reply
from tests.edge.sample import config

CONFIG = replace(
    config(unknown="admin"),
    aliases=(("sales@example.test", ("bob", "carol")), ("loop@example.test", ("sent-copies",))),
)
ACCOUNTS = {"bob": "Bob", "carol": "carol", "admin": "admin", "sent-copies": "sent-copies"}
TRACE = b"X-PMail-Deploy-Trace: smtp.example.test <a@b.test>\r\n"
QUEUED = Reply(250, "2.0.0 OK: queued")


def _known(name: str) -> str | None:
    return ACCOUNTS.get(name.lower())


# -- Decisions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipient", "mailboxes"),
    [
        ("BOB@Example.TEST", ("bob@example.test",)),
        ("bob+tag@second.test", ("bob@example.test",)),
        ("Sales@example.test", ("bob@example.test", "carol@example.test")),
        ("postmaster@second.test", ("admin@example.test",)),
        ("postmaster@smtp.example.test", ("admin@example.test",)),
    ],
)
def test_recipients_lead_to_accounts_at_the_primary_domain(
    recipient: str, mailboxes: tuple[str, ...]
) -> None:
    assert route(recipient, CONFIG, _known) == Route(mailboxes=mailboxes)


@pytest.mark.parametrize(
    ("recipient", "mailbox"),
    [
        ("NoBody@Second.TEST", "NoBody@second.test"),
        ('"a@b"@Second.TEST', '"a@b"@second.test'),
    ],
)
def test_recipients_that_are_nobody_are_known_as_such(recipient: str, mailbox: str) -> None:
    assert route(recipient, CONFIG, _known) == Route(mailboxes=(mailbox,), nobody=True)


def test_sent_copies_are_told_by_their_domain() -> None:
    assert route("Bob@SENT.invalid", CONFIG, _known) == Route(sent="bob")


@pytest.mark.parametrize(
    "recipient",
    ["sent-copies@example.test", "SENT-copies+x@second.test", "loop@example.test"],
)
def test_nobody_writes_to_where_sent_copies_are_made(recipient: str) -> None:
    assert route(recipient, CONFIG, _known) == Reply(550, "5.1.1 no such user here")


def test_before_that_account_exists_nobody_writes_to_it_either() -> None:
    assert isinstance(route("sent-copies@example.test", CONFIG, lambda name: None), Reply)


BODY = b"From: x\r\nX-Other: a\r\n\tb\r\n\r\nX-PMail-Deploy-Verdict: forged\r\n.\xff\n\r\n"


@pytest.mark.parametrize(
    ("head", "verdict"),
    [
        (b"X-PMail-Deploy-Verdict: trusted\r\n", "trusted"),
        (b"X-PMail-Deploy-Verdict: untrusted\r\n", "untrusted"),
        (b"X-PMail-Deploy-Verdict: forged\r\n", "forged"),
        (b"x-pmail-deploy-VERDICT:forged\r\n", "forged"),
        (b"X-PMail-Deploy-Verdict: something else\r\n", "untrusted"),
        (b"X-PMail-Deploy-Verdict:\r\n", "untrusted"),
    ],
)
def test_the_verdict_is_taken_off_and_nothing_else(head: bytes, verdict: Any) -> None:
    assert judge(head + BODY) == Judged(verdict, BODY)


def test_all_copies_of_the_verdict_go_with_their_folded_lines() -> None:
    given = (
        b"X-PMail-Deploy-Verdict: trusted\r\nA: 1\r\n"
        b"X-PMAIL-deploy-verdict: forged\r\n more\r\n\tmore\r\nB: 2\r\n b\r\n"
        b"X-PMail-Deploy-Verdict: forged\r\n\r\nbody\r\n"
    )
    assert judge(given) == Judged("trusted", b"A: 1\r\nB: 2\r\n b\r\n\r\nbody\r\n")


@pytest.mark.parametrize(
    "content",
    [
        BODY,
        b"Received: x\r\nX-PMail-Deploy-Verdict: trusted\r\n\r\nbody\r\n",
        b"X-PMail-Deploy-Verdicts: trusted\r\n\r\nbody\r\n",
        b"\r\nX-PMail-Deploy-Verdict: trusted\r\n",
        b"",
    ],
)
def test_a_verdict_that_is_not_the_first_header_is_none_and_stays(content: bytes) -> None:
    assert judge(content) == Judged(None, content)


def test_a_message_of_headers_only_keeps_them() -> None:
    given = b"X-PMail-Deploy-Verdict: trusted\r\nA: 1\r\n"
    assert judge(given) == Judged("trusted", b"A: 1\r\n")


def test_the_trace_names_host_and_sender() -> None:
    assert traced(b"A: 1\r\n", "h.test", "") == b"X-PMail-Deploy-Trace: h.test <>\r\nA: 1\r\n"


def test_of_several_replies_the_one_that_loses_nothing_counts() -> None:
    good, later, never = Reply(250, ""), Reply(451, ""), Reply(550, "")
    assert worst([good, never, later]) == later
    assert worst([good, never]) == never
    assert worst([good]) == good


def test_mailboxes_of_several_recipients_come_once() -> None:
    routes = [Route(mailboxes=("a", "b")), Route(sent="x"), Route(mailboxes=("b", "c"))]
    assert unique(routes) == ("a", "b", "c")


# -- Delivery ----------------------------------------------------------------------------------


@dataclass
class FakePmail:
    reply: Callable[[str], Reply] = lambda mailbox: QUEUED
    taken: list[tuple[str, tuple[str, ...], bytes, bool]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def hand_over(
        self, sender: str, recipients: Sequence[str], content: bytes, trusted: bool
    ) -> tuple[Reply, ...]:
        if self.gate:
            await self.gate.wait()
        self.taken.append((sender, tuple(recipients), content, trusted))
        return tuple(self.reply(each) for each in recipients)


@dataclass
class FakeCopies:
    made: list[tuple[str, bytes]] = field(default_factory=list)

    async def copy(self, account: str, content: bytes) -> Reply:
        self.made.append((account, content))
        return Reply(250, "2.0.0 stored in Sent")


@dataclass
class Office:
    """A whole one, but for PMail."""

    folder: Path
    pmail: FakePmail = field(default_factory=FakePmail)
    copies: FakeCopies = field(default_factory=FakeCopies)
    known: Callable[[str], str | None] = _known

    @property
    def kept(self) -> Store:
        return Store(self.folder)

    def post(self) -> Post:
        return Post(CONFIG, self.known, self.pmail, self.copies, self.kept)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "kept")


def _deliver(office: Office, recipients: Sequence[str], content: bytes) -> tuple[Reply, ...]:
    routes = [route(each, CONFIG, _known) for each in recipients]
    assert all(isinstance(each, Route) for each in routes)
    return asyncio.run(office.post().deliver("a@b.test", routes, content))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("head", "trusted"),
    [
        (b"", True),
        (b"X-PMail-Deploy-Verdict: trusted\r\n", True),
        (b"X-PMail-Deploy-Verdict: untrusted\r\n", False),
    ],
)
def test_the_verdict_decides_whether_pmail_trusts_it(
    office: Office, head: bytes, trusted: bool
) -> None:
    assert _deliver(office, ["bob@example.test"], head + BODY) == (QUEUED,)
    assert office.pmail.taken == [("a@b.test", ("bob@example.test",), TRACE + BODY, trusted)]


def test_two_recipients_of_one_account_are_one_and_both_hear_of_it(office: Office) -> None:
    replies = _deliver(office, ["bob@example.test", "Sales@example.test", "BOB@second.test"], BODY)
    assert replies == (QUEUED,) * 3
    assert office.pmail.taken[0][1] == ("bob@example.test", "carol@example.test")


@pytest.mark.parametrize("head", [b"", b"X-PMail-Deploy-Verdict: untrusted\r\n"])
def test_what_is_for_nobody_goes_to_pmail_apart_from_what_is_for_accounts(
    office: Office, head: bytes
) -> None:
    office.pmail.reply = lambda name: Reply(451, "4.3.0 no") if name[:3] == "bob" else QUEUED
    recipients = ["typo@example.test", "bob@example.test", "TYPO2@second.test"]
    replies = _deliver(office, recipients, head + BODY)
    assert replies == (QUEUED, Reply(451, "4.3.0 no"), QUEUED)
    assert sorted(taken[1] for taken in office.pmail.taken) == [
        ("bob@example.test",),
        ("typo@example.test", "TYPO2@second.test"),
    ]


def test_what_is_kept_for_nobody_is_kept_apart_so_that_it_is_delivered_apart(
    office: Office,
) -> None:
    content = b"X-PMail-Deploy-Verdict: forged\r\n" + BODY
    replies = _deliver(office, ["typo@example.test", "bob@example.test"], content)
    assert [reply.code for reply in replies] == [250, 250]
    kept = sorted(each.recipients for each in office.kept.all())
    assert kept == [("bob@example.test",), ("typo@example.test",)]


def test_an_address_of_two_accounts_hears_the_worst(office: Office) -> None:
    office.pmail.reply = lambda name: QUEUED if name.startswith("bob") else Reply(451, "4.3.0 no")
    replies = _deliver(office, ["sales@example.test", "bob@example.test"], BODY)
    assert replies == (Reply(451, "4.3.0 no"), QUEUED)


def test_a_forged_message_is_kept_and_never_reaches_pmail(office: Office) -> None:
    content = b"X-PMail-Deploy-Verdict: forged\r\n" + BODY
    replies = _deliver(office, ["bob@example.test", "carol@example.test"], content)
    assert [reply.code for reply in replies] == [250, 250]
    assert not office.pmail.taken
    (kept,) = office.kept.all()
    assert (kept.sender, kept.why) == ("a@b.test", "forged")
    assert kept.recipients == ("bob@example.test", "carol@example.test")
    assert office.kept.release(kept.id)[1] == TRACE + BODY


@pytest.mark.parametrize("code", [554, 421])
def test_what_pmail_never_takes_of_the_worlds_mail_is_kept_and_no_bounce(
    office: Office, code: int
) -> None:
    refusal = Reply(code, "x.0.0 transaction failed")
    office.pmail.reply = lambda name: refusal if name.startswith("bob") else QUEUED
    content = b"X-PMail-Deploy-Verdict: untrusted\r\n" + BODY
    replies = _deliver(office, ["bob@example.test", "carol@example.test"], content)
    assert [reply.code for reply in replies] == [250, 250]
    (kept,) = office.kept.all()
    assert kept.recipients == ("bob@example.test",)
    assert kept.why == f"{code} x.0.0 transaction failed"


def test_the_worlds_mail_that_is_about_to_be_given_up_is_kept_and_no_bounce(
    office: Office,
) -> None:
    office.pmail.reply = lambda name: Reply(451, "4.3.0 wait")
    late = b"Received: from x; Thu, 26 Nov 2020 12:00:00 +0000\r\n" + BODY
    verdict = b"X-PMail-Deploy-Verdict: untrusted\r\n"
    assert _deliver(office, ["bob@example.test"], verdict + late)[0].code == 250
    assert [each.why for each in office.kept.all()] == ["451 4.3.0 wait"]
    # Whoever wrote from here gets the answer.
    assert _deliver(office, ["bob@example.test"], late)[0].code == 451


@pytest.mark.parametrize("reply", [Reply(554, "5.0.0 no"), Reply(451, "4.3.0 wait")])
def test_what_pmail_refuses_of_own_mail_is_for_its_sender(office: Office, reply: Reply) -> None:
    office.pmail.reply = lambda name: reply
    assert _deliver(office, ["bob@example.test"], BODY) == (reply,)
    assert not office.kept.all()


def test_what_pmail_refuses_for_now_stays_in_the_queue(office: Office) -> None:
    office.pmail.reply = lambda name: Reply(451, "4.3.0 wait")
    content = b"X-PMail-Deploy-Verdict: trusted\r\n" + BODY
    assert _deliver(office, ["bob@example.test"], content)[0].code == 451
    assert not office.kept.all()


def test_where_nothing_can_be_kept_the_message_stays_in_the_queue(office: Office) -> None:
    office.folder.write_text("not a folder")
    content = b"X-PMail-Deploy-Verdict: forged\r\n" + BODY
    assert _deliver(office, ["bob@example.test"], content)[0].code == 452


def test_a_sent_copy_is_the_message_itself(office: Office) -> None:
    replies = _deliver(office, ["bob@sent.invalid"], BODY)
    assert [reply.code for reply in replies] == [250]
    assert office.copies.made == [("bob", BODY)]
    assert not office.pmail.taken


# -- Protocol ----------------------------------------------------------------------------------


class Postfix:
    """What Postfix's lmtp client says and hears."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, *lines: bytes | str) -> list[str]:
        """Send lines at once; returns the first line of the reply to each."""
        for line in lines:
            self.writer.write((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        await self.writer.drain()
        return [await self.reply() for _ in lines]

    async def reply(self) -> str:
        lines = [(await self.reader.readline()).decode()]
        while lines[-1][3:4] == "-":
            lines.append((await self.reader.readline()).decode())
        return "".join(lines).strip()

    async def message(self, raw: bytes, count: int = 1) -> list[str]:
        self.writer.write(raw)
        await self.writer.drain()
        return [await self.reply() for _ in range(count)]


def _session(office: Office, talk: Callable[[Postfix, Server], Awaitable[None]]) -> None:
    async def run() -> None:
        server = Server(office.post)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        postfix = Postfix(reader, writer)
        assert await postfix.reply() == "220 smtp.example.test LMTP"
        try:
            await talk(postfix, server)
        finally:
            writer.close()
            listening.close()

    asyncio.run(run())


HELLO = "LHLO smtp.example.test"
WIRE = BODY.replace(b"\r\n.", b"\r\n..") + b".\r\n"
MAIL = "MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME"
BOB = "RCPT TO:<bob@example.test>"


def test_lhlo_offers_what_postfix_uses(office: Office) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        (hello,) = await postfix.ask(HELLO)
        words = [line[4:].strip() for line in hello.splitlines()]
        assert words == [
            "smtp.example.test",
            "PIPELINING",
            "8BITMIME",
            "ENHANCEDSTATUSCODES",
            "SIZE 100000000",
        ]
        assert all(line.startswith("250") for line in hello.splitlines())

    _session(office, talk)


def test_each_accepted_recipient_gets_a_reply_after_data_in_its_order(office: Office) -> None:
    office.pmail.reply = lambda name: Reply(451, "4.3.0 no") if name[:3] == "bob" else QUEUED

    async def talk(postfix: Postfix, server: Server) -> None:
        said = await postfix.ask(
            HELLO,
            MAIL,
            "RCPT TO:<carol@example.test>",
            "RCPT TO:<sent-copies@example.test>",
            "RCPT TO:<bob@example.test>",
            "RCPT TO:<bob@sent.invalid>",
            "DATA",
        )
        assert [line[:3] for line in said] == ["250", "250", "250", "550", "250", "250", "354"]
        replies = await postfix.message(WIRE, 3)
        assert [line[:3] for line in replies] == ["250", "451", "250"]
        assert "carol@example.test" in replies[0]
        assert await postfix.ask("QUIT") == ["221 2.0.0 bye"]
        assert await postfix.reader.read() == b""

    _session(office, talk)
    assert office.copies.made == [("bob", BODY)]


def test_two_messages_on_one_connection_go_to_their_own_recipients(office: Office) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        await postfix.ask(HELLO)
        for name in ("carol", "bob"):
            await postfix.ask("MAIL FROM:<>", f"RCPT TO:<{name}@example.test>", "DATA")
            assert (await postfix.message(WIRE))[0].startswith("250 2.0.0")
        await postfix.ask(MAIL, "RCPT TO:<admin@example.test>", "RSET", MAIL, BOB, "DATA")
        await postfix.message(WIRE)

    _session(office, talk)
    assert [taken[1] for taken in office.pmail.taken] == [
        ("carol@example.test",),
        ("bob@example.test",),
        ("bob@example.test",),
    ]
    assert office.pmail.taken[0][0] == ""


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        (b".\r\n", b""),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\r\n...b\r\n\r\n.\r\n", b"a\r\n..b\r\n\r\n"),
        (b"a\n.\nb\n.\r\nc\r.\r\n\r\n.\r\n", b"a\n.\nb\n.\r\nc\r.\r\n\r\n"),
        (b"\xff\xfe\x00\xe4\xb8\xad\r\n.\r\n", b"\xff\xfe\x00\xe4\xb8\xad\r\n"),
        (b"A: " + b"z" * 200_000 + b"\r\n.\r\n", b"A: " + b"z" * 200_000 + b"\r\n"),
    ],
)
def test_the_message_arrives_byte_for_byte_below_the_trace(
    office: Office, raw: bytes, content: bytes
) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        await postfix.ask(HELLO, MAIL, BOB, "DATA")
        assert (await postfix.message(raw))[0].startswith("250")
        # Nothing of it is left to be taken for a command.
        assert await postfix.ask("NOOP") == ["250 2.0.0 OK"]

    _session(office, talk)
    assert office.pmail.taken[0][2] == TRACE + content


def test_the_end_of_a_message_is_seen_wherever_the_network_cuts_it(office: Office) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        await postfix.ask(HELLO, MAIL, BOB, "DATA")
        for byte in WIRE:
            postfix.writer.write(bytes([byte]))
            await postfix.writer.drain()
            await asyncio.sleep(0)
        assert (await postfix.reply()).startswith("250")

    _session(office, talk)
    assert office.pmail.taken[0][2] == TRACE + BODY


def test_a_message_that_is_too_large_is_refused_for_all_and_the_session_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmtp, "MOST", 1000)

    async def talk(postfix: Postfix, server: Server) -> None:
        said = await postfix.ask(HELLO, "MAIL FROM:<a@b.test> SIZE=1001")
        assert said[1].startswith("552 5.3.4")
        await postfix.ask("MAIL FROM:<a@b.test>", BOB, "RCPT TO:<carol@example.test>", "DATA")
        replies = await postfix.message(b"x" * 1001 + b"\r\n" + b"y" * 200_000 + b"\r\n.\r\n", 2)
        assert [line[:9] for line in replies] == ["552 5.3.4", "552 5.3.4"]
        await postfix.ask(MAIL, BOB, "DATA")
        replies = await postfix.message(b"x" * 998 + b"\r\n.\r\n")
        assert replies[0].startswith("250")

    _session(office, talk)
    assert [taken[2] for taken in office.pmail.taken] == [TRACE + b"x" * 998 + b"\r\n"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["EHLO x"], "500 5.5.1"),
        ([MAIL], "503 5.5.1"),
        ([HELLO, BOB], "503 5.5.1"),
        ([HELLO, MAIL, MAIL], "503 5.5.1"),
        ([HELLO, "MAIL FROM:a@b.test"], "501 5.1.7"),
        ([HELLO, "MAIL FROM:<a@b>x>"], "501 5.1.7"),
        ([HELLO, MAIL, "RCPT TO:<>"], "501 5.1.3"),
        ([HELLO, MAIL, "RCPT TO:<b\u00fcb@example.test>"], "501 5.1.3"),
        ([HELLO, MAIL, "RCPT TO:<a\rDATA@example.test>"], "501 5.1.3"),
        ([HELLO, MAIL, "DATA"], "503 5.5.1"),
        ([HELLO, MAIL, "RCPT TO:<sent-copies@example.test>", "DATA"], "503 5.5.1"),
        ([HELLO, MAIL, 'RCPT TO:<"a>b c"@example.test>'], "250 2.1.5"),
    ],
)
def test_commands_out_of_order_or_without_sense_are_refused(
    office: Office, lines: list[str], code: str
) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        assert (await postfix.ask(*lines))[-1][:9] == code

    _session(office, talk)
    assert not office.pmail.taken


def test_accounts_that_cannot_be_read_are_no_reason_to_bounce(office: Office) -> None:
    def unreadable(name: str) -> str | None:
        raise Unreadable("locked")

    office.known = unreadable

    async def talk(postfix: Postfix, server: Server) -> None:
        said = await postfix.ask(HELLO, MAIL, BOB, "RCPT TO:<bob@sent.invalid>")
        assert said[2].startswith("451 4.3.0")
        assert said[3].startswith("250")

    _session(office, talk)


@pytest.mark.parametrize("sent", [b"x" * 5000, b"BAD\r\n" * 21])
def test_a_client_that_only_makes_mistakes_is_left(office: Office, sent: bytes) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        postfix.writer.write(sent)
        assert (await postfix.reader.read()).splitlines()[-1].startswith(b"421 4.7.0")

    _session(office, talk)


def test_a_message_that_is_cut_off_goes_nowhere(office: Office) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        await postfix.ask(HELLO, MAIL, BOB, "DATA")
        postfix.writer.write(BODY)
        postfix.writer.write_eof()
        assert await postfix.reader.read() == b""

    _session(office, talk)
    assert not office.pmail.taken


def test_a_421_of_pmails_does_not_close_this_connection(office: Office) -> None:
    office.pmail.reply = lambda name: Reply(421, "4.0.0 Internal server error")

    async def talk(postfix: Postfix, server: Server) -> None:
        await postfix.ask(HELLO, MAIL, BOB, "DATA")
        (reply,) = await postfix.message(WIRE)
        assert reply.startswith("451 4.0.0")

    _session(office, talk)


def test_stopping_waits_for_what_is_being_handed_over_and_takes_no_more(office: Office) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        office.pmail.gate = asyncio.Event()
        await postfix.ask(HELLO, MAIL, BOB, "DATA")
        postfix.writer.write(WIRE)
        assert not await server.finish(0.05)
        finishing = asyncio.create_task(server.finish(60))
        await asyncio.sleep(0)
        assert not finishing.done()
        office.pmail.gate.set()
        assert (await postfix.reply()).startswith("250")
        assert await finishing
        said = await postfix.ask(MAIL, BOB, "DATA")
        assert said[2].startswith("421 4.3.2")

    _session(office, talk)


def test_only_so_many_messages_are_in_memory_at_a_time(office: Office) -> None:
    async def run() -> int:
        office.pmail.gate = asyncio.Event()
        server = Server(office.post)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        all_of_them = []
        for _ in range(6):
            postfix = Postfix(*await asyncio.open_connection("127.0.0.1", port))
            await postfix.reply()
            await postfix.ask(HELLO, MAIL, BOB)
            postfix.writer.write(b"DATA\r\n")
            all_of_them.append(postfix)
        asked = [asyncio.create_task(each.reply()) for each in all_of_them]
        waiting = set(asked)
        while len(waiting) > 2:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.05)
        allowed = sum(each.done() for each in asked)
        office.pmail.gate.set()
        for each in all_of_them:
            each.writer.write(WIRE)
        await asyncio.gather(*waiting)
        for each in all_of_them:
            assert (await each.reply()).startswith("250")
            each.writer.close()
        listening.close()
        return allowed

    assert asyncio.run(run()) == 4
    assert len(office.pmail.taken) == 6


def test_settings_that_are_read_again_are_in_force_for_the_next_message(office: Office) -> None:
    now = [office.post()]

    async def run() -> None:
        server = Server(lambda: now[0])
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        postfix = Postfix(*await asyncio.open_connection("127.0.0.1", port))
        await postfix.reply()
        await postfix.ask(HELLO)
        now[0] = replace(now[0], config=replace(CONFIG, domains=("new.test",)))
        await postfix.ask(MAIL, "RCPT TO:<bob@new.test>", "DATA")
        await postfix.message(WIRE)
        postfix.writer.close()
        listening.close()

    asyncio.run(run())
    assert office.pmail.taken[0][1] == ("bob@new.test",)


def test_nothing_of_a_message_is_logged(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    async def talk(postfix: Postfix, server: Server) -> None:
        await postfix.ask(HELLO, MAIL, BOB, "DATA")
        await postfix.message(b"X-PMail-Deploy-Verdict: forged\r\nA: secret\r\n\r\nsecret\r\n.\r\n")

    _session(office, talk)
    told = capsys.readouterr()
    assert "secret" not in told.out + told.err
    assert json.loads(told.out)["event"] == "kept"


@pytest.mark.parametrize(("code", "said"), [(500, 554), (509, 554), (421, 451), (552, 552)])
def test_no_reply_of_pmails_breaks_the_conversation_with_postfix(code: int, said: int) -> None:
    assert _for("<b@x.test>", Reply(code, "5.0.0 no")).code == said


_POSTFIXS = (
    b"X-PMail-Deploy-Trace: h <a@b.test>\r\n"
    b"Received: from mx.recv.test (unknown [203.0.113.1]; x)\r\n\tby smtp.example.test (Postfix)"
    b" with ESMTP id A1;\r\n\tThu, 26 Nov 2026 12:00:00 +0000 (UTC)\r\n"
    b"Received: from far; Thu, 26 Nov 2020 12:00:00 +0000\r\nSubject: s\r\n\r\nReceived: x; y\r\n"
)
_NOON = 1795694400.0


@pytest.mark.parametrize(
    ("content", "life", "age", "late"),
    [
        (_POSTFIXS, 172800, 3600, False),
        (_POSTFIXS, 172800, 172800 - 7100, True),
        (_POSTFIXS, 172800, 172800 - 7300, False),
        (_POSTFIXS, 600, 290, False),
        (_POSTFIXS, 600, 310, True),
        (b"Subject: s\r\n\r\nReceived: x; Thu, 26 Nov 2020 12:00:00 +0000\r\n", 600, 900, False),
        (b"Received: nonsense; some day\r\n\r\n", 600, 900, False),
    ],
)
def test_a_message_that_postfix_is_about_to_give_up_is_known_by_its_topmost_received(
    content: bytes, life: int, age: int, late: bool
) -> None:
    assert is_late(content, life, _NOON + age) is late
