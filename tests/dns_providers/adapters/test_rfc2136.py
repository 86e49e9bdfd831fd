"""RFC 2136 against real servers: the contract, and every way in which a server can say no."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import dns.message
import pytest

from benchmarks.counting import dns_messages, relay
from dns_providers.adapters import rfc2136
from dns_providers.adapters.rfc2136 import Rfc2136Provider, TsigKey
from dns_providers.base import AuthError, Change, ProviderError, Unreachable, ZoneNotFound
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import plan
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import CAA, TXT, RRset, key, owner_name, related_names, rrset
from tests.dns_providers import servers
from tests.dns_providers.publishing.test_plan import claim
from tests.dns_providers.servers import ALGORITHM, IDN_ZONE, KEY, OTHER_ZONE, ZONE, NameServer
from tests.provider_contract import ProviderContract, Typed

pytestmark = pytest.mark.slow


@pytest.fixture(params=["bind", "knot", "powerdns"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NameServer]:
    if not servers.there(request.param):
        pytest.skip(f"{request.param} is not installed")
    with servers.running(request.param, tmp_path) as running:
        yield running


def opened(server: NameServer, zone: str = ZONE, **key: str) -> Rfc2136Provider:
    fields = {"name": KEY, "algorithm": ALGORITHM, "secret": server.secret, **key}
    return Rfc2136Provider(owner_name(zone), "127.0.0.1", TsigKey(**fields), server.port, 5.0)


class TestRfc2136(ProviderContract):
    opt_outs: ClassVar = {
        "refusal": "an alias beside others may be left out silently (RFC 2136 3.4.2.2)",
        "shows": "what servers take of what makes no sense is in tests of its own",
    }

    @pytest.fixture
    def provider(self, server: NameServer) -> Rfc2136Provider:
        return opened(server)

    @pytest.fixture
    def idn_provider(self, server: NameServer) -> Rfc2136Provider:
        return opened(server, IDN_ZONE)

    @pytest.fixture
    def typed(self, server: NameServer) -> Typed:
        return partial(servers.enter, server)


WRONG = "d3JvbmcgLSB3cm9uZyAtIHdyb25nIC0gd3Jvbmc="


@pytest.mark.parametrize(
    "key", [{"secret": WRONG}, {"name": "nobody"}, {"algorithm": "hmac-sha512"}]
)
def test_a_wrong_key_is_refused_and_its_secret_is_not_shown(
    server: NameServer, key: dict[str, str]
) -> None:
    provider = opened(server, **key)
    for work in (
        lambda: provider.read(frozenset({owner_name(ZONE)})),
        lambda: provider.apply([Change(None, rrset(ZONE, "TXT", 60, TXT(b"x")), "test")]),
    ):
        with pytest.raises(AuthError) as error:
            work()
        shown = f"{error.value} {error.value.words} {provider!r}"
        assert server.secret not in shown and WRONG not in shown


def test_a_wrong_clock_is_told(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    behind = SimpleNamespace(time=lambda: time.time() - 4000)
    monkeypatch.setattr(dns.message, "time", behind)
    with pytest.raises(AuthError) as error:
        opened(server).read(frozenset({owner_name(ZONE)}))
    assert error.value.words.id in ("dns.error.tsig_clock", "dns.error.tsig_unsigned")
    assert "clock" in str(error.value)


def test_a_zone_that_is_not_served_is_told(server: NameServer) -> None:
    with pytest.raises((ZoneNotFound, AuthError)) as error:
        opened(server, "nowhere.test").read(frozenset({owner_name("nowhere.test")}))
    assert "nowhere.test" in str(error.value)


def test_a_zone_that_the_key_may_not_change_is_never_taken_for_changed(
    server: NameServer, tmp_path: Path
) -> None:
    provider = opened(server, OTHER_ZONE)
    with pytest.raises(ProviderError):
        carry_out(provider, [claim(f"host.{OTHER_ZONE}")], Ledger(tmp_path, OTHER_ZONE))


def test_without_zone_transfer_names_are_read_one_by_one(tmp_path: Path) -> None:
    if not servers.there("bind"):
        pytest.skip("bind is not installed")
    with servers.running("bind", tmp_path) as server:
        provider = opened(server)
        made = rrset(f"host.{ZONE}", "TXT", 60, TXT(b"x" * 3000))
        cover = rrset(f"*.{ZONE}", "TXT", 60, TXT(b"wild"))
        provider.apply([Change(None, made, "test"), Change(None, cover, "test")])
        names = frozenset({made.key.owner, provider.zone})
        whole = provider.read(names)
        single = provider._read_queries("127.0.0.1", names)
        assert single.rrsets == whole.rrsets
        assert {each.key for each in single.covering} >= {cover.key}


def test_without_zone_transfer_all_is_asked_over_one_connection(tmp_path: Path) -> None:
    if not servers.there("bind"):
        pytest.skip("bind is not installed")
    with servers.running("bind", tmp_path) as server, relay(server.port, dns_messages) as counted:
        provider = replace(opened(server), port=counted.port)
        names = frozenset(owner_name(f"{label}.{ZONE}") for label in ("a", "b.c", "d"))
        found = provider._read_queries("127.0.0.1", names | {provider.zone})
        assert key(ZONE, "SOA") in found.rrsets and counted.connections == 1
        # Of a name that is not there it asks for one type, of the apex for all.
        absent = {*names, *related_names(names, provider.zone)} - {provider.zone}
        assert counted.calls == len(absent) + len(rfc2136._READ_TYPES)


@pytest.mark.parametrize("transfer", [True, False])
def test_a_text_that_is_cut_elsewhere_than_ours_is_changed_and_taken_out(
    server: NameServer, transfer: bool
) -> None:
    provider = opened(server)
    names = frozenset({provider.zone})
    servers.enter(server, ZONE, "TXT", 600, f'"{"a" * 200}" "{"a" * 200}"')
    servers.enter(server, ZONE, "TXT", 600, '"v=spf1" " -all"')

    def seen() -> RRset:
        whole = provider.read(names) if transfer else provider._read_queries("127.0.0.1", names)
        return whole.rrsets[key(ZONE, "TXT")]

    theirs, old, ours = TXT(b"a" * 400), TXT(b"v=spf1 -all"), TXT(b"v=spf1 mx -all")
    assert seen().values == {theirs, old}
    before = seen()
    provider.apply([Change(before, replace(before, values=frozenset({theirs, ours})), "test")])
    before = seen()
    assert before.values == {theirs, ours}
    provider.apply([Change(before, None, "test")])
    assert key(ZONE, "TXT") not in provider.read(names).rrsets


def test_a_record_that_nobody_can_read_is_not_the_end_of_the_zone(server: NameServer) -> None:
    servers.enter_rdata(server, f"odd.{ZONE}", 60, servers.octets("URI", b"\0\1\0\1"))
    provider = opened(server)
    made = rrset(f"host.{ZONE}", "TXT", 60, TXT(b"ours"))
    provider.apply([Change(None, made, "test")])
    assert provider.read(frozenset({made.key.owner})).rrsets[made.key] == made


@pytest.mark.parametrize("server", ["knot"], indirect=True)
def test_a_record_that_nobody_can_read_and_is_in_our_way_is_told(server: NameServer) -> None:
    servers.enter_rdata(server, ZONE, 60, servers.octets("CAA", b"\0\1-x"))
    provider = opened(server)
    snapshot = provider.read(frozenset({provider.zone}))
    wanted = claim(ZONE, "CAA", CAA(0, "issue", b"letsencrypt.org"))
    made = plan([wanted], snapshot, {}, capabilities=provider.capabilities)
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.opaque"]


def test_what_stays_is_as_it_was_when_the_time_to_live_changes(server: NameServer) -> None:
    provider = opened(server)
    servers.enter(server, ZONE, "TXT", 600, '"two" " strings"')
    names, apex = frozenset({provider.zone}), key(ZONE, "TXT")
    before = provider.read(names).rrsets[apex]
    provider.apply([Change(before, replace(before, ttl=900, handles=()), "test")])
    after = provider.read(names).rrsets[apex]
    assert (after.ttl, after.handles) == (900, before.handles)


@pytest.mark.parametrize(("address", "port"), [("127.0.0.1", 9), ("no-such-host.invalid", 53)])
def test_a_server_that_cannot_be_reached_is_told(address: str, port: int) -> None:
    key = TsigKey(KEY, ALGORITHM, WRONG)
    provider = Rfc2136Provider(owner_name(ZONE), address, key, port, 2.0)
    with pytest.raises(Unreachable) as error:
        provider.read(frozenset({owner_name(ZONE)}))
    assert address in str(error.value)


def test_a_key_shows_nothing_of_its_secret() -> None:
    key = TsigKey(KEY, ALGORITHM, WRONG)
    assert WRONG not in repr(key) and dataclasses.asdict(key)["secret"] == WRONG
