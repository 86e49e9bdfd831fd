"""Each octoDNS package that may be used, through the bridge, against a fake of its API.

On request only, as it takes all packages: scripts/test-octodns. A package that is not installed is
skipped, with that as reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import dns.name
import pytest
import requests

from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    PartialApply,
    ProviderError,
    RateLimited,
    Rejected,
    Snapshot,
    Stale,
    Tell,
    Unreachable,
    ZoneNotFound,
)
from dns_providers.octodns import packages as octodns_packages
from dns_providers.octodns.bridge import OctoDnsProvider
from dns_providers.octodns.packages import PACKAGES, carried, secrets_of
from dns_providers.octodns.reading import OWNERS, TYPES
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import CAA, MX, TXT, Address, RRset, Target, Value, key, owner_name, rrset
from tests.octodns.frame import SECRET, ZONE, Call, Fake, Reply, answering
from tests.octodns.record_apis import RECORD_APIS, Ovh, TransIp
from tests.octodns.rrset_apis import (
    RRSET_APIS,
    Desec,
    Gandi,
    GoogleCloud,
    Hetzner,
    Scaleway,
    private_key,
)
from tests.provider_contract import DKIM, SAMPLES, ProviderContract, Typed, put, read

pytestmark = pytest.mark.octodns
if not any(map(octodns_packages.installed, PACKAGES.values())):
    pytest.skip("no octoDNS package is installed (scripts/test-octodns)", allow_module_level=True)
FAKES: dict[str, type[Fake]] = {each.package: each for each in (*RECORD_APIS, *RRSET_APIS)}
HOST = "host.example.test"
IDN_ZONE = "xn--bcher-kva.test"
SHIFT = 600  # seconds; for an API whose shortest TTL is above the contract's


@dataclass(frozen=True)
class Shifted:
    """A provider with longer TTLs, so that the contract's are not below its floor."""

    slug: ClassVar[str] = "octodns"
    inner: OctoDnsProvider

    @property
    def zone(self) -> dns.name.Name:
        return self.inner.zone

    @property
    def package(self) -> octodns_packages.Package:
        return self.inner.package

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        seen = self.inner.read(names)
        back = {k: replace(each, ttl=each.ttl - SHIFT) for k, each in seen.rrsets.items()}
        covering = tuple(replace(each, ttl=each.ttl - SHIFT) for each in seen.covering)
        return replace(seen, rrsets=back, covering=covering)

    def apply(self, changes: Sequence[Change]) -> None:
        def longer(rrset: RRset | None) -> RRset | None:
            return replace(rrset, ttl=rrset.ttl + SHIFT) if rrset else None

        self.inner.apply(
            [replace(c, before=longer(c.before), after=longer(c.after)) for c in changes]
        )

    def wait_accepted(self, tell: Tell) -> None:
        self.inner.wait_accepted(tell)

    def settle(self) -> None:
        self.inner.settle()


@pytest.fixture(params=sorted(PACKAGES))
def fake(request: pytest.FixtureRequest) -> Iterator[Fake]:
    package = PACKAGES[request.param]
    if not octodns_packages.installed(package):
        pytest.skip(f"octodns-{package.name} is not installed")
    made = FAKES[package.name]()
    with answering(made):
        yield made


def opened(fake: Fake, folder: Path, **more: str) -> OctoDnsProvider:
    arguments = dict(fake.arguments)
    if isinstance(fake, GoogleCloud):
        arguments = fake.credentials(folder)
    elif isinstance(fake, TransIp):
        arguments["key"] = private_key()
    return OctoDnsProvider(owner_name(fake.origin), PACKAGES[fake.package], {**arguments, **more})


@pytest.fixture
def bridge(fake: Fake, tmp_path: Path) -> OctoDnsProvider:
    return opened(fake, tmp_path)


# What is refused when it is written: DigitalOcean has no CAA with a space or semicolon, two
# packages write a broken record for "no service".
UNHELD: dict[str, tuple[str, ...]] = {
    "digitalocean": ("no authority", "authorities"),
    "dnsimple": ("no service",),
    "porkbun": ("no service",),
}


