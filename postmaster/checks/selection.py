"""Which rules a report is asked for; what keeps one of them from being tried is in it, too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postmaster.checks.results import Result
from postmaster.checks.rules import RULES, Rule, Run


@dataclass(frozen=True, slots=True)
class Selection:
    """Rules by their ids (`SPF-03`), or by the letters before the number (`SPF`): all of these.

    only: the rules to report; all where none is named. skip: rules to leave out.
    """

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    @classmethod
    def of(cls, only: Iterable[str], skip: Iterable[str]) -> Selection:
        """Return what was typed: names in any case, several in one with commas between them."""
        return cls(_names(only), _names(skip))

    @property
    def partial(self) -> bool:
        """Whether a report may lack rules."""
        return bool(self.only or self.skip)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names that no rule has."""
        known = {name for rule in reported() for name in (rule.id, _letters(rule))}
        return tuple(name for name in (*self.only, *self.skip) if name not in known)

    def takes(self, rule: Rule) -> bool:
        """Whether a rule is to be reported."""
        return (not self.only or _named(rule, self.only)) and not _named(rule, self.skip)

    def of_results(self, results: Iterable[Result]) -> tuple[Result, ...]:
        """Return those to report, of all.

        All rules were tried, so each result stands on what it needs. Where a rule is not tried for
        another that fails, that one is reported too, unless it is to be left out: else a report
        would be green because of a fault.
        """
        every = tuple(results)
        taken = [each for each in every if self.takes(each.rule)]
        causes = [each.because for each in taken if each.because]
        return tuple(
            each
            for each in every
            if self.takes(each.rule) or (each in causes and not _named(each.rule, self.skip))
        )


EVERYTHING = Selection()


def reported() -> tuple[Rule, ...]:
    """Return the rules of reports on servers: what preflight still warns of is in them, too."""
    return tuple(rule for rule in RULES if rule.run is not Run.PREFLIGHT or not rule.again)


def _named(rule: Rule, names: tuple[str, ...]) -> bool:
    return rule.id in names or _letters(rule) in names


def _letters(rule: Rule) -> str:
    return rule.id.partition("-")[0]


def _names(given: Iterable[str]) -> tuple[str, ...]:
    parts = (part.strip().upper() for each in given for part in each.split(","))
    return tuple(dict.fromkeys(filter(None, parts)))
