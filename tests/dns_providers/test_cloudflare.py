"""Cloudflare: the contract on a stateful fake, and what is special about it."""

from __future__ import annotations

from pathlib import Path

import httpx
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
from dns_providers.cloudflare import CloudflareProvider
from dns_providers.ledger import Ledger
from dns_providers.plan import plan
from dns_providers.publish import carry_out
from dns_providers.rrset import MX, TXT, Address, Target, owner_name, rrset
from tests.dns_providers.cloudflare_fake import TOKEN, ZONE_ID, FakeCloudflare, Fault
from tests.dns_providers.test_plan import OURS, claim
from tests.provider_contract import ZONE, ProviderContract, put, read


@pytest.fixture
def account() -> FakeCloudflare:
    return FakeCloudflare()


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK checks what the fake answers, and does not wait between its tries."""
    import cloudflare

    made = cloudflare.Cloudflare.__init__

    def init(self: cloudflare.Cloudflare, **options: object) -> None:
        made(self, **{**options, "_strict_response_validation": True})  # type: ignore[arg-type]

    monkeypatch.setattr(cloudflare.Cloudflare, "__init__", init)
    monkeypatch.setattr(cloudflare._base_client.time, "sleep", lambda seconds: None)


def opened(account: FakeCloudflare, zone: str = ZONE, **options: str) -> CloudflareProvider:
    settings = {"token": TOKEN, **options}
    return CloudflareProvider(owner_name(zone), transport=account, **settings)


class TestCloudflare(ProviderContract):
    @pytest.fixture
    def provider(self, account: FakeCloudflare) -> CloudflareProvider:
        return opened(account)


def test_only_what_differs_is_patched_so_comments_and_tags_stay(account: FakeCloudflare) -> None:
    id = account.add(
        type="A", name="smtp.example.test", content="192.0.2.1", comment="mine", tags=["x"]
    )
    provider = opened(account)
    before = read(provider, "smtp.example.test")[claim().key]
    assert before.ttl == 300
    provider.apply([Change(before, rrset("smtp.example.test", "A", 300, OURS), "test")])
    row = account.records[id]
    assert (row["content"], row["comment"], row["tags"], row["ttl"]) == (
        str(OURS),
        "mine",
        ["x"],
        1,
    )


def test_a_proxied_mail_host_is_a_conflict_not_a_silent_flip(account: FakeCloudflare) -> None:
    account.add(type="A", name="smtp.example.test", content=str(OURS), proxied=True)
    provider = opened(account)
    snapshot = provider.read(frozenset({owner_name("smtp.example.test")}))
    made = plan([claim()], snapshot, {}, capabilities=provider.capabilities)
    assert [each.problem for each in made.conflicts] == ["dns.conflict.opaque"]
    put(provider, rrset("mail.example.test", "A", 300, OURS))
    assert [row["proxied"] for row in account.records.values()] == [True, False]


def test_mx_records_of_email_routing_are_left_alone(account: FakeCloudflare) -> None:
    host = "route1.mx.cloudflare.net"
    account.add(type="MX", name=ZONE, content=host, priority=5, meta={"email_routing": True})
    wanted = claim(ZONE, "MX", MX(10, owner_name("smtp.example.test")))
    provider = opened(account)
    snapshot = provider.read(frozenset({provider.zone}))
    made = plan([wanted], snapshot, {}, capabilities=provider.capabilities)
    assert [each.problem for each in made.conflicts] == ["dns.conflict.opaque"]


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ('"v=spf1 -all"', b"v=spf1 -all"),
        ("v=spf1 -all", b"v=spf1 -all"),
        ('"ab" "cd"', b"abcd"),
        ('say "hi"', b'say "hi"'),
        ('"a\\"b"', b'a"b'),
        ("v=DMARC1; p=none", b"v=DMARC1; p=none"),
        ('"v=DMARC1; p=none"', b"v=DMARC1; p=none"),
        ("", b""),
    ],
)
def test_a_txt_is_read_whether_it_was_stored_raw_or_quoted(
    account: FakeCloudflare, content: str, data: bytes
) -> None:
    account.add(type="TXT", name="x.example.test", content=content)
    (found,) = [
        each for key, each in read(opened(account), "x.example.test").items() if key.rtype == "TXT"
    ]
    assert found.values == frozenset({TXT(data)})


def test_all_pages_are_read(account: FakeCloudflare) -> None:
    for number in range(2050):
        account.add(type="A", name=f"h{number}.example.test", content="192.0.2.1")
    assert "h2049.example.test/A" in {
        str(key) for key in read(opened(account), "h2049.example.test")
    }
    pages = [call for call in account.seen if call.endswith("dns_records")]
    assert len(pages) == 3


def test_twelve_records_take_one_read_one_write_and_one_read_back(
    account: FakeCloudflare, tmp_path: Path
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    carry_out(opened(account), hosts, Ledger(tmp_path, ZONE))
    records = f"/zones/{ZONE_ID}/dns_records"
    # Which zone, plan, compare right before the write, write, read back.
    assert account.seen == [
        "GET /zones",
        f"GET {records}",
        f"GET {records}",
        f"POST {records}/batch",
        f"GET {records}",
    ]


def test_the_zone_is_found_by_its_id_without_listing(account: FakeCloudflare) -> None:
    read(opened(account, zone_id=ZONE_ID), ZONE)
    assert account.seen[0] == f"GET /zones/{ZONE_ID}"


def test_a_zone_kept_in_unicode_is_found(account: FakeCloudflare) -> None:
    account.zone = "bücher.test"
    provider = opened(account, "xn--bcher-kva.test")
    assert read(provider, "xn--bcher-kva.test")


@pytest.mark.parametrize(
    ("zone", "status", "problem"),
    [
        ("other.test", "active", "dns.error.cloudflare_zone"),
        (ZONE, "pending", "dns.error.cloudflare_pending"),
    ],
)
def test_a_zone_that_is_not_live_here_is_told(
    account: FakeCloudflare, zone: str, status: str, problem: str
) -> None:
    account.status = status
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account, zone), zone)
    assert error.value.message_id == problem


def test_a_wrong_token_is_told_and_not_shown(account: FakeCloudflare) -> None:
    provider = opened(account, token="wrong-token-1234567890")
    with pytest.raises(AuthError) as error:
        read(provider, ZONE)
    assert "wrong-token" not in f"{error.value} {error.value.values} {provider!r}"


def test_what_is_refused_is_told_and_nothing_of_the_batch_is_written(
    account: FakeCloudflare,
) -> None:
    provider = opened(account)
    put(provider, rrset("host.example.test", "A", 300, OURS))
    alias = rrset("host.example.test", "CNAME", 300, Target(owner_name("elsewhere.test")))
    fine = rrset("fine.example.test", "A", 300, OURS)
    with pytest.raises(Rejected) as error:
        provider.apply([Change(None, fine, "test"), Change(None, alias, "test")])
    assert "81053" in str(error.value)
    assert fine.key not in read(provider, "fine.example.test")


def says(status: int, body: bytes = b"{}", **headers: str) -> Fault:
    """An answer in place of the API's, to writes and reads of records."""

    def fault(request: httpx.Request) -> httpx.Response | None:
        if "dns_records" not in request.url.path:
            return None
        return httpx.Response(status, content=body, headers=headers, request=request)

    return fault


