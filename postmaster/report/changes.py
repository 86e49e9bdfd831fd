"""What is different from the last report on a server, and the history that it goes on with."""

from __future__ import annotations

from ground.words import Words
from postmaster.checks.results import Status
from postmaster.report.kept import PROBLEMS, Changes, Earlier, Kept, worst

REMEMBERED = 20  # reports that a history has
_SHOWN = 6  # names in the line; the HTML report has all


def changes(now: Kept, before: Kept | None) -> Changes | None:
    """Return what is different, None where there was no report before.

    What could not be seen this time (unknown, or not tried) is not gone: nobody knows.
    """
    if before is None:
        return None
    is_now = {(id, subject): status for id, subject, status in worst(now)}
    was = {(id, subject): status for id, subject, status in worst(before)}
    bad_now = [key for key, status in is_now.items() if status in PROBLEMS]
    bad_then = [key for key, status in was.items() if status in PROBLEMS]
    gone = [key for key in bad_then if key not in bad_now and not _unseen(key, is_now, now)]
    return Changes(
        before.made,
        tuple(" ".join(key) for key in bad_now if key not in bad_then),
        tuple(" ".join(key) for key in gone),
        sum(key in bad_then for key in bad_now),
    )


def _unseen(key: tuple[str, str], is_now: dict[tuple[str, str], Status], now: Kept) -> bool:
    """Whether nothing was found out this time of what was a problem before."""
    status = is_now.get(key)
    left_out = status is None and now.partial
    return status is Status.SKIP or left_out


def history(before: Kept | None) -> tuple[Earlier, ...]:
    """Return the reports before one, up to the last one; of these at most REMEMBERED."""
    if before is None:
        return ()
    counts = tuple((status, before.count(status)) for status in Status)
    return (*before.history, Earlier(before.made, counts))[-REMEMBERED:]


def line(found: Changes) -> Words:
    """Return the changes as one line."""
    since = found.since.strftime("%Y-%m-%d %H:%M UTC")
    if not found.new and not found.gone:
        return Words.of("report.unchanged", since=since, still=found.still)
    return Words.of("report.changes", since=since, new=_names(found.new), gone=_names(found.gone))


def _names(names: tuple[str, ...]) -> str | Words:
    if not names:
        return "-"
    shown = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return Words.of("report.more", names=shown, more=more) if more > 0 else shown
