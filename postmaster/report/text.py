"""A report as a table for people."""

from __future__ import annotations

from ground.columns import pad, width
from ground.words import Words, say, text
from postmaster.checks.results import Status
from postmaster.report.json import counts
from postmaster.report.model import Report
from postmaster.report.places import Place, place_of
from postmaster.report.receivers import VERDICTS, ReceiverView, Verdict, views

_SHOWN = 4  # checks that a receiver's line names
_MARKS = {
    Status.PASS: "ok",
    Status.WARN: "warn",
    Status.FAIL: "FAIL",
    Status.SKIP: "skip",
    Status.UNKNOWN: "?",
}


def table(report: Report) -> tuple[str, ...]:
    """Return the lines of the report: a table, remedies under what needs them, a summary."""
    rows = [(_MARKS[r.status], r.rule.id, str(r.subject), say(r.seen)) for r in report.results]
    widths = [max((width(row[i]) for row in rows), default=0) for i in range(3)]
    lines = []
    for result, row in zip(report.results, rows, strict=True):
        cells = [pad(cell, size) for cell, size in zip(row[:3], widths, strict=True)]
        lines.append("  ".join((*cells, row[3])).rstrip())
        if result.remedy is not None:
            lines.append(" " * (widths[0] + 2) + f"-> {say(result.remedy)}")
        if place := place_of(result, report.zones):
            lines.append(" " * (widths[0] + 5) + say(where(place)))
    return (*lines, summary(report))


def where(place: Place) -> Words:
    """Return where a record is entered, as a sentence."""
    values = {"zone": place.zone, "provider": place.provider, "name": place.name or "-"}
    return Words.of("report.place", **values, rtype=place.rtype)


def receivers(report: Report) -> tuple[str, ...]:
    """Return the lines on what big receivers would say; none of a report on some rules only.

    Of a receiver nothing is said where nothing that it asks for was looked at.
    """
    found = () if report.selection.partial else views(report.results)
    every = [each for each in found if each.verdict is not Verdict.UNKNOWN or each.reasons]
    if not every:
        return ()
    size = max(width(each.title) for each in every)
    lines = [f"  {pad(each.title, size)}  {_verdict(each)}" for each in every]
    return (text("report.receivers"), *lines)


def _verdict(view: ReceiverView) -> str:
    said = text(VERDICTS[view.verdict])
    names = list(view.checks[:_SHOWN])
    if len(view.checks) > _SHOWN:
        names.append("…")
    parts = (said, "; ".join(view.replies), f"({', '.join(names)})" if names else "")
    return "  ".join(filter(None, parts))


def summary(report: Report) -> str:
    """Return one line with how many checks ended how, and which were not asked for."""
    said = text("report.summary", server=report.server, **counts(report))
    chosen = report.selection
    if not chosen.partial:
        return said
    only, skip = (", ".join(names) or "-" for names in (chosen.only, chosen.skip))
    return text("report.partial", summary=said, only=only, skip=skip)
