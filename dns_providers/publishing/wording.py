"""Changes, conflicts, errors and what servers said, as lines in the user's language; pure."""

from __future__ import annotations

from typing import Protocol

from dns_providers.base import Change, PartialApply, ProviderError
from dns_providers.publishing.plan import Conflict
from dns_providers.publishing.propagation import ServerState


class Say(Protocol):
    """Gives the text of a message id in the user's language."""

    def __call__(self, message_id: str, /, **values: object) -> str: ...


def change_lines(change: Change) -> tuple[str, ...]:
    """Return the `-` and `+` lines of a change."""
    before = change.before.lines() if change.before else ()
    after = change.after.lines() if change.after else ()
    gone = tuple(f"- {line}" for line in before if line not in after)
    new = tuple(f"+ {line}" for line in after if line not in before)
    return gone + new


def conflict_lines(conflict: Conflict, say: Say) -> tuple[str, ...]:
    """Return a conflict as the user sees it: what is in the way, and how to allow replacing it."""
    reason = say(conflict.problem, key=str(conflict.key), **dict(conflict.detail))
    return (
        reason,
        *(f"  {say('dns.there')} {line}" for line in conflict.there),
        *(f"  {say('dns.wanted')} {line}" for line in conflict.wanted),
    )


def error_text(error: ProviderError, say: Say) -> str:
    """Return a provider's error in the user's language."""
    values = dict(error.values)
    if isinstance(error, PartialApply):
        values["cause"] = error_text(error.cause, say)
    return say(error.message_id, **values)


def state_line(state: ServerState, say: Say) -> str:
    """Return what one server said of one record, in the user's language."""
    return say(
        f"dns.verdict.{state.verdict.value}",
        server=state.server,
        address=state.address,
        key=str(state.key),
    )
