"""What a report must not say: two results of it that cannot both be true, or help together.

`contradictions` is pure, and goes over any results: those of generated worlds, of the lab, of a
fake DNS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

from ground.words import Words, catalogue
from postmaster.checks.results import Result, Status
from postmaster.checks.subjects import About
from postmaster.report.places import record_of

_BAD = frozenset({Status.WARN, Status.FAIL})
# Advice to write a record: in its text, unless that says that there is nothing to.
_PUBLISHES = frozenset(
    id
    for id, text in catalogue("en").items()
    if id.startswith(("checks.", "spf.", "dkim.", "dmarc."))
    and re.search(r"\bpublish\b|put \{term\}", text)
    and "nothing to publish" not in text
)
_OF_DNS = ("MX-", "SPF-", "DMARC-", "DKIM-")


def contradictions(results: Iterable[Result]) -> tuple[str, ...]:
    """Return each contradiction as a sentence for programmers."""
    every = tuple(results)
    return tuple(
        dict.fromkeys(
            (
                *_two_answers(every),
                *_right_and_to_be_published(every),
                *_skipped_for_nothing(every),
                *_closed_and_seen(every),
                *_two_values(every),
                *_without_help(every),
                *_blind_and_sure(every),
            )
        )
    )


def _name(result: Result) -> str:
    return f"{result.rule.id} {result.subject} {result.status.value}"


def _two_answers(results: tuple[Result, ...]) -> Iterator[str]:
    """A rule ends in one way on one thing."""
    for one, other in combinations(results, 2):
        if (one.rule, one.subject) == (other.rule, other.subject) and one.status != other.status:
            yield f"{_name(one)}, and {other.status.value}"


def _right_and_to_be_published(results: tuple[Result, ...]) -> Iterator[str]:
    """What all name servers show as it is wanted need not be published."""
    right = {
        each.subject.record
        for each in results
        if each.rule.id == "PROP-01" and each.status is Status.PASS and each.subject.record
    }
    for each in results:
        # A warning may be about what is published as it is wanted, and could be better.
        if each.status is Status.FAIL and _advises_to_publish(each.remedy):
            record = record_of(each)
            if record in right:
                yield f"{_name(each)}: publish {record}, which PROP-01 says is right"


def _advises_to_publish(remedy: Words | None) -> bool:
    return remedy is not None and remedy.id in _PUBLISHES


def _skipped_for_nothing(results: tuple[Result, ...]) -> Iterator[str]:
    """What a rule was skipped for is in the report, and has not passed."""
    for each in results:
        because = each.because
        if because is None:
            continue
        if each.status is not Status.SKIP or because not in results:
            yield f"{_name(each)}, for {_name(because)}"
        if because.status not in (Status.FAIL, Status.UNKNOWN):
            yield f"{_name(each)}, for {_name(because)}"


def _closed_and_seen(results: tuple[Result, ...]) -> Iterator[str]:
    """Nothing is seen behind a port that is closed."""
    closed = {
        (each.subject.address, each.subject.port)
        for each in results
        if each.rule.id == "NET-02" and each.status is Status.FAIL
    }
    for each in results:
        there = (each.subject.address, each.subject.port)
        behind = each.rule.id.startswith(("TLS-", "SMTP-")) and there in closed
        if behind and each.status is not Status.SKIP:
            yield f"{_name(each)} behind a closed port"


def _two_values(results: tuple[Result, ...]) -> Iterator[str]:
    """A PTR, or a record that there is one of, is to have one value."""
    told: dict[object, set[str]] = {}
    for each in results:
        values = each.remedy.named if each.remedy and each.status in _BAD else {}
        if "record" in values and each.subject.record:
            told.setdefault(each.subject.record, set()).add(values["record"])
    for record, wanted in told.items():
        if len(wanted) > 1:
            yield f"{record} is to be {sorted(wanted)}"


def _without_help(results: tuple[Result, ...]) -> Iterator[str]:
    """What is wrong has a remedy, and only that."""
    for each in results:
        if (each.remedy is not None) is not (each.status in _BAD):
            yield f"{_name(each)} has {'a' if each.remedy else 'no'} remedy"


def _blind_and_sure(results: tuple[Result, ...]) -> Iterator[str]:
    """While no resolver answers, nothing that resolvers would say of a record is known."""
    asked = [each for each in results if each.rule.id == "PROP-03" and not each.because]
    views = [each for each in asked if each.subject.about is About.RESOLVER]
    if not views or any(each.status is not Status.UNKNOWN for each in views):
        return
    for each in results:
        if each.status is Status.FAIL and each.rule.id.startswith(_OF_DNS):
            yield f"{_name(each)}, while no resolver answers"
