"""What becomes of a database is decided once, by what there was when the run began."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.accounts import first_database
from deploys.accounts.database_request import DatabaseRequest
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
