"""Accounts on a server and what is known of them here: what is done, told, remembered."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyinfra.api import Host

from deploys.accounts import api, comparing, passwords, record, stored
from deploys.accounts.database import seeded, stored_password
from deploys.accounts.mailboxes import planned
from deploys.accounts.one_account import rows_of
from deploys.accounts.password_choice import Choice, Seen
from deploys.accounts.record import Known, MadeBy, Off
from deploys.accounts.request import UsersRequest
from deploys.accounts.set_password import set_password
from deploys.accounts.stored import DatabaseError, Stored
from deploys.host import pmail_layout as layout
from deploys.host.remote import Reply
from deploys.run.listing import as_json
from postmaster.settings import MailServer, Site
from tests.postmaster import full_view

HOST = cast(Host, None)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    for name in ("PMAIL_ADMIN_PASSWORD", "PMAIL_USER_PASSWORD_BOB"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "state"


def server(*users: str, **settings: Any) -> MailServer:
    return full_view.server("direct", users=list(users), **settings)


def there(account: str, password: str = "a", *, off: bool = False) -> Stored:
    return Stored(account, account, off, account == "admin", stored_password(password))


def keep(mail: MailServer, account: str, password: str) -> Path:
    passwords.make(mail.host, account)
    path = passwords.path(mail.host, account)
    path.write_text(f"{password}\n")
    return path


# -- the record -------------------------------------------------------------------------------


def test_a_record_of_former_versions_names_accounts_that_we_made(state: Path) -> None:
    mail = server()
    record.path(mail).parent.mkdir(parents=True)
    record.path(mail).write_text('["ann", "bob"]\n')
    assert record.made_by_us(mail) == {"ann", "bob"}
    record.remember_accounts(mail, ["carol"])
    assert record.made_by_us(mail) == {"ann", "bob", "carol"}
    assert json.loads(record.path(mail).read_text())["version"] == record.VERSION


def test_a_record_comes_back_as_it_was_and_says_no_password(state: Path) -> None:
    mail = server()
    known = record.load(mail).having("bob", made=MadeBy.VERB, off=Off.VERB)
    total = known.sum_of(stored_password("secret"))
    known = known.having("ann", seen=Seen(total, total))
    record.save(mail, known)
    assert record.load(mail) == known
    assert record.load(mail).sum_of(stored_password("secret")) == total
    written = record.path(mail).read_text()
    assert "secret" not in written and stored_password("secret") not in written
    assert record.path(mail).stat().st_mode & 0o077 == 0
    assert record.made_by_us(mail) == {"bob"}


def test_a_record_that_is_cut_anywhere_names_nobody_and_is_kept_aside() -> None:
    mail, said = server(), list[str]()
    here = cast(Host, SimpleNamespace(log_styled=lambda line, **_: said.append(line)))
    record.remember_accounts(mail, ["ann", "bob"])
    record.mend(here, mail, carried_out=True)
    path, whole = record.path(mail), record.path(mail).read_bytes().rstrip()
    assert path.exists() and said == []
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert record.made_by_us(mail) == frozenset()
        record.mend(here, mail, carried_out=False)
        assert path.read_bytes() == whole[:length]
        record.mend(here, mail, carried_out=True)
        assert not path.exists()
        (aside,) = path.parent.glob("*.damaged-*")
        assert aside.read_bytes() == whole[:length] and str(aside) in said[-1]
        aside.unlink()


@pytest.mark.parametrize(
    "content", ["{}", "[1]", "null", '"bob"', "\xff", '{"version": 2, "salt": "", "accounts": []}']
)
def test_a_record_with_something_else_in_it_names_nobody(content: str) -> None:
    mail = server()
    record.remember_accounts(mail, ["bob"])
    record.path(mail).write_text(content, encoding="latin-1")
    assert record.made_by_us(mail) == frozenset()


# -- what is done -----------------------------------------------------------------------------


def test_accounts_are_made_enabled_and_disabled_as_the_inventory_and_people_say() -> None:
    known = record.load(server())
    for account, off in (("back", Off.REMOVED), ("halted", Off.VERB), ("mute", Off.NO)):
        known = known.having(account, made=MadeBy.INVENTORY, off=off)
    known = known.having("gone", made=MadeBy.INVENTORY).having("added", made=MadeBy.VERB)
    disabled = ("back", "halted", "mute")
    accounts = [
        *(there(each, off=True) for each in disabled),
        *(there(each) for each in ("admin", "gone", "added", "others")),
    ]
    by_name = {each.account: each for each in accounts}
    mail = server("new", *disabled, disable_removed_users=True)
    plan = planned(mail, known, by_name)
    assert [each.account for each in plan.new] == ["new"]
    assert (plan.back, plan.off) == (("back",), ("gone",))
    assert plan.stay_off == ("halted", "mute")
    assert plan.left == ("added", "others")
    assert "admin" not in {each.account for each in plan.compared}
    assert planned(server("new", *disabled), known, by_name).off == ()
    assert not planned(server("others"), known, {"others": there("others")}).changes


def test_a_password_given_anew_is_set_and_a_file_that_says_another_is_untrue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mail = server("bob")
    path = keep(mail, "bob", "a")
    right = comparing.compare(mail, record.load(mail), there("bob"))
    assert right.choice is Choice.RIGHT and not right.untrue and right.given_in == str(path)

    monkeypatch.setenv("PMAIL_USER_PASSWORD_BOB", "b")
    # Never compared before: the file shows what it was.
    given = comparing.compare(mail, record.load(mail), there("bob"))
    assert given.choice is Choice.SET and given.untrue
    assert given.given_in == "PMAIL_USER_PASSWORD_BOB" and given.differs is None

    path.unlink()
    unknown = comparing.compare(mail, record.load(mail), there("bob"))
    assert unknown.choice is Choice.UNKNOWN and unknown.unsolved is not None
    assert unknown.seen is None

    comparing.remember_password(mail, "bob", "a")
    assert comparing.compare(mail, record.load(mail), there("bob")).choice is Choice.SET
    both = comparing.compare(mail, record.load(mail), there("bob", "p"))
    assert both.choice is Choice.BOTH and both.unsolved is not None and both.seen is None


def test_a_password_changed_on_the_server_stays_and_the_next_one_given_is_set() -> None:
    mail = server("bob")
    path = keep(mail, "bob", "a")
    comparing.remember_password(mail, "bob", "a")
    panel = comparing.compare(mail, record.load(mail), there("bob", "p"))
    assert panel.choice is Choice.PANEL and panel.untrue and panel.unsolved is None
    assert panel.differs is not None and panel.differs.named["given"] == str(path)
    record.save(mail, record.load(mail).having("bob", seen=panel.seen))
    path.write_text("b\n")
    assert comparing.compare(mail, record.load(mail), there("bob", "p")).choice is Choice.SET


def test_the_administrator_has_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_ADMIN_PASSWORD", "a")
    compared = comparing.compare(server(), record.load(server()), there("admin"))
    assert compared.choice is Choice.RIGHT and compared.given_in == "PMAIL_ADMIN_PASSWORD"


def test_an_account_that_the_server_alone_names_leads_to_no_password_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mail = server("bob")
    other = replace(mail, host=f"{mail.host}-eu")
    file = keep(other, "admin", "of another server")
    monkeypatch.setenv("PMAIL_USER_PASSWORD_EVE", "of another server")
    names = ("eu-admin", "eve", "x; reboot", f"old/../../passwords/{mail.host}-eu-admin")
    plan = planned(mail, record.load(mail), {each: there(each) for each in names})
    assert {each.choice for each in plan.compared} == {Choice.NOTHING}
    assert not any(each.untrue or each.differs or each.seen for each in plan.compared)
    for each in plan.compared:
        comparing.settle(HOST, mail, each)
    assert file.read_text() == "of another server\n"


@pytest.mark.parametrize("action", ["add", "disable", "enable", "password"])
def test_an_account_whose_password_would_be_another_server_s_is_refused(action: str) -> None:
    mail = server("bob")
    other = replace(server(), host=f"{mail.host}-eu")
    record.save(other, record.load(other).having("dave", made=MadeBy.VERB))
    site = Site((mail, other), ())

    def refused(account: str) -> list[str]:
        asked = UsersRequest(action, account)
        return [each.id for each in asked.problems_in(site, replace(site, servers=(mail,)))]

    assert refused("eu-admin") == refused("eu-dave") == ["settings.one_file"]
    assert refused("carol") == refused("eu-carol") == []


def test_files_that_are_put_aside_stay_each_under_a_name_of_its_own() -> None:
    mail = server()
    said = []
    for password in ("one", "two"):
        keep(mail, "bob", password)
        aside = passwords.put_aside(mail.host, "bob")
        assert aside is not None and aside.stat().st_mode & 0o077 == 0
        said.append(aside)
    assert [each.read_text() for each in said] == ["one\n", "two\n"]
    assert passwords.kept(mail.host, "bob") is None
    assert passwords.put_aside(mail.host, "bob") is None


# -- the database -----------------------------------------------------------------------------


@pytest.fixture(params=["sqlite3", "python3"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """PMail's database on a host that has one of the two programs."""
    path, programs = tmp_path / "pmail.db", tmp_path / "programs"
    programs.mkdir()
    if (program := shutil.which(request.param)) is None:
        pytest.skip(f"no {request.param} here")
    (programs / request.param).symlink_to(program)
    (programs / "test").symlink_to("/usr/bin/test")
    setpriv = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    (programs / "setpriv").write_text(setpriv)
    (programs / "setpriv").chmod(0o755)

    def read(host: Host, script: str, *, stdin: str = "", timeout: int = 120) -> Reply:
        there = script.replace(layout.DATABASE, str(path))
        done = subprocess.run(
            ["/bin/sh", "-c", there],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",  # as a run reads it
            env={"PATH": str(programs)},
            check=False,
        )
        return Reply(done.returncode == 0, done.stdout, done.stderr)

    monkeypatch.setattr(stored, "read", read)
    return path


