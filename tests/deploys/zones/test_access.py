"""How a zone is reached, also one that no server has a domain in any more."""

from __future__ import annotations

from deploys.zones.access import network_of, writing_ledger
from postmaster.settings import Site
from postmaster.settings_table import RESOLVERS
from tests.postmaster.test_settings import site, zone

BOTH = (zone("example.com"), zone("other.org"))


def resolvers(found: Site, name: str) -> tuple[str, ...]:
    return network_of(found, found.zone(name)).resolvers


def test_a_zone_is_looked_for_by_the_resolvers_of_its_server() -> None:
    found = site(*BOTH, resolvers=["192.0.2.53"])
    assert resolvers(found, "example.com") == ("192.0.2.53",)


def test_a_zone_without_a_server_is_looked_for_by_the_resolvers_of_the_site() -> None:
    found = site(*BOTH, resolvers=["192.0.2.53"])
    assert resolvers(found, "other.org") == ("192.0.2.53",)


def test_a_zone_of_a_site_without_servers_is_looked_for_as_by_default() -> None:
    alone = Site((), site(*BOTH).zones)
    assert resolvers(alone, "other.org") == RESOLVERS


def test_who_writes_in_a_zone_keeps_as_many_backups_as_it_says() -> None:
    found = site(zone("example.com", keep_backups=7), zone("other.org"))
    kept = [writing_ledger(each).keep for each in found.zones]
    assert kept == [7, 100]
