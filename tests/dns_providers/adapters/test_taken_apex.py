"""A web site at the apex, however a provider writes it: no address of ours comes beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dns_providers.base import Provider
from dns_providers.publishing.claims import Claim
from dns_providers.publishing.plan import Plan, plan
from dns_providers.rrset import Address
from tests.dns_providers.adapters import test_alidns, test_cloudflare, test_dnspod
from tests.dns_providers.adapters.alidns_fake import FakeAliDns
from tests.dns_providers.adapters.cloudflare_fake import FakeCloudflare
from tests.dns_providers.adapters.dnspod_fake import FakeDnsPod
from tests.dns_providers.publishing.test_plan import claim
from tests.provider_contract import ZONE

account_at_alidns = test_alidns.account
account_at_cloudflare = test_cloudflare.account
account_at_dnspod = test_dnspod.account


def planned(provider: Provider) -> Plan:
    """The plan for an address of each family at the apex."""
    apex = claim(ZONE, group="apex", needed=False)
    both: tuple[Claim, ...] = (
        replace(apex, only_if_free=True),
        replace(
            claim(ZONE, "AAAA", Address("2001:db8::1"), group="apex", needed=False),
            only_if_free=True,
        ),
    )
    snapshot = provider.read(frozenset({provider.zone}))
    return plan(both, snapshot, {}, capabilities=provider.capabilities)


def left_alone(made: Plan) -> bool:
    notes = [each.words.id for each in made.notes]
    return not made.changes and not made.conflicts and notes == ["dns.note.left_alone"]


@pytest.mark.parametrize(
    ("rtype", "value", "more"),
    [
        ("REDIRECT_URL", "https://www.example.net", {}),
        ("FORWARD_URL", "https://www.example.net", {}),
        ("A", "198.51.100.7", {"Line": "telecom"}),
        ("A", "198.51.100.7", {"Status": "DISABLE"}),
    ],
)
def test_a_site_at_alidns_is_left_alone(
    account_at_alidns: FakeAliDns, rtype: str, value: str, more: Any
) -> None:
    account_at_alidns.add("@", rtype, value, **more)
    assert left_alone(planned(test_alidns.opened(account_at_alidns)))


@pytest.mark.parametrize("rtype", ["显性URL", "隐性URL", "A"])
def test_a_site_at_dnspod_is_left_alone(account_at_dnspod: FakeDnsPod, rtype: str) -> None:
    value = "198.51.100.7" if rtype == "A" else "http://www.example.net"
    account_at_dnspod.add(Name="@", Type=rtype, Value=value)
    assert left_alone(planned(test_dnspod.opened(account_at_dnspod)))


@pytest.mark.parametrize(
    "row",
    [
        {"type": "AAAA", "content": "100::", "proxied": True, "meta": {"read_only": True}},
        {"type": "A", "content": "198.51.100.7", "proxied": True},
        {"type": "CNAME", "content": "site.pages.example.net", "proxied": True},
        {"type": "HTTPS", "content": '1 . alpn="h3,h2"'},
    ],
    ids=lambda row: str(row["type"]),
)
def test_a_site_at_cloudflare_is_left_alone(
    account_at_cloudflare: FakeCloudflare, row: dict[str, Any]
) -> None:
    account_at_cloudflare.add(name=ZONE, **row)
    assert left_alone(planned(test_cloudflare.opened(account_at_cloudflare)))
