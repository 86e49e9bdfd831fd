"""Carry checks out in the order of the rules; what needs another rule waits for how that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ground.words import Words, family
from postmaster.checks.observed import observed_in
from postmaster.checks.results import Judgement, Result, Status, skipped
from postmaster.checks.rules import RULES, Rule
from postmaster.checks.subjects import Subject
from postmaster.settings import MailServer

S = TypeVar("S")
T = TypeVar("T")
W = TypeVar("W")

_SKIP = family("checks.skip", (Status.FAIL, Status.UNKNOWN))


@dataclass(frozen=True, slots=True)
class Check(Generic[S, T]):
    """How a rule is tried.

    each: the subjects in what was seen (S), each with what was seen of it (T). judge: what that
    means; it is only asked where all that the rule needs holds.
    """

    rule: Rule
    each: Callable[[S], Iterable[tuple[Subject, T]]]
    judge: Callable[[T, S], Judgement]

    def within(self, part: Callable[[W], S]) -> Check[W, T]:
        """The same check for whoever sees more. part: what this one judges of that."""
        return Check(
            self.rule,
            lambda seen: self.each(part(seen)),
            lambda thing, seen: self.judge(thing, part(seen)),
        )


def run(checks: Iterable[Check[S, Any]], seen: S, server: MailServer | None) -> tuple[Result, ...]:
    """Return the results of all rules that apply to a server, in the order of `RULES`.

    server: None for domains without an inventory.
    """
    results: list[Result] = []
    for check in sorted(checks, key=lambda check: RULES.index(check.rule)):
        if not check.rule.applies(server):
            continue
        for subject, thing in check.each(seen):
            because = _in_the_way(check.rule, subject, results)
            judgement = _skipped(because) if because else check.judge(thing, seen)
            observed = () if because else observed_in(thing, subject)
            results.append(Result(check.rule, subject, judgement, because, observed))
    return tuple(results)


def _in_the_way(rule: Rule, subject: Subject, results: Iterable[Result]) -> Result | None:
    """The first result that keeps a rule from being tried: of this subject, or of one around it."""
    for each in results:
        if each.rule not in rule.needs or not each.subject.covers(subject):
            continue
        if each.status in (Status.FAIL, Status.UNKNOWN):
            return each
        if each.because:
            return each.because
    return None


def _skipped(because: Result) -> Judgement:
    values = {"rule": because.rule.id, "subject": because.subject}
    return skipped(Words.of(_SKIP[because.status], **values))
