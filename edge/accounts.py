"""The accounts of PMail, as its own database has them now."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 5.0
# PMail compares account names as they are written, so two may differ by case only
# (models/User.go: `unique` without a collation); the exact spelling is the better answer.
_QUESTION = """
    SELECT account, disabled, is_admin FROM user
    WHERE account = :name COLLATE NOCASE ORDER BY account = :name DESC, id LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of PMail; name: as PMail spells it."""

    name: str
    disabled: bool
    admin: bool


class Unreadable(Exception):
    """PMail's accounts cannot be read now."""


class Accounts:
    """The `user` table of PMail's SQLite file, read anew for each question."""

    def __init__(self, database: str) -> None:
        """Remember where the file is. It is not opened: PMail may not have made it yet."""
        self._uri = f"{Path(database).absolute().as_uri()}?mode=ro"

    def canonical(self, name: str) -> Account | None:
        """Return the account of a name in any upper and lower case (ASCII), None where none is.

        Takes at most 5 seconds. Raises Unreadable.
        """
        if not _text(name):
            return None
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=_TIMEOUT)) as connection:
                row = connection.execute(_QUESTION, {"name": name}).fetchone()
        except sqlite3.Error as error:
            raise Unreadable(f"cannot read PMail's accounts: {error}") from error
        return None if row is None else Account(str(row[0]), bool(row[1]), bool(row[2]))

    def known(self, name: str) -> str | None:
        """Return a name as PMail spells it, None where no account has it. Raises Unreadable."""
        account = self.canonical(name)
        return None if account is None else account.name


def _text(name: str) -> bool:
    # Bytes that are no UTF-8 travel as surrogates, which SQLite does not take.
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
