"""Cloudflare: the contract on a stateful fake, and what is special about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dns_providers.adapters.cloudflare import CloudflareProvider
from dns_providers.base import (
    AuthError,
    Change,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
    ZoneNotFound,
)
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import plan
from dns_providers.publishing.publish import carry_out
from dns_providers.publishing.zone_choice import name_servers
from dns_providers.rrset import MX, TXT, Address, owner_name, rrset
from ground.words import text
from tests import fault_proxy
from tests.dns_providers.adapters.cloudflare_fake import (
    SERVERS,
    TOKEN,
    ZONE_ID,
    FakeCloudflare,
    served,
)
from tests.dns_providers.publishing.test_plan import OURS, claim
from tests.fault_contract import HTML, FaultContract, Service
from tests.fault_proxy import Answer, FaultProxy, Lost, Request, running
from tests.provider_contract import ZONE, ProviderContract, Shows, Typed, put, read

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def account() -> Iterator[FakeCloudflare]:
    with served() as account:
        yield account


def opened(account: FakeCloudflare, zone: str = ZONE, **options: Any) -> CloudflareProvider:
    """The adapter; answers of the fake must be just what the SDK's types say."""
    url = f"{account.url}/client/v4"
    settings = {"token": TOKEN, "url": url, "strict": True, **options}
    return CloudflareProvider(owner_name(zone), **settings)


class TestCloudflare(ProviderContract):
    refusal: ClassVar = "81053"
    cannot_hold: ClassVar = {"empty": "the API takes no TXT without content"}

    @pytest.fixture
    def provider(self, account: FakeCloudflare) -> CloudflareProvider:
        return opened(account)

    @pytest.fixture
    def idn_provider(self, account: FakeCloudflare) -> CloudflareProvider:
        account.zone = "bücher.test"  # as it was added
        return opened(account, "xn--bcher-kva.test")

    @pytest.fixture
    def typed(self, account: FakeCloudflare) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            priority, _, host = value.rpartition(" ")
            more = {"priority": int(priority)} if priority else {}
            account.add(name=owner, type=rtype, ttl=ttl, content=host.rstrip("."), **more)

        return enter

    @pytest.fixture
    def shows(self, account: FakeCloudflare) -> Shows:
        def show(owner: str, rtype: str, value: str) -> None:
            numbers = zip(("priority", "weight", "port"), value.split(), strict=False)
            data = {name: int(said) for name, said in numbers} if rtype == "SRV" else None
            account.add(name=owner, type=rtype, content=value.rstrip("."), data=data)

        return show


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
    assert [each.problem.named["why"] for each in made.conflicts] == [text("dns.special.proxied")]
    put(provider, rrset("mail.example.test", "A", 300, OURS))
    assert [row["proxied"] for row in account.records.values()] == [True, False]


@pytest.mark.parametrize("product", ["email_routing", "read_only"])
def test_mx_records_of_a_product_of_cloudflares_are_left_alone(
    account: FakeCloudflare, product: str
) -> None:
    host, meta = "route1.mx.cloudflare.net", {product: True}
    account.add(type="MX", name=ZONE, content=host, priority=5, meta=meta)
    wanted = claim(ZONE, "MX", MX(10, owner_name("smtp.example.test")))
    provider = opened(account)
    snapshot = provider.read(frozenset({provider.zone}))
    made = plan([wanted], snapshot, {}, capabilities=provider.capabilities)
    (conflict,) = made.conflicts
    assert conflict.problem.named["why"] == text(f"dns.special.{product}")


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ('"v=spf1 -all"', b"v=spf1 -all"),
        ("v=spf1 -all", b"v=spf1 -all"),
        ('"ab" "cd"', b"abcd"),
        (f'"{"a" * 300}\\"" "b"', b"a" * 300 + b'"b'),
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


