"""Mail that a rotation has paused: other runs leave it alone until that has ended."""

from __future__ import annotations

from deploys.run.paths import state_dir
from ground.words import text
from keys.journal import Journal, JournalError


def why_paused() -> str | None:
    """Return why nothing may be changed while a rotation lets no mail in or out, None otherwise."""
    try:
        paused = [each.domain for each in Journal(state_dir()).going_on() if each.paused]
    except JournalError as error:
        return str(error)
    return text("rotation.paused", domain=", ".join(paused)) if paused else None
