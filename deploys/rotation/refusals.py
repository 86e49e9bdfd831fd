"""Why a run of rotations is refused before anything is done: what is asked for comes too late."""

from __future__ import annotations

import time
from collections.abc import Iterable

from deploys.rotation.request import Request, domains_with_keys
from deploys.run.paths import state_dir
from deploys.run.refusals import Around, Refused
from keys import rotation as machine
from keys.journal import Journal
from keys.rotation import Rotation


def too_late(around: Around[Request]) -> Iterable[Refused]:
    """Refuse to turn back, or to hurry, a rotation that cannot do that any more.

    Raises JournalError.
    """
    journal, now = Journal(state_dir()), time.time()
    for server in around.site.servers:
        for domain in filter(around.asked.names, domains_with_keys(server)):
            there = journal.load(domain)
            try:
                if there is not None:
                    turned(there, around.asked, now)
            except machine.TooLate as error:
                yield Refused(error.words, server.host)


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