class TestContract(ProviderContract):
    """The contract that all adapters keep; what a package cannot hold is said below."""

    opt_outs: ClassVar = {
        "refusal": "the doubles let an alias stand beside others",
        "shows": "what the doubles can show is in a test of its own",
    }

    @pytest.fixture
    def provider(self, bridge: OctoDnsProvider) -> OctoDnsProvider | Shifted:
        quoted = bridge.package.text.quoted
        self.cannot_hold = dict.fromkeys(UNHELD.get(bridge.package.name, ()), "see UNHELD")
        self.cannot_hold |= {"empty": "an empty text is not sent"} if quoted else {}
        return Shifted(bridge) if bridge.package.name == "porkbun" else bridge

    @pytest.fixture
    def idn_provider(self, fake: Fake, tmp_path: Path) -> Iterator[OctoDnsProvider]:
        other = type(fake)(IDN_ZONE)
        with answering(other):
            yield opened(other, tmp_path)

    @pytest.fixture
    def typed(self, fake: Fake) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            name = owner[: -len(ZONE) - 1]
            fake.seed(name, rtype, ttl + (SHIFT if fake.package == "porkbun" else 0), value)

        return enter

    @pytest.mark.parametrize("rtype", SAMPLES)
    def test_every_type_comes_back_as_it_was_written(self, provider: Any, rtype: str) -> None:
        text = provider.package.text
        values = [v for v in SAMPLES[rtype] if not isinstance(v, TXT) or carried(text, v.data)]
        wanted = rrset(HOST, rtype, 300, *values)
        assert DKIM in values or rtype != "TXT"
        put(provider, wanted)
        assert read(provider, HOST)[wanted.key] == wanted

    def test_the_apex_shows_its_soa_and_name_servers(self, provider: Any) -> None:
        shown = {key(ZONE, "SOA")} | ({key(ZONE, "NS")} if provider.package.shows_ns else set())
        assert shown <= set(read(provider, ZONE))


# -- what is not ours ----------------------------------------------------------------------------


def seeded(fake: Fake) -> set[tuple[str, str, int, str]]:
    """Records of somebody else, some beside ours."""
    fake.seed("", "TXT", 3600, "google-site-verification=abc")
    fake.seed("", "TXT", 3600, "v=verify; a=b")
    fake.seed("", "MX", 3600, "5 mx.theirs.test.")
    fake.seed("www", "CNAME", 3600, "theirs.test.")
    fake.seed("host", "AAAA", 3600, "2001:db8::9")
    for number in range(120):
        fake.seed(f"n{number}", "A", 3600, "192.0.2.9")
    return fake.everything()


def test_what_makes_no_sense_is_opaque_and_stays(fake: Fake, bridge: OctoDnsProvider) -> None:
    fake.seed("odd", "CNAME", 3600, "bad..name.")
    fake.seed("host", "AAAA", 3600, "none")
    theirs = fake.everything()
    host = rrset(HOST, "A", 3600, Address("203.0.113.5"))
    put(bridge, host)
    found = read(bridge, HOST, "odd.example.test")
    assert found[host.key].values == host.values
    assert found[key(HOST, "AAAA")].opaque and found[key("odd.example.test", "CNAME")].opaque
    assert fake.everything() - theirs == {("host", "A", 3600, "203.0.113.5")}


PASSED_OVER = {
    "bunny": "RDR",
    "digitalocean": "HTTPS",
    "dnsimple": "URL",
    "easydns": "URL",
    "gandi": "HTTPS",
    "hetzner": "HTTPS",
    "scaleway": "HTTPS",
}


def test_what_a_package_passes_over_is_there_all_the_same(
    fake: Fake, bridge: OctoDnsProvider
) -> None:
    rtype = PASSED_OVER.get(fake.package)
    if rtype is None:
        pytest.skip("it knows all types that its fake can show")
    for name in ("", "host"):
        fake.seed(name, rtype, 3600, "1 site.test.")
    found = read(bridge, ZONE, HOST)
    for owner in (ZONE, HOST):
        assert found[key(owner, rtype)].opaque
    theirs = fake.everything()
    put(bridge, rrset("www.example.test", "A", 3600, Address("203.0.113.5")))
    assert fake.everything() - theirs == {("www", "A", 3600, "203.0.113.5")}


