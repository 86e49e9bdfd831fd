"""For how long the record of a key that signs no more stays in DNS."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploys.zones import steps
from dns_providers.rrset import key
from postmaster.leaving import with_leaving
from postmaster.parse import HostData, parse_site
from postmaster.settings import Site
from tests.postmaster.ledgers import published
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone
from tests.postmaster.test_settings import site as site_of

DAY = 86400


def kept(monkeypatch: pytest.MonkeyPatch, *days: int | None) -> int:
    """Seconds that the zone's old records are kept: a server for each of the settings."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(steps.operations, "retire", lambda **given: told.update(given))
    site = _site(days)
    steps.retire_keys(site, site.zones[0])
    seconds: int = told["keep"]
    return seconds


def _site(days: tuple[int | None, ...]) -> Site:
    servers = [
        HostData(
            f"8.8.8.{number}",
            {
                "domains": [f"d{number}.example.com"],
                "ipv4": f"8.8.8.{number}",
                **({} if each is None else {"dkim_keep_days": each}),
            },
        )
        for number, each in enumerate(days, start=1)
    ]
    return parse_site(servers, [zone("example.com")], KNOWN, SELECTOR)


def test_a_zone_that_no_server_has_a_domain_in_any_more_keeps_its_records_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(steps.operations, "retire", lambda **given: told.update(given))
    site = site_of(zone("example.com"), zone("other.org"), dkim_keep_days=30)
    steps.retire_keys(site, site.zone("other.org"))
    assert told["keep"] == 30 * DAY


def test_a_key_record_of_a_domain_that_leaves_waits_for_consent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(steps.operations, "retire", lambda **given: told.update(given))
    zones = (zone("example.com"), zone("other.org"))
    both = site_of(*zones, domains=["example.com", "other.org"])
    left = with_leaving(site_of(*zones), published(both), 0)
    steps.retire_keys(left, left.zone("other.org"))
    assert key("pm202611a._domainkey.other.org", "TXT") in told["spared"]


def test_a_key_record_stays_for_as_long_as_mail_may_be_verified(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kept(monkeypatch, None) == 7 * DAY
    assert kept(monkeypatch, 30) == 30 * DAY
    assert kept(monkeypatch, 2) == 2 * DAY


def test_of_several_servers_in_a_zone_the_one_that_keeps_longest_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert kept(monkeypatch, 2, 14, 3) == 14 * DAY


def test_a_key_record_stays_while_any_server_holds_mail_of_a_domain_that_none_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def signed(host: Any, signers: object) -> Any:
        asked.append(host.name)
        return SimpleNamespace(ids=("A1",) if host.name == "8.8.8.2" else ())

    def host(name: str) -> Any:
        return SimpleNamespace(name=name, connected=True)

    inventory = SimpleNamespace(get_host=host)
    monkeypatch.setattr(steps, "state", SimpleNamespace(inventory=inventory))
    monkeypatch.setattr(steps, "signed_with", signed)
    both = _site((None, None))
    left = list(steps._still_waiting(both, key("s._domainkey.gone.example.com", "TXT")))
    assert [each.id for each in left] == ["dns.note.queue_holds"]
    assert asked == ["8.8.8.1", "8.8.8.2"]
    # What a server has is in its own queue alone.
    assert not list(steps._still_waiting(both, key("s._domainkey.d1.example.com", "TXT")))
