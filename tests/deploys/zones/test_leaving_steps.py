"""What is said of what leaves, what is remembered of it, and when it may be forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploys.zones import leaving_steps
from deploys.zones.access import ledger_of
from dns_providers.publishing.ledger import LedgerState
from dns_providers.rrset import MX, key, owner_name
from postmaster.leaving import with_leaving
from postmaster.settings import Leaving, Site
from probes.world import dns
from probes.world.dns import Answer, Outcome, Resolvers
from tests.postmaster.ledgers import published
from tests.postmaster.test_leaving import BOTH, NOW, ONE, SWAPPED, TTL, taken_out, two_servers
from tests.postmaster.test_settings import site, zone

DOMAIN = "other.org"
AWAY = site(zone("example.com"))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with the ledgers of a site with two domains."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    for name, each in published(BOTH).items():
        ledger_of(name).save(each)
    return tmp_path


def lines(found: Site, ledgers: dict[str, LedgerState], later: int = 0) -> list[str]:
    return list(leaving_steps._lines(with_leaving(found, ledgers, NOW + later)))


def test_a_domain_is_told_at_each_stage_with_what_to_do() -> None:
    there = published(BOTH)
    gone = taken_out(there, DOMAIN, DOMAIN)
    (first,) = lines(ONE, there)
    assert "still sends mail here" in first and "--withdraw other.org" in first
    (cached,) = lines(ONE, gone)
    assert "may be remembered until 2027-01-16 09:00 UTC" in cached
    (rest,) = lines(ONE, gone, TTL + 86400)
    assert "no mail is taken for it any more" in rest
    (away,) = lines(AWAY, there)
    assert "Put the zone back" in away and "--withdraw other.org" in away


def test_names_of_before_are_told_together_and_one_that_mx_leads_to_for_itself() -> None:
    mx, free = lines(SWAPPED, published(BOTH))
    assert mx.startswith("smtp.example.com is a name of before, and MX records lead to it")
    assert "--withdraw imap.example.com,mail.example.com,pop.example.com" in free
    assert "smtp.other.org" in free and "in the certificate" in free
    files = {"tls": "files", "tls_cert_file": "/c", "tls_key_file": "/k"}
    zones = (zone("example.com"), zone(DOMAIN))
    brought = site(*zones, domains=[DOMAIN, "example.com"], **files)
    _, told = lines(brought, published(BOTH))
    assert "where your certificate does not have these names" in told


def test_a_domain_that_another_server_has_now_is_told() -> None:
    before, after = (
        two_servers(["example.com", DOMAIN], ["third.net"]),
        two_servers(["example.com"], ["third.net", DOMAIN]),
    )
    (told,) = lines(after, published(before))
    assert told.startswith("other.org is now at mx2.") and "mailboxes of mx1" in told


def test_a_server_that_moves_is_told_with_what_stays_behind() -> None:
    (moves,) = lines(site(ipv4="8.8.4.4"), published(site()))
    assert "8.8.8.8" in moves and "8.8.4.4" in moves and "postqueue -p" in moves


def away(monkeypatch: pytest.MonkeyPatch, seen: Answer) -> tuple[Site, Leaving]:
    """A domain whose zone is gone, and what the world says of its MX."""

    def ask(owner: str, rtype: str, resolvers: Resolvers) -> Answer:
        assert (owner, rtype, resolvers.addresses) == (DOMAIN, "MX", AWAY.servers[0].resolvers)
        return seen

    monkeypatch.setattr(dns, "ask", ask)
    found = with_leaving(AWAY, published(BOTH), NOW)
    return found, found.leaving[0]


def answer(outcome: Outcome, *hosts: str) -> Answer:
    return Answer(DOMAIN, "MX", outcome, frozenset(MX(10, owner_name(each)) for each in hosts))


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (answer(Outcome.ANSWER, "smtp.example.com"), "still leads here"),
        (answer(Outcome.TIMEOUT), "no name server said"),
        (answer(Outcome.NXDOMAIN), ""),
        (answer(Outcome.ANSWER, "mx.elsewhere.net"), ""),
    ],
)
def test_a_domain_whose_zone_is_gone_is_forgotten_only_when_no_mx_leads_here(
    monkeypatch: pytest.MonkeyPatch, seen: Answer, word: str
) -> None:
    problem = leaving_steps._still_leads_here(*away(monkeypatch, seen))
    assert word in problem if word and problem else problem is None


def test_an_mx_record_counts_as_out_with_its_value_before_it_is_taken_out() -> None:
    owner = key(DOMAIN, "MX")
    leaving_steps._mark_withdrawn(DOMAIN, [owner])
    (marked,) = ledger_of(DOMAIN).load().former
    assert marked == (owner, "10 smtp.example.com.")


def test_consent_is_remembered_where_there_is_no_mx_record() -> None:
    ledger, owner = ledger_of(DOMAIN), key(DOMAIN, "MX")
    known = ledger.load()
    entries = {each: entry for each, entry in known.entries.items() if each != owner}
    ledger.save(replace(known, entries=entries))
    leaving_steps._mark_withdrawn(DOMAIN, [owner])
    assert list(ledger.load().former) == [(owner, "")]
