"""What big receivers would say: by what they ask for, and by what was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postmaster.checks.results import Result, Status
from postmaster.checks.rules import RULES, By, Run
from postmaster.checks.seen import Seen
from postmaster.report.receivers import ReceiverView, Verdict, known, views
from probes.world.dns import Outcome, Reverse
from probes.world.spf import SpfView
from tests.postmaster.full_view import (
    ADDRESSES,
    ALL_MODES,
    found,
    good,
    keys_of,
    mute,
    server,
    with_domain,
    with_world,
)

SERVER = server()
GOOD = good(SERVER)


def view(seen: Seen, receiver: str) -> ReceiverView:
    (one,) = [each for each in views(found(seen)) if each.receiver == receiver]
    return one


def verdicts(seen: Seen) -> dict[str, Verdict]:
    return {each.receiver: each.verdict for each in views(found(seen))}


def without_spf() -> Seen:
    """The first domain's SPF fails for one address."""
    spf = tuple(
        SpfView(each, "example.com", "smtp.example.com", "fail", "", 0) for each in ADDRESSES
    )
    return with_domain(GOOD, "example.com", spf=spf)


def without_ptr() -> Seen:
    first = Reverse(ADDRESSES[0], Outcome.NXDOMAIN)
    return with_world(GOOD, reverse=(first, *GOOD.world.reverse[1:]))


@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_server_as_it_should_be_is_accepted_by_all_that_ask_for_something_of_it(
    mode: str,
) -> None:
    seen = verdicts(good(server(mode)))
    assert set(seen) == {"gmail", "outlook", "yahoo", "icloud", "qq", "netease", "sina"}
    assert set(seen.values()) == {Verdict.ACCEPTS}


def test_a_missing_ptr_is_refused_by_who_asks_for_it_with_the_code_that_is_known() -> None:
    seen = verdicts(without_ptr())
    refusing = {name for name, verdict in seen.items() if verdict is Verdict.REFUSES}
    assert refusing == {"gmail", "yahoo", "icloud", "sina"}
    assert {seen[name] for name in ("outlook", "qq", "netease")} == {Verdict.ACCEPTS}
    gmail = view(without_ptr(), "gmail")
    assert gmail.replies == ("421 4.7.23, 550 5.7.25",)
    assert gmail.checks == ("RDNS-01 8.8.8.8",)
    assert "cannot find your hostname" in view(without_ptr(), "sina").replies[0]


def test_who_takes_spf_or_dkim_refuses_only_big_senders_where_one_of_them_holds() -> None:
    seen = verdicts(without_spf())
    assert seen["gmail"] is seen["yahoo"] is seen["outlook"] is Verdict.REFUSES_BULK
    assert seen["qq"] is seen["netease"] is seen["icloud"] is Verdict.REFUSES
    assert view(without_spf(), "netease").replies == ("550 MI:SPF",)
    assert len(view(without_spf(), "qq").checks) == 2


def test_who_takes_spf_or_dkim_refuses_where_both_fail_for_one_domain() -> None:
    seen = keys_of(without_spf(), "example.com")
    assert verdicts(seen)["gmail"] is Verdict.REFUSES
    seen = keys_of(without_spf(), "other.org")
    assert verdicts(seen)["gmail"] is Verdict.REFUSES_BULK


def test_what_could_not_be_seen_is_neither_accepted_nor_refused() -> None:
    silent = {"dmarc_site": mute(GOOD.world.domains[0])["dmarc_site"]}
    seen = verdicts(with_domain(GOOD, "example.com", **silent))
    assert seen["qq"] is seen["icloud"] is seen["outlook"] is seen["gmail"] is Verdict.UNKNOWN
    assert seen["netease"] is seen["sina"] is Verdict.ACCEPTS
    both = with_domain(without_ptr(), "example.com", **silent)
    assert verdicts(both)["gmail"] is Verdict.REFUSES


def test_without_results_nothing_is_known() -> None:
    assert {each.verdict for each in views(())} == {Verdict.UNKNOWN}


def test_every_demand_is_some_receivers_and_every_reply_belongs_to_a_rule_that_may_come() -> None:
    asked = {by for receiver in known() for by in receiver.all | receiver.bulk}
    assert asked == set(By)
    rules = {name for rule in RULES for name in (rule.id, rule.id.partition("-")[0])}
    assert all(name in rules and reply for each in known() for name, reply in each.replies.items())


def test_each_failing_rule_that_a_receiver_asks_for_changes_its_verdict() -> None:
    """Of one rule alone, whatever else passes."""
    every = found(GOOD)
    told = {name for receiver in known() for name in receiver.replies}
    mine = [rule for rule in RULES if rule.run is Run.VERIFY]
    asking = [rule for rule in mine if rule.required_by or rule.id in told]
    for rule in asking:
        broken = tuple(_failing(each) if each.rule is rule else each for each in every)
        for receiver, seen in zip(known(), views(broken), strict=True):
            asked = receiver.asks(rule) or rule.required_by & receiver.bulk
            if asked and rule in {each.rule for each in every}:
                away = rule.id.startswith("NET-")
                bad = {Verdict.UNREACHED} if away else {Verdict.REFUSES, Verdict.REFUSES_BULK}
                assert seen.verdict in bad, (rule.id, receiver.name)
            else:
                assert seen.verdict is Verdict.ACCEPTS, (rule.id, receiver.name)


def _failing(result: Result) -> Result:
    judgement = replace(result.judgement, status=Status.FAIL, remedy=result.seen)
    return replace(result, judgement=judgement)
