"""What becomes of a database is decided once, by what there was when the run began."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.accounts import first_database
from deploys.accounts.database_request import DatabaseRequest
from deploys.host import pmail_layout as layout
from deploys.host.looked import DATABASE, MEMORY, HostLook
from ground.words import Words
from postmaster.database_choice import Fresh, Refuse, Said
from postmaster.manifest import HostKnown, Identity
from tests.postmaster.test_settings import site

BARE = {DATABASE.name: "database machine 12\n", MEMORY.name: "machine 12\nbinary \nend\n"}
KNOWN = HostKnown(3, "mark", None, "11", "203.0.113.9", ("example.com",), "2026-11-27")
NAME = site().servers[0].host
HOST: Any = SimpleNamespace(
    name=NAME, state=SimpleNamespace(inventory=[SimpleNamespace(name=NAME)])
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_database, "looked", lambda host: HostLook(BARE))
    monkeypatch.setattr(first_database, "_chosen", {})


def knows(monkeypatch: pytest.MonkeyPatch, identity: Identity | None) -> None:
    monkeypatch.setattr(first_database, "identity", lambda: identity)


def test_a_run_that_has_written_the_manifest_does_not_take_its_own_host_for_one_set_up_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = site().servers[0]
    knows(monkeypatch, None)
    assert first_database.choice(HOST, server, Said()) == Fresh()
    knows(monkeypatch, Identity("site", 3, {server.host: KNOWN}))
    assert first_database.choice(HOST, server, Said()) == Fresh()


def test_a_host_that_the_state_knew_before_the_run_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = site().servers[0]
    knows(monkeypatch, Identity("site", 3, {server.host: KNOWN}))
    chosen = first_database.choice(HOST, server, Said())
    assert isinstance(chosen, Refuse) and chosen.words.id == "database.rebuilt"


def test_a_host_in_the_place_of_one_that_the_inventory_has_no_more_does_not_begin_empty_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = site().servers[0]
    before = replace(KNOWN, address=server.ipv4)
    knows(monkeypatch, Identity("site", 3, {"old": before}))
    chosen = first_database.choice(HOST, server, Said())
    assert isinstance(chosen, Refuse) and chosen.words.id == "database.successor"
    assert "old" in str(chosen.words) and server.ipv4 in str(chosen.words)
    first_database._chosen.clear()
    assert first_database.choice(HOST, server, Said(start_empty=True)) == Fresh()


@pytest.mark.parametrize(
    "hosts",
    [
        {"old": KNOWN},  # it has another address: its mailboxes are there still, and that is told
        {"old": replace(KNOWN, address="8.8.8.8", domains=("else.org",))},
        {"old": replace(KNOWN, address="8.8.8.8", mark="")},
        # The domain has moved since.
        {"old": replace(KNOWN, address="8.8.8.8"), "new": replace(KNOWN, generation=4)},
    ],
)
def test_a_new_host_is_in_the_place_of_nobody_by_its_address_alone(
    monkeypatch: pytest.MonkeyPatch, hosts: dict[str, HostKnown]
) -> None:
    server = site().servers[0]
    assert server.ipv4 == "8.8.8.8"
    knows(monkeypatch, Identity("site", 4, hosts))
    assert first_database.choice(HOST, server, Said()) == Fresh()


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (DatabaseRequest(), []),
        (DatabaseRequest(start_empty=NAME), []),
        (DatabaseRequest(start_empty="vps"), ["database.unknown_host"]),
        (DatabaseRequest("vps", "else"), ["database.unknown_host"] * 2),
        (DatabaseRequest(NAME, NAME), ["database.both"]),
    ],
)
def test_a_database_is_spoken_of_by_the_name_of_one_host_that_the_run_is_for(
    asked: DatabaseRequest, ids: list[str]
) -> None:
    there = site()
    wrong: list[Words] = list(asked.problems_in(there, there))
    assert [each.id for each in wrong] == ids


# -- on the host -------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], tuple[bool, list[str]]]:
    """Run a script on PMail's folder, here: whether it ended well, and what it gave to whom."""
    programs, given, data = (tmp_path / name for name in ("programs", "given", "data"))
    programs.mkdir()
    data.mkdir()
    setpriv = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'
    (programs / "setpriv").write_text(setpriv)
    (programs / "chown").write_text(f'#!/bin/sh\necho "$@" >> {given}\n')
    (programs / "systemctl").write_text("#!/bin/sh\n")
    for each in programs.iterdir():
        each.chmod(0o755)

    def run(script: str) -> tuple[bool, list[str]]:
        there = script.replace(layout.DATA, str(data))
        path = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", there], env=path, capture_output=True, check=False)
        owners = given.read_text().replace(str(data), "data") if given.exists() else ""
        return done.returncode == 0, owners.splitlines()

    return run


def test_a_database_that_is_taken_is_given_to_pmail_while_nobody_else_has_its_folder(
    run: Callable[[str], tuple[bool, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "data" / "pmail.db").write_text("SQLite")
    assert run(first_database._TAKE) == (
        True,
        ["root:root data", "-h pmail:pmail data/pmail.db", "pmail:pmail data"],
    )


def test_what_a_link_leads_to_is_not_given_to_pmail(
    run: Callable[[str], tuple[bool, list[str]]], tmp_path: Path
) -> None:
    other = tmp_path / "shadow"
    other.write_text("secret")
    (tmp_path / "data" / "pmail.db").symlink_to(other)
    before = other.stat().st_mode
    assert run(first_database._TAKE) == (False, ["root:root data", "pmail:pmail data"])
    (tmp_path / "data" / "pmail.db").unlink()
    os.link(other, tmp_path / "data" / "pmail.db")
    assert not run(first_database._TAKE)[0]
    assert other.stat().st_mode == before


def test_what_is_moved_aside_takes_nothing_s_place(
    run: Callable[[str], tuple[bool, list[str]]], tmp_path: Path
) -> None:
    for name in ("pmail.db", "pmail.db-wal"):
        (tmp_path / "data" / name).write_text(name)
    assert run(first_database._ASIDE) == (True, [])
    left = {each.name.rpartition(".aside-")[0] for each in (tmp_path / "data").iterdir()}
    assert left == {"pmail.db", "pmail.db-wal"}
    assert "setpriv --reuid=pmail" in first_database._ASIDE