def with_nameless(body: Any) -> Any:
    """An answer in which each list of records has two more that are nowhere."""
    if isinstance(body, dict):
        return {name: with_nameless(value) for name, value in body.items()}
    if not isinstance(body, list):
        return body
    rows = [row for row in body if isinstance(row, dict) and TYPES & row.keys()]
    lost = [{name: value for name, value in row.items() if name not in OWNERS} for row in rows[-1:]]
    none = [dict.fromkeys(set(OWNERS) & row.keys()) for row in rows[-1:]]
    return [*body, *lost, *({**row, **more} for row, more in zip(rows[-1:], none, strict=True))]


def test_a_record_of_no_name_is_left_out_and_stays(fake: Fake, bridge: OctoDnsProvider) -> None:
    if fake.package == "azure":
        pytest.skip("its SDK has a transport of its own, and an API that knows no such rows")
    theirs, whole = seeded(fake), fake.answer

    def answer(call: Call) -> Reply:
        reply = whole(call)
        return reply if call.writes else replace(reply, body=with_nameless(reply.body))

    with patch.object(fake, "answer", answer):
        host = rrset(HOST, "A", 3600, Address("203.0.113.5"))
        put(bridge, host)
        assert read(bridge, HOST)[host.key].values == host.values
    assert fake.everything() - theirs == {("host", "A", 3600, "203.0.113.5")}


def test_only_our_rrsets_are_sent(fake: Fake, bridge: OctoDnsProvider) -> None:
    theirs = seeded(fake)
    host = rrset(HOST, "A", 3600, Address("203.0.113.5"))
    put(bridge, host)
    bridge.apply([Change(host, rrset(HOST, "A", 3600, Address("203.0.113.6")), "test")])
    sent = " ".join(f"{call.path} {call.body}" for call in fake.written)
    assert not any(word in sent for word in ("theirs", "verif", "2001:db8", "n119", "192.0.2.9"))
    assert fake.everything() - theirs == {("host", "A", 3600, "203.0.113.6")}
    bridge.apply([Change(rrset(HOST, "A", 3600, Address("203.0.113.6")), None, "test")])
    assert fake.everything() == theirs


def test_a_value_beside_others_leaves_them_as_they_are(fake: Fake, bridge: OctoDnsProvider) -> None:
    theirs = seeded(fake)
    live = read(bridge, ZONE)[key(ZONE, "TXT")]
    assert live.values == {TXT(b"google-site-verification=abc"), TXT(b"v=verify; a=b")}
    more = replace(live, values=live.values | {TXT(b"v=spf1 mx ~all")})
    bridge.apply([Change(live, more, "test")])
    assert fake.everything() == theirs | {("", "TXT", 3600, "v=spf1 mx ~all")}
    new = replace(live, values=live.values | {TXT(b"v=spf1 a mx ~all")})
    bridge.apply([Change(more, new, "test")])
    assert fake.everything() == theirs | {("", "TXT", 3600, "v=spf1 a mx ~all")}
    bridge.apply([Change(new, live, "test")])
    assert fake.everything() == theirs


def test_a_single_record_is_deleted_where_the_api_knows_them(
    fake: Fake, bridge: OctoDnsProvider
) -> None:
    if not bridge.package.by_value:
        pytest.skip("an RRset is one thing there")
    fake.seed("", "TXT", 3600, "theirs")
    (kept,) = (each.id for each in fake.held if each.value == "theirs")
    live = read(bridge, ZONE)[key(ZONE, "TXT")]
    more = replace(live, values=live.values | {TXT(b"ours")})
    bridge.apply([Change(live, more, "test")])
    bridge.apply([Change(more, live, "test")])
    assert [each.id for each in fake.held if each.type == "TXT"] == [kept]


# -- zones ---------------------------------------------------------------------------------------


