"""What keeps a domain's DKIM key from being replaced, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploys.rotation.operations import _red
from postmaster.checks import gate, subjects
from postmaster.checks.results import Result, Status, failed, skipped, unknown, warned
from postmaster.checks.rules import RULES, Gate, Rule
from postmaster.checks.seen import ResolverView, Seen
from tests.postmaster.full_view import (
    answer,
    dmarc_site,
    found,
    good,
    server,
    with_domain,
    with_world,
)

SERVER = server()
GOOD = good(SERVER)
FIRST, SECOND = SERVER.domains
WORDS = RULES[0].title
GATING = [rule for rule in RULES if rule.gates]
RESOLVERS = ("1.1.1.1", "9.9.9.9")


def in_the_way(seen: Seen) -> dict[str, list[str]]:
    """For each domain: the rules that keep its key."""
    return {
        domain.name: [f"{r.rule.id} {r.subject}" for r in gate.in_the_way(found(seen), domain)]
        for domain in SERVER.domains
    }


def resolvers(*mute: tuple[str, str]) -> Seen:
    """These resolvers do not answer when they are asked for these zones."""
    zones = tuple(
        replace(
            view,
            resolvers=tuple(
                ResolverView(each, 2, answers=(view.zone, each) not in mute) for each in RESOLVERS
            ),
        )
        for view in GOOD.zones
    )
    return replace(GOOD, zones=zones)


def test_nothing_stands_in_the_way_where_all_is_green() -> None:
    assert in_the_way(GOOD) == {"example.com": [], "other.org": []}


def test_one_mute_resolver_of_several_keeps_no_key_and_all_mute_do() -> None:
    assert in_the_way(resolvers(("example.com", "1.1.1.1"))) == {"example.com": [], "other.org": []}
    assert in_the_way(resolvers(*(("example.com", each) for each in RESOLVERS))) == {
        "example.com": [f"PROP-03 example.com @{each}" for each in RESOLVERS],
        "other.org": [],
    }
    mute = resolvers(*((zone, each) for zone in ("example.com", "other.org") for each in RESOLVERS))
    assert all(len(found) == 2 for found in in_the_way(mute).values())


def test_a_resolver_that_still_has_the_old_answer_counts_as_one_that_answers() -> None:
    stale = resolvers(("example.com", "1.1.1.1"))
    view = stale.zones[0]
    old = replace(view.resolvers[1], stale=(view.records[0].key,))
    zones = (replace(view, resolvers=(view.resolvers[0], old)), stale.zones[1])
    assert in_the_way(replace(stale, zones=zones))["example.com"] == []


def test_a_fault_of_one_domain_keeps_its_own_key_only() -> None:
    seen = with_domain(GOOD, "example.com", dmarc_site=dmarc_site("example.com"))
    assert in_the_way(seen) == {"example.com": ["DMARC-01 _dmarc.example.com"], "other.org": []}
    zones = (replace(GOOD.zones[0], records=(), problem="no servers"), GOOD.zones[1])
    assert in_the_way(replace(GOOD, zones=zones)) == {
        "example.com": ["PROP-01 example.com"],
        "other.org": [],
    }


def test_a_fault_of_the_host_or_of_a_domain_that_all_include_keeps_every_key() -> None:
    down = replace(GOOD, host=replace(GOOD.host, active=False))
    none = with_world(GOOD, spf_includes=(answer("spf.provider.test", "TXT"),))
    for seen, kept in ((down, "DKIM-07 vps"), (none, "SPF-07 spf.provider.test")):
        assert in_the_way(seen) == {"example.com": [kept], "other.org": [kept]}


def test_spf_of_the_mail_host_keeps_the_key_of_the_domain_that_it_is_in() -> None:
    fail = tuple(replace(each, result="fail") for each in GOOD.world.mail_host_spf)
    kept = [f"SPF-14 smtp.example.com {each.address}" for each in fail]
    seen = with_world(GOOD, mail_host_spf=fail)
    assert in_the_way(seen) == {"example.com": kept, "other.org": []}


def test_domains_of_one_zone_are_told_apart_by_their_own_names() -> None:
    there = server(domains=["example.com", "sub.example.com"])
    seen = good(there)
    view = replace(seen.zones[0].records[1], right=0, wrong=("ns1: stale",))
    seen = replace(seen, zones=(replace(seen.zones[0], records=(view,)),))
    kept = [
        [str(each.subject) for each in gate.in_the_way(found(seen), domain)]
        for domain in there.domains
    ]
    assert kept == [["_dmarc.example.com/TXT"], []]


@pytest.mark.parametrize("gating", GATING, ids=lambda rule: rule.id)
def test_each_gating_rule_keeps_a_key_where_it_fails_or_is_unknown(gating: Rule) -> None:
    subject = subjects.of_domain(FIRST)
    for judgement in (failed(WORDS, WORDS), unknown(WORDS)):
        results = (Result(gating, subject, judgement),)
        assert gate.in_the_way(results, FIRST) == results
        assert gate.in_the_way(results, SECOND) == ()
    for judgement in (warned(WORDS, WORDS), skipped(WORDS)):
        assert gate.in_the_way((Result(gating, subject, judgement),), FIRST) == ()


def test_where_one_is_enough_a_skip_is_not_that_one_and_a_fail_is_excused_by_none() -> None:
    (rule,) = [each for each in GATING if each.gates is Gate.ONE]
    subject = subjects.of_domain(FIRST)
    mute = Result(rule, subject, unknown(WORDS))
    known = Result(rule, subject, warned(WORDS, WORDS))
    nothing, wrong = (Result(rule, subject, j) for j in (skipped(WORDS), failed(WORDS, WORDS)))
    assert gate.in_the_way((mute, nothing), FIRST) == (mute,)
    assert gate.in_the_way((mute, known, wrong), FIRST) == (wrong,)


def test_rules_that_do_not_gate_keep_no_key() -> None:
    others = [
        Result(rule, subjects.of_domain(FIRST), failed(WORDS, WORDS))
        for rule in RULES
        if not rule.gates
    ]
    assert others and gate.in_the_way(others, FIRST) == ()


def test_a_rotation_that_is_refused_names_each_rule_its_subject_and_what_was_seen() -> None:
    seen = with_domain(GOOD, "example.com", dmarc_site=dmarc_site("example.com"))
    first, *lines = _red(list(found(seen)), "example.com", SERVER)
    assert "example.com" in first
    assert lines == ["DMARC-01 _dmarc.example.com: DMARC records: 0"]
    assert _red(list(found(seen)), "other.org", SERVER) == []
    mute = resolvers(("example.com", "1.1.1.1"))
    assert any(each.status is Status.UNKNOWN for each in found(mute))
    assert _red(list(found(mute)), "example.com", SERVER) == []
