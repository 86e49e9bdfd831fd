"""The records of a zone, to be entered elsewhere: each form has all of them, and what to know."""

from __future__ import annotations

import json
from dataclasses import replace

import dns.zone
import pytest

from deploys.run.options import parse
from deploys.zones.export_text import ZoneExport, export_text
from deploys.zones.request import FORMS, ExportRequest
from dns_providers.by_hand.panels import PANELS
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.rrset import CAA, MX, TXT, Address, owner_name
from ground.words import say
from postmaster.desired import MX_STAGE, Desired, MissingKey
from tests.dns_providers.publishing.test_plan import claim, spf_claim

ZONE = "example.test"
HOST = "smtp.example.test"
FIRST, SECOND = Address("192.0.2.1"), Address("192.0.2.2")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def mx() -> Claim:
    made = claim(ZONE, "MX", MX(10, owner_name(HOST)))
    return replace(made, stage=MX_STAGE)


CLAIMS = (
    mx(),
    spf_claim("192.0.2.1"),
    claim(HOST, "A", FIRST, ttl=300),
    claim(HOST, "A", SECOND, ttl=600),
    claim(ZONE, "CAA", CAA(0, "issue", b"letsencrypt.org"), mode=ClaimMode.MEMBER),
    replace(claim(f"_dmarc.{ZONE}", "TXT", TXT(b"v=DMARC1; p=none")), only_if_free=True),
)


def export(*claims: Claim, panel: str = "generic", missing: tuple[str, ...] = ()) -> ZoneExport:
    owners = tuple(missing_key(each) for each in missing)
    return ZoneExport(ZONE, Desired(claims or CLAIMS, owners), PANELS[panel])


def missing_key(owner: str) -> MissingKey:
    return MissingKey(owner, 3600)


def record(*zones: ZoneExport) -> dict[str, object]:
    made: dict[str, object] = json.loads(export_text(zones, "json"))
    return made


def test_what_is_wanted_of_one_name_and_type_is_one_rrset_and_mx_comes_last() -> None:
    rrsets = export().rrsets
    assert [str(each.key) for each in rrsets] == [
        *sorted(
            (str(each.key) for each in rrsets[:-1]), key=lambda text: rrsets_order(rrsets, text)
        ),
        f"{ZONE}/MX",
    ]
    (hosts,) = [each for each in rrsets if each.key.rtype == "A"]
    assert hosts.values == {FIRST, SECOND} and hosts.ttl == 600
    assert len(rrsets) == 5


def rrsets_order(rrsets: tuple[object, ...], text: str) -> int:
    return [str(each.key) for each in rrsets].index(text)  # type: ignore[attr-defined]


def test_the_table_has_a_title_every_value_and_a_note_for_what_is_special() -> None:
    text = export_text([export(missing=("k._domainkey.example.test",))], "table")
    assert text.startswith(f"Records of {ZONE} (panel: {PANELS['generic'].name})\n")
    for value in ("192.0.2.1", "192.0.2.2", HOST, "letsencrypt.org", "v=spf1", "v=DMARC1"):
        assert value in text, value
    notes = notes_of(export())
    assert len(notes) == 4 == len(set(notes))
    assert all(each in text for each in notes)
    assert "k._domainkey.example.test" in text.splitlines()[-1]
    assert text.endswith("\n") and not text.endswith("\n\n")


def notes_of(*zones: ZoneExport) -> list[str]:
    """The notes of single records."""
    (zone,) = record(*zones)["zones"]  # type: ignore[misc]
    named = [each for each in zone["notes"] if f"{ZONE}/" in each]
    return named


def test_each_special_record_is_told_once_and_by_its_own_reason() -> None:
    assert len(notes_of(export(claim(HOST, "A", FIRST)))) == 0
    told = [notes_of(export(each)) for each in (mx(), CLAIMS[1], CLAIMS[4], CLAIMS[5])]
    assert all(len(each) == 1 for each in told)
    assert len({each[0].partition(": ")[2] for each in told}) == 4
    twice = replace(mx(), values=frozenset({MX(20, owner_name(HOST))}))
    assert len(notes_of(export(mx(), twice))) == 1
    both = notes_of(export())
    assert both[-1].startswith(f"{ZONE}/MX"), "what comes last is told last"


def test_a_zone_file_is_read_back_with_every_record() -> None:
    text = export_text([export(), replace(export(), zone="example.test")], "zonefile")
    assert text.startswith(f"; {ZONE}\n; ") and text.count("; example.test\n") == 2
    first = export_text([export(missing=("k._domainkey.example.test",))], "zonefile")
    assert "; " in first and "k._domainkey.example.test" in first
    head = "@ 60 IN SOA ns host 1 2 3 4 5\n@ 60 IN NS ns.example.net.\n"
    parsed = dns.zone.from_text(head + first, ZONE, relativize=False)
    for rrset in export().rrsets:
        found = parsed.get_rdataset(rrset.key.owner, rrset.key.rtype)
        assert found is not None and len(found) == len(rrset.values) and found.ttl == rrset.ttl
    assert " MX " in first.splitlines()[-1]


def test_json_has_the_records_as_dns_and_as_the_panel_has_them() -> None:
    made = record(export(panel="godaddy", missing=("k._domainkey.example.test",)))
    assert made["version"] == 1
    (zone,) = made["zones"]  # type: ignore[misc]
    assert (zone["zone"], zone["panel"]) == (ZONE, "godaddy")
    assert zone["missing_keys"] == ["k._domainkey.example.test"]
    last = zone["records"][-1]
    assert last == {
        "owner": ZONE,
        "type": "MX",
        "ttl": 3600,
        "values": [f"10 {HOST}."],
        "panel": [
            {
                "host": "@",
                "type": "MX",
                "value": HOST,
                "priority": "10",
                "ttl": 3600,
                "fields": {},
                "notes": [],
            }
        ],
    }
    (hosts,) = [each for each in zone["records"] if each["type"] == "A"]
    assert hosts["owner"] == HOST and hosts["values"] == ["192.0.2.1", "192.0.2.2"]
    assert [row["host"] for row in hosts["panel"]] == ["smtp", "smtp"]
    assert {row["ttl"] for row in hosts["panel"]} == {600}
    assert zone["notes"] and "\\u" not in export_text([export()], "json")


def test_several_zones_stand_one_after_the_other_in_every_form() -> None:
    other = replace(export(claim("a.other.test", "A", FIRST)), zone="other.test")
    for form in FORMS:
        text = export_text([export(), other], form)
        assert text.index(ZONE) < text.index("other.test")
    assert [each["zone"] for each in record(export(), other)["zones"]] == [ZONE, "other.test"]  # type: ignore[attr-defined]
    with pytest.raises(ValueError):
        export_text([export()], "xml")


def test_a_form_or_a_panel_that_there_is_not_is_told_with_those_that_there_are() -> None:
    for form in FORMS:
        for panel_too in ({}, {"panel": "godaddy"}):
            assert parse(ExportRequest, {"format": form, **panel_too})[1] == ()
    _, wrong = parse(ExportRequest, {"format": "xml", "panel": "geocities"})
    form, panel = map(say, wrong)
    assert "xml" in form and "table, zonefile, json" in form
    assert "geocities" in panel and ", ".join(PANELS) in panel
