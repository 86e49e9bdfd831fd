"""LMTP server for Postfix's lmtp client (RFC 2033): hands mail to PMail's mailboxes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

from edge import addresses, fields
from edge.accounts import Unreadable
from edge.config import Config
from edge.pmail import Reply, one_line
from edge.sent import ACCOUNT as SENT_COPIES
from edge.sent import DOMAIN as SENT_DOMAIN

MOST = 100_000_000  # bytes of one message
VERDICT = fields.VERDICT.encode("ascii")
_LINE = 4096
_RECIPIENTS = 1000
_ERRORS = 20
_IDLE = 300.0
_CONNECTIONS = 100
# In memory at a time; the others wait for their 354 (Postfix: lmtp_data_init_timeout, 120 s).
_MESSAGES = 4
_CHUNK = 65536
_END = b"\r\n.\r\n"
_LAST_HOURS = 7200.0
# The date of the topmost one, folded as it may be.
_RECEIVED = re.compile(
    rb"(?:^|\r\n)Received:(?:[^\r]|\r\n[ \t])*;([^;\r]*(?:\r\n[ \t][^;\r]*)?)", re.I
)
_PATH = re.compile(rf"\s*<({addresses.PATH})>(?: (.*))?", re.ASCII)
_SIZE = re.compile(r"(?:^| )SIZE=(\d{1,15})(?: |$)", re.IGNORECASE)

Verdict = Literal["trusted", "untrusted", "forged"]

OK = Reply(250, "2.0.0 OK")
KEPT = Reply(250, "2.0.0 kept aside")
NOBODY = Reply(550, "5.1.1 no such user here")
ACCOUNTS_UNREADABLE = Reply(451, "4.3.0 PMail's accounts cannot be read now, try again later")
NO_ROOM = Reply(452, "4.3.1 the message cannot be kept aside, try again later")
TOO_BIG = Reply(552, f"5.3.4 the message is larger than {MOST} bytes")
STOPPING = Reply(421, "4.3.2 this server is being restarted, try again later")

# -- Decisions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """Where one recipient leads: to the Sent of the account `sent`, or to mailboxes of PMail.

    nobody: no account has that address.
    """

    sent: str = ""
    mailboxes: tuple[str, ...] = ()
    nobody: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """A message without verdict headers; verdict: None for mail that is not from the world."""

    verdict: Verdict | None
    content: bytes


def route(recipient: str, config: Config, known: Callable[[str], str | None]) -> Route | Reply:
    """Return where a recipient leads, or the reply that refuses it.

    known: a name in any case -> the account as PMail spells it. Raises Unreadable as `known` does.
    """
    local, domain = addresses.split(recipient)
    if domain == SENT_DOMAIN:
        return Route(sent=local)
    accounts = addresses.accounts_of(recipient, config, known)
    # What lies there becomes somebody's Sent: only Sent copies go there.
    if SENT_COPIES in (name.lower() for name in (*accounts, local)):
        return NOBODY
    if accounts:
        return Route(mailboxes=tuple(f"{name.lower()}@{config.primary}" for name in accounts))
    written, at, _ = recipient.rpartition("@")
    # PMail gives it to the administrator.
    return Route(mailboxes=(f"{written}@{domain}" if at else recipient,), nobody=True)


def judge(content: bytes) -> Judged:
    """Return the verdict that the milter put on top of a message, and the message without it.

    Only the first header counts: further down it is the sender's own. A message without a verdict
    stays as it is; from one with a verdict all headers of that name go.
    """
    if not _is_verdict(content):
        return Judged(None, content)
    end = content.find(b"\r\n\r\n")
    if end < 0:
        head, rest = content.removesuffix(b"\r\n"), b""
    else:
        head, rest = content[:end], content[end + 2 :]
    left: list[bytes] = []
    going = False
    for line in head.split(b"\r\n"):
        if line[:1] not in (b" ", b"\t"):
            going = _is_verdict(line)
        if not going:
            left.append(line + b"\r\n")
    word = head[len(VERDICT) + 1 :].partition(b"\r\n")[0].strip()
    return Judged(_verdict(word), b"".join(left) + rest)


def _is_verdict(line: bytes) -> bool:
    return line[: len(VERDICT) + 1].lower() == VERDICT.lower() + b":"


def _verdict(word: bytes) -> Verdict:
    if word == b"trusted":
        return "trusted"
    # A word that is not known is no reason to trust.
    return "forged" if word == b"forged" else "untrusted"


def traced(content: bytes, mail_host: str, sender: str) -> bytes:
    """Return a message with our trace on top, by which forwards of PMail's rules are known."""
    return f"{fields.TRACE}: {mail_host} <{sender}>\r\n".encode("ascii") + content


