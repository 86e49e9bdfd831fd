"""SMTP client towards PMail: a connection for each message, a reply for each recipient."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge.events import event

# PMail's listen/smtp_server/smtp.go: MaxRecipients.
BATCH = 50
# go-smtp's MaxLineLength is 2000, ends of line and doubled dot included; longer ones by BDAT.
LONGEST_LINE = 1900
_CONNECT = 10.0
# Everything up to the message's last byte, on loopback; PMail itself cuts after 10 s of silence.
_UNTIL_DOT = 60.0
_AFTER_DOT = 120.0
# No batch begins after this, so that the answer is there before Postfix's 600 s are over.
_LAST_BATCH = 300.0
# Cuts within one message, after which PMail is not asked again at once.
_CUTS = 3
_REPLY_LINE = re.compile(rb"(\d{3})([ -])(.*)\r?\n")
_REPLY_LINES = 100


@dataclass(frozen=True, slots=True)
class Peer:
    """Where PMail listens; connecting to an address of `lo` makes it the source address too."""

    host: str
    port: int = 25


# A private address: PMail takes SPF for passed (smtp_server/read_content.go, spfCheck).
TRUSTED = Peer("10.255.255.2")
# Not a private one, and in no SPF record: not passed.
UNTRUSTED = Peer("198.18.0.1")


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMTP reply: three digits, and one line of printable ASCII (RFC 5321 4.2)."""

    code: int
    text: str

    @property
    def good(self) -> bool:
        """Whether the message, or the command, was accepted."""
        return self.code // 100 == 2

    @property
    def final(self) -> bool:
        """Whether it was refused for good."""
        return self.code // 100 == 5


UNKNOWN = Reply(451, "4.4.2 PMail did not confirm the message, it will be sent again")
DOWN = Reply(451, "4.3.2 PMail does not answer, try again later")
CUT = Reply(451, "4.4.2 PMail ends the connection within the message, it will be sent again")


class _Cut(ConnectionError):
    """PMail ended the connection after it had asked for the content, and before the content's end.

    It may be restarting, or in trouble with this very message.
    """


