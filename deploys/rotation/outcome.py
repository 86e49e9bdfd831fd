"""How a step of a rotation went."""

from __future__ import annotations

from keys.rotation import Problem

Outcome = Problem | None  # None: done


def problem(message_id: str, **values: str) -> Problem:
    """Return why a step could not be done."""
    return Problem(message_id, tuple(values.items()))
