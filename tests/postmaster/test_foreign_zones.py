"""A site's records in a zone that has a life of its own: what is planned there, and what is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.base import Capabilities
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.looking import looked, names_above
from dns_providers.publishing.plan import Entry, Plan, forgotten, plan, unknown_replaced
from dns_providers.rrset import (
    MX,
    TXT,
    Address,
    Other,
    RRKey,
    RRset,
    Target,
    Value,
    key,
    owner_name,
    rrset,
)
from ground.words import Words
from keys import dkim as keys
from postmaster.desired import Desired, KeyRecord, desired
from tests.fakes import memory
from tests.postmaster.test_settings import site, zone

NAME, V4, V6 = "example.com", "8.8.8.8", "2001:4860:4860::8888"
PUBLIC = keys.public_key(keys.read(keys.make(1024)))
OURS4, OURS6 = rrset(NAME, "A", 3600, Address(V4)), rrset(NAME, "AAAA", 3600, Address(V6))
WEB4, WEB6 = (
    rrset(NAME, "A", 300, Address("198.51.100.7")),
    rrset(NAME, "AAAA", 300, Address("2001:db8::7")),
)
DMARC = key(f"_dmarc.{NAME}", "TXT")
MXS = key(NAME, "MX")


def wanted(name: str = NAME, **data: Any) -> Desired:
    made = site(zone(name), **{"domains": [name], "outbound": "direct", **data})
    return desired(made, name, lambda signing: (KeyRecord(signing.selector, PUBLIC),))


def planned(
    found: Desired,
    *there: RRset,
    entries: tuple[Entry, ...] = (),
    replaced: frozenset[RRKey] = frozenset(),
    shown: dict[RRKey, frozenset[Value] | None] | None = None,
    name: str = NAME,
) -> Plan:
    """The plan for a zone. shown: what DNS shows of what the zone does not have."""
    provider = memory(there, name)
    names = frozenset(each.key.owner for each in found.claims) | {provider.zone}
    snapshot = provider.read(names | names_above(found.claims, provider.zone))
    return plan(
        found.claims,
        snapshot,
        {each.key: each for each in entries},
        replace=replaced,
        capabilities=Capabilities("zone", "native"),
        elsewhere=looked(found.claims, snapshot, shown.get if shown else None),
        given=found.given,
    )


def entry(
    made: RRset, group: str = f"apex:{NAME}", origin: str = "written", mode: str = "exclusive"
) -> Entry:
    return Entry(made.key, made.values, made.ttl, origin, group, ClaimMode(mode))


def at(made: Plan, *keys: RRKey) -> list[tuple[str, frozenset[Value] | None]]:
    """What is written at some keys."""
    return [
        (str(each.key), each.after.values if each.after else None)
        for each in made.changes
        if each.key in keys
    ]


def at_apex(made: Plan) -> list[tuple[str, frozenset[Value] | None]]:
    return at(made, OURS4.key, OURS6.key)


def told(made: Plan) -> list[str]:
    return [each.words.id for each in made.notes]


def words_of(made: Plan, id: str) -> Words:
    return next(each.words for each in made.notes if each.words.id == id)


# -- the apex belongs to the web site -------------------------------------------------------------


def row(rtype: str, text: str, *, opaque: bool = False) -> RRset:
    return replace(rrset(NAME, rtype, 300, Other(text.encode(), text)), opaque=opaque)


WEB = [
    WEB4,
    WEB6,
    replace(rrset(NAME, "AAAA", 1, Address("100::")), opaque=True),
    rrset(NAME, "CNAME", 300, Target(owner_name("cdn.example.net"))),
    row("ALIAS", "site.example.net."),
    row("ANAME", "site.example.net."),
    row("LUA", "A \"ifportup(443, {'192.0.2.1'})\"", opaque=True),
    row("REDIRECT_URL", "https://www.example.net", opaque=True),
    row("FORWARD_URL", "https://www.example.net", opaque=True),
    row("显性URL", "http://www.example.net", opaque=True),
    row("隐性URL", "http://www.example.net", opaque=True),
    row("URLFWD", "/ https://www.example.net", opaque=True),
    row("TYPE65401", "\\# 0"),
    row("HTTPS", '1 . alpn="h3,h2"'),
    row("SVCB", "1 site.example.net."),
]


@pytest.mark.parametrize("there", WEB, ids=lambda each: each.key.rtype)
def test_an_apex_where_somebody_answers_gets_no_address_of_ours(there: RRset) -> None:
    made = planned(wanted(ipv6=V6), there)
    assert at_apex(made) == []
    assert words_of(made, "dns.note.left_alone").named["found"] == str(there.key)
    assert not [each for each in made.conflicts if each.group.startswith("apex")]


def test_what_is_no_web_site_leaves_the_apex_free() -> None:
    mail = (
        rrset(NAME, "TXT", 300, TXT(b"token")),
        rrset(NAME, "MX", 300, MX(10, owner_name("mx.example.net"))),
        row("CAA", '0 issue "letsencrypt.org"'),
        row("NS", "ns1.example.net.", opaque=True),
        row("DNSKEY", "257 3 13 AA=="),
    )
    assert at_apex(planned(wanted(ipv6=V6), *mail)) == [
        (str(OURS4.key), OURS4.values),
        (str(OURS6.key), OURS6.values),
    ]


@pytest.mark.parametrize("rtype", ["A", "CNAME", "ALIAS"])
def test_a_domain_that_a_wildcard_answers_for_is_not_free(rtype: str) -> None:
    below = f"shop.{NAME}"
    value = Target(owner_name("cdn.example.net")) if rtype != "A" else Address("192.0.2.1")
    wild = replace(rrset(f"*.{NAME}", rtype, 300, value), opaque=True)
    made = planned(wanted(domains=[below]), wild)
    assert at(made, key(below, "A")) == [] and "dns.note.left_alone" in told(made)


def test_no_mode_but_direct_asks_for_the_apex() -> None:
    for mode in ("relay", "smarthost"):
        table = {"host": "smtp.provider.example", "user": "u", "password_env": "P"}
        data = {"smarthost": table} if mode == "smarthost" else {}
        found = wanted(ipv6=V6, outbound=mode, **data)
        assert not {each.key for each in found.claims} & {OURS4.key, OURS6.key}
        assert at_apex(planned(found)) == []


def test_an_apex_address_that_is_not_needed_any_more_stays_and_is_told_once() -> None:
    found = wanted(outbound="relay")
    made = planned(found, OURS4, entries=(entry(OURS4),))
    assert made.changes and at_apex(made) == [] and "dns.note.not_needed" in told(made)
    (kept,) = [each for each in made.entries if each.key == OURS4.key]
    assert kept.origin == "adopted" and not kept.ours
    assert "dns.note.not_needed" not in told(planned(found, OURS4, entries=(kept,)))
    # It leads astray once the server has another address.
    moved = wanted(outbound="relay", ipv4="8.8.4.4")
    assert "dns.note.not_needed" in told(planned(moved, OURS4, entries=(kept,)))
    edited = planned(found, WEB4, entries=(kept,))
    assert OURS4.key in edited.released and "dns.note.not_needed" not in told(edited)


def test_an_apex_address_that_is_not_needed_is_not_told_as_forgotten_too() -> None:
    found = wanted(outbound="relay")
    assert OURS4.key in found.given
    known = {OURS4.key: entry(OURS4)}
    assert forgotten(found.claims, known, leaving=frozenset(found.given)) == ()


def test_an_apex_that_somebody_took_is_given_up_in_both_families() -> None:
    found = wanted(ipv6=V6)
    both = (entry(OURS4), entry(OURS6))
    made = planned(found, WEB4, OURS6, entries=both)
    assert at_apex(made) == [(str(OURS6.key), None)]
    assert made.released >= {OURS4.key, OURS6.key} and "dns.note.given_up" in told(made)
    assert not [each for each in made.conflicts if each.group.startswith("apex")]
    again = planned(found, WEB4)
    assert at_apex(again) == [] and "dns.note.left_alone" in told(again)


def test_an_apex_address_that_was_there_before_us_is_not_taken_out() -> None:
    both = (entry(OURS4), entry(OURS6, origin="adopted"))
    made = planned(wanted(ipv6=V6), WEB4, OURS6, entries=both)
    assert at_apex(made) == [] and made.released >= {OURS4.key, OURS6.key}


def test_an_apex_may_be_taken_where_that_is_asked_for() -> None:
    made = planned(wanted(ipv6=V6), WEB4, replaced=frozenset({OURS4.key}))
    assert at_apex(made) == [
        (str(OURS4.key), OURS4.values),
        (str(OURS6.key), OURS6.values),
    ]
    other = planned(wanted(ipv6=V6), WEB4, WEB6, replaced=frozenset({OURS4.key}))
    assert at_apex(other) == []


@pytest.mark.parametrize("mode", ["relay", "direct"])
def test_a_web_host_at_the_apex_is_wanted_there_in_every_mode(mode: str) -> None:
    made = planned(wanted(web_host=NAME, outbound=mode), WEB4)
    assert [str(each.key) for each in made.conflicts] == [str(OURS4.key)] and made.blocked


def test_an_address_of_ours_follows_the_server() -> None:
    old = rrset(NAME, "A", 3600, Address("8.8.4.4"))
    made = planned(wanted(), old, entries=(entry(old),))
    assert at_apex(made) == [(str(OURS4.key), OURS4.values)]


@given(st.sets(st.sampled_from([*WEB, OURS4, OURS6]), max_size=4), st.booleans())
def test_no_address_of_ours_ever_stands_beside_somebody_elses(
    there: set[RRset], known: bool
) -> None:
    zone_ = {each.key: each for each in there}
    entries = tuple(entry(each) for each in (OURS4, OURS6) if known)
    made = planned(wanted(ipv6=V6), *zone_.values(), entries=entries)
    after = {str(k): v.values for k, v in zone_.items() if k.owner == owner_name(NAME)}
    for changed, values in at_apex(made):
        assert after.get(changed) in (None, OURS4.values, OURS6.values)
        after.pop(changed, None)
        after |= {changed: values} if values else {}
    web = [k for k, v in after.items() if v not in (OURS4.values, OURS6.values)]
    written = {changed for changed, values in at_apex(made) if values}
    assert not (web and written)


def test_an_address_of_somebody_elses_beside_ours_is_told() -> None:
    host = f"smtp.{NAME}"
    theirs = rrset(host, "AAAA", 300, Address("2001:db8::7"))
    made = planned(wanted(), theirs)
    assert words_of(made, "dns.note.other_family").named == {
        "key": f"{host}/AAAA",
        "found": "2001:db8::7",
    }
    assert made.conflicts == () and at(made, theirs.key) == []
    ours = entry(theirs, f"addresses:{NAME}")
    for quiet in (planned(wanted(), theirs, entries=(ours,)), planned(wanted(ipv6=V6), theirs)):
        assert "dns.note.other_family" not in [each.words.id for each in quiet.notes]


@pytest.mark.parametrize("rtype", ["HTTPS", "SVCB", "TXT", "CAA", "TYPE65400", "SSHFP"])
def test_what_can_be_beside_an_address_is_no_obstacle(rtype: str) -> None:
    there = rrset(f"mail.{NAME}", rtype, 300, Other(b"x", "x"))
    assert planned(wanted(), there).conflicts == ()


# -- DMARC ----------------------------------------------------------------------------------------

VALID = [
    b"v=DMARC1; p=reject; rua=mailto:x@example.net; adkim=s",
    b"v=DMARC1;p=none;rua=mailto:dmarc@example.com;",
    b"v=DMARC1 ; p=quarantine",
    b"v=DMARC1; p=none",
    b"v\t=\tDMARC1 ; p = none",
    b"v=DMARC1; p=reject; rua=x@example.net",
    b"v=DMARC1; rua=mailto:x@example.net",
]


@pytest.mark.parametrize("data", VALID)
@pytest.mark.parametrize("beside", [(), (TXT(b"some-token=1"),)])
def test_a_valid_dmarc_record_of_the_owners_will_do(data: bytes, beside: tuple[TXT, ...]) -> None:
    there = rrset(f"_dmarc.{NAME}", "TXT", 300, TXT(data), *beside)
    made = planned(wanted(), there)
    assert at(made, DMARC) == [] and made.conflicts == ()
    assert words_of(made, "dns.note.dmarc_theirs").named["there"] == str(TXT(data))
    assert DMARC not in {each.key for each in made.entries}


def test_a_record_of_ours_that_the_owner_made_stricter_is_the_owners() -> None:
    ours = next(each for each in wanted().claims if each.key == DMARC)
    known = entry(RRset(DMARC, 3600, ours.values), f"dmarc:{NAME}")
    edited = rrset(f"_dmarc.{NAME}", "TXT", 300, TXT(VALID[0]))
    made = planned(wanted(), edited, entries=(known,))
    assert at(made, DMARC) == [] and made.conflicts == () and DMARC in made.released


def test_our_own_dmarc_record_follows_the_inventory() -> None:
    ours = next(each for each in wanted().claims if each.key == DMARC)
    old = RRset(DMARC, 3600, ours.values)
    made = planned(wanted(dmarc_policy="reject"), old, entries=(entry(old, f"dmarc:{NAME}"),))
    assert len(at(made, DMARC)) == 1


def test_a_dmarc_record_of_the_owners_is_replaced_only_where_that_is_asked_for() -> None:
    there = rrset(f"_dmarc.{NAME}", "TXT", 300, TXT(VALID[0]))
    assert len(at(planned(wanted(), there, replaced=frozenset({DMARC})), DMARC)) == 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((b"v=DMARC1; p=reject", b"v=DMARC1; p=none"), "dns.conflict.dmarc_several"),
        ((b"v=DMARC1; p=rejected",), "dns.conflict.dmarc_syntax"),
        ((b" v=DMARC1; p=reject",), "dns.conflict.dmarc_syntax"),
        (
            (b"v=DMARC1; p=reject; sp=rejected; rua=mailto:x@example.net",),
            "dns.conflict.dmarc_syntax",
        ),
        ((b"v=DMARC1; p=reject; np=",), "dns.conflict.dmarc_syntax"),
        ((b"v=spf1 -all",), "dns.conflict.foreign"),
    ],
)
def test_what_receivers_do_not_heed_is_a_conflict_that_says_why(
    values: tuple[bytes, ...], problem: str
) -> None:
    made = planned(wanted(), rrset(f"_dmarc.{NAME}", "TXT", 300, *map(TXT, values)))
    assert at(made, DMARC) == [] and not made.blocked
    assert [each.problem.id for each in made.conflicts] == [problem]


VENDORS = [
    rrset(f"_dmarc.{NAME}", "CNAME", 300, Target(owner_name("x.dmarc.vendor.example"))),
    rrset(f"_dmarc.{NAME}", "NS", 300, Other(b"ns", "ns.vendor.example.")),
]


@pytest.mark.parametrize("way", VENDORS, ids=lambda each: each.key.rtype)
@pytest.mark.parametrize(
    ("shown", "note", "problem"),
    [
        (frozenset({TXT(VALID[0])}), "dns.note.dmarc_theirs", None),
        (None, "dns.note.elsewhere_unseen", None),
        (frozenset(), None, "dns.conflict.elsewhere"),
        (frozenset({TXT(b"v=DMARC1; p=x")}), None, "dns.conflict.elsewhere"),
    ],
)
def test_a_dmarc_record_that_a_vendor_keeps_is_read_and_the_way_to_it_left_alone(
    way: RRset, shown: frozenset[Value] | None, note: str | None, problem: str | None
) -> None:
    for replaced in (frozenset[RRKey](), frozenset({DMARC})):
        made = planned(wanted(), way, shown={DMARC: shown}, replaced=replaced)
        assert at(made, DMARC) == [] and note in (None, *told(made))
        assert [each.problem.id for each in made.conflicts] == ([problem] if problem else [])
        if note == "dns.note.dmarc_theirs":
            how = words_of(made, note).named["how"]
            assert how.startswith(f"If you want ours, take {way.key.rtype} ")


def test_a_dmarc_record_that_a_wildcard_gives_holds_too() -> None:
    wild = rrset(f"*.{NAME}", "TXT", 300, TXT(VALID[0]))
    made = planned(wanted(), wild)
    assert at(made, DMARC) == [] and "dns.note.dmarc_theirs" in told(made)
    alias = rrset(f"*.{NAME}", "CNAME", 300, Target(owner_name("x.vendor.example")))
    made = planned(wanted(), alias, shown={DMARC: frozenset({TXT(VALID[0])})})
    assert at(made, DMARC) == [] and "dns.note.dmarc_theirs" in told(made)
    unseen = planned(wanted(), alias, shown={DMARC: None})
    assert at(unseen, DMARC) == [] and "dns.note.elsewhere_unseen" in told(unseen)
    token = rrset(f"*.{NAME}", "TXT", 300, TXT(b"some-token=1"))
    assert len(at(planned(wanted(), token), DMARC)) == 1


# -- a mail domain below an organisation's name ----------------------------------------------------

BELOW = f"mail.{NAME}"
BELOW_DMARC = key(f"_dmarc.{BELOW}", "TXT")


@pytest.mark.parametrize(
    ("above", "policy", "made"),
    [
        (b"v=DMARC1; p=reject", "none", False),
        (b"v=DMARC1; p=reject", "reject", True),
        (b"v=DMARC1; p=quarantine; rua=x@example.net", "none", False),
        (b"v=DMARC1; p=none; sp=quarantine", "none", False),
        (b"v=DMARC1; p=reject; sp=none", "none", True),
        (b"v=DMARC1; p=none", "none", True),
        (b"v=DMARC1; p=oops", "none", True),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_no_laxer_record_is_made_below_the_organisations(
    above: bytes, policy: str, made: bool, apart: bool
) -> None:
    org = rrset(f"_dmarc.{NAME}", "TXT", 300, TXT(above))
    name = BELOW if apart else NAME
    found = wanted(name, domains=[BELOW], dmarc_policy=policy)
    shown: dict[RRKey, frozenset[Value] | None] = {org.key: org.values}
    there = () if apart else (org,)
    result = planned(found, *there, shown=shown if apart else None, name=name)
    assert bool(at(result, BELOW_DMARC)) is made and result.conflicts == ()
    assert ("dns.note.dmarc_above" in told(result)) is not made
    asked = planned(
        found, *there, shown=shown if apart else None, name=name, replaced=frozenset({BELOW_DMARC})
    )
    assert at(asked, BELOW_DMARC)


def test_a_wildcard_above_an_existing_name_holds_by_the_organisations_name_alone() -> None:
    wild = rrset(f"*.{NAME}", "TXT", 300, TXT(b"v=DMARC1; p=reject; sp=none"))
    assert at(planned(wanted(domains=[BELOW]), wild), BELOW_DMARC)
    strict = rrset(f"*.{NAME}", "TXT", 300, TXT(b"v=DMARC1; p=reject"))
    made = planned(wanted(domains=[BELOW]), strict)
    assert at(made, BELOW_DMARC) == [] and "dns.note.dmarc_above" in told(made)


def test_a_record_is_not_made_while_nobody_says_what_the_organisation_demands() -> None:
    found = wanted(BELOW, domains=[BELOW])
    made = planned(found, shown={key(f"_dmarc.{NAME}", "TXT"): None}, name=BELOW)
    assert at(made, BELOW_DMARC) == [] and not made.blocked
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.dmarc_unseen"]


# -- MX -------------------------------------------------------------------------------------------

OUR_HOST, OTHER_HOST = owner_name(f"smtp.{NAME}"), owner_name("mx.backup.example")


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ((MX(5, OUR_HOST),), "dns.note.mx_preference"),
        ((MX(20, OUR_HOST),), "dns.note.mx_preference"),
        ((MX(10, OUR_HOST), MX(20, OTHER_HOST)), "dns.note.mx_backup"),
        ((MX(0, OUR_HOST), MX(10, OTHER_HOST)), "dns.note.mx_backup"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_our_mx_in_other_words_and_a_backup_are_notes(
    values: tuple[MX, ...], note: str, known: bool
) -> None:
    ours = rrset(NAME, "MX", 3600, MX(10, OUR_HOST))
    entries = (entry(ours, f"mx:{NAME}"),) if known else ()
    there = rrset(NAME, "MX", 300, *values)
    made = planned(wanted(), there, entries=entries)
    assert at(made, MXS) == [] and made.conflicts == () and note in told(made)
    (kept,) = [each for each in made.entries if each.key == MXS]
    assert kept.values == {each for each in values if each.exchange == OUR_HOST}
    assert kept.mode is ClaimMode.MEMBER
    again = planned(wanted(), there, entries=(kept,))
    assert at(again, MXS) == [] and kept in again.entries


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((MX(10, OTHER_HOST),), "dns.conflict.foreign"),
        ((MX(20, OTHER_HOST),), "dns.conflict.foreign"),
        ((MX(10, OUR_HOST), MX(10, OTHER_HOST)), "dns.conflict.mx_shared"),
        ((MX(10, OUR_HOST), MX(5, OTHER_HOST)), "dns.conflict.mx_shared"),
    ],
)
def test_an_mx_that_gets_mail_in_place_of_ours_is_a_conflict(
    values: tuple[MX, ...], problem: str
) -> None:
    made = planned(wanted(), rrset(NAME, "MX", 300, *values))
    assert at(made, MXS) == [] and not made.blocked
    assert [each.problem.id for each in made.conflicts] == [problem]


# -- leave to replace -----------------------------------------------------------------------------


def test_leave_to_replace_that_does_nothing_is_told() -> None:
    typo = key(f"_dmark.{NAME}", "TXT")
    (note,) = unknown_replaced({typo, DMARC}, wanted().claims)
    assert note.words == Words.of("dns.note.replaces_nothing", key=typo)
    ours = next(each for each in wanted().claims if each.key == DMARC)
    allowed = frozenset({DMARC})
    assert "dns.note.not_replaced" not in told(planned(wanted(), replaced=allowed))
    special = replace(WEB4, opaque=True)
    assert "dns.note.not_replaced" not in told(
        planned(wanted(), special, replaced=frozenset({OURS4.key}))
    )
    made = planned(wanted(), RRset(DMARC, 300, ours.values), replaced=allowed)
    assert words_of(made, "dns.note.not_replaced").named["key"] == str(DMARC)


# -- whatever there is ----------------------------------------------------------------------------

THEIRS = [
    *(each for each in WEB if each.key.rtype != "CNAME"),  # nothing is beside one
    rrset(NAME, "MX", 300, MX(10, OTHER_HOST)),
    rrset(NAME, "MX", 300, MX(10, OUR_HOST), MX(20, OTHER_HOST)),
    rrset(NAME, "TXT", 300, TXT(b"token")),
    *(rrset(f"_dmarc.{NAME}", "TXT", 300, TXT(each)) for each in (VALID[0], b"v=DMARC1; p=x")),
    *VENDORS,
    rrset(f"*.{NAME}", "A", 300, Address("192.0.2.1")),
    rrset(f"*.{NAME}", "TXT", 300, TXT(VALID[0])),
    rrset(f"smtp.{NAME}", "A", 300, Address("192.0.2.1")),
    rrset(f"imap.{NAME}", "CNAME", 300, Target(OTHER_HOST)),
]


@pytest.mark.slow
@given(st.sets(st.sampled_from(THEIRS)), st.sampled_from(["relay", "direct"]))
def test_no_zone_loses_what_somebody_has_in_it_and_a_second_run_has_nothing_to_do(
    drawn: set[RRset], mode: str
) -> None:
    found = wanted(ipv6=V6, outbound=mode)
    provider = memory(drawn, NAME)
    there = dict(provider.rrsets)
    names = frozenset(each.key.owner for each in found.claims) | {provider.zone}
    entries: dict[RRKey, Entry] = {}

    def run() -> Plan:
        made = plan(
            found.claims,
            provider.read(names),
            entries,
            capabilities=provider.capabilities,
            given=found.given,
        )
        provider.apply(made.changes)
        for key_ in made.released:
            entries.pop(key_, None)
        entries.update({each.key: each for each in made.entries})
        return made

    first, second = run(), run()
    for before in there.values():
        assert before.values <= provider.rrsets[before.key].values
    assert second.changes == ()
    assert [each.key for each in second.conflicts] == [each.key for each in first.conflicts]
