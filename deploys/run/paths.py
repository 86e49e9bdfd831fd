"""Where this site's state and keys are kept on the operator's machine, and the lock on them.

They are beside the inventory, wherever a run is started.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from deploys.run.verb import PROGRAM
from ground.errors import Told
from ground.private_files import (
    await_lock,
    exposed_in,
    lock_file,
    private_folder,
    wipe_leftovers,
)
from ground.shown import keep_secret
from ground.words import Words
from keys.store import KeyStore
from postmaster.settings import Site, file_name, password_file

STATE, KEYS = "PMAIL_STATE", "PMAIL_KEYS"
_USUAL = {STATE: "state", KEYS: "keys/store"}
_LOCK_TIMEOUT = 60.0  # seconds
_NAMED = 5  # files that a message names
_homes: list[Path] = []


def live_beside(inventory: str) -> None:
    """Have state and keys be beside an inventory from now on.

    inventory: as pyinfra was given it. One that is no file (`@local`, a host's name) has nothing
    beside it; then they are in the working directory.
    """
    path = Path(os.path.abspath(inventory))
    _homes[:] = [path.parent] if path.is_file() else []


def state_dir() -> Path:
    """Return the state folder: `PMAIL_STATE`, or `state/` beside the inventory."""
    return _kept(STATE)


def keys_dir() -> Path:
    """Return the key store: `PMAIL_KEYS`, or `keys/store/` beside the inventory."""
    return _kept(KEYS)


def _kept(variable: str) -> Path:
    if moved := os.environ.get(variable):
        return Path(moved).absolute()
    return (_homes[0] if _homes else Path.cwd()) / _USUAL[variable]


def passphrase() -> str | None:
    """Return what keys in the store are encrypted with: `PMAIL_KEYS_PASSPHRASE`, if it is set."""
    value = os.environ.get("PMAIL_KEYS_PASSPHRASE")
    return keep_secret(value) if value else None


def key_store() -> KeyStore:
    """Return this site's key store."""
    return KeyStore(keys_dir(), passphrase())


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


def elsewhere(site: Site) -> tuple[Words, ...]:
    """Return why a site's state and keys are not where they are looked for.

    They were in the working directory once, which was the clone's for `pmail-deploy`; what is there
    is told, and never passed over.
    """
    folders = (Path.cwd(), PROGRAM)
    return tuple(
        _told_elsewhere(variable, found, site)
        for variable in (STATE, KEYS)
        if not os.environ.get(variable)
        for found in dict.fromkeys((folder / _USUAL[variable]).resolve() for folder in folders)
        if found != _kept(variable).resolve() and _is_of(variable, found, site)
    )


def exposed() -> tuple[Words, ...]:
    """Return what others could read or change of state and keys, the first ones by name."""
    found = [each for folder in _folders() for each in exposed_in(folder)]
    told = [Words.of("state.exposed", path=e.path, remedy=e.remedy) for e in found[:_NAMED]]
    if more := found[_NAMED:]:
        folders = " ".join(quote(str(each)) for each in _folders())
        told.append(Words.of("state.exposed_more", count=len(more), folders=folders))
    return tuple(told)


def wiped_leftovers() -> tuple[Path, ...]:
    """Wipe what a run that was killed has left half written of state and keys; return what."""
    return tuple(path for folder in _folders() for path in wipe_leftovers(folder))


def _folders() -> tuple[Path, ...]:
    return state_dir(), keys_dir()


def _told_elsewhere(variable: str, found: Path, site: Site) -> Words:
    wanted = _kept(variable)
    if _is_of(variable, wanted, site):
        return Words.of("state.twice", found=found, wanted=wanted)
    old, new = quote(str(found)), quote(str(wanted))
    command = f"install -d -m 700 {new} && cp -a {old}/. {new}/ && rm -r {old}"
    return Words.of(
        "state.elsewhere", found=found, wanted=wanted, command=command, variable=variable
    )


def _is_of(variable: str, folder: Path, site: Site) -> bool:
    """Whether there is something of this site's in a folder, by the names of its files."""
    domains = [each.name for server in site.servers for each in server.domains]
    if variable == KEYS:
        return any(any((folder / each).glob("*.*")) for each in domains)
    names = [
        *(f"ledger/{zone.name}.json" for zone in site.zones),
        *(f"rotation/{domain}.json" for domain in domains),
        *(f"users/{file_name(server.host)}.json" for server in site.servers),
        *(f"passwords/{password_file(each.host, each.admin_account)}" for each in site.servers),
    ]
    return any((folder / each).exists() for each in names)
