"""Private files: old or new, never half, and nothing is left of one that could not be written."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ground.private_files import (
    Exposed,
    await_lock,
    exposed_in,
    lock_file,
    set_aside,
    try_lock,
    wipe_leftovers,
    write_private,
)
from keys.store import KeyStore


@contextmanager
def no_room() -> Iterator[None]:
    """Meanwhile no file of this process can have more than a few bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def a_private_file(folder: Path) -> None:
    write_private(folder / "there", b"secret " * 100)


def a_key(folder: Path) -> None:
    KeyStore(folder, None).create("example.test", "fresh", bits=1024)


def a_keys_record(folder: Path) -> None:
    KeyStore(folder, None).set_current("example.test", "one-of-more-than-16-bytes")


@pytest.mark.parametrize("write", [a_private_file, a_key, a_keys_record])
def test_of_a_file_that_could_not_be_written_nothing_is_left(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    store = KeyStore(tmp_path, None)
    store.create("example.test", "one-of-more-than-16-bytes", bits=1024)
    (tmp_path / "there").write_bytes(b"before")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with no_room(), pytest.raises(OSError, match="too large"):
        write(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_cannot_be_used_is_kept_aside_and_never_over_another(tmp_path: Path) -> None:
    path, now = tmp_path / "ledger.json", datetime(2026, 11, 27, 3, 4, 5, tzinfo=UTC)
    kept = []
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        path.chmod(0o644)
        kept.append(set_aside(path, now))
    assert not path.exists()
    assert [each.read_bytes() for each in kept] == [b"one", b"two", b"three"]
    assert kept[0].name == "ledger.json.damaged-20261127T030405Z"
    assert {each.stat().st_mode & 0o777 for each in kept} == {0o600}


def test_a_lock_is_waited_for_as_long_as_one_has_patience(tmp_path: Path) -> None:
    first = lock_file(tmp_path / "lock")
    assert try_lock(first)
    with lock_file(tmp_path / "lock") as second:
        assert not try_lock(second)
        waiting = threading.Timer(0.2, first.close)
        waiting.start()
        assert await_lock(second, 30.0)
        waiting.join()


# -- names that nobody can know, and what a killed run leaves -----------------------------------


def killed_while(write: Callable[[Path], None], folder: Path) -> list[Path]:
    """Have a process write, and die before what it wrote is in its place; returns what is left."""
    child = os.fork()
    if child == 0:
        os.fsync = lambda _: os._exit(0)  # type: ignore[assignment]
        write(folder)
    assert os.waitpid(child, 0)[1] == 0
    return [path for path in folder.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("write", [a_private_file, a_key, a_keys_record])
def test_the_name_of_a_file_that_is_being_written_is_another_each_time(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    KeyStore(tmp_path, None).create("example.test", "one-of-more-than-16-bytes", bits=1024)
    (first,) = killed_while(write, tmp_path)
    both = set(killed_while(write, tmp_path))
    assert len(both) == 2 and first in both
    assert {path.stat().st_mode & 0o777 for path in both} == {0o600}


@pytest.mark.parametrize("write", [a_private_file, a_key, a_keys_record])
def test_what_a_killed_run_left_is_wiped_and_nothing_else(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    KeyStore(tmp_path, None).create("example.test", "one-of-more-than-16-bytes", bits=1024)
    others = [tmp_path / name for name in (".hidden", ".lock", ".a.new", "there.4711.new")]
    for path in others:
        path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    left = [each for each in killed_while(write, tmp_path) if each not in others]
    assert left
    assert list(wipe_leftovers(tmp_path)) == left
    assert sorted(tmp_path.rglob("*")) == before
    assert {path.read_text() for path in others} == {"mine"}


def test_what_a_version_before_left_is_wiped_and_overwritten(tmp_path: Path) -> None:
    (tmp_path / "example.test").mkdir()
    left = [tmp_path / "example.test" / name for name in (".pm.key.4711", ".pm.json.12.new")]
    for path in left:
        path.write_text("PRIVATE KEY")
    with left[0].open("rb") as still_open:
        assert sorted(wipe_leftovers(tmp_path)) == sorted(left)
        assert still_open.read() == bytes(len("PRIVATE KEY"))
    assert not any(path.exists() for path in left)


def test_what_another_run_is_writing_is_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / f".there.{'0' * 32}.new"
    with lock_file(path) as writing:
        assert try_lock(writing)
        assert list(wipe_leftovers(tmp_path)) == [] and path.exists()
    assert list(wipe_leftovers(tmp_path)) == [path]


def test_a_link_with_a_leftover_s_name_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".there.4711.new").symlink_to(tmp_path / "mine")
    assert list(wipe_leftovers(tmp_path)) == []
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_others_can_read_or_own_below_a_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    assert list(exposed_in(state)) == []
    for name in ("passwords/old/host-bob", "ledger/example.test.json"):
        write_private(state / name, b"private")
    (state / "link").symlink_to("ledger")
    assert list(exposed_in(state)) == []
    state.chmod(0o750)
    (state / "passwords/old/host-bob").chmod(0o602)
    assert list(exposed_in(state)) == [
        Exposed(state, "700"),
        Exposed(state / "passwords/old/host-bob", "600"),
    ]
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert {each.ours for each in exposed_in(state)} == {False}
    assert next(exposed_in(state)).remedy == f"chown -h {os.getuid() + 1} {state}"
    assert state / "link" in {each.path for each in exposed_in(state)}