def is_late(content: bytes, life: int, now: float) -> bool:
    """Whether Postfix will soon give a message up, and bounce it.

    Two hours before the end of its life in the queue (seconds), or at half of a short one: tries
    are an hour apart at most. Its age is told by the field that our Postfix put on top (RFC 5321
    section 4.4). now: Unix seconds.
    """
    head = content.partition(b"\r\n\r\n")[0]
    found = _RECEIVED.search(head)
    if found is None:
        return False
    try:
        since = parsedate_to_datetime(found[1].decode("ascii", "replace").strip()).timestamp()
    except ValueError:
        return False
    return now - since > max(life - _LAST_HOURS, life / 2)


def unique(routes: Sequence[Route]) -> tuple[str, ...]:
    """Return the mailboxes of several routes, each once, in their order."""
    return tuple(dict.fromkeys(name for each in routes for name in each.mailboxes))


def apart(routes: Sequence[Route]) -> tuple[tuple[str, ...], ...]:
    """Return the mailboxes of several routes in groups of which each needs its own transaction.

    Beside an account, PMail loses what is for nobody: only where it knows none of the recipients
    of a transaction does the administrator get it (smtp_server/audit_persistence.go,
    resolveIncomingUsers).
    """
    groups = (unique([each for each in routes if each.nobody is no]) for no in (False, True))
    return tuple(group for group in groups if group)


