"""Files for the operator only: readable by nobody else at any moment, never half written."""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from datetime import datetime
from pathlib import Path
from typing import IO


def private_folder(path: Path) -> Path:
    """Make a folder (and what is missing above it) for its owner only, and return it."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner only; it is old or new, never half, also after a power cut."""
    private_folder(path.parent)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def set_aside(path: Path, now: datetime) -> Path:
    """Put a file that cannot be used under another name, never over another file; return that.

    now: UTC, goes into the name.
    """
    aside = named_aside(path, now)
    path.unlink()
    return aside


def named_aside(path: Path, now: datetime) -> Path:
    """Give a file that is damaged a second name, under which it stays as it is; return that."""
    stem = f"{path.name}.damaged-{now:%Y%m%dT%H%M%SZ}"
    names = (f"{stem}.{number}" if number else stem for number in itertools.count())
    aside = next(each for each in map(path.with_name, names) if _is_linked(path, each))
    aside.chmod(0o600)
    return aside


def _is_linked(path: Path, name: Path) -> bool:
    """Give a file a second name, unless that is taken."""
    try:
        name.hardlink_to(path)
    except FileExistsError:
        return False
    return True


def lock_file(path: Path) -> IO[str]:
    """Open a lock file, made for its owner only."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")


def try_lock(stream: IO[str]) -> bool:
    """Take the lock of an open lock file, until it is closed; False when another has it."""
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def await_lock(stream: IO[str], seconds: float) -> bool:
    """Take the lock of an open lock file once it is free; False when that takes too long."""
    deadline = time.monotonic() + seconds
    while not try_lock(stream):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
