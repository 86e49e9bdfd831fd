"""Which site a state is of: a number is taken before a host is written to, and only grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploys.run import identity
from deploys.run.identity import IdentityError, intend, written
from postmaster.manifest import Known, Look, Manifest, Stamp, Standing, standing, wanted
from tests.postmaster.test_settings import site, zone

SITE = site(zone("example.com"))
FACTS = wanted(SITE, SITE.servers[0], Known(machine="m1"))
OTHER = replace(FACTS, host="8.8.4.4")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def stands(stamp: Stamp | None, host: str = FACTS.host) -> Standing:
    """How a host with a manifest of this stamp and the state stand to each other."""
    seen = Look(Manifest(stamp, FACTS) if stamp else None, True)
    return standing(identity.identity(), host, seen, traces=True)


def test_before_the_first_write_the_state_is_of_no_site() -> None:
    assert identity.identity() is None


def test_every_write_takes_the_next_number_of_the_site_and_a_mark_of_its_own() -> None:
    first = intend(FACTS, None)
    written(FACTS, first)
    second = intend(OTHER, None)
    written(OTHER, second)
    third = intend(FACTS, first)
    assert [each.generation for each in (first, second, third)] == [1, 2, 3]
    assert first.site == second.site == third.site
    assert len({first.mark, second.mark, third.mark}) == 3
    assert "@" in first.controller


def test_a_number_is_never_one_that_a_host_has_already() -> None:
    first = intend(FACTS, None)
    assert intend(FACTS, replace(first, generation=41)).generation == 42


def test_a_run_that_was_killed_before_the_host_was_written_to_leaves_a_state_that_goes_on() -> None:
    first = intend(FACTS, None)
    assert stands(None) is Standing.UNTOLD
    written(FACTS, first)
    intend(FACTS, first)
    assert stands(first) is Standing.SAME


def test_a_run_that_was_killed_after_the_host_was_written_to_leaves_a_state_that_goes_on() -> None:
    first = intend(FACTS, None)
    assert stands(first) is Standing.SAME
    written(FACTS, first)
    second = intend(FACTS, first)
    assert stands(second) is Standing.SAME
    intend(FACTS, second)  # killed again, this time before the host was written to
    assert stands(second) is Standing.SAME
    assert stands(first) is Standing.OLDER_HOST


def test_an_old_copy_of_the_state_is_told_from_the_one_that_wrote_last(state: Path) -> None:
    first = intend(FACTS, None)
    written(FACTS, first)
    old = identity.path().read_bytes()
    second = intend(FACTS, first)
    written(FACTS, second)
    identity.path().write_bytes(old)
    assert stands(second) is Standing.OLDER_STATE


def test_what_is_known_of_a_host_is_what_was_written_last() -> None:
    written(FACTS, intend(FACTS, None))
    stamp = intend(replace(FACTS, address="8.8.4.4"), None)
    known = identity.identity()
    assert known is not None and known.hosts[FACTS.host].address == FACTS.address
    written(replace(FACTS, address="8.8.4.4"), stamp)
    known = identity.identity()
    assert known is not None and known.hosts[FACTS.host].address == "8.8.4.4"
    assert known.hosts[FACTS.host].mark == stamp.mark


def test_the_file_is_for_its_owner_only() -> None:
    intend(FACTS, None)
    assert identity.path().stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_cut_anywhere_is_told_and_nothing_else_happens() -> None:
    written(FACTS, intend(FACTS, None))
    whole = identity.path().read_bytes().rstrip()
    for length in range(len(whole)):
        identity.path().write_bytes(whole[:length])
        with pytest.raises(IdentityError, match=r"site\.json is damaged"):
            identity.identity()


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"version": 2}', '{"version": 1, "site": 1, "generation": 1, "hosts": {}}'],
)
def test_a_file_with_something_else_in_it_is_told(content: str) -> None:
    intend(FACTS, None)
    identity.path().write_text(content)
    with pytest.raises(IdentityError):
        identity.identity()
