"""Block lists and registries: what they say, and when they are not to be believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ground.words import say
from postmaster import block_lists, registries
from postmaster.block_lists import Listing, lookups, reverse_labels
from postmaster.checks.reputation import trusted_ending
from postmaster.checks.results import Status, exit_status
from postmaster.checks.seen import Seen
from probes.host import block_lists as probe
from probes.world import rdap
from tests.postmaster.full_view import NOW, found, good, one, registered, server

PASS, WARN, FAIL, SKIP, UNKNOWN = (
    Status.PASS,
    Status.WARN,
    Status.FAIL,
    Status.SKIP,
    Status.UNKNOWN,
)
GOOD = good(server())
V4 = "8.8.8.8"


def answered(name: str, *codes: str, **changes: Any) -> Seen:
    """A list says this of the first thing that it is asked of."""
    listings = list(GOOD.listings)
    at = next(i for i, each in enumerate(listings) if each.lookup.list == name)
    listings[at] = replace(listings[at], codes=codes, **changes)
    return replace(GOOD, listings=tuple(listings))


def judged(name: str, *codes: str, **changes: Any) -> Status:
    rule = block_lists.known()[name].rule
    seen = answered(name, *codes, **changes)
    return next(e.status for e in found(seen, rule) if str(e.subject).endswith(name))


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("spamhaus-zen", "127.0.0.2", FAIL),
        ("spamhaus-zen", "127.0.0.3", FAIL),
        ("spamhaus-zen", "127.0.0.4", FAIL),
        ("spamhaus-zen", "127.0.0.9", FAIL),
        ("spamhaus-zen", "127.0.0.10", WARN),
        ("spamhaus-zen", "127.0.0.11", WARN),
        ("spamhaus-zen", "127.255.255.252", UNKNOWN),
        ("spamhaus-zen", "127.255.255.254", UNKNOWN),
        ("spamhaus-zen", "127.255.255.255", UNKNOWN),
        ("spamhaus-zen", "203.0.113.7", UNKNOWN),
        ("spamhaus-dbl", "127.0.1.2", FAIL),
        ("spamhaus-dbl", "127.0.1.103", WARN),
        ("spamhaus-dbl", "127.0.1.255", UNKNOWN),
        ("spamhaus-zrd", "127.0.2.2", WARN),
        ("spamcop", "127.0.0.2", WARN),
        ("barracuda", "127.0.0.2", WARN),
        ("abusix", "127.0.0.2", WARN),
        ("surbl", "127.0.0.1", UNKNOWN),
        ("surbl", "127.0.0.8", WARN),
        ("uribl", "127.0.0.1", UNKNOWN),
        ("uribl", "127.0.0.2", WARN),
    ],
)
def test_what_a_list_answers(name: str, code: str, status: Status) -> None:
    assert judged(name) is PASS
    assert judged(name, code) is status


@pytest.mark.parametrize(
    "changes",
    [
        {"test_listed": ()},
        {"test_listed": None},
        {"test_unlisted": ("127.0.0.2",)},
        {"test_unlisted": None},
        {"test_listed": ("203.0.113.7",)},
        {"codes": None},
    ],
)
def test_a_list_that_fails_its_own_test_says_nothing(changes: dict[str, Any]) -> None:
    listings = tuple(replace(each, **changes) for each in GOOD.listings)
    seen = replace(GOOD, listings=listings)
    results = [each for each in found(seen) if each.rule.id.startswith("BL-0")][:-2]
    assert {each.status for each in results} == {UNKNOWN}
    # Nobody has to look: what is not known of a list is no reason for an exit status.
    assert exit_status(found(seen)) == 0


def test_a_listing_names_where_it_is_removed() -> None:
    seen = answered("spamhaus-zen", "127.0.0.2")
    remedy = one(seen, "BL-01", f"{V4} spamhaus-zen").remedy
    assert remedy and "https://check.spamhaus.org/" in say(remedy) and V4 in say(remedy)


def test_a_list_that_wants_a_key_says_so_and_one_that_is_not_chosen_is_skipped() -> None:
    (zrd, *_) = lookups(["spamhaus-zrd"], [], ["example.com"], {})
    assert zrd.names is None
    keyless = replace(GOOD, listings=(Listing(zrd),))
    result = one(keyless, "BL-03")
    assert result.status is UNKNOWN and "PMAIL_DQS_KEY" in say(result.seen)
    assert one(keyless, "BL-01").status is SKIP


def test_names_are_asked_by_octet_and_by_nibble() -> None:
    assert reverse_labels("192.0.2.99") == "99.2.0.192"
    nibbles = "1.0.0.0." + "0.0.0.0." * 5 + "8.b.d.0.1.0.0.2"
    assert reverse_labels("2001:db8::1") == nibbles
    # RFC 5782 section 5.
    assert reverse_labels("::ffff:7f00:2") == "2.0.0.0.0.0.f.7.f.f.f.f" + ".0" * 20


def test_a_key_takes_the_place_of_the_public_zone_and_no_other_text_does() -> None:
    zen = block_lists.known()["spamhaus-zen"]
    assert block_lists.zone_of(zen, {}) == "zen.spamhaus.org"
    assert block_lists.zone_of(zen, {"PMAIL_DQS_KEY": "abc"}) == "abc.zen.dq.spamhaus.net"
    assert block_lists.zone_of(zen, {"PMAIL_DQS_KEY": "a b\n"}) == "zen.spamhaus.org"


def test_addresses_of_a_family_that_a_list_does_not_have_are_not_asked() -> None:
    asked = lookups(["spamcop", "spamhaus-zen"], [V4, "2001:db8::1"], [], {})
    pairs = [(each.list, each.subject) for each in asked]
    assert pairs == [("spamcop", V4), ("spamhaus-zen", V4), ("spamhaus-zen", "2001:db8::1")]


def test_the_script_is_asked_each_name_once_and_its_answers_are_read() -> None:
    assert probe.asked(["a.test", "b.test", "a.test"]) == "a.test\nb.test\n"
    said = '{"a.test": ["127.0.0.2"], "b.test": [], "c.test": null}'
    assert probe.parse(said) == {"a.test": ("127.0.0.2",), "b.test": (), "c.test": None}
    assert probe.parse("") == probe.parse("[1]") == probe.parse("{") == {}


# -- the way out -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "outbound", "settings", "status"),
    [
        (V4, "relay", {}, PASS),
        ("8.8.4.4", "relay", {}, FAIL),
        ("10.0.0.5", "relay", {}, PASS),
        ("2001:4860:4860::8844", "relay", {}, FAIL),
        ("2001:4860:4860::8844", "relay", {"ipv6": None}, PASS),
        ("2001:4860:4860::8844", "direct", {"ipv6": None}, WARN),
    ],
)
def test_the_host_sends_from_what_the_inventory_has(
    source: str, outbound: str, settings: dict[str, Any], status: Status
) -> None:
    there = good(server(outbound, **settings))
    assert there.bare
    fitness = replace(there.bare.fitness, sources=((source, "eth0"),))
    seen = replace(there, bare=replace(there.bare, fitness=fitness))
    assert one(seen, "BL-08", source).status is status
    assert one(replace(there, bare=None), "BL-08").status is UNKNOWN


# -- domains ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "status"), [(1000, PASS), (42, PASS), (41, WARN), (14, WARN), (13, WARN)]
)
def test_a_new_domain_is_a_warning(days: float, status: Status) -> None:
    seen = replace(GOOD, registrations=(registered("example.com", days=days),))
    assert one(seen, "DOM-01", "example.com").status is status
    assert one(seen, "DOM-01", "other.org").status is UNKNOWN


def test_a_very_new_domain_has_advice_of_its_own() -> None:
    ids = set()
    for days in (13, 15):
        seen = replace(GOOD, registrations=(registered("example.com", days=days),))
        remedy = one(seen, "DOM-01", "example.com").remedy
        assert remedy
        ids.add(remedy.id)
    assert ids == {"reputation.very_young", "reputation.young"}


@pytest.mark.parametrize(
    ("left", "status", "judged"),
    [
        (31, ("active",), PASS),
        (29, ("active",), WARN),
        (-1, ("active",), FAIL),
        (300, ("client hold",), FAIL),
        (300, ("redemption period",), FAIL),
        (300, ("client transfer prohibited",), PASS),
    ],
)
def test_a_domain_that_is_held_or_ends(
    left: float, status: tuple[str, ...], judged: Status
) -> None:
    made = replace(registered("example.com", left=left), status=status)
    assert one(replace(GOOD, registrations=(made,)), "DOM-02", "example.com").status is judged


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        ("example.com", PASS),
        ("example.top", WARN),
        ("example.xyz", WARN),
        ("example.cc", PASS),
        ("example.de", PASS),
    ],
)
def test_an_ending_that_receivers_distrust_is_a_warning(domain: str, status: Status) -> None:
    assert trusted_ending(registries.top_level(domain), GOOD).status is status


def test_the_tables_have_the_same_kind_of_names() -> None:
    table = registries.known()
    for name in (*table.rdap, *table.phishing, *table.distrusted):
        assert name == registries.top_level(f"example.{name}")
    assert all(each.startswith("https://") and each.endswith("/") for each in table.rdap.values())


RDAP = b"""{"events": [{"eventAction": "registration", "eventDate": "2020-01-02T03:04:05Z"},
 {"eventAction": "expiration", "eventDate": "2027-01-02T03:04:05Z"}], "status": ["active"]}"""


def test_an_rdap_answer_is_read_and_what_is_none_says_so() -> None:
    read = rdap.parse("example.com", RDAP)
    assert (read.reason, read.status) == ("", ("active",))
    assert read.registered and read.expires and read.expires - NOW < timedelta(days=60)
    for wrong in (b"", b"[]", b'{"events": 1}', b'{"events": [{}]}', b'{"events": [1]}'):
        assert rdap.parse("example.com", wrong).reason
    assert rdap.look("example.test", None).reason
    assert rdap.look("example.test", "https://127.0.0.1:9/").reason
