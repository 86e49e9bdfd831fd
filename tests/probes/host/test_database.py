"""What a host shows of PMail's database becomes what was seen, and no more than that."""

from __future__ import annotations

import subprocess

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
    made = database.script(
        file="/a b/pmail.db", user="p", unit="/u", mark="Managed by us", link="/l"
    )
    assert "-e '/a b/pmail.db'" in made
    assert "grep -qs 'Managed by us' /u" in made
    assert not subprocess.run(["sh", "-n"], input=made, text=True, check=False).returncode
