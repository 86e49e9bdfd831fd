"""Accounts are PMail's own rows, whatever the case of a name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge.accounts import Account, Accounts, Unreadable

# models/User.go, as xorm makes it.
_TABLE = """
    CREATE TABLE `user` (
        `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `account` TEXT NOT NULL UNIQUE,
        `name` TEXT NOT NULL, `password` TEXT NOT NULL,
        `disabled` INTEGER DEFAULT 0 NOT NULL, `is_admin` INTEGER DEFAULT 0 NOT NULL
    )
"""


def _database(folder: Path, *rows: tuple[str, int, int]) -> str:
    path = folder / "pmail db?.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_TABLE)
        connection.executemany(
            "INSERT INTO user (account, name, password, disabled, is_admin)"
            " VALUES (?, '', '', ?, ?)",
            rows,
        )
    return str(path)


def test_an_account_is_found_in_any_case(tmp_path: Path) -> None:
    accounts = Accounts(_database(tmp_path, ("Bob", 0, 0), ("admin", 1, 1)))
    assert accounts.canonical("bOB") == Account("Bob", disabled=False, admin=False)
    assert accounts.canonical("ADMIN") == Account("admin", disabled=True, admin=True)


@pytest.mark.parametrize("name", ["bob", "Bob", "BOB"])
def test_the_exact_spelling_wins_where_two_differ_by_case(tmp_path: Path, name: str) -> None:
    accounts = Accounts(_database(tmp_path, ("BOB", 0, 0), ("Bob", 0, 0), ("bob", 0, 0)))
    assert accounts.known(name) == name


@pytest.mark.parametrize("name", ["carol", "", "bo_", "%", "bob\0", "b\udcffb"])
def test_no_other_name_is_an_account(tmp_path: Path, name: str) -> None:
    accounts = Accounts(_database(tmp_path, ("bob", 0, 0)))
    assert accounts.canonical(name) is None
    assert accounts.known(name) is None


def test_an_account_made_later_is_seen(tmp_path: Path) -> None:
    path = _database(tmp_path)
    accounts = Accounts(path)
    assert accounts.known("bob") is None
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO user (account, name, password) VALUES ('bob', '', '')")
    assert accounts.known("bob") == "bob"


def test_a_missing_database_is_unreadable_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        Accounts(str(tmp_path / "none.db")).canonical("bob")
    assert not (tmp_path / "none.db").exists()


def test_a_database_without_the_table_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with pytest.raises(Unreadable):
        Accounts(str(path)).known("bob")
