"""Some rules of a report: which are reported, and that a cause is not left out by accident."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploys.cli.verbs import VERBS, VERIFY
from deploys.run.options import words
from deploys.run.verb import Verb
from deploys.verification.request import VerifyRequest
from ground.words import say
from postmaster.checks.results import Result, Status, exit_status
from postmaster.checks.selection import EVERYTHING, Selection, reported
from probes.world.tcp import Reach
from tests.postmaster.full_view import answer, found, good, server, with_domain, with_world

SERVER = server()
ALL = found(good(SERVER))


def ids(results: tuple[Result, ...]) -> list[str]:
    return list(dict.fromkeys(each.rule.id for each in results))


@pytest.mark.parametrize(
    ("only", "skip", "left"),
    [
        (["EDGE"], [], [f"EDGE-0{number}" for number in (1, 2, 3, 4)]),
        (["rdns-01, tls-03"], [], ["RDNS-01", "TLS-03"]),
        (["TLS"], ["TLS-02"], ["TLS-01", "TLS-03", "TLS-04", "TLS-05"]),
        (["DKIM-18", "DKIM-18"], [], ["DKIM-18"]),
    ],
)
def test_rules_are_chosen_by_id_or_by_letters(
    only: list[str], skip: list[str], left: list[str]
) -> None:
    assert ids(Selection.of(only, skip).of_results(ALL)) == left


def test_without_a_choice_all_is_reported() -> None:
    assert EVERYTHING.of_results(ALL) == ALL and not EVERYTHING.partial
    assert Selection.of(["", " , "], []) == EVERYTHING


def test_letters_do_not_mean_rules_that_only_begin_with_them() -> None:
    assert Selection.of(["D", "SP", "TLS-"], []).unknown == ("D", "SP", "TLS-")


def shut() -> tuple[Result, ...]:
    """Port 25 refuses connections, so nothing behind it is tried."""
    smtp = replace(good(SERVER).world.smtp, reach=Reach.REFUSED, banner="", tls=None)
    return found(with_world(good(SERVER), smtp=smtp))


def test_what_keeps_a_chosen_rule_from_being_tried_is_reported_and_counts() -> None:
    left = Selection.of(["TLS-02"], []).of_results(shut())
    assert ids(left) == ["NET-02", "TLS-02"]
    (cause,) = [each for each in left if each.rule.id == "NET-02"]
    assert (str(cause.subject), cause.status) == ("8.8.8.8:25", Status.FAIL)
    assert exit_status(left) == 1


def test_a_cause_that_is_to_be_left_out_is_left_out_and_its_dependants_are_not_tried() -> None:
    left = Selection.of([], ["NET"]).of_results(shut())
    assert "NET-02" not in ids(left) and exit_status(left) == 0
    skipped = [each for each in left if each.rule.id == "TLS-02" and each.status is Status.SKIP]
    assert "NET-02, which failed" in say(skipped[0].seen)
    left = Selection.of(["TLS-02"], ["NET-02"]).of_results(shut())
    assert ids(left) == ["TLS-02"]


def test_a_failing_prerequisite_of_what_is_not_chosen_is_not_reported() -> None:
    none = with_domain(good(SERVER), "example.com", mx=answer("example.com", "MX"))
    assert exit_status(found(none)) == 1
    assert exit_status(Selection.of(["TLS"], []).of_results(found(none))) == 0


def told(*, only: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> list[str]:
    return [each.id for each in VerifyRequest(only, skip).problems(dry=False)]


def test_names_that_no_rule_has_are_refused_and_all_that_there_are_is_said() -> None:
    assert told(only=("SPF,DKIM-06",), skip=("dmarc",)) == []
    assert told() == []
    (problem,) = VerifyRequest(("SFP", "SPF-03"), ("TLS-99",)).problems(dry=False)
    assert problem.named["names"] == "SFP, TLS-99"
    known = problem.named["known"].split(", ")
    assert known == [rule.id for rule in reported()] and "PRE-17" not in known
    assert told(only=("PRE-17",)) == ["report.no_rule"]


def test_a_choice_that_leaves_nothing_is_refused() -> None:
    assert told(only=("SPF-03",), skip=("SPF",)) == ["report.nothing_left"]


@pytest.mark.parametrize(
    "verb", [each for each in VERBS if each is not VERIFY], ids=lambda verb: verb.name
)
def test_no_other_verb_can_be_asked_for_some_rules_only(verb: Verb[Any]) -> None:
    """So neither a deploy's own report nor the gate of a rotation is laxer for it."""
    assert not {"only", "skip", "strict"} & set(words(verb.request))
