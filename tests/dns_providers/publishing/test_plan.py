"""The three-way plan: what is ours is changed, what is foreign is shown and left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.base import Capabilities, Change
from dns_providers.publishing.claims import Claim, ClaimMode, Part
from dns_providers.publishing.plan import (
    Entry,
    Plan,
    PlanError,
    assert_inside,
    forgotten,
    plan,
    removals,
    takings_out,
    undo,
    unused_since,
    withdrawals,
)
from dns_providers.rrset import MX, TXT, Address, RRKey, RRset, Value, key, owner_name, rrset
from postmaster import spf, spf_merge
from postmaster.spf_merge import Wanted
from tests.fakes import MemoryProvider, memory
from tests.postmaster.spf_world import world

LIMITS = Capabilities("zone", "native")
OURS, FOREIGN = Address("203.0.113.10"), Address("192.0.2.1")
HOST = "smtp.example.test"


def claim(
    owner: str = HOST,
    rtype: str = "A",
    *values: Value,
    mode: ClaimMode = ClaimMode.EXCLUSIVE,
    group: str = "addresses",
    needed: bool = True,
    ttl: int = 3600,
) -> Claim:
    wanted = frozenset(values or (OURS,))
    return Claim(key(owner, rtype), mode, wanted, ttl, group, needed, "reason", "before-mx")


def spf_claim(*addresses: str) -> Claim:
    base = claim("example.test", "TXT", mode=ClaimMode.SINGLETON, group="spf")
    wanted = Wanted("example.test", spf.our_terms(addresses, ()), "~all")
    return spf_merge.claiming(base, wanted, world(a="v=spf1 ip4:203.0.113.77 -all"))


def planned(
    claims: list[Claim],
    there: list[RRset],
    entries: tuple[Entry, ...] = (),
    replaced: frozenset[RRKey] = frozenset(),
    limits: Capabilities = LIMITS,
) -> Plan:
    provider = memory(there)
    snapshot = provider.read(frozenset(each.key.owner for each in claims) | {provider.zone})
    known = {entry.key: entry for entry in entries}
    return plan(claims, snapshot, known, replace=replaced, capabilities=limits)


def entry(made: RRset, origin: str = "written", mode: ClaimMode = ClaimMode.EXCLUSIVE) -> Entry:
    return Entry(made.key, made.values, made.ttl, origin, "addresses", mode)


def test_what_is_absent_is_created() -> None:
    made = planned([claim()], [])
    assert [change.after for change in made.changes] == [rrset(HOST, "A", 3600, OURS)]
    assert made.changes[0].before is None and made.entries[0].origin == "written"


def test_an_equal_record_is_adopted_without_a_change() -> None:
    made = planned([claim()], [rrset(HOST, "A", 60, OURS)])
    assert made.changes == () and made.entries[0].origin == "adopted"


def test_a_foreign_record_is_a_conflict_with_both_sides_shown() -> None:
    made = planned([claim()], [rrset(HOST, "A", 60, FOREIGN)])
    (conflict,) = made.conflicts
    assert made.changes == () and made.blocked
    assert conflict.there == (f"{HOST} 60 IN A 192.0.2.1",)
    assert conflict.wanted == (f"{HOST} 3600 IN A 203.0.113.10",)


def test_what_we_wrote_is_updated() -> None:
    old = rrset(HOST, "A", 60, FOREIGN)
    made = planned([claim()], [old], (entry(old),))
    assert made.changes[0].before == old and made.conflicts == ()


def test_what_we_adopted_may_be_changed_later() -> None:
    old = rrset(HOST, "A", 60, FOREIGN)
    made = planned([claim()], [old], (entry(old, "adopted"),))
    assert len(made.changes) == 1


def test_what_somebody_edited_after_us_is_a_conflict() -> None:
    written = rrset(HOST, "A", 60, Address("203.0.113.99"))
    made = planned([claim()], [rrset(HOST, "A", 60, FOREIGN)], (entry(written),))
    assert made.conflicts[0].problem.id == "dns.conflict.edited"


def word(value: Value) -> str | None:
    """The part of a value that stays: its first word."""
    return value.data.decode().partition(" ")[0] if isinstance(value, TXT) else None


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_what_a_claim_keeps_is_never_written_over_whoever_wrote_it_or_asks_for_it(
    known: bool, named: bool
) -> None:
    owner = "s._domainkey.example.test"
    there = rrset(owner, "TXT", 60, TXT(b"theirs x"))
    wanted = replace(claim(owner, "TXT", TXT(b"ours x")), keeps=Part(word, frozenset({"ours"})))
    entries = (entry(there),) if known else ()
    allowed = frozenset({wanted.key}) if named else frozenset()
    made = planned([wanted], [there], entries, allowed)
    assert not made.changes and not made.entries
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.key_changed"]
    # What may be replaced, and what differs in other things only, is.
    for ours in (Part(word, frozenset({"ours", "theirs"})), wanted.keeps):
        value = TXT(b"theirs x") if ours is not wanted.keeps else TXT(b"ours y")
        before = rrset(owner, "TXT", 60, value)
        made = planned([replace(wanted, keeps=ours)], [before])
        assert [each.before for each in made.changes] == [before]


def test_only_the_record_that_is_named_may_be_replaced() -> None:
    there = [rrset(HOST, "A", 60, FOREIGN), rrset("imap.example.test", "A", 60, FOREIGN)]
    claims = [claim(group="one"), claim("imap.example.test", group="two")]
    made = planned(claims, there, replaced=frozenset({key(HOST, "A")}))
    assert [str(change.key) for change in made.changes] == ["smtp.example.test/A"]
    assert [str(conflict.key) for conflict in made.conflicts] == ["imap.example.test/A"]


def test_a_conflict_blocks_its_group_and_no_other() -> None:
    there = [rrset(HOST, "A", 60, FOREIGN)]
    claims = [claim(), claim("imap.example.test"), claim("pop.example.test", group="other")]
    made = planned(claims, there)
    assert [str(change.key) for change in made.changes] == ["pop.example.test/A"]


def test_what_a_conflict_holds_back_is_shown_as_not_written() -> None:
    there = [rrset(HOST, "A", 60, FOREIGN)]
    made = planned([claim(), claim("imap.example.test"), claim("x.example.test", group="x")], there)
    assert [str(change.key) for change in made.held] == ["imap.example.test/A"]
    assert [str(change.key) for change in made.changes] == ["x.example.test/A"]


def test_a_foreign_mx_is_a_conflict_also_beside_ours() -> None:
    ours, theirs = (MX(10, owner_name(n)) for n in ("smtp.example.test", "mx.other.test"))
    wanted = claim("example.test", "MX", ours, group="mx", needed=False)
    made = planned([wanted], [rrset("example.test", "MX", 60, ours, theirs)])
    assert len(made.conflicts) == 1 and not made.blocked


def test_a_ttl_alone_is_no_change_unless_it_must_be() -> None:
    there = [rrset(HOST, "A", 60, OURS)]
    assert planned([claim()], there).changes == ()
    (change,) = planned([replace(claim(), enforce_ttl=True)], there).changes
    assert change.after is not None and change.after.ttl == 3600


def test_a_providers_least_ttl_counts() -> None:
    made = planned([claim(ttl=60)], [], limits=Capabilities("zone", "native", min_ttl=600))
    assert made.changes[0].after is not None and made.changes[0].after.ttl == 600


def test_a_member_is_added_beside_others_with_their_ttl() -> None:
    wanted = claim("_acme-challenge.example.test", "TXT", TXT(b"new"), mode=ClaimMode.MEMBER)
    there = rrset("_acme-challenge.example.test", "TXT", 77, TXT(b"old"))
    (change,) = planned([wanted], [there]).changes
    assert change.after == rrset(
        "_acme-challenge.example.test", "TXT", 77, TXT(b"old"), TXT(b"new")
    )


def test_a_member_is_taken_away_and_others_stay() -> None:
    owner = "_acme-challenge.example.test"
    gone = replace(claim(owner, "TXT", mode=ClaimMode.MEMBER), values=frozenset())
    mine = entry(rrset(owner, "TXT", 60, TXT(b"ours")), mode=ClaimMode.MEMBER)
    both = rrset(owner, "TXT", 60, TXT(b"ours"), TXT(b"theirs"))
    (change,) = planned([gone], [both], (mine,)).changes
    assert change.after == rrset(owner, "TXT", 60, TXT(b"theirs"))
    (last,) = planned([gone], [rrset(owner, "TXT", 60, TXT(b"ours"))], (mine,)).changes
    assert last.after is None


def test_spf_is_merged_and_foreign_txt_stays() -> None:
    verification = TXT(b"google-site-verification=abc")
    there = rrset("example.test", "TXT", 300, verification, TXT(b"v=spf1 mx -all"))
    (change,) = planned([spf_claim("203.0.113.10")], [there]).changes
    assert change.after == rrset(
        "example.test", "TXT", 300, verification, TXT(b"v=spf1 mx ip4:203.0.113.10 -all")
    )


def test_two_spf_records_are_a_conflict() -> None:
    there = rrset("example.test", "TXT", 300, TXT(b"v=spf1 mx -all"), TXT(b"v=spf1 a -all"))
    (conflict,) = planned([spf_claim("203.0.113.10")], [there]).conflicts
    assert conflict.problem.id == "dns.spf.several"


TOKEN = TXT(b"google-site-verification=abc")
APEX_TXT = key("example.test", "TXT")


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        ((b"v=spf1 -all",), b"v=spf1 ip4:203.0.113.10 ~all"),
        ((b"v=spf1 redirect=a.test",), b"v=spf1 ip4:203.0.113.10 redirect=a.test"),
        ((b"v=spf1 mx -all", b"v=spf1 a -all"), b"v=spf1 a mx ip4:203.0.113.10 -all"),
    ],
)
def test_what_may_be_replaced_of_spf_is_shown_and_done_on_consent_and_other_txt_stays(
    records: tuple[bytes, ...], wanted: bytes
) -> None:
    there = rrset("example.test", "TXT", 300, TOKEN, *map(TXT, records))
    asked = planned([spf_claim("203.0.113.10")], [there])
    (conflict,) = asked.conflicts
    assert asked.changes == () and asked.blocked and "'example.test/TXT'" in str(conflict.problem)
    assert conflict.wanted == (f'example.test 3600 IN TXT "{wanted.decode()}"',)
    assert set(conflict.there) == set(there.lines())
    done = planned([spf_claim("203.0.113.10")], [there], replaced=frozenset({APEX_TXT}))
    (change,) = done.changes
    assert done.conflicts == () and change.before == there
    assert change.after == rrset("example.test", "TXT", 300, TOKEN, TXT(wanted))
    # The consent may stay in the inventory: there is nothing more to replace.
    again = planned(
        [spf_claim("203.0.113.10")], [change.after], done.entries, frozenset({APEX_TXT})
    )
    assert again.changes == again.conflicts == ()


def test_consent_does_not_write_over_a_record_that_a_person_has_to_mend() -> None:
    there = rrset("example.test", "TXT", 300, TOKEN, TXT(b"v=spf1 ipv4:192.0.2.1 -all"))
    made = planned([spf_claim("203.0.113.10")], [there], replaced=frozenset({APEX_TXT}))
    (conflict,) = made.conflicts
    assert made.changes == () and conflict.problem.id == "dns.spf.syntax"
    assert "'ipv4:192.0.2.1'" in str(conflict.problem) and conflict.wanted == ()


def test_consent_takes_no_sender_out_of_a_record_that_ours_fit_into() -> None:
    there = rrset("example.test", "TXT", 300, TOKEN, TXT(b"v=spf1 include:a.test -all"))
    made = planned([spf_claim("203.0.113.10")], [there], replaced=frozenset({APEX_TXT}))
    (change,) = made.changes
    merged = TXT(b"v=spf1 include:a.test ip4:203.0.113.10 -all")
    assert change.after == rrset("example.test", "TXT", 300, TOKEN, merged)


def test_spf_that_is_right_elsewhere_is_adopted_and_never_ours_to_remove() -> None:
    there = rrset("example.test", "TXT", 300, TXT(b"v=spf1 redirect=a.test"))
    made = planned([spf_claim("203.0.113.77")], [there])
    (known,) = made.entries
    assert made.changes == made.conflicts == () and known.origin == "adopted" and not known.ours


def test_spf_that_cannot_be_evaluated_and_has_our_terms_is_a_note() -> None:
    there = rrset("example.test", "TXT", 300, TXT(b"v=spf1 mx ip4:203.0.113.10 -all"))
    wanted = spf_claim("203.0.113.10")
    (unasked,) = spf_merge.asking([wanted], spf_merge.unasked)
    made = planned([unasked], [there])
    assert [note.words.id for note in made.notes] == ["dns.spf.unseen"]
    assert made.changes == made.conflicts == ()
    assert "example.test/TXT" in str(made.notes[0].words)


def test_spf_terms_of_ours_go_when_the_address_changes() -> None:
    there = rrset("example.test", "TXT", 300, TXT(b"v=spf1 mx ip4:203.0.113.10 -all"))
    mine = replace(entry(there, mode=ClaimMode.SINGLETON), terms=("ip4:203.0.113.10",))
    (change,) = planned([spf_claim("203.0.113.20")], [there], (mine,)).changes
    assert change.after == rrset(
        "example.test", "TXT", 300, TXT(b"v=spf1 mx ip4:203.0.113.20 -all")
    )


def test_an_alias_in_the_way_is_a_conflict() -> None:
    from dns_providers.rrset import Target

    alias = rrset(HOST, "CNAME", 60, Target(owner_name("elsewhere.test")))
    assert planned([claim()], [alias]).conflicts[0].problem.id == "dns.conflict.alias"


def test_a_name_below_a_delegation_is_a_conflict() -> None:
    from dns_providers.rrset import Other

    cut = rrset("sub.example.test", "NS", 60, Other(b"ns", "ns.other.test."))
    made = planned([claim("mail.sub.example.test")], [cut])
    assert made.conflicts[0].problem.id == "dns.conflict.delegated"


def test_a_special_record_is_never_touched() -> None:
    special = replace(rrset(HOST, "A", 60, FOREIGN), opaque=True)
    made = planned([claim()], [special], replaced=frozenset({key(HOST, "A")}))
    assert made.conflicts[0].problem.id == "dns.conflict.opaque"


def test_an_apex_address_is_left_alone_with_a_note() -> None:
    apex = replace(claim("example.test", group="apex", needed=False), only_if_free=True)
    made = planned([apex], [rrset("example.test", "A", 60, FOREIGN)])
    assert made.conflicts == () and made.changes == ()
    assert [note.words.id for note in made.notes] == ["dns.note.left_alone"]


def test_hiding_a_wildcard_is_noted() -> None:
    made = planned([claim()], [rrset("*.example.test", "A", 60, FOREIGN)])
    assert len(made.changes) == 1
    assert [note.words.id for note in made.notes] == ["dns.note.hides_wildcard"]


def test_a_value_longer_than_the_provider_takes_is_a_conflict() -> None:
    wanted = claim(HOST, "TXT", TXT(b"x" * 600))
    made = planned([wanted], [], limits=Capabilities("zone", "native", max_txt=512))
    assert made.conflicts[0].problem.id == "dns.conflict.too_long"


@pytest.mark.parametrize(
    ("rtype", "value", "problem"),
    [
        ("MX", MX(0, owner_name(HOST)), "dns.conflict.mx_preference"),
        ("MX", MX(51, owner_name(HOST)), "dns.conflict.mx_preference"),
        ("MX", MX(1, owner_name(HOST)), None),
        ("MX", MX(50, owner_name(HOST)), None),
        ("TXT", TXT(b'say "hi"'), "dns.conflict.txt_octets"),
        ("TXT", TXT(b"ends with a space "), "dns.conflict.txt_ends"),
        ("TXT", TXT(b" begins with one"), "dns.conflict.txt_ends"),
        ("TXT", TXT(b""), "dns.conflict.txt_ends"),
        ("TXT", TXT(b"v=spf1 -all"), None),
    ],
)
def test_a_value_that_the_provider_cannot_hold_is_a_conflict_of_its_own_kind(
    rtype: str, value: Value, problem: str | None
) -> None:
    forbidden = frozenset(b'"\\')
    limits = Capabilities(
        "record", "reread", mx_range=(1, 50), txt_forbidden=forbidden, txt_trimmed=True
    )
    made = planned([claim(HOST, rtype, value)], [], limits=limits)
    assert [each.problem.id for each in made.conflicts] == ([problem] if problem else [])
    assert len(made.changes) == (0 if problem else 1)


def test_values_of_others_that_a_provider_holds_already_do_not_count_against_its_limits() -> None:
    theirs, ours = TXT(b"x" * 600), TXT(b"token")
    there = rrset(HOST, "TXT", 60, theirs)
    limits = Capabilities("record", "reread", max_txt=511)
    made = planned([claim(HOST, "TXT", ours, mode=ClaimMode.MEMBER)], [there], limits=limits)
    assert made.conflicts == () and made.changes[0].after is not None
    assert made.changes[0].after.values == {theirs, ours}


def test_an_spf_record_that_outgrows_the_provider_by_the_merge_is_a_conflict() -> None:
    theirs = TXT(b"v=spf1 " + b"ip4:198.51.100.1 " * 16 + b"~all")
    limits = Capabilities("record", "reread", max_txt=len(theirs.data))
    made = planned(
        [spf_claim("203.0.113.10")], [rrset("example.test", "TXT", 60, theirs)], limits=limits
    )
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.too_long"]


def test_what_is_no_longer_wanted_is_noted_and_left_alone() -> None:
    old = rrset("old.example.test", "A", 60, OURS)
    notes = forgotten([claim()], {old.key: entry(old)})
    assert [note.words.named["key"] for note in notes] == ["old.example.test/A"]


def test_what_somebody_else_tells_of_is_not_noted() -> None:
    old = rrset("old.example.test", "A", 60, OURS)
    assert forgotten([claim()], {old.key: entry(old)}, leaving=frozenset({old.key})) == ()


def test_what_is_taken_out_is_ours_and_what_was_there_before_us_stays_and_is_forgotten() -> None:
    ours, theirs = rrset(HOST, "A", 60, OURS), rrset("example.test", "MX", 60, TXT(b"x"))
    adopted = replace(entry(theirs), origin="adopted")
    known = {ours.key: entry(ours), theirs.key: adopted}
    claims = takings_out(known, known, lambda each: spf.unmerge(each.terms, each.whole))
    made = planned(list(claims), [ours, theirs], tuple(known.values()))
    assert [(each.key, each.after) for each in made.changes] == [(ours.key, None)]
    assert made.released == frozenset(known)


def test_keys_of_signatures_are_not_noted_as_forgotten_they_retire() -> None:
    old = rrset(HOST, "TXT", 60, TXT(b"v=DKIM1; p=AA"))
    made = replace(entry(old), group="dkim:example.test")
    assert forgotten([], {old.key: made}, "dkim") == ()
    assert unused_since([], {old.key: made}, {}, "dkim", 100) == {old.key: 100}
    assert unused_since([], {old.key: made}, {old.key: 40}, "dkim", 100) == {old.key: 40}
    adopted = replace(made, origin="adopted")
    assert unused_since([], {old.key: adopted}, {}, "dkim", 100) == {}
    wanted = replace(claim(HOST, "TXT", TXT(b"v=DKIM1; p=AA")))
    assert unused_since([wanted], {old.key: made}, {old.key: 40}, "dkim", 100) == {}


def test_what_retires_is_what_we_wrote_and_nothing_beside_it() -> None:
    ours, theirs = TXT(b"v=DKIM1; p=AA"), TXT(b"theirs")
    old = rrset(HOST, "TXT", 60, ours)
    known = (entry(old),)
    (withdrawal,) = withdrawals([old.key], {old.key: known[0]})
    alone = planned([withdrawal], [old], known)
    assert [change.after for change in alone.changes] == [None]
    beside = planned([withdrawal], [rrset(HOST, "TXT", 60, ours, theirs)], known)
    assert [c.after.values for c in beside.changes if c.after] == [frozenset({theirs})]
    edited = planned([withdrawal], [rrset(HOST, "TXT", 60, theirs)], known)
    gone = planned([withdrawal], [], known)
    assert edited.changes == gone.changes == ()
    for made in (alone, beside, edited, gone):
        assert made.released == frozenset({old.key}) and made.entries == ()


@pytest.mark.parametrize("rtype", ["NS", "SOA", "DS"])
def test_types_that_carry_the_zone_are_never_written(rtype: str) -> None:
    change = Change(None, rrset("example.test", rtype, 60, TXT(b"x")), "group")
    with pytest.raises(PlanError):
        assert_inside([change], frozenset({change.key}))


def test_a_name_that_is_not_claimed_is_never_written() -> None:
    with pytest.raises(PlanError):
        assert_inside([Change(None, rrset(HOST, "A", 60, OURS), "group")], frozenset())


def test_undo_brings_no_former_value_of_what_it_is_told_to_keep() -> None:
    before, after = rrset(HOST, "A", 60, OURS), rrset(HOST, "A", 60, FOREIGN)
    for change in (Change(before, after, "dkim", "r"), Change(before, None, "dkim", "r")):
        there = memory([change.after] if change.after else [])
        seen = there.read(frozenset({before.key.owner}))
        back = undo([change], seen, lambda former: former == before)
        assert back.changes == () and [each.words.id for each in back.notes] == [
            "dns.note.not_undone"
        ]
    # What we have made goes: nothing comes back.
    made = Change(None, after, "dkim", "r")
    seen = memory([after]).read(frozenset({after.key.owner}))
    assert [each.after for each in undo([made], seen, lambda _: True).changes] == [None]


def test_undo_puts_back_and_leaves_what_was_edited_since() -> None:
    before, after = rrset(HOST, "A", 60, FOREIGN), rrset(HOST, "A", 60, OURS)
    change = Change(before, after, "addresses")
    names = frozenset({change.key.owner})
    back = undo([change], memory([after]).read(names))
    assert [(each.before, each.after) for each in back.changes] == [(after, before)]
    edited = memory([rrset(HOST, "A", 60, Address("198.51.100.7"))])
    assert undo([change], edited.read(names)).conflicts != ()
    assert undo([change], memory([before]).read(names)) == Plan()


# -- whatever is there, nothing foreign is lost --------------------------------------------------

owners = st.sampled_from(["example.test", HOST, "_dmarc.example.test", "other.example.test"])
texts = st.sampled_from(
    [b"v=spf1 mx -all", b"v=spf1 redirect=_spf.x", b"v=spf1", b"token=1", b"v=DMARC1; p=reject"]
)
values: dict[str, st.SearchStrategy[Value]] = {
    "A": st.sampled_from([OURS, FOREIGN]),
    "TXT": texts.map(TXT),
    "MX": st.sampled_from([MX(10, owner_name(HOST)), MX(5, owner_name("mx.other.test"))]),
}


@st.composite
def zones(draw: st.DrawFn) -> list[RRset]:
    found: dict[RRKey, RRset] = {}
    for owner, rtype in draw(st.sets(st.tuples(owners, st.sampled_from(list(values))))):
        members = draw(st.sets(values[rtype], min_size=1, max_size=3))
        made = rrset(owner, rtype, draw(st.sampled_from([60, 3600])), *members)
        found[made.key] = made
    return list(found.values())


CLAIMS = [
    claim(),
    spf_claim("203.0.113.10"),
    claim("_dmarc.example.test", "TXT", TXT(b"v=DMARC1; p=none"), group="dmarc", needed=False),
    claim("example.test", "MX", MX(10, owner_name(HOST)), group="mx", needed=False),
    claim("other.example.test", "TXT", TXT(b"proof"), mode=ClaimMode.MEMBER, group="acme"),
]


def carried_out(provider: MemoryProvider, entries: dict[RRKey, Entry]) -> Plan:
    snapshot = provider.read(frozenset(each.key.owner for each in CLAIMS) | {provider.zone})
    made = plan(CLAIMS, snapshot, entries, capabilities=LIMITS)
    provider.apply(made.changes)
    entries.update({each.key: each for each in made.entries})
    return made


@given(zones())
def test_no_foreign_value_is_ever_changed_or_lost(there: list[RRset]) -> None:
    provider = memory(there)
    carried_out(provider, {})
    for before in there:
        after = provider.rrsets[before.key]
        lost = {v for v in before.values - after.values if not spf.is_spf(v)}
        assert lost == set()
        for merged in (v for v in before.values - after.values if isinstance(v, TXT)):
            kept = merged.data.split()
            (now,) = [v for v in after.values if spf.is_spf(v) and isinstance(v, TXT)]
            assert [word for word in now.data.split() if word in kept] == kept


@given(zones())
def test_a_second_plan_after_the_first_was_carried_out_is_empty(there: list[RRset]) -> None:
    provider, entries = memory(there), dict[RRKey, Entry]()
    first = carried_out(provider, entries)
    second = carried_out(provider, entries)
    assert second.changes == ()
    assert {each.key for each in second.conflicts} == {each.key for each in first.conflicts}


def removed(
    there: list[RRset], entries: tuple[Entry, ...]
) -> tuple[dict[RRKey, frozenset[Value]], Plan]:
    """The zone after everything of ours is taken out of it, and the plan for that."""
    claims = removals(
        {each.key: each for each in entries},
        lambda entry: spf.unmerge(entry.terms, entry.whole),
    )
    made = planned(list(claims), there, entries)
    zone = {each.key: each.values for each in there}
    for change in made.changes:
        zone.pop(change.key)
        if change.after:
            zone[change.key] = change.after.values
    return zone, made


def test_removing_takes_what_we_wrote_and_leaves_what_was_adopted() -> None:
    ours, theirs = rrset(HOST, "A", 60, OURS), rrset("imap.example.test", "A", 60, FOREIGN)
    zone, made = removed([ours, theirs], (entry(ours), entry(theirs, "adopted")))
    assert zone == {theirs.key: theirs.values} and made.released == {ours.key}


def test_removing_starts_with_mx() -> None:
    mx = rrset("example.test", "MX", 60, MX(10, owner_name(HOST)))
    ours = rrset(HOST, "A", 60, OURS)
    _, made = removed([ours, mx], (entry(ours), entry(mx)))
    assert [change.key.rtype for change in made.changes] == ["MX", "A"]


def test_removing_leaves_what_somebody_added_beside_ours() -> None:
    ours, both = rrset(HOST, "A", 60, OURS), rrset(HOST, "A", 60, OURS, FOREIGN)
    zone, _ = removed([both], (entry(ours),))
    assert zone == {ours.key: {FOREIGN}}


def test_a_value_that_was_there_before_us_is_not_removed_with_ours() -> None:
    theirs, ours = TXT(b"theirs"), TXT(b"ours")
    wanted = claim("example.test", "TXT", theirs, ours, mode=ClaimMode.MEMBER)
    before = rrset("example.test", "TXT", 60, theirs)
    made = planned([wanted], [before])
    (change,), (kept,) = made.changes, made.entries
    assert change.after and kept.written == {ours}
    zone, _ = removed([change.after], (kept,))
    assert zone == {before.key: {theirs}}


@pytest.mark.parametrize(
    ("there", "left"),
    [
        (None, None),
        (b"v=spf1 ~all", b"v=spf1 ~all"),
        (b"v=spf1 include:a.test -all", b"v=spf1 include:a.test -all"),
        (b"v=spf1 ip4:203.0.113.10 -all", b"v=spf1 ip4:203.0.113.10 -all"),
    ],
)
def test_our_part_of_an_spf_record_is_taken_out_of_it(
    there: bytes | None, left: bytes | None
) -> None:
    before = [rrset("example.test", "TXT", 60, TXT(there))] if there else []
    made = planned([spf_claim("203.0.113.10")], before)
    (kept,) = made.entries
    after = made.changes[0].after if made.changes else before[0]
    assert after
    zone, _ = removed([after], (kept,))
    assert zone == ({after.key: {TXT(left)}} if left else {})


def test_an_spf_record_of_ours_that_somebody_added_to_loses_our_part_only() -> None:
    (kept,) = planned([spf_claim("203.0.113.10")], []).entries
    grown = rrset("example.test", "TXT", 60, TXT(b"v=spf1 ip4:203.0.113.10 include:a.test ~all"))
    zone, _ = removed([grown], (kept,))
    assert zone == {grown.key: {TXT(b"v=spf1 include:a.test ~all")}}
