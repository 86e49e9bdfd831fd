"""The result of a check: pass, warn, fail, skip or unknown, with what was seen and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ground.words import Words


class Status(StrEnum):
    """How a check ended. `unknown` (could not be observed) never becomes another."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Result:
    """One check on one subject.

    check: id of the rule ("RDNS-01"). subject: domain, address or host it is about.
    remedy: what to do, with the exact value to enter; every warn and fail has one.
    required: an `unknown` here makes the exit status 3.
    """

    check: str
    subject: str
    status: Status
    seen: Words
    remedy: Words | None = None
    required: bool = True
    evidence: tuple[tuple[str, str], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.status in (Status.WARN, Status.FAIL) and self.remedy is None:
            raise ValueError(f"{self.check} {self.status} without a remedy")


def exit_status(results: tuple[Result, ...]) -> int:
    """Return 1 if a check failed, 3 if a required one is unknown, else 0."""
    if any(result.status is Status.FAIL for result in results):
        return 1
    if any(result.status is Status.UNKNOWN and result.required for result in results):
        return 3
    return 0
