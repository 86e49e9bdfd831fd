"""Why a run is refused before anything is changed: what somebody else has on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from pyinfra.api import Host

from deploys.host.foreign import Guarded, foreign
from deploys.host.looked import MEMORY, looked
from deploys.run.refusals import Around, Refusal, Refused, on_each
from ground.words import Words
from postmaster.settings import MailServer

FilesOf = Callable[[MailServer], Iterable[Guarded]]


def foreign_files(*rooms: FilesOf) -> Refusal:
    """Return the refusal for foreign files. rooms: each gives those that it guards on a server."""
    return partial(_foreign_files, rooms)


def _foreign_files(rooms: tuple[FilesOf, ...], around: Around[Any]) -> tuple[Refused, ...]:
    def ask(host: Host, server: MailServer) -> Iterable[Words]:
        guarded = tuple(each for room in rooms for each in room(server))
        # Where we are at work already it is a file of ours that somebody has replaced.
        deployed = looked(host).of(MEMORY).deployed
        for each in foreign(host, guarded):
            if each.of and not deployed:
                yield Words.of("host.foreign_mailer", name=each.of)
            else:
                yield Words.of("host.foreign", path=each.path)

    return on_each(around.servers(), ask)
