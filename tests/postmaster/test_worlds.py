"""Each rule in a world in which it holds and in one in which it does not, one fact apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.words import say
from postmaster.checks.results import Status, exit_status
from postmaster.checks.rules import RULES, Run
from postmaster.outbound import MODES
from tests.postmaster.worlds import (
    delegation,
    dkim,
    dmarc,
    mail_exchanges,
    outside,
    resolving,
    spf,
)
from tests.postmaster.worlds.case import Case, Fact
from tests.postmaster.worlds.world import honest

CASES: tuple[Case, ...] = (
    *delegation.CASES,
    *mail_exchanges.CASES,
    *outside.CASES,
    *resolving.CASES,
    *(*spf.CASES, *dkim.CASES, *dmarc.CASES),
)

# Rules that have no case here yet. The list may only get shorter.
WITHOUT = {
    *("STS-01", "STS-02", "STS-03", "STS-04", "CLI-01", "CLI-04"),
    *("WEB-01", "WEB-02"),
    *(
        "PROP-01",
        "PROP-03",
    ),
    *(
        "DKIM-07",
        "DKIM-18",
    ),
    *(),
    *(
        "HOST-01",
        "HOST-02",
    ),
    *(
        "OUT-01",
        "OUT-02",
        "OUT-03",
        "OUT-04",
        "OUT-05",
    ),
    *(
        "EDGE-01",
        "EDGE-02",
        "EDGE-03",
        "EDGE-04",
    ),
    *(
        "CLI-01",
        "CLI-02",
        "CLI-04",
    ),
    *(
        "STS-01",
        "STS-02",
        "STS-03",
        "STS-04",
    ),
    # What it judges is the domain's own name: tests/postmaster/test_reputation.py.
    *("DOM-03",),
    *("RPT-01",),
}


# PMail alone signs all mail with the key of the first domain.
ALONE = {("DKIM-16", "other.org"), ("DMARC-05", "_dmarc.other.org")}


def wrong(mode: str, **data: object) -> set[tuple[str, str]]:
    """What does not pass in a world without a fault, but for what its mode cannot do."""
    results = honest(mode, **data).results()
    found = {(e.rule.id, str(e.subject)) for e in results if e.status is not Status.PASS}
    return found - (ALONE if mode == "direct" else set())


@pytest.mark.parametrize("mode", MODES)
def test_an_honest_world_is_all_green(mode: str) -> None:
    assert wrong(mode) == set()


@pytest.mark.slow
@settings(max_examples=25, deadline=None, database=None)
@given(
    mode=st.sampled_from(sorted(MODES)),
    spf_all=st.sampled_from(["~all", "-all"]),
    dmarc_policy=st.sampled_from(["none", "quarantine", "reject"]),
    caa=st.sampled_from([[], ["letsencrypt.org"]]),
    spf_include=st.sampled_from([[], ["spf.provider.test"]]),
)
def test_the_records_that_an_inventory_makes_are_clean_whatever_it_says(
    mode: str, **data: object
) -> None:
    if MODES[mode].sends_from == "provider" and not data["spf_include"]:
        data["spf_include"] = ["spf.provider.test"]
    assert wrong(mode, **data) == set()


@pytest.mark.parametrize("name", ["example.com", "other.org"])
def test_a_domain_of_an_honest_world_is_all_green_for_whoever_knows_nothing_of_it(
    name: str,
) -> None:
    results = honest().checked(name)
    assert {each.rule.id for each in results if each.status is Status.SKIP} == {"DMARC-05"}
    assert {each.status for each in results} == {Status.PASS, Status.SKIP}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_fact_is_between_a_rule_that_holds_and_one_that_does_not(case: Case) -> None:
    right = case.results(case.good())
    assert right and {each.status for each in right} == {Status.PASS}, right
    wrong = [each for each in case.results(case.broken()) if each.status is not Status.PASS]
    assert case.status in {each.status for each in wrong}, wrong
    for each in wrong:
        assert say(each.seen)
        assert (each.remedy is not None) is (each.status in (Status.WARN, Status.FAIL))
    if case.remedy:
        assert any(each.remedy and case.remedy in say(each.remedy) for each in wrong)


@pytest.mark.parametrize(
    "case", [each for each in CASES if each.status is Status.FAIL and not each.check], ids=str
)
def test_a_rule_that_fails_is_the_verdict(case: Case) -> None:
    assert exit_status(case.broken().results()) == 1


@pytest.mark.parametrize("fact", [resolving.cut_off, resolving.taken])
def test_where_dns_is_not_reached_there_is_one_finding(fact: Fact) -> None:
    world = honest()
    fact(world)
    results = world.checked()
    said = [each.rule.id for each in results if each.status is not Status.SKIP]
    assert said == ["PROP-05"] and exit_status(results) == 3
    assert {each.because.rule.id for each in results if each.because} == {"PROP-05"}


def test_every_rule_has_its_case() -> None:
    every = {rule.id for rule in RULES if rule.run is Run.VERIFY}
    with_case = {case.rule for case in CASES}
    assert every - with_case <= WITHOUT, "a new rule has a case in tests/postmaster/worlds"
    assert not WITHOUT & with_case, "take it from the list"
