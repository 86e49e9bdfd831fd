"""A rotation goes on as it began, whatever the inventory has become meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from deploys.rotation.going import (
    Going,
    as_begun,
    changed,
    lost,
    of_domain,
    rotating,
    strategies,
)
from deploys.rotation.on_host import OnHost
from deploys.rotation.request import Request
from deploys.run.paths import key_store, state_dir
from deploys.run.paused import paused_rotations
from keys.journal import Journal
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, begin
from postmaster.outbound import mode_of
from postmaster.parse import HostData, parse_site
from postmaster.settings import Site
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone

RULES = Rules(ttl=3600, low_ttl=60, slack=30, keep=86400)
MX1, MX2 = "8.8.8.8", "8.8.4.4"
TWO = ["a.test", "b.test"]
ZONES = ("a.test", "b.test")


def site(
    outbound: str, domains: list[str] = TWO, *, second: str = "", zones: tuple[str, ...] = ZONES
) -> Site:
    """A server with these domains, another with one, and zones."""
    servers = [HostData(MX1, {"domains": domains, "outbound": outbound, "dkim_bits": 2048})]
    if second:
        servers.append(HostData(MX2, {"domains": [second], "outbound": "relay"}))
    return parse_site(servers, [zone(name) for name in zones], KNOWN, SELECTOR)


def begun(strategy: Strategy, domain: str, step: Step = Step.PUBLISH, **fields: str) -> Rotation:
    """A rotation that began on the first server, in the domain's own zone."""
    selector = "default" if strategy is Strategy.FIXED else "pm202611a"
    fresh = KeyRef("fresh", "default" if strategy is Strategy.FIXED else "pm202611b")
    where = {"server": MX1, "zone": domain, **fields}
    there = begin(domain, strategy, KeyRef("old", selector), fresh, RULES, 0.0, **where)
    while there.step is not step:
        there = after(there, 1.0)
    return there


def test_what_may_begin_and_what_goes_on_are_told_apart() -> None:
    there = begun(Strategy.DUAL, "b.test")
    going = rotating(site("relay", second="c.a.test"), (there,))
    assert going == (
        Going("a.test", MX1, "a.test"),
        Going("b.test", MX1, "b.test", there),
        Going("c.a.test", MX2, "a.test"),
    )
    assert strategies(site("relay"), going) == {Strategy.DUAL}


@pytest.mark.parametrize(
    ("before", "now", "domain"), [("direct", "relay", "a.test"), ("relay", "direct", "b.test")]
)
@pytest.mark.parametrize("step", [Step.MAKE, Step.PUBLISH, Step.SWITCH, Step.ERASE])
def test_another_outbound_mode_in_the_middle_changes_nothing_for_it(
    before: str, now: str, domain: str, step: Step
) -> None:
    strategy = Strategy(mode_of(site(before).servers[0]).rotation)
    there, here = begun(strategy, domain, step), site(now)
    going = rotating(here, (there,))
    mine = of_domain(going, domain)
    assert mine == Going(domain, MX1, domain, there) and lost(mine, here) is None
    assert strategies(here, going) == set(Strategy)
    assert changed(mine, here) and not changed(mine, site(before))
    server = as_begun(here, going, there).server(MX1)
    assert mode_of(server).rotation == there.strategy and mode_of(server).name == before
    (signing,) = (each for each in mode_of(server).signing_keys(server) if each.domain == domain)
    assert signing.selector in ("default", "pm202611a")


@pytest.mark.parametrize(
    ("strategy", "domain", "left"),
    [(Strategy.DUAL, "b.test", ["a.test"]), (Strategy.FIXED, "a.test", ["b.test"])],
)
def test_a_domain_that_is_taken_out_ends_its_rotation_first(
    strategy: Strategy, domain: str, left: list[str]
) -> None:
    mode = "relay" if strategy is Strategy.DUAL else "direct"
    there, here = begun(strategy, domain), site(mode, left)
    going = rotating(here, (there,))
    assert [each.domain for each in going] == [*left, domain]
    mine = of_domain(going, domain)
    assert (mine.server, mine.zone, lost(mine, here)) == (MX1, domain, None)
    assert changed(mine, here)
    server = as_begun(here, going, there).server(MX1)
    keys = {each.domain: each.selector for each in mode_of(server).signing_keys(server)}
    # Of the others it takes nothing away, where each has a key of its own.
    assert keys.keys() == ({domain, *left} if strategy is Strategy.DUAL else {domain})
    assert keys[domain] == there.signs.selector


