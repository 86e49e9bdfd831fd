"""What each mailbox has sent: purses that outlast a restart."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from edge.config import Limits
from edge.events import event

_HOUR = 3600.0
_DAY = 24 * _HOUR
# A clock that was ahead once must not fill a purse for years.
_AHEAD = 60.0
_TIMEOUT = 5.0
_SENT = "sent"
_FORWARDED = "forwarded"
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
_TABLES = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS spent (
        kind TEXT NOT NULL, mailbox TEXT NOT NULL, time REAL NOT NULL, recipients INTEGER NOT NULL,
        message TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS spent_by ON spent (kind, mailbox, time);
    CREATE TABLE IF NOT EXISTS told (
        kind TEXT NOT NULL, mailbox TEXT NOT NULL, time REAL NOT NULL, PRIMARY KEY (kind, mailbox)
    );
"""
# Held for a transaction, so that no other thread still uses, or also moves, a file that is moved.
_TURN = threading.Lock()

T = TypeVar("T")


class Purses:
    """What mailboxes may still send, in one small SQLite file; for any thread.

    A mailbox is an account in any case. Messages are forgotten after a day. What was counted is
    not worth the server: a damaged file is moved to `limits.db.broken`, and where none can be made
    the counts live in memory; the event limits_lost tells of either.
    """

    def __init__(
        self,
        state: str,
        limits: Limits,
        forwards_hour: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open or make `limits.db` in the folder `state`. clock: Unix seconds.

        The questions raise sqlite3.OperationalError while the file is locked, or the disk full.
        """
        self._path = Path(state) / "limits.db"
        self._limits = limits
        self._forwards_hour = forwards_hour
        self._clock = clock
        self._memory: sqlite3.Connection | None = None
        # Told now rather than with the first message; what passes is for the questions.
        with suppress(sqlite3.OperationalError):
            self._do(lambda connection, now: None)

    def spend(self, mailbox: str, recipients: int, message: str = "") -> str:
        """Count one message to that many recipients, unless it is too much.

        message: what tells it from others; the same one to further recipients is one message. ""
        where every one counts. Returns "" if it is counted, else the limit that it would break,
        like "100 messages an hour"; then nothing is spent, and the event mailbox_limited tells of
        it once an hour.
        """
        who = mailbox.lower()

        def work(connection: sqlite3.Connection, now: float) -> tuple[str, bool]:
            limit = self._broken(connection, who, recipients, message, now)
            if not limit:
                _put(connection, _SENT, who, recipients, message, now)
            return limit, bool(limit) and _first(connection, _SENT, who, now)

        limit, tell = self._do(work)
        if tell:
            event("mailbox_limited", mailbox=mailbox, limit=limit)
        return limit

    def forward(self, mailbox: str) -> bool:
        """Count one message that a rule of a mailbox forwards, unless it is too much.

        Returns whether it is counted; if not, the event forward_braked tells of it once an hour.
        """
        who = mailbox.lower()

        def work(connection: sqlite3.Connection, now: float) -> tuple[bool, bool]:
            messages, _ = _used(connection, _FORWARDED, who, "", now - _HOUR)
            counted = messages < self._forwards_hour
            if counted:
                _put(connection, _FORWARDED, who, 1, "", now)
            return counted, not counted and _first(connection, _FORWARDED, who, now)

        counted, tell = self._do(work)
        if tell:
            limit = f"{self._forwards_hour} forwarded messages an hour"
            event("forward_braked", mailbox=mailbox, why=limit)
        return counted

    def _broken(
        self, connection: sqlite3.Connection, who: str, recipients: int, message: str, now: float
    ) -> str:
        limits = self._limits
        for name, seconds, most, most_recipients in (
            ("an hour", _HOUR, limits.messages_hour, limits.recipients_hour),
            ("a day", _DAY, limits.messages_day, limits.recipients_day),
        ):
            messages, to = _used(connection, _SENT, who, message, now - seconds)
            if messages + 1 > most:
                return f"{most} messages {name}"
            if to + recipients > most_recipients:
                return f"{most_recipients} recipients {name}"
        return ""

    def _do(self, work: Callable[[sqlite3.Connection, float], T]) -> T:
        """Return what `work` returns, given a connection that nobody else can write beside, and
        the time. Where the counts cannot be kept in the file, the work is done again elsewhere."""
        with _TURN:
            for mend in (self._replace, self._forgo):
                try:
                    return self._transaction(work)
                except sqlite3.DatabaseError as error:
                    if _passes(error):
                        raise
                    mend(error)
            return self._transaction(work)

    def _transaction(self, work: Callable[[sqlite3.Connection, float], T]) -> T:
        with self._opened() as connection:
            connection.executescript(_TABLES)
            connection.execute("BEGIN IMMEDIATE")
            # Asked once the file is ours, so that times are written in their order.
            now = self._clock()
            for table in ("spent", "told"):
                connection.execute(
                    f"DELETE FROM {table} WHERE time <= ? OR time > ?", (now - _DAY, now + _AHEAD)
                )
            result = work(connection, now)
            connection.execute("COMMIT")
        return result

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection; to the file, a new one. What is not committed is rolled back."""
        if self._memory is not None:
            try:
                yield self._memory
            finally:
                self._memory.rollback()
            return
        connection = sqlite3.connect(self._path, timeout=_TIMEOUT, isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    def _replace(self, error: sqlite3.DatabaseError) -> None:
        """Move a damaged file aside; make the folder where it is missing."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            if _damaged(error):
                _aside(self._path)
                event("limits_lost", file=str(self._path), why=str(error))

    def _forgo(self, error: sqlite3.DatabaseError) -> None:
        """Count in memory until the next start, or the next reading of the configuration."""
        self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        event("limits_lost", file=":memory:", why=f"{self._path}: {error}")


def _passes(error: sqlite3.DatabaseError) -> bool:
    """Whether the same file will do later: others write to it, or the disk is full."""
    return _code(error) & 0xFF in _PASSING


def _damaged(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is no database, or not this one: our own SQL is an error in it."""
    operational = isinstance(error, sqlite3.OperationalError)
    return not operational or _code(error) == sqlite3.SQLITE_ERROR


def _code(error: sqlite3.DatabaseError) -> int:
    # What the module raises by itself has none.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)


def _aside(path: Path) -> None:
    """Rename a database to `.broken`, in place of the one before. Raises OSError."""
    for suffix in ("-wal", "-shm", ""):
        old = path.with_name(f"{path.name}{suffix}")
        new = path.with_name(f"{path.name}.broken{suffix}")
        new.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            old.replace(new)


def _used(
    connection: sqlite3.Connection, kind: str, who: str, message: str, since: float
) -> tuple[int, int]:
    """Return messages and recipients after a time, without that message itself."""
    rows = connection.execute(
        "SELECT message, count(*), sum(recipients) FROM spent"
        " WHERE kind = ? AND mailbox = ? AND time > ? GROUP BY message",
        (kind, who, since),
    ).fetchall()
    messages = sum(1 if name else count for name, count, _ in rows if not name or name != message)
    return messages, sum(recipients for _, _, recipients in rows)


def _put(
    connection: sqlite3.Connection, kind: str, who: str, recipients: int, message: str, now: float
) -> None:
    row = (kind, who, now, recipients, message)
    connection.execute("INSERT INTO spent VALUES (?, ?, ?, ?, ?)", row)


def _first(connection: sqlite3.Connection, kind: str, who: str, now: float) -> bool:
    """Return whether nothing was told of this in the last hour, and note that it is now."""
    before = connection.execute(
        "SELECT 1 FROM told WHERE kind = ? AND mailbox = ? AND time > ?", (kind, who, now - _HOUR)
    ).fetchone()
    if before is None:
        connection.execute("REPLACE INTO told VALUES (?, ?, ?)", (kind, who, now))
    return before is None