def test_accounts_are_read_and_a_password_set_as_pmail_stores_it(database: Path) -> None:
    assert stored.accounts_there(HOST) is None
    database.write_bytes(seeded("admin", "secret"))
    with sqlite3.connect(database) as connection:
        connection.execute("create table sessions (token text, data blob)")
        session = b'\x0c\xff\x00{"ID":%d,"Account":"%s","Name":"x"}'
        for number, account in enumerate((b"admin", b"o'neil")):
            row = session % (number, account)
            connection.execute("insert into sessions values (?, ?)", (account.decode(), row))
        connection.execute(
            "insert into user (account, name, password, disabled) values (?, ?, '', 1)",
            ("o'neil", "王"),
        )
    connection.close()
    found = stored.accounts_there(HOST)
    assert found is not None and set(found) == {"admin", "o'neil"}
    assert found["admin"] == Stored("admin", "admin", False, True, stored_password("secret"))
    assert found["o'neil"].disabled and found["o'neil"].name == "王"
    assert stored_password("secret") not in repr(found)

    assert set_password(HOST, "o'neil", "n'ew") == ""
    after = stored.accounts_there(HOST)
    assert after is not None and after["o'neil"].password == stored_password("n'ew")
    assert after["o'neil"].disabled and after["admin"] == found["admin"]
    with sqlite3.connect(database) as connection:
        assert connection.execute("select token from sessions").fetchall() == [("admin",)]
    connection.close()
    stored.end_sessions(HOST, "admin")
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from sessions").fetchone() == (0,)
    connection.close()


