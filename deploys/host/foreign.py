"""Refusal: files of somebody else where ours are going to be."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyinfra.api import Host

from deploys.host.pmail_layout import MARK
from deploys.host.remote import read
from deploys.run.refusals import Around, Refusal, Refused, on_each
from ground.errors import DeployError
from ground.words import Words
from postmaster.settings import MailServer


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file that is written only where there is none, or one of ours.

    beside: without this other file it is nobody's.
    """

    path: str
    beside: str = ""


FilesOf = Callable[[MailServer], Iterable[Guarded]]


def foreign_files(*rooms: FilesOf) -> Refusal:
    """Return the refusal for foreign files. rooms: each gives those that it guards on a server."""
    return partial(_refuse, rooms)


def _refuse(rooms: tuple[FilesOf, ...], around: Around[Any]) -> tuple[Refused, ...]:
    def ask(host: Host, server: MailServer) -> Iterable[Words]:
        guarded = tuple(each for room in rooms for each in room(server))
        for path in foreign(host, guarded):
            yield Words.of("host.foreign", path=path)

    return on_each(around.servers(), ask)


def foreign(host: Host, guarded: tuple[Guarded, ...]) -> tuple[str, ...]:
    """Return the paths where something is that is not ours. Raises DeployError."""
    reply = read(host, script(guarded))
    if not reply.ok:
        raise DeployError("host.not_looked", reason=reply.stderr.strip() or "-")
    return tuple(reply.stdout.splitlines())


def script(guarded: tuple[Guarded, ...]) -> str:
    """Return the script that shows the paths where something is that is not ours."""
    looks = (
        f"look {shlex.quote(each.path)} {shlex.quote(each.beside or each.path)}" for each in guarded
    )
    return "\n".join(
        (
            'there() { [ -e "$1" ] || [ -L "$1" ]; }',
            f'look() {{ there "$1" && there "$2" || return 0; grep -qsF {shlex.quote(MARK)} "$1" '
            '|| printf "%s\\n" "$1"; }',
            *looks,
        )
    )
