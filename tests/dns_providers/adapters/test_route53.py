"""Route 53: the contract on moto behind a strict front, and what is special about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import botocore.exceptions
import pytest

from dns_providers.adapters.route53 import Route53Provider
from dns_providers.base import (
    AuthError,
    Change,
    ProviderError,
    RateLimited,
    Rejected,
    Stale,
    Unreachable,
    ZoneNotFound,
)
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import plan
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import TXT, Address, key, name_text, owner_name, rrset
from ground.words import Words
from tests import fault_proxy
from tests.dns_providers.adapters.route53_moto import (
    ACCESS_KEY,
    SECRET,
    Account,
    error_body,
    plain,
    served,
)
from tests.dns_providers.publishing.test_plan import OURS, claim
from tests.fault_contract import FaultContract, Service
from tests.fault_proxy import Answer, Lost, Request
from tests.provider_contract import ZONE, ProviderContract, Shows, Typed, put, read

pytestmark = pytest.mark.slow

SERVERS = ("ns-1.awsdns-01.com", "ns-2.awsdns-02.net")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with served() as account:
        account.add_zone(ZONE, SERVERS)
        yield account


def opened(account: Account, zone: str = ZONE, **options: Any) -> Route53Provider:
    servers = frozenset(SERVERS)
    settings = {"endpoint": account.url, "live": lambda zone: servers, "tries": 3, **options}
    return Route53Provider(owner_name(zone), **settings)


def row(label: str, rtype: str, *values: str, zone: str = f"{ZONE}.") -> dict[str, Any]:
    """An RRset as boto3 takes it."""
    return {"Name": f"{label}.{zone}".lstrip("."), "Type": rtype, **plain(*values)}


class TestRoute53(ProviderContract):
    refusal: ClassVar = "CNAME"

    @pytest.fixture
    def provider(self, account: Account) -> Route53Provider:
        return opened(account)

    @pytest.fixture
    def idn_provider(self, account: Account) -> Route53Provider:
        account.add_zone("xn--bcher-kva.test", SERVERS)
        return opened(account, "xn--bcher-kva.test")

    @pytest.fixture
    def typed(self, account: Account) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            account.add(account.zone_id(ZONE), owner, rtype, **plain(value, ttl=ttl))

        return enter

    @pytest.fixture
    def shows(self, account: Account) -> Shows:
        def show(owner: str, rtype: str, value: str) -> None:
            account.show(account.zone_id(ZONE), f"{owner}.", rtype, value)

        return show


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
    account: Account, stored: str, data: bytes
) -> None:
    account.add(account.zone_id(ZONE), "x.example.test.", "TXT", **plain(stored))
    provider = opened(account)
    found = read(provider, "x.example.test")[key("x.example.test", "TXT")]
    assert found.values == frozenset({TXT(data)})
    provider.apply([Change(found, None, "test")])
    assert found.key not in read(provider, "x.example.test")


def test_octets_that_are_no_ascii_are_written_as_octal(account: Account) -> None:
    put(opened(account), rrset("x.example.test", "TXT", 60, TXT("é".encode())))
    (row,) = [each for each in account.rows(account.zone_id(ZONE)) if each["Name"][0] == "x"]
    assert row["ResourceRecords"] == [{"Value": '"\\303\\251"'}]


def test_a_wildcard_comes_back_as_the_name_it_is(account: Account) -> None:
    wildcard = rrset("*.example.test", "A", 60, OURS)
    put(opened(account), wildcard)
    assert read(opened(account), "*.example.test")[wildcard.key] == wildcard


@pytest.mark.parametrize(
    ("special", "why"),
    [
        (
            {
                "AliasTarget": {
                    "DNSName": "lb.aws.test.",
                    "HostedZoneId": "Z",
                    "EvaluateTargetHealth": False,
                }
            },
            Words.of("dns.special.route53_alias", target="lb.aws.test"),
        ),
        (
            {"SetIdentifier": "blue", "Weight": 1, **plain("192.0.2.4")},
            Words.of("dns.special.route53_policy", policy="Weighted"),
        ),
        (
            {"SetIdentifier": "de", "GeoLocation": {"CountryCode": "DE"}, **plain("192.0.2.4")},
            Words.of("dns.special.route53_policy", policy="Geolocation"),
        ),
    ],
)
def test_what_only_route53_can_say_is_a_conflict(
    account: Account, special: dict[str, Any], why: Words
) -> None:
    account.add(account.zone_id(ZONE), "smtp.example.test.", "A", **special)
    provider = opened(account)
    snapshot = provider.read(frozenset({owner_name("smtp.example.test")}))
    made = plan([claim()], snapshot, {}, capabilities=provider.capabilities)
    assert [each.problem.named["why"] for each in made.conflicts] == [str(why)]


def test_what_a_traffic_policy_made_is_a_conflict(account: Account) -> None:
    put(opened(account), rrset("smtp.example.test", "A", 60, Address("192.0.2.4")))
    account.front.policies["smtp.example.test."] = "a1b2c3d4"
    provider = opened(account)
    snapshot = provider.read(frozenset({owner_name("smtp.example.test")}))
    made = plan([claim()], snapshot, {}, capabilities=provider.capabilities)
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.opaque"]


def test_what_stays_of_a_set_is_sent_back_as_it_was_read(account: Account) -> None:
    theirs = ('"se;mi" "two"', '"v=x" " caf\\303\\251"')
    account.add(account.zone_id(ZONE), f"{ZONE}.", "TXT", **plain(*theirs))
    provider = opened(account)
    before = read(provider, ZONE)[key(ZONE, "TXT")]
    after = rrset(ZONE, "TXT", 60, TXT(b"v=spf1 -all"), *before.values)
    provider.apply([Change(before, after, "test")])
    (row,) = [each for each in account.rows(account.zone_id(ZONE)) if each["Type"] == "TXT"]
    assert {each["Value"] for each in row["ResourceRecords"]} == {*theirs, '"v=spf1 -all"'}


def test_all_pages_are_read(account: Account) -> None:
    provider = opened(account)
    put(provider, *(rrset(f"h{n}.example.test", "A", 60, OURS) for n in range(700)))
    account.front.seen.clear()
    seen = read(provider, "h0.example.test", "h699.example.test")
    assert {key("h0.example.test", "A"), key("h699.example.test", "A")} <= set(seen)
    assert len(account.front.seen) == 3


def test_twelve_records_take_one_read_one_write_and_one_read_back(
    account: Account, tmp_path: Path
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    account.front.seen.clear()
    carry_out(opened(account), hosts, Ledger(tmp_path, ZONE))
    records = f"hostedzone {account.zone_id(ZONE)}/rrset"
    # Which zone, plan, write, wait for its servers, read back.
    assert [re.sub(r"\bC[0-9]+\b", "ID", call) for call in account.front.seen] == [
        "GET hostedzonesbyname",
        f"GET {records}",
        f"POST {records}",
        "GET change ID",
        f"GET {records}",
    ]


def test_private_zones_are_left_out_and_of_several_the_live_one_is_taken(account: Account) -> None:
    account.add_zone(ZONE, private=True)
    account.add_zone(ZONE, ("ns-9.awsdns-09.org",))
    provider = opened(account)
    read(provider, ZONE)
    assert provider.zone_id == account.zone_id(ZONE)
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account, live=lambda zone: frozenset({"ns.elsewhere.test"})), ZONE)
    assert error.value.words.id == "dns.error.route53_several"


def test_a_zone_that_is_only_private_is_not_ours(account: Account) -> None:
    account.add_zone("inside.test", private=True)
    with pytest.raises(ZoneNotFound):
        read(opened(account, "inside.test"), "inside.test")


def test_a_zone_that_is_not_there_is_told(account: Account) -> None:
    with pytest.raises(ZoneNotFound):
        read(opened(account, "nowhere.test"), "nowhere.test")


THROTTLED = Answer(400, error_body("Throttling", "Rate exceeded"))


class TestRoute53Faults(FaultContract):
    calls: ClassVar = (5, 2)  # which zone, a read, a write, whether it is done, a read-back
    bad_credentials = Answer(403, error_body("InvalidClientTokenId", "no such token"))
    no_rights = Answer(403, error_body("AccessDenied", "not authorized"))
    too_many = THROTTLED

    def is_write(self, request: Request) -> bool:
        return request.method == "POST"

    @pytest.fixture
    def service(self, account: Account) -> Service:
        zone_id = account.zone_id(ZONE)

        def open(url: str, timeout: float) -> Route53Provider:
            return opened(account, endpoint=url, timeout=timeout, tries=1)

        def stored() -> list[str]:
            return [
                f"{row['Name']} {row['Type']} {row['TTL']} {record['Value']}"
                for row in account.rows(zone_id)
                for record in row["ResourceRecords"]
            ]

        return Service(account.url, open, stored, (SECRET,))


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SignatureDoesNotMatch", 403, AuthError),
        ("ExpiredToken", 400, AuthError),
        ("PriorRequestNotComplete", 400, RateLimited),
        ("NoSuchHostedZone", 404, ZoneNotFound),
        ("InvalidInput", 400, Rejected),
        ("InternalFailure", 500, Unreachable),
    ],
)
def test_the_code_of_an_error_says_what_it_is(
    account: Account, code: str, status: int, kind: type[ProviderError]
) -> None:
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, endpoint=proxy.url, tries=1)
        with proxy.doing(Answer(status, error_body(code, "no"))), pytest.raises(kind):
            read(provider, ZONE)


@pytest.mark.parametrize("code", ["Throttling", "PriorRequestNotComplete"])
def test_a_busy_service_is_asked_again_and_the_write_goes_through(
    account: Account, tmp_path: Path, code: str
) -> None:
    busy = Answer(400, error_body(code, "Rate exceeded"))
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, endpoint=proxy.url)
        with proxy.doing(busy, lambda request: request.method == "POST", times=2):
            made = carry_out(provider, [claim()], Ledger(tmp_path, ZONE))
        assert proxy.met == 2
    assert len(made.changes) == 1
    assert read(opened(account), claim().key.owner.to_text())[claim().key].values == {OURS}


def test_a_write_that_is_sent_again_as_its_answer_was_lost_is_ours(account: Account) -> None:
    old = rrset("x.example.test", "A", 60, Address("192.0.2.7"))
    put(opened(account), old)
    new = rrset("x.example.test", "A", 60, OURS)
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, endpoint=proxy.url)
        with proxy.doing(Lost(), lambda request: request.method == "POST", times=1):
            provider.apply([Change(old, new, "test")])
        assert proxy.met == 1
    assert read(opened(account), "x.example.test")[new.key] == new
    with pytest.raises(Stale):
        opened(account).apply(
            [Change(old, rrset("x.example.test", "A", 60, Address("192.0.2.8")), "test")]
        )


def test_without_credentials_it_is_told_where_they_come_from(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with pytest.raises(AuthError) as error:
        read(opened(account), ZONE)
    assert error.value.words.id == "dns.error.route53_credentials"


def test_credentials_are_not_shown(account: Account) -> None:
    provider = opened(account)
    read(provider, ZONE)
    assert SECRET not in repr(provider) and ACCESS_KEY not in repr(provider)


@dataclass
class Time:
    """Time that passes only when somebody sleeps."""

    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


def waiting(account: Account, polls: int) -> tuple[list[str], Time]:
    """Publish where a change is pending for so many polls; gives what was told, and the time."""
    account.front.polls = polls
    passed, told = Time(), list[str]()
    provider = opened(account, sleep=passed.sleep, clock=passed.clock)
    put(provider, rrset("host.example.test", "A", 300, OURS))
    provider.wait_accepted(lambda words: told.append(str(words)))
    return told, passed


def test_what_is_accepted_is_waited_for_with_progress(account: Account) -> None:
    told, passed = waiting(account, 8)
    assert passed.now == 40
    assert [re.findall(r"\d+ s", each) for each in told] == [["15 s"], ["30 s"]]


def test_what_takes_too_long_is_told_and_no_error(account: Account) -> None:
    told, passed = waiting(account, 1000)
    assert passed.now == 600 and "seen in the next step" in told[-1]


def test_without_the_right_to_ask_it_is_told_and_no_error(account: Account) -> None:
    told = list[str]()
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, endpoint=proxy.url, tries=1)
        put(provider, rrset("host.example.test", "A", 300, OURS))
        denied = Answer(403, error_body("AccessDenied", "route53:GetChange"))
        with proxy.doing(denied):
            provider.wait_accepted(lambda words: told.append(words.named["reason"]))
    assert "route53:GetChange" in told[0]


def test_a_stage_that_is_too_big_for_one_request_is_cut(account: Account) -> None:
    long = [
        rrset(f"t{n}.example.test", "TXT", 300, TXT(f"{n} ".encode() + b"x" * 3000))
        for n in range(15)
    ]
    many = [
        rrset(f"a{n}.example.test", "A", 300, *(Address(f"192.0.{n}.{m}") for m in range(250)))
        for n in range(5)
    ]
    provider = opened(account)
    put(provider, *long, *many)
    writes = [call for call in account.front.seen if call.startswith("POST hostedzone")]
    assert len([call for call in writes if call.endswith("/rrset")]) == 3
    seen = read(provider, *(name_text(each.key.owner) for each in (*long, *many)))
    assert all(seen[each.key] == each for each in (*long, *many))


# What moto takes and AWS does not: the front refuses it, so that a pass here means something.
REFUSED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "unquoted": [("CREATE", row("x", "TXT", "bare"))],
    "a string of 256": [("CREATE", row("x", "TXT", f'"{"a" * 256}"'))],
    "no address": [("CREATE", row("x", "A", "not-an-ip"))],
    "no preference": [("CREATE", row("x", "MX", "mail.example.test."))],
    "beside an alias": [
        ("CREATE", row("x", "A", "192.0.2.1")),
        ("CREATE", row("x", "CNAME", "a.test.")),
    ],
    "alias at the apex": [("CREATE", row("", "CNAME", "a.test."))],
    "there already": [
        ("CREATE", row("x", "A", "192.0.2.1")),
        ("CREATE", row("x", "A", "192.0.2.2")),
    ],
    "twice the same": [("CREATE", row("x", "A", "192.0.2.1", "192.0.2.1"))],
    "outside": [
        ("CREATE", row("x", "A", "192.0.2.1")),
        ("CREATE", row("x", "A", "192.0.2.1", zone="y.test.")),
    ],
    "not there": [("DELETE", row("x", "A", "192.0.2.1"))],
    "not all values": [
        ("CREATE", row("x", "A", "192.0.2.1", "192.0.2.2")),
        ("DELETE", row("x", "A", "192.0.2.1")),
    ],
    "too many records": [
        ("CREATE", row(f"x{n}", "A", *(f"192.0.{n}.{m}" for m in range(250)))) for n in range(5)
    ],
    "too many characters": [
        ("CREATE", row(f"x{n}", "TXT", " ".join([f'"{"a" * 250}"'] * 12))) for n in range(11)
    ],
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_double_refuses_what_aws_refuses_and_keeps_nothing_of_the_batch(
    account: Account, name: str
) -> None:
    before = account.rows(account.zone_id(ZONE))
    changes = [{"Action": action, "ResourceRecordSet": rrset} for action, rrset in REFUSED[name]]
    with pytest.raises(botocore.exceptions.ClientError) as error:
        account.client.change_resource_record_sets(
            HostedZoneId=account.zone_id(ZONE), ChangeBatch={"Changes": changes}
        )
    assert error.value.response["Error"]["Code"] == "InvalidChangeBatch"
    assert account.rows(account.zone_id(ZONE)) == before


def test_the_double_is_pending_at_first_and_shows_names_as_aws_does(account: Account) -> None:
    account.front.polls = 1
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": row("*.UP", "A", "192.0.2.1")}]}
    zone_id = account.zone_id(ZONE)
    ids = []
    for _ in range(2):
        made = account.client.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch=batch)
        ids.append(made["ChangeInfo"]["Id"])
        batch["Changes"][0]["Action"] = "DELETE" if len(ids) == 1 else "CREATE"
        if len(ids) == 1:
            assert "\\052.up.example.test." in [each["Name"] for each in account.rows(zone_id)]
    statuses = [account.client.get_change(Id=ids[0])["ChangeInfo"]["Status"] for _ in range(2)]
    assert statuses == ["PENDING", "INSYNC"] and len(set(ids)) == 2
