"""A report as a table for people."""

from __future__ import annotations

from ground.columns import pad, width
from ground.words import say, text
from postmaster.checks.results import Status
from postmaster.report.model import Report

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
    return (*lines, summary(report))


def summary(report: Report) -> str:
    """Return one line with how many checks ended how."""
    counts = {status: 0 for status in Status}
    for result in report.results:
        counts[result.status] += 1
    return text("report.summary", server=report.server, **{s.value: n for s, n in counts.items()})
