"""Zone files: our records go in and out, and everything else stays as it was written."""

from __future__ import annotations

import struct
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
from tests.provider_contract import ProviderContract, Shows, Typed, put, read

APEX = owner_name("example.test")
OURS = Address("203.0.113.10")
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

    @pytest.fixture
    def shows(self, typed: Typed) -> Shows:
        return lambda owner, rtype, value: typed(owner, rtype, 300, value)


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


# -- what others wrote in it -------------------------------------------------------------------

FOREIGN = (
    b'@ HTTPS 1 . alpn="h3,h2"',
    b's SVCB 1 . mandatory="alpn" alpn="h2"',
    b"c 60 CLASS1 A 192.0.2.9",
    b"d class1 60 A 192.0.2.9",
    b"t TYPE1 \\# 4 C0000209",
    b"n TYPE65280 \\# 2 0102",
    b"; gr\xfc\xdfe \x85\xa0",
    b'l TXT "gr\xfc\xdfe \\\xfc" ; \xe9',
    'u TXT "grüße, 你好"'.encode(),
    b"alias ALIAS elsewhere.test.",
    b"loc LOC nowhere",
    b"a..b A 192.0.2.7",
    b"\tA 192.0.2.8 ; of that name, too",
    b"after A 192.0.2.6",
)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_every_octet_of_others_stays_and_ours_ends_as_the_file_does(
    tmp_path: Path, end: bytes
) -> None:
    path = tmp_path / "zone"
    before = end.join([*BASE.encode().splitlines(), *FOREIGN, b""])
    path.write_bytes(before)
    provider = ZoneFileProvider(APEX, path)
    made = rrset("smtp.example.test", "A", 300, OURS)
    put(provider, made)
    lines = path.read_bytes().split(end)
    assert lines[5 : 5 + len(FOREIGN)] == list(FOREIGN)
    assert lines[-2:] == [b"smtp.example.test. 300 IN A 203.0.113.10", b""]
    assert path.read_bytes().count(b"\n") == len(lines) - 1
    provider.apply([Change(made, None, "test")])
    assert path.read_bytes().split(end)[3 : 5 + len(FOREIGN)] == before.split(end)[3:-1]


def test_what_others_wrote_is_read_as_a_server_reads_it(tmp_path: Path) -> None:
    provider = opened(tmp_path, BASE)
    provider.path.write_bytes(BASE.encode() + b"\n".join(FOREIGN) + b"\n")
    names = ("l", "u", "t", "c", "after", "alias", "loc", "n")
    found = read(provider, *(f"{name}.example.test" for name in names))
    shown = {str(key): each for key, each in found.items()}
    assert shown["l.example.test/TXT"].values == {TXT("grüße ü".encode("latin-1"))}
    assert shown["u.example.test/TXT"].values == {TXT("grüße, 你好".encode())}
    assert shown["t.example.test/A"].values == {Address("192.0.2.9")}
    assert shown["c.example.test/A"].ttl == 60
    assert shown["after.example.test/A"].values == {Address("192.0.2.6")}
    odd = sorted(key for key, each in shown.items() if each.opaque)
    assert odd == ["alias.example.test/ALIAS", "loc.example.test/LOC"]


def test_a_line_without_a_name_after_an_odd_one_keeps_its_name(tmp_path: Path) -> None:
    provider = opened(tmp_path, f"{BASE}odd ALIAS elsewhere.test.\n  60 A 192.0.2.5\n  MX nobody\n")
    found = {str(key): each for key, each in read(provider, "odd.example.test").items()}
    assert found["odd.example.test/A"] == rrset("odd.example.test", "A", 60, Address("192.0.2.5"))
    assert found["odd.example.test/MX"].opaque
    provider.apply([Change(found["odd.example.test/A"], None, "test")])
    assert provider.path.read_text().endswith("odd ALIAS elsewhere.test.\n  MX nobody\n")


# -- files that are not all there is -----------------------------------------------------------


def assert_refused(provider: ZoneFileProvider, why: str) -> None:
    """A zone is neither read nor written. why: message id."""
    for work in (
        lambda: read(provider, "example.test"),
        lambda: put(provider, rrset("smtp.example.test", "A", 300, OURS)),
    ):
        with pytest.raises(Rejected) as error:
            work()
        assert error.value.words.id == why


@pytest.mark.parametrize(
    "record",
    [
        "@ RRSIG NS 13 2 300 20300101000000 20260101000000 1 example.test. AAAA",
        "@ NSEC ns NS SOA NSEC",
        "@ NSEC3PARAM 1 0 0 -",
        "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
        "@ DNSKEY 257 3 13 AAAA",
        "@ TYPE48 \\# 5 0101030DAA",
        "@ ZONEMD 1 1 1 " + "00" * 48,
        "@ ZONEMD of another day",
    ],
)
def test_a_signed_zone_is_refused_and_stays(tmp_path: Path, record: str) -> None:
    provider = opened(tmp_path, f"{BASE}{record}\n")
    assert_refused(provider, "dns.error.zone_signed")
    assert provider.path.read_text() == f"{BASE}{record}\n"


def journal(end: int) -> bytes:
    """The head of BIND's journal that goes to a serial."""
    return b";BIND LOG V9.2\n\0" + struct.pack(">IIII", 1, 512, end, 695)


@pytest.mark.parametrize("linked", [False, True])
def test_a_zone_with_a_journal_is_refused_and_stays(tmp_path: Path, linked: bool) -> None:
    provider = opened(tmp_path, BASE)
    (tmp_path / "zone.jnl").write_bytes(journal(7))
    if linked:
        (tmp_path / "link").symlink_to(provider.path)
        provider = ZoneFileProvider(APEX, tmp_path / "link")
    assert_refused(provider, "dns.error.zone_journal")
    assert provider.path.read_text() == BASE


@pytest.mark.parametrize(
    ("content", "fine"), [(journal(7), True), (journal(8), False), (b"", False)]
)
def test_the_journal_of_a_server_that_signs_by_itself_is_none_of_updates(
    tmp_path: Path, content: bytes, fine: bool
) -> None:
    provider = opened(tmp_path, BASE)
    (tmp_path / "zone.jnl").write_bytes(content)
    (tmp_path / "zone.signed").write_bytes(b"")
    if fine:
        put(provider, rrset("smtp.example.test", "A", 300, OURS))
        put(provider, rrset("mail.example.test", "A", 300, OURS))
        return
    with pytest.raises(Rejected):
        read(provider, "example.test")


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
