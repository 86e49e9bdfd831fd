"""What state becomes from what hosts remember: never more than what is there as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deploys.recovery import plan
from deploys.recovery.plan import Before, Going
from dns_providers.base import Snapshot
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import TXT, Address, RRset, Value, key, rrset
from ground.words import Words
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy
from postmaster.manifest import (
    Facts,
    FormerMark,
    HostKnown,
    Identity,
    KeyInUse,
    Look,
    Manifest,
    Stamp,
    Versions,
    mark_of,
)
from postmaster.own_policies import with_policies
from tests.fakes import memory
from tests.postmaster.ledgers import published
from tests.postmaster.test_settings import site, zone

ZONE, HOST = "example.test", "smtp.example.test"
OURS, THEIRS = Address("203.0.113.10"), Address("192.0.2.1")
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def rotation(step: Step = Step.KEEP) -> Rotation:
    old, new = KeyRef("a", "a", "aa"), KeyRef("b", "b", "bb")
    return Rotation(ZONE, Strategy.DUAL, old, new, Rules(60, 60, 60, 60), 0, 0, step)


def facts(*rotations: Rotation) -> Facts:
    in_use = (KeyInUse(ZONE, "b", "b", "bb"),)
    versions = Versions("v2.9.7", "0" * 64, "1")
    return Facts(
        *("vps1", "machine", "203.0.113.10", "relay", (ZONE,), in_use, (), ("bob",), "admin"),
        *(versions, None, rotations, ()),
    )


def manifest(generation: int = 7, mark: str = "m" * 16, site: str = "s" * 32) -> Manifest:
    return Manifest(Stamp(site, generation, mark, "root@there", NOW), facts())


def live(*rrsets: RRset) -> Snapshot:
    provider = memory(list(rrsets))
    return provider.read(frozenset(each.key.owner for each in rrsets) | {provider.zone})


def entry(
    made: RRset,
    origin: str = "written",
    mode: ClaimMode = ClaimMode.EXCLUSIVE,
    found: frozenset[Value] = frozenset(),
    **more: object,
) -> Entry:
    kind = "addresses" if made.key.rtype == "A" else "spf"
    group = f"{kind}:{ZONE}"
    made_of = Entry(made.key, made.values, made.ttl, origin, group, mode, found=found)
    return replace(made_of, **more)  # type: ignore[arg-type]


# -- the site ----------------------------------------------------------------------------------


def test_a_state_without_a_site_is_of_the_site_that_the_host_remembers() -> None:
    found = plan.identity(None, "vps1", manifest())
    assert (found.site, found.generation) == ("s" * 32, 7)
    known = found.hosts["vps1"]
    assert (known.mark, known.generation, known.pending) == ("m" * 16, 7, None)
    # Of several hosts the highest number counts, whichever is seen first.
    again = plan.identity(found, "vps2", manifest(4, "n" * 16))
    assert again.generation == 7 and set(again.hosts) == {"vps1", "vps2"}


def test_a_host_that_was_written_to_by_others_since_is_known_as_that() -> None:
    known = HostKnown(7, "m" * 16, "p" * 16, "machine", "203.0.113.10", (ZONE,), "")
    ours = Identity("s" * 32, 7, {"vps1": known})
    assert stood(ours, manifest()) == Before(newer=False, behind=False, lost=False)
    killed = stood(ours, manifest(mark="p" * 16))  # before that was noted
    assert killed == Before(newer=False, behind=False, lost=False)
    others = Before(newer=True, behind=False, lost=False)
    assert stood(ours, manifest(8, "o" * 16)) == stood(ours, manifest(7, "o" * 16)) == others
    assert stood(None, manifest()) == Before(newer=True, behind=False, lost=True)


def test_a_host_that_was_put_back_or_has_lost_what_it_remembers_is_behind_the_state() -> None:
    known = HostKnown(7, "m" * 16, None, "machine", "203.0.113.10", (ZONE,), "")
    ours = Identity("s" * 32, 7, {"vps1": known})
    behind = Before(newer=False, behind=True, lost=False)
    assert stood(ours, manifest(6, "o" * 16)) == stood(ours, None) == behind
    assert stood(None, None) == Before(newer=False, behind=True, lost=True)
    bare = plan.before(ours, "vps1", Look(None, deployed=False))
    assert bare == Before(newer=False, behind=False, lost=False)


def stood(ours: Identity | None, there: Manifest | None) -> Before:
    """How a host that we deployed and the state stood to each other."""
    return plan.before(ours, "vps1", Look(there, deployed=True))


# -- rotations ---------------------------------------------------------------------------------


def becomes(there: Facts, here: Rotation | None, *, newer: bool) -> tuple[Going, ...]:
    known = {here.domain: here} if here else {}
    return plan.rotations(there, known, frozenset(), frozenset(), newer=newer)


def test_a_rotation_that_only_the_host_knows_goes_on() -> None:
    assert becomes(facts(rotation()), None, newer=False) == (Going(ZONE, rotation()),)


def test_what_the_state_knows_counts_unless_others_have_written_since() -> None:
    here = rotation(Step.RETIRE)
    assert becomes(facts(rotation()), here, newer=False) == ()
    assert becomes(facts(rotation()), here, newer=True) == (Going(ZONE, rotation()),)
    assert becomes(facts(), here, newer=False) == ()
    assert becomes(facts(), here, newer=True) == (Going(ZONE, None, over=True),)


def test_what_the_old_host_of_a_move_remembers_ends_no_rotation_on_the_new_one() -> None:
    for here in (replace(rotation(), server="vps2"), replace(rotation(Step.AGE), server="vps2")):
        assert becomes(facts(), here, newer=True) == ()
        assert becomes(facts(replace(rotation(), entered=60.0)), here, newer=True) == ()
    at_home = replace(rotation(), server="vps1")
    assert becomes(facts(), at_home, newer=True) == (Going(ZONE, None, over=True),)


def test_a_journal_that_is_damaged_is_made_anew() -> None:
    there = facts(rotation())
    damaged, over = frozenset({ZONE}), frozenset({(ZONE, 0.0)})
    found = plan.rotations(there, {}, damaged, frozenset(), newer=False)
    assert found == (Going(ZONE, rotation()),)
    gone = (Going(ZONE, None, over=True),)
    assert plan.rotations(facts(), {}, damaged, frozenset(), newer=False) == gone
    assert plan.rotations(there, {}, damaged, over, newer=False) == gone


def test_a_journal_of_an_earlier_day_is_made_anew_and_a_rotation_that_has_ended_is_not() -> None:
    there, earlier = replace(rotation(), entered=60.0), replace(rotation(Step.AGE), entered=30.0)
    assert becomes(facts(there), earlier, newer=False) == (Going(ZONE, there),)
    over = frozenset({(ZONE, 0.0)})
    assert plan.rotations(facts(there), {}, frozenset(), over, newer=False) == ()


# -- the ledger --------------------------------------------------------------------------------

A = rrset(HOST, "A", 3600, OURS)
SPF = rrset(ZONE, "TXT", 60, TXT(b"v=spf1 ip4:203.0.113.10 ~all"), TXT(b"theirs"))
MEMBERS = rrset(ZONE, "TXT", 60, TXT(b"ours"), TXT(b"before us"))


@pytest.mark.parametrize(
    ("there", "was"),
    [
        (A, entry(A)),
        (A, entry(A, "adopted")),
        (
            SPF,
            entry(
                SPF,
                mode=ClaimMode.SINGLETON,
                values=frozenset({TXT(b"v=spf1 ip4:203.0.113.10 ~all")}),
                terms=("ip4:203.0.113.10",),
                whole=True,
            ),
        ),
        (
            MEMBERS,
            entry(MEMBERS, mode=ClaimMode.MEMBER, found=frozenset({TXT(b"before us")})),
        ),
    ],
)
def test_an_entry_comes_back_as_it_was_where_its_values_are_there(there: RRset, was: Entry) -> None:
    found = plan.ledger((mark_of(ZONE, was),), (), {}, live(there), newer=True)
    assert found.entries == {was.key: was} and not found.differing


def test_what_somebody_has_changed_since_is_told_and_not_thought_ours() -> None:
    changed = rrset(HOST, "A", 3600, THEIRS)
    found = plan.ledger((mark_of(ZONE, entry(A)),), (), {}, live(changed), newer=True)
    assert found.entries == {} and found.differing == (A.key,)
    more = rrset(HOST, "A", 3600, OURS, THEIRS)
    found = plan.ledger((mark_of(ZONE, entry(A)),), (), {}, live(more), newer=True)
    assert found.differing == (A.key,)
    # As it is wished by now it is adopted; what is gone is nobody's.
    wished = entry(changed, "adopted")
    found = plan.ledger((mark_of(ZONE, entry(A)),), (wished,), {}, live(changed), newer=True)
    assert found.entries == {A.key: wished} and not found.differing
    assert plan.ledger((mark_of(ZONE, entry(A)),), (), {}, live(), newer=True).entries == {}


@pytest.mark.parametrize(
    ("owner", "rtype", "group"),
    [
        ("www.example.test", "A", f"dkim:{ZONE}"),  # would be taken out without a question
        ("www.example.test", "TXT", f"dkim:{ZONE}"),
        ("example.test", "TXT", f"dmarc:{ZONE}"),
        ("example.test", "NS", f"mx:{ZONE}"),
        ("other.test", "A", f"addresses:{ZONE}"),
        ("notexample.test", "A", f"addresses:{ZONE}"),
        ("example.test", "A", "www:example.test"),
        ("a._domainkey.example.test", "TXT", "dkim:other.test"),
    ],
)
def test_a_host_that_names_what_we_never_write_is_not_believed(
    owner: str, rtype: str, group: str
) -> None:
    there = RRset(key(owner, rtype), 60, frozenset({OURS if rtype == "A" else TXT(b"theirs")}))
    mark = mark_of(ZONE, replace(entry(there), group=group))
    found = plan.ledger((mark,), (), {}, live(there), newer=True)
    assert found.entries == {} and not found.differing


def test_a_host_cannot_have_somebody_elses_terms_taken_out_of_spf() -> None:
    terms = ("ip4:203.0.113.10", "include:theirs.test", "include:provider.test", "mx")
    mark = mark_of(ZONE, replace(entry(SPF, mode=ClaimMode.SINGLETON), terms=terms))
    provider = frozenset({"provider.test"})
    found = plan.ledger((mark,), (), {}, live(SPF), newer=True, includes=provider)
    assert found.entries[SPF.key].terms == ("ip4:203.0.113.10", "include:provider.test")


def test_all_that_a_site_publishes_is_believed_to_be_ours() -> None:
    asked = site(
        zone("example.com"),
        caa=["letsencrypt.org"],
        web_host="web.example.com",
        outbound="direct",
        tls_rpt="tls@elsewhere.test",
        mta_sts_policy="testing",
        caa_account=True,
    )
    (server,) = with_policies(asked, {}, 1000).servers
    here = replace(asked, servers=(replace(server, account_uri="https://ca.test/acct/1"),))
    entries = published(here)["example.com"].entries
    assert {each.group.partition(":")[0] for each in entries.values()} == set(plan._OURS) - {
        "names",
        "acme",
    }
    assert all(plan._may_be_ours(mark_of("example.com", each)) for each in entries.values())


def test_what_the_old_host_of_a_move_remembers_is_no_change_by_somebody() -> None:
    moved = rrset(HOST, "A", 3600, Address("203.0.113.20"))
    marks = (mark_of(ZONE, entry(A)), mark_of(ZONE, entry(moved)))
    for each in (marks, marks[::-1]):
        found = plan.ledger(each, (), {}, live(moved), newer=True)
        assert found.entries == {A.key: entry(moved)} and not found.differing


def test_a_ledger_that_is_there_counts_unless_others_have_written_since() -> None:
    here = entry(A, "adopted")
    mark = mark_of(ZONE, entry(A))
    kept = plan.ledger((mark,), (), {A.key: here}, live(A), newer=False)
    assert kept.entries == {A.key: here}
    assert plan.ledger((mark,), (), {A.key: here}, live(A), newer=True).entries == {A.key: entry(A)}
    alone = entry(rrset("x.example.test", "A", 60, OURS))
    both = plan.ledger((mark,), (), {alone.key: alone}, live(A), newer=True)
    assert set(both.entries) == {A.key, alone.key}


def test_lost_passwords_are_named_and_no_others() -> None:
    names = [each.named.get("account") for each in _lost(all_of_it=True)]
    assert names == ["bob", None] and len(_lost(all_of_it=False)) == 1


def _lost(*, all_of_it: bool) -> tuple[Words, ...]:
    return plan.lost(facts(), frozenset({"admin"}), {}, all_of_it=all_of_it)


def test_records_in_a_zone_that_the_inventory_has_no_more_are_named_unless_the_ledger_knows() -> (
    None
):
    there = replace(facts(), records=(mark_of("other.test", entry(A)), mark_of(ZONE, entry(A))))
    known = frozenset({"admin", "bob"})
    (words,) = plan.lost(there, known, {"other.test": {}}, all_of_it=False)
    assert (words.id, words.named["zone"]) == ("recover.lost.zone", "other.test")
    assert not plan.lost(there, known, {"other.test": {A.key: entry(A)}}, all_of_it=False)


def test_since_when_something_is_out_comes_back_and_the_later_time_counts() -> None:
    at, text = key(ZONE, "MX"), "10 smtp.example.test."
    marks = [FormerMark(ZONE, at, text, since) for since in (200, 100)]
    assert plan.former(marks, {}, newer=False) == {(at, text): 200}
    assert plan.former(marks, {(at, text): 50}, newer=False) == {(at, text): 50}
    assert plan.former(marks, {(at, text): 50, (at, "x"): 1}, newer=True) == {
        (at, text): 200,
        (at, "x"): 1,
    }
