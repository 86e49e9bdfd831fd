"""Private files: old or new, never half, and nothing is left of one that could not be written."""

from __future__ import annotations

import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ground.private_files import await_lock, lock_file, set_aside, try_lock, write_private
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
