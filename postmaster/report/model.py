"""A report: the results of one server at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postmaster.checks.results import Result, exit_status


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
