"""Zone files: our records go in and out, and everything else stays as it was written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.adapters.zonefile import ZoneFileProvider
from dns_providers.base import Change, Provider, Rejected, ZoneNotFound
from dns_providers.master_file import MasterFileError, edit, next_serial, records
from dns_providers.rrset import TXT, Address, owner_name, rrset
from tests.provider_contract import ProviderContract, Typed, put, read

APEX = owner_name("example.test")
BASE = """$ORIGIN example.test.
$TTL 300
@ IN SOA ns host 7 60 60 3600 5
@ IN NS ns
ns IN A 192.0.2.1
"""
RICH = """; our zone, kept by hand
$TTL 1h
$ORIGIN example.test.
@       IN SOA ns1.other.test. host.example.test. (
                2026010101 ; serial
                3600 600 86400 300 )
        IN NS  ns1.other.test.
        IN TXT "a ; b" "c\\"d" ; two strings

www 60  IN A   192.0.2.1
        IN A   192.0.2.2   ; second
        TXT    ( "long"
                 "text" )
$ORIGIN sub.example.test.
host    A 192.0.2.3
"""


class TestZoneFile(ProviderContract):
    refusal: ClassVar = "CNAME"

    @pytest.fixture
    def provider(self, tmp_path: Path) -> Provider:
        path = tmp_path / "example.test.zone"
        path.write_text(BASE)
        return ZoneFileProvider(APEX, path)

    @pytest.fixture
    def idn_provider(self, tmp_path: Path) -> Provider:
        path, zone = tmp_path / "idn.zone", "xn--bcher-kva.test"
        path.write_text(BASE.replace("example.test", zone))
        return ZoneFileProvider(owner_name(zone), path)

    @pytest.fixture
    def typed(self, provider: ZoneFileProvider) -> Typed:
        def enter(owner: str, rtype: str, ttl: int, value: str) -> None:
            with provider.path.open("a") as zone:
                zone.write(f"{owner}. {ttl} IN {rtype} {value}\n")

        return enter


def opened(folder: Path, text: str, command: str | None = None) -> ZoneFileProvider:
    path = folder / "zone"
    path.write_text(text)
    path.chmod(0o640)
    return ZoneFileProvider(APEX, path, command)


def test_comments_order_and_foreign_records_stay_and_the_serial_rises(tmp_path: Path) -> None:
    provider = opened(tmp_path, RICH)
    put(provider, rrset("smtp.example.test", "A", 300, Address("203.0.113.10")))
    text = provider.path.read_text()
    today = f"{datetime.now(UTC):%Y%m%d}00"
    expected = RICH.replace("2026010101", max(today, "2026010102"))
    assert text.startswith(expected.rstrip("\n"))
    assert text.endswith("smtp.example.test. 300 IN A 203.0.113.10\n")
    assert provider.path.stat().st_mode & 0o777 == 0o640


def test_a_record_that_lent_its_name_can_go(tmp_path: Path) -> None:
    provider = opened(tmp_path, RICH)
    before = read(provider, "www.example.test")
    (addresses,) = [each for each in before.values() if each.key.rtype == "A"]
    provider.apply([Change(addresses, None, "test")])
    after = read(provider, "www.example.test")
    assert after.keys() == before.keys() - {addresses.key}
    text_key = next(key for key in after if key.rtype == "TXT" and key.owner != APEX)
    assert after[text_key] == before[text_key]
    assert "second" not in provider.path.read_text().split("www")[0]


def test_what_we_wrote_can_be_taken_out_again(tmp_path: Path) -> None:
    provider = opened(tmp_path, RICH)
    made = rrset("smtp.example.test", "A", 300, Address("203.0.113.10"))
    put(provider, made)
    provider.apply([Change(made, None, "test")])
    assert "203.0.113.10" not in provider.path.read_text()


def test_a_failing_reload_puts_the_old_file_back(tmp_path: Path) -> None:
    provider = opened(tmp_path, BASE, "false")
    with pytest.raises(Rejected):
        put(provider, rrset("smtp.example.test", "A", 300, Address("203.0.113.10")))
    assert provider.path.read_text() == BASE


def test_the_server_is_told_after_a_change(tmp_path: Path) -> None:
    provider = opened(tmp_path, BASE, f"cp {tmp_path}/zone {tmp_path}/loaded")
    put(provider, rrset("smtp.example.test", "A", 300, Address("203.0.113.10")))
    assert (tmp_path / "loaded").read_text() == provider.path.read_text()


@pytest.mark.parametrize(
    "line", ["$INCLUDE other.zone", "$GENERATE 1-3 h$ A 192.0.2.$", "x A (192.0.2.1", 'x TXT "a']
)
def test_a_file_that_cannot_be_edited_safely_is_refused(tmp_path: Path, line: str) -> None:
    provider = opened(tmp_path, f"{BASE}{line}\n")
    with pytest.raises(Rejected):
        provider.read(frozenset({APEX}))
    assert provider.path.read_text() == f"{BASE}{line}\n"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ZoneNotFound):
        ZoneFileProvider(APEX, tmp_path / "none").read(frozenset({APEX}))


@pytest.mark.parametrize(
    ("serial", "wanted"),
    [
        *((1, 2), (2026112401, 2026112500), (2026112500, 2026112501)),
        *((2026112599, 2026112600), (2**32 - 1, 1), (1732500000, 1732500001)),
    ],
)
def test_a_serial_rises_and_a_date_stays_a_date(serial: int, wanted: int) -> None:
    assert next_serial(serial, datetime(2026, 11, 25, tzinfo=UTC)) == wanted


LABELS = st.sampled_from(["a", "b", "c"])
COMMENTS = st.sampled_from(["", " ; a comment", ' ; "odd" (comment', "   "])


@st.composite
def files(draw: st.DrawFn) -> str:
    lines = [BASE.rstrip("\n")]
    owner_given = False
    for _ in range(draw(st.integers(0, 8))):
        inherit = owner_given and draw(st.booleans())
        owner = "" if inherit else draw(LABELS)
        owner_given = True
        ttl = draw(st.sampled_from(["", "60 ", "IN ", "60 IN ", "IN 60 "]))
        rdata = draw(st.sampled_from(["A 192.0.2.1", "A 192.0.2.2", 'TXT "x;y" "z"', "TXT ( q )"]))
        lines.append(f"{owner} {ttl}{rdata}{draw(COMMENTS)}")
        lines += [""] * draw(st.integers(0, 1))
    return "\n".join(lines) + "\n"


@given(files(), LABELS, st.sampled_from(["A", "TXT"]))
def test_whatever_goes_out_or_in_everything_else_is_the_same(
    text: str, label: str, rtype: str
) -> None:
    try:
        before = dns.zone.from_text(text, APEX, relativize=False)
    except dns.exception.DNSException:
        return
    owner = owner_name(f"{label}.example.test")
    gone = [each for each in records(text, APEX) if each.key.owner == owner]
    mine = [each for each in gone if each.key.rtype == rtype]
    out = edit(text, APEX, [], [rrset("new.example.test", "TXT", 5, TXT(b"v"))])
    if mine:
        ttl = before.get_rdataset(owner, rtype).ttl
        old = rrset(f"{label}.example.test", rtype, ttl, *(each.value for each in mine))
        out = edit(out, APEX, [old], [])
    after = dns.zone.from_text(out, APEX, relativize=False)
    changed = {(owner.to_text(), rtype), ("new.example.test.", "TXT")}
    assert _without(after, changed) == _without(before, changed)
    assert not mine or after.get_rdataset(owner, rtype) is None


def _without(zone: dns.zone.Zone, left_out: set[tuple[str, str]]) -> set[str]:
    return {
        f"{name} {rdataset.to_text()}"
        for name, rdataset in zone.iterate_rdatasets()
        if (name.to_text(), rdataset.rdtype.name) not in left_out and rdataset.rdtype.name != "SOA"
    }


def test_text_that_is_no_zone_is_refused() -> None:
    with pytest.raises(MasterFileError):
        edit("@ IN A 192.0.2.1\n", APEX, [], [])
