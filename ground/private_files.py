"""Files for the operator only: readable by nobody else at any moment, never half written."""

from __future__ import annotations

import fcntl
import itertools
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import IO

# What a file is called while it is written; the second is how version 0.1 did.
_FRESH = re.compile(r"\..+(?:\.[0-9a-f]{32}\.new|\.[0-9]+(?:\.new)?)")


def private_folder(path: Path) -> Path:
    """Make a folder (and what is missing above it) for its owner only, and return it."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: bytes, copy: Path | None = None) -> None:
    """Write a file for its owner only; it is old or new, never half, also after a power cut.

    copy: a second name for what is written, which is new; it stays when `path` is written again.
    """
    write_over(path, content, copy)
    sync_folder(path.parent)


def write_over(path: Path, content: bytes, copy: Path | None = None) -> None:
    """Write a file like `write_private`, where after a power cut the old one will do as well.

    It saves the disk a sync.
    """
    fresh = _written(path, content, copy)
    try:
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes) -> None:
    """Write a file like `write_private` where there is none. Raises FileExistsError."""
    fresh = _written(path, content)
    try:
        path.hardlink_to(fresh)  # fails when the name is taken, unlike a rename
    finally:
        fresh.unlink()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Have what was renamed or deleted in a folder be so after a power cut too."""
    folder = os.open(path, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _written(path: Path, content: bytes, copy: Path | None = None) -> Path:
    """A new file beside `path`, under a name that nobody can know before; and under `copy`."""
    private_folder(path.parent)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(16)}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # as long as it is written it is no leftover
            if os.fstat(stream.fileno()).st_nlink == 0:
                return _written(path, content, copy)  # it was taken for one, right before
            stream.write(content)
            stream.flush()
            if copy:
                # Before the sync: file systems write down a new file's names with the file.
                private_folder(copy.parent)
                copy.hardlink_to(fresh)
            os.fsync(stream.fileno())
    except OSError:
        if copy and copy.exists() and copy.samefile(fresh):
            copy.unlink()
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def wipe_leftovers(folder: Path) -> Iterator[Path]:
    """Delete what runs that were killed have left half written below a folder, and give each.

    There may be private keys and passwords in them: what is there is overwritten first.
    """
    for path in sorted(folder.rglob(".*")):
        if _FRESH.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode) and _wiped(path):
            yield path


def _wiped(path: Path) -> bool:
    """Wipe a file, unless a run is writing it at this moment."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+b") as stream:
        if not try_lock(stream):
            return False
        if os.fstat(stream.fileno()).st_nlink == 1:  # else it is in its place as well
            stream.write(bytes(os.fstat(stream.fileno()).st_size))
            stream.flush()
            os.fsync(stream.fileno())
        path.unlink()
    return True


@dataclass(frozen=True, slots=True)
class Exposed:
    """What others than its owner can read or change, or what somebody else owns.

    mode: the one that it should have, octal. ours: whether we own it.
    """

    path: Path
    mode: str
    ours: bool = True

    @property
    def remedy(self) -> str:
        """The command that mends it."""
        command = f"chmod {self.mode}" if self.ours else f"chown -h {os.geteuid()}"
        return f"{command} {quote(str(self.path))}"


def exposed_in(folder: Path) -> Iterator[Exposed]:
    """Give what is not private of a folder and all that is in it, the folder first."""
    for path in (folder, *sorted(folder.rglob("*"))) if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # another run's, which has done with it
            seen = path.lstat()
            # What a link leads to is for whoever follows it.
            if found := _exposed(path, seen, 0 if stat.S_ISLNK(seen.st_mode) else 0o077):
                yield found


def exposed(path: Path) -> Exposed | None:
    """Return what is wrong with one file or folder, None where it is private and ours.

    Raises OSError.
    """
    return _exposed(path, path.stat(), 0o077)


def _exposed(path: Path, seen: os.stat_result, forbidden: int) -> Exposed | None:
    ours = seen.st_uid == os.geteuid()
    if ours and not seen.st_mode & forbidden:
        return None
    return Exposed(path, "700" if stat.S_ISDIR(seen.st_mode) else "600", ours)


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
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+")


def try_lock(stream: IO[str] | IO[bytes]) -> bool:
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
