"""Mail that a rotation has paused: other runs leave it alone until that has ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploys.run.paths import state_dir
from deploys.run.refusals import Around, Refused
from ground.words import Words
from keys.journal import Journal


def mail_paused(around: Around[Any]) -> Iterable[Refused]:
    """Refuse to change anything while a rotation lets no mail in or out. Raises JournalError."""
    if around.asked.changes and (reason := why_paused()):
        yield Refused(reason)


def why_paused() -> Words | None:
    """Return of which domains no mail gets in or out, None when there are none.

    Raises JournalError.
    """
    paused = [each.domain for each in Journal(state_dir()).going_on() if each.paused]
    return Words.of("rotation.paused", domain=", ".join(paused)) if paused else None
