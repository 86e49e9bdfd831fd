"""A report of checks: as a table, and as versioned JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ground.columns import pad, width
from ground.words import say, text
from postmaster.checks.results import Result, Status, exit_status

VERSION = 1
_MARKS = {
    Status.PASS: "ok",
    Status.WARN: "warn",
    Status.FAIL: "FAIL",
    Status.SKIP: "skip",
    Status.UNKNOWN: "?",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one server at one time (UTC)."""

    server: str
    made: datetime
    results: tuple[Result, ...]

    @property
    def exit_status(self) -> int:
        """0 no fail, 1 a fail, 3 a required check unknown."""
        return exit_status(self.results)


def table(report: Report) -> tuple[str, ...]:
    """Return the lines of the report: a table, remedies under what needs them, a summary."""
    rows = [(_MARKS[r.status], r.check, r.subject, say(r.seen)) for r in report.results]
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


def to_record(report: Report) -> dict[str, Any]:
    """Return the report as JSON data, `version` first of its meaning."""
    return {
        "version": VERSION,
        "server": report.server,
        "made": report.made.isoformat(timespec="seconds"),
        "exit_status": report.exit_status,
        "results": [_result_record(result) for result in report.results],
    }


def _result_record(result: Result) -> dict[str, Any]:
    return {
        "check": result.check,
        "subject": result.subject,
        "status": result.status.value,
        "required": result.required,
        "seen": say(result.seen),
        "remedy": say(result.remedy) if result.remedy else None,
        "message": result.seen.id,
        "values": dict(result.seen.values),
    }


def statuses(records: Iterable[dict[str, Any]]) -> int:
    """Return the exit status of several reports' records: a fail before an unknown."""
    found = {record["exit_status"] for record in records}
    return 1 if 1 in found else (3 if 3 in found else 0)
