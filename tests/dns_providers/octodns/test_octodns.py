"""The octoDNS bridge: the contract through a real package on a real server, options, errors.

The packages that may be used run against fakes of their APIs in tests/octodns, on request.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st
from octodns.record.txt import TxtRecord
from octodns.zone import Zone

from dns_providers.adapters.powerdns import PowerDnsProvider
from dns_providers.base import AuthError, Change, Rejected, ZoneNotFound
from dns_providers.octodns import packages as octodns_packages
from dns_providers.octodns.bridge import OctoDnsProvider, _octets
from dns_providers.octodns.packages import PACKAGES, Argument, Package, Text, carried
from dns_providers.octodns.reading import named_rows
from dns_providers.registry import open_provider, option_problems
from dns_providers.rrset import TXT, Address, Target, owner_name, rrset
from dns_providers.rrset import key as key_of
from dns_providers.text import value_from_text, value_text
from tests.dns_providers import servers
from tests.dns_providers.servers import IDN_ZONE, ZONE, NameServer
from tests.languages import documents
from tests.provider_contract import ProviderContract, Shows, Typed, put, read

# PowerDNS has an adapter of its own: here it stands for all packages, with a real server behind.
POWERDNS = Package(
    "powerdns",
    "octodns_powerdns",
    "PowerDnsProvider",
    "127.0.0.1",
    (Argument("host"), Argument("port"), Argument("api_key", "PDNS_API_KEY")),
    Text(quoted=True, sends_escaped=False, reads_escaped=False, wraps=True),
    creators=("_post",),
    fixed=(("enable_dynamic", False),),
    atomic="zone",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NameServer]:
    if not servers.there("powerdns"):
        pytest.skip("powerdns is not installed")
    with servers.running("powerdns", tmp_path) as running:
        yield running


def opened(server: NameServer, zone: str = ZONE, **more: str) -> OctoDnsProvider:
    known = {"host": "127.0.0.1", "port": str(server.api_port), "api_key": server.secret}
    return OctoDnsProvider(owner_name(zone), POWERDNS, {**known, **more})


class TestOctoDns(ProviderContract):
    refusal: ClassVar = "Conflicts"
    cannot_hold: ClassVar = {"empty": "an empty text is not sent"}

    @pytest.fixture
    def provider(self, server: NameServer) -> OctoDnsProvider:
        return opened(server)

    @pytest.fixture
    def idn_provider(self, server: NameServer) -> OctoDnsProvider:
        return opened(server, IDN_ZONE)

    @pytest.fixture
    def typed(self, server: NameServer) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            records = [{"content": value, "disabled": False}]
            row = {"name": f"{owner}.", "type": rtype, "ttl": ttl, "records": records}
            reply = httpx.patch(
                f"http://127.0.0.1:{server.api_port}/api/v1/servers/localhost/zones/{ZONE}.",
                json={"rrsets": [{**row, "changetype": "REPLACE"}]},
                headers={"X-API-Key": server.secret},
            )
            assert reply.status_code == 204, reply.text

        return enter

    @pytest.fixture
    def shows(self, server: NameServer, provider: OctoDnsProvider) -> Iterator[Shows]:
        with servers.showing(server) as (proxy, show):
            port = proxy.url.rpartition(":")[2]
            object.__setattr__(provider, "arguments", {**provider.arguments, "port": port})
            yield show


TEXTS = (
    '"se;mi" "two"',
    '"se;mitwo"',
    '"a\\\\;b" "c"',
    f'"{"a" * 100}" "{"b" * 100}"',
    '" x" "y \\"z"',
)


def test_what_stays_of_a_set_is_sent_back_as_it_was_read(server: NameServer) -> None:
    direct = f"http://127.0.0.1:{server.api_port}/api/v1/servers/localhost/zones/{ZONE}."
    key = {"X-API-Key": server.secret}
    row = servers.shown_row(ZONE, "TXT", *TEXTS, '"v=spf1" " -all"')
    body = {"rrsets": [{**row, "changetype": "REPLACE"}]}
    assert httpx.patch(direct, json=body, headers=key).status_code == 204
    provider = opened(server)
    before = read(provider, ZONE)[key_of(ZONE, "TXT")]
    kept = before.values - {TXT(b"v=spf1 -all")}
    assert len(kept) == len(TEXTS) - 1
    after = rrset(ZONE, "TXT", 600, TXT(b"v=spf1 mx -all"), *kept)
    provider.apply([Change(before, after, "test")])
    rows = httpx.get(direct, headers=key).json()["rrsets"]
    (shown,) = [each["records"] for each in rows if each["type"] == "TXT"]
    assert {each["content"] for each in shown} == {*TEXTS, '"v=spf1 mx -all"'}


def test_what_our_own_adapter_reads_is_what_the_package_reads(server: NameServer) -> None:
    direct = PowerDnsProvider(
        owner_name(ZONE), f"http://127.0.0.1:{server.api_port}", server.secret
    )
    texts = (TXT(b"a;b\\;c\\\\;d"), TXT(b'"quoted"'), TXT(b'a" "b'), TXT(b"\xc3\xa4" * 200))
    put(direct, rrset("host.example.test", "TXT", 300, *texts))
    seen = read(opened(server), "host.example.test")
    assert {k: v for k, v in seen.items() if k.rtype != "SOA"} == {
        k: v for k, v in read(direct, "host.example.test").items() if k.rtype != "SOA"
    }


def test_a_zone_that_is_not_there_is_told_and_not_made(server: NameServer) -> None:
    nowhere = opened(server, "nowhere.test")
    with pytest.raises(ZoneNotFound):
        nowhere.read(frozenset({owner_name("nowhere.test")}))
    with pytest.raises(ZoneNotFound):
        nowhere.apply([Change(None, rrset("a.nowhere.test", "A", 300, Address("192.0.2.1")), "t")])
    with pytest.raises(ZoneNotFound):
        nowhere.read(frozenset({owner_name("nowhere.test")}))


def test_a_zone_lost_between_reading_and_writing_is_not_made(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, unread = opened(server)._populated(opened(server)._opened())
    nowhere = opened(server, "nowhere.test")
    real.name = "nowhere.test."
    monkeypatch.setattr(OctoDnsProvider, "_populated", lambda self, provider: (real, unread))
    with pytest.raises(ZoneNotFound):
        nowhere.apply([Change(None, rrset("a.nowhere.test", "A", 300, Address("192.0.2.1")), "t")])
    monkeypatch.undo()
    with pytest.raises(ZoneNotFound):
        nowhere.read(frozenset({owner_name("nowhere.test")}))


def test_a_wrong_key_is_told_and_not_shown(server: NameServer) -> None:
    provider = opened(server, api_key="wrong-key")
    with pytest.raises(AuthError) as error:
        provider.read(frozenset({owner_name(ZONE)}))
    assert "wrong-key" not in f"{error.value} {error.value.words} {provider!r}"


def test_what_the_server_refuses_is_told_in_its_words(server: NameServer) -> None:
    provider = opened(server)
    put(provider, rrset("host.example.test", "A", 300, Address("192.0.2.1")))
    bad = rrset("host.example.test", "CNAME", 300, Target(owner_name("elsewhere.test")))
    with pytest.raises(Rejected) as error:
        provider.apply([Change(None, bad, "test")])
    assert "Conflicts" in str(error.value)


# -- text ----------------------------------------------------------------------------------------


def through(text: Text, data: bytes) -> tuple[bytes, bytes]:
    """What the API gets of a TXT, and what is read of it, by the way of a package of that kind."""
    package = Package("any", "", "", "", (), text)
    bridge = OctoDnsProvider(owner_name(ZONE), package, {})
    zone = Zone(f"{ZONE}.", [])
    record = bridge._record(zone, rrset("host.example.test", "TXT", 300, TXT(data)))
    (sent,) = record.values
    assert [sent] == record.chunked_values or text.wraps or not text.quoted
    sent = sent.replace("\\;", ";") if text.sends_escaped else str(sent)
    if not text.quoted:
        arrived, shown = sent.encode("latin-1"), sent
    else:
        value = value_from_text(f'"{sent}"' if text.wraps else sent, "TXT")
        assert isinstance(value, TXT)
        arrived = value.data
        shown = value_text(value, "TXT")[1:-1] if text.wraps else value_text(value, "TXT")
    # octoDNS takes the seam between two strings out of a text wherever it stands, here after a
    # quote and a space of the text itself: what is left is none, and is told as such.
    assume('\\" " "' not in shown)
    shown = shown.replace(";", "\\;") if text.reads_escaped else shown
    (back,) = TxtRecord(zone, "host", {"ttl": 300, "type": "TXT", "values": [shown]}).values
    return arrived, _octets(back, text)


KINDS = sorted({each.text for each in (*PACKAGES.values(), POWERDNS)}, key=repr)
TRICKY = st.lists(st.sampled_from([b";", b"\\", b'"', b" ", b"a", b'" "', b"\xc3", b"x" * 300]))


@pytest.mark.parametrize("text", KINDS, ids=repr)
@given(st.binary(max_size=600) | TRICKY.map(b"".join))
def test_a_text_arrives_and_comes_back_as_it_was(text: Text, data: bytes) -> None:
    if carried(text, data):
        assert through(text, data) == (data, data)


@pytest.mark.parametrize("package", PACKAGES.values(), ids=lambda package: package.name)
def test_what_we_publish_is_carried_by_every_package(package: Package) -> None:
    key = b"v=DKIM1; k=rsa; p=" + b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12
    for data in (key, b"v=spf1 ip4:192.0.2.1 ~all", b"v=DMARC1; p=none; rua=mailto:a@b.test"):
        assert carried(package.text, data)


def test_a_longer_key_than_the_api_takes_is_known_when_it_is_planned() -> None:
    assert PACKAGES["digitalocean"].capabilities.max_txt == 504
    text = PACKAGES["digitalocean"].text
    assert carried(text, b"x" * 504) and not carried(text, b"x" * 505)


# -- options -------------------------------------------------------------------------------------


def told(options: dict[str, str], environ: dict[str, str]) -> list[tuple[str, str]]:
    """The problems: message id, and the value that says what it is about."""
    found = option_problems("octodns", options, environ)
    names = ("argument", "extra", "option", "variable")
    return [
        (each.id, next(each.named[n] for n in reversed(names) if n in each.named)) for each in found
    ]


@pytest.fixture
def none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octodns_packages, "installed", lambda package: False)


@pytest.fixture
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octodns_packages, "installed", lambda package: True)


@pytest.mark.usefixtures("none_installed")
def test_all_that_is_wrong_is_told_at_once() -> None:
    options = {"octodns_provider": "azure", "octodns_arguments": "sub_id=1, colour=red"}
    assert told(options, {}) == [
        ("dns.option.octodns_extra", "octodns-azure"),
        ("dns.option.octodns_unknown", "octodns_arguments"),
        ("dns.option.octodns_argument", "resource_group"),
        ("dns.option.octodns_argument", "directory_id"),
        ("dns.option.octodns_argument", "client_id"),
        ("dns.option.octodns_secret", "AZURE_CLIENT_SECRET"),
    ]


@pytest.mark.usefixtures("none_installed")
def test_who_does_not_open_the_provider_needs_neither_package_nor_credentials() -> None:
    options = {"octodns_provider": "dnsimple", "octodns_arguments": "account=42"}
    assert option_problems("octodns", options, {}, opening=False) == ()
    assert [each.id for each in option_problems("octodns", options, {})] == [
        "dns.option.octodns_extra",
        "dns.option.octodns_secret",
    ]


def test_a_package_that_is_not_listed_is_told() -> None:
    assert told({"octodns_provider": "adguard"}, {}) == [("dns.option.choice", "octodns_provider")]


@pytest.mark.usefixtures("all_installed")
def test_what_is_no_list_of_pairs_is_told_without_showing_it() -> None:
    options = {"octodns_provider": "hetzner", "octodns_arguments": "my-secret-token"}
    assert told(options, {"HCLOUD_TOKEN": "t"}) == [("dns.option.pairs", "octodns_arguments")]
    assert "my-secret-token" not in str(option_problems("octodns", options, {}))


@pytest.mark.usefixtures("all_installed")
def test_credentials_come_from_their_variable_another_one_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("from-file\n")
    options = {"octodns_provider": "hetzner"}
    other = {**options, "octodns_variables": "token=SECOND_TOKEN"}
    package = PACKAGES["hetzner"]
    for given_, environ, token in (
        (options, {"HCLOUD_TOKEN": "first"}, "first"),
        (options, {"HCLOUD_TOKEN_FILE": str(path)}, "from-file"),
        (other, {"HCLOUD_TOKEN": "first", "SECOND_TOKEN": "second"}, "second"),
        (other, {"SECOND_TOKEN_FILE": str(path)}, "from-file"),
    ):
        assert told(given_, environ) == []
        found = octodns_packages.arguments_of(package, given_, environ)
        assert found == {"token": token}
        assert token not in repr(open_provider("octodns", ZONE, given_, environ))


@pytest.mark.usefixtures("all_installed")
def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    hetzner, google = ({"octodns_provider": name} for name in ("hetzner", "googlecloud"))
    assert told(hetzner, {"HCLOUD_TOKEN_FILE": path}) == [
        ("dns.option.no_file", "HCLOUD_TOKEN_FILE")
    ]
    variable = "GOOGLE_APPLICATION_CREDENTIALS"
    assert told(google, {variable: path}) == [("dns.option.no_file", variable)]
    assert told(google, {}) == [("dns.option.no_variable", "credentials_file")]


@pytest.mark.parametrize("readme", documents("README"))
@pytest.mark.parametrize("package", PACKAGES.values(), ids=lambda package: package.name)
def test_every_package_is_documented_with_what_it_needs(readme: str, package: Package) -> None:
    text = (Path(__file__).parents[3] / readme).read_text()
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {package.name} |"))
    for argument in package.arguments:
        assert f"`{argument.variable or argument.name}`" in row


def test_every_package_has_its_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    assert {package.extra for package in PACKAGES.values()} | {"octodns-all"} == set(extras)
    for package in PACKAGES.values():
        assert any(each.startswith(f"octodns-{package.name}~=") for each in extras[package.extra])
        assert f"pmail-deploy[{package.extra}]" in extras["octodns-all"]


def answered(body: object) -> requests.Response:
    answer = requests.Response()
    answer._content = json.dumps(body).encode()
    return answer


def test_rows_of_no_name_are_taken_out_of_an_answer_and_nothing_else() -> None:
    good, apex = {"type": "A", "name": "www"}, {"type": "MX", "name": ""}
    rows = [good, {"type": "TXT"}, apex, {"type": "A", "name": None}]
    beside = {"zones": [{"id": 1}], "types": [{"type": "A"}], "ids": [1, "a"], "total": 4}
    said = {"records": rows, **beside}
    assert named_rows(answered(said)).json() == {"records": [good, apex], **beside}
    assert (
        named_rows(answered([{"record": {"rrset_type": "A"}}])).content
        == answered([{"record": {"rrset_type": "A"}}]).content
    )
    odd = requests.Response()
    odd._content = b"<html>"
    assert named_rows(odd).content == b"<html>"
