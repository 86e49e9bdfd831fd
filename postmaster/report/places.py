"""Where a record that a result is about is entered: in which zone, at whom, under which name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dns_providers.rrset import RRKey, key, owner_name
from postmaster.checks.results import Result, Status
from postmaster.checks.subjects import About
from postmaster.settings import ZoneSettings

_WRONG = frozenset({Status.WARN, Status.FAIL})
# The one record of a domain that rules with these letters are about.
_TYPES = {"MX": "MX", "SPF": "TXT"}
# Providers with a panel: the name people know, and what its form has for the zone itself.
_PANELS = {
    "alidns": ("Alibaba Cloud DNS", "@"),
    "cloudflare": ("Cloudflare", "@"),
    "dnspod": ("DNSPod", "@"),
    "route53": ("Route 53", ""),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is entered. provider: who the zone is at. name: what its form has as host."""

    zone: str
    provider: str
    name: str
    rtype: str


def record_of(result: Result) -> RRKey | None:
    """Return the record that a result is about, None where its rule and subject tell of none."""
    subject = result.subject
    if subject.record is not None:
        return subject.record
    rtype = _TYPES.get(result.rule.id.partition("-")[0])
    if rtype is None or subject.about not in (About.DOMAIN, About.SENDER):
        return None
    return key(subject.text.partition(" ")[0], rtype)


def place_of(result: Result, zones: Iterable[ZoneSettings]) -> Place | None:
    """Return where the record of a result that is wrong is entered.

    zones: those of the site. None where nothing is wrong, or the record is in none of them.
    """
    record = record_of(result) if result.status in _WRONG else None
    if record is None:
        return None
    holding = [each for each in zones if record.owner.is_subdomain(owner_name(each.name))]
    if not holding:
        return None
    zone = max(holding, key=lambda each: len(owner_name(each.name)))
    provider, apex = _PANELS.get(zone.provider, (zone.provider, "@"))
    origin = owner_name(zone.name)
    name = apex if record.owner == origin else record.owner.relativize(origin).to_text()
    return Place(zone.name, provider, name, record.rtype)
