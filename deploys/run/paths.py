"""Where this site's state and keys are kept on the operator's machine, and the lock on them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ground.errors import Told
from ground.private_files import await_lock, lock_file, private_folder
from keys.store import KeyStore

_LOCK_TIMEOUT = 60.0  # seconds


def state_dir() -> Path:
    """Return the state folder: `PMAIL_STATE`, or `state/` of the working directory."""
    return Path(os.environ.get("PMAIL_STATE") or "state").absolute()


def keys_dir() -> Path:
    """Return the key store: `PMAIL_KEYS`, or `keys/store/` of the working directory."""
    return Path(os.environ.get("PMAIL_KEYS") or "keys/store").absolute()


def passphrase() -> str | None:
    """Return what keys in the store are encrypted with: `PMAIL_KEYS_PASSPHRASE`, if it is set."""
    return os.environ.get("PMAIL_KEYS_PASSPHRASE") or None


def key_store() -> KeyStore:
    """Return this site's key store."""
    return KeyStore(keys_dir(), passphrase())


def file_name(host: str) -> str:
    """Return an inventory name as part of a file's name."""
    return host.replace("/", "_")


class Busy(Told):
    """Another run keeps the lock."""


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock `name` of this site, for a moment. Raises Busy when another keeps it for long.

    Several servers of one run, and several runs, may want it at the same time.
    """
    path = private_folder(state_dir()) / f"{name}.lock"
    with lock_file(path) as stream:
        if not await_lock(stream, _LOCK_TIMEOUT):
            raise Busy("flow.busy", path=path)
        yield
