"""Why a run is refused before anything is done: a rotation that goes on would suffer, or what is
asked of one comes too late.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from deploys.rotation.going import finishes_first, rotating
from deploys.rotation.request import Request
from deploys.run.paths import state_dir
from deploys.run.refusals import Around, Refused
from ground.words import Words
from keys import rotation as machine
from keys.journal import Journal
from keys.rotation import Rotation


def too_late(around: Around[Request]) -> Iterable[Refused]:
    """Refuse to turn back, or to hurry, a rotation that cannot do that any more.

    Raises JournalError.
    """
    now = time.time()
    for each in rotating(around.site, Journal(state_dir()).going_on()):
        if each.rotation is None or not around.asked.names(each.domain):
            continue
        try:
            turned(each.rotation, around.asked, now)
        except machine.TooLate as error:
            yield Refused(error.words, each.server)


def unfinished(around: Around[Any]) -> Iterable[Refused]:
    """Refuse what would change how a server signs while the way of before is still needed.

    What pauses mail is refused for that. Raises JournalError.
    """
    if not around.asked.changes:
        return
    for each in rotating(around.site, Journal(state_dir()).going_on()):
        paused = each.rotation is not None and each.rotation.paused
        if not paused and finishes_first(each, around.site):
            yield Refused(Words.of("rotation.finish_first", domains=each.domain), each.server)


def turned(there: Rotation, request: Request, now: float) -> Rotation | None:
    """Return a rotation as it was asked to turn back or to hurry, None where it just goes on.

    Another one takes the place of one whose new key has leaked. Raises TooLate.
    """
    if request.action == "abort":
        return machine.back(there, now)
    leaked = request.emergency and not there.emergency
    if leaked and not there.switched and not there.returns:
        return machine.hurry(there, now)
    return None
