"""Where this site's state and keys are kept on the operator's machine, and the lock on them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def state_dir() -> Path:
    """Return the state folder: `PMAIL_STATE`, or `state/` of the working directory."""
    return Path(os.environ.get("PMAIL_STATE") or "state").absolute()


def keys_dir() -> Path:
    """Return the key store: `PMAIL_KEYS`, or `keys/store/` of the working directory."""
    return Path(os.environ.get("PMAIL_KEYS") or "keys/store").absolute()


def private_dir(path: Path) -> Path:
    """Make `path` (and what is missing above it) for the owner only, and return it."""
    if not path.is_dir():
        private_dir(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, atomically and durably."""
    private_dir(path.parent)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)


def open_lock(path: Path) -> IO[str]:
    """Open a lock file, made for its owner only."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")


class Busy(Exception):
    """Another run holds the lock."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"another run is at work here (lock {path}); wait until it has ended")
        self.message_id = "flow.busy"
        self.values = {"path": str(path)}


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of this site. Raises Busy when another run has it."""
    path = private_dir(state_dir()) / f"{name}.lock"
    with open_lock(path) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(path) from None
        yield
