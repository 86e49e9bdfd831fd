"""Changes, conflicts and what servers said, as lines in the user's language; pure."""

from __future__ import annotations

from dns_providers.base import Change
from dns_providers.publishing.plan import Conflict
from dns_providers.publishing.propagation import ServerState, Verdict
from ground.words import family, text

_VERDICT = family("dns.verdict", Verdict)


def change_lines(change: Change) -> tuple[str, ...]:
    """Return the `-` and `+` lines of a change; what comes, or else what goes, says why.

    As a comment of a zone file, so that a line can be taken as it is.
    """
    before = change.before.lines() if change.before else ()
    after = change.after.lines() if change.after else ()
    why = f" ; {text(change.reason)}" if change.reason else ""
    new = tuple(f"+ {line}{why}" for line in after if line not in before)
    gone = tuple(f"- {line}{'' if new else why}" for line in before if line not in after)
    return gone + new


def conflict_lines(conflict: Conflict) -> tuple[str, ...]:
    """Return a conflict as the user sees it: what is in the way, and how to allow replacing it."""
    return (
        str(conflict.problem),
        *(f"  {text('dns.there')} {line}" for line in conflict.there),
        *(f"  {text('dns.wanted')} {line}" for line in conflict.wanted),
    )


def held_lines(change: Change) -> tuple[str, ...]:
    """Return the lines of a change that is not written."""
    return tuple(text("dns.held", line=line) for line in change_lines(change))


def stop_line(conflict: Conflict) -> str:
    """Return whether a conflict stops the run."""
    return f"  {text('dns.stops' if conflict.needed else 'dns.goes_on')}"


def state_line(state: ServerState) -> str:
    """Return what one server said of one record, in the user's language."""
    return text(
        _VERDICT[state.verdict],
        server=state.server,
        address=state.address,
        key=str(state.key),
    )