def test_a_database_that_cannot_be_read_is_told(database: Path) -> None:
    database.write_bytes(b"no database at all" * 100)
    with pytest.raises(DatabaseError):
        stored.accounts_there(HOST)


def test_whatever_is_in_the_rows_of_a_database_it_is_read(database: Path) -> None:
    database.write_bytes(seeded("admin", "secret"))
    values = ("null", "''", "5", "x'00ff'", "'a' || char(10) || 'b'", "'²'", "'../x'", "1e999")
    with sqlite3.connect(database) as connection:
        connection.executescript("""
            alter table user rename to u;
            create table user (id, account, name, password, disabled, is_admin);
            insert into user select id, account, name, password, disabled, is_admin from u;
        """)
        for value in values:
            row = ", ".join([value] * 5)
            connection.execute(f"insert into user values (9, {row})")
    connection.close()
    found = stored.accounts_there(HOST)
    assert found is not None and found["admin"].admin
    mail = server()
    plan = planned(mail, record.load(mail), found)
    assert not plan.changes and len(rows_of(mail, found)) == len(found)


@pytest.mark.parametrize(
    "said", ["[1]", "{}", "nothing", "[" * 5000, '[{"account": 1}, 2]', '{"account": "a"}', "null"]
)
def test_a_database_that_says_no_rows_is_told(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "read", lambda *_, **__: Reply(True, said, ""))
    with pytest.raises(DatabaseError):
        stored.accounts_there(HOST)


ANSWERS = ("", "[]", "null", "{", "[" * 5000, '{"errorNo": {}}', '{"errorNo": 0}',
    '{"errorNo": 0, "data": [1]}', '{"errorNo": 0, "data": {"domains": 5}}')  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
def test_whatever_pmail_answers_it_is_read_or_told(
    answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "look", lambda *_, **__: Reply(True, answer, ""))
    asked = api.Api(HOST, "mail.example.com", "admin", "secret")
    try:
        assert asked.info() == (False, ())
    except api.ApiError as error:
        assert "secret" not in str(error)


def test_known_is_nothing_of_an_account_that_nobody_made() -> None:
    assert record.load(server()).of("bob") == Known()


# -- the list ---------------------------------------------------------------------------------


def test_a_list_of_accounts_says_whose_each_is_and_no_password() -> None:
    mail = server("bob", "carol")
    keep(mail, "bob", "secret")
    record.save(mail, record.load(mail).having("dave", made=MadeBy.VERB))
    names = ("admin", "bob", "dave", "eve")
    rows = rows_of(mail, {name: there(name, off=name == "eve") for name in names})
    assert [(each["account"], each["source"], each["there"]) for each in rows] == [
        ("admin", "inventory", True),
        ("bob", "inventory", True),
        ("dave", "verb", True),
        ("eve", "other", True),
        ("carol", "inventory", False),
    ]
    assert [each["password"] for each in rows[:2]] == ["nothing", "unknown"]
    assert [each["disabled"] for each in rows[:4]] == [False, False, False, True]
    line = as_json(mail.host, "users", rows)
    assert json.loads(line) == {"version": 1, "server": mail.host, "users": list(rows)}
    assert "secret" not in line and stored_password("secret") not in line
    assert [w.id for w in UsersRequest("add", "bob", as_json=True).problems(dry=False)] == [
        "users.json_only_list"
    ]
