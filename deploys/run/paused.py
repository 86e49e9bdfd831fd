"""Mail that a rotation has paused: other runs leave it alone until that has ended."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from deploys.run.paths import state_dir
from deploys.run.refusals import Around, Refused
from ground.words import Words
from keys.journal import Journal, JournalError
from postmaster.settings import MailServer


def mail_paused(around: Around[Any]) -> Iterable[Refused]:
    """Refuse to change anything while a rotation lets no mail in or out. Raises JournalError."""
    if around.asked.changes and (reason := why_paused()):
        yield Refused(reason)


def why_paused(of: Container[str] | None = None) -> Words | None:
    """Return of which domains no mail gets in or out, None when there are none.

    of: only of these domains. Raises JournalError.
    """
    going_on = Journal(state_dir()).going_on()
    paused = [each.domain for each in going_on if each.paused and (of is None or each.domain in of)]
    return Words.of("rotation.paused", domain=", ".join(paused)) if paused else None


def paused_on(server: MailServer) -> Words | None:
    """Return why mail does not flow on a server, for whoever only looks; None when it does."""
    try:
        return why_paused({each.name for each in server.domains})
    except JournalError as error:
        return error.words
