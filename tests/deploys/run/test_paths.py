"""State and keys live beside the inventory; what is elsewhere is told and not passed over."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploys.run import paths
from tests.postmaster.test_settings import site, zone

SITE = site(zone("example.com"))
LEDGER = "state/ledger/example.com.json"
KEY = "keys/store/example.com/pm202611a.key"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An inventory in a folder, and a run that is started in another."""
    for name in (paths.STATE, paths.KEYS):
        monkeypatch.delenv(name, raising=False)
    for name in ("home", "else where"):
        (tmp_path / name).mkdir()
    (tmp_path / "home" / "inventory.py").touch()
    monkeypatch.chdir(tmp_path / "else where")
    yield
    paths.live_beside("@local")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The inventory's folder."""
    paths.live_beside("../home/inventory.py")
    return tmp_path / "home"


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """The folder that runs are started in."""
    return tmp_path / "else where"


def put(folder: Path, name: str, content: str = "here") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def told() -> list[str]:
    return [str(each) for each in paths.elsewhere(SITE)]


def test_state_and_keys_are_beside_the_inventory_wherever_a_run_is_started(home: Path) -> None:
    assert paths.state_dir() == home / "state"
    assert paths.keys_dir() == home / "keys" / "store"


def test_an_inventory_that_is_no_file_has_nothing_beside_it(home: Path, away: Path) -> None:
    paths.live_beside("@local")
    assert paths.state_dir() == away / "state"


def test_what_the_user_names_counts_and_is_named_from_where_the_user_is(
    home: Path, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.STATE, "mine")
    assert paths.state_dir() == away / "mine"
    put(away, LEDGER)
    assert told() == []


def test_what_is_only_in_the_working_directory_is_told_with_a_command_that_mends_it(
    home: Path, away: Path
) -> None:
    kept = [put(away, LEDGER, "ledger"), put(away, KEY, "key")]
    kept[1].parent.parent.chmod(0o700)
    (home / "state").mkdir()  # a lock file was there once
    state, keys = paths.elsewhere(SITE)
    assert [state.id, keys.id] == ["state.elsewhere"] * 2
    for each in (state, keys):
        subprocess.run(each.named["command"], shell=True, check=True)
    assert told() == []
    assert (home / LEDGER).read_text() == "ledger"
    assert (home / KEY).read_text() == "key"
    assert (home / "keys" / "store").stat().st_mode & 0o777 == 0o700
    assert not any(each.exists() for each in kept)


def test_what_is_in_the_clone_where_pmail_deploy_once_worked_is_found_too(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "clone", LEDGER)
    assert told() == []
    monkeypatch.setattr(paths, "PROGRAM", tmp_path / "clone")
    (reason,) = told()
    assert str(tmp_path / "clone" / "state") in reason


def test_of_two_states_none_is_passed_over(home: Path, away: Path) -> None:
    put(away, LEDGER)
    put(home, LEDGER)
    (reason,) = paths.elsewhere(SITE)
    assert reason.id == "state.twice"


@pytest.mark.parametrize(
    "name", [LEDGER, "state/rotation/example.com.json", "state/users/8.8.8.8.json"]
)
def test_each_part_of_a_state_is_known_as_this_site_s(home: Path, away: Path, name: str) -> None:
    put(away, name)
    assert len(told()) == 1


@pytest.mark.parametrize(
    "name",
    ["state/ledger/other.org.json", "state/site.lock", "keys/store/other.org/pm202611a.key"],
)
def test_what_another_site_has_in_the_working_directory_is_its_own(
    home: Path, away: Path, name: str
) -> None:
    put(away, name)
    assert told() == []


def test_beside_an_inventory_in_the_working_directory_everything_is_where_it_was(
    away: Path,
) -> None:
    put(away, LEDGER)
    put(away, KEY)
    put(away, "inventory.py")
    paths.live_beside("inventory.py")
    assert told() == []
    assert paths.state_dir() == away / "state"
