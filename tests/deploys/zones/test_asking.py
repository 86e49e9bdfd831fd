"""Names of our zones are asked for where they are kept, all others of resolvers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from deploys.zones import asking, wanted
from deploys.zones.access import look_of
from dns_providers.publishing import propagation
from dns_providers.publishing.propagation import Delegation, DelegationError, NameServer, Network
from dns_providers.rrset import TXT, key
from probes.world import dns
from probes.world.dns import Answer, Ask, Outcome, Resolvers
from tests.postmaster.test_settings import site, zone

SITE = site(zone("example.com"))

RESOLVERS = ("192.0.2.53",)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """Every question: the name, and the servers of its zone that it goes to."""
    found: list[tuple[str, ...]] = []

    def of_resolvers(owner: str, rtype: str, resolvers: Resolvers) -> Answer:
        found.append((owner,))
        return Answer(owner, rtype, Outcome.NODATA)

    def of_servers(owner: str, rtype: str, servers: Iterable[str], where: Resolvers) -> Answer:
        found.append((owner, *servers))
        return Answer(owner, rtype, Outcome.NODATA)

    def delegation(zone: str, network: Network) -> Delegation:
        assert network.resolvers == RESOLVERS
        if zone == "lost.test":
            raise DelegationError("dns.error.no_delegation", zone=zone, resolvers="-")
        servers = (
            NameServer("ns1", ("192.0.2.1", "2001:db8::1")),
            NameServer("ns2", ("192.0.2.2",)),
        )
        return Delegation(zone, servers)

    monkeypatch.setattr(dns, "ask", of_resolvers)
    monkeypatch.setattr(dns, "ask_kept", of_servers)
    monkeypatch.setattr(propagation, "delegation", delegation)
    monkeypatch.setattr(Network, "ipv6", lambda _: False)
    asking._servers.cache_clear()
    yield found
    asking._servers.cache_clear()


def test_each_name_goes_to_who_knows_it(asked: list[tuple[str, ...]]) -> None:
    ask = asking.asking(("example.test", "lost.test"), RESOLVERS)
    for name in ("_spf.example.test", "example.test", "spf.other.test", "x.lost.test"):
        assert ask(name, "TXT").outcome is Outcome.NODATA
    assert asked == [
        ("_spf.example.test", "192.0.2.1", "192.0.2.2"),
        ("example.test", "192.0.2.1", "192.0.2.2"),
        ("spf.other.test",),
        ("x.lost.test",),
    ]


def test_what_the_provider_does_not_show_is_asked_for_where_it_is_kept(
    asked: list[tuple[str, ...]],
) -> None:
    found = site(zone("example.com"), resolvers=list(RESOLVERS))
    look = look_of(found, found.zone("example.com"))
    assert look(key("_dmarc.example.com", "TXT")) == look(key("_dmarc.com", "TXT")) == frozenset()
    assert asked == [("_dmarc.example.com", "192.0.2.1", "192.0.2.2"), ("_dmarc.com",)]


def test_what_a_zone_should_hold_is_evaluated_with_answers_from_dns(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    record = TXT(b"v=spf1 ip4:8.8.8.0/24 -all")
    told = {("_spf.example.com", "TXT"): frozenset({record})}

    def ask(owner: str, rtype: str) -> Answer:
        return Answer(owner, rtype, Outcome.ANSWER, told[owner, rtype])

    def asks(zones: Iterable[str], resolvers: tuple[str, ...]) -> Ask:
        assert (tuple(zones), resolvers) == (("example.com",), SITE.servers[0].resolvers)
        return ask

    monkeypatch.setattr(wanted, "asking", asks)
    (spf,) = (
        claim.singleton
        for claim in wanted.wanted(SITE, "example.com").claims
        if claim.key == key("example.com", "TXT") and claim.singleton
    )
    there = TXT(b"v=spf1 redirect=_spf.example.com")
    assert spf.merge((there,), ()).value == there
    told["_spf.example.com", "TXT"] = frozenset({TXT(b"v=spf1 -all")})
    problem = spf.merge((there,), ()).problem
    assert problem is not None and problem.id == "dns.spf.redirect"
