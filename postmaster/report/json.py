"""A report as versioned JSON; docs/verify.md says what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import Any

from ground.shown import one_line
from ground.words import LANGUAGES, Words, language, say_in
from postmaster.checks.results import Observed, Result, Status
from postmaster.report.changes import changes, history
from postmaster.report.kept import Kept, read
from postmaster.report.model import Report
from postmaster.report.places import Place, place_of
from postmaster.report.receivers import views

SCHEMA_VERSION = 2
# The values of a remedy that are what should be seen, the most exact one first; and those that are
# of rules with these letters alone: of others they only say where to look.
_EXPECTED = ("expected", "record", "merged", "value", "term")
_NAMES, _OF_NAMES = ("addresses", "host"), ("ADR", "EHLO", "MX", "RDNS")


def to_record(report: Report) -> dict[str, Any]:
    """Return the report as JSON data, `schema_version` first of its meaning.

    `version`, `made`, `check` and `seen` are what version 1 called what has other names now.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "version": SCHEMA_VERSION,
        "tool_version": _tool_version(),
        "server": report.server,
        "started": report.started.isoformat(timespec="seconds"),
        "duration_ms": round(report.took * 1000),
        "made": report.made.isoformat(timespec="seconds"),
        "language": language(),
        "strict": report.strict,
        "only": list(report.selection.only),
        "skip": list(report.selection.skip),
        "summary": counts(report),
        "exit_status": report.exit_status,
        "receivers": _receivers(report),
        "results": [
            _result_record(result, place_of(result, report.zones)) for result in report.results
        ],
    }


def _receivers(report: Report) -> list[dict[str, Any]]:
    """What big receivers would say; nothing where only some rules were asked for."""
    found = () if report.selection.partial else views(report.results)
    return [
        {
            "receiver": each.receiver,
            "title": each.title,
            "verdict": each.verdict.value,
            "replies": list(each.replies),
            "checks": [{"id": why.rule, "subject": why.subject} for why in each.reasons],
        }
        for each in found
    ]


def with_past(record: dict[str, Any], before: Kept | None) -> dict[str, Any]:
    """Return the record of a report with what is different from the last one, and the history."""
    found = changes(read(record), before)
    return {
        **record,
        "changes": found
        and {
            "since": found.since.isoformat(timespec="seconds"),
            "new": list(found.new),
            "gone": list(found.gone),
            "still": found.still,
        },
        "history": [
            {
                "made": each.made.isoformat(timespec="seconds"),
                "summary": {status.value: count for status, count in each.counts},
            }
            for each in history(before)
        ],
    }


def together(records: Iterable[Any]) -> dict[str, Any]:
    """Return the records of several reports as one record."""
    versions = {"schema_version": SCHEMA_VERSION, "version": SCHEMA_VERSION}
    return {**versions, "reports": list(records)}


def counts(report: Report) -> dict[str, int]:
    """Return how many results have which status, every status."""
    found = {status.value: 0 for status in Status}
    for result in report.results:
        found[result.status.value] += 1
    return found


def _result_record(result: Result, place: Place | None) -> dict[str, Any]:
    """A result; `because`: the rule that it was skipped for, or None."""
    texts = {lang: _texts(result, lang) for lang in LANGUAGES}
    said = texts[language()]
    remedied = dict(result.remedy.values) if result.remedy else {}
    return {
        "id": result.rule.id,
        "check": result.rule.id,
        "title": said["title"],
        "status": result.status.value,
        "required": result.required,
        "required_by": sorted(each.value for each in result.rule.required_by),
        "subject": str(result.subject),
        "about": {"kind": result.subject.about.value, **dict(result.subject.pieces)},
        "expected": _expected(result.rule.id, remedied),
        "observed": [_observed(each) for each in result.observed],
        "why": said["why"],
        "seen": said["why"],
        "remedy": said["remedy"],
        "remedy_values": remedied,
        "place": asdict(place) if place else None,
        "because": result.because.rule.id if result.because else None,
        "refs": result.rule.source.split(", "),
        "message": result.seen.id,
        "values": dict(result.seen.values),
        "texts": texts,
    }


def _expected(rule: str, values: dict[str, str]) -> str | None:
    named = _NAMES if rule.partition("-")[0] in _OF_NAMES else ()
    return next((values[name] for name in (*_EXPECTED, *named) if name in values), None)


def _texts(result: Result, lang: str) -> dict[str, str | None]:
    def said(words: Words | None) -> str | None:
        return say_in(lang, words) if words else None

    return {
        "title": said(result.rule.title),
        "why": said(result.seen),
        "remedy": said(result.remedy),
    }


def _observed(each: Observed) -> dict[str, Any]:
    at = each.at.isoformat(timespec="seconds") if each.at else None
    return {
        "source": one_line(each.source),
        "value": one_line(each.value),  # a banner may have what a terminal or browser obeys
        "ttl": each.ttl,
        "rcode": each.rcode or None,
        "at": at,
    }


@cache
def _tool_version() -> str:
    """Our own version, "" where we are run from a folder and not installed."""
    try:
        return metadata.version("pmail-deploy")
    except metadata.PackageNotFoundError:
        return ""