def test_twelve_records_take_one_read_and_one_write_whose_answer_shows_them(
    account: FakeCloudflare, tmp_path: Path, at_once: None
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    carry_out(opened(account), hosts, Ledger(tmp_path, ZONE))
    records = f"/zones/{ZONE_ID}/dns_records"
    # Which zone, plan, write: the plan was made a moment ago.
    assert account.seen == [
        "GET /zones",
        f"GET {records}",
        f"POST {records}/batch",
    ]


def altered_batch(proxy: FaultProxy, change: Callable[[dict[str, Any]], None]) -> None:
    """Have the answers to batches say something else than what was done."""

    def altered(request: Request, body: bytes) -> bytes:
        if not request.path.endswith("/batch"):
            return body
        answer = json.loads(body)
        change(answer["result"])
        return json.dumps(answer).encode()

    proxy.altered = altered


def test_a_batch_whose_answer_does_not_tell_of_all_is_read_back(
    account: FakeCloudflare, tmp_path: Path, at_once: None
) -> None:
    with running(account.url) as proxy:
        altered_batch(proxy, lambda result: result["posts"].pop())
        provider = opened(account, url=f"{proxy.url}/client/v4")
        carry_out(provider, [claim(), claim("imap.example.test")], Ledger(tmp_path, ZONE))
    assert [each.method for each in proxy.seen] == ["GET", "GET", "POST", "GET"]


def test_a_batch_that_wrote_something_else_is_found_out_by_its_answer(
    account: FakeCloudflare, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path, ZONE)
    with running(account.url) as proxy:
        altered_batch(proxy, lambda result: result["posts"][0].update(content="192.0.2.99"))
        provider = opened(account, url=f"{proxy.url}/client/v4")
        with pytest.raises(Rejected) as told:
            carry_out(provider, [claim()], ledger)
    assert told.value.words.id == "dns.error.not_written" and ledger.load().pending != ()


def test_the_zone_is_found_by_its_id_without_listing(account: FakeCloudflare) -> None:
    read(opened(account, zone_id=ZONE_ID), ZONE)
    assert account.seen[0] == f"GET /zones/{ZONE_ID}"


@pytest.mark.parametrize("vanity", [None, [], ["ns1.example.test", "ns2.example.test"]])
def test_the_apex_shows_the_name_servers_under_names_of_the_zone_s_own_too(
    account: FakeCloudflare, vanity: list[str] | None
) -> None:
    account.vanity = vanity
    provider = opened(account)
    found = name_servers(provider.read(frozenset({provider.zone})))
    assert found == {*SERVERS, *(vanity or ())}


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
    assert error.value.words.id == problem


@pytest.mark.parametrize("servers", [None, [], SERVERS])
@pytest.mark.parametrize("kind", ["partial", "secondary", "internal"])
def test_a_zone_whose_records_are_kept_elsewhere_is_none(
    account: FakeCloudflare, kind: str, servers: list[str] | None
) -> None:
    account.kind, account.servers = kind, servers
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account, strict=False), ZONE)
    assert error.value.words.id == "dns.error.cloudflare_kind"
    assert error.value.words.named["kind"] == kind


@pytest.mark.parametrize("servers", [None, []])
def test_a_live_zone_without_name_servers_makes_no_sense(
    account: FakeCloudflare, servers: list[str] | None
) -> None:
    account.servers = servers
    with pytest.raises(Unreachable):
        read(opened(account, strict=False), ZONE)


def test_pages_that_are_shorter_than_asked_for_are_read_to_the_end(
    account: FakeCloudflare,
) -> None:
    account.page_limit = 100
    for number in range(250):
        account.add(type="A", name=f"h{number}.example.test", content="192.0.2.1")
    last = rrset("h249.example.test", "A", 300, Address("192.0.2.1"))
    assert read(opened(account), "h249.example.test")[last.key] == last


def test_a_list_that_ends_before_its_count_is_no_list(account: FakeCloudflare) -> None:
    account.add(type="A", name="smtp.example.test", content="192.0.2.1")
    account.counted = 2
    with pytest.raises(Unreachable):
        read(opened(account), ZONE)


@pytest.mark.parametrize("proxied", [False, True])
def test_mail_stands_beside_an_alias_at_the_apex_which_is_flattened(
    account: FakeCloudflare, tmp_path: Path, proxied: bool
) -> None:
    alias = account.add(type="CNAME", name=ZONE, content="site.elsewhere.test", proxied=proxied)
    before = dict(account.records[alias])
    text = claim(ZONE, "TXT", TXT(b"v=spf1 mx -all"), group="spf")
    mx = claim(ZONE, "MX", MX(10, owner_name("smtp.example.test")), group="mx")
    address = claim(ZONE, "A", group="apex", needed=False)
    made = carry_out(opened(account), [text, mx, address], Ledger(tmp_path, ZONE))
    assert [str(each.key) for each in made.conflicts] == ["example.test/A"]
    assert sorted(row["type"] for row in account.records.values()) == ["CNAME", "MX", "TXT"]
    assert account.records[alias] == before and made.notes == ()


def test_an_alias_elsewhere_has_nothing_beside_it(account: FakeCloudflare, tmp_path: Path) -> None:
    account.add(type="CNAME", name="smtp.example.test", content="site.elsewhere.test")
    text = claim("smtp.example.test", "TXT", TXT(b"v=spf1 -all"))
    made = carry_out(opened(account), [text], Ledger(tmp_path, ZONE))
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.alias"]


