"""Reports as metrics, in the text format of Prometheus, for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postmaster.checks.results import Status
from postmaster.report.kept import Kept, worst

_NUMBERS = {
    Status.SKIP: -1,
    Status.PASS: 0,
    Status.WARN: 1,
    Status.FAIL: 2,
    Status.UNKNOWN: 3,
}
_TOLD = ", ".join(f"{number} {status.value}" for status, number in _NUMBERS.items())
Sample = tuple[dict[str, str], float]


def prometheus(reports: Iterable[Kept]) -> str:
    """Return the reports as metrics: each check's status, sums, exit status, time and duration.

    docs/verify.md lists them. Texts are not in it: they change, and would make new series.
    """
    every = tuple(reports)
    lines = [
        *_metric("check_status", f"Status of a check: {_TOLD}.", _statuses(every)),
        *_metric("checks", "How many checks ended so.", _sums(every)),
        *_metric("exit_status", "0 no fail, 1 a fail, 3 a required check unknown.", _exits(every)),
        *_metric("time_seconds", "When the report was made, Unix time.", _times(every)),
        *_metric("duration_seconds", "How long it took.", _durations(every)),
    ]
    return "\n".join(lines) + "\n"


def _metric(name: str, told: str, samples: Iterator[Sample]) -> Iterator[str]:
    full = f"pmail_verify_{name}"
    yield f"# HELP {full} {told}"
    yield f"# TYPE {full} gauge"
    for labels, value in samples:
        given = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{full}{{{given}}} {value:.15g}"


def _statuses(reports: tuple[Kept, ...]) -> Iterator[Sample]:
    """A series stands once, or the whole file is refused: of two results the worse counts."""
    for report in reports:
        for id, subject, status in worst(report):
            labels = {"server": report.server, "check": id, "subject": subject}
            yield labels, _NUMBERS[status]


def _sums(reports: tuple[Kept, ...]) -> Iterator[Sample]:
    for report in reports:
        for status in Status:
            yield {"server": report.server, "status": status.value}, report.count(status)


def _exits(reports: tuple[Kept, ...]) -> Iterator[Sample]:
    return (({"server": each.server}, each.exit_status) for each in reports)


def _times(reports: tuple[Kept, ...]) -> Iterator[Sample]:
    return (({"server": each.server}, each.made.timestamp()) for each in reports)


def _durations(reports: tuple[Kept, ...]) -> Iterator[Sample]:
    return (({"server": each.server}, each.seconds) for each in reports)


def _escaped(text: str) -> str:
    """A label's value: backslash, quote and line feed are escaped, all else stands as it is."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
