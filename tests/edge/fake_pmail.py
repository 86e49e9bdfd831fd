"""PMail's port 25 as it behaves: a session never forgets a recipient, and it can fail anywhere."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes

from edge.pmail import Peer, Pmail

# As PMail v2.9.7 made it (sqlite3 .schema).
SCHEMA = """
CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `account` TEXT NOT NULL,
 `name` TEXT NOT NULL, `password` TEXT NOT NULL, `disabled` INTEGER DEFAULT 0 NOT NULL,
 `is_admin` INTEGER DEFAULT 0 NOT NULL);
CREATE UNIQUE INDEX `UQE_user_account` ON `user` (`account`);
CREATE TABLE `email` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
 `type` INTEGER DEFAULT 0 NOT NULL, `subject` TEXT DEFAULT '' NOT NULL, `reply_to` TEXT NULL,
 `from_name` TEXT DEFAULT '' NOT NULL, `from_address` TEXT DEFAULT '' NOT NULL, `to` TEXT NULL,
 `bcc` TEXT NULL, `cc` TEXT NULL, `text` TEXT NULL, `html` TEXT NULL, `sender` TEXT NULL,
 `attachments` TEXT NULL, `spf_check` INTEGER NULL, `dkim_check` INTEGER NULL,
 `status` INTEGER DEFAULT 0 NOT NULL, `cron_send_time` DATETIME NULL, `update_time` DATETIME NULL,
 `send_user_id` INTEGER DEFAULT 0 NOT NULL, `size` INTEGER DEFAULT 1000 NOT NULL,
 `error` TEXT NULL, `send_date` DATETIME NULL, `create_time` DATETIME NULL,
 `msg_id` TEXT DEFAULT '' NOT NULL);
CREATE TABLE `user_email` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
 `user_id` INTEGER NOT NULL, `email_id` INTEGER NOT NULL, `is_read` INTEGER NULL,
 `group_id` INTEGER DEFAULT 0 NOT NULL, `status` INTEGER DEFAULT 0 NOT NULL,
 `create` DATETIME NULL);
"""


def make_database(path: str, *accounts: str) -> None:
    """Make PMail's database with some accounts."""
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    for name in accounts:
        database.execute(
            "INSERT INTO user (account, name, password) VALUES (?, ?, 'x')", (name, name)
        )
    database.commit()
    database.close()


@dataclass
class FakePmail:
    """What became of the connections, and what is to become of the next ones.

    script: for each next connection how it goes: "" well; "cut" at once; "cut data" after a part
    of the message; "cut end" after the whole message, which is stored; otherwise
    "RCPT|DATA|END REPLY" is the reply there. stored: called for each message that is taken.
    """

    script: list[str] = field(default_factory=list)
    connections: int = 0
    messages: list[tuple[str, tuple[str, ...], bytes]] = field(default_factory=list)
    stored: Callable[[tuple[str, ...], bytes], None] = lambda recipients, content: None
    port: int = 0
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "CHUNKING", "LIMITS RCPTMAX=50")
    commands: list[str] = field(default_factory=list)

    def client(self, **arguments: float) -> Pmail:
        """A client of it that does not wait long."""
        peer = Peer("127.0.0.1", self.port)
        return Pmail("smtp.example.test", peer, peer, **{"pause": 0.01, **arguments})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        how = self.script.pop(0) if self.script else ""
        try:
            if how != "cut":
                await self._session(reader, writer, how)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _session(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, how: str
    ) -> None:
        def say(text: str, stage: str = "") -> bool:
            """Say it, or what the script says at this stage; returns whether it is the former."""
            place, _, reply = how.partition(" ")
            other = bool(stage) and place == stage
            writer.write(((reply if other else text) + "\r\n").encode())
            return not other

        sender, chunks = "", b""
        recipients: list[str] = []
        say("220 example.test ESMTP Service Ready")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            verb, _, rest = line.partition(" ")
            match verb:
                case "EHLO":
                    for word in self.extensions:
                        say(f"250-{word}")
                    say("250 ENHANCEDSTATUSCODES")
                case "MAIL":
                    sender = rest[rest.index("<") + 1 : rest.index(">")]
                    say("250 2.0.0 Roger", "MAIL")
                case "RCPT":
                    to = rest[rest.index("<") + 1 : rest.index(">")]
                    if len(recipients) >= 50:
                        say("452 4.5.3 Maximum limit of 50 recipients reached")
                    elif say("250 2.0.0 I'll make sure", f"RCPT:{to}"):
                        recipients.append(to)
                case "RSET":
                    say("250 2.0.0 Session reset")  # and forgets nothing
                case "DATA":
                    if say("354 Go ahead", "DATA"):
                        if how == "cut data":
                            await reader.readexactly(10)
                            return
                        content = await _until_dot(reader)
                        if not self._take(how, sender, recipients, content, say):
                            return
                case "BDAT":
                    size, _, last = rest.partition(" ")
                    if how == "cut data" and size != "0":
                        await reader.readexactly(10)
                        return
                    chunks += await reader.readexactly(int(size))
                    if last:
                        if not self._take(how, sender, recipients, chunks, say):
                            return
                    else:
                        say("250 2.0.0 Continue")
                case "QUIT":
                    say("221 2.0.0 Bye")
                    return

    def _take(
        self,
        how: str,
        sender: str,
        recipients: list[str],
        content: bytes,
        say: Callable[[str, str], bool],
    ) -> bool:
        if not how.startswith("END "):
            self.messages.append((sender, tuple(recipients), content))
            self.stored(tuple(recipients), content)
        if how == "cut end":
            return False
        say("250 2.0.0 OK: queued", "END")
        return True


async def _until_dot(reader: asyncio.StreamReader) -> bytes:
    """As go-smtp's data.go reads: only CRLF begins a line and only CRLF.CRLF ends the message."""
    raw = bytearray(b"\r\n")
    while not raw.endswith(b"\r\n.\r\n"):
        raw += await reader.readuntil(b"\n")
    return bytes(raw[2:-3]).removeprefix(b".").replace(b"\r\n.", b"\r\n")


@asynccontextmanager
async def running(*script: str) -> AsyncIterator[FakePmail]:
    """A fake PMail on a port of loopback."""
    fake = FakePmail(list(script))
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, limit=1 << 20)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()


def storing(path: str) -> Callable[[tuple[str, ...], bytes], None]:
    """Return what stores a message in PMail's tables as PMail does (audit_persistence.go)."""

    def store(recipients: tuple[str, ...], content: bytes) -> None:
        message = message_from_bytes(content)
        number = (message["Message-ID"] or "<made@pmail>").strip().strip("<>")
        database = sqlite3.connect(path)
        email = database.execute(
            "INSERT INTO email (subject, msg_id, bcc, size, create_time) VALUES (?, ?, ?, ?, "
            "datetime('now'))",
            (message["Subject"] or "", number, str(recipients), len(content)),
        ).lastrowid
        for to in recipients:
            database.execute(
                'INSERT INTO user_email (user_id, email_id, "create") '
                "SELECT id, ?, datetime('now') FROM user WHERE lower(account) = ?",
                (email, to.partition("@")[0].lower()),
            )
        database.commit()
        database.close()

    return store
