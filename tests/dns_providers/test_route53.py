"""Route 53: the contract on a strict fake, and what is special about it."""

from __future__ import annotations

from pathlib import Path

import botocore.exceptions
import pytest

from dns_providers.base import (
    AuthError,
    Change,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
    ZoneNotFound,
)
from dns_providers.ledger import Ledger
from dns_providers.plan import plan
from dns_providers.publish import carry_out
from dns_providers.route53 import Route53Provider
from dns_providers.rrset import TXT, Address, Target, key, owner_name, rrset
from tests.dns_providers.route53_fake import SERVERS, ZONE_ID, FakeRoute53, refused
from tests.dns_providers.test_plan import OURS, claim
from tests.provider_contract import ZONE, ProviderContract, put, read

PLAIN: dict[str, object] = {"TTL": 60, "ResourceRecords": [{"Value": "1.2.3.4"}]}


@pytest.fixture
def account() -> FakeRoute53:
    return FakeRoute53()


def opened(
    account: FakeRoute53, zone: str = ZONE, live: list[str] | None = None
) -> Route53Provider:
    servers = frozenset(live or SERVERS)
    return Route53Provider(owner_name(zone), client=account, live=lambda zone: servers)


class TestRoute53(ProviderContract):
    @pytest.fixture
    def provider(self, account: FakeRoute53) -> Route53Provider:
        return opened(account)


@pytest.mark.parametrize(
    ("stored", "data"),
    [
        ('"v=spf1 -all"', b"v=spf1 -all"),
        ('"ab" "cd"', b"abcd"),
        ('"a\\"b\\\\c"', b'a"b\\c'),
        ('"caf\\303\\251"', "café".encode()),
        ('""', b""),
    ],
)
def test_a_txt_is_read_as_it_is_stored_and_deleted_as_it_is_stored(
    account: FakeRoute53, stored: str, data: bytes
) -> None:
    row = {"Name": "x.example.test.", "Type": "TXT", "TTL": 60}
    account.rows.append({**row, "ResourceRecords": [{"Value": stored}]})
    provider = opened(account)
    found = read(provider, "x.example.test")[key("x.example.test", "TXT")]
    assert found.values == frozenset({TXT(data)})
    provider.apply([Change(found, None, "test")])
    assert found.key not in read(provider, "x.example.test")


def test_octets_that_are_no_ascii_are_written_as_octal(account: FakeRoute53) -> None:
    put(opened(account), rrset("x.example.test", "TXT", 60, TXT("é".encode())))
    assert account.rows[-1]["ResourceRecords"] == [{"Value": '"\\303\\251"'}]


def test_a_wildcard_comes_back_as_the_name_it_is(account: FakeRoute53) -> None:
    wildcard = rrset("*.example.test", "A", 60, OURS)
    put(opened(account), wildcard)
    assert read(opened(account), "*.example.test")[wildcard.key] == wildcard


@pytest.mark.parametrize(
    "special",
    [
        {"AliasTarget": {"DNSName": "lb.amazonaws.com.", "HostedZoneId": "Z"}},
        {
            "SetIdentifier": "blue",
            "Weight": 1,
            "TTL": 60,
            "ResourceRecords": [{"Value": "1.2.3.4"}],
        },
        {
            "SetIdentifier": "de",
            "GeoLocation": {"CountryCode": "DE"},
            **PLAIN,
        },
    ],
)
def test_what_only_route53_can_say_is_a_conflict(
    account: FakeRoute53, special: dict[str, object]
) -> None:
    account.rows.append({"Name": "smtp.example.test.", "Type": "A", **special})
    provider = opened(account)
    snapshot = provider.read(frozenset({owner_name("smtp.example.test")}))
    made = plan([claim()], snapshot, {}, capabilities=provider.capabilities)
    assert [each.problem for each in made.conflicts] == ["dns.conflict.opaque"]


def test_all_pages_are_read(account: FakeRoute53) -> None:
    account.rows += [
        {
            "Name": f"h{n}.example.test.",
            "Type": "A",
            "TTL": 60,
            "ResourceRecords": [{"Value": "1.2.3.4"}],
        }
        for n in range(700)
    ]
    assert key("h699.example.test", "A") in read(opened(account), "h699.example.test")


