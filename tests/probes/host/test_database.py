"""What a host shows of PMail's database becomes what was seen, and no more than that."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from probes.host import database
from probes.host.database import Account, DatabaseSeen, Kind

SOUND = """database machine 0123
database unit ours
database link /usr/local/lib/pmail/v2.9.7-0123
database free 1048576
database size 65536
database header right
database account 1 0 admin
database account 0 1 a b
database asked yes
database email 41
"""


def test_a_sound_database_is_seen_with_its_accounts_and_the_highest_id_of_a_message() -> None:
    assert database.parse(SOUND) == DatabaseSeen(
        Kind.SQLITE,
        65536,
        accounts=(Account("admin", True, False), Account("a b", False, True)),
        email=41,
        machine="0123",
        established=True,
        link="/usr/local/lib/pmail/v2.9.7-0123",
        free=1048576,
    )


def test_a_file_is_missing_empty_something_else_or_sqlite() -> None:
    kinds = {
        "": Kind.MISSING,
        "database size 0": Kind.EMPTY,
        "database size 9": Kind.OTHER,
        "database size 9\ndatabase header right": Kind.SQLITE,
    }
    assert {shown: database.parse(shown).kind for shown in kinds} == kinds


def test_where_nothing_could_ask_there_are_no_accounts_known_which_is_not_none() -> None:
    unasked = database.parse("database size 9\ndatabase header right\n")
    assert unasked.accounts is None
    assert database.parse("database size 9\ndatabase asked yes\ndatabase email ").accounts == ()


def test_the_first_problem_and_every_place_without_its_file_system_are_seen() -> None:
    seen = database.parse(
        "database unmounted /var/lib/pmail\ndatabase unmounted /var\n"
        "database problem malformed (11)\ndatabase problem later\nelse size 3\n"
    )
    assert seen == DatabaseSeen(
        Kind.MISSING, problem="malformed (11)", unmounted=("/var/lib/pmail", "/var")
    )


def test_the_script_is_one_and_quotes_what_it_is_given() -> None:
    made = database.script(file="/a b/pmail.db", unit="/u", mark="Managed by us", link="/l")
    assert "-e '/a b/pmail.db'" in made
    assert "grep -qs 'Managed by us' /u" in made
    assert not subprocess.run(["sh", "-n"], input=made, text=True, check=False).returncode


# -- what is in PMail's folder may be made to harm whoever looks ---------------------------------

VIEW = """
create table u (account text, is_admin, disabled);
insert into u values ('admin', 1, 0);
create view user as select edit(account, 'touch {mark}; true ') as account, is_admin, disabled
 from u;
"""


def seen(tmp_path: Path) -> DatabaseSeen:
    """What is seen in a folder of the test's, as its owner."""
    programs, unit = tmp_path / "programs", tmp_path / "pmail.service"
    programs.mkdir()
    setpriv = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    (programs / "setpriv").write_text(setpriv)
    (programs / "systemctl").write_text("#!/bin/sh\nexit 3\n")
    for each in programs.iterdir():
        each.chmod(0o755)
    file = str(tmp_path / "data" / "pmail.db")
    made = database.script(file=file, unit=str(unit), mark="Managed", link=str(tmp_path / "link"))
    path = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", made], env=path, capture_output=True, text=True, timeout=50, check=True
    )
    return database.parse(done.stdout)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_a_database_is_asked_as_whoever_has_its_folder(tmp_path: Path, data: Path) -> None:
    with sqlite3.connect(data / "pmail.db") as made:
        made.executescript(VIEW.replace("edit(account, 'touch {mark}; true ')", "account"))
    made.close()
    found = seen(tmp_path)
    assert (found.kind, found.problem) == (Kind.SQLITE, "")
    assert found.accounts == (Account("admin", True, False),)
    made_script = database.script(file="/d/pmail.db", unit="/u", mark="m", link="/l")
    as_root, _, as_owner = made_script.partition("setpriv --reuid=$owner")
    assert "/d/pmail.db" not in as_root and "/d/pmail.db" in as_owner


def test_a_view_runs_no_program_of_whoever_asks(tmp_path: Path, data: Path) -> None:
    mark = tmp_path / "mark"
    with sqlite3.connect(data / "pmail.db") as made:
        made.executescript(VIEW.format(mark=mark))
    made.close()
    assert "unsafe use of edit()" in seen(tmp_path).problem
    assert not mark.exists()


def test_a_pipe_or_a_link_in_the_place_of_the_database_is_told_at_once(
    tmp_path: Path, data: Path
) -> None:
    os.mkfifo(data / "pmail.db")
    found = seen(tmp_path)
    assert (found.kind, found.problem) == (Kind.OTHER, "no file")


def test_whoever_has_the_folder_says_nothing_of_the_host() -> None:
    made = database.script(file="/d/pmail.db", unit="/u", mark="m", link="/l")
    (taken,) = re.findall(r"grep -aE '\^database \((.*)\) '", made)
    assert not {"machine", "unit", "link", "free", "unmounted"} & set(taken.split("|"))
