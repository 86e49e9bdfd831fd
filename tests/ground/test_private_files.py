"""Private files: old or new, never half, and nothing is left of one that could not be written."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ground.private_files import write_private
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
