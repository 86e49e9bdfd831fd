"""PowerDNS by its HTTP API: the contract on a real server, and whatever may come back from one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from dns_providers.adapters.powerdns import PowerDnsProvider
from dns_providers.base import AuthError, Change, ProviderError, Rejected, Unreachable, ZoneNotFound
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import TXT, Target, key, owner_name, rrset
from ground.words import Words
from tests import fault_proxy
from tests.dns_providers import servers
from tests.dns_providers.publishing.test_plan import OURS, claim
from tests.dns_providers.servers import IDN_ZONE, ZONE, NameServer
from tests.fault_contract import FaultContract, Service
from tests.fault_proxy import Answer, Request
from tests.provider_contract import ProviderContract, Shows, Typed, read

_OWN = {(f"{ZONE}.", "SOA"), (f"{ZONE}.", "NS"), (f"ns.{ZONE}.", "A")}


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NameServer]:
    if not servers.there("powerdns"):
        pytest.skip("powerdns is not installed")
    with servers.running("powerdns", tmp_path_factory.mktemp("powerdns")) as running:
        yield running


@pytest.fixture
def server(booted: NameServer) -> NameServer:
    """The server with nothing in the zone but what it began with."""
    rows = [
        {"name": row["name"], "type": row["type"], "changetype": "DELETE"}
        for row in api(booted, "GET").json()["rrsets"]
        if (row["name"], row["type"]) not in _OWN
    ]
    assert api(booted, "PATCH", {"rrsets": rows}).status_code == 204
    return booted


def opened(server: NameServer, zone: str = ZONE, **options: Any) -> PowerDnsProvider:
    settings = {"url": f"http://127.0.0.1:{server.api_port}", "key": server.secret, **options}
    return PowerDnsProvider(owner_name(zone), **settings)


def api(server: NameServer, method: str, json: object = None) -> httpx.Response:
    """A call of the zone's API by somebody else."""
    return httpx.request(
        method,
        f"http://127.0.0.1:{server.api_port}/api/v1/servers/localhost/zones/{ZONE}.",
        json=json,
        headers={"X-API-Key": server.secret},
    )


class TestPowerDns(ProviderContract):
    refusal: ClassVar = "Conflicts"

    @pytest.fixture
    def provider(self, server: NameServer) -> PowerDnsProvider:
        return opened(server)

    @pytest.fixture
    def idn_provider(self, server: NameServer) -> PowerDnsProvider:
        return opened(server, IDN_ZONE)

    @pytest.fixture
    def typed(self, server: NameServer) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            records = [{"content": value, "disabled": False}]
            row = {"name": f"{owner}.", "type": rtype, "ttl": ttl, "records": records}
            reply = api(server, "PATCH", {"rrsets": [{**row, "changetype": "REPLACE"}]})
            assert reply.status_code == 204, reply.text

        return enter

    @pytest.fixture
    def shows(self, server: NameServer, provider: PowerDnsProvider) -> Iterator[Shows]:
        with servers.showing(server) as (proxy, show):
            provider.url = proxy.url
            yield show


class TestPowerDnsFaults(FaultContract):
    calls: ClassVar = (3, 1)  # a read, a write, a read-back
    bad_credentials = Answer(401, b"Unauthorized")
    no_rights = Answer(403, b'{"error": "forbidden"}')
    too_many = Answer(429, b'{"error": "slow down"}')
    never: ClassVar = {("truncated", "write"): "a PATCH is answered without a body"}

    def is_write(self, request: Request) -> bool:
        return request.method == "PATCH"

    @pytest.fixture
    def service(self, server: NameServer) -> Service:
        def open(url: str, timeout: float) -> PowerDnsProvider:
            return opened(server, url=url, timeout=timeout)

        def stored() -> list[str]:
            rows = api(server, "GET").json()["rrsets"]
            return [
                f"{row['name']} {row['type']} {record['content']}"
                for row in rows
                if row["type"] != "SOA"
                for record in row["records"]
            ]

        return Service(f"http://127.0.0.1:{server.api_port}", open, stored, (server.secret,))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404, b"Not Found"), ZoneNotFound),
        (Answer(200, b"[]"), Unreachable),
        (Answer(200, b'{"rrsets": [{"name": "x"'), Unreachable),
    ],
)
def test_an_answer_that_is_no_zone_is_told(
    server: NameServer, answer: Answer, kind: type[ProviderError]
) -> None:
    with fault_proxy.running(f"http://127.0.0.1:{server.api_port}") as proxy:
        provider = opened(server, url=proxy.url)
        with proxy.doing(answer), pytest.raises(kind):
            read(provider, ZONE)


def test_a_wrong_key_is_told_and_none_is_shown(server: NameServer) -> None:
    provider = opened(server, key="wrong-key")
    with pytest.raises(AuthError) as error:
        provider.read(frozenset({owner_name(ZONE)}))
    assert "wrong-key" not in f"{error.value} {error.value.words} {provider!r}"


def test_a_zone_that_is_not_there_is_told_and_not_made(server: NameServer) -> None:
    with pytest.raises(ZoneNotFound):
        opened(server, "nowhere.test").read(frozenset({owner_name("nowhere.test")}))


