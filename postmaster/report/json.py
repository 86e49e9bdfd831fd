"""A report as versioned JSON."""

from __future__ import annotations

from typing import Any

from ground.words import say
from postmaster.checks.results import Result
from postmaster.report.model import Report

VERSION = 1


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
    """A result; `because`: the rule that it was skipped for, or None."""
    return {
        "check": result.rule.id,
        "title": say(result.rule.title),
        "subject": str(result.subject),
        "about": {"kind": result.subject.about.value, **dict(result.subject.pieces)},
        "status": result.status.value,
        "required": result.required,
        "seen": say(result.seen),
        "remedy": say(result.remedy) if result.remedy else None,
        "because": result.because.rule.id if result.because else None,
        "message": result.seen.id,
        "values": dict(result.seen.values),
    }
