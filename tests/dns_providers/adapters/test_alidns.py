"""AliDNS: both contracts on a stateful fake, and what is special about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from dns_providers.adapters.alidns import AliDnsProvider, policy
from dns_providers.base import (
    AuthError,
    Change,
    PartialApply,
    Provider,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
    ZoneNotFound,
)
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import Plan, plan
from dns_providers.publishing.publish import carry_out
from dns_providers.registry import BadOptions, open_provider
from dns_providers.rrset import MX, TXT, Address, Target, Value, key, owner_name, rrset
from dns_providers.spec import Rights
from ground.words import Words
from tests.dns_providers.adapters.alidns_fake import KEY_ID, KEY_SECRET, FakeAliDns, running
from tests.dns_providers.publishing.test_plan import OURS, claim
from tests.fault_contract import FaultContract, Service
from tests.fault_proxy import Answer, Request
from tests.provider_contract import (
    DKIM,
    SAMPLES,
    ZONE,
    ProviderContract,
    Shows,
    Typed,
    problems,
    put,
    read,
)

HOST = "smtp.example.test"


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK would go to a proxy of the environment for loopback, too."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def account() -> Iterator[FakeAliDns]:
    with running(FakeAliDns()) as fake:
        yield fake


def opened(
    account: FakeAliDns, zone: str = ZONE, key_id: str = KEY_ID, secret: str = KEY_SECRET
) -> AliDnsProvider:
    return at(account.url, zone=zone, key_id=key_id, secret=secret)


def at(
    url: str,
    timeout: float = 20.0,
    zone: str = ZONE,
    key_id: str = KEY_ID,
    secret: str = KEY_SECRET,
) -> AliDnsProvider:
    name = owner_name(zone)
    return AliDnsProvider(name, key_id, secret, urlsplit(url).netloc, timeout, protocol="HTTP")


def planned(account: FakeAliDns, *claims: Claim) -> Plan:
    provider = opened(account)
    snapshot = provider.read(frozenset(each.key.owner for each in claims) | {provider.zone})
    return plan(claims, snapshot, {}, capabilities=provider.capabilities)


def said(code: str, message: str = "no", status: int = 400) -> Answer:
    """An error of the API."""
    body = json.dumps({"RequestId": "1", "HostId": "x", "Code": code, "Message": message})
    return Answer(status, body.encode(), {"Content-Type": "application/json;charset=utf-8"})


class TestAliDns(ProviderContract):
    cannot_hold: ClassVar[Mapping[str, str]] = {"no service": "an SRV must name a host"}

    @pytest.fixture
    def provider(self, account: FakeAliDns) -> AliDnsProvider:
        return opened(account)

    @pytest.fixture
    def idn_provider(self, account: FakeAliDns) -> AliDnsProvider:
        account.zone, account.punycode = "bücher.test", "xn--bcher-kva.test"
        return opened(account, account.punycode)

    @pytest.fixture
    def typed(self, account: FakeAliDns) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            preference, _, host = value.rpartition(" ")
            more = {"Priority": int(preference)} if preference else {}
            account.add(owner[: -len(f".{ZONE}")], rtype, host, TTL=ttl, **more)

        return enter

    @pytest.fixture
    def shows(self, account: FakeAliDns) -> Shows:
        def show(owner: str, rtype: str, value: str) -> None:
            id = account.add(owner.removesuffix(f".{ZONE}"), rtype, value.rstrip("."))
            account.records[id].pop("Priority", None)

        return show

    @pytest.mark.parametrize("rtype", SAMPLES)
    def test_every_type_comes_back_as_it_was_written(self, provider: Provider, rtype: str) -> None:
        """Without the texts that planning refuses: quotes, backslashes, 512 octets and more."""
        samples: tuple[Value, ...] = SAMPLES[rtype]
        if rtype == "TXT":
            samples = (DKIM, TXT(b"x" * 511), TXT(b"v=spf1 ip4:192.0.2.1 ~all; a,b? _c"))
        wanted = rrset("host.example.test", rtype, 300, *samples)
        put(provider, wanted)
        assert read(provider, "host.example.test")[wanted.key] == wanted

    def test_a_name_that_a_wildcard_answers_for_is_made(self, provider: Provider) -> None:
        """With addresses: AliDNS has no TXT records for wildcards."""
        cover = rrset("*.example.test", "A", 600, Address("192.0.2.1"))
        put(provider, cover)
        wanted = rrset("host.example.test", "A", 600, OURS)
        assert problems(provider, wanted) == []
        found = read(provider, "host.example.test", "*.example.test")
        assert (found[wanted.key], found[cover.key]) == (wanted, cover)


class TestAliDnsFaults(FaultContract):
    calls: ClassVar = (5, 2)  # which zone, a read, two writes, a read-back
    bad_credentials = said("InvalidAccessKeyId.NotFound", status=404)
    no_rights = said("Forbidden.RAM")
    too_many = said("Throttling.User", "Request was denied due to user flow control.")

    @pytest.fixture
    def service(self, account: FakeAliDns) -> Service:
        return Service(account.url, at, account.stored, (KEY_SECRET,))

    def is_write(self, request: Request) -> bool:
        return not request.headers["x-acs-action"].startswith("Describe")


# -- what a plain record cannot say ------------------------------------------------------------


@pytest.mark.parametrize(
    ("special", "why"),
    [
        ({"Line": "telecom"}, Words.of("dns.special.line", line="telecom")),
        ({"Status": "DISABLE"}, Words.of("dns.special.paused")),
        ({"Locked": True}, Words.of("dns.special.locked")),
        ({"Weight": 3}, Words.of("dns.special.weight")),
        ({"LbaStatus": True}, Words.of("dns.special.weight")),
    ],
)
def test_what_is_for_some_paused_locked_or_weighted_is_a_conflict(
    account: FakeAliDns, special: dict[str, object], why: Words
) -> None:
    account.add("smtp", "A", str(OURS), **special)
    before = account.stored()
    (conflict,) = planned(account, claim()).conflicts
    assert conflict.problem.named["why"] == str(why)
    assert account.stored() == before


def test_a_record_of_another_line_makes_its_plain_neighbours_special(account: FakeAliDns) -> None:
    account.add("smtp", "A", str(OURS))
    account.add("smtp", "A", "192.0.2.9", Line="unicom")
    found = read(opened(account), HOST)[claim().key]
    assert found.opaque and found.values == {OURS, Address("192.0.2.9")}


def test_a_forwarding_that_only_alidns_knows_is_seen_and_left_alone(account: FakeAliDns) -> None:
    account.add("www", "REDIRECT_URL", "http://elsewhere.test/?a=b")
    put(opened(account), rrset(HOST, "A", 600, OURS))
    (found,) = [
        each
        for found_key, each in read(opened(account), "www.example.test").items()
        if found_key.rtype == "REDIRECT_URL"
    ]
    assert found.opaque and len(account.records) == 2


def test_names_that_contain_ours_are_not_taken_for_it(account: FakeAliDns, tmp_path: Path) -> None:
    theirs = [
        account.add(rr, "A", "192.0.2.5") for rr in ("webmail", "mail.old", "mail2", "mailer")
    ]
    kept = {id: dict(account.records[id]) for id in theirs}
    ledger = Ledger(tmp_path, ZONE)
    carry_out(opened(account), [claim("mail.example.test")], ledger)
    other = claim("mail.example.test", "A", Address("203.0.113.99"))
    carry_out(opened(account), [other], ledger)
    gone = claim("mail.example.test", mode=ClaimMode.MEMBER)
    removed = Claim(
        gone.key, gone.mode, frozenset(), 3600, gone.group, False, "reason", "before-mx"
    )
    carry_out(opened(account), [removed], ledger)
    assert account.records == kept


@pytest.mark.parametrize("line", ["default", "oversea"])
def test_mail_stands_beside_an_alias_at_the_apex(
    account: FakeAliDns, tmp_path: Path, line: str
) -> None:
    alias = account.add("@", "CNAME", "cdn.elsewhere.test", Line=line)
    before = dict(account.records[alias])
    text = claim(ZONE, "TXT", TXT(b"v=spf1 mx -all"), group="spf")
    mx = claim(ZONE, "MX", MX(10, owner_name(HOST)), group="mx")
    more = [claim(ZONE, rtype, group=rtype, needed=False) for rtype in ("A", "CAA")]
    made = carry_out(opened(account), [text, mx, *more], Ledger(tmp_path, ZONE))
    assert [each.key.rtype for each in made.conflicts] == ["A", "CAA"]
    assert sorted(row["Type"] for row in account.records.values()) == ["CNAME", "MX", "TXT"]
    assert account.records[alias] == before
    assert [(each.words.id, each.words.named["found"]) for each in made.notes] == [
        ("dns.note.beside_alias", "cdn.elsewhere.test.")
    ]


@pytest.mark.parametrize("lost", ["RR", "Type", "RecordId", "TTL", "Value"])
def test_a_row_that_lacks_something_is_not_the_end_of_the_zone(
    account: FakeAliDns, lost: str
) -> None:
    account.add("theirs", "A", "192.0.2.1")
    del account.records[account.add("odd", "A", "192.0.2.1")][lost]
    put(opened(account), rrset(HOST, "A", 600, OURS))
    found = read(opened(account), HOST, "theirs.example.test", "odd.example.test")
    assert {f"{HOST}/A", "theirs.example.test/A"} <= set(map(str, found))
    assert all(each.opaque for key, each in found.items() if "odd" in str(key))


# -- what a zone can hold ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rtype", "value", "problem"),
    [
        ("TXT", TXT(b"x" * 512), "dns.conflict.too_long"),
        ("TXT", TXT(b'say "hi"'), "dns.conflict.txt_octets"),
        ("TXT", TXT(b"back\\slash"), "dns.conflict.txt_octets"),
        ("TXT", TXT("ü".encode()), "dns.conflict.txt_octets"),
        ("TXT", TXT(b"ends with a space "), "dns.conflict.txt_ends"),
        ("TXT", TXT(b""), "dns.conflict.txt_ends"),
        ("MX", MX(0, owner_name(HOST)), "dns.conflict.mx_preference"),
        ("MX", MX(51, owner_name(HOST)), "dns.conflict.mx_preference"),
    ],
)
def test_what_alidns_cannot_hold_is_told_before_any_write(
    account: FakeAliDns, tmp_path: Path, rtype: str, value: Value, problem: str
) -> None:
    made = carry_out(opened(account), [claim(HOST, rtype, value)], Ledger(tmp_path, ZONE))
    assert [each.problem.id for each in made.conflicts] == [problem]
    assert account.records == {} and "AddDomainRecord" not in account.seen


@pytest.mark.parametrize(
    ("edition", "said_floor", "floor"),
    [
        ("mianfei", 600, 600),
        ("version_personal", 600, 600),
        ("version_enterprise_advanced", 1, 1),
        ("version_enterprise_advanced", 60, 60),
        ("mianfei", 0, 600),
        ("version_enterprise_advanced", 0, 1),
        ("of another day", 0, 600),
    ],
)
def test_the_shortest_time_to_live_is_that_of_the_edition(
    account: FakeAliDns, tmp_path: Path, edition: str, said_floor: int, floor: int
) -> None:
    account.edition, account.min_ttl = edition, said_floor
    wanted = claim(ttl=1)
    carry_out(opened(account), [wanted], Ledger(tmp_path, ZONE))
    assert [row["TTL"] for row in account.records.values()] == [floor]


# -- reading -----------------------------------------------------------------------------------


def test_all_pages_are_read(account: FakeAliDns) -> None:
    for number in range(1001):
        account.add(f"h{number}", "A", "192.0.2.1")
    first, last = (f"h{number}.example.test" for number in (0, 1000))
    found = read(opened(account), first, last)
    assert {f"{first}/A", f"{last}/A"} <= set(map(str, found))
    assert account.seen == ["DescribeDomainInfo", *["DescribeDomainRecords"] * 3]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"TotalCount": 0}',
        b'{"DomainRecords": {"Record": []}, "TotalCount": 3}',
        b'{"DomainRecords": {}}',
        b"[]",
        b"null",
    ],
)
def test_an_answer_that_shows_less_than_it_says_is_no_empty_zone(
    account: FakeAliDns, body: bytes
) -> None:
    account.fault = lambda action, given: (200, body) if action == "DescribeDomainRecords" else None
    with pytest.raises(Unreachable):
        read(opened(account), HOST)


@pytest.mark.parametrize("punycode", ["xn--bcher-kva.test", None])
def test_a_zone_kept_in_unicode_is_found_and_written(
    punycode: str | None, account: FakeAliDns
) -> None:
    account.zone, account.punycode = "bücher.test", punycode
    provider = opened(account, "xn--bcher-kva.test")
    wanted = rrset("smtp.xn--bcher-kva.test", "A", 600, OURS)
    put(provider, wanted)
    assert read(provider, "smtp.xn--bcher-kva.test")[wanted.key] == wanted
    assert [row["RR"] for row in account.records.values()] == ["smtp"]


def test_the_a_labels_that_alidns_says_itself_count(account: FakeAliDns) -> None:
    said_so = {"DomainName": "faß.test", "PunyCode": "fass.test", "DnsServers": {"DnsServer": []}}
    records = {"DomainRecords": {"Record": []}, "TotalCount": 0}
    account.fault = lambda action, given: (
        (200, json.dumps(said_so if action == "DescribeDomainInfo" else records).encode())
    )
    assert read(opened(account, "fass.test"), "fass.test")


def test_name_servers_that_the_api_shows_take_the_place_of_those_it_assigns(
    account: FakeAliDns,
) -> None:
    account.add("@", "NS", "ns1.elsewhere.test")
    found = read(opened(account), ZONE)[key(ZONE, "NS")]
    assert found.lines() == (f"{ZONE} 600 IN NS ns1.elsewhere.test.",)


def test_host_records_in_unicode_are_read_as_a_labels(account: FakeAliDns) -> None:
    account.add("邮件", "A", str(OURS))
    account.add("☃.☃", "A", str(OURS))  # no host name, but it may stand there
    owners = ["xn--5nq051n.example.test", "xn--n3h.xn--n3h.example.test"]
    found = {each.owner for each in read(opened(account), *owners) if each.rtype == "A"}
    assert found == set(map(owner_name, owners))


def test_a_zone_that_is_not_this_accounts_is_told(account: FakeAliDns) -> None:
    with pytest.raises(ZoneNotFound) as error:
        read(opened(account, "other.test"), "other.test")
    assert error.value.words.named["zone"] == "other.test"


def test_a_zone_that_the_api_answers_for_another_one_is_refused(account: FakeAliDns) -> None:
    body = b'{"DomainName": "notexample.test", "DnsServers": {"DnsServer": []}}'
    account.fault = lambda action, given: (200, body)
    with pytest.raises(ZoneNotFound, match=r"it shows notexample\.test"):
        read(opened(account), HOST)


# -- writing -----------------------------------------------------------------------------------


def test_twelve_records_take_a_call_each_and_reading_takes_one(
    account: FakeAliDns, tmp_path: Path, at_once: None
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    ledger = Ledger(tmp_path, ZONE)
    carry_out(opened(account), hosts, ledger)
    # Which zone, plan, write, read back: the plan was made a moment ago.
    read, adds = "DescribeDomainRecords", ["AddDomainRecord"] * 12
    assert account.seen == ["DescribeDomainInfo", read, *adds, read]
    account.seen.clear()
    assert carry_out(opened(account), hosts, ledger).changes == ()
    assert account.seen == ["DescribeDomainInfo", "DescribeDomainRecords"]


def test_a_value_is_replaced_by_an_update_so_that_its_remark_and_id_stay(
    account: FakeAliDns,
) -> None:
    id = account.add("smtp", "A", "192.0.2.1", Remark="mine")
    provider = opened(account)
    before = read(provider, HOST)[claim().key]
    provider.apply([Change(before, rrset(HOST, "A", 900, OURS), "test")])
    row = account.records[id]
    assert (row["Value"], row["TTL"], row["Remark"]) == (str(OURS), 900, "mine")
    assert account.seen[-1] == "UpdateDomainRecord" and len(account.records) == 1


def test_another_preference_of_the_same_mail_host_is_an_update(account: FakeAliDns) -> None:
    id = account.add("@", "MX", "smtp.example.test.", Priority=5)
    provider, host = opened(account), owner_name(HOST)
    before = rrset(ZONE, "MX", 600, MX(5, host))
    assert read(provider, ZONE)[before.key] == before
    provider.apply([Change(before, rrset(ZONE, "MX", 600, MX(20, host)), "test")])
    assert (account.records[id]["Priority"], account.records[id]["Line"]) == (20, "default")


def once(account: FakeAliDns, action: str, number: int, do: object) -> None:
    """Do something right before the given call of an action."""
    calls = iter(range(1000))

    def fault(called: str, given: Mapping[str, str]) -> None:
        if called == action and next(calls) == number:
            do()  # type: ignore[operator]

    account.fault = fault


def test_what_somebody_writes_between_the_plan_and_the_write_stays(
    account: FakeAliDns, tmp_path: Path, a_second_later: None
) -> None:
    meddle = lambda: account.add("smtp", "A", "192.0.2.77")  # noqa: E731
    once(account, "DescribeDomainRecords", 1, meddle)
    made = carry_out(opened(account), [claim()], Ledger(tmp_path, ZONE))
    assert made.changes == () and len(made.conflicts) == 1
    assert [row["Value"] for row in account.records.values()] == ["192.0.2.77"]


def test_a_record_that_somebody_else_makes_or_deletes_in_the_last_moment_is_read_again(
    account: FakeAliDns, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path, ZONE)
    once(account, "AddDomainRecord", 0, lambda: account.add("smtp", "A", str(OURS)))
    assert carry_out(opened(account), [claim()], ledger).changes == ()
    assert len(account.records) == 1
    once(account, "UpdateDomainRecord", 0, account.records.clear)
    carry_out(opened(account), [claim(HOST, "A", Address("203.0.113.99"))], ledger)
    assert [row["Value"] for row in account.records.values()] == ["203.0.113.99"]


def test_a_failure_halfway_says_how_far_it_came_and_the_next_run_ends_it(
    account: FakeAliDns, tmp_path: Path
) -> None:
    hosts = [claim(f"h{number}.example.test") for number in range(4)]
    ledger, calls = Ledger(tmp_path, ZONE), iter(range(100))
    account.fault = lambda action, given: (
        (500, b'{"Code": "InternalError", "Message": "no"}')
        if action == "AddDomainRecord" and next(calls) >= 2
        else None
    )
    with pytest.raises(PartialApply) as error:
        carry_out(opened(account), hosts, ledger)
    assert (error.value.words.named["done"], error.value.words.named["total"]) == ("2", "4")
    assert len(account.records) == 2
    account.fault = None
    carry_out(opened(account), hosts, ledger)
    assert carry_out(opened(account), hosts, ledger).changes == ()
    assert {entry.origin for entry in ledger.load().entries.values()} == {"written"}


def test_an_alias_goes_before_what_takes_its_place(account: FakeAliDns) -> None:
    account.add("smtp", "CNAME", "elsewhere.test")
    provider = opened(account)
    alias = rrset(HOST, "CNAME", 600, Target(owner_name("elsewhere.test")))
    address = rrset(HOST, "A", 600, OURS)
    provider.apply([Change(None, address, "test"), Change(alias, None, "test")])
    assert [row["Type"] for row in account.records.values()] == ["A"]


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_id", "secret", "code"),
    [
        ("LTAI5tNobodyKnowsThisOne", KEY_SECRET, "InvalidAccessKeyId.NotFound"),
        (KEY_ID, "wrong-secret-0123456789", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_key_is_told_and_its_secret_not_shown(
    account: FakeAliDns, key_id: str, secret: str, code: str
) -> None:
    provider = opened(account, key_id=key_id, secret=secret)
    with pytest.raises(AuthError, match=code) as error:
        read(provider, ZONE)
    assert error.value.words.id == "dns.error.alidns_key"
    assert secret not in f"{error.value} {error.value.words} {provider!r}"


@pytest.mark.parametrize(
    "action", ["DescribeDomainInfo", "DescribeDomainRecords", "AddDomainRecord"]
)
def test_a_right_that_is_missing_is_named(account: FakeAliDns, tmp_path: Path, action: str) -> None:
    account.denied = frozenset({action})
    with pytest.raises(AuthError) as error:
        carry_out(opened(account), [claim()], Ledger(tmp_path, ZONE))
    assert error.value.words.id == "dns.error.alidns_rights"
    assert error.value.words.named["action"] == f"alidns:{action}"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "Throttling", RateLimited),
        (400, "Throttling.User", RateLimited),
        (429, "TooManyRequests", RateLimited),
        (403, "NoPermission", AuthError),
        (400, "InvalidTimeStamp.Expired", AuthError),
        (400, "IncorrectDomainUser", ZoneNotFound),
        (400, "QuotaExceeded.Record", Rejected),
        (400, "DomainRecordLocked", Rejected),
        (400, "DomainRecordConflict", Rejected),
        (400, "Forbidden.DomainExpired", Rejected),
        (400, "UnKnownError", Unreachable),
        (503, "ServiceUnavailable", Unreachable),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_api(
    account: FakeAliDns, status: int, code: str, kind: type[ProviderError]
) -> None:
    body = said(code, "the API's own words", status).body
    account.fault = lambda action, given: (status, body) if action == "AddDomainRecord" else None
    with pytest.raises(kind, match="the API's own words"):
        put(opened(account), rrset(HOST, "A", 600, OURS))
    assert account.seen.count("AddDomainRecord") == 1


def test_a_server_that_is_not_there_is_told_without_what_was_sent() -> None:
    with pytest.raises(Unreachable) as error:
        read(at("http://127.0.0.1:9"), ZONE)
    assert "DomainName" not in str(error.value) and "refused" in str(error.value)


def test_an_api_that_does_not_answer_is_told_with_how_long_was_waited(
    account: FakeAliDns,
) -> None:
    over = threading.Event()

    def silent(action: str, given: Mapping[str, str]) -> None:
        over.wait(60)

    account.fault = silent
    try:
        with pytest.raises(Unreachable) as error:
            read(at(account.url, timeout=0.2), ZONE)
    finally:
        over.set()
    assert error.value.words.id == "dns.error.http_timeout"
    assert error.value.words.named["seconds"] == "0.2"


def test_the_ram_policy_allows_what_is_called_and_nothing_else(
    account: FakeAliDns, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path, ZONE)
    for value in (OURS, Address("203.0.113.99")):
        carry_out(opened(account), [claim(HOST, "A", value)], ledger)
    provider = opened(account)
    provider.apply([Change(read(provider, HOST)[claim().key], None, "test")])
    (statement,) = policy(Rights(ZONE, {}))["Statement"]
    assert {f"alidns:{action}" for action in account.seen} == set(statement["Action"])
    assert statement["Resource"] == ["acs:alidns:*:*:domain/example.test"]


def test_the_ram_policy_of_a_dry_run_allows_no_write_and_a_zone_has_both_its_names(
    account: FakeAliDns,
) -> None:
    read(opened(account), HOST)
    (statement,) = policy(Rights("xn--bcher-kva.test", {}, read_only=True))["Statement"]
    assert {f"alidns:{action}" for action in account.seen} == set(statement["Action"])
    names = [each.rpartition("/")[2] for each in statement["Resource"]]
    assert names == ["bücher.test", "xn--bcher-kva.test"]


# -- options -----------------------------------------------------------------------------------


def test_it_is_opened_with_a_secret_from_the_environment_or_a_file(tmp_path: Path) -> None:
    kept = tmp_path / "secret"
    kept.write_text(f"{KEY_SECRET}\n")
    for given, environ in (
        ({"alidns_key_secret_env": "ALI"}, {"ALI": KEY_SECRET}),
        ({"alidns_key_secret_file": str(kept)}, {}),
    ):
        options = {"alidns_key_id": KEY_ID, "alidns_endpoint": "alidns.test", **given}
        provider = open_provider("alidns", ZONE, options, environ)
        assert isinstance(provider, AliDnsProvider)
        assert (provider.key_secret, provider.endpoint) == (KEY_SECRET, "alidns.test")
    with pytest.raises(BadOptions):
        open_provider("alidns", ZONE, {"alidns_key_id": KEY_ID}, {})
