"""MTA-STS policies of our own domains: as senders read them, and what an id remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.base import Capabilities, Snapshot
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry, Plan, plan
from dns_providers.rrset import MX, TXT, Address, Value, key, owner_name, rrset
from postmaster import mta_sts
from postmaster.desired import BEFORE_MX, POLICY_STAGE, desired
from postmaster.mta_sts import DAY, Policy, PolicyId, StsSyntaxError
from postmaster.own_policies import why_mx_waits, with_policies
from postmaster.settings import Site
from tests.postmaster.test_desired import key_of
from tests.postmaster.test_settings import reasons, site, zone

WEEK = 7 * DAY
NOW = 1_795_000_000
ENFORCED = Policy("enforce", ("smtp.example.com",), WEEK)
ZONE = "example.com"


# -- as senders read it --------------------------------------------------------------------------


def test_a_policy_is_read_as_it_was_written() -> None:
    for policy in (ENFORCED, Policy("none", (), DAY), replace(ENFORCED, mx=("a.b", "*.c.d"))):
        assert mta_sts.parse_policy(policy.text.encode()) == policy


def test_line_ends_and_unknown_fields_do_not_matter() -> None:
    text = "version: STSv1\r\nmode: testing\r\nmx: *.example.net\r\nmax_age: 1\r\nnew: x\r\n"
    assert mta_sts.parse_policy(text.encode()) == Policy("testing", ("*.example.net",), 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n",
        b"version: STSv1\nmode: strict\nmx: a.b\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 31557601\n",
        b"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: -1\n",
        b"version: STSv1\nmode: enforce\nmx: a.b\n",
        b"<html>\n",
        b"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 1\n" + b" " * 65536,
    ],
)
def test_what_is_no_policy_is_refused(content: bytes) -> None:
    with pytest.raises(StsSyntaxError):
        mta_sts.parse_policy(content)


def test_a_wildcard_covers_one_label() -> None:
    policy = replace(ENFORCED, mx=("*.example.net",))
    assert policy.covers("mx.example.net")
    assert not policy.covers("example.net") and not policy.covers("a.mx.example.net")


@pytest.mark.parametrize(
    ("data", "id"),
    [
        (b"v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        (b"v=STSv1;id=1", "1"),
        (b"v=STSv1; id=" + b"a" * 33, None),
        (b"v=STSv1; id=a-b;", None),
        (b"v=STSv1", None),
        (b"v=stsv1; id=1", None),
    ],
)
def test_a_record_has_an_id_of_letters_and_digits(data: bytes, id: str | None) -> None:
    if id is None:
        with pytest.raises(StsSyntaxError):
            mta_sts.parse_record(data)
    else:
        assert mta_sts.parse_record(data) == id


# -- what an id remembers ------------------------------------------------------------------------


@given(
    st.integers(0, 4_000_000_000),
    st.integers(0, mta_sts.LONGEST),
    st.integers(0, 4_100_000_000),
)
def test_an_id_is_read_as_it_was_made_and_senders_take_it(since: int, age: int, until: int) -> None:
    id = PolicyId(since, ENFORCED.sum, age, until)
    record = mta_sts.build(id)
    assert mta_sts.parse_record(record.data) == id.text
    assert mta_sts.parse_id(id.text) == id
    assert mta_sts.published([record, TXT(b"v=spf1 -all")]) == id


@pytest.mark.parametrize(
    "text", ["20160831085700Z", "1", "9" * 32, "2026132508570012345600000000000000"]
)
def test_an_id_of_somebody_else_says_nothing(text: str) -> None:
    assert mta_sts.parse_id(text) is None


def test_an_id_changes_when_its_policy_does_and_only_then() -> None:
    first = mta_sts.next_id(None, ENFORCED, NOW)
    assert mta_sts.next_id(first, ENFORCED, NOW + WEEK) == first
    for other in (
        replace(ENFORCED, mode="testing"),
        replace(ENFORCED, max_age=DAY),
        replace(ENFORCED, mx=("smtp.example.com", "smtp.other.org")),
    ):
        assert mta_sts.next_id(first, other, NOW + 5).text != first.text


def test_the_longest_that_any_policy_of_before_is_remembered_counts() -> None:
    year = mta_sts.next_id(None, replace(ENFORCED, max_age=365 * DAY), NOW)
    shorter = mta_sts.next_id(year, replace(ENFORCED, max_age=DAY), NOW + DAY)
    ending = mta_sts.next_id(shorter, Policy("none", (), DAY), NOW + 9 * DAY)
    assert ending.until == NOW + DAY + 365 * DAY + DAY


# -- of a site -----------------------------------------------------------------------------------


def entry(owner: str, rtype: str, group: str, *values: Value) -> Entry:
    return Entry(key(owner, rtype), frozenset(values), 3600, "written", group, ClaimMode.EXCLUSIVE)


def state(*entries: Entry, former: dict[str, int] | None = None) -> dict[str, LedgerState]:
    gone = {(key(ZONE, "MX"), value): since for value, since in (former or {}).items()}
    return {ZONE: LedgerState({each.key: each for each in entries}, former=gone)}


def out(id: PolicyId, domain: str = ZONE) -> Entry:
    return entry(f"_mta-sts.{domain}", "TXT", f"sts:{domain}", mta_sts.build(id))


def asked(mode: str, now: int = NOW, ledgers: dict[str, LedgerState] | None = None) -> Site:
    return with_policies(site(mta_sts_policy=mode), ledgers or {}, now)


def test_a_policy_is_of_each_domain_and_its_record_waits_until_it_is_served() -> None:
    both = site(
        zone(ZONE), zone("other.org"), domains=[ZONE, "other.org"], mta_sts_policy="testing"
    )
    found = with_policies(both, {}, NOW)
    policies = {each.domain: each.policy for each in found.servers[0].sts}
    tried = Policy("testing", ("smtp.example.com",), 604800)
    assert policies == {ZONE: tried, "other.org": tried}
    claims = {str(each.key): each.stage for each in desired(found, "other.org", key_of).claims}
    assert claims["_mta-sts.other.org/TXT"] == POLICY_STAGE
    assert claims["mta-sts.other.org/A"] == BEFORE_MX
    assert found.servers[0].document_names == (
        "autoconfig.example.com",
        "mta-sts.example.com",
        "mta-sts.other.org",
    )


def test_nothing_is_said_where_no_policy_was_ever_asked_for() -> None:
    assert asked("off").servers[0].sts == ()


def test_what_is_published_stays_as_it_is_on_the_next_run() -> None:
    first = asked("enforce").servers[0].sts[0]
    assert not first.settled
    again = asked("enforce", NOW + WEEK, state(out(first.id))).servers[0].sts[0]
    assert again.settled and again.id == first.id


def test_a_policy_is_taken_back_for_as_long_as_senders_may_remember_it() -> None:
    enforced = PolicyId(NOW, ENFORCED.sum, WEEK)
    (ending,) = asked("off", NOW + DAY, state(out(enforced))).servers[0].sts
    assert (ending.policy.mode, ending.id.until) == ("none", NOW + DAY + WEEK + DAY)
    before, after = (
        asked("off", NOW + DAY + WEEK + DAY + more, state(out(ending.id))).servers[0].sts
        for more in (-1, 0)
    )
    assert [each.settled for each in before] == [True]
    assert after == ()


def test_a_policy_that_senders_still_remember_is_taken_back_after_its_domain_has_left() -> None:
    left = PolicyId(NOW, ENFORCED.sum, WEEK)
    name = f"old.{ZONE}"
    there = state(
        out(left, name), entry(f"mta-sts.{name}", "A", f"sts-host:{name}", Address("8.8.8.8"))
    )
    (ending,) = asked("off", NOW + DAY, there).servers[0].sts
    assert (ending.domain, ending.policy.mode) == (name, "none")
    elsewhere = with_policies(site(ipv4="8.8.4.4"), there, NOW + DAY)
    assert elsewhere.servers[0].sts == ()


def test_while_mx_changes_the_policy_names_the_host_of_before_too() -> None:
    mx = entry(ZONE, "MX", f"mx:{ZONE}", MX(10, owner_name("smtp.old.org")))
    (policy,) = asked("enforce", ledgers=state(mx)).servers[0].sts
    assert policy.policy.mx == ("smtp.example.com", "smtp.old.org")
    here = entry(ZONE, "MX", f"mx:{ZONE}", MX(10, owner_name("smtp.example.com")))
    gone = {"10 smtp.old.org.": NOW - DAY}
    (policy,) = asked("enforce", ledgers=state(here, former=gone)).servers[0].sts
    assert policy.policy.mx == ("smtp.example.com", "smtp.old.org")
    (policy,) = asked("enforce", NOW + WEEK, state(here, former=gone)).servers[0].sts
    assert policy.policy.mx == ("smtp.example.com",)


def test_mx_waits_until_senders_know_the_policy_that_names_both() -> None:
    mx = entry(ZONE, "MX", f"mx:{ZONE}", MX(10, owner_name("smtp.old.org")))
    old = out(PolicyId(NOW - WEEK, "000000", WEEK))
    ledgers = state(mx, old)
    (fresh,) = asked("enforce", ledgers=ledgers).servers[0].sts
    until = NOW + 3600 + 2 * DAY
    assert why_mx_waits(fresh, ledgers[ZONE], "smtp.example.com", 3600, NOW) == until
    known = state(mx, out(fresh.id))
    (settled,) = asked("enforce", NOW + DAY, known).servers[0].sts
    assert why_mx_waits(settled, known[ZONE], "smtp.example.com", 3600, NOW + DAY) == until
    assert why_mx_waits(settled, known[ZONE], "smtp.example.com", 3600, until) == 0
    assert why_mx_waits(settled, known[ZONE], "smtp.old.org", 3600, NOW) == 0
    (tried,) = asked("testing", ledgers=ledgers).servers[0].sts
    assert why_mx_waits(tried, ledgers[ZONE], "smtp.example.com", 3600, NOW) == 0


def test_a_first_mx_record_waits_for_no_policy() -> None:
    (first,) = asked("enforce").servers[0].sts
    assert why_mx_waits(first, LedgerState(), "smtp.example.com", 3600, NOW) == 0


def test_a_policy_needs_a_web_server() -> None:
    (reason,) = reasons(mta_sts_policy="testing", web="pmail")
    assert "web" in reason and "nginx" in reason


def planned(found: Site, live: TXT) -> Plan:
    """What becomes of a record that the ledger does not know."""
    claims = desired(found, ZONE, key_of).stage(POLICY_STAGE)
    there = rrset(f"_mta-sts.{ZONE}", "TXT", 300, live)
    snapshot = Snapshot(owner_name(ZONE), frozenset({there.key.owner}), {there.key: there})
    return plan(claims, snapshot, {}, capabilities=Capabilities(atomic=True, cas=True))


def test_an_id_of_ours_that_the_ledger_has_lost_is_known_again_and_anothers_is_a_conflict() -> None:
    first, later = asked("enforce"), asked("enforce", NOW + WEEK)
    id = first.servers[0].sts[0].id
    again = planned(later, mta_sts.build(id))
    assert (again.changes, again.conflicts) == ((), ())
    ledger = LedgerState({each.key: each for each in again.entries})
    (settled,) = asked("enforce", NOW + WEEK, {ZONE: ledger}).servers[0].sts
    assert settled.settled and settled.id == id
    (conflict,) = planned(later, TXT(b"v=STSv1; id=20160831085700Z;")).conflicts
    assert not conflict.needed
