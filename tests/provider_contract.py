"""What every DNS provider adapter must do: one suite, run against each with a real zone behind it.

A test class takes it in and gives a fixture `provider`, opened for an empty `example.test`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dns_providers.base import Change, Provider, Stale
from dns_providers.rrset import (
    CAA,
    MX,
    SRV,
    TXT,
    Address,
    RRKey,
    RRset,
    Target,
    Value,
    key,
    owner_name,
    rrset,
)

ZONE = "example.test"
DKIM = TXT(b"v=DKIM1; k=rsa; p=" + b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12)
SAMPLES: dict[str, tuple[Value, ...]] = {
    "A": (Address("203.0.113.10"), Address("203.0.113.11")),
    "AAAA": (Address("2001:db8::1"),),
    "MX": (MX(10, owner_name("smtp.other.test")), MX(20, owner_name("mx.other.test"))),
    "TXT": (DKIM, TXT(b'quote " back\\slash ; semicolon'), TXT(b"x" * 3000)),
    "SRV": (SRV(0, 1, 465, owner_name("smtp.example.test")),),
    "CAA": (CAA(0, "issue", b"letsencrypt.org"), CAA(0, "iodef", b"mailto:a@example.test")),
    "CNAME": (Target(owner_name("elsewhere.test")),),
}


def read(provider: Provider, *owners: str) -> dict[RRKey, RRset]:
    names = frozenset(owner_name(owner) for owner in owners)
    return dict(provider.read(names | {provider.zone}).rrsets)


def put(provider: Provider, *rrsets: RRset) -> None:
    provider.apply([Change(None, each, "test") for each in rrsets])


class ProviderContract:
    """The suite."""

    @pytest.mark.parametrize("rtype", SAMPLES)
    def test_every_type_comes_back_as_it_was_written(self, provider: Provider, rtype: str) -> None:
        wanted = rrset("host.example.test", rtype, 300, *SAMPLES[rtype])
        put(provider, wanted)
        assert read(provider, "host.example.test")[wanted.key] == wanted

    def test_a_value_is_added_beside_others(self, provider: Provider) -> None:
        before = rrset(ZONE, "TXT", 300, TXT(b"token"))
        put(provider, before)
        after = rrset(ZONE, "TXT", 300, TXT(b"token"), TXT(b"v=spf1 ~all"))
        provider.apply([Change(before, after, "test")])
        assert read(provider, ZONE)[before.key] == after

    def test_a_value_is_replaced_in_one_step(self, provider: Provider) -> None:
        before, after = (
            rrset(ZONE, "MX", 300, MX(10, owner_name(name))) for name in ("a.test", "b.test")
        )
        put(provider, before)
        provider.apply([Change(before, after, "test")])
        assert read(provider, ZONE)[before.key] == after

    def test_an_rrset_is_removed(self, provider: Provider) -> None:
        made = rrset("host.example.test", "A", 300, *SAMPLES["A"])
        put(provider, made)
        provider.apply([Change(made, None, "test")])
        assert made.key not in read(provider, "host.example.test")

    def test_a_time_to_live_is_changed(self, provider: Provider) -> None:
        before = rrset("host.example.test", "A", 300, *SAMPLES["A"])
        put(provider, before)
        provider.apply([Change(before, replace(before, ttl=600), "test")])
        assert read(provider, "host.example.test")[before.key].ttl == 600

    @pytest.mark.parametrize("seen", [None, "203.0.113.99"])
    def test_what_changed_since_it_was_read_is_not_written(
        self, provider: Provider, seen: str | None
    ) -> None:
        there = rrset("host.example.test", "A", 300, Address("203.0.113.10"))
        put(provider, there)
        before = rrset("host.example.test", "A", 300, Address(seen)) if seen else None
        after = rrset("host.example.test", "A", 300, Address("203.0.113.50"))
        with pytest.raises(Stale):
            provider.apply([Change(before, after, "test")])
        assert read(provider, "host.example.test")[there.key] == there

    def test_one_stale_change_stops_all(self, provider: Provider) -> None:
        fine = Change(None, rrset("one.example.test", "A", 300, *SAMPLES["A"]), "test")
        gone = rrset("two.example.test", "A", 300, *SAMPLES["A"])
        with pytest.raises(Stale):
            provider.apply([fine, Change(gone, None, "test")])
        assert fine.key not in read(provider, "one.example.test")

    def test_what_is_above_and_beside_a_name_is_seen(self, provider: Provider) -> None:
        cover = rrset("*.example.test", "A", 300, *SAMPLES["A"])
        put(provider, cover)
        found = provider.read(frozenset({owner_name("host.example.test")}))
        assert cover.key in {each.key for each in found.covering}

    def test_the_apex_shows_its_soa_and_name_servers(self, provider: Provider) -> None:
        assert {key(ZONE, "SOA"), key(ZONE, "NS")} <= set(read(provider, ZONE))

    def test_nothing_else_in_the_zone_changes(self, provider: Provider) -> None:
        other = rrset("other.example.test", "TXT", 300, TXT(b"theirs"))
        put(provider, other)
        put(provider, rrset("host.example.test", "A", 300, *SAMPLES["A"]))
        assert read(provider, "other.example.test")[other.key] == other
