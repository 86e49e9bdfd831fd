"""What mail programs are told of services that are not offered, and of those that are."""

from __future__ import annotations

from dataclasses import replace

import dns.name
import pytest

from dns_providers.base import Capabilities, Snapshot
from dns_providers.publishing.plan import Plan, plan
from dns_providers.rrset import SRV, RRset, owner_name, rrset
from postmaster.desired import desired
from postmaster.settings import Site
from postmaster.turned_off import turned_off
from tests.postmaster.test_desired import NOT_OFFERED, key_of, lines
from tests.postmaster.test_settings import site

LIMITS = Capabilities(atomic=True, cas=True)
NOWHERE = SRV(0, 0, 0, dns.name.root)


def by(provider: str, **data: object) -> Site:
    found = site(**data)
    return replace(found, zones=tuple(replace(each, provider=provider) for each in found.zones))


def seen(*there: RRset) -> Snapshot:
    zone = owner_name("example.com")
    return Snapshot(zone, frozenset(each.key.owner for each in there), {e.key: e for e in there})


def planned(*there: RRset, **data: object) -> Plan:
    claims = [each for each in desired(site(**data), "example.com", key_of).claims]
    about = [each for each in claims if each.key.rtype == "SRV"]
    return plan(about, seen(*there), {}, capabilities=LIMITS)


def test_a_service_that_is_open_is_offered_and_all_others_say_that_they_are_not() -> None:
    found = lines(site(open_ports=[587, 110]), "example.com")
    assert "_submission._tcp.example.com/SRV 0 1 587 smtp.example.com." in found
    assert "_pop3._tcp.example.com/SRV 0 1 110 pop.example.com." in found
    assert "_pop3s._tcp.example.com/SRV 0 0 0 ." in found
    assert "_imap._tcp.example.com/SRV 0 0 0 ." in found


@pytest.mark.parametrize("provider", ["alidns", "dnspod", "manual", "octodns"])
def test_where_the_record_may_not_be_entered_nothing_is_said(provider: str) -> None:
    found = lines(by(provider), "example.com")
    assert not any(line.endswith("0 0 0 .") for line in found)
    assert "_imaps._tcp.example.com/SRV 0 1 993 imap.example.com." in found


def test_somebodys_record_of_a_service_that_is_not_offered_stays_and_is_no_conflict() -> None:
    theirs = SRV(0, 1, 143, owner_name("imap.provider.test"))
    found = planned(rrset("_imap._tcp.example.com", "SRV", 300, theirs))
    assert found.conflicts == ()
    assert "_imap._tcp.example.com/SRV" not in {str(change.key) for change in found.changes}
    assert any("imap.provider.test" in str(note.words) for note in found.notes)


def test_a_port_that_is_closed_again_is_no_longer_offered() -> None:
    opened = planned(open_ports=[587])
    entries = {entry.key: entry for entry in opened.entries}
    there = [change.after for change in opened.changes if change.after]
    claims = [c for c in desired(site(), "example.com", key_of).claims if c.key.rtype == "SRV"]
    closed = plan(
        claims,
        seen(*there),
        entries,
        capabilities=LIMITS,
    )
    (change,) = closed.changes
    assert str(change.key) == "_submission._tcp.example.com/SRV"
    assert change.after and change.after.values == {NOWHERE}


def test_what_nothing_asks_for_any_more_is_turned_off_unless_its_domain_leaves() -> None:
    reports = site(tls_rpt="tls@elsewhere.test")
    claims = desired(reports, "example.com", key_of).claims
    published = plan(claims, seen(), {}, capabilities=LIMITS)
    entries = {entry.key: entry for entry in published.entries}
    assert turned_off(claims, entries, frozenset()) == frozenset()
    without = desired(by("alidns"), "example.com", key_of).claims
    gone = turned_off(without, entries, frozenset())
    names = {"_smtp._tls.example.com/TXT"} | {
        f"_{name}._tcp.example.com/SRV" for name in NOT_OFFERED
    }
    assert {str(each) for each in gone} == names
    assert turned_off(without, entries, gone) == frozenset()
