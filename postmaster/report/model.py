"""A report: the results of one server at one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from postmaster.checks.results import Result, exit_status
from postmaster.checks.selection import EVERYTHING, Selection
from postmaster.settings import ZoneSettings


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one server at one time (UTC).

    took: seconds from the first question to the last answer. strict: a warning counts as a fail.
    selection: which rules were asked for; `results` are those of these. zones: those of the site.
    """

    server: str
    made: datetime
    results: tuple[Result, ...]
    took: float = 0.0
    strict: bool = False
    selection: Selection = EVERYTHING
    zones: tuple[ZoneSettings, ...] = ()

    @property
    def started(self) -> datetime:
        """When the first question was asked (UTC)."""
        return self.made - timedelta(seconds=self.took)

    @property
    def exit_status(self) -> int:
        """0 no fail, 1 a fail, 3 a required check unknown."""
        return exit_status(self.results, strict=self.strict)