def test_a_zone_that_is_not_there_is_never_made(fake: Fake, bridge: OctoDnsProvider) -> None:
    fake.zones.clear()
    change = Change(None, rrset(HOST, "A", 3600, Address("203.0.113.5")), "test")
    with pytest.raises(ZoneNotFound):
        bridge.read(frozenset({owner_name(ZONE)}))
    with pytest.raises(ZoneNotFound):
        bridge.apply([change])
    assert not fake.zones and not fake.written


def test_a_zone_lost_between_reading_and_writing_is_never_made(
    fake: Fake, bridge: OctoDnsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    populated = OctoDnsProvider._populated

    def lose(self: OctoDnsProvider, provider: Any) -> Any:
        found = populated(self, provider)
        fake.zones.clear()
        return found

    monkeypatch.setattr(OctoDnsProvider, "_populated", lose)
    before = fake.everything()
    with pytest.raises(ProviderError):
        bridge.apply([Change(None, rrset(HOST, "A", 3600, Address("203.0.113.5")), "test")])
    assert not fake.zones and fake.everything() == before


# -- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"v=DKIM1; k=rsa; p=abc",
        b'say "yes"',
        b"back\\slash",
        b"both \\; and \\\\;",
        b"x" * 3000,
        b'"quoted"',
        b'a" "b',
        "ä".encode(),
    ],
)
def test_a_text_comes_back_as_it_was_or_is_refused_before_anything_is_sent(
    fake: Fake, bridge: OctoDnsProvider, data: bytes
) -> None:
    wanted = rrset(HOST, "TXT", 3600, TXT(data))
    if not carried(bridge.package.text, data):
        with pytest.raises(Rejected):
            put(bridge, wanted)
        assert not fake.written
        return
    put(bridge, wanted)
    assert fake.shown("host", "TXT") == {(3600, data.decode("latin-1"))}
    assert read(bridge, HOST)[wanted.key] == wanted


def test_a_foreign_text_that_the_package_would_change_is_never_sent(
    fake: Fake, bridge: OctoDnsProvider
) -> None:
    bad = b"back\\slash" if b"\\" in bridge.package.text.refuses else b'say "yes"'
    if carried(bridge.package.text, bad):
        pytest.skip("it keeps every text of this kind")
    held = fake.seed("host", "TXT", 3600, bad.decode())
    seen = read(bridge, HOST)[key(HOST, "TXT")]
    assert seen.opaque is not bridge.package.by_value
    more = replace(seen, values=seen.values | {TXT(b"ours")})
    if bridge.package.by_value:
        bridge.apply([Change(seen, more, "test")])
        later = replace(more, ttl=7200)
        with pytest.raises(Rejected):  # that would make the RRset anew
            bridge.apply([Change(more, later, "test")])
    else:
        with pytest.raises(Stale):  # it is opaque, and was not planned
            bridge.apply([Change(seen, more, "test")])
    assert held in fake.held


@pytest.mark.parametrize(
    ("package", "rtype", "extra"),
    [
        ("bunny", "A", {"Accelerated": True}),
        ("bunny", "A", {"Disabled": True}),
        ("scaleway", "A", {"weighted_config": {"weighted_ips": [{"ip": "1.2.3.4", "weight": 2}]}}),
        ("scaleway", "TXT", {"view_config": {"views": []}}),
        ("ns1", "MX", {"tier": 3}),
        ("ns1", "A", {"link": "other.example.test"}),
        ("azure", "A", {"targetResource": {"id": "/x/publicIP"}, "ARecords": None}),
        ("azure", "TXT", {"metadata": {"team": "web"}}),
    ],
)
def test_what_is_more_than_its_values_is_opaque(
    package: str, rtype: str, extra: dict[str, Any], tmp_path: Path
) -> None:
    if not octodns_packages.installed(PACKAGES[package]):
        pytest.skip(f"octodns-{package} is not installed")
    fake = FAKES[package]()
    value = {"A": "192.0.2.1", "MX": "10 mx.test.", "TXT": "text"}[rtype]
    fake.seed("host", rtype, 3600, value, **extra)
    fake.seed("plain", rtype, 3600, value)
    with answering(fake):
        bridge = opened(fake, tmp_path)
        seen = read(bridge, HOST, "plain.example.test")
        assert seen[key(HOST, rtype)].opaque and not seen[key("plain.example.test", rtype)].opaque
        ours = rrset(HOST, rtype, 3600, MX(1, owner_name("a.test")))
        with pytest.raises(Stale):
            bridge.apply([Change(seen[key(HOST, rtype)], ours, "test")])
    assert not fake.written


