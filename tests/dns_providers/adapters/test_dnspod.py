"""DNSPod: the contract and the faults on a stateful fake, and what is special about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dns_providers.adapters.dnspod import INTERNATIONAL, DnsPodProvider
from dns_providers.base import (
    AuthError,
    Change,
    PartialApply,
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
from dns_providers.registry import BadOptions, open_provider
from dns_providers.rrset import MX, SRV, TXT, Address, RRset, Target, Value, key, owner_name, rrset
from ground.words import Words
from tests import fault_proxy
from tests.dns_providers.adapters.dnspod_fake import (
    INTERNATIONAL_LINES,
    SECRET_ID,
    SECRET_KEY,
    FakeDnsPod,
    Refused,
    served,
)
from tests.dns_providers.publishing.test_plan import OURS, claim
from tests.fault_contract import FaultContract, Service
from tests.fault_proxy import Answer, Request
from tests.provider_contract import DKIM, SAMPLES, ZONE, ProviderContract, Shows, Typed, put, read

pytestmark = pytest.mark.slow
JSON = {"Content-Type": "application/json"}
HOST = "smtp.example.test"
WRITES = frozenset({"CreateRecord", "ModifyRecord", "DeleteRecord"})
PAGE = 3000


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would take the surrounding's proxy for loopback, too."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def account() -> Iterator[FakeDnsPod]:
    with served() as account:
        yield account


def opened(account: FakeDnsPod, zone: str = ZONE, **options: Any) -> DnsPodProvider:
    url = options.pop("url", account.url)
    settings = {
        "secret_id": SECRET_ID,
        "secret_key": SECRET_KEY,
        "protocol": "http",
        "endpoint": url.removeprefix("http://"),
        **options,
    }
    return DnsPodProvider(owner_name(zone), **settings)


def conflicts(account: FakeDnsPod, *wanted: Any) -> list[str]:
    provider = opened(account)
    snapshot = provider.read(frozenset(each.key.owner for each in wanted))
    made = plan(wanted, snapshot, {}, capabilities=provider.capabilities)
    return [each.problem.id for each in made.conflicts]


class TestDnsPod(ProviderContract):
    cannot_hold: ClassVar = {"no service": "DNSPod takes no SRV without a target"}

    @pytest.fixture
    def provider(self, account: FakeDnsPod) -> DnsPodProvider:
        return opened(account)

    @pytest.fixture
    def idn_provider(self, account: FakeDnsPod) -> DnsPodProvider:
        account.zone = "bücher.test"
        return opened(account, "xn--bcher-kva.test")

    @pytest.fixture
    def typed(self, account: FakeDnsPod) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            name = owner[: -len(ZONE) - 1] or "@"
            preference, target = value.split() if rtype == "MX" else ("0", value)
            account.add(Name=name, Type=rtype, TTL=ttl, Value=target, MX=int(preference))

        return enter

    @pytest.fixture
    def shows(self, account: FakeDnsPod) -> Shows:
        def show(owner: str, rtype: str, value: str) -> None:
            account.add(Name=owner.removesuffix(f".{ZONE}"), Type=rtype, Value=value, MX=None)

        return show

    @pytest.mark.parametrize("rtype", SAMPLES)
    def test_every_type_comes_back_as_it_was_written(self, provider: Any, rtype: str) -> None:
        # DNSPod holds no quotes and no backslashes in a TXT: see the test on what is planned.
        samples = (DKIM, TXT(b"x" * 3000)) if rtype == "TXT" else SAMPLES[rtype]
        wanted = rrset("host.example.test", rtype, 300, *samples)
        put(provider, wanted)
        assert read(provider, "host.example.test")[wanted.key] == wanted


def refused(code: str) -> bytes:
    """An error body, which comes with HTTP 200."""
    error = {"Error": {"Code": code, "Message": "no"}, "RequestId": "r"}
    return json.dumps({"Response": error}).encode()


class TestDnsPodFaults(FaultContract):
    calls: ClassVar = (5, 2)  # which zone, a read, two writes, a read-back
    bad_credentials = Answer(200, refused("AuthFailure.SignatureFailure"), JSON)
    no_rights = Answer(200, refused("UnauthorizedOperation"), JSON)
    too_many = Answer(200, refused("RequestLimitExceeded"), JSON)
    failed = Answer(200, refused("InternalError"), JSON)

    def is_write(self, request: Request) -> bool:
        return request.headers["x-tc-action"] in WRITES

    @pytest.fixture
    def service(self, account: FakeDnsPod) -> Service:
        def open(url: str, timeout: float) -> DnsPodProvider:
            return opened(account, url=url, timeout=timeout)

        def stored() -> list[str]:
            shown = ("Name", "Type", "Value", "MX", "TTL", "Line", "Status")
            return [" ".join(str(row[f]) for f in shown) for row in account.rows()]

        return Service(account.url, open, stored, (SECRET_KEY,))


# -- the zone ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"zone": "other.test"}, "dns.error.dnspod_zone"),
        ({"status": "pause"}, "dns.error.dnspod_status"),
        ({"status": "SPAM"}, "dns.error.dnspod_status"),
        ({"status": "lock"}, "dns.error.dnspod_status"),
        ({"dns_status": "dnserror"}, "dns.error.dnspod_pending"),
    ],
)
def test_a_zone_that_is_not_live_here_is_told(
    account: FakeDnsPod, changed: dict[str, str], problem: str
) -> None:
    for name, value in changed.items():
        setattr(account, name, value)
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account), ZONE)
    assert error.value.words.id == problem
    assert not WRITES & set(account.seen)


def test_a_zone_that_is_not_delegated_is_told_with_the_servers_to_set(account: FakeDnsPod) -> None:
    account.dns_status = "dnserror"
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account), ZONE)
    assert error.value.words.named["servers"] == "source.dnspod.net, low.dnspod.net"


@pytest.mark.parametrize("kept", ["bücher.test", "xn--bcher-kva.test"])
def test_an_international_zone_is_found_and_written(account: FakeDnsPod, kept: str) -> None:
    account.zone = kept
    provider = opened(account, "xn--bcher-kva.test")
    wanted = rrset("mail.xn--bcher-kva.test", "A", 600, OURS)
    put(provider, wanted)
    assert read(provider, "mail.xn--bcher-kva.test")[wanted.key] == wanted
    assert [row["Name"] for row in account.rows()] == ["mail"]


def test_a_name_kept_in_unicode_is_read_in_a_labels(account: FakeDnsPod) -> None:
    account.add(Name="邮件", Type="A", Value=str(OURS))
    assert key("xn--5nq051n.example.test", "A") in read(opened(account), "xn--5nq051n.example.test")


def test_a_name_that_no_a_label_can_say_does_not_stop_the_reading(account: FakeDnsPod) -> None:
    account.add(Name="i♥mail", Type="A", Value="192.0.2.1")
    put(opened(account), rrset(HOST, "A", 600, OURS))
    assert key(HOST, "A") in read(opened(account), HOST)


def test_another_domain_than_asked_for_is_not_taken(account: FakeDnsPod) -> None:
    info = {"Domain": "other.test", "DomainId": 1, "Status": "enable", "Grade": "DP_FREE"}
    body = json.dumps({"Response": {"DomainInfo": info, "RequestId": "r"}}).encode()
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=proxy.url)
        with proxy.doing(Answer(200, body, JSON)), pytest.raises(ZoneNotFound):
            read(provider, ZONE)


def test_an_empty_zone_has_its_apex_and_nothing_else(account: FakeDnsPod) -> None:
    account.records.clear()
    assert set(read(opened(account), ZONE)) == {key(ZONE, "SOA"), key(ZONE, "NS")}


def test_an_empty_list_that_comes_as_an_error_is_an_empty_list(account: FakeDnsPod) -> None:
    account.records.clear()

    def strict(action: str, said: dict[str, Any]) -> None:
        said.pop("ErrorOnEmpty", None)

    account.fault = strict
    assert set(read(opened(account), ZONE)) == {key(ZONE, "SOA"), key(ZONE, "NS")}


# -- reading -----------------------------------------------------------------------------------


def test_all_pages_are_read(account: FakeDnsPod) -> None:
    for number in range(PAGE + 1):
        account.add(Name=f"h{number}", Type="A", Value="192.0.2.1")
    last = f"h{PAGE}.example.test"
    assert key(last, "A") in read(opened(account), last)
    assert account.seen == ["DescribeDomain", "DescribeRecordList", "DescribeRecordList"]


@pytest.mark.parametrize("line", ["默认", "电信"])
def test_mail_stands_beside_an_alias_at_the_apex(
    account: FakeDnsPod, tmp_path: Path, line: str
) -> None:
    alias = account.add(Type="CNAME", Value="cdn.elsewhere.test.", Line=line)
    before = dict(account.records[alias])
    text = claim(ZONE, "TXT", TXT(b"v=spf1 mx -all"), group="spf")
    mx = claim(ZONE, "MX", MX(10, owner_name(HOST)), group="mx")
    address = claim(ZONE, "A", group="apex", needed=False)
    made = carry_out(opened(account), [text, mx, address], Ledger(tmp_path, ZONE))
    assert [each.key.rtype for each in made.conflicts] == ["A"]
    assert sorted(row["Type"] for row in account.rows()) == ["CNAME", "MX", "TXT"]
    assert account.records[alias] == before
    assert [(each.words.id, each.words.named["found"]) for each in made.notes] == [
        ("dns.note.beside_alias", "cdn.elsewhere.test.")
    ]


@pytest.mark.parametrize("lost", ["Name", "Type", "RecordId", "TTL", "Value", "Status"])
def test_a_row_that_lacks_something_is_not_the_end_of_the_zone(
    account: FakeDnsPod, lost: str
) -> None:
    account.add(Name="theirs", Type="A", Value="192.0.2.1")
    odd = account.add(Name="odd", Type="A", Value="192.0.2.1")
    whole = account.records[odd]
    shown = {name: value for name, value in whole.items() if name != lost}
    account.shown[odd] = shown
    put(opened(account), rrset(HOST, "A", 600, OURS))
    found = read(opened(account), HOST, "theirs.example.test", "odd.example.test")
    assert {f"{HOST}/A", "theirs.example.test/A"} <= set(map(str, found))
    assert all(each.opaque for key, each in found.items() if "odd" in str(key))
    assert account.records[odd] == whole


@pytest.mark.parametrize(("shown", "told"), [(0, False), (PAGE, False), (PAGE, True)])
def test_a_list_that_ends_before_its_count_is_no_list(
    account: FakeDnsPod, shown: int, told: bool
) -> None:
    for number in range(PAGE + 1):
        account.add(Name=f"h{number}", Type="A", Value="192.0.2.1")

    def short(action: str, said: dict[str, Any]) -> None:
        if said.get("Offset") == shown:
            said |= {"Offset": 9999, "ErrorOnEmpty": "yes" if told else "no"}

    account.fault = short
    with pytest.raises(Unreachable):
        read(opened(account), ZONE)


def test_a_name_that_is_part_of_another_is_told_apart(account: FakeDnsPod, tmp_path: Path) -> None:
    theirs = account.add(Name="webmail", Type="A", Value="192.0.2.7")
    before = dict(account.records[theirs])
    carry_out(opened(account), [claim("mail.example.test")], Ledger(tmp_path, ZONE))
    assert account.records[theirs] == before
    assert [(row["Name"], row["Value"]) for row in account.rows()][1:] == [("mail", str(OURS))]


@pytest.mark.parametrize(
    ("content", "data"),
    [
        ('"v=spf1 -all"', b"v=spf1 -all"),
        ("v=spf1 -all", b"v=spf1 -all"),
        ('"ab" "cd"', b"abcd"),
        ('say "hi"', b'say "hi"'),
        ("v=DMARC1; p=none", b"v=DMARC1; p=none"),
        ('"v=DMARC1; p=none"', b"v=DMARC1; p=none"),
        ("r" * 300, b"r" * 300),
        ("邮件", "邮件".encode()),
        ("", b""),
    ],
)
def test_a_txt_is_read_whether_it_was_stored_raw_or_quoted(
    account: FakeDnsPod, content: str, data: bytes
) -> None:
    account.add(Name="x", Type="TXT", Value=content)
    found = read(opened(account), "x.example.test")[key("x.example.test", "TXT")]
    assert found.values == frozenset({TXT(data)})


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"Type": "CNAME", "Value": "A.other.test"}, Target(owner_name("a.other.test"))),
        ({"Type": "MX", "Value": "mx.other.test", "MX": 5}, MX(5, owner_name("mx.other.test"))),
        ({"Type": "SRV", "Value": "0 1 465 x.test"}, SRV(0, 1, 465, owner_name("x.test"))),
    ],
)
def test_a_target_is_absolute_with_and_without_its_dot(
    account: FakeDnsPod, row: dict[str, Any], value: Value
) -> None:
    account.add(Name="smtp", **row)
    assert read(opened(account), HOST)[key(HOST, row["Type"])].values == frozenset({value})


@pytest.mark.parametrize(
    ("length", "stored"),
    [
        (255, "x" * 255),
        (256, f'"{"x" * 255}" "x"'),
        (510, f'"{"x" * 255}" "{"x" * 255}"'),
        (511, f'"{"x" * 255}" "{"x" * 255}" "x"'),
    ],
)
def test_a_txt_of_one_string_is_sent_as_it_is_and_a_longer_one_in_quotes(
    account: FakeDnsPod, length: int, stored: str
) -> None:
    provider, wanted = opened(account), rrset(HOST, "TXT", 600, TXT(b"x" * length))
    put(provider, wanted)
    assert [row["Value"] for row in account.rows()] == [stored]
    assert read(provider, HOST)[wanted.key] == wanted


# -- what only DNSPod can say ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("special", "why"),
    [
        ({"Line": "电信"}, Words.of("dns.special.line", line="电信")),
        ({"Status": "DISABLE"}, Words.of("dns.special.paused")),
        ({"Weight": 20}, Words.of("dns.special.weight")),
        ({"Line": "联通", "Weight": 5}, Words.of("dns.special.line", line="联通")),
    ],
)
@pytest.mark.parametrize("beside", [False, True])
def test_a_record_by_line_by_weight_or_switched_off_is_a_conflict(
    account: FakeDnsPod, special: dict[str, Any], why: Words, beside: bool
) -> None:
    account.add(Name="smtp", Type="A", Value=str(OURS), **special)
    if beside:
        account.add(Name="smtp", Type="A", Value="192.0.2.1")
    before = account.rows()
    assert conflicts(account, claim()) == ["dns.conflict.opaque"]
    assert read(opened(account), HOST)[claim().key].special == why
    put(opened(account), rrset("mail.example.test", "A", 600, OURS))
    assert account.rows()[: len(before)] == before


def test_a_weight_of_zero_is_none(account: FakeDnsPod) -> None:
    account.add(Name="smtp", Type="A", Value=str(OURS), Weight=0)
    assert conflicts(account, claim()) == []


def test_an_rrset_that_got_a_line_after_it_was_planned_is_not_touched(
    account: FakeDnsPod, a_second_later: None
) -> None:
    account.add(Name="smtp", Type="A", Value="192.0.2.1")
    provider = opened(account)
    before = read(provider, HOST)[claim().key]
    account.add(Name="smtp", Type="A", Value="192.0.2.1", Line="电信")
    with pytest.raises(Stale):
        provider.apply([Change(before, rrset(HOST, "A", 600, OURS), "test")])
    assert not WRITES & set(account.seen)


def test_the_default_line_of_an_international_account_is_plain(account: FakeDnsPod) -> None:
    account.records.clear()
    account.lines = INTERNATIONAL_LINES
    provider, wanted = opened(account), rrset(HOST, "A", 600, OURS)
    put(provider, wanted)
    assert read(provider, HOST)[wanted.key] == wanted
    assert [row["Line"] for row in account.rows()] == ["Default"]


def test_a_line_without_an_id_is_told_by_its_name(account: FakeDnsPod) -> None:
    for row in (
        account.add(Name="a", Type="A", Value=str(OURS)),
        account.add(Name="b", Type="A", Value=str(OURS), Line="电信"),
    ):
        account.records[row]["LineId"] = None
    found = read(opened(account), "a.example.test", "b.example.test")
    assert {str(each): found[each].opaque for each in found if each.rtype == "A"} == {
        "a.example.test/A": False,
        "b.example.test/A": True,
    }


def test_a_type_of_the_console_alone_is_left_alone(account: FakeDnsPod) -> None:
    account.add(Name="www", Type="显性URL", Value="https://example.test/")
    found = read(opened(account), "www.example.test")
    assert found[key("www.example.test", "显性URL")].opaque


# -- limits ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grade", "floor"), [("DP_FREE", 600), ("D_FREE", 120), ("dp_plus", 60), ("DP_Ultra", 1)]
)
def test_the_lowest_time_to_live_is_that_of_the_plan(
    account: FakeDnsPod, tmp_path: Path, grade: str, floor: int
) -> None:
    account.grade = grade
    carry_out(opened(account), [claim(ttl=1)], Ledger(tmp_path, ZONE))
    assert [row["TTL"] for row in account.rows()] == [floor]


def test_a_key_that_may_not_ask_for_plans_gets_what_every_plan_takes(account: FakeDnsPod) -> None:
    account.denied = frozenset({"DescribePackageDetail"})
    assert opened(account).capabilities.ttl(1) == 600


def test_an_unknown_plan_gets_what_every_plan_takes(account: FakeDnsPod) -> None:
    account.grade = "DP_NEW"
    assert opened(account).capabilities.ttl(1) == 600


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'say "hi"', "dns.conflict.txt_octets"),
        (b"it's", "dns.conflict.txt_octets"),
        (b"back\\slash", "dns.conflict.txt_octets"),
        ("é".encode(), "dns.conflict.txt_octets"),
        (b"", "dns.conflict.txt_ends"),
        (b"space ", "dns.conflict.txt_ends"),
    ],
)
def test_a_txt_that_dnspod_would_alter_is_told_when_planning(
    account: FakeDnsPod, data: bytes, problem: str
) -> None:
    assert conflicts(account, claim(HOST, "TXT", TXT(data))) == [problem]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (rrset(HOST, "A", 59, OURS), "LimitExceeded.RecordTtlLimit"),
        (rrset(HOST, "TXT", 600, TXT(b'"')), "InvalidParameter.RecordValueInvalid"),
        (rrset(HOST, "MX", 600, MX(0, owner_name("."))), "InvalidParameter.RecordValueInvalid"),
        (rrset(HOST, "SRV", 600, SRV(0, 0, 0, owner_name("."))), "RecordValueInvalid"),
    ],
)
def test_what_is_refused_is_told_in_the_providers_words(
    account: FakeDnsPod, wanted: RRset, code: str
) -> None:
    with pytest.raises(Rejected, match=code):
        put(opened(account), wanted)
    assert account.rows() == []


# -- writing -----------------------------------------------------------------------------------


def test_what_a_person_set_at_a_record_stays_when_its_value_changes(account: FakeDnsPod) -> None:
    id = account.add(Name="smtp", Type="A", Value="192.0.2.1", Remark="mine", Weight=0, TTL=900)
    provider = opened(account)
    before = read(provider, HOST)[claim().key]
    provider.apply([Change(before, rrset(HOST, "A", 900, OURS), "test")])
    row = account.records[id]
    kept = ("Remark", "Weight", "TTL", "Status", "Line")
    assert [row[name] for name in kept] == ["mine", 0, 900, "ENABLE", "默认"]
    assert row["Value"] == str(OURS)


def test_a_value_that_stays_is_sent_as_it_was_stored(account: FakeDnsPod) -> None:
    id = account.add(Name="smtp", Type="TXT", Value='"theirs"', TTL=900)
    provider = opened(account)
    before = read(provider, HOST)[key(HOST, "TXT")]
    provider.apply([Change(before, rrset(HOST, "TXT", 600, *before.values), "test")])
    assert (account.records[id]["Value"], account.records[id]["TTL"]) == ('"theirs"', 600)


def test_twelve_records_take_one_call_each_and_no_change_takes_none(
    account: FakeDnsPod, tmp_path: Path, at_once: None
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    carry_out(opened(account), hosts, Ledger(tmp_path, ZONE))
    # Which zone, plan, write, read back: the plan was made a moment ago, for usual TTLs.
    assert account.seen == [
        "DescribeDomain",
        "DescribeRecordList",
        *["CreateRecord"] * 12,
        "DescribeRecordList",
    ]
    account.seen.clear()
    carry_out(opened(account), hosts, Ledger(tmp_path, ZONE))
    assert account.seen == ["DescribeDomain", "DescribeRecordList"]


def test_a_record_edited_between_reading_and_writing_stays(
    account: FakeDnsPod, tmp_path: Path, a_second_later: None
) -> None:
    ledger = Ledger(tmp_path, ZONE)
    carry_out(opened(account), [claim()], ledger)
    (ours,) = (row["RecordId"] for row in account.rows())
    reads = iter(range(99))

    def meddling(action: str, said: dict[str, Any]) -> None:
        if action == "DescribeRecordList" and next(reads) == 1:
            account.records[ours]["Value"] = "192.0.2.77"

    account.fault = meddling
    made = carry_out(opened(account), [claim(HOST, "A", Address("203.0.113.99"))], ledger)
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.edited"]
    assert account.records[ours]["Value"] == "192.0.2.77"


@pytest.mark.parametrize("code", ["DomainRecordExist", "RecordIdInvalid"])
def test_who_was_faster_is_read_and_not_overwritten(
    account: FakeDnsPod, tmp_path: Path, code: str
) -> None:
    """What the own re-read could not see: it is told by the write itself."""

    def meddling(action: str, said: dict[str, Any]) -> None:
        if action == "CreateRecord":
            account.fault = None
            account.add(Name="smtp", Type="A", Value="192.0.2.77")
            raise Refused(f"InvalidParameter.{code}", "no")

    account.fault = meddling
    made = carry_out(opened(account), [claim()], Ledger(tmp_path, ZONE))
    assert [each.problem.id for each in made.conflicts] == ["dns.conflict.foreign"]
    assert [row["Value"] for row in account.rows()] == ["192.0.2.77"]


def test_the_same_record_twice_is_refused_as_stale(account: FakeDnsPod) -> None:
    provider = opened(account)

    def late(action: str, said: dict[str, Any]) -> None:
        if action == "CreateRecord":
            account.fault = None
            account.add(Name="smtp", Type="A", Value=str(OURS), TTL=900)

    account.fault = late
    with pytest.raises(Stale) as error:
        put(provider, rrset(HOST, "A", 600, OURS))
    assert error.value.words.named["keys"] == f"{HOST}/A"
    assert len(account.rows()) == 1


def test_what_stopped_halfway_is_finished_by_the_next_run(
    account: FakeDnsPod, tmp_path: Path
) -> None:
    hosts, ledger = (
        [claim(f"h{number}.example.test") for number in range(5)],
        Ledger(tmp_path, ZONE),
    )

    def limited(action: str, said: dict[str, Any]) -> None:
        if account.seen.count("CreateRecord") > 2:
            raise Refused("RequestLimitExceeded", "too many")

    account.fault = limited
    with pytest.raises(PartialApply) as error:
        carry_out(opened(account), hosts, ledger)
    assert isinstance(error.value.cause, RateLimited)
    assert (error.value.words.named["done"], error.value.words.named["total"]) == ("2", "5")
    account.fault = None
    carry_out(opened(account), hosts, ledger)
    assert {row["Name"] for row in account.rows()} == {f"h{number}" for number in range(5)}
    assert {each.origin for each in ledger.load().entries.values()} == {"written"}


def test_an_alias_that_becomes_an_address_goes_first(account: FakeDnsPod) -> None:
    provider = opened(account)
    alias = rrset(HOST, "CNAME", 600, Target(owner_name("elsewhere.test")))
    put(provider, alias)
    with pytest.raises(Rejected, match="conflicts"):
        put(provider, rrset(HOST, "A", 600, OURS))
    address = Change(None, rrset(HOST, "A", 600, OURS), "test")
    provider.apply([address, Change(alias, None, "test")])
    assert [(row["Type"], row["Value"]) for row in account.rows()] == [("A", str(OURS))]


# -- who asks, and what comes back -------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "ahead"),
    [
        ({"secret_key": "wrong-key-0123456789"}, 0.0),
        ({"secret_id": "AKIDwrong"}, 0.0),
        ({"secret_key": ""}, 0.0),
        ({}, 600.0),
    ],
)
def test_a_refused_key_is_told_and_not_shown(
    account: FakeDnsPod, options: dict[str, str], ahead: float
) -> None:
    account.clock = ahead
    provider = opened(account, **options)
    with pytest.raises(AuthError) as error:
        read(provider, ZONE)
    assert error.value.words.id == "dns.error.dnspod_key"
    shown = f"{error.value} {error.value.words} {provider!r}"
    assert "wrong-key" not in shown and SECRET_KEY not in shown


@pytest.mark.parametrize("action", ["DescribeDomain", "DescribeRecordList", "CreateRecord"])
def test_a_right_that_is_missing_is_told_by_its_name(account: FakeDnsPod, action: str) -> None:
    account.denied = frozenset({action})
    with pytest.raises(AuthError) as error:
        put(opened(account), rrset(HOST, "A", 600, OURS))
    assert (error.value.words.id, error.value.words.named["action"]) == (
        "dns.error.dnspod_rights",
        f"dnspod:{action}",
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthFailure.UnauthorizedOperation", AuthError),
        ("UnauthorizedOperation.CamNoAuth", AuthError),
        ("OperationDenied.NoPermissionToOperateDomain", AuthError),
        ("RequestLimitExceeded.RequestLimitExceeded", RateLimited),
        ("FailedOperation.FrequencyLimit", RateLimited),
        ("FailedOperation.NotDomainOwner", ZoneNotFound),
        ("ResourceNotFound.NoDataOfDomain", ZoneNotFound),
        ("InvalidParameter.RecordValueLengthInvalid", Rejected),
        ("FailedOperation.DomainIsLocked", Rejected),
        ("InternalError.Other", Unreachable),
        ("FailedOperation.UnknowError", Unreachable),
    ],
)
def test_every_refusal_is_told_for_what_it_is(
    account: FakeDnsPod, code: str, kind: type[ProviderError]
) -> None:
    def refusing(action: str, said: dict[str, Any]) -> None:
        if action == "CreateRecord":
            raise Refused(code, "no")

    account.fault = refusing
    with pytest.raises(kind, match="no"):
        put(opened(account), rrset(HOST, "A", 600, OURS))


@pytest.mark.parametrize("step", ["DescribeDomain", "DescribeRecordList", "CreateRecord"])
def test_a_refusal_of_another_content_type_is_no_success(account: FakeDnsPod, step: str) -> None:
    """The SDK itself looks for errors in bare `application/json` only."""
    account.content_type = "application/json; charset=utf-8"
    account.denied = frozenset({step})
    with pytest.raises(AuthError):
        put(opened(account), rrset(HOST, "A", 600, OURS))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"Response": null}',
        b'{"Response": {}}',
        b'{"Response": {"Error": "no", "RequestId": "r"}}',
    ],
)
@pytest.mark.parametrize("step", ["DescribeDomain", "DescribeRecordList", "CreateRecord"])
def test_an_answer_without_sense_is_no_success(account: FakeDnsPod, body: bytes, step: str) -> None:
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=proxy.url)
        met = proxy.doing(
            Answer(200, body, JSON), lambda request: request.headers["x-tc-action"] == step
        )
        with met, pytest.raises(Unreachable):
            put(provider, rrset(HOST, "A", 600, OURS))
    assert account.rows() == []


def test_an_answer_that_breaks_off_is_no_success(account: FakeDnsPod) -> None:
    account.kept_back = 5
    with pytest.raises(Unreachable) as error:
        read(opened(account), ZONE)
    assert error.value.words.id == "dns.error.http_unreachable"


def test_an_answer_that_does_not_come_is_told_with_the_time_waited(account: FakeDnsPod) -> None:
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=proxy.url, timeout=0.2)
        with proxy.doing(fault_proxy.Slow()), pytest.raises(Unreachable) as error:
            read(provider, ZONE)
    assert error.value.words.id == "dns.error.http_timeout"
    assert error.value.words.named["seconds"] == "0.2"


def test_a_write_is_sent_once(account: FakeDnsPod) -> None:
    with fault_proxy.running(account.url) as proxy:
        provider = opened(account, url=proxy.url)
        met = proxy.doing(fault_proxy.Lost(), lambda r: r.headers["x-tc-action"] in WRITES)
        with met, pytest.raises(Unreachable):
            put(provider, rrset(HOST, "A", 600, OURS))
    assert [action for action in account.seen if action in WRITES] == ["CreateRecord"]


def test_the_registry_opens_it_with_the_key_from_the_environment() -> None:
    options = {"dnspod_secret_id": SECRET_ID, "dnspod_secret_key_env": "DNSPOD_KEY"}
    provider = open_provider("dnspod", ZONE, options, {"DNSPOD_KEY": SECRET_KEY})
    assert isinstance(provider, DnsPodProvider)
    assert (provider.secret_id, provider.secret_key) == (SECRET_ID, SECRET_KEY)
    assert provider.endpoint == "dnspod.tencentcloudapi.com" and provider.protocol == "https"
    assert SECRET_KEY not in repr(provider)


def test_the_key_is_sent_to_tencent_cloud_only() -> None:
    options = {"dnspod_secret_id": SECRET_ID, "dnspod_secret_key_env": "DNSPOD_KEY"}
    elsewhere = {**options, "dnspod_endpoint": "dnspod.example.com"}
    with pytest.raises(BadOptions):
        open_provider("dnspod", ZONE, elsewhere, {"DNSPOD_KEY": SECRET_KEY})
    abroad = {**options, "dnspod_endpoint": INTERNATIONAL}
    provider = open_provider("dnspod", ZONE, abroad, {"DNSPOD_KEY": SECRET_KEY})
    assert isinstance(provider, DnsPodProvider) and provider.endpoint == INTERNATIONAL
