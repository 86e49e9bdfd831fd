"""A report as it is kept: read back from its JSON, of this version or the one before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from ground.words import LANGUAGES
from postmaster.checks.results import Status
from postmaster.report.places import Place
from postmaster.report.receivers import Verdict

# What somebody has to look at, the worst first.
PROBLEMS = (Status.FAIL, Status.UNKNOWN, Status.WARN)
_ORDER = (*PROBLEMS, Status.PASS, Status.SKIP)


class BadRecord(ValueError):
    """Data is no report."""


@dataclass(frozen=True, slots=True)
class Texts:
    """One text in each of LANGUAGES, in their order."""

    each: tuple[str, ...]

    def in_(self, lang: str) -> str:
        """Return it in a language."""
        return self.each[LANGUAGES.index(lang)]


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. kind: what it is about. expected: what should be there, where that is known.

    place: where its record is entered. exact: the values in the remedy, by name. because: the rule
    that it was skipped for. observed: `source: value`, each answer.
    """

    id: str
    subject: str
    kind: str
    status: Status
    required: bool
    required_by: tuple[str, ...]
    title: Texts
    why: Texts
    remedy: Texts | None
    place: Place | None
    expected: str | None
    exact: tuple[tuple[str, str], ...]
    because: str | None
    observed: tuple[str, ...]
    refs: tuple[str, ...]

    @property
    def name(self) -> str:
        """The rule and what it is about."""
        return f"{self.id} {self.subject}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a receiver would say. checks: the rules that tell, each with what it is about."""

    title: str
    verdict: Verdict
    replies: tuple[str, ...]
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Problems that the last report (of a time, UTC) had not, and those that only it had.

    Each is a rule and what it is about. still: how many both have.
    """

    since: datetime
    new: tuple[str, ...]
    gone: tuple[str, ...]
    still: int


@dataclass(frozen=True, slots=True)
class Earlier:
    """A report of before: when it was made (UTC), and how many results had which status."""

    made: datetime
    counts: tuple[tuple[Status, int], ...]

    def count(self, status: Status) -> int:
        """How many results had a status."""
        return dict(self.counts).get(status, 0)


@dataclass(frozen=True, slots=True)
class Kept:
    """A report on one server. made: UTC. seconds: how long it took. tool: version, "" unknown.

    changes: from the last one, None for the first. history: those before it, the oldest first.
    """

    server: str
    made: datetime
    seconds: float
    exit_status: int
    strict: bool
    only: tuple[str, ...]
    skip: tuple[str, ...]
    tool: str
    receivers: tuple[Said, ...]
    findings: tuple[Finding, ...]
    changes: Changes | None = None
    history: tuple[Earlier, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether only some rules were asked for."""
        return bool(self.only or self.skip)

    def having(self, status: Status) -> tuple[Finding, ...]:
        """Return the results with a status."""
        return tuple(each for each in self.findings if each.status is status)

    def count(self, status: Status) -> int:
        """How many results have a status."""
        return sum(each.status is status for each in self.findings)


def worst(report: Kept) -> tuple[tuple[str, str, Status], ...]:
    """Return each rule with each of its subjects and how it ended: of several the worst."""
    found: dict[tuple[str, str], Status] = {}
    for each in report.findings:
        key = (each.id, each.subject)
        found[key] = min(each.status, found.get(key, each.status), key=_ORDER.index)
    return tuple((id, subject, status) for (id, subject), status in found.items())


def read(record: Any) -> Kept:
    """Return the report that a record holds (`postmaster.report.json`). Raises BadRecord."""
    try:
        return Kept(
            server=_text(record["server"]),
            made=_time(record["made"]),
            seconds=float(record.get("duration_ms", 0)) / 1000,
            exit_status=int(record["exit_status"]),
            strict=bool(record.get("strict")),
            only=_texts(record.get("only", ())),
            skip=_texts(record.get("skip", ())),
            tool=_text(record.get("tool_version", "")),
            receivers=tuple(_receiver(each) for each in record.get("receivers", ())),
            findings=tuple(_finding(each) for each in record["results"]),
            changes=_changes(record.get("changes")),
            history=tuple(_earlier(each) for each in record.get("history", ())),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadRecord(type(error).__name__) from None


def _changes(record: Any) -> Changes | None:
    if record is None:
        return None
    return Changes(
        _time(record["since"]), _texts(record["new"]), _texts(record["gone"]), int(record["still"])
    )


def _earlier(record: Any) -> Earlier:
    counts = tuple((status, int(record["summary"][status.value])) for status in Status)
    return Earlier(_time(record["made"]), counts)


def _receiver(record: Any) -> Said:
    return Said(
        title=_text(record["title"]),
        verdict=Verdict(record["verdict"]),
        replies=_texts(record["replies"]),
        checks=tuple(f"{_text(each['id'])} {_text(each['subject'])}" for each in record["checks"]),
    )


def _finding(record: Any) -> Finding:
    return Finding(
        id=_text(record["check"]),
        subject=_text(record["subject"]),
        kind=_text(record["about"]["kind"]),
        status=Status(record["status"]),
        required=bool(record["required"]),
        required_by=_texts(record.get("required_by", ())),
        title=_said(record, "title", "title"),
        why=_said(record, "why", "seen"),
        remedy=_said(record, "remedy", "remedy") if record["remedy"] is not None else None,
        place=_place(record.get("place")),
        expected=_maybe(record.get("expected")),
        exact=_pairs(record.get("remedy_values", {})),
        because=_maybe(record["because"]),
        observed=tuple(_observed(each) for each in record.get("observed", ())),
        refs=_texts(record.get("refs", ())),
    )


def _said(record: Any, name: str, former: str) -> Texts:
    """A text in every language; version 1 had the user's alone, by a former name."""
    texts = record.get("texts", {})
    return Texts(tuple(_text(texts.get(lang, {}).get(name, record[former])) for lang in LANGUAGES))


def _place(record: Any) -> Place | None:
    if record is None:
        return None
    return Place(*(_text(record[each.name]) for each in fields(Place)))


def _observed(record: Any) -> str:
    said = _text(record["value"]) or _text(record["rcode"] or "-")
    ttl = f" (TTL {int(record['ttl'])})" if record["ttl"] is not None else ""
    return f"{_text(record['source'])}: {said}{ttl}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _pairs(values: Any) -> tuple[tuple[str, str], ...]:
    return tuple((_text(name), _text(value)) for name, value in values.items())


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(_text, values))


def _maybe(value: Any) -> str | None:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
