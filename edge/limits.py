"""What each mailbox has sent: purses that outlast a restart."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.config import Limits
from edge.events import event

_HOUR = 3600.0
_DAY = 24 * _HOUR
# A clock that was ahead once must not fill a purse for years.
_AHEAD = 60.0
_TIMEOUT = 5.0
_SENT = "sent"
_FORWARDED = "forwarded"
_TABLES = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS spent (
        kind TEXT NOT NULL, mailbox TEXT NOT NULL, time REAL NOT NULL, recipients INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS spent_by ON spent (kind, mailbox, time);
    CREATE TABLE IF NOT EXISTS told (
        kind TEXT NOT NULL, mailbox TEXT NOT NULL, time REAL NOT NULL, PRIMARY KEY (kind, mailbox)
    );
"""


class Purses:
    """What mailboxes may still send, in one small SQLite file; for any thread.

    A mailbox is an account in any case. Messages are forgotten after a day.
    """

    def __init__(
        self,
        state: str,
        limits: Limits,
        forwards_hour: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open or make `limits.db` in the folder `state`. clock: Unix seconds.

        Raises sqlite3.Error where that cannot be done, as do the questions.
        """
        self._path = Path(state) / "limits.db"
        self._limits = limits
        self._forwards_hour = forwards_hour
        self._clock = clock
        connection = sqlite3.connect(self._path, timeout=_TIMEOUT)
        try:
            connection.executescript(_TABLES)
        finally:
            connection.close()

    def spend(self, mailbox: str, recipients: int) -> str:
        """Count one message to that many recipients, unless it is too much.

        Returns "" if it is counted, else the limit that it would break, like "100 messages an
        hour"; then nothing is spent, and the event mailbox_limited tells of it once an hour.
        """
        who = mailbox.lower()
        with self._transaction() as (connection, now):
            limit = self._broken(connection, who, recipients, now)
            if not limit:
                _put(connection, _SENT, who, recipients, now)
            tell = bool(limit) and _first(connection, _SENT, who, now)
        if tell:
            event("mailbox_limited", mailbox=mailbox, limit=limit)
        return limit

    def forward(self, mailbox: str) -> bool:
        """Count one message that a rule of a mailbox forwards, unless it is too much.

        Returns whether it is counted; if not, the event forward_braked tells of it once an hour.
        """
        who = mailbox.lower()
        with self._transaction() as (connection, now):
            messages, _ = _used(connection, _FORWARDED, who, now - _HOUR)
            counted = messages < self._forwards_hour
            if counted:
                _put(connection, _FORWARDED, who, 1, now)
            tell = not counted and _first(connection, _FORWARDED, who, now)
        if tell:
            limit = f"{self._forwards_hour} forwarded messages an hour"
            event("forward_braked", mailbox=mailbox, why=limit)
        return counted

    def _broken(self, connection: sqlite3.Connection, who: str, recipients: int, now: float) -> str:
        limits = self._limits
        for name, seconds, most, most_recipients in (
            ("an hour", _HOUR, limits.messages_hour, limits.recipients_hour),
            ("a day", _DAY, limits.messages_day, limits.recipients_day),
        ):
            messages, to = _used(connection, _SENT, who, now - seconds)
            if messages + 1 > most:
                return f"{most} messages {name}"
            if to + recipients > most_recipients:
                return f"{most_recipients} recipients {name}"
        return ""

    @contextmanager
    def _transaction(self) -> Iterator[tuple[sqlite3.Connection, float]]:
        """Yield a connection that nobody else can write beside, and the time; prune."""
        connection = sqlite3.connect(self._path, timeout=_TIMEOUT, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            # Asked once the file is ours, so that times are written in their order.
            now = self._clock()
            for table in ("spent", "told"):
                connection.execute(
                    f"DELETE FROM {table} WHERE time <= ? OR time > ?", (now - _DAY, now + _AHEAD)
                )
            yield connection, now
            connection.execute("COMMIT")
        finally:
            connection.close()


def _used(connection: sqlite3.Connection, kind: str, who: str, since: float) -> tuple[int, int]:
    """Return messages and recipients after a time."""
    messages, recipients = connection.execute(
        "SELECT count(*), coalesce(sum(recipients), 0) FROM spent"
        " WHERE kind = ? AND mailbox = ? AND time > ?",
        (kind, who, since),
    ).fetchone()
    return messages, recipients


def _put(connection: sqlite3.Connection, kind: str, who: str, recipients: int, now: float) -> None:
    connection.execute("INSERT INTO spent VALUES (?, ?, ?, ?)", (kind, who, now, recipients))


def _first(connection: sqlite3.Connection, kind: str, who: str, now: float) -> bool:
    """Return whether nothing was told of this in the last hour, and note that it is now."""
    before = connection.execute(
        "SELECT 1 FROM told WHERE kind = ? AND mailbox = ? AND time > ?", (kind, who, now - _HOUR)
    ).fetchone()
    if before is None:
        connection.execute("REPLACE INTO told VALUES (?, ?, ?)", (kind, who, now))
    return before is None
