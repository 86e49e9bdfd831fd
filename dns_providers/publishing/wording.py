"""Changes, conflicts and what servers said, as lines in the user's language; pure."""

from __future__ import annotations

from dns_providers.base import Change
from dns_providers.publishing.plan import Conflict
from dns_providers.publishing.propagation import ServerState, Verdict
from ground.words import family, text

_VERDICT = family("dns.verdict", Verdict)


def change_lines(change: Change) -> tuple[str, ...]:
    """Return the `-` and `+` lines of a change."""
    before = change.before.lines() if change.before else ()
    after = change.after.lines() if change.after else ()
    gone = tuple(f"- {line}" for line in before if line not in after)
    new = tuple(f"+ {line}" for line in after if line not in before)
    return gone + new


def conflict_lines(conflict: Conflict) -> tuple[str, ...]:
    """Return a conflict as the user sees it: what is in the way, and how to allow replacing it."""
    return (
        str(conflict.problem),
        *(f"  {text('dns.there')} {line}" for line in conflict.there),
        *(f"  {text('dns.wanted')} {line}" for line in conflict.wanted),
    )


def state_line(state: ServerState) -> str:
    """Return what one server said of one record, in the user's language."""
    return text(
        _VERDICT[state.verdict],
        server=state.server,
        address=state.address,
        key=str(state.key),
    )
