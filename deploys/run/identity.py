"""Which site the state folder is of, and what it knows of each host's manifest: `site.json`.

A number is taken, and kept as about to be written, before the host is written to: of a run that is
killed between the two the state is the newer one, and the next run goes on.
"""

from __future__ import annotations

import getpass
import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploys.run.paths import locked, state_dir
from ground.errors import Told
from ground.private_files import write_private
from postmaster.manifest import Facts, HostKnown, Identity, Stamp, known_of

VERSION = 1


class IdentityError(Told):
    """The file is damaged."""


def path() -> Path:
    """Return where it is kept."""
    return state_dir() / "site.json"


def identity() -> Identity | None:
    """Return which site the state is of, None where nothing was written to a host yet.

    Raises IdentityError.
    """
    if not path().exists():
        return None
    try:
        return _from_record(json.loads(path().read_text("utf-8")))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise IdentityError("state.damaged.site", path=path()) from None


def intend(facts: Facts, there: Stamp | None) -> Stamp:
    """Take the next number for a host's manifest, before it is written.

    facts: what is going to be written. there: of the manifest that is on the host. Raises
    IdentityError, Busy.
    """
    with locked("generation"):
        site = identity() or Identity(secrets.token_hex(16), 0)
        before = _settled(site.hosts.get(facts.host), there)
        generation = 1 + max(site.generation, there.generation if there else 0)
        now = datetime.now(UTC).replace(microsecond=0)
        stamp = Stamp(site.site, generation, secrets.token_hex(8), controller(), now)
        known = replace(before, pending=stamp.mark) if before else _first(facts, stamp)
        save(replace(site, generation=generation, hosts={**site.hosts, facts.host: known}))
    return stamp


def written(facts: Facts, stamp: Stamp) -> None:
    """Remember that a host's manifest was written. Raises IdentityError, Busy."""
    with locked("generation"):
        site = identity()
        if site is not None:
            save(replace(site, hosts={**site.hosts, facts.host: known_of(facts, stamp)}))


def save(site: Identity) -> None:
    """Write it for its owner only."""
    record = {
        "version": VERSION,
        "site": site.site,
        "generation": site.generation,
        "hosts": {name: asdict(known) for name, known in sorted(site.hosts.items())},
    }
    write_private(path(), json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n")


def controller() -> str:
    """Return who and where we are, for people: user@machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # an id without a name
        user = "?"
    return f"{user}@{socket.gethostname()}"


def _first(facts: Facts, stamp: Stamp) -> HostKnown:
    return replace(known_of(facts, stamp), generation=0, mark="", pending=stamp.mark)


def _settled(known: HostKnown | None, there: Stamp | None) -> HostKnown | None:
    """What is known of a host, once it is clear what became of a write that was about to be."""
    if known is None or there is None or there.mark != known.pending:
        return known
    return replace(known, generation=there.generation, mark=there.mark, pending=None)


def _from_record(record: Mapping[str, Any]) -> Identity:
    if record["version"] != VERSION:
        raise ValueError("another version")
    site, hosts = record["site"], record["hosts"]
    if not isinstance(site, str) or len(site) != 32:
        raise ValueError("no site")
    return Identity(
        site, int(record["generation"]), {name: _host_from(each) for name, each in hosts.items()}
    )


def _host_from(record: Mapping[str, Any]) -> HostKnown:
    texts = [record[name] for name in ("mark", "machine", "address", "time")]
    pending, domains = record["pending"], record["domains"]
    if not all(isinstance(each, str) for each in [*texts, *domains, pending or ""]):
        raise ValueError("no text")
    mark, machine, address, when = texts
    generation = int(record["generation"])
    return HostKnown(generation, mark, pending, machine, address, tuple(domains), when)