class _UnknownOutcome(Exception):
    """The whole message was sent, and no reply to its end came."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    sender: str
    recipients: Sequence[str]
    content: bytes


class Pmail:
    """PMail's port 25.

    mail_host: what EHLO says. trusted, untrusted: where mail is handed over whose SPF PMail is to
    take for passed, or not. patience: seconds for which PMail may be away (it restarts) before the
    message goes back to Postfix's queue. pause: seconds between two tries.
    """

    def __init__(
        self,
        mail_host: str,
        trusted: Peer = TRUSTED,
        untrusted: Peer = UNTRUSTED,
        patience: float = 60.0,
        pause: float = 0.5,
    ) -> None:
        self._mail_host = mail_host
        self._trusted = trusted
        self._untrusted = untrusted
        self._patience = patience
        self._pause = pause
        self._down = False

    async def hand_over(
        self, sender: str, recipients: Sequence[str], content: bytes, trusted: bool
    ) -> tuple[Reply, ...]:
        """Give one message to PMail; returns one reply for each recipient, in their order.

        sender: envelope sender, empty for the null one. content: headers and body, CRLF lines. A
        421 among the replies means that PMail's session died of the message itself (go-smtp's
        conn.go, handle). Never raises for what PMail or the network does: that is a 451.
        """
        peer = self._trusted if trusted else self._untrusted
        started = asyncio.get_running_loop().time()
        replies: list[Reply] = []
        for first in range(0, len(recipients), BATCH):
            batch = recipients[first : first + BATCH]
            replies += await self._batch(peer, _Envelope(sender, batch, content), started)
        return tuple(replies)

    async def _batch(self, peer: Peer, envelope: _Envelope, started: float) -> tuple[Reply, ...]:
        clock = asyncio.get_running_loop().time
        if clock() - started > _LAST_BATCH:
            return self._all(envelope, DOWN)
        cuts = 0
        while True:
            try:
                replies = await self._session(peer, envelope)
            except _UnknownOutcome:
                # PMail may have stored it or not. Not repeated at once: PMail is likely in
                # trouble with this very message. Postfix sends it again later, since a message
                # that comes twice is better than one that is lost.
                return self._all(envelope, UNKNOWN)
            except (OSError, EOFError, ValueError) as error:  # TimeoutError is an OSError
                cuts += isinstance(error, _Cut)
                if cuts >= _CUTS:
                    return self._all(envelope, CUT)
                if clock() - started + self._pause > self._patience:
                    self._tell_down(error)
                    return self._all(envelope, DOWN)
                await asyncio.sleep(self._pause)
            else:
                self._down = False
                return replies

    @staticmethod
    def _all(envelope: _Envelope, reply: Reply) -> tuple[Reply, ...]:
        return (reply,) * len(envelope.recipients)

    def _tell_down(self, error: Exception) -> None:
        """Tell it once, not for every message that waits."""
        if not self._down:
            self._down = True
            event("pmail_down", reason=str(error) or type(error).__name__)

    async def _session(self, peer: Peer, envelope: _Envelope) -> tuple[Reply, ...]:
        """One connection: a second message on it would also go to the first one's recipients
        (PMail's smtp_server/action.go: Reset does nothing, Rcpt appends)."""
        opening = asyncio.open_connection(peer.host, peer.port)
        reader, writer = await asyncio.wait_for(opening, _CONNECT)
        # drain() then waits for the last byte: "the dot was sent" is exact.
        writer.transport.set_write_buffer_limits(high=0)
        talk = _Talk(reader, writer)
        try:
            async with asyncio.timeout(_UNTIL_DOT):
                refused = await talk.greet(self._mail_host) or await talk.sender(envelope)
                if refused:
                    return self._all(envelope, refused)
                replies = [await talk.ask(f"RCPT TO:<{to}>") for to in envelope.recipients]
                if not any(reply.good for reply in replies):
                    return tuple(replies)
                end = await talk.content(envelope.content)
            outcome = end if isinstance(end, Reply) else await talk.end(end)
            return tuple(outcome if reply.good else reply for reply in replies)
        finally:
            talk.leave()


class _Talk:
    """The conversation on one connection. A 421 before the message's end is as good as a cut:
    raises ConnectionError; ValueError where what comes is no SMTP; EOFError, OSError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._chunks = False

    async def greet(self, mail_host: str) -> Reply | None:
        """Read the greeting, say EHLO; returns the reply where PMail refuses."""
        greeting = _usable(await self._reply())
        if not greeting.good:
            return greeting
        hello = await self.ask(f"EHLO {mail_host}")
        self._chunks = "CHUNKING" in hello.text.split()
        return None if hello.good else hello

    async def sender(self, envelope: _Envelope) -> Reply | None:
        """Say MAIL; returns the reply where PMail refuses. The size makes it refuse early."""
        size = len(envelope.content)
        reply = await self.ask(f"MAIL FROM:<{envelope.sender}> SIZE={size} BODY=8BITMIME")
        return None if reply.good else reply

    async def content(self, content: bytes) -> bytes | Reply:
        """Send the message but for its end; returns what ends it, or PMail's refusal.

        With DATA, PMail refuses lines that BDAT lets it take (go-smtp's conn.go, handleBdat). It
        is the first BDAT that lifts the limit, for what is read after it: so that one is empty.
        The last one is empty too: go-smtp takes a last chunk that is cut for a whole one.
        """
        if self._chunks and has_long_line(content):
            reply = await self.ask("BDAT 0")
            if reply.good:
                with _cutting():
                    reply = await self.ask(f"BDAT {len(content)}", content)
            return b"BDAT 0 LAST\r\n" if reply.good else reply
        reply = await self.ask("DATA")
        if reply.code != 354:
            # A 2xx here would be no SMTP: nothing was taken.
            return reply if reply.code >= 400 else Reply(451, "4.5.0 PMail did not ask for data")
        with _cutting():
            self._writer.write(stuffed(content))
            await self._writer.drain()
        return b".\r\n"

    async def end(self, end: bytes) -> Reply:
        """Send the message's end; returns the reply to it. Raises _UnknownOutcome."""
        try:
            async with asyncio.timeout(_AFTER_DOT):
                self._writer.write(end)
                await self._writer.drain()
                return await self._reply()
        except (OSError, EOFError, ValueError) as error:
            raise _UnknownOutcome from error

    def leave(self) -> None:
        """Say QUIT, whether or not anybody listens, and close."""
        with contextlib.suppress(OSError):
            self._writer.write(b"QUIT\r\n")
        self._writer.close()

    async def ask(self, command: str, content: bytes = b"") -> Reply:
        """Send a command, with what follows it; returns its reply."""
        self._writer.write(command.encode() + b"\r\n" + content)
        await self._writer.drain()
        return _usable(await self._reply())

    async def _reply(self) -> Reply:
        texts: list[str] = []
        while len(texts) < _REPLY_LINES:
            line = await self._reader.readline()
            if not line:
                raise EOFError("PMail closed the connection")
            found = _REPLY_LINE.fullmatch(line)
            if found is None:
                raise ValueError("PMail's reply is no SMTP")
            texts.append(one_line(found[3].decode("ascii", "replace")))
            if found[2] == b" ":
                return Reply(int(found[1]), " ".join(texts)[:500])
        raise ValueError("PMail's reply is too long")


@contextlib.contextmanager
def _cutting() -> Iterator[None]:
    """Within it, what ends a connection raises _Cut."""
    try:
        yield
    except (OSError, EOFError) as error:
        raise _Cut(str(error)) from error


def _usable(reply: Reply) -> Reply:
    if reply.code == 421:
        raise ConnectionError(f"PMail closes the connection: {reply.text}")
    return reply


def one_line(text: str) -> str:
    """Return a text as printable ASCII on one line, as a reply may carry it."""
    return " ".join("".join(c if " " <= c <= "~" else " " for c in text).split())


def stuffed(content: bytes) -> bytes:
    """Return a message as DATA carries it, without the last dot (RFC 5321 4.5.2).

    Only CRLF begins a new line: a dot after a bare LF is no dot at a line's beginning, for PMail
    neither. A message without a last CRLF gets one: the dot needs a line of its own.
    """
    dotted = content.replace(b"\r\n.", b"\r\n..")
    if dotted.startswith(b"."):
        dotted = b"." + dotted
    return dotted if not dotted or dotted.endswith(b"\r\n") else dotted + b"\r\n"


def has_long_line(content: bytes) -> bool:
    """Whether a line is longer than PMail takes by DATA."""
    begin = 0
    while len(content) - begin > LONGEST_LINE:
        end = content.rfind(b"\n", begin, begin + LONGEST_LINE)
        if end < 0:
            return True
        begin = end + 1
    return False
