"""Records to enter by hand: a zone file that servers load, and rows as web panels take them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.base import Change
from dns_providers.by_hand.panels import (
    PANELS,
    Panel,
    Row,
    panel_rows,
    panel_tasks,
    record_row,
    zone_file,
)
from dns_providers.by_hand.table import change_table, record_table
from dns_providers.rrset import (
    CAA,
    MX,
    SRV,
    TXT,
    Address,
    RRset,
    Target,
    Value,
    from_rdataset,
    key,
    owner_name,
    rrset,
)
from ground.columns import aligned, width
from ground.words import LANGUAGES, text
from tests.dns_providers import servers

ZONE = "example.test"
APEX = owner_name(ZONE)
DKIM = TXT(b"v=DKIM1; k=rsa; p=" + b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12)
TARGET = owner_name("smtp.example.test")
RRSETS = (
    rrset(ZONE, "MX", 3600, MX(10, TARGET)),
    rrset(ZONE, "TXT", 3600, TXT(b"v=spf1 ip4:203.0.113.10 ~all"), TXT(b'odd " \\ ; value\xff')),
    rrset(ZONE, "CAA", 3600, CAA(0, "issue", b"letsencrypt.org")),
    rrset("smtp.example.test", "A", 3600, Address("203.0.113.10")),
    rrset("smtp.example.test", "AAAA", 3600, Address("2001:db8::1")),
    rrset("pm1._domainkey.example.test", "TXT", 3600, DKIM),
    rrset("_imaps._tcp.example.test", "SRV", 3600, SRV(0, 1, 993, owner_name("imap.example.test"))),
    rrset("www.example.test", "CNAME", 3600, Target(APEX)),
)
HEAD = f"""{ZONE}. 60 IN SOA ns.{ZONE}. host.{ZONE}. 1 60 60 3600 5
{ZONE}. 60 IN NS ns.{ZONE}.
ns.{ZONE}. 60 IN A 127.0.0.1
"""


# -- zone file ---------------------------------------------------------------------------------


def loaded(content: str) -> set[RRset]:
    parsed = dns.zone.from_text(HEAD + content, APEX, relativize=False)
    return {from_rdataset(owner, rdataset) for owner, rdataset in parsed.iterate_rdatasets()}


def test_a_zone_file_says_the_same() -> None:
    assert loaded(zone_file(RRSETS, APEX)) >= set(RRSETS)


@given(st.binary(min_size=1, max_size=600))
def test_any_text_survives_a_zone_file(data: bytes) -> None:
    made = rrset("x.example.test", "TXT", 60, TXT(data))
    assert made in loaded(zone_file([made], APEX))


def test_a_zone_file_says_the_same_under_any_origin() -> None:
    text = HEAD + "$ORIGIN elsewhere.example.test.\n" + zone_file(RRSETS, APEX)
    parsed = dns.zone.from_text(text, APEX, relativize=False)
    assert parsed.get_rdataset(TARGET, "A") is not None


def test_what_is_not_in_the_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="other"):
        zone_file([rrset("other.test", "A", 60, Address("203.0.113.10"))], APEX)


def test_bind_loads_it(tmp_path: Path) -> None:
    if not servers.there("bind"):
        pytest.skip("bind is not installed")
    path = tmp_path / "zone"
    path.write_text(HEAD + zone_file(RRSETS, APEX))
    done = subprocess.run(["named-checkzone", ZONE, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# -- rows ----------------------------------------------------------------------------------------


def row(panel: str, owner: str, rtype: str, value: Value, ttl: int = 3600) -> Row:
    return record_row(key(owner, rtype), value, ttl, APEX, PANELS[panel])


@pytest.mark.parametrize("panel", PANELS)
def test_no_host_has_the_domain_in_it_but_where_names_are_whole(panel: str) -> None:
    hosts = {each.host for each in panel_rows(RRSETS, APEX, PANELS[panel])}
    whole = PANELS[panel].apex == "full"
    assert all(("example" in host) == whole for host in hosts)


@pytest.mark.parametrize(
    ("panel", "host"),
    [("generic", "@"), ("generic-full", "example.test."), ("vultr", ""), ("route53-console", "")],
)
def test_the_domain_itself_is_written_as_the_panel_wants(panel: str, host: str) -> None:
    assert row(panel, ZONE, "A", Address("203.0.113.10")).host == host


@pytest.mark.parametrize("panel", PANELS)
def test_a_key_is_in_strings_only_where_the_panel_wants_them(panel: str) -> None:
    value = row(panel, "pm1._domainkey.example.test", "TXT", DKIM).value
    data = DKIM.data.decode()
    wanted = {
        "raw": data,
        "quoted": f'"{data}"',
        "strings": f'"{data[:255]}" "{data[255:]}"',
    }
    assert value == wanted[PANELS[panel].txt]


@pytest.mark.parametrize(
    ("panel", "value", "priority"),
    [
        ("godaddy", "smtp.example.test", "10"),
        ("dnspod", "smtp.example.test.", "10"),
        ("route53-console", "10 smtp.example.test", ""),
    ],
)
def test_a_priority_is_where_the_panel_wants_it(panel: str, value: str, priority: str) -> None:
    made = row(panel, ZONE, "MX", MX(10, TARGET))
    assert (made.value, made.priority) == (value, priority)


SRV_OWNER, IMAP = "_imaps._tcp.example.test", SRV(0, 1, 993, owner_name("imap.example.test"))
WEIGHT_PORT = (("weight", "1"), ("port", "993"))
SERVICE = (("service", "_imaps"), ("protocol", "_tcp"))


@pytest.mark.parametrize(
    ("panel", "wanted"),
    [
        ("aliyun", ("_imaps._tcp", "0 1 993 imap.example.test", "", ())),
        ("vultr", ("_imaps._tcp", "1 993 imap.example.test", "0", ())),
        ("cloudflare", ("_imaps._tcp", "imap.example.test", "0", WEIGHT_PORT)),
        ("godaddy", ("@", "imap.example.test", "0", SERVICE + WEIGHT_PORT)),
        ("namecheap", ("", "imap.example.test", "0", SERVICE + WEIGHT_PORT)),
        (
            "linode",
            (
                "",
                "imap.example.test",
                "0",
                (("service", "imaps"), ("protocol", "tcp"), *WEIGHT_PORT),
            ),
        ),
    ],
)
def test_a_service_is_cut_up_as_the_panel_wants(panel: str, wanted: tuple[object, ...]) -> None:
    made = row(panel, SRV_OWNER, "SRV", IMAP)
    assert (made.host, made.value, made.priority, made.fields) == wanted


def test_a_service_of_a_subdomain_keeps_it() -> None:
    owner = "_imaps._tcp.sub.example.test"
    assert row("godaddy", owner, "SRV", IMAP).host == "sub"
    assert ("protocol", "_tcp.sub") in row("namecheap", owner, "SRV", IMAP).fields


def test_the_root_as_target_stays_a_dot() -> None:
    assert row("generic", ZONE, "MX", MX(0, owner_name("."))).value == "."


def test_caa_is_one_text_or_fields() -> None:
    value = CAA(0, "issue", b"letsencrypt.org")
    assert row("generic", ZONE, "CAA", value).value == '0 issue "letsencrypt.org"'
    made = row("cloudflare", ZONE, "CAA", value)
    assert (made.value, made.fields) == ("letsencrypt.org", (("flags", "0"), ("tag", "issue")))


@pytest.mark.parametrize(
    ("panel", "owner", "rtype", "value", "note"),
    [
        ("godaddy", "k._domainkey.example.test", "TXT", TXT(b"x" * 513), "txt"),
        ("aliyun", "k._domainkey.example.test", "TXT", TXT(b"x" * 512), "txt"),
        ("namecheap", ZONE, "TXT", TXT(b'say "hello"'), "quotes"),
        ("namecheap", f"{'x' * 61}.example.test", "A", Address("203.0.113.10"), "host"),
        (
            "namecheap",
            SRV_OWNER,
            "SRV",
            SRV(0, 1, 993, owner_name(f"{'x' * 30}.test")),
            "srv_target",
        ),
        ("linode", "_imaps._tcp.sub.example.test", "SRV", IMAP, "srv_below"),
        ("linode", ZONE, "CAA", CAA(128, "issue", b"x.test"), "caa_flags"),
        ("aliyun", ZONE, "MX", MX(0, TARGET), "mx"),
    ],
)
def test_what_a_panel_refuses_has_a_note(
    panel: str, owner: str, rtype: str, value: Value, note: str
) -> None:
    made = row(panel, owner, rtype, value)
    assert [each.id for each in made.notes] == [f"panel.note.{note}"]


@pytest.mark.parametrize("panel", PANELS)
def test_what_we_publish_fits_every_panel(panel: str) -> None:
    ours = [
        each for each in RRSETS if not any(b'"' in getattr(v, "data", b"") for v in each.values)
    ]
    assert [n for each in panel_rows(ours, APEX, PANELS[panel]) for n in each.notes] == []


@pytest.mark.parametrize(
    ("panel", "wished", "shown"),
    [
        ("godaddy", 300, 600),
        ("godaddy", 3600, 3600),
        ("linode", 600, 3600),
        ("linode", 10**7, 604800),
    ],
)
def test_a_time_to_live_fits_the_panel(panel: str, wished: int, shown: int) -> None:
    made = row(panel, ZONE, "A", Address("203.0.113.10"), wished)
    assert made.ttl == shown
    assert bool(made.notes) == (wished != shown)


# -- changes -------------------------------------------------------------------------------------


def tasks(*changes: Change, panel: str = "generic") -> list[tuple[str, str]]:
    return [(t.action, t.row.value) for t in panel_tasks(changes, APEX, PANELS[panel])]


def test_a_value_that_is_replaced_is_one_task() -> None:
    before, after = (
        rrset(ZONE, "TXT", 60, TXT(t), TXT(b"token")) for t in (b"v=spf1 -all", b"new")
    )
    (task,) = panel_tasks([Change(before, after, "spf")], APEX, PANELS["generic"])
    assert task.old is not None
    assert (task.action, task.row.value, task.old.value) == ("change", "new", "v=spf1 -all")


def test_what_goes_goes_last() -> None:
    gone = rrset("old.example.test", "A", 60, Address("203.0.113.9"))
    new = rrset("smtp.example.test", "A", 60, Address("203.0.113.10"))
    done = tasks(Change(gone, None, "x"), Change(None, new, "x"))
    assert done == [("add", "203.0.113.10"), ("delete", "203.0.113.9")]


def test_a_time_to_live_alone_is_a_change() -> None:
    before, after = (rrset(ZONE, "A", ttl, Address("203.0.113.10")) for ttl in (3600, 600))
    (task,) = panel_tasks([Change(before, after, "x")], APEX, PANELS["generic"])
    assert task.old is not None and (task.row.ttl, task.old.ttl) == (600, 3600)


def test_a_time_to_live_that_is_there_stays_whatever_the_panel_offers() -> None:
    before, after = (rrset(ZONE, "TXT", 300, TXT(t)) for t in (b"v=spf1 -all", b"v=spf1 ~all"))
    (task,) = panel_tasks([Change(before, after, "spf")], APEX, PANELS["godaddy"])
    assert task.row.ttl == 300 and task.row.notes == ()


# -- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("panel", PANELS)
def test_columns_stand_below_each_other_in_both_languages(
    panel: str, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_LANG", lang)
    rows = panel_rows(RRSETS[2:], APEX, PANELS[panel])
    lines = record_table(rows, APEX, PANELS[panel])
    heading = lines[0]
    column = width(heading[: heading.index(text("panel.value"))])
    for made, line in zip(rows, lines[1:], strict=False):
        start = text(f"panel.{made.fields[0][0]}") if made.fields else made.value
        assert column in {width(line[:at]) for at in range(len(line)) if line.startswith(start, at)}


def test_wide_characters_count_twice() -> None:
    assert aligned([("主机", "x"), ("ab", "y")]) == ("主机  x", "ab    y")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_table_of_changes_says_what_to_do(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", lang)
    before = rrset(ZONE, "TXT", 3600, TXT(b"v=spf1 -all"))
    after = rrset(ZONE, "TXT", 60, TXT(b"v=spf1 ~all"))
    lines = change_table([Change(before, after, "spf")], APEX, PANELS["godaddy"])
    assert text("panel.change") in lines[1] and "v=spf1 ~all" in lines[1]
    assert "v=spf1 -all" in lines[2] and "!" in lines[3]
    assert any(".example.test" in line for line in lines[4:])


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.name)
def test_every_hint_and_field_has_a_text(
    panel: Panel, lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_LANG", lang)
    rows = panel_rows(RRSETS, APEX, panel)
    assert len(record_table(rows, APEX, panel)) > len(rows)
