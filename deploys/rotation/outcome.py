"""How a step of a rotation went."""

from __future__ import annotations

from dataclasses import dataclass

from keys.rotation import Problem


@dataclass(frozen=True, slots=True)
class Waiting:
    """The step is not due yet. until: Unix seconds."""

    until: float


# None: done.
Outcome = Problem | Waiting | None


def problem(message_id: str, **values: str) -> Problem:
    """Return why a step could not be done."""
    return Problem(message_id, tuple(values.items()))
