"""The Sent copy: what a mail program submits is also put into its user's Sent.

PMail has no way in for that (IMAP APPEND discards), so a disabled account of its own receives the
message from PMail's own SMTP server, which parses and stores it, and then that row becomes the
sender's. Strictly one at a time, so the row in that account is the message that was handed over.
Depends on PMail's schema (models/Email.go, models/UserEmail.go) and on where it looks for Sent
(services/list/list.go: `type`, `status` and `group_id`).
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.events import event
from edge.pmail import Pmail, Reply

ACCOUNT = "sent-copies"
DOMAIN = "sent.invalid"
# No MD5 of anything: nobody logs in with it. It also shows that the account is ours, since what
# lies in it is deleted.
_PASSWORD = "*pmail-deploy sent copies*"
_TIMEOUT = 20.0
# PMail may be away for a minute, and others may wait before: then Postfix's queue is better.
_TURN = 300.0
_MESSAGE_ID = re.compile(rb"(?i)(?:^|\r\n)Message-ID[ \t]*:((?:[^\r\n]|\r\n[ \t])*)")

DONE = Reply(250, "2.0.0 stored in Sent")
NOBODY = Reply(250, "2.0.0 no such account, no copy is needed")
NOT_STORED = Reply(250, "2.0.0 PMail does not take this message as a copy")
NOT_NOW = Reply(451, "4.3.0 PMail's database cannot be written now, try again later")
NOT_OURS = Reply(451, f"4.3.5 the account {ACCOUNT} is not the one that this server made")
LOST = Reply(451, "4.3.0 PMail has not stored the message as expected, try again later")


class _NotOurs(Exception):
    """Somebody else made the account, or gave it a password: nothing in it is touched."""


class _NotOne(Exception):
    """PMail stored none, or several, where one row was expected."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """The sender. stored: the copy is in Sent already; only Postfix has not heard of it."""

    id: int
    account: str
    stored: bool


class SentCopies:
    """Makes Sent copies.

    database: PMail's SQLite file. primary: the primary mail domain. turn: held while a copy is
    made; whoever makes another one with the same database has to use the same lock.
    """

    def __init__(self, database: str, primary: str, pmail: Pmail, turn: asyncio.Lock) -> None:
        self._table = _Table(database)
        self._primary = primary
        self._pmail = pmail
        self._turn = turn

    async def copy(self, account: str, content: bytes) -> Reply:
        """Put a message into an account's Sent; returns the reply for Postfix.

        account: in upper or lower case; an unknown one is no error. Killed at any point, the same
        message comes again from Postfix's queue and ends as one row.
        """
        try:
            async with asyncio.timeout(_TURN):
                await self._turn.acquire()
        except TimeoutError:
            return NOT_NOW
        try:
            return await self._copy(account, content)
        except sqlite3.Error:
            return NOT_NOW
        except _NotOurs:
            return NOT_OURS
        except _NotOne:
            return LOST
        finally:
            self._turn.release()

    async def _copy(self, account: str, content: bytes) -> Reply:
        owner = await asyncio.to_thread(
            self._table.prepare, account, message_id(content), len(content)
        )
        if owner is None:
            return NOBODY
        if owner.stored:
            return DONE
        sender = f"{owner.account}@{self._primary}"
        receiver = f"{ACCOUNT}@{self._primary}"
        (reply,) = await self._pmail.hand_over(sender, (receiver,), content, trusted=True)
        if reply.final:
            # The message itself is on its way: a bounce would tell the sender that it is not.
            event("sent_refused", account=owner.account, why=f"{reply.code} {reply.text}")
            return NOT_STORED
        if not reply.good:
            return reply
        await asyncio.to_thread(self._table.turn, owner)
        return DONE


def message_id(content: bytes) -> str:
    """Return the Message-ID as PMail stores it, empty where there is none.

    Source: dto/parsemail/email.go, NewEmailFromReader: of the first such header, without < and >.
    """
    head, _, _ = content.partition(b"\r\n\r\n")
    found = _MESSAGE_ID.search(head)
    if found is None:
        return ""
    text = found[1].replace(b"\r\n", b"").decode("utf-8", "replace").strip()
    return text.removesuffix(">").removeprefix("<")


class _Table:
    """PMail's rows. Blocking; every method is one transaction, and raises sqlite3.Error."""

    def __init__(self, database: str) -> None:
        # mode=rw: a file that is missing is an error, not a new empty database.
        self._uri = f"{Path(database).absolute().as_uri()}?mode=rw"

    def prepare(self, account: str, message_id: str, size: int) -> _Owner | None:
        """Make the account where it is missing, delete what a killed run left in it, and return
        the sender, None where it is nobody's account. Raises _NotOurs."""
        with self._transaction() as database:
            database.execute(
                "INSERT INTO user (account, name, password, disabled, is_admin) "
                "SELECT ?, 'Sent copies', ?, 1, 0 "
                "WHERE NOT EXISTS (SELECT 1 FROM user WHERE account = ?)",
                (ACCOUNT, _PASSWORD, ACCOUNT),
            )
            _clean(database, _copies(database))
            row = database.execute(
                "SELECT id, account FROM user WHERE account = ? COLLATE NOCASE AND account <> ? "
                "ORDER BY account = ? DESC LIMIT 1",
                (account, ACCOUNT, account),
            ).fetchone()
            if row is None:
                return None
            return _Owner(row[0], row[1], _stored(database, row[0], message_id, size))

    def turn(self, owner: _Owner) -> None:
        """Make the one row in the account the sender's Sent. Raises _NotOurs, _NotOne."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT id, email_id FROM user_email WHERE user_id = ?", (_copies(database),)
            ).fetchall()
            if len(rows) != 1:
                raise _NotOne
            ((row, email),) = rows
            database.execute(
                "UPDATE email SET type = 1, status = 1, bcc = 'null', spf_check = 1, "
                "dkim_check = 1, send_user_id = ? WHERE id = ?",
                (owner.id, email),
            )
            database.execute(
                "UPDATE user_email SET user_id = ?, status = 1, is_read = 1, group_id = 0 "
                "WHERE id = ?",
                (owner.id, row),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # A connection for each: PMail writes to the same file, nothing is held between.
        opened = sqlite3.connect(self._uri, uri=True, timeout=_TIMEOUT, isolation_level=None)
        with closing(opened) as database:
            database.execute("BEGIN IMMEDIATE")
            yield database  # an exception closes the connection, which rolls back
            database.execute("COMMIT")


def _copies(database: sqlite3.Connection) -> int:
    """The id of the account that receives. Raises _NotOurs."""
    row = database.execute("SELECT id, password FROM user WHERE account = ?", (ACCOUNT,)).fetchone()
    if row is None or row[1] != _PASSWORD:
        raise _NotOurs
    return int(row[0])


def _clean(database: sqlite3.Connection, copies: int) -> None:
    """Delete what is in the account, but no message that is also in somebody's mailbox."""
    database.execute(
        "DELETE FROM email WHERE id IN (SELECT email_id FROM user_email WHERE user_id = :copies) "
        "AND id NOT IN (SELECT email_id FROM user_email WHERE user_id <> :copies)",
        {"copies": copies},
    )
    database.execute("DELETE FROM user_email WHERE user_id = ?", (copies,))


def _stored(database: sqlite3.Connection, owner: int, message_id: str, size: int) -> bool:
    """Whether this message became the sender's Sent within the last day, by Message-ID and size.

    A program that sends one message in several transactions wants one copy too; but one that gives
    two messages the same Message-ID wants two. size: as PMail counts it, the octets that it
    received (smtp_server/read_content.go, Data), which are the same at each try.
    """
    if not message_id:
        return False
    # From user_email, whose rows are small: PMail keeps attachments in `email`, before the columns
    # that are asked for, and without an index on them the whole mail would be read.
    return bool(
        database.execute(
            "SELECT count(*) FROM user_email AS row CROSS JOIN email ON email.id = row.email_id "
            "WHERE row.user_id = ? AND julianday(row.\"create\") > julianday('now') - 1 "
            "AND email.type = 1 AND email.msg_id = ? AND email.size = ?",
            (owner, message_id, size),
        ).fetchone()[0]
    )
