"""Which zone: nobody's suffix, a zone of its own, and live where we write."""

from __future__ import annotations

import pytest

from dns_providers.base import Snapshot
from dns_providers.publishing.propagation import Delegation, NameServer
from dns_providers.publishing.public_suffix import is_public_suffix
from dns_providers.publishing.zone_choice import Differences, NotLive, check_live, name_servers
from dns_providers.rows import as_it_stands
from dns_providers.rrset import RRKey, RRset, owner_name
from dns_providers.text import value_from_text

ZONE = owner_name("example.test")


def shown(*servers: str) -> Snapshot:
    """What a provider with these name servers shows of its apex."""
    values = frozenset(value_from_text(f"{server}.", "NS") for server in servers)
    apex = RRset(RRKey(ZONE, "NS"), 86400, values)
    return Snapshot(ZONE, frozenset({ZONE}), {apex.key: apex} if servers else {})


def delegated(
    *parent: str, only_parent: tuple[str, ...] = (), only_child: tuple[str, ...] = ()
) -> Delegation:
    servers = tuple(NameServer(name, ("192.0.2.1",)) for name in parent)
    return Delegation("example.test", servers, only_parent, only_child)


@pytest.mark.parametrize("name", ["co.uk", "com.cn", "com", "xn--55qx5d.cn"])
def test_a_public_suffix_is_nobodys_zone(name: str) -> None:
    assert is_public_suffix(name)


@pytest.mark.parametrize("name", ["example.co.uk", "example.com.cn", "example.test", "test"])
def test_what_is_registered_below_one_is_a_zone(name: str) -> None:
    assert not is_public_suffix(name)


def test_a_zone_delegated_to_this_provider_is_live_whatever_the_case_of_its_servers() -> None:
    found = check_live(shown("NS1.a.test", "ns2.a.test"), delegated("ns1.a.test", "ns2.a.test"))
    assert found == Differences()


def test_a_zone_delegated_to_others_is_not_written_and_both_sides_are_named() -> None:
    with pytest.raises(NotLive) as error:
        check_live(shown("ns1.new.test"), delegated("ns1.old.test", "ns2.old.test"))
    assert error.value.words.named["parent"] == "ns1.old.test, ns2.old.test"
    assert error.value.words.named["provider"] == "ns1.new.test"


def test_servers_that_only_one_side_names_are_told() -> None:
    found = check_live(shown("ns1.a.test", "ns2.a.test"), delegated("ns1.a.test", "ns3.a.test"))
    assert found == Differences(("ns3.a.test",), ("ns2.a.test",))


def test_servers_under_other_names_that_serve_this_providers_records_are_live() -> None:
    # The registry names vanity.test; what answers there is the provider's own NS RRset.
    live = delegated("vanity.test", only_parent=("vanity.test",), only_child=("ns1.a.test",))
    assert check_live(shown("ns1.a.test"), live).only_parent == ("vanity.test",)


def test_a_name_server_that_is_no_name_is_left_out() -> None:
    plain, key = shown("ns1.other.test"), RRKey(ZONE, "NS")
    for text in ("bad..name.", "1 2 3", ""):
        values = plain.rrsets[key].values | as_it_stands(key, [text]).values
        odd = Snapshot(ZONE, plain.names, {key: RRset(key, 0, values, opaque=True)})
        assert name_servers(odd) == {"ns1.other.test"}


def test_a_provider_that_shows_no_name_servers_is_taken_as_it_is() -> None:
    assert name_servers(shown()) == frozenset()
    assert check_live(shown(), delegated("ns1.a.test")) == Differences()