def worst(replies: Sequence[Reply]) -> Reply:
    """Return what a recipient hears whose address leads to several mailboxes.

    Something to try again outweighs a refusal, and that a success: a copy that comes twice is
    better than one that is lost.
    """
    return min(replies, key=lambda reply: (4, 5, 2).index(reply.code // 100))


# -- Delivery ----------------------------------------------------------------------------------


class HandsOver(Protocol):
    """pmail.Pmail."""

    async def hand_over(
        self, sender: str, recipients: Sequence[str], content: bytes, trusted: bool
    ) -> tuple[Reply, ...]: ...


class Copies(Protocol):
    """sent.SentCopies."""

    async def copy(self, account: str, content: bytes) -> Reply: ...


class Keeps(Protocol):
    """kept.Store."""

    def keep(
        self, sender: str, recipients: tuple[str, ...], content: bytes, why: str
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Post:
    """Where mail goes from here. known: as for `route`; blocking, raises Unreadable."""

    config: Config
    known: Callable[[str], str | None]
    pmail: HandsOver
    copies: Copies
    kept: Keeps

    async def accept(self, recipient: str) -> Route | Reply:
        """Return where a recipient leads, or the reply that refuses it."""
        try:
            return await asyncio.to_thread(route, recipient, self.config, self.known)
        except Unreadable:
            return ACCOUNTS_UNREADABLE

    async def deliver(
        self, sender: str, routes: Sequence[Route], content: bytes
    ) -> tuple[Reply, ...]:
        """Bring one message to all its recipients; returns a reply for each, in their order."""
        judged = judge(content)
        groups = apart(routes)
        # Side by side, so that Postfix waits no longer for two than for one.
        given = await asyncio.gather(
            *(self._to_mailboxes(sender, group, judged) for group in groups)
        )
        by_mailbox: dict[str, Reply] = {}
        for group, replies in zip(groups, given, strict=True):
            by_mailbox.update(zip(group, replies, strict=True))
        by_account: dict[str, Reply] = {}
        for account in dict.fromkeys(each.sent for each in routes if each.sent):
            by_account[account] = await self.copies.copy(account, judged.content)
        return tuple(
            by_account[each.sent]
            if each.sent
            else worst([by_mailbox[name] for name in each.mailboxes])
            for each in routes
        )

    async def _to_mailboxes(
        self, sender: str, mailboxes: tuple[str, ...], judged: Judged
    ) -> tuple[Reply, ...]:
        content = traced(judged.content, self.config.mail_host, sender)
        if judged.verdict == "forged":
            return (await self._keep(sender, mailboxes, content, "forged"),) * len(mailboxes)
        trusted = judged.verdict != "untrusted"
        replies = await self.pmail.hand_over(sender, mailboxes, content, trusted)
        if judged.verdict is None:
            return replies  # own mail: a refusal is for its own sender to read
        late = is_late(content, self.config.queue_life, time.time())
        refused = [_never(reply) or (late and not reply.good) for reply in replies]
        if not any(refused):
            return replies
        # A bounce would go to whoever the sender claims to be.
        names = tuple(name for name, no in zip(mailboxes, refused, strict=True) if no)
        why = next(f"{each.code} {each.text}" for each in replies if not each.good)
        kept = await self._keep(sender, names, content, why)
        return tuple(kept if no else each for each, no in zip(replies, refused, strict=True))

    async def _keep(
        self, sender: str, mailboxes: tuple[str, ...], content: bytes, why: str
    ) -> Reply:
        try:
            await asyncio.to_thread(self.kept.keep, sender, mailboxes, content, why)
        except OSError:
            return NO_ROOM
        return KEPT


def _never(reply: Reply) -> bool:
    """Whether PMail will never take the message: refused for good, or its session dies of it."""
    return reply.final or reply.code == 421


# -- Protocol ----------------------------------------------------------------------------------


class _TooMuch(Exception):
    """A line that no command has, or a client that only makes mistakes."""


class _Input:
    """What Postfix sends: command lines, and messages."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._buffer = bytearray()

    async def line(self) -> str:
        """Return the next command without its CRLF. Raises EOFError, _TooMuch, TimeoutError."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LINE:
                raise _TooMuch
            await self._more()
        if end > _LINE:
            raise _TooMuch
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.decode("ascii", "surrogateescape").rstrip("\r")

    async def message(self, most: int) -> bytes | None:
        """Return a message, None where it is longer than `most` bytes, which are read all the
        same. Only CRLF.CRLF ends it, a bare LF is content. Raises EOFError, TimeoutError."""
        self._buffer[:0] = b"\r\n"  # so that the dot of an empty message is found too
        searched, whole = 0, True
        while (end := self._buffer.find(_END, searched)) < 0:
            searched = max(0, len(self._buffer) - len(_END) + 1)
            if len(self._buffer) > most + len(_END):
                del self._buffer[:searched]
                searched, whole = 0, False
            await self._more()
        whole = whole and end <= most
        content = b""
        if whole:
            with memoryview(self._buffer) as view:
                content = bytes(view[2 : end + 2])
        del self._buffer[: end + len(_END)]
        return unstuffed(content) if whole else None

    async def _more(self) -> None:
        async with asyncio.timeout(_IDLE):
            chunk = await self._reader.read(_CHUNK)
        if not chunk:
            raise EOFError
        self._buffer += chunk


def unstuffed(content: bytes) -> bytes:
    """Return a message as it was before DATA (RFC 5321 4.5.2)."""
    return content.removeprefix(b".").replace(b"\r\n.", b"\r\n")


@dataclass(slots=True)
class _Transaction:
    sender: str
    routes: list[Route] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


class Server:
    """Serves Postfix's connections. One for the whole process, so that its bounds hold.

    post: returns what is in force now; it is asked for each message.
    """

    def __init__(self, post: Callable[[], Post]) -> None:
        self._post = post
        self._open = 0
        self._room = asyncio.Semaphore(_MESSAGES)
        self._running = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        self._open += 1
        try:
            if self._open > _CONNECTIONS:
                writer.write(_line(Reply(421, "4.3.2 too many connections")))
                await writer.drain()
                return
            await _Session(self, _Input(reader), writer).run()
        except (OSError, EOFError):
            pass  # gone, or silent for too long
        finally:
            self._open -= 1
            writer.close()

    async def finish(self, seconds: float) -> bool:
        """Take no new message, and wait for those that are being handed over.

        Returns whether they all were done in time; the others come again from Postfix's queue.
        """
        self._stopping = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def post(self) -> Post:
        """Return where mail goes now."""
        return self._post()

    @property
    def stopping(self) -> bool:
        """Whether no new message is taken."""
        return self._stopping

    async def __aenter__(self) -> None:
        await self._room.acquire()
        self._running += 1
        self._idle.clear()

    async def __aexit__(self, *_: object) -> None:
        self._room.release()
        self._running -= 1
        if not self._running:
            self._idle.set()


class _Session:
    """One connection: commands in, replies out."""

    def __init__(self, server: Server, given: _Input, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._input = given
        self._writer = writer
        self._errors = 0
        self._greeted = False
        self._transaction: _Transaction | None = None

    async def run(self) -> None:
        host = self._server.post().config.mail_host
        await self._say(Reply(220, f"{host} LMTP"))
        try:
            while await self._command(await self._input.line()):
                pass
        except _TooMuch:
            await self._say(Reply(421, "4.7.0 too many errors, or a line that is too long"))

    async def _command(self, line: str) -> bool:
        """Do one command; returns whether another may follow."""
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "QUIT":
                await self._say(Reply(221, "2.0.0 bye"))
                return False
            case "LHLO":
                await self._hello()
            case "NOOP":
                await self._say(OK)
            case "RSET":
                self._transaction = None
                await self._say(OK)
            case "MAIL":
                await self._mail(rest)
            case "RCPT":
                await self._recipient(rest)
            case "DATA":
                return await self._data()
            case _:
                await self._wrong(Reply(500, "5.5.1 this is LMTP; the command is not known"))
        return True

    async def _hello(self) -> None:
        self._greeted, self._transaction = True, None
        host = self._server.post().config.mail_host
        words = (host, "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", f"SIZE {MOST}")
        lines = [f"250-{word}\r\n" for word in words[:-1]] + [f"250 {words[-1]}\r\n"]
        self._writer.write("".join(lines).encode("ascii"))
        await self._writer.drain()

    async def _mail(self, rest: str) -> None:
        found = _path(rest, "FROM:")
        if not self._greeted or self._transaction:
            return await self._wrong(Reply(503, "5.5.1 MAIL comes once, after LHLO"))
        if found is None:
            return await self._wrong(Reply(501, "5.1.7 the sender's address is no address"))
        size = _SIZE.search(found[2] or "")
        if size and int(size[1]) > MOST:
            return await self._say(TOO_BIG)
        self._transaction = _Transaction(found[1])
        return await self._say(Reply(250, "2.1.0 OK"))

    async def _recipient(self, rest: str) -> None:
        found = _path(rest, "TO:")
        if self._transaction is None:
            return await self._wrong(Reply(503, "5.5.1 RCPT comes after MAIL"))
        if found is None or not found[1]:
            return await self._wrong(Reply(501, "5.1.3 the recipient's address is no address"))
        if len(self._transaction.routes) >= _RECIPIENTS:
            return await self._say(Reply(452, "4.5.3 too many recipients in one message"))
        target = await self._server.post().accept(found[1])
        if isinstance(target, Reply):
            return await self._say(target)
        self._transaction.routes.append(target)
        self._transaction.recipients.append(found[1])
        return await self._say(Reply(250, "2.1.5 OK"))

    async def _data(self) -> bool:
        """Take one message; returns whether another command may follow."""
        transaction, self._transaction = self._transaction, None
        if transaction is None or not transaction.routes:
            # RFC 2033 4.2: no 354 where there is nobody to reply for.
            await self._wrong(Reply(503, "5.5.1 no recipient was accepted"))
            return True
        async with self._server:
            if self._server.stopping:
                await self._say(STOPPING)
                return False
            await self._say(Reply(354, "end the message with a dot on a line of its own"))
            content = await self._input.message(MOST)
            for reply in await self._delivered(transaction, content):
                self._writer.write(_line(reply))
            await self._writer.drain()
        return True

    async def _delivered(
        self, transaction: _Transaction, content: bytes | None
    ) -> tuple[Reply, ...]:
        count = len(transaction.routes)
        if content is None:
            return (TOO_BIG,) * count
        post = self._server.post()
        replies = await post.deliver(transaction.sender, transaction.routes, content)
        named = zip(transaction.recipients, replies, strict=True)
        return tuple(_for(name, reply) for name, reply in named)

    async def _wrong(self, reply: Reply) -> None:
        self._errors += 1
        if self._errors > _ERRORS:
            raise _TooMuch
        await self._say(reply)

    async def _say(self, reply: Reply) -> None:
        self._writer.write(_line(reply))
        await self._writer.drain()


def _path(rest: str, word: str) -> re.Match[str] | None:
    """The address and the parameters after `FROM:` or `TO:`; None where it is not ASCII."""
    if not rest.upper().startswith(word) or not addresses.printable(rest):
        return None
    return _PATH.fullmatch(rest[len(word) :])


def _for(recipient: str, reply: Reply) -> Reply:
    # A 421 of PMail's closes its connection, not this one.
    code = 451 if reply.code == 421 else reply.code
    # Postfix takes 500 to 509 for a mistake of its own, and waits for another reply for 300 s.
    code = 554 if 500 <= code < 510 else code
    return Reply(code, f"{reply.text} (for <{recipient}>)")


def _line(reply: Reply) -> bytes:
    return f"{reply.code} {one_line(reply.text)[:500]}\r\n".encode("ascii")
