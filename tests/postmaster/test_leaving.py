"""What the inventory no longer names, and what a server still does for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dns_providers.publishing.ledger import LedgerState
from dns_providers.rrset import key
from postmaster.leaving import Ledgers, due_names, with_leaving, with_queued, without
from postmaster.settings import Leaving, Site, Stage
from tests.postmaster.ledgers import published
from tests.postmaster.test_settings import KNOWN, SELECTOR, HostData, parse_site, site, zone

NOW = 1_800_000_000
A, B = zone("example.com"), zone("other.org")
TTL = site().zones[0].ttl
BOTH = site(A, B, domains=["example.com", "other.org"])
ONE = site(A, B)
SWAPPED = site(A, B, domains=["other.org", "example.com"])
OTHER_ALONE = site(A, B, domains=["other.org"])
OLD_NAMES = ["imap.example.com", "mail.example.com", "pop.example.com", "smtp.example.com"]


def seen(now_wanted: Site, ledgers: Ledgers, later: int = 0) -> Site:
    return with_leaving(now_wanted, ledgers, NOW + later)


def taken_out(ledgers: Ledgers, name: str, domain: str, since: int = NOW) -> dict[str, LedgerState]:
    """The ledgers once the MX records of a domain are taken out."""
    state, owner = ledgers[name], key(domain, "MX")
    entries = {each: entry for each, entry in state.entries.items() if each != owner}
    former = {(owner, str(value)): since for value in state.entries[owner].values}
    return {**ledgers, name: replace(state, entries=entries, former=former)}


def two_servers(first: list[str], second: list[str]) -> Site:
    servers = [
        HostData("mx1", {"domains": first, "ipv4": "8.8.8.8"}),
        HostData("mx2", {"domains": second, "ipv4": "8.8.4.4"}),
    ]
    return parse_site(servers, [A, B, zone("third.net")], KNOWN, SELECTOR)


def only(found: Site, name: str) -> Leaving:
    (each,) = [each for each in found.leaving if each.name == name]
    return each


def test_nothing_leaves_a_site_whose_records_are_as_wished() -> None:
    assert seen(BOTH, published(BOTH)) == BOTH
    assert seen(BOTH, {}) == BOTH


def test_mail_for_a_removed_domain_is_taken_until_its_mx_is_forgotten_everywhere() -> None:
    there = published(BOTH)
    gone = taken_out(there, "other.org", "other.org")
    stages = [
        (seen(ONE, there), Stage.THERE, None),
        (seen(ONE, gone), Stage.CACHED, NOW + TTL + 86400),
        (seen(ONE, gone, TTL + 86399), Stage.CACHED, NOW + TTL + 86400),
        (seen(ONE, gone, TTL + 86400), Stage.REST, None),
    ]
    for found, stage, until in stages:
        leaving = only(found, "other.org")
        assert (leaving.stage, leaving.until, leaving.server) == (stage, until, "8.8.8.8")
        taken = ("example.com", "other.org") if stage is not Stage.REST else ("example.com",)
        assert found.servers[0].accepts == taken
        assert [each.name for each in found.servers[0].domains] == ["example.com"]


def test_mail_for_a_domain_is_taken_while_some_waits_in_its_servers_queue() -> None:
    found = seen(ONE, taken_out(published(BOTH), "other.org", "other.org"), TTL + 86400)
    assert with_queued(found, {"8.8.8.8": frozenset({"recv.test"})}) == found
    assert with_queued(found, {"8.8.4.4": frozenset({"other.org"})}) == found
    waits = with_queued(found, {"8.8.8.8": frozenset({"other.org"})})
    assert waits.servers[0].accepts == ("example.com", "other.org")
    assert (only(waits, "other.org").stage, only(waits, "other.org").until) == (Stage.CACHED, None)


def test_a_domain_without_records_has_left_once_no_mail_comes_any_more() -> None:
    there = taken_out(published(BOTH), "other.org", "other.org")
    state = replace(there["other.org"], entries={})
    assert only(seen(ONE, {"other.org": state}), "other.org").records == ()
    assert seen(ONE, {"other.org": state}, TTL + 86400) == ONE


def test_a_domain_whose_zone_is_removed_too_is_told_and_still_gets_its_mail() -> None:
    found = seen(site(A), published(BOTH))
    leaving = only(found, "other.org")
    assert (leaving.held, leaving.zone, leaving.stage) == (False, "other.org", Stage.THERE)
    assert found.servers[0].accepts == ("example.com", "other.org")


def test_a_domain_that_was_never_ours_in_mx_gets_no_mail_here() -> None:
    state = published(BOTH)["other.org"]
    entries = {each: entry for each, entry in state.entries.items() if each.rtype != "MX"}
    found = seen(ONE, {"other.org": replace(state, entries=entries)})
    assert only(found, "other.org").stage is Stage.THERE
    assert found.servers[0].accepts == ("example.com",)


def test_the_names_of_a_former_primary_domain_stay_with_the_server() -> None:
    found = seen(SWAPPED, published(BOTH))
    server = found.servers[0]
    assert sorted(server.old_names) == OLD_NAMES
    assert set(OLD_NAMES) <= set(server.host_names) == set(server.certificate_names)
    assert server.mail_host == "smtp.other.org"
    assert not server.moves
    assert server.accepts == ("other.org", "example.com")


def test_a_certificate_that_the_user_brings_needs_no_names_of_before() -> None:
    files = {"tls": "files", "tls_cert_file": "/c", "tls_key_file": "/k"}
    brought = site(A, B, domains=["other.org", "example.com"], **files)
    server = seen(brought, published(BOTH)).servers[0]
    assert sorted(server.old_names) == OLD_NAMES
    assert not set(OLD_NAMES) & set(server.certificate_names)


def test_a_name_that_mx_leads_to_is_not_withdrawn_and_others_are() -> None:
    found = seen(SWAPPED, published(BOTH))
    assert only(found, "smtp.example.com").stage is Stage.THERE
    asked = ["smtp.example.com", "imap.example.com"]
    assert [each.name for each in due_names(found, asked)] == ["imap.example.com"]
    assert sorted(without(found, asked).servers[0].old_names) == [
        name for name in OLD_NAMES if name != "imap.example.com"
    ]


def test_a_name_that_mx_led_to_waits_until_that_is_forgotten() -> None:
    swapped = published(SWAPPED)
    old = published(BOTH)
    ledgers = {
        name: replace(
            state,
            entries={**old[name].entries, **state.entries},
            former={(key(name, "MX"), "10 smtp.example.com."): NOW},
        )
        for name, state in swapped.items()
    }
    waits = only(seen(SWAPPED, ledgers), "smtp.example.com")
    assert (waits.stage, waits.until) == (Stage.CACHED, NOW + TTL + 86400)
    later = only(seen(SWAPPED, ledgers, TTL + 86400), "smtp.example.com")
    assert later.stage is Stage.REST


def test_the_spf_record_of_a_former_mail_host_is_of_that_name() -> None:
    found = only(seen(SWAPPED, published(BOTH)), "smtp.example.com")
    assert {str(each) for each in found.records} == {"smtp.example.com/A", "smtp.example.com/TXT"}


def test_a_removed_primary_domain_leaves_with_its_names() -> None:
    found = seen(OTHER_ALONE, published(BOTH))
    assert {each.name for each in found.leaving} == {"example.com", *OLD_NAMES}
    assert only(found, "example.com").server == "8.8.8.8"
    assert found.servers[0].accepts == ("other.org", "example.com")


def test_a_web_host_at_a_domain_takes_nothing_of_the_domain_with_it() -> None:
    before = published(site(A, web_host="example.com"))["example.com"]
    assert before.entries[key("example.com", "A")].group == "addresses:example.com"
    found = only(seen(site(A), {"example.com": before}), "example.com")
    assert {str(each) for each in found.records} == {"example.com/A"}


@pytest.mark.parametrize(
    ("now_wanted", "moves", "old"),
    [
        (site(A, ipv4="8.8.4.4"), True, ("8.8.8.8",)),
        (site(A, ipv6="2001:4860:4860::8888"), True, ()),
        (site(A, web_host="web.example.com"), False, ()),
    ],
)
def test_a_server_moves_while_its_names_point_elsewhere(
    now_wanted: Site, moves: bool, old: tuple[str, ...]
) -> None:
    server = seen(now_wanted, published(site(A))).servers[0]
    assert (server.moves, server.moves_from) == (moves, old)


def test_a_server_that_has_lost_a_domain_to_another_takes_its_mail_while_mx_is_remembered() -> None:
    before = two_servers(["example.com", "other.org"], ["third.net"])
    after = two_servers(["example.com"], ["third.net", "other.org"])
    found = seen(after, published(before))
    assert found.server("mx1").accepts == ("example.com", "other.org")
    assert found.leaving == ()
    moved = taken_out(published(after), "other.org", "other.org")
    former = {(key("other.org", "MX"), "10 smtp.example.com."): NOW}
    moved["other.org"] = replace(published(after)["other.org"], former=former)
    assert seen(after, moved).server("mx1").accepts == ("example.com", "other.org")
    assert seen(after, moved, TTL + 86400).server("mx1").accepts == ("example.com",)
