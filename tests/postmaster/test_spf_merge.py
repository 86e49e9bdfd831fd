"""Our terms in somebody's SPF record: we pass with it, and nobody who passed before is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dns_providers.publishing.claims import Merge
from dns_providers.rrset import TXT, Address, Target, key, owner_name
from postmaster import spf, spf_merge
from postmaster.spf_merge import Wanted
from probes.world.dns import Outcome
from probes.world.spf import evaluate
from tests.postmaster.spf_world import DOMAIN, US, Dns, world
from tests.postmaster.test_foreign_zones import wanted


def merge(
    *there: str,
    ours: tuple[str, ...] = (),
    addresses: tuple[str, ...] = (US,),
    includes: tuple[str, ...] = (),
    dns: Dns | None = None,
) -> Merge:
    wanted = Wanted(DOMAIN, spf.our_terms(addresses, includes), "~all")
    records = tuple(each.encode() for each in there)
    return spf_merge.merge(records, wanted, ours, dns or world())


def merged(there: str, *, ours: tuple[str, ...] = (), dns: Dns | None = None) -> str:
    found = merge(there, ours=ours, dns=dns)
    assert isinstance(found.value, TXT) and found.problem is None, found
    return found.value.data.decode()


def problem(found: Merge) -> dict[str, str]:
    assert found.problem is not None, found
    return {"id": found.problem.id, **dict(found.problem.values)}


def noted(found: Merge) -> dict[str, str]:
    assert found.note is not None and found.problem is None, found
    return {"id": found.note.id, **dict(found.note.values)}


# -- what is there keeps its terms


def test_a_name_without_spf_gets_addresses_and_all() -> None:
    found = merge(addresses=(US, "2001:db8::1"))
    assert found.value == TXT(b"v=spf1 ip4:203.0.113.10 ip6:2001:db8::1 ~all")
    assert found.ours == ("ip4:203.0.113.10", "ip6:2001:db8::1") and found.whole


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("v=spf1 mx -all", "v=spf1 mx ip4:203.0.113.10 -all"),
        ("v=spf1 mx", "v=spf1 mx ip4:203.0.113.10"),
        ("v=spf1", "v=spf1 ip4:203.0.113.10"),
        ("v=spf1 ~all", "v=spf1 ip4:203.0.113.10 ~all"),
        ("v=spf1 include:a.test ?all", "v=spf1 include:a.test ip4:203.0.113.10 ?all"),
        ("v=spf1 mx exp=e.test -all", "v=spf1 mx ip4:203.0.113.10 exp=e.test -all"),
        ("v=spf1 x=y mx -all", "v=spf1 x=y mx ip4:203.0.113.10 -all"),
        ("v=spf1 exists:%{i}._spf.x.test -all", None),
        ("v=spf1 IP4:203.0.113.10/32 -all", "v=spf1 IP4:203.0.113.10/32 -all"),
        ("v=spf1  +ip4:203.0.113.10 -all", "v=spf1  +ip4:203.0.113.10 -all"),
        ("V=SPF1 mx -all", None),
    ],
)
def test_the_existing_record_keeps_its_terms_and_its_end(there: str, wanted: str | None) -> None:
    expected = wanted or there.replace(" -all", " ip4:203.0.113.10 -all")
    dns = world(a="v=spf1 ip4:192.0.2.1 -all")
    assert merged(there, dns=dns).lower() == expected.lower()


def test_a_term_of_ours_that_is_no_longer_wanted_goes() -> None:
    old = "v=spf1 mx ip4:203.0.113.99 -all"
    assert merged(old, ours=("ip4:203.0.113.99",)) == "v=spf1 mx ip4:203.0.113.10 -all"


def test_a_term_that_was_there_before_us_stays() -> None:
    there = "v=spf1 ip4:203.0.113.10 -all"
    assert merge(there).ours == ()
    found = merge(there, addresses=("203.0.113.20",))
    assert found.value == TXT(b"v=spf1 ip4:203.0.113.10 ip4:203.0.113.20 -all")


# -- the first term that matches decides


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("~ip4:203.0.113.10 -all", "ip4:203.0.113.10 ~ip4:203.0.113.10 -all"),
        ("-ip4:203.0.113.10 ~all", "ip4:203.0.113.10 -ip4:203.0.113.10 ~all"),
        ("?ip4:203.0.113.0/24 -all", "ip4:203.0.113.10 ?ip4:203.0.113.0/24 -all"),
        ("mx -include:a.test -all", "ip4:203.0.113.10 mx -include:a.test -all"),
        ("-exists:%{i}.b.test -all", "ip4:203.0.113.10 -exists:%{i}.b.test -all"),
        ("-all ip4:203.0.113.10", "ip4:203.0.113.10 -all ip4:203.0.113.10"),
        (
            "~ip4:203.0.113.10 ip4:203.0.113.10 -all",
            "ip4:203.0.113.10 ~ip4:203.0.113.10 ip4:203.0.113.10 -all",
        ),
    ],
)
def test_ours_comes_before_a_term_that_would_refuse_us(there: str, wanted: str) -> None:
    dns = world(a="v=spf1 ip4:203.0.113.0/24 -all")
    dns.records["203.0.113.10.b.test", "A"] = (Address("127.0.0.2"),)
    found = merged(f"v=spf1 {there}", dns=dns)
    assert found == f"v=spf1 {wanted}"
    # The next run finds it right, and knows that it is ours.
    again = merge(found, ours=("ip4:203.0.113.10",), dns=dns)
    assert again.value == TXT(found.encode()) and again.ours == ("ip4:203.0.113.10",)


def test_ours_is_moved_where_somebody_has_put_a_refusal_before_it() -> None:
    there = "v=spf1 -ip4:203.0.113.0/24 mx ip4:203.0.113.10 -all"
    assert merged(there, ours=("ip4:203.0.113.10",)) == (
        "v=spf1 ip4:203.0.113.10 -ip4:203.0.113.0/24 mx -all"
    )


def test_a_record_of_somebody_else_that_only_some_receivers_take_ends_nothing() -> None:
    dns = world(hub="v=spf1 ip6:fe80::1%eth0/64 ip4:192.0.2.1 -all", a="v=spf1 ip4:192.0.2.0/24")
    found = merge("v=spf1 -include:a.test -all", includes=("hub.test",), dns=dns)
    assert found.problem is None and isinstance(found.value, TXT)
    assert b"include:hub.test" in found.value.data


def test_a_smarthosts_term_comes_before_one_that_would_refuse_its_servers() -> None:
    dns = world(hub="v=spf1 ip4:192.0.2.0/24 -all")
    found = merge("v=spf1 mx -ip4:192.0.2.9 -all", includes=("hub.test",), dns=dns)
    assert found.value == TXT(b"v=spf1 include:hub.test mx -ip4:192.0.2.9 ip4:203.0.113.10 -all"), (
        found
    )
    apart = merge("v=spf1 mx -ip4:198.18.0.9 -all", includes=("hub.test",), dns=dns)
    assert apart.value == TXT(b"v=spf1 mx -ip4:198.18.0.9 ip4:203.0.113.10 include:hub.test -all")


# -- what a receiver would not take


@pytest.mark.parametrize(
    ("records", "term"),
    [
        (("v=spf1 mx include: -all",), "include:"),
        (("v=spf1 a", "v=spf1 mx,a"), "mx,a"),
        (("v=spf1 include:spf.bücher.test -all",), r"include:spf.b\xc3\xbccher.test"),
        (("v=spf1 mx \u2013all",), r"\xe2\x80\x93all"),
    ],
)
def test_a_term_that_is_wrong_is_named_and_nothing_is_offered(
    records: tuple[str, ...], term: str
) -> None:
    found = merge(*records)
    assert problem(found) == {"id": "dns.spf.syntax", "term": term} and found.value is None


def chain(names: str) -> dict[str, str]:
    """Each includes the next, the last has an address."""
    following = pairwise(names)
    return {a: f"v=spf1 include:{b}.test -all" for a, b in following} | {
        names[-1]: "v=spf1 ip4:192.0.2.1 -all"
    }


@pytest.mark.parametrize(
    ("there", "includes", "count"),
    [
        ("v=spf1 include:a.test -all", (), 10),
        ("v=spf1 include:a.test mx -all", (), 11),
        ("v=spf1 include:a.test -all", ("z.test",), 11),
        ("v=spf1 include:b.test -all", ("z.test",), 10),
        ("v=spf1 include:b.test -all", ("y.test",), 11),
        ("v=spf1 mx redirect=a.test", (), 11),
        ("v=spf1 include:a.test a -all mx ptr", (), 11),
        ("", ("x.test", "a.test"), 13),
    ],
)
def test_lookups_are_counted_through_all_includes_and_ten_are_allowed(
    there: str, includes: tuple[str, ...], count: int
) -> None:
    dns = world(**chain("abcdefghij"), **chain("xyz"))
    assert evaluate("0.0.0.0", DOMAIN, dns, "v=spf1 include:a.test -all").lookups == 10
    found = merge(*([there] if there else []), includes=includes, dns=dns)
    if count == 10:
        assert found.problem is None and found.value is not None
    else:
        assert problem(found) == {"id": "dns.spf.lookups", "count": str(count)}
        assert not found.replaceable


def test_lookups_behind_a_term_that_receivers_give_up_at_count_too() -> None:
    dns = world(**chain("abcdefghi"))
    found = problem(merge("v=spf1 include:gone.test include:a.test mx -all", dns=dns))
    assert found == {"id": "dns.spf.lookups", "count": "11"}
    fits = merge("v=spf1 include:gone.test include:a.test -all", dns=dns)
    assert noted(fits)["term"] == "include:gone.test"


@pytest.mark.parametrize("gone", [2, 3])
def test_two_names_that_are_not_there_are_allowed(gone: int) -> None:
    terms = " ".join(f"a:gone{number}.test" for number in range(gone))
    found = merge(f"v=spf1 {terms} -all")
    if gone == 2:
        assert found.problem is None
        return
    names = "gone0.test, gone1.test, gone2.test"
    assert problem(found) == {"id": "dns.spf.voids", "count": "3", "names": names}


def test_what_only_a_stranger_lacks_is_no_name_that_is_not_there() -> None:
    dns = world()
    dns.records["10.113.0.203.in-addr.arpa", "PTR"] = (Target(owner_name("mx.test")),)
    lists = "exists:%{i}.a.test exists:%{ir}.b.test ptr"
    assert merge(f"v=spf1 a:gone.test mx:gone.test {lists} -all", dns=dns).problem is None


def test_what_this_run_publishes_is_there_when_receivers_ask() -> None:
    found = wanted("example.com", ipv6="2001:4860:4860::8888", web_host="mail.example.com")
    there = TXT(b"v=spf1 a:mail.example.com a:imap.example.com mx a -all")
    spoken = spf_merge.asking(found.claims, Dns())
    (claim,) = (each for each in spoken if each.key == key("example.com", "TXT"))
    assert claim.singleton is not None
    assert claim.singleton.merge((there,), ()).problem is None
    (alone,) = spf_merge.asking([claim], Dns())
    assert alone.singleton is not None
    said = alone.singleton.merge((there,), ()).problem
    assert said is not None and said.id == "dns.spf.voids"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (None, "no SPF record"),
        ("v=spf1 ipv4:192.0.2.1 -all", "ipv4:192.0.2.1"),
        ("v=spf1 include:gone.test -all", "gone.test"),
    ],
)
def test_an_include_that_receivers_give_up_at_is_named_and_ours_comes_before_it(
    target: str | None, reason: str
) -> None:
    dns = world(**({"a": target} if target else {}))
    found = merge("v=spf1 mx include:a.test -all", dns=dns)
    assert found.value == TXT(b"v=spf1 ip4:203.0.113.10 mx include:a.test -all")
    assert noted(found)["term"] == "include:a.test" and reason in noted(found)["reason"]
    assert noted(found)["id"] == "dns.spf.broken"
    # So is one that the settings ask for, and the others of ours come before it.
    for there in (("v=spf1 mx -all",), ()):
        ours = merge(*there, includes=("a.test",), dns=dns)
        assert noted(ours)["id"] == "dns.spf.include" and ours.problem is None
        assert noted(ours)["term"] == "include:a.test"
    dns.records["hub.test", "TXT"] = (TXT(b"v=spf1 ip4:192.0.2.1 -all"),)
    both = merge("v=spf1 mx -all", includes=("a.test", "hub.test"), dns=dns)
    wanted = b"v=spf1 include:hub.test mx ip4:203.0.113.10 include:a.test -all"
    assert both.value == TXT(wanted)


def test_an_include_of_ours_that_receivers_give_up_at_is_not_put_before_anybody() -> None:
    dns = world(a="v=spf1 ip4:192.0.2.1 -all")
    for there in ("v=spf1 ip4:203.0.113.10 redirect=a.test", "v=spf1 +all"):
        found = merge(there, includes=("gone.test",), dns=dns)
        assert problem(found)["id"] == "dns.spf.loses" and not found.replaceable


@pytest.mark.parametrize("outcome", [Outcome.SERVFAIL, Outcome.TIMEOUT])
@pytest.mark.parametrize(
    ("record", "includes"),
    [
        ("v=spf1 include:a.test -all", ()),
        ("v=spf1 redirect=a.test", ()),
        ("v=spf1 mx -all", ("a.test",)),
        ("v=spf1 a:a.test a:b.test a:c.test -all", ()),
    ],
)
def test_without_an_answer_nothing_is_written_and_the_question_is_told(
    record: str, includes: tuple[str, ...], outcome: Outcome
) -> None:
    dns = world(a="v=spf1 ip4:192.0.2.1 -all")
    dns.silent["a.test"] = outcome
    found = merge(record, includes=includes, dns=dns)
    assert problem(found)["id"] == "dns.spf.unknown" and not found.replaceable
    assert problem(found)["asked"].startswith("a.test/")


def test_without_an_answer_a_record_that_has_our_terms_is_left_with_a_note() -> None:
    dns = world()
    dns.silent["a.test"] = Outcome.TIMEOUT
    there = "v=spf1 include:a.test ip4:203.0.113.10 -all"
    found = merge(there, dns=dns)
    assert found.problem is None and found.value == TXT(there.encode())
    assert found.note is not None and found.note.id == "dns.spf.unseen"


def test_what_is_no_domain_name_is_not_there() -> None:
    found = merge("v=spf1 exists:%{i}.\\300.test exists:a..%{d} -all")
    assert found.problem is None


def test_our_own_old_address_goes_from_a_record_that_is_too_long() -> None:
    dns = world(**chain("abcdefghij"))
    there = "v=spf1 ip4:203.0.113.10 ip4:203.0.113.99 mx include:a.test -all"
    ours = ("ip4:203.0.113.10", "ip4:203.0.113.99")
    assert merged(there, ours=ours, dns=dns) == "v=spf1 ip4:203.0.113.10 mx include:a.test -all"


# -- a record that is kept elsewhere


def test_a_redirect_to_a_record_that_has_us_is_right() -> None:
    there = "v=spf1 redirect=a.test"
    found = merge(there, dns=world(a="v=spf1 ip4:203.0.113.0/24 -all"))
    assert found == Merge(TXT(there.encode()))


@pytest.mark.parametrize("target", ["v=spf1 ip4:192.0.2.1 -all", "v=spf1 ~ip4:203.0.113.10 -all"])
def test_a_redirect_to_a_record_without_us_is_the_users_choice_and_loses_nobody(
    target: str,
) -> None:
    dns = world(a=target)
    found = merge("v=spf1 redirect=a.test", dns=dns)
    expected = {"id": "dns.spf.redirect", "term": "redirect=a.test", "senders": f"ip4:{US}"}
    assert problem(found) == expected
    assert found.replaceable
    assert found.value == TXT(b"v=spf1 ip4:203.0.113.10 redirect=a.test")
    # Once it is written, it is right; and our address there can change.
    after = merge("v=spf1 ip4:203.0.113.10 redirect=a.test", ours=found.ours, dns=dns)
    assert after.problem is None and after.ours == found.ours
    moved = merge(
        "v=spf1 ip4:203.0.113.10 redirect=a.test",
        ours=found.ours,
        addresses=("203.0.113.20",),
        dns=dns,
    )
    assert moved.value == TXT(b"v=spf1 ip4:203.0.113.20 redirect=a.test")


def test_a_redirect_counts_for_a_smarthost_whose_servers_it_has() -> None:
    dns = world(hub="v=spf1 ip4:192.0.2.0/24 -all", a="v=spf1 ip4:203.0.113.10 include:hub.test")
    assert merge("v=spf1 redirect=a.test", includes=("hub.test",), dns=dns).problem is None
    dns.records["a.test", "TXT"] = (TXT(b"v=spf1 ip4:203.0.113.10 ip4:192.0.2.0/25 -all"),)
    found = merge("v=spf1 redirect=a.test", includes=("hub.test",), dns=dns)
    assert problem(found)["senders"] == "include:hub.test"
    dns.records["hub.test", "TXT"] = (TXT(b"v=spf1 exists:%{i}.list.test -all"),)
    found = merge("v=spf1 redirect=a.test", includes=("hub.test",), dns=dns)
    assert problem(found)["senders"] == "include:hub.test"


def test_a_redirect_that_nobody_comes_to_is_none() -> None:
    assert merged("v=spf1 mx redirect=gone.test -all") == (
        "v=spf1 mx ip4:203.0.113.10 redirect=gone.test -all"
    )


# -- what the user may have replaced


@pytest.mark.parametrize("there", ["v=spf1 -all", "V=spf1   -ALL", "v=spf1 exp=e.test -all"])
def test_a_parked_name_gets_our_record_if_the_user_says_so(there: str) -> None:
    found = merge(there)
    assert problem(found) == {"id": "dns.spf.parked"} and found.replaceable and found.whole
    assert found.value == TXT(b"v=spf1 ip4:203.0.113.10 ~all")


def test_several_records_become_one_with_all_their_senders_if_the_user_says_so() -> None:
    dns = world(a="v=spf1 ip4:192.0.2.1 -all", b="v=spf1 ip4:192.0.2.2 -all")
    found = merge("v=spf1 mx include:a.test -all", "v=spf1 MX redirect=b.test", dns=dns)
    assert problem(found) == {"id": "dns.spf.several", "count": "2"} and found.replaceable
    assert found.value == TXT(b"v=spf1 mx include:a.test include:b.test ip4:203.0.113.10 ~all")
    assert found.ours == ("ip4:203.0.113.10",)
    same_end = merge("v=spf1 mx -all", "v=spf1 a -all")
    assert same_end.value == TXT(b"v=spf1 mx a ip4:203.0.113.10 -all")


@pytest.mark.parametrize(
    ("back", "now", "lost"),
    [
        (("v=spf1 mx -all",), ("v=spf1 mx ip4:203.0.113.10 -all",), US),
        ((), ("v=spf1 ip4:203.0.113.10 ~all",), US),
        (("v=spf1 mx", "v=spf1 a"), ("v=spf1 mx ip4:203.0.113.0/24 -all",), US),
        (("v=spf1 mx,a",), ("v=spf1 ip4:203.0.113.10",), US),
        (("v=spf1 include:a.test -all",), ("v=spf1 ip4:203.0.113.10 mx -all",), "198.51.100.25"),
        (("v=spf1 +all",), ("v=spf1 mx ip4:203.0.113.10 -all",), None),
        (("v=spf1 mx -all",), ("v=spf1 +all",), "0.0.0.0/0"),
        (("v=spf1 redirect=a.test",), ("v=spf1 ip4:203.0.113.10 -all",), None),
        (("v=spf1 mx -all",), ("v=spf1 mx ~all",), None),
        (("v=spf1 mx -all",), ("v=spf1 mx", "v=spf1 ip4:203.0.113.10"), None),
    ],
)
def test_what_is_put_back_costs_who_passes_now_and_not_then(
    back: tuple[str, ...], now: tuple[str, ...], lost: str | None
) -> None:
    wanted = Wanted(DOMAIN, spf.our_terms([US], []), "~all")
    dns = world(a="v=spf1 ip4:203.0.113.0/28 -all")
    before, after = ([TXT(b"x"), *(TXT(each.encode()) for each in said)] for said in (now, back))
    found = spf_merge.lost_by(after, before, wanted, dns)
    assert (lost is None) is (found is None)
    assert lost is None or (found and lost in found.named["senders"])


def test_a_merge_asks_each_question_once() -> None:
    dns = world(**chain("abc"))
    merge("v=spf1 include:a.test -all", includes=("b.test",), dns=dns)
    assert len(dns.asked) == len(set(dns.asked)) > 2
