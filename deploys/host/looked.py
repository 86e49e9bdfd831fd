"""One look at a host, before anything on it is changed: all that refusals ask about, in one read.

A room that wants to know more adds its part to `PARTS`; no refusal opens a connection of its own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any, Generic, TypeVar

from pyinfra.api import Host

from deploys.host import manifest, signer_keys
from deploys.host import pmail_layout as layout
from deploys.host.gathering import Look, Script
from deploys.host.remote import why_not_root
from deploys.host.snapshot import look, look_anew
from ground.errors import DeployError
from probes.host import database, past

T = TypeVar("T")
_END = "all seen"


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Something to see on a host.

    name: without spaces. script: POSIX sh that writes what it sees, as root, and changes nothing.
    parse: what the script wrote -> what it means; asked anew by everybody who wants to know.
    """

    name: str
    script: str
    parse: Callable[[str], T]


MEMORY = Part("memory", manifest.SCRIPT, lambda written: manifest.found(written.splitlines()))
MACHINE = Part("machine", "cat /etc/machine-id", str.strip)
ARCHITECTURE = Part("architecture", "uname -m", str.strip)
DATABASE = Part(
    "database",
    database.script(
        file=layout.DATABASE,
        unit=layout.UNIT,
        mark=layout.MARK,
        link=layout.BINARY_CURRENT,
    ),
    database.parse,
)
PAST = Part(
    "past",
    past.script(
        own=layout.OWN,
        unit=layout.UNIT,
        mark=layout.MARK,
        folders=(layout.ROOT, layout.BINARIES),
    ),
    past.parse,
)
# Domains that mail waits for in Postfix's queue.
RECIPIENTS = Part(
    "recipients",
    'postqueue -j | grep -o \'"address": "[^"]*"\' | sed \'s/.*@//; s/"$//\' | sort -u',
    lambda written: frozenset(written.lower().split()),
)
SIGNER_KEYS = Part("signer-keys", signer_keys.SCRIPT, signer_keys.parse)

PARTS: tuple[Part[Any], ...] = (
    *(MEMORY, MACHINE, DATABASE, ARCHITECTURE, PAST),
    *(RECIPIENTS, SIGNER_KEYS),
)


@dataclass(frozen=True, slots=True)
class HostLook:
    """What was seen on a host: what each part's script wrote, by the part's name."""

    seen: Mapping[str, str]

    def of(self, part: Part[T]) -> T:
        """Return what a part has seen. Raises what its `parse` does."""
        return part.parse(self.seen[part.name])


def looked(host: Host) -> HostLook:
    """Return what is on a host, seen once in a run. Raises DeployError where it cannot be read."""
    with _looking:
        lock = _locks.setdefault(host.name, RLock())
    with lock:
        if host.name not in _looks:
            _looks[host.name] = _look(host)
        return _looks[host.name]


def look_again(host: Host) -> HostLook:
    """Return what is on a host now. Raises DeployError where it cannot be read."""
    _looks.pop(host.name, None)
    look_anew(host)
    return looked(host)


def before() -> tuple[Look, ...]:
    """Return what all refusals see together."""
    return (Script(script(PARTS)),)


_looks: dict[str, HostLook] = {}
_locks: dict[str, RLock] = {}
_looking = RLock()  # hosts are asked at the same time, each by several


def script(parts: tuple[Part[Any], ...]) -> str:
    """Return the script that sees several parts: a line for each, then one that says so."""
    lines = (
        f"printf '%s ' {each.name}; {{ {each.script}\n}} 2>/dev/null | base64 -w0; echo"
        for each in parts
    )
    return "\n".join((*lines, f"echo '{_END}'"))


def parse(written: str) -> HostLook | None:
    """Return what a script has seen, None where it was cut off."""
    *lines, last = written.splitlines() or [""]
    if last != _END:
        return None
    seen = {name: coded for name, _, coded in (line.partition(" ") for line in lines)}
    return HostLook({name: _decoded(coded) for name, coded in seen.items()})


def _decoded(coded: str) -> str:
    return base64.b64decode(coded).decode("utf-8", "replace")  # a damaged file is for its part


def _look(host: Host) -> HostLook:
    reply = look(host, script(PARTS))
    if (found := parse(reply.stdout)) is None:
        if reason := why_not_root(host):
            raise DeployError("host.no_root", reason=reason)
        raise DeployError("host.not_looked", reason=reply.stderr.strip() or "-")
    return found