def test_twelve_records_take_one_read_one_write_and_one_read_back(
    account: FakeRoute53, tmp_path: Path
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    carry_out(opened(account), hosts, Ledger(tmp_path, ZONE))
    assert account.seen == [
        "ListHostedZonesByName",
        "ListResourceRecordSets",
        "ChangeResourceRecordSets",
        "ListResourceRecordSets",
    ]


def test_private_zones_are_left_out_and_of_several_the_live_one_is_taken(
    account: FakeRoute53,
) -> None:
    account.zones = {
        "ZPRIVATE": {"private": True, "servers": []},
        "ZOLD": {"private": False, "servers": ["ns-9.awsdns-09.org"]},
        ZONE_ID: {"private": False, "servers": SERVERS},
    }
    provider = opened(account)
    read(provider, ZONE)
    assert provider.zone_id == ZONE_ID
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account, live=("ns.elsewhere.test",)), ZONE)
    assert error.value.message_id == "dns.error.route53_several"


def test_a_zone_that_is_not_there_is_told(account: FakeRoute53) -> None:
    with pytest.raises(ZoneNotFound):
        read(opened(account, "nowhere.test"), "nowhere.test")


def test_what_is_refused_is_told_and_nothing_of_the_batch_is_written(account: FakeRoute53) -> None:
    provider = opened(account)
    put(provider, rrset("host.example.test", "A", 300, OURS))
    alias = rrset("host.example.test", "CNAME", 300, Target(owner_name("elsewhere.test")))
    fine = rrset("fine.example.test", "A", 300, OURS)
    with pytest.raises(Rejected) as error:
        provider.apply([Change(None, fine, "test"), Change(None, alias, "test")])
    assert "CNAME" in str(error.value)
    assert fine.key not in read(provider, "fine.example.test")


ERRORS: list[tuple[Exception, type[ProviderError]]] = [
    (refused("AccessDenied", "not authorized", 403), AuthError),
    (refused("InvalidClientTokenId", "no such token", 403), AuthError),
    (refused("SignatureDoesNotMatch", "wrong", 403), AuthError),
    (refused("Throttling", "Rate exceeded"), RateLimited),
    (refused("PriorRequestNotComplete", "still at it"), RateLimited),
    (refused("NoSuchHostedZone", "No hosted zone found", 404), ZoneNotFound),
    (refused("InvalidInput", "no"), Rejected),
    (refused("InternalFailure", "oops", 500), Unreachable),
    (refused("ServiceUnavailable", "later", 503), Unreachable),
    (botocore.exceptions.NoCredentialsError(), AuthError),
    (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), Unreachable),
    (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), Unreachable),
    (botocore.exceptions.ConnectionClosedError(endpoint_url="https://x"), Unreachable),
    (KeyError("ResourceRecordSets"), Unreachable),
]


@pytest.mark.parametrize("operation", ["ListResourceRecordSets", "ChangeResourceRecordSets"])
@pytest.mark.parametrize(("error", "kind"), ERRORS)
def test_after_any_fault_nothing_foreign_is_lost_and_the_next_run_converges(
    account: FakeRoute53,
    tmp_path: Path,
    operation: str,
    error: Exception,
    kind: type[ProviderError],
) -> None:
    foreign = rrset("theirs.example.test", "TXT", 300, TXT(b"theirs"))
    put(opened(account), foreign)
    ledger = Ledger(tmp_path, ZONE)

    def fault(called: str) -> None:
        if called == operation:
            raise error

    account.fault = fault
    with pytest.raises(kind) as told:
        carry_out(opened(account), [claim()], ledger)
    assert told.value.message_id
    account.fault = None
    carry_out(opened(account), [claim()], ledger)
    assert carry_out(opened(account), [claim()], ledger).changes == ()
    assert read(opened(account), "theirs.example.test")[foreign.key] == foreign


def test_an_answer_lost_after_the_write_is_made_up_for(
    account: FakeRoute53, tmp_path: Path
) -> None:
    class Lossy(FakeRoute53):
        def change_resource_record_sets(self, **parameters: object) -> dict[str, object]:
            super().change_resource_record_sets(**parameters)
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://x")

    lossy, ledger = Lossy(), Ledger(tmp_path, ZONE)
    with pytest.raises(Unreachable):
        carry_out(opened(lossy), [claim()], ledger)
    account.rows = lossy.rows
    again = carry_out(opened(account), [claim()], ledger)
    assert again.changes == () and again.conflicts == ()
    (entry,) = ledger.load().entries.values()
    assert entry.origin == "written"


def test_what_somebody_else_writes_between_read_and_write_stays(
    account: FakeRoute53, tmp_path: Path
) -> None:
    theirs = rrset("smtp.example.test", "A", 60, Address("192.0.2.77"))

    def meddling(called: str) -> None:
        if called == "ChangeResourceRecordSets":
            account.fault = None
            put(opened(account), theirs)

    account.fault = meddling
    made = carry_out(opened(account), [claim()], Ledger(tmp_path, ZONE))
    assert made.changes == () and len(made.conflicts) == 1
    assert read(opened(account), "smtp.example.test")[theirs.key] == theirs
