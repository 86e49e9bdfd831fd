"""What `deploys/dns.py` and `pmail-deploy dns` can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import OperationError

from ground.words import text


@dataclass(frozen=True, slots=True)
class Action:
    """One of them. makes_keys: DKIM keys come first."""

    makes_keys: bool = False


ACTIONS = {
    "publish": Action(makes_keys=True),
    "plan": Action(makes_keys=True),
    "undo": Action(),
    "adopt": Action(),
    "remove": Action(),
}
PLAN = "plan"


def action_of(given: object, undo: object, arguments: Sequence[str]) -> str:
    """Return the action that `--data` asks for. Raises OperationError where it makes no sense.

    given: `dns_action`. undo: path of a backup. arguments: pyinfra's.
    """
    action = str(given or ("undo" if undo else "publish"))
    if action not in ACTIONS:
        raise OperationError(text("dns.action.unknown", action=action, actions=", ".join(ACTIONS)))
    if (action == "undo") is not bool(undo):
        raise OperationError(text("dns.action.undo"))
    if action == PLAN and "--dry" not in arguments:
        raise OperationError(text("dns.action.plan"))
    return action
