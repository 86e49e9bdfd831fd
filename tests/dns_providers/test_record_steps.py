"""Steps of single records: the least of them, and never a moment without what has to be there."""

from __future__ import annotations

from dataclasses import replace

from dns_providers.base import Change
from dns_providers.record_steps import Create, Delete, Modify, steps
from dns_providers.rrset import MX, Address, RRset, Target, owner_name, rrset

A, B, C = (Address(f"192.0.2.{number}") for number in (1, 2, 3))


def shown(made: RRset) -> RRset:
    """As a provider shows it: an id for each record."""
    return replace(made, handles=tuple((value, f"id of {value}") for value in made.values))


def hosts(*addresses: Address, ttl: int = 300) -> RRset:
    return shown(rrset("host.example.test", "A", ttl, *addresses))


def test_one_value_for_another_is_one_step() -> None:
    before, after = (
        shown(rrset("example.test", "MX", 300, MX(10, owner_name(name))))
        for name in ("a.test", "b.test")
    )
    (step,) = steps([Change(before, after, "mx")], {before.key: before})
    assert isinstance(step, Modify)
    assert (step.old, step.value) == (MX(10, owner_name("a.test")), MX(10, owner_name("b.test")))


def test_what_is_new_comes_before_what_goes() -> None:
    gone = hosts(A)
    new = rrset("new.example.test", "A", 300, B)
    made = steps([Change(gone, None, "a"), Change(None, new, "a")], {gone.key: gone})
    assert [type(step) for step in made] == [Create, Delete]


def test_an_alias_goes_before_anything_else_comes() -> None:
    alias = shown(rrset("host.example.test", "CNAME", 300, Target(owner_name("x.test"))))
    changes = [Change(None, hosts(A), "a"), Change(alias, None, "a")]
    assert [type(step) for step in steps(changes, {alias.key: alias})] == [Delete, Create]


def test_a_value_that_stays_is_not_touched() -> None:
    before, after = hosts(A, B), hosts(B, C)
    (step,) = steps([Change(before, after, "a")], {before.key: before})
    assert isinstance(step, Modify) and (step.old, step.value) == (A, C)


def test_a_new_time_to_live_is_set_on_every_record() -> None:
    before, after = hosts(A, B), hosts(A, B, ttl=600)
    made = steps([Change(before, after, "a")], {before.key: before})
    assert [(s.old, s.ttl) for s in made if isinstance(s, Modify)] == [(A, 600), (B, 600)]


def test_what_is_there_as_wished_needs_no_step() -> None:
    before = hosts(A)
    assert steps([Change(before, before, "a")], {before.key: before}) == ()
