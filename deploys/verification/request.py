"""What a run of `deploys/verify.py` is asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploys.run.options import Flag, Look, Names, option
from ground.words import Words

if TYPE_CHECKING:
    from postmaster.checks.selection import Selection


@dataclass(frozen=True, slots=True)
class Selecting(Look):
    """A verb that checks: all rules, or some.

    only, skip: ids of rules, or the letters before their numbers. strict: a warning counts as a
    fail.
    """

    only: tuple[str, ...] = option("only", Names(), "--only", default=(), help="cli.only")
    skip: tuple[str, ...] = option("skip", Names(), "--skip", default=(), help="cli.skip")
    strict: bool = option("strict", Flag(), "--strict", default=False, help="cli.strict")

    @property
    def selection(self) -> Selection:
        """Which rules are to be reported."""
        from postmaster.checks.selection import Selection  # who asks for help needs no rules

        return Selection.of(self.only, self.skip)

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return which names no rule has, or that no rule is left."""
        if not self.only and not self.skip:
            return
        from postmaster.checks.selection import reported

        chosen = self.selection
        if chosen.unknown:
            known = ", ".join(rule.id for rule in reported())
            yield Words.of("report.no_rule", names=", ".join(chosen.unknown), known=known)
        elif not any(map(chosen.takes, reported())):
            yield Words.of("report.nothing_left")


@dataclass(frozen=True, slots=True)
class VerifyRequest(Selecting):
    """To check servers."""

    @property
    def shown_dry(self) -> bool:
        """A run that is not carried out checks nothing."""
        return False