def cut(request: httpx.Request) -> httpx.Response | None:
    """The connection breaks."""
    raise httpx.ReadError("connection reset by peer")


def slow(request: httpx.Request) -> httpx.Response | None:
    """No answer comes."""
    raise httpx.ReadTimeout("timed out")


def coded(code: int) -> bytes:
    """An error body."""
    return b'{"success": false, "errors": [{"code": %d, "message": "no"}]}' % code


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (says(401), AuthError),
        (says(403, coded(10000)), AuthError),
        (says(400, coded(6003)), AuthError),
        (says(400, coded(1004)), Rejected),
        (says(404), ZoneNotFound),
        (says(429, coded(10429), **{"retry-after": "1"}), RateLimited),
        (says(500, b"oops"), Unreachable),
        (says(503), Unreachable),
        (says(200, b"<html>", **{"content-type": "text/html"}), Unreachable),
        (says(200, b'{"result": [{"name"', **{"content-type": "application/json"}), Unreachable),
        (cut, Unreachable),
        (slow, Unreachable),
    ],
)
def test_after_any_fault_nothing_foreign_is_lost_and_the_next_run_converges(
    account: FakeCloudflare, tmp_path: Path, fault: Fault, kind: type[ProviderError]
) -> None:
    id = account.add(type="TXT", name="theirs.example.test", content='"theirs"')
    theirs, ledger = dict(account.records[id]), Ledger(tmp_path, ZONE)
    account.fault = fault
    with pytest.raises(kind) as error:
        carry_out(opened(account), [claim()], ledger)
    assert error.value.message_id and TOKEN not in f"{error.value} {error.value.values}"
    account.fault = None
    carry_out(opened(account), [claim()], ledger)
    assert carry_out(opened(account), [claim()], ledger).changes == ()
    assert account.records[id] == theirs and len(account.records) == 2


def test_an_answer_lost_after_the_write_is_made_up_for(
    account: FakeCloudflare, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path, ZONE)

    def lost(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            account.fault = None
            account.answer(request)
            raise httpx.ReadError("connection reset by peer")
        return None

    account.fault = lost
    # The SDK tries the write again itself, and is told that the record exists: read, and fine.
    made = carry_out(opened(account), [claim()], ledger)
    assert made.conflicts == () and len(account.records) == 1
    (entry,) = ledger.load().entries.values()
    assert entry.values == frozenset({OURS})


def test_what_somebody_else_writes_between_read_and_write_stays(
    account: FakeCloudflare, tmp_path: Path
) -> None:
    reads = iter(range(9))

    def meddling(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("dns_records") and next(reads) == 1:
            account.add(type="A", name="smtp.example.test", content="192.0.2.77")
        return None

    account.fault = meddling
    made = carry_out(opened(account), [claim()], Ledger(tmp_path, ZONE))
    assert made.changes == () and len(made.conflicts) == 1
    (row,) = account.records.values()
    assert row["content"] == str(Address("192.0.2.77"))
