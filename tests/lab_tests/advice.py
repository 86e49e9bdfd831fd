"""What a run asks its user to do, known by the ids of the messages that say so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ground.words import catalogue


class What(StrEnum):
    """What a user does who is told something."""

    AGAIN = "run again"
    DATABASE = "put the database back"
    FORMER_PMAIL = "name the former PMail"
    MOVE_AWAY = "move a file away"
    OLDER = "use the newer state, or recover"
    PASSWORD = "set a password"
    RECOVER = "recover"
    ROTATE = "go on with a rotation"


@dataclass(frozen=True)
class Told:
    """What is to be done. id: of the message. paths: files that it names."""

    what: What
    id: str
    paths: tuple[str, ...] = ()


_LONGEST = 400  # characters of a value
# The first that is said counts.
ADVICE = {
    "state.damaged.site": What.RECOVER,
    "dns.ledger.damaged": What.RECOVER,
    "rotation.journal_damaged": What.RECOVER,
    "manifest.stands.newer": What.OLDER,
    "manifest.untold_host": What.RECOVER,
    "manifest.stands.no_state": What.RECOVER,
    "manifest.stands.older": What.RECOVER,
    "manifest.stands.lost": What.RECOVER,
    "manifest.paused": What.RECOVER,
    "database.lost": What.DATABASE,
    "rotation.paused": What.ROTATE,
    "users.no_password": What.PASSWORD,
    "users.wrong_password": What.PASSWORD,
    "users.changed_there": What.PASSWORD,
    "users.changed_both": What.PASSWORD,
    "users.changed_unknown": What.PASSWORD,
    "keys.damaged": What.MOVE_AWAY,
    "keys.about_damaged": What.MOVE_AWAY,
    "host.release.records": What.MOVE_AWAY,
    "upgrade.refused": What.FORMER_PMAIL,
    "upgrade.back": What.FORMER_PMAIL,
    "upgrade.unknown": What.AGAIN,
    "rotation.finish_first": What.ROTATE,
    "keys.not_asked": What.AGAIN,
}


def says(output: str, message: str) -> bool:
    """Whether a message is in a run's output."""
    return _said(output, message) is not None


def of(output: str, *, going_on: bool) -> Told | None:
    """What a run's output asks for; None for nothing that is known here. going_on: a rotation."""
    for message, what in ADVICE.items():
        if found := _said(output, message):
            path = found.groupdict().get("path")
            return Told(what, message, (path,) if path else ())
    return Told(What.ROTATE, "rotation.waits") if going_on else None


def _said(output: str, message: str) -> re.Match[str] | None:
    return _pattern(message).search(" ".join(output.split()))


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """A message with any values; the first of each name is kept."""
    parts, seen = re.split(r"\{(\w+)\}", " ".join(catalogue("en")[message].split())), set[str]()
    found = ""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            found += re.escape(part)
        else:
            value = r"\S+" if number == 1 and not parts[0] else f".{{1,{_LONGEST}}}?"
            found += f"(?:{value})" if part in seen else f"(?P<{part}>{value})"
            seen.add(part)
    return re.compile(found)
