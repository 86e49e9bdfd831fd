"""The tools that the DNS benchmark compares: ours, octoDNS and dns-lexicon, all as libraries.

Each publishes the same records; once more is "no change". octoDNS: populate, plan and apply.
dns-lexicon has no plan: it is told to create each record, which means nothing where it is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.dns_doubles import Lexicon
from dns_providers.base import Provider
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import (
    MX,
    SRV,
    TXT,
    Address,
    Value,
    key,
    name_text,
    owner_name,
)
from dns_providers.text import value_text

TTL = 600
_KEY = b"v=DKIM1; k=rsa; p=" + b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12  # as long as of 2048 bits


def wanted(zone: str) -> list[Claim]:
    """The 12 records of a mail domain."""
    smtp, imap, pop = (owner_name(f"{label}.{zone}") for label in ("smtp", "imap", "pop"))
    values: dict[tuple[str, str], Value] = {
        ("smtp.", "A"): Address("192.0.2.10"),
        ("imap.", "A"): Address("192.0.2.10"),
        ("pop.", "A"): Address("192.0.2.10"),
        ("webmail.", "A"): Address("192.0.2.10"),
        ("", "MX"): MX(10, smtp),
        ("", "TXT"): TXT(b"v=spf1 ip4:192.0.2.10 -all"),
        ("smtp.", "TXT"): TXT(b"v=spf1 ip4:192.0.2.10 -all"),
        ("default._domainkey.", "TXT"): TXT(_KEY),
        ("_dmarc.", "TXT"): TXT(f"v=DMARC1; p=none; rua=mailto:dmarc@{zone}".encode()),
        ("_submissions._tcp.", "SRV"): SRV(0, 1, 465, smtp),
        ("_imaps._tcp.", "SRV"): SRV(0, 1, 993, imap),
        ("_pop3s._tcp.", "SRV"): SRV(0, 1, 995, pop),
    }
    return [
        Claim(
            key(f"{label}{zone}", rtype),
            ClaimMode.EXCLUSIVE,
            frozenset({value}),
            TTL,
            f"{label}{rtype}",
            True,
            "dns.reason.mx",
            "benchmark",
        )
        for (label, rtype), value in values.items()
    ]


def ours(provider: Provider, zone: str, state: Path) -> int:
    """Publish as a run does, with ledger and read-back; gives how many RRsets changed."""
    return len(carry_out(provider, wanted(zone), Ledger(state, zone)).changes)


def octodns(provider: Any, zone: str, seeded: bool) -> int:
    """Publish with octoDNS; gives how many RRsets changed."""
    from octodns.record import Record
    from octodns.zone import Zone

    desired = Zone(f"{zone}.", [])
    rows = [(_label(claim, zone), _octodns_data(claim)) for claim in wanted(zone)]
    if seeded:  # what octoDNS is not told of it takes out
        rows.append(("ns", {"type": "A", "ttl": 300, "value": "127.0.0.1"}))
        rows.append(("", {"type": "NS", "ttl": 300, "value": f"ns.{zone}."}))
    for label, data in rows:
        desired.add_record(Record.new(desired, label, data, lenient=True), lenient=True)
    plan = provider.plan(desired)
    return int(provider.apply(plan)) if plan else 0


def _label(claim: Claim, zone: str) -> str:
    name = name_text(claim.key.owner)
    return name.removesuffix(zone).rstrip(".")


def _octodns_data(claim: Claim) -> dict[str, Any]:
    (value,) = claim.values
    match value:
        case TXT(data=data):
            said: Any = data.decode().replace(";", "\\;")
        case MX(preference=preference, exchange=exchange):
            said = {"preference": preference, "exchange": exchange.to_text()}
        case SRV(priority=priority, weight=weight, port=port, target=target):
            numbers = {"priority": priority, "weight": weight, "port": port}
            said = {**numbers, "target": target.to_text()}
        case _:
            said = value_text(value, claim.key.rtype)
    return {"type": claim.key.rtype, "ttl": claim.ttl, "value": said}


def lexicon(to: Lexicon, zone: str) -> None:
    """Publish with dns-lexicon. Raises RuntimeError where it says that a record was not made."""
    claims = wanted(zone)
    if not to.priority:
        _lexicon(to, zone, claims)
        return
    _lexicon(to, zone, [claim for claim in claims if claim.key.rtype != "MX"])
    _lexicon(to, zone, [claim for claim in claims if claim.key.rtype == "MX"], priority="10")


def _lexicon(to: Lexicon, zone: str, claims: Sequence[Claim], **options: str) -> None:
    from lexicon.config import ConfigResolver

    said = {"domain": zone, "ttl": TTL, "provider_name": to.name, to.name: to.options, **options}
    module = import_module(f"lexicon._private.providers.{to.name}")
    provider = module.Provider(ConfigResolver().with_dict(said))
    to.direct(provider)
    provider.authenticate()
    for claim in claims:
        content = _content(to, claim)
        if not provider.create_record(claim.key.rtype, name_text(claim.key.owner), content):
            raise RuntimeError(f"{to.name} did not make {claim.key}")


def _content(to: Lexicon, claim: Claim) -> str:
    (value,) = claim.values
    text = value_text(value, claim.key.rtype)
    if isinstance(value, MX) and to.priority:
        return value.exchange.to_text()
    if isinstance(value, TXT) and to.quotes:
        return text[1:-1]
    return text


def missing(provider: Provider, zone: str) -> list[str]:
    """What was to be published and is not there just so."""
    claims = wanted(zone)
    names = frozenset(claim.key.owner for claim in claims)
    there = provider.read(names)
    return [
        str(claim.key)
        for claim in claims
        if (found := there.get(claim.key)) is None or found.values != claim.values
    ]
