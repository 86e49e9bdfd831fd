"""The octoDNS bridge: the contract through a real package on a real server, options, errors.

The packages that may be used run against fakes of their APIs in tests/octodns, on request.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dns_providers.base import (
    AuthError,
    Change,
    Rejected,
    ZoneNotFound,
)
from dns_providers.octodns_bridge import OctoDnsProvider
from dns_providers.octodns_packages import Argument, Package, Text
from dns_providers.powerdns import PowerDnsProvider
from dns_providers.rrset import TXT, Address, Target, owner_name, rrset
from tests.dns_providers import servers
from tests.dns_providers.servers import ZONE, NameServer
from tests.provider_contract import ProviderContract, put, read

# PowerDNS has an adapter of its own: here it stands for all packages, with a real server behind.
POWERDNS = Package(
    "powerdns",
    "octodns_powerdns",
    "PowerDnsProvider",
    "127.0.0.1",
    (Argument("host"), Argument("port"), Argument("api_key", "PDNS_API_KEY")),
    Text(quoted=True, sends_escaped=False, reads_escaped=False, wraps=True),
    creators=("_post",),
    fixed=(("enable_dynamic", False),),
    atomic="zone",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NameServer]:
    if not servers.there("powerdns"):
        pytest.skip("powerdns is not installed")
    with servers.running("powerdns", tmp_path) as running:
        yield running


def opened(server: NameServer, zone: str = ZONE, **more: str) -> OctoDnsProvider:
    known = {"host": "127.0.0.1", "port": str(server.api_port), "api_key": server.secret}
    return OctoDnsProvider(owner_name(zone), POWERDNS, {**known, **more})


@pytest.mark.lab
class TestOctoDns(ProviderContract):
    @pytest.fixture
    def provider(self, server: NameServer) -> OctoDnsProvider:
        return opened(server)


@pytest.mark.lab
def test_what_our_own_adapter_reads_is_what_the_package_reads(server: NameServer) -> None:
    direct = PowerDnsProvider(
        owner_name(ZONE), f"http://127.0.0.1:{server.api_port}", server.secret
    )
    texts = (TXT(b"a;b\\;c\\\\;d"), TXT(b'"quoted"'), TXT(b'a" "b'), TXT(b"\xc3\xa4" * 200))
    put(direct, rrset("host.example.test", "TXT", 300, *texts))
    seen = read(opened(server), "host.example.test")
    assert {k: v for k, v in seen.items() if k.rtype != "SOA"} == {
        k: v for k, v in read(direct, "host.example.test").items() if k.rtype != "SOA"
    }


@pytest.mark.lab
def test_a_zone_that_is_not_there_is_told_and_not_made(server: NameServer) -> None:
    nowhere = opened(server, "nowhere.test")
    with pytest.raises(ZoneNotFound):
        nowhere.read(frozenset({owner_name("nowhere.test")}))
    with pytest.raises(ZoneNotFound):
        nowhere.apply([Change(None, rrset("a.nowhere.test", "A", 300, Address("192.0.2.1")), "t")])
    with pytest.raises(ZoneNotFound):
        nowhere.read(frozenset({owner_name("nowhere.test")}))


@pytest.mark.lab
def test_a_zone_lost_between_reading_and_writing_is_not_made(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = opened(server)._populated(opened(server)._opened())
    nowhere = opened(server, "nowhere.test")
    real.name = "nowhere.test."
    monkeypatch.setattr(OctoDnsProvider, "_populated", lambda self, provider: real)
    with pytest.raises(ZoneNotFound):
        nowhere.apply([Change(None, rrset("a.nowhere.test", "A", 300, Address("192.0.2.1")), "t")])
    monkeypatch.undo()
    with pytest.raises(ZoneNotFound):
        nowhere.read(frozenset({owner_name("nowhere.test")}))


@pytest.mark.lab
def test_a_wrong_key_is_told_and_not_shown(server: NameServer) -> None:
    provider = opened(server, api_key="wrong-key")
    with pytest.raises(AuthError) as error:
        provider.read(frozenset({owner_name(ZONE)}))
    assert "wrong-key" not in f"{error.value} {error.value.values} {provider!r}"


@pytest.mark.lab
def test_what_the_server_refuses_is_told_in_its_words(server: NameServer) -> None:
    provider = opened(server)
    put(provider, rrset("host.example.test", "A", 300, Address("192.0.2.1")))
    bad = rrset("host.example.test", "CNAME", 300, Target(owner_name("elsewhere.test")))
    with pytest.raises(Rejected) as error:
        provider.apply([Change(None, bad, "test")])
    assert "Conflicts" in str(error.value)
