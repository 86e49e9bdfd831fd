"""Where a record that is wrong is entered: zone, provider, host field, type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ground.words import say
from postmaster.report.json import to_record
from postmaster.report.kept import read
from postmaster.report.places import Place, place_of
from postmaster.report.text import table
from postmaster.settings import ZoneSettings
from tests.postmaster.full_view import answer, dmarc_site, found, good, one, server, with_domain
from tests.postmaster.test_report import faulty

NONE = with_domain(
    good(server()),
    "example.com",
    mx=answer("example.com", "MX"),
    mx_addresses=(),
    dmarc_site=dmarc_site("example.com"),
)


def zone(name: str, provider: str) -> ZoneSettings:
    return ZoneSettings(name, provider, (), (), 3600, 100)


@pytest.mark.parametrize(
    ("rule", "subject", "provider", "place"),
    [
        ("MX-07", "example.com", "cloudflare", Place("example.com", "Cloudflare", "@", "MX")),
        ("MX-07", "example.com", "route53", Place("example.com", "Route 53", "", "MX")),
        ("MX-07", "example.com", "rfc2136", Place("example.com", "rfc2136", "@", "MX")),
        (
            "DMARC-01",
            "_dmarc.example.com",
            "dnspod",
            Place("example.com", "DNSPod", "_dmarc", "TXT"),
        ),
    ],
)
def test_a_record_is_entered_at_its_zones_provider(
    rule: str, subject: str, provider: str, place: Place
) -> None:
    zones = (zone("other.org", "alidns"), zone("example.com", provider))
    assert place_of(one(NONE, rule, subject), zones) == place


def test_of_two_zones_the_record_is_in_the_one_below() -> None:
    below = replace(one(NONE, "DMARC-01", "_dmarc.example.com"))
    zones = (zone("example.com", "alidns"), zone("_dmarc.example.com", "cloudflare"))
    assert place_of(below, zones) == Place("_dmarc.example.com", "Cloudflare", "@", "TXT")


def test_what_is_right_or_in_no_zone_of_the_site_has_no_place() -> None:
    zones = (zone("other.org", "cloudflare"), zone("example.com", "cloudflare"))
    assert [place_of(each, zones) for each in found(good(server()))] == [None] * len(
        found(good(server()))
    )
    assert place_of(one(NONE, "MX-07", "example.com"), zones[:1]) is None


def test_a_report_says_it_in_every_form() -> None:
    made = replace(faulty(), zones=(zone("example.com", "cloudflare"),))
    lines = [line.strip() for line in table(made)]
    assert "in the zone example.com at Cloudflare: host _dmarc, type TXT" in lines
    (finding,) = [
        each for each in read(to_record(made)).findings if each.id == "DMARC-01" and each.place
    ]
    assert finding.place == Place("example.com", "Cloudflare", "_dmarc", "TXT")
    assert say(one(NONE, "MX-07", "example.com").seen)
