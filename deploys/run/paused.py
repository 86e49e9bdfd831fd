"""Mail that a rotation has paused: other runs leave it alone until that has ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploys.run.paths import state_dir
from deploys.run.refusals import Around, Refused
from ground.words import Words
from keys.journal import Journal, JournalError
from keys.rotation import Rotation, behind
from postmaster.settings import MailServer


def mail_paused(around: Around[Any]) -> Iterable[Refused]:
    """Refuse to change anything while a rotation lets no mail in or out. Raises JournalError."""
    if around.asked.changes and (reason := why_paused()):
        yield Refused(reason)


def why_paused() -> Words | None:
    """Return of which domains no mail gets in or out, None when there are none.

    Raises JournalError.
    """
    return _words(each for each in Journal(state_dir()).going_on() if each.paused)


def paused_on(server: MailServer) -> Words | None:
    """Return why mail does not flow on a server, for whoever only looks; None when it does."""
    try:
        return _words(paused_rotations(server))
    except JournalError as error:
        return error.words


def paused_elsewhere(remembered: Iterable[Rotation]) -> Words | None:
    """Return of which domains a host remembers that their mail is paused, where the state has lost
    the rotation that did it; None where there are none.

    remembered: rotations that go on, as the host has them. A journal that is damaged has lost its.
    """
    journal = Journal(state_dir())
    over = journal.over()
    lost = [
        each.domain
        for each in remembered
        if each.paused
        and (each.domain, each.started) not in over
        and behind(_readable(journal, each.domain), each)
    ]
    return Words.of("manifest.paused", domains=", ".join(lost)) if lost else None


def _readable(journal: Journal, domain: str) -> Rotation | None:
    try:
        return journal.load(domain)
    except JournalError:
        return None


def paused_rotations(server: MailServer) -> tuple[Rotation, ...]:
    """Return the rotations that let no mail of a server in or out. Raises JournalError."""
    names = {each.name for each in server.domains}

    def mine(each: Rotation) -> bool:
        # The journal of an earlier version does not name the server.
        return each.server == server.host or (not each.server and each.domain in names)

    return tuple(each for each in Journal(state_dir()).going_on() if each.paused and mine(each))


def _words(paused: Iterable[Rotation]) -> Words | None:
    domains = ", ".join(each.domain for each in paused)
    return Words.of("rotation.paused", domain=domains) if domains else None
