"""The result of a check: pass, warn, fail, skip or unknown, with what was seen and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ground.words import Words
from postmaster.checks.rules import Rule
from postmaster.checks.subjects import Subject


class Status(StrEnum):
    """How a check ended. `unknown` (could not be observed) never becomes another."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check finds of one subject.

    remedy: what to do, with the exact value to enter; every warn and fail has one.
    required: an `unknown` here makes the exit status 3.
    """

    status: Status
    seen: Words
    remedy: Words | None = None
    required: bool = True


def passed(seen: Words) -> Judgement:
    """It is as it should be."""
    return Judgement(Status.PASS, seen)


def warned(seen: Words, remedy: Words) -> Judgement:
    """It works, and is not as it should be."""
    return Judgement(Status.WARN, seen, remedy)


def failed(seen: Words, remedy: Words) -> Judgement:
    """It does not work."""
    return Judgement(Status.FAIL, seen, remedy)


def skipped(seen: Words) -> Judgement:
    """There is nothing to look at."""
    return Judgement(Status.SKIP, seen)


def unknown(seen: Words, *, required: bool = True) -> Judgement:
    """It could not be observed. required: somebody has to look, or the report is not complete."""
    return Judgement(Status.UNKNOWN, seen, required=required)


@dataclass(frozen=True, slots=True)
class Observed:
    """One answer that a result stands on.

    source: who gave it: a resolver's or server's address, or what was asked where that is not
    known. value: as text, "" for none. rcode: how DNS answered. ttl: seconds. at: UTC.
    """

    source: str
    value: str = ""
    rcode: str = ""
    ttl: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One rule on one subject.

    because: the result of another rule that has to hold first and does not, where this one was
    skipped for it. observed: what was answered, by whom, where that is known.
    """

    rule: Rule
    subject: Subject
    judgement: Judgement
    because: Result | None = None
    observed: tuple[Observed, ...] = ()

    @property
    def status(self) -> Status:
        """How it ended."""
        return self.judgement.status

    @property
    def seen(self) -> Words:
        """What was seen."""
        return self.judgement.seen

    @property
    def remedy(self) -> Words | None:
        """What to do."""
        return self.judgement.remedy

    @property
    def required(self) -> bool:
        """Whether an `unknown` makes the exit status 3."""
        return self.rule.required and self.judgement.required


def exit_status(results: Iterable[Result], *, strict: bool = False) -> int:
    """Return 1 if a check failed, 3 if a required one is unknown, else 0.

    strict: a warning counts as a fail.
    """
    every = tuple(results)
    failing = {Status.FAIL, Status.WARN} if strict else {Status.FAIL}
    if any(result.status in failing for result in every):
        return 1
    if any(result.status is Status.UNKNOWN and result.required for result in every):
        return 3
    return 0