# -- faults --------------------------------------------------------------------------------------


def test_wrong_credentials_are_told_and_not_shown(fake: Fake, tmp_path: Path) -> None:
    if isinstance(fake, GoogleCloud | TransIp):
        fake.fault = lambda call: fake.denied()
        bridge = opened(fake, tmp_path)
    else:
        (name,) = (each for each, value in fake.arguments.items() if value == SECRET)
        bridge = opened(fake, tmp_path, **{name: "wrong-credential"})
    with pytest.raises(AuthError) as error:
        bridge.read(frozenset({owner_name(ZONE)}))
    told = f"{error.value} {error.value.words} {bridge!r}"
    assert "wrong-credential" not in told and SECRET not in told


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (500, Unreachable), (503, Unreachable)]
)
def test_an_api_that_fails_is_told_by_kind_and_no_secret_is(
    fake: Fake,
    bridge: OctoDnsProvider,
    status: int,
    kind: type[ProviderError],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    shown = secrets_of(bridge.package, bridge.arguments)

    def fault(call: Call) -> Reply | None:
        if fake.signs_in(call):
            return None
        said = f"no, {shown[-1] if shown else 'no'}"
        return fake.throttled() if status == 429 else fake.failing(status, said)

    fake.fault = fault
    with pytest.raises(kind) as error:
        bridge.read(frozenset({owner_name(ZONE)}))
    told = f"{error.value} {error.value.words}"
    assert not any(secret in told for secret in shown)


def test_nothing_is_logged_or_printed(
    fake: Fake,
    bridge: OctoDnsProvider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    caplog.set_level("DEBUG")
    seeded(fake)
    put(bridge, rrset(HOST, "TXT", 3600, TXT(b"a;b")))
    fake.fault = lambda call: None if fake.signs_in(call) else fake.failing(500, "oops")
    with pytest.raises(Unreachable):
        bridge.read(frozenset({owner_name(ZONE)}))
    warnings = [each for each in caplog.records if each.levelname not in ("DEBUG", "INFO")]
    assert [(each.name, each.getMessage()) for each in warnings] == []
    assert SECRET not in caplog.text and capfd.readouterr() == ("", "")


def test_a_key_that_is_none_is_told_and_not_shown(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["transip"]):
        pytest.skip("octodns-transip is not installed")
    with answering(TransIp()), pytest.raises(AuthError) as error:
        opened(TransIp(), tmp_path).read(frozenset({owner_name(ZONE)}))
        bad = OctoDnsProvider(
            owner_name(ZONE), PACKAGES["transip"], {"account": "a", "key": "no-key-at-all"}
        )
        bad.read(frozenset({owner_name(ZONE)}))
    assert error.value.words.id == "dns.error.octodns_settings"
    assert "no-key-at-all" not in f"{error.value} {error.value.words}"


def test_a_type_of_octodns_itself_is_opaque(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["gandi"]):
        pytest.skip("octodns-gandi is not installed")
    fake = Gandi()
    fake.seed("host", "ALIAS", 3600, "elsewhere.test.")
    fake.seed("host", "SSHFP", 3600, "1 1 " + "ab" * 20)
    with answering(fake):
        seen = read(opened(fake, tmp_path), HOST)
    assert seen[key(HOST, "ALIAS")].opaque and not seen[key(HOST, "SSHFP")].opaque


def test_a_broken_connection_is_told(
    fake: Fake, bridge: OctoDnsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def cut(call: Call) -> Reply | None:
        raise requests.ConnectionError("connection reset")

    fake.fault = cut
    with pytest.raises(Unreachable):
        bridge.read(frozenset({owner_name(ZONE)}))


def claim(owner: str, rtype: str, mode: ClaimMode, value: Value) -> Claim:
    """A claim of a group of its own, as the server's records have them."""
    return Claim(key(owner, rtype), mode, frozenset({value}), 3600, owner, True, "test", "main")


EXCLUSIVE, MEMBER = ClaimMode.EXCLUSIVE, ClaimMode.MEMBER
EARLIER = (
    claim("a.example.test", "A", EXCLUSIVE, Address("203.0.113.9")),
    claim(ZONE, "TXT", MEMBER, TXT(b"old")),
)
CLAIMS = (
    claim("a.example.test", "A", EXCLUSIVE, Address("203.0.113.1")),
    claim(ZONE, "TXT", MEMBER, TXT(b"ours")),
    claim("z.example.test", "CNAME", EXCLUSIVE, Target(owner_name("elsewhere.test"))),
)
WRITTEN = {
    ("a", "A", 3600, "203.0.113.1"),
    ("", "TXT", 3600, "ours"),
    ("z", "CNAME", 3600, "elsewhere.test."),
}


@pytest.mark.parametrize("lost", [False, True], ids=["not carried out", "answer lost"])
@pytest.mark.parametrize("at", range(6))
def test_a_failure_in_the_middle_loses_nothing_foreign_and_another_run_converges(
    fake: Fake,
    bridge: OctoDnsProvider,
    tmp_path: Path,
    at: int,
    lost: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    theirs = seeded(fake)
    ledger = Ledger(tmp_path / "state", ZONE)
    carry_out(bridge, EARLIER, ledger)
    before = len(fake.written)

    def fault(call: Call) -> Reply | None:
        if len(fake.written) != before + at + 1 or call is not fake.written[-1]:
            return None
        fake.fault = None
        if lost:
            fake.answer(call)
        raise requests.ConnectionError("connection reset")

    fake.fault = fault
    with suppress(Unreachable, PartialApply):
        carry_out(bridge, CLAIMS, ledger)
    assert fake.fault is None or at > 0  # some APIs need one call for all
    fake.fault = None
    assert theirs <= fake.everything()
    carry_out(bridge, CLAIMS, ledger)
    assert carry_out(bridge, CLAIMS, ledger).changes == ()
    assert fake.everything() - theirs == WRITTEN and theirs <= fake.everything()


def test_what_was_written_before_a_failure_is_counted(fake: Fake, bridge: OctoDnsProvider) -> None:
    if not bridge.package.by_value:
        pytest.skip("an RRset is one thing there")

    def fault(call: Call) -> Reply | None:
        return fake.failing(500, "oops") if len(fake.written) == 2 and call.writes else None

    fake.fault = fault
    hosts = [rrset(f"h{n}.example.test", "A", 3600, Address("192.0.2.1")) for n in range(3)]
    with pytest.raises(PartialApply) as error:
        put(bridge, *hosts)
    assert (error.value.words.named["done"], error.value.words.named["total"]) == ("1", "3")
    assert isinstance(error.value.cause, Unreachable)


def test_there_is_no_moment_without_an_address_nor_one_with_two_policies(
    fake: Fake, bridge: OctoDnsProvider
) -> None:
    old = (
        rrset(HOST, "A", 3600, Address("192.0.2.1")),
        rrset(HOST, "TXT", 3600, TXT(b"v=spf1 a -all")),
    )
    put(bridge, *old)
    moments = list[tuple[int, int]]()

    def fault(call: Call) -> Reply | None:
        moments.append((len(fake.shown("host", "A")), len(fake.shown("host", "TXT"))))
        return None

    fake.fault = fault
    values = (Address("192.0.2.2"), TXT(b"v=spf1 mx -all"))
    new = [replace(o, values=frozenset({v})) for o, v in zip(old, values, strict=True)]
    bridge.apply([Change(o, n, "test") for o, n in zip(old, new, strict=True)])
    assert all(addresses >= 1 and policies <= 1 for addresses, policies in moments)
    found = read(bridge, HOST)
    assert [found[each.key] for each in new] == new


def test_ovh_serves_what_a_run_that_broke_off_had_written(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["ovh"]):
        pytest.skip("octodns-ovh is not installed")
    fake, ledger = Ovh(), Ledger(tmp_path / "state", ZONE)

    def fault(call: Call) -> Reply | None:
        return fake.failing(500, "oops") if call.path.endswith("/refresh") else None

    with answering(fake):
        bridge = opened(fake, tmp_path)
        fake.fault = fault
        with pytest.raises(PartialApply) as error:
            carry_out(bridge, CLAIMS, ledger)
        assert isinstance(error.value.cause, Unreachable)
        assert error.value.words.named["done"] == error.value.words.named["total"] == "3"
        assert not fake.served & WRITTEN
        fake.fault = None
        assert carry_out(bridge, CLAIMS, ledger).changes == ()
    assert fake.served >= WRITTEN


@pytest.mark.parametrize("kind", ["SPF", "DKIM", "DMARC"])
def test_ovh_texts_of_a_type_of_their_own_are_texts(tmp_path: Path, kind: str) -> None:
    if not octodns_packages.installed(PACKAGES["ovh"]):
        pytest.skip("octodns-ovh is not installed")
    fake = Ovh()
    fake.seed("", "TXT", 3600, "v=DKIM1; k=rsa; p=YWJj", fieldType=kind)
    fake.seed("", "TXT", 3600, "theirs")
    with answering(fake):
        bridge = opened(fake, tmp_path)
        live = read(bridge, ZONE)[key(ZONE, "TXT")]
        assert live.values == {TXT(b"v=DKIM1; k=rsa; p=YWJj"), TXT(b"theirs")}
        only = replace(live, values=frozenset({TXT(b"theirs")}))
        bridge.apply([Change(live, only, "test")])
    assert fake.shown("", "TXT") == {(3600, "theirs")}


def test_transip_entries_with_relative_contents_are_found(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["transip"]):
        pytest.skip("octodns-transip is not installed")
    fake = TransIp()
    fake.seed("", "MX", 3600, "10 mail.example.test.", content="10 mail")
    fake.seed("", "MX", 3600, "20 example.test.", content="20 @")
    with answering(fake):
        bridge = opened(fake, tmp_path)
        live = read(bridge, ZONE)[key(ZONE, "MX")]
        assert live.values == {
            MX(10, owner_name("mail.example.test")),
            MX(20, owner_name("example.test")),
        }
        kept = replace(live, values=frozenset({MX(20, owner_name("example.test"))}))
        bridge.apply([Change(live, kept, "test")])
    assert fake.shown("", "MX") == {(3600, "20 example.test.")}


def test_an_error_while_hetzner_is_read_is_no_empty_zone(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["hetzner"]):
        pytest.skip("octodns-hetzner is not installed")
    fake = Hetzner()
    fake.fault = lambda call: fake.failing(500, "oops") if "rrsets" in call.path else None
    with answering(fake), pytest.raises(Unreachable) as error:
        opened(fake, tmp_path).read(frozenset({owner_name(ZONE)}))
    assert error.value.words.id == "dns.error.http_failed"


def test_a_scaleway_zone_of_somebody_else_is_no_empty_zone(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["scaleway"]):
        pytest.skip("octodns-scaleway is not installed")
    fake = Scaleway()
    fake.fault = lambda call: fake.failing(403, "insufficient permissions")
    with answering(fake), pytest.raises(AuthError):
        opened(fake, tmp_path).read(frozenset({owner_name(ZONE)}))


def test_a_desec_caa_with_parameters_is_read_whole(tmp_path: Path) -> None:
    if not octodns_packages.installed(PACKAGES["desec"]):
        pytest.skip("octodns-desec is not installed")
    fake = Desec()
    fake.seed("", "CAA", 3600, '0 issue "ca.test; account=1"')
    with answering(fake):
        seen = read(opened(fake, tmp_path), ZONE)[key(ZONE, "CAA")]
    assert seen.values == {CAA(0, "issue", b"ca.test; account=1")}
