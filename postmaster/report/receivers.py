"""What big receivers would say to a server's mail, as far as the checks of a report tell."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from ground.words import family
from postmaster.checks.results import Result, Status
from postmaster.checks.rules import By, Rule

_WAY = "NET"  # of rules on the way to receivers
_EITHER = {"SPF": "DKIM", "DKIM": "SPF"}


class Verdict(StrEnum):
    """What a receiver would do with mail."""

    ACCEPTS = "accepts"
    REFUSES = "refuses"
    REFUSES_BULK = "refuses-bulk"  # of who sends much; others are measured by it, too
    UNREACHED = "unreached"  # mail does not get there
    UNKNOWN = "unknown"


VERDICTS = family("report.receiver", Verdict)


@dataclass(frozen=True, slots=True)
class Receiver:
    """One receiver. all, bulk: whose demands are its own, of every sender and of big ones.

    either: SPF or DKIM will do where a sender is not big. replies: rule, or its letters -> code.
    """

    name: str
    title: str
    all: frozenset[By]
    bulk: frozenset[By]
    either: bool
    replies: Mapping[str, str]

    def asks(self, rule: Rule) -> bool:
        """Whether it refuses any sender's mail where a rule does not hold.

        It asks for it, or has been seen to refuse mail for just this rule.
        """
        return bool(rule.required_by & self.all) or rule.id in self.replies

    def reply(self, rule: str) -> str:
        """Return how it answers where a rule does not hold, "" where nobody has seen that."""
        return self.replies.get(rule) or self.replies.get(_letters(rule), "")


@dataclass(frozen=True, slots=True)
class Reason:
    """A result that makes a verdict. reply: how the receiver answers, "" where not known."""

    rule: str
    subject: str
    reply: str


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """What a receiver would say, and why. Without reasons an unknown has nothing it asks for."""

    receiver: str
    title: str
    verdict: Verdict
    reasons: tuple[Reason, ...]

    @property
    def replies(self) -> tuple[str, ...]:
        """How it answers, each once."""
        return tuple(dict.fromkeys(each.reply for each in self.reasons if each.reply))

    @property
    def checks(self) -> tuple[str, ...]:
        """The rules that say so, each with what it is about."""
        return tuple(f"{each.rule} {each.subject}" for each in self.reasons)


@cache
def known() -> tuple[Receiver, ...]:
    """Return the receivers of replies.toml, in its order."""
    data = tomllib.loads((Path(__file__).parent / "replies.toml").read_text("utf-8"))
    return tuple(
        Receiver(
            name,
            row["title"],
            frozenset({By.EVERYBODY, *map(By, row["all"])}),
            frozenset(map(By, row["bulk"])),
            row.get("either", False),
            row["replies"],
        )
        for name, row in data.items()
    )


def views(results: Iterable[Result]) -> tuple[ReceiverView, ...]:
    """Return what each receiver would say. results: of all rules that apply to a server."""
    every = tuple(results)
    return tuple(_view(receiver, every) for receiver in known())


def _view(receiver: Receiver, results: tuple[Result, ...]) -> ReceiverView:
    of_all = [each for each in results if receiver.asks(each.rule)]
    of_big = [each for each in results if each.rule.required_by & receiver.bulk]
    failed = [each for each in of_all if each.status is Status.FAIL]
    excused = [each for each in failed if receiver.either and _has_other(each, results)]
    hard = [each for each in failed if each not in excused]
    bulk = [*excused, *(each for each in of_big if each.status is Status.FAIL)]
    away = [each for each in failed if _letters(each.rule.id) == _WAY]
    for verdict, why in (
        (Verdict.UNREACHED, away),
        (Verdict.REFUSES, hard),
        (Verdict.UNKNOWN, _unseen(of_all)),
        (Verdict.REFUSES_BULK, bulk),
        (Verdict.UNKNOWN, _unseen(of_big)),
    ):
        if why:
            return ReceiverView(receiver.name, receiver.title, verdict, _reasons(why, receiver))
    tried = [each for each in (*of_all, *of_big) if each.status is not Status.SKIP]
    verdict = Verdict.ACCEPTS if tried else Verdict.UNKNOWN
    return ReceiverView(receiver.name, receiver.title, verdict, ())


def _unseen(results: Iterable[Result]) -> list[Result]:
    """What could not be seen, or was not tried for something else."""
    return [
        each
        for each in results
        if (each.status is Status.UNKNOWN and each.required)
        or (each.status is Status.SKIP and each.because)
    ]


def _has_other(failed: Result, results: Iterable[Result]) -> bool:
    """Whether of SPF and DKIM the other one holds, for all mail that this one fails for."""
    other = _EITHER.get(_letters(failed.rule.id))
    same = [
        each
        for each in results
        if _letters(each.rule.id) == other
        and each.rule.required_by
        and each.subject.domain in (None, failed.subject.domain)
    ]
    seen = {each.status for each in same}
    return Status.PASS in seen and not seen & {Status.FAIL, Status.UNKNOWN}


def _reasons(results: Iterable[Result], receiver: Receiver) -> tuple[Reason, ...]:
    found = (
        Reason(each.rule.id, str(each.subject), receiver.reply(each.rule.id)) for each in results
    )
    return tuple(dict.fromkeys(found))


def _letters(rule: str) -> str:
    return rule.partition("-")[0]
