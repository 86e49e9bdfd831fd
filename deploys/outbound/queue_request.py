"""What a run of `deploys/queue.py` is asked to do, and the commands for it on the server."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from deploys.run.options import Choice, Flag, Names, Number, Request, option
from ground.words import Words

COMMANDS = {
    "retry": "postqueue -i {id}",
    "hold": "postsuper -h {id}",
    "release": "postsuper -H {id}",
    "delete": "postsuper -d {id}",
}
# What was kept aside before it got into a mailbox is not in Postfix's queue.
KEPT_COMMANDS = {"deliver": "deliver {id}", "discard": "remove {id}"}
SHOWN = ("list", "deliveries", "kept")
ACTIONS = (*SHOWN, *COMMANDS, *KEPT_COMMANDS)
_MOST_HOURS = 8760  # a year
# Postfix's queue ids, short or long; nothing else gets into a command.
_QUEUE_ID = re.compile(r"[A-Za-z0-9]{6,20}")
_KEPT_ID = re.compile(r"[0-9]{13}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class QueueRequest(Request):
    """action: one of ACTIONS. ids: messages, in the queue or kept aside.

    hours: how far back deliveries are shown. as_json: show as JSON.
    """

    action: str = option("queue_action", Choice(ACTIONS), default="list")
    ids: tuple[str, ...] = option("queue_ids", Names(), default=())
    hours: int = option(
        "queue_hours", Number(1, _MOST_HOURS), "--hours", default=24, help="cli.queue_hours"
    )
    as_json: bool = option("queue_json", Flag(), "--json", default=False, help="cli.as_json")

    @property
    def changes(self) -> bool:
        """What shows something does not."""
        return self.action not in SHOWN

    @property
    def asks(self) -> bool:
        """What is deleted does not come back."""
        return self.action == "delete"

    @property
    def shown_dry(self) -> bool:
        """What waits is shown by a run that is carried out."""
        return self.changes

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return why this makes no sense."""
        if self.changes and not self.ids:
            yield Words.of("queue.no_ids", action=self.action)
        form = _KEPT_ID if self.action in KEPT_COMMANDS else _QUEUE_ID
        if bad := [each for each in self.ids if not form.fullmatch(each)]:
            yield Words.of("queue.bad_ids", ids=", ".join(bad))