@pytest.mark.parametrize("lost", ["name", "type", "id", "ttl", "content"])
def test_a_row_that_lacks_something_is_not_the_end_of_the_zone(
    account: FakeCloudflare, lost: str
) -> None:
    account.add(type="A", name="theirs.example.test", content="192.0.2.1")
    del account.records[account.add(type="A", name="odd.example.test", content="192.0.2.1")][lost]
    provider = opened(account, strict=False)
    put(provider, rrset("smtp.example.test", "A", 300, OURS))
    found = read(provider, "smtp.example.test", "theirs.example.test", "odd.example.test")
    assert {"smtp.example.test/A", "theirs.example.test/A"} <= set(map(str, found))
    assert all(each.opaque for key, each in found.items() if "odd" in str(key))


def test_an_answer_of_which_nothing_is_a_record_is_none(account: FakeCloudflare) -> None:
    for _ in range(2):
        id = account.add(type="A", name="smtp.example.test", content="192.0.2.1")
        account.records[id] = {"id": id, "success": True}
    with pytest.raises(Unreachable):
        read(opened(account, strict=False), ZONE)


def test_a_wrong_token_is_told_and_not_shown(account: FakeCloudflare) -> None:
    provider = opened(account, token="wrong-token-1234567890")
    with pytest.raises(AuthError) as error:
        read(provider, ZONE)
    assert "wrong-token" not in f"{error.value} {error.value.words} {provider!r}"


def refused(code: int) -> bytes:
    """An error body."""
    return b'{"success": false, "errors": [{"code": %d, "message": "no"}]}' % code


class TestCloudflareFaults(FaultContract):
    calls: ClassVar = (3, 2)  # which zone, a read, a write that shows what is there
    bad_credentials = Answer(401, refused(10000), JSON)
    no_rights = Answer(403, refused(9109), JSON)
    too_many = Answer(429, refused(10429), {**JSON, "retry-after": "300"})

    def is_write(self, request: Request) -> bool:
        return request.method != "GET"

    @pytest.fixture
    def service(self, account: FakeCloudflare) -> Service:
        def open(url: str, timeout: float) -> CloudflareProvider:
            return opened(account, url=f"{url}/client/v4", timeout=timeout, retries=0)

        def stored() -> list[str]:
            shown = ("name", "type", "content", "priority", "ttl")
            return [" ".join(str(row.get(f)) for f in shown) for row in account.records.values()]

        return Service(account.url, open, stored, (TOKEN,))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(400, refused(6003), JSON), AuthError),
        (Answer(400, refused(1004), JSON), Rejected),
        (Answer(400, refused(971), JSON), RateLimited),
        (Answer(404), ZoneNotFound),
    ],
)
def test_the_code_of_an_error_counts_more_than_its_status(
    account: FakeCloudflare, answer: Answer, kind: type[ProviderError]
) -> None:
    with fault_proxy.running(account.url) as proxy, proxy.doing(answer), pytest.raises(kind):
        read(opened(account, url=f"{proxy.url}/client/v4"), ZONE)


@pytest.mark.parametrize("answer", [HTML, Answer(200, b"{}", JSON), Answer(200, b"[]", JSON)])
@pytest.mark.parametrize("step", ["GET", "POST"])
def test_junk_is_told_also_without_the_strict_check_of_the_tests(
    account: FakeCloudflare, tmp_path: Path, answer: Answer, step: str
) -> None:
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=f"{proxy.url}/client/v4", strict=False)
        met = proxy.doing(answer, lambda request: request.method == step)
        with met, pytest.raises(Unreachable):
            carry_out(provider, [claim()], Ledger(tmp_path, ZONE))


def test_a_write_that_the_sdk_repeats_because_its_answer_was_lost_is_no_failure(
    account: FakeCloudflare, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path, ZONE)
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=f"{proxy.url}/client/v4", retries=2)
        with proxy.doing(Lost(), lambda request: request.method == "POST", times=1):
            # The SDK is told that the record exists: read, and fine.
            made = carry_out(provider, [claim()], ledger)
    assert made.conflicts == () and len(account.records) == 1
    (entry,) = ledger.load().entries.values()
    assert (entry.values, entry.origin) == (frozenset({OURS}), "written")


def test_too_many_calls_once_are_no_failure(account: FakeCloudflare, tmp_path: Path) -> None:
    busy = Answer(429, refused(10429), {**JSON, "retry-after": "1"})
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=f"{proxy.url}/client/v4", retries=2)
        with proxy.doing(busy, lambda request: request.method == "POST", times=1):
            made = carry_out(provider, [claim()], Ledger(tmp_path, ZONE))
    assert len(made.changes) == len(account.records) == proxy.met == 1


def test_the_connection_is_closed_when_the_adapter_goes(account: FakeCloudflare) -> None:
    provider = opened(account)
    read(provider, ZONE)
    client = provider._api()
    assert not client.is_closed()
    del provider
    assert client.is_closed()