def test_several_that_are_taken_out_stay_together_until_the_last_has_ended() -> None:
    here = site("relay", ["a.test"])
    gone = (begun(Strategy.DUAL, "b.test"), begun(Strategy.DUAL, "c.b.test", zone="b.test"))
    going = rotating(here, gone)
    for each in gone:
        server = as_begun(here, going, each).server(MX1)
        assert [domain.name for domain in server.domains] == ["a.test", "b.test", "c.b.test"]


def test_a_domain_that_has_moved_is_rotated_where_it_was() -> None:
    there, here = begun(Strategy.DUAL, "b.test"), site("relay", ["a.test"], second="b.test")
    mine = of_domain(rotating(here, (there,)), "b.test")
    assert (mine.server, lost(mine, here)) == (MX1, None) and changed(mine, here)
    server = as_begun(here, (mine,), there).server(MX1)
    assert [domain.name for domain in server.domains] == ["a.test", "b.test"]


def test_what_the_inventory_has_lost_is_told_by_its_name() -> None:
    there = begun(Strategy.DUAL, "b.test")
    for here, told, named in (
        (site("relay", ["a.test"], zones=("a.test",)), "rotation.no_zone", {"zone": "b.test"}),
        (site("relay"), "rotation.no_server", {"server": "192.0.2.1"}),
    ):
        gone = replace(there, server="192.0.2.1") if "server" in named else there
        mine = of_domain(rotating(here, (gone,)), "b.test")
        words = lost(mine, here)
        assert words is not None and words.id == told
        assert words.named == {"domain": "b.test", **named}
        assert lost(Going("b.test", MX1, "b.test"), here) is None


def test_a_journal_of_an_earlier_version_finds_its_place_by_the_inventory() -> None:
    there = begun(Strategy.FIXED, "a.test", server="", zone="")
    for mode in ("direct", "relay"):
        mine = of_domain(rotating(site(mode), (there,)), "a.test")
        assert (mine.server, mine.zone) == (MX1, "a.test")
    here = site("relay", ["b.test"], zones=("b.test",))
    mine = of_domain(rotating(here, (there,)), "a.test")
    words = lost(mine, here)
    assert words is not None and words.named == {"domain": "a.test", "server": "-"}


def test_a_domain_that_is_taken_out_can_still_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    asked = Request(action="abort", domains=("b.test",))
    here = site("relay", ["a.test"])
    assert [each.id for each in asked.problems_in(here, here)] == ["rotation.bad_domain"]
    Journal(state_dir()).save(begun(Strategy.DUAL, "b.test"))
    assert not list(asked.problems_in(here, here))
    (tmp_path / "rotation" / "c.test.json").write_text("{")  # is told elsewhere
    assert [each.id for each in asked.problems_in(here, here)] == ["rotation.bad_domain"]


def test_another_length_of_keys_in_the_middle_leaves_the_key_that_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    there = begun(Strategy.DUAL, "a.test", Step.MAKE)
    lengths = []
    for bits in (1024, 2048):
        here = site("relay")
        server = here.servers[0]
        server = replace(server, rotation=replace(server.rotation, bits=bits))
        nothing: Any = None
        assert OnHost(nothing, nothing, server, here, cast(Any, print)).make(there) is None
        made = key_store().public_of("a.test", there.new.name)
        assert made is not None
        lengths.append((made.bits, made.data))
    assert lengths[0] == lengths[1] and lengths[0][0] == 1024


def test_mail_is_paused_on_the_server_that_the_journal_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    here = site("direct", ["a.test"], second="b.test")
    one, other = here.servers
    for fields in ({}, {"server": "", "zone": ""}):
        there = begun(Strategy.FIXED, "a.test", Step.DRAIN, **fields)
        Journal(state_dir()).save(there)
        assert paused_rotations(one) == (there,) and not paused_rotations(other)
    # Also where its domain is taken out, or on another server by now.
    Journal(state_dir()).save(begun(Strategy.FIXED, "a.test", Step.DRAIN, server=MX2))
    assert not paused_rotations(one) and paused_rotations(other)
    Journal(state_dir()).save(begun(Strategy.FIXED, "a.test", Step.AGE))
    assert not paused_rotations(one) and not paused_rotations(other)
