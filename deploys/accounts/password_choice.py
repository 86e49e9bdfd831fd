"""What becomes of an account's password: given, in the database, and both as they were last seen.

Pure; a password is compared by anything that is equal where the password is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """What is done about a password."""

    NOTHING = "nothing"  # none is known here
    RIGHT = "right"  # the one that is known here is in the database
    SET = "set"  # another one is given, and the database has what it had
    PANEL = "panel"  # it was changed on the server, and what is given is as before: respected
    BOTH = "both"  # both were changed
    UNKNOWN = "unknown"  # they differ, and nobody knows who changed what


@dataclass(frozen=True, slots=True)
class Seen:
    """Both sides as they were when they were last compared."""

    given: str
    there: str


def choose(given: str | None, there: str, last: Seen | None) -> Choice:
    """Return what to do.

    given: the password that is known here, None for none. there: the one in the database.
    """
    if given is None:
        return Choice.NOTHING
    if given == there:
        return Choice.RIGHT
    if last is None:
        return Choice.UNKNOWN
    if given == last.given:
        return Choice.PANEL
    return Choice.SET if there == last.there else Choice.BOTH