def test_what_the_server_refuses_is_told_in_its_words_and_nothing_is_written(
    server: NameServer,
) -> None:
    provider = opened(server)
    host = rrset("host.example.test", "A", 300, OURS)
    provider.apply([Change(None, host, "test")])
    alias = rrset("host.example.test", "CNAME", 300, Target(owner_name("elsewhere.test")))
    fine = rrset("fine.example.test", "A", 300, OURS)
    with pytest.raises(Rejected) as error:
        provider.apply([Change(None, fine, "test"), Change(None, alias, "test")])
    assert "Conflicts" in str(error.value)
    assert fine.key not in read(provider, "fine.example.test")


def test_disabled_records_and_types_of_its_own_are_left_alone(server: NameServer) -> None:
    provider = opened(server)
    rows = [
        {
            "name": "off.example.test.",
            "type": "A",
            "ttl": 60,
            "changetype": "REPLACE",
            "records": [{"content": "192.0.2.9", "disabled": True}],
        },
        {
            "name": "alias.example.test.",
            "type": "ALIAS",
            "ttl": 60,
            "changetype": "REPLACE",
            "records": [{"content": "elsewhere.test.", "disabled": False}],
        },
    ]
    reply = api(server, "PATCH", {"rrsets": rows})
    assert reply.status_code == 204, reply.text
    seen = read(provider, "off.example.test", "alias.example.test")
    assert {key.rtype: each.opaque for key, each in seen.items() if key.owner != provider.zone} == {
        "A": True,
        "ALIAS": True,
    }
    assert seen[key("off.example.test", "A")].special == Words.of("dns.special.disabled")


def test_a_text_that_was_written_uncut_is_read_and_changed(server: NameServer) -> None:
    provider = opened(server)
    row = {"name": "x.example.test.", "type": "TXT", "ttl": 60, "changetype": "REPLACE"}
    records = [{"content": f'"{"a" * 400}"', "disabled": False}]
    reply = api(server, "PATCH", {"rrsets": [{**row, "records": records}]})
    assert reply.status_code == 204, reply.text
    before = read(provider, "x.example.test")[key("x.example.test", "TXT")]
    assert before.values == {TXT(b"a" * 400)}
    after = rrset("x.example.test", "TXT", 60, TXT(b"b" * 400))
    provider.apply([Change(before, after, "test")])
    assert read(provider, "x.example.test")[after.key].values == after.values


def test_what_stays_of_a_set_is_sent_back_as_it_was_read(server: NameServer) -> None:
    theirs = ['"se;mi" "two"', '"se;mitwo"', f'"{"a" * 100}" "{"b" * 100}"']
    row = {"name": f"{ZONE}.", "type": "TXT", "ttl": 500, "changetype": "REPLACE"}
    records = [{"content": each, "disabled": False} for each in (*theirs, '"v=spf1" " -all"')]
    assert api(server, "PATCH", {"rrsets": [{**row, "records": records}]}).status_code == 204
    provider = opened(server)
    before = read(provider, ZONE)[key(ZONE, "TXT")]
    kept = before.values - {TXT(b"v=spf1 -all")}
    after = rrset(ZONE, "TXT", 500, TXT(b"v=spf1 mx -all"), *kept)
    provider.apply([Change(before, after, "test")])
    rows = api(server, "GET").json()["rrsets"]
    (shown,) = [each["records"] for each in rows if each["type"] == "TXT"]
    assert {each["content"] for each in shown} == {*theirs, '"v=spf1 mx -all"'}


@pytest.mark.parametrize("lost", ["name", "type", "ttl", "records"])
def test_a_row_that_lacks_something_is_not_the_end_of_the_zone(
    server: NameServer, lost: str
) -> None:
    row = servers.shown_row("odd.example.test", "A", "192.0.2.1")
    with servers.adding([{k: v for k, v in row.items() if k != lost}], server) as proxy:
        provider = opened(server, url=proxy.url)
        provider.apply([Change(None, rrset("host.example.test", "A", 300, OURS), "test")])
        found = read(provider, "host.example.test", "odd.example.test")
    assert key("host.example.test", "A") in found
    assert all(each.opaque for seen, each in found.items() if "odd" in str(seen))


def test_a_stage_takes_a_read_a_write_and_a_read_back(
    server: NameServer, tmp_path: Path, at_once: None
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    with fault_proxy.running(f"http://127.0.0.1:{server.api_port}") as proxy:
        provider = opened(server, url=proxy.url)
        carry_out(provider, hosts, Ledger(tmp_path / "state", ZONE))
    # The plan was made a moment ago.
    assert [request.method for request in proxy.seen] == ["GET", "PATCH", "GET"]


def test_zones_of_one_server_share_a_connection(server: NameServer) -> None:
    with fault_proxy.running(f"http://127.0.0.1:{server.api_port}") as proxy:
        for _ in range(2):
            read(opened(server, url=proxy.url), ZONE)
    assert len(proxy.seen) == 2 and proxy.connections == 1
