"""Addresses that change: SPF knows old and new ones for a while, names move in one step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.base import Capabilities, Snapshot
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import plan
from dns_providers.rrset import MX, TXT, RRKey, RRset, key, owner_name
from postmaster import moving
from postmaster.desired import BEFORE_MX, MOVE_STAGE, MX_STAGE, Desired, desired
from postmaster.settings import Site
from tests.fakes import soa
from tests.postmaster.ledgers import published
from tests.postmaster.test_desired import key_of
from tests.postmaster.test_settings import site, zone

ZONE = "example.com"
SPF = key(ZONE, "TXT")
HOUR = 3600
ADDRESSES = ("8.8.8.8", "8.8.4.4", "1.1.1.1")


def claims(wanted: Site, state: LedgerState, now: int, keep: int) -> Desired:
    """What the zone should hold at a time, as a run sees it."""
    found = desired(wanted, ZONE, key_of)
    terms = moving.former_terms(found.claims, state, now)
    made = moving.with_former(found.claims, terms, keep, now)
    return Desired(moving.staged(made, state.entries))


def stages(found: Desired, rtype: str) -> set[tuple[str, str]]:
    return {(str(each.key), each.stage) for each in found.claims if each.key.rtype == rtype}


def test_a_name_that_points_elsewhere_moves_when_its_server_answers_and_not_before() -> None:
    state = published(site(outbound="direct"))[ZONE]
    found = claims(site(outbound="direct", ipv4="8.8.4.4"), state, 0, HOUR)
    names = ["mail.", "smtp.", "imap.", "pop.", "autoconfig.", ""]
    assert stages(found, "A") == {(f"{each}{ZONE}/A", MOVE_STAGE) for each in names}
    assert stages(found, "MX") == {(f"{ZONE}/MX", MX_STAGE)}
    assert {stage for _, stage in stages(found, "TXT")} == {BEFORE_MX}


def test_a_name_without_an_address_yet_is_there_before_its_server_is() -> None:
    assert {stage for _, stage in stages(claims(site(), LedgerState(), 0, HOUR), "A")} == {
        BEFORE_MX
    }
    more = claims(site(web_host="web.example.com"), published(site())[ZONE], 0, HOUR)
    assert ("web.example.com/A", BEFORE_MX) in stages(more, "A")


def test_one_more_address_comes_before_mail_is_sent_from_it_and_goes_with_the_move() -> None:
    both = site(ipv6="2001:4860:4860::8888")
    more = claims(both, published(site())[ZONE], 0, HOUR)
    assert {stage for _, stage in stages(more, "AAAA")} == {BEFORE_MX}
    other = claims(site(ipv4="8.8.4.4", ipv6="2001:4860:4860::8888"), published(site())[ZONE], 0, 1)
    assert {stage for _, stage in stages(other, "AAAA")} == {MOVE_STAGE}
    less = claims(site(), published(both)[ZONE], 0, HOUR)
    gone = [each for each in less.stage(MOVE_STAGE) if each.key.rtype == "AAAA"]
    assert len(gone) == 5
    assert all(not each.values for each in gone)


def test_an_mx_of_ours_at_another_preference_is_no_mx_of_before() -> None:
    state = published(site())[ZONE]
    found = claims(site(), state, 0, HOUR)
    kept = replace(
        state.entries[key(ZONE, "MX")], values=frozenset({MX(5, owner_name(f"smtp.{ZONE}"))})
    )
    known = replace(state, entries={**state.entries, kept.key: kept})
    assert moving.former(found.claims, known, HOUR, 0) == {}


def test_an_address_of_somebody_else_is_left_when_a_name_has_one_less() -> None:
    both = site(ipv6="2001:4860:4860::8888")
    state = published(both)[ZONE]
    adopted = {
        each: replace(entry, origin="adopted") if each.rtype == "AAAA" else entry
        for each, entry in state.entries.items()
    }
    less = claims(site(), replace(state, entries=adopted), 0, HOUR)
    assert not stages(less, "AAAA")


def test_an_address_counts_as_former_from_the_first_run_that_does_not_want_it() -> None:
    state = published(site())[ZONE]
    wanted = desired(site(ipv4="8.8.4.4"), ZONE, key_of).claims
    smtp = key(f"smtp.{ZONE}", "TXT")
    first = moving.former_terms(wanted, state, 100)
    assert first == {(SPF, "ip4:8.8.8.8"): 100, (smtp, "ip4:8.8.8.8"): 100}
    known = replace(state, former=first)
    assert moving.former_terms(wanted, known, 200) == first


def test_an_address_that_a_server_takes_over_later_is_former_no_more_and_the_one_between_is() -> (
    None
):
    there = published(site())[ZONE]
    between = claims(site(ipv4="8.8.4.4"), there, 100, HOUR)
    texts = {claim.key: claim for claim in between.claims if claim.key == SPF}
    entry = replace(
        there.entries[SPF],
        values=texts[SPF].values,
        terms=("ip4:8.8.4.4", "ip4:8.8.8.8"),
    )
    former = {(SPF, "ip4:8.8.8.8"): 100}
    state = replace(there, entries={**there.entries, SPF: entry}, former=former)
    back = desired(site(), ZONE, key_of).claims
    assert moving.former_terms(back, state, 200) == {(SPF, "ip4:8.8.4.4"): 200}


def test_what_is_included_no_more_goes_at_once() -> None:
    state = published(site(spf_include=["spf.provider.example"]))[ZONE]
    assert moving.former_terms(desired(site(), ZONE, key_of).claims, state, 100) == {}


def test_an_mx_value_that_is_replaced_is_remembered_and_forgotten_in_time() -> None:
    owner = key("other.org", "MX")
    domains = ["example.com", "other.org"]
    zones = (zone(ZONE), zone("other.org"))
    state = published(site(*zones, domains=domains))["other.org"]
    swapped = site(*zones, domains=["other.org", "example.com"])
    wanted = desired(swapped, "other.org", key_of).claims
    found = moving.former(wanted, state, HOUR, 100)
    assert found[owner, "10 smtp.example.com."] == 100
    after = replace(published(swapped)["other.org"], former=found)
    assert moving.former(wanted, after, HOUR, 100 + HOUR - 1) == {
        (owner, "10 smtp.example.com."): 100
    }
    assert moving.former(wanted, after, HOUR, 100 + HOUR) == {}


def test_that_a_domain_was_withdrawn_is_known_while_it_has_records() -> None:
    owner = key("other.org", "MX")
    zones = (zone(ZONE), zone("other.org"))
    both = published(site(*zones, domains=["example.com", "other.org"]))["other.org"]
    state = replace(both, former={(owner, "10 smtp.example.com."): 100})
    wanted = desired(site(*zones), "other.org", key_of).claims
    assert moving.former(wanted, state, HOUR, 100 + 99 * HOUR) == state.former
    assert moving.former(wanted, replace(state, entries={}), HOUR, 100 + 99 * HOUR) == {}


class World:
    """A zone, its ledger and a clock; runs that publish all that is wanted."""

    def __init__(self) -> None:
        self.now, self.state = 0, LedgerState()
        self.live: dict[RRKey, RRset] = {}

    def run(self, address: str, keep: int) -> None:
        wanted = site(ipv4=address)
        found = claims(wanted, self.state, self.now, keep)
        plain = desired(wanted, ZONE, key_of).claims
        former = moving.former(plain, self.state, HOUR, self.now)
        apex = owner_name(ZONE)
        names = frozenset(each.key.owner for each in found.claims) | {apex}
        seen = Snapshot(apex, names, {**self.live, soa(ZONE).key: soa(ZONE)})
        planned = plan(
            found.claims, seen, self.state.entries, capabilities=Capabilities("zone", "native")
        )
        assert not planned.conflicts
        for change in planned.changes:
            if change.after:
                self.live[change.key] = change.after
        entries = {**self.state.entries, **{each.key: each for each in planned.entries}}
        self.state = LedgerState(entries, former=former)

    def spf(self) -> str:
        (value,) = self.live[SPF].values
        assert isinstance(value, TXT)
        return value.data.decode()


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.sampled_from(ADDRESSES), st.integers(1, 3 * HOUR)), min_size=1, max_size=8
    )
)
def test_spf_passes_for_every_address_that_may_still_have_mail_of_ours(
    runs: list[tuple[str, int]],
) -> None:
    world, keep, last, using = World(), HOUR, dict[str, int](), runs[0][0]
    for address, later in runs:
        last[using] = world.now
        using = address
        world.run(address, keep)
        last[address] = world.now
        for each, used in last.items():
            if world.now - used < keep:
                assert f"ip4:{each} " in world.spf()
        world.now += later
    world.run(runs[-1][0], keep)
    world.now += keep
    world.run(runs[-1][0], keep)
    assert world.spf() == f"v=spf1 ip4:{runs[-1][0]} ~all"
