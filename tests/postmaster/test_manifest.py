"""The manifest: what was written is what is read, and whose state may write it again."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import MX, TXT, Address, RRKey, key, owner_name
from ground.words import Words
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, begin
from keys.rotation_record import from_record, to_record
from postmaster.leaving import with_leaving
from postmaster.manifest import (
    Facts,
    FormerMark,
    HostKnown,
    Identity,
    KeyInUse,
    Known,
    Look,
    Manifest,
    ManifestError,
    RecordMark,
    Stamp,
    Standing,
    Versions,
    dump,
    mark_of,
    parse,
    standing,
    value_sum,
    wanted,
)
from tests.postmaster.ledgers import published
from tests.postmaster.test_leaving import taken_out
from tests.postmaster.test_settings import site, zone

RULES = Rules(ttl=3600, low_ttl=60, slack=30, keep=86400)
OLD, NEW = KeyRef("pm202611a", "pm202611a", "aa"), KeyRef("pm202612a", "pm202612a", "bb")
SITE = "0" * 32

words = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=12)
many = st.lists(words, max_size=3).map(tuple)
names = st.from_regex(r"[a-z0-9_][a-z0-9._@-]{0,11}", fullmatch=True)
several = st.lists(names, max_size=3).map(tuple)
rotations = st.builds(
    Rotation,
    domain=names,
    strategy=st.sampled_from(Strategy),
    old=st.just(OLD),
    new=st.just(NEW),
    rules=st.just(RULES),
    started=st.floats(0, 2e9),
    entered=st.floats(0, 2e9),
    step=st.sampled_from(Step),
    emergency=st.booleans(),
)
marks = st.builds(
    RecordMark,
    zone=names,
    key=st.sampled_from([key("example.com", "MX"), key("_dmarc.example.com", "TXT")]),
    sums=many,
    ours=many,
    mode=st.sampled_from(ClaimMode),
    group=words,
    ttl=st.integers(0, (1 << 31) - 1),
    origin=st.sampled_from(["written", "adopted"]),
    terms=many,
    whole=st.booleans(),
)
all_facts = st.builds(
    Facts,
    host=words,
    machine=words,
    address=words,
    outbound=words,
    domains=several,
    keys=st.lists(st.builds(KeyInUse, names, names, names, words), max_size=2).map(tuple),
    revoked=many,
    users=several,
    admin=names,
    versions=st.builds(Versions, words, words, words),
    paused=st.none() | words,
    rotations=st.lists(rotations, max_size=2).map(tuple),
    records=st.lists(marks, max_size=2).map(tuple),
    former=st.lists(
        st.builds(
            FormerMark, names, st.just(key("example.com", "MX")), words, st.integers(0, 1 << 40)
        ),
        max_size=2,
    ).map(tuple),
)
stamps = st.builds(
    Stamp,
    site=words,
    generation=st.integers(1, 1 << 40),
    mark=words,
    controller=words,
    time=st.datetimes(timezones=st.just(UTC)).map(lambda each: each.replace(microsecond=0)),
)
manifests = st.builds(Manifest, stamps, all_facts, st.integers(0, 1 << 40))


@settings(max_examples=30)
@given(manifests)
def test_what_is_written_to_a_host_is_what_is_read_from_it(manifest: Manifest) -> None:
    assert parse(dump(manifest).decode()) == manifest


@settings(max_examples=30)
@given(manifests, st.data())
def test_a_manifest_that_was_cut_is_told_and_nothing_else_happens(
    manifest: Manifest, data: st.DataObject
) -> None:
    whole = dump(manifest).decode().rstrip()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(ManifestError, match="damaged"):
        parse(cut)


@settings(max_examples=30)
@given(manifests, st.data())
def test_a_manifest_that_lacks_something_or_has_something_else_in_its_place_is_told(
    manifest: Manifest, data: st.DataObject
) -> None:
    record = json.loads(dump(manifest))
    part = data.draw(st.sampled_from([record, record["stamp"], record["facts"]]))
    name = data.draw(st.sampled_from(sorted(part.keys() - {"version"})))
    if data.draw(st.booleans()):
        del part[name]
    else:
        part[name] = {"some": "thing"}
    with pytest.raises(ManifestError, match="damaged"):
        parse(json.dumps(record))


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("stamp", "controller"), "ann@desk\x1b]0;all is well\x07"),
        (("facts", "admin"), "../../root"),
        (("facts", "users"), ["../bob"]),
        (("facts", "domains"), ["/etc/passwd"]),
        (("facts", "keys", 0, "name"), "../../../.ssh/id"),
        (("facts", "keys", 0, "selector"), ".hidden"),
        (("facts", "rotations", 0, "domain"), "../site"),
        (("facts", "rotations", 0, "new", "name"), "../../other/key"),
        (("facts", "rotations", 0, "old", "selector"), "a/b"),
        (("facts", "rotations", 0, "entered"), float("inf")),
        (("facts", "rotations", 0, "rules", "keep"), "long"),
        (("facts", "records", 0, "zone"), "../ledger"),
        (("facts", "records", 0, "ttl"), -1),
        (("facts", "records", 0, "origin"), "found"),
        (("facts", "former", 0, "zone"), "../ledger"),
    ],
)
def test_what_would_lead_elsewhere_or_is_no_text_is_not_taken_from_a_host(
    where: tuple[str | int, ...], value: object
) -> None:
    rotation = begin("example.com", Strategy.DUAL, OLD, NEW, RULES, 0.0)
    owner = key("example.com", "MX")
    facts = replace(
        manifest_of().facts,
        keys=(KeyInUse("example.com", "a", "a", "aa"),),
        rotations=(rotation,),
        records=(RecordMark("example.com", owner, (), (), ClaimMode.MEMBER, "mx:", 60, "written"),),
        former=(FormerMark("example.com", owner, "10 mx.", 1),),
    )
    record = json.loads(dump(replace(manifest_of(), facts=facts)))
    assert parse(json.dumps(record)).facts == facts
    part: Any = record
    for each in where[:-1]:
        part = part[each]
    part[where[-1]] = value
    with pytest.raises(ManifestError, match="damaged"):
        parse(json.dumps(record))


def test_words_of_another_version_are_no_reason_to_forget_a_rotation() -> None:
    rotation = begin("example.com", Strategy.DUAL, OLD, NEW, RULES, 0.0)
    odd = replace(rotation, problem=Words("no.such.message", (("a", "b"),)))
    assert from_record(to_record(odd)) == rotation


def test_a_manifest_of_a_later_version_is_not_taken_for_a_damaged_one() -> None:
    with pytest.raises(ManifestError, match="later version") as caught:
        parse('{"version": 2, "facts": "in another form"}')
    assert caught.value.words.named == {"version": "2"}


# -- what it says ------------------------------------------------------------------------------


def entry(
    owner: str, rtype: str, *values: TXT | MX | Address, origin: str = "written", group: str = ""
) -> tuple[RRKey, Entry]:
    at = key(owner, rtype)
    return at, Entry(at, frozenset(values), 300, origin, group, ClaimMode.EXCLUSIVE)


def known(**given: object) -> Known:
    return replace(Known(machine="m1"), **given)  # type: ignore[arg-type]


ONE = site(zone("example.com"), zone("other.org"), domains=["example.com", "other.org"])


def test_a_key_that_has_leaked_stays_revoked_whatever_becomes_of_the_state() -> None:
    server = ONE.servers[0]
    before = wanted(ONE, server, known(leaked=frozenset({"aa"})))
    assert before.revoked == ("aa",)
    assert wanted(ONE, server, known(before=before)).revoked == ("aa",)
    after_it = wanted(ONE, server, known(before=before, leaked=frozenset({"bb"})))
    assert after_it.revoked == ("aa", "bb")


def test_an_account_that_we_made_stays_ours_whatever_becomes_of_the_state() -> None:
    before = wanted(ONE, ONE.servers[0], known(users=frozenset({"bob"})))
    after_it = wanted(ONE, ONE.servers[0], known(before=before, users=frozenset({"ann"})))
    assert after_it.users == ("ann", "bob")


def test_mail_that_a_rotation_has_paused_is_said_to_be() -> None:
    rotation = begin("example.com", Strategy.FIXED, OLD, NEW, RULES, 1000.0)
    while rotation.step is not Step.PAUSE:
        assert wanted(ONE, ONE.servers[0], known(rotations=(rotation,))).paused is None
        rotation = after(rotation, 1000.0)
    facts = wanted(ONE, ONE.servers[0], known(rotations=(rotation,)))
    assert facts.paused == "rotation.paused"
    assert facts.rotations == (rotation,)


def test_a_rotation_of_another_server_s_domain_is_not_told_to_this_one() -> None:
    rotation = begin("elsewhere.test", Strategy.FIXED, OLD, NEW, RULES, 1000.0)
    assert wanted(ONE, ONE.servers[0], known(rotations=(rotation,))).rotations == ()


def test_records_are_kept_as_sums_with_what_the_ledger_knows_of_them() -> None:
    ours, theirs = TXT(b"v=spf1 ours"), TXT(b"somebody's")
    at = key("example.com", "TXT")
    kept = Entry(
        at,
        frozenset({ours, theirs}),
        300,
        "written",
        "spf:example.com",
        ClaimMode.MEMBER,
        ("ip4:192.0.2.1",),
        True,
        frozenset({theirs}),
    )
    mark = mark_of("example.com", kept)
    assert mark.ours == (value_sum(ours, "TXT"),)
    assert set(mark.sums) == {value_sum(ours, "TXT"), value_sum(theirs, "TXT")}
    assert (mark.zone, mark.key, mark.mode) == ("example.com", at, ClaimMode.MEMBER)
    assert (mark.terms, mark.whole, mark.origin) == (kept.terms, True, "written")
    assert (mark.group, mark.ttl) == ("spf:example.com", 300)
    assert "somebody" not in dump(manifest_of(records=(mark,))).decode()


def test_what_was_adopted_is_not_ours() -> None:
    _, kept = entry("example.com", "A", Address("192.0.2.1"), origin="adopted")
    assert mark_of("example.com", kept).ours == ()


def test_two_servers_in_one_zone_have_each_its_own_records_and_both_those_of_nobody() -> None:
    both = site(zone("example.com"), domains=["a.example.com"])
    first = both.servers[0]
    second = replace(
        first,
        host="8.8.4.4",
        domains=(replace(first.domains[0], name="b.example.com", server="8.8.4.4"),),
    )
    both = replace(both, servers=(first, second))
    there = dict(
        [
            entry("a.example.com", "MX", MX(10, owner_name("smtp.a.example.com"))),
            entry("smtp.b.example.com", "A", Address("8.8.4.4")),
            entry("gone.example.com", "A", Address("8.8.4.4")),
        ]
    )
    of_all = known(ledgers={"example.com": LedgerState(there)})
    seen = [
        [str(each.key) for each in wanted(both, server, of_all).records] for server in both.servers
    ]
    assert seen == [
        ["a.example.com/MX", "gone.example.com/A"],
        ["smtp.b.example.com/A", "gone.example.com/A"],
    ]


def test_of_a_zone_without_a_domain_of_the_server_nothing_is_said() -> None:
    there = dict([entry("elsewhere.test", "A", Address("8.8.4.4"))])
    elsewhere = known(ledgers={"elsewhere.test": LedgerState(there)})
    assert wanted(ONE, ONE.servers[0], elsewhere).records == ()


def test_what_leaves_is_remembered_with_its_time_also_in_a_zone_without_another_domain() -> None:
    left = site(zone("example.com"), zone("other.org"), domains=["example.com"])
    ledgers = taken_out(published(ONE), "other.org", "other.org", 1000)
    leaving = with_leaving(left, ledgers, 1000)
    facts = wanted(leaving, leaving.servers[0], known(ledgers=ledgers))
    assert {each.zone for each in facts.records} == {"example.com", "other.org"}
    out = FormerMark("other.org", key("other.org", "MX"), "10 smtp.example.com.", 1000)
    assert facts.former == (out,)


def test_a_rotation_is_remembered_by_the_server_that_it_began_on() -> None:
    left = site(zone("example.com"), zone("other.org"), domains=["example.com"])
    rotation = begin("other.org", Strategy.DUAL, OLD, NEW, RULES, 0.0, server="8.8.8.8")
    assert wanted(left, left.servers[0], known(rotations=(rotation,))).rotations == (rotation,)


def test_the_same_is_said_in_whatever_order_it_is_known() -> None:
    keys = (KeyInUse("other.org", "b", "b", "1"), KeyInUse("example.com", "a", "a", "2"))
    users = frozenset({"bob", "alice"})
    one = wanted(ONE, ONE.servers[0], known(keys=keys, users=users))
    other = wanted(ONE, ONE.servers[0], known(keys=keys[::-1], users=users))
    assert one == other
    assert one.users == ("alice", "bob")
    assert [each.domain for each in one.keys] == ["example.com", "other.org"]


def test_what_the_inventory_says_of_a_server_is_in_its_manifest() -> None:
    facts = wanted(ONE, ONE.servers[0], known(versions=Versions("v2.9.7", "ab", "0.1")))
    assert facts.domains == ("example.com", "other.org")
    assert (facts.host, facts.address) == ("8.8.8.8", "8.8.8.8")
    assert (facts.outbound, facts.admin) == ("relay", "admin")
    assert (facts.machine, facts.versions.pmail) == ("m1", "v2.9.7")


# -- whose state -------------------------------------------------------------------------------


def manifest_of(**given: object) -> Manifest:
    facts = replace(wanted(ONE, ONE.servers[0], known()), **given)  # type: ignore[arg-type]
    return Manifest(Stamp(SITE, 7, "m" * 16, "ann@desk", datetime(2026, 11, 1, tzinfo=UTC)), facts)


def there(generation: int = 7, mark: str = "m" * 16, site: str = SITE) -> Manifest:
    made = manifest_of()
    return replace(made, stamp=replace(made.stamp, site=site, generation=generation, mark=mark))


KNOWN = HostKnown(7, "m" * 16, None, "m1", "8.8.8.8", ("example.com",), "2026-11-01T00:00:00+00:00")
FIRST = replace(KNOWN, generation=0, mark="", pending="p" * 16)


def state(known: HostKnown | None = KNOWN, generation: int = 7) -> Identity:
    return Identity(SITE, generation, {"8.8.8.8": known} if known else {})


@pytest.mark.parametrize(
    ("identity", "manifest", "deployed", "traces", "stands"),
    [
        (None, None, False, False, Standing.NEW),
        (None, None, False, True, Standing.NEW),
        (state(None), None, False, True, Standing.NEW),
        (None, None, True, True, Standing.UNTOLD),
        (state(None), None, True, True, Standing.UNTOLD),
        (state(FIRST), None, True, True, Standing.UNTOLD),
        (state(FIRST), None, False, True, Standing.NEW),
        (None, None, True, False, Standing.NO_STATE),
        (None, there(), True, False, Standing.NO_STATE),
        (None, there(), True, True, Standing.NO_STATE),
        (state(), there(), True, True, Standing.SAME),
        (state(), there(), False, True, Standing.SAME),
        (state(replace(KNOWN, pending="p" * 16)), there(), True, True, Standing.SAME),
        (
            state(replace(KNOWN, pending="p" * 16)),
            there(8, "p" * 16),
            True,
            True,
            Standing.SAME,
        ),
        (state(FIRST), there(1, "p" * 16), True, True, Standing.SAME),
        (state(), there(8, "n" * 16), True, True, Standing.OLDER_STATE),
        (state(), there(7, "n" * 16), True, True, Standing.OLDER_STATE),
        (state(None), there(3, "n" * 16), True, True, Standing.OLDER_STATE),
        (state(FIRST), there(3, "n" * 16), True, True, Standing.OLDER_STATE),
        (state(), there(6, "n" * 16), True, True, Standing.OLDER_HOST),
        (state(), there(9, "n" * 16, "1" * 32), True, True, Standing.OTHER_SITE),
        (state(), None, True, True, Standing.LOST),
        (state(), None, False, True, Standing.OTHER_HOST),
    ],
)
def test_how_a_host_and_a_state_stand_to_each_other(
    identity: Identity | None,
    manifest: Manifest | None,
    deployed: bool,
    traces: bool,
    stands: Standing,
) -> None:
    seen = Look(manifest, deployed)
    assert standing(identity, "8.8.8.8", seen, traces=traces) is stands


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=12))
def test_of_all_copies_of_a_state_only_those_of_the_last_write_may_write_again(
    steps: list[tuple[bool, int]],
) -> None:
    host, copies = there(), [KNOWN]
    for writes, number in steps:
        which = number % len(copies)
        if not writes:
            copies.append(copies[which])
            continue
        identity = state(copies[which], copies[which].generation)
        stands = standing(identity, "8.8.8.8", Look(host, True), traces=True)
        last = copies[which].mark == host.stamp.mark
        assert stands is (Standing.SAME if last else Standing.OLDER_STATE)
        if last:
            generation = host.stamp.generation + 1
            host = there(generation, f"{generation:016}")
            copies[which] = replace(KNOWN, generation=generation, mark=host.stamp.mark)


def test_a_host_that_has_another_name_in_the_inventory_now_is_still_the_one_we_wrote_to() -> None:
    seen = Look(there(), True)
    assert standing(state(), "mail.example.com", seen, traces=True) is Standing.SAME


def test_every_fact_is_in_the_file() -> None:
    facts = json.loads(dump(manifest_of()))["facts"]
    assert set(facts) == {each.name for each in fields(Facts)}
