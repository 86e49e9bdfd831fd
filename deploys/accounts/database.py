"""PMail's first database, made on the operator's machine: the admin exists before PMail starts.

PMail would otherwise let anybody make one. It adds the other tables itself (xorm Sync2).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import md5

# As PMail's own xorm writes it (models/User.go, db/init.go).
_USER_TABLE = """
CREATE TABLE IF NOT EXISTS `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
 `account` TEXT NOT NULL, `name` TEXT NOT NULL, `password` TEXT NOT NULL,
 `disabled` INTEGER DEFAULT 0 NOT NULL, `is_admin` INTEGER DEFAULT 0 NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS `UQE_user_account` ON `user` (`account`);
"""


def stored_password(password: str) -> str:
    """Return what PMail stores for a password (PMail utils/password)."""

    def digest(data: str) -> str:
        return md5(data.encode(), usedforsecurity=False).hexdigest()

    return digest(digest(password + "pmail") + "pmail2023")


def seeded(account: str, password: str) -> bytes:
    """Return a SQLite file with the `user` table and one admin; it is made in memory alone."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_USER_TABLE)
        connection.execute(
            "INSERT INTO `user` (account, name, password, disabled, is_admin) "
            "VALUES (?, ?, ?, 0, 1)",
            (account, account, stored_password(password)),
        )
        connection.commit()
        return connection.serialize()
