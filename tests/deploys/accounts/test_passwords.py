"""Accounts and the operator's folders: a password is the user's own, or made once and kept."""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploys.accounts import database, passwords
from deploys.cli.init_inventory import Answers, inventory_text
from deploys.run import paths
from deploys.run.refusals import Around
from ground.private_files import write_private
from ground.secret_values import BadSecret
from postmaster.settings import MailServer, Site
from tests.postmaster.test_settings import site

VARIABLE = "PMAIL_USER_PASSWORD_BOB"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "state"


def test_each_account_has_a_variable_of_its_own() -> None:
    assert passwords.admin_variable() == "PMAIL_ADMIN_PASSWORD"
    assert passwords.user_variable("bob") == VARIABLE
    assert passwords.user_variable("bob.o-1") == "PMAIL_USER_PASSWORD_BOB_O_1"


def test_a_password_is_made_once_and_kept_for_the_operator_only(state: Path) -> None:
    host = "@docker/a"
    assert passwords.known(host, "bob", VARIABLE) is None
    made = passwords.known_or_made(host, "bob", VARIABLE)
    assert len(made) == 20 and made.isalnum() and not set("l1IO0o") & set(made) - {"o"}
    kept = state / "passwords" / "@docker_a-bob"
    assert passwords.path(host, "bob") == kept and kept.read_text() == f"{made}\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert passwords.known_or_made(host, "bob", VARIABLE) == made
    assert passwords.known(host, "bob", VARIABLE) == made
    assert passwords.known_or_made("other", "bob", VARIABLE) != made


def test_a_password_in_the_environment_counts_and_is_kept_nowhere(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords.known_or_made("host", "bob", VARIABLE)
    monkeypatch.setenv(VARIABLE, "the user's own")
    assert passwords.known_or_made("host", "bob", VARIABLE) == "the user's own"
    assert passwords.known_or_made("new", "bob", VARIABLE) == "the user's own"
    assert not passwords.path("new", "bob").exists()
    monkeypatch.setenv(VARIABLE, "")
    assert passwords.known_or_made("host", "bob", VARIABLE) != ""


def refused(*servers: MailServer) -> list[str]:
    around: Around[Any] = Around("a", None, Site(servers, ()), False, {}, {}, frozenset(), {})
    return [str(each) for each in passwords.shared(around)]


def test_a_variable_that_several_accounts_or_servers_would_have_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = replace(site(users=["a-b"]).servers[0], host="one")
    two = replace(site(users=["a.b"]).servers[0], host="two")
    for name in ("PMAIL_ADMIN_PASSWORD", "PMAIL_USER_PASSWORD_A_B"):
        monkeypatch.delenv(name, raising=False)
    assert refused(one, two) == []
    monkeypatch.setenv("PMAIL_USER_PASSWORD_A_B", "pa55word")
    assert refused(one) == []
    (reason,) = refused(one, two)
    assert "a-b (one), a.b (two)" in reason and "pa55word" not in reason
    assert str(passwords.path("two", "a.b")) in reason
    monkeypatch.setenv("PMAIL_ADMIN_PASSWORD", "pa55word")
    assert len(refused(one, two)) == 2


def test_a_password_that_is_none_is_refused_where_it_is_read(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    write_private(passwords.path("host", "bob"), b"one\ntwo\n")
    for value, where in (("two\nlines", VARIABLE), ("", str(passwords.path("host", "bob")))):
        monkeypatch.setenv(VARIABLE, value)
        with pytest.raises(BadSecret) as error:
            passwords.known_or_made("host", "bob", VARIABLE)
        assert error.value.words.named == {"where": where} and "two\n" not in str(error.value)


def test_pmail_knows_the_admin_of_its_first_database(tmp_path: Path) -> None:
    path = tmp_path / "pmail.db"
    path.write_bytes(database.seeded("admin", "secret"))
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        (row,) = connection.execute("SELECT * FROM user").fetchall()
        assert dict(row) == {
            "id": 1,
            "account": "admin",
            "name": "admin",
            "password": database.stored_password("secret"),
            "disabled": 0,
            "is_admin": 1,
        }
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO user (account, name, password) VALUES ('admin','','')")
    connection.close()


def test_a_password_is_stored_as_pmail_does() -> None:
    inner = hashlib.md5(b"secretpmail", usedforsecurity=False).hexdigest()
    outer = hashlib.md5(f"{inner}pmail2023".encode(), usedforsecurity=False).hexdigest()
    assert database.stored_password("secret") == outer


def test_state_and_keys_lie_beside_the_inventory_unless_they_are_moved(
    state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert paths.state_dir() == state
    monkeypatch.setenv("PMAIL_KEYS", "moved/keys")
    monkeypatch.setenv("PMAIL_KEYS_PASSPHRASE", "secret")
    monkeypatch.chdir(tmp_path)
    assert paths.key_store().root == tmp_path / "moved" / "keys"
    assert paths.key_store().passphrase == "secret"
    for name in ("PMAIL_STATE", "PMAIL_KEYS", "PMAIL_KEYS_PASSPHRASE"):
        monkeypatch.setenv(name, "")
    assert paths.state_dir() == tmp_path / "state"
    assert paths.keys_dir() == tmp_path / "keys" / "store"
    assert paths.passphrase() is None


def test_one_run_at_a_time_is_at_work_on_a_site(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_LOCK_TIMEOUT", 0.1)
    with paths.locked("site"):
        with pytest.raises(paths.Busy) as busy, paths.locked("site"):
            pytest.fail("two runs at once")
        assert busy.value.words.id == "flow.busy"
        assert busy.value.words.named == {"path": str(state / "site.lock")}
        with paths.locked("other"):
            pass
    with paths.locked("site"):
        assert state.stat().st_mode & 0o777 == 0o700


def test_a_first_inventory_says_what_the_user_answered() -> None:
    answers = Answers(
        "8.8.8.8", "admin", ("example.com", "other.org"), "rfc2136", (("dns_server", "ns1.x'y"),)
    )
    told: dict[str, object] = {}
    exec(inventory_text(answers), told)
    assert told["mail_servers"] == [
        ("8.8.8.8", {"ssh_user": "admin", "domains": ["example.com", "other.org"], "users": []})
    ]
    dns = {"dns_provider": "rfc2136", "dns_server": "ns1.x'y"}
    assert told["zones"] == [("@zone/example.com", dns), ("@zone/other.org", dns)]
    assert "README" in str(told["__doc__"])
