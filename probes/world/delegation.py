"""A zone as its parent and its own servers show it: delegation, glue, serials, DNSSEC."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.node
import dns.rdataset
import dns.rdatatype
import dns.rrset

from dns_providers.rrset import name_text, owner_name
from probes.world.dns import Answer, Outcome
from probes.world.enquiry import Authority, Cut, Enquiry, Question, addresses_in, name_servers

_Keys = dict[dns.name.Name, dns.node.Node | dns.rdataset.Rdataset]


@dataclass(frozen=True, slots=True)
class NameServerView:
    """What one address of one name server says of a zone.

    soa: its SOA; serial: that of it. by_tcp: the same question by TCP. names: NS records inside the
    zone. keeps_case: it repeats the question as it was spelled, None where it did not answer.
    edns: it answers questions with EDNS.
    """

    name: str
    address: str
    soa: Answer
    by_tcp: Answer
    serial: int | None = None
    names: tuple[str, ...] = ()
    keeps_case: bool | None = None
    edns: bool = True

    @property
    def serves(self) -> bool:
        """Whether it is an authority for the zone."""
        return bool(self.soa.values) and self.soa.authoritative

    @property
    def label(self) -> str:
        """Its name and address, for people."""
        return f"{self.name} ({self.address})"


@dataclass(frozen=True, slots=True)
class DnssecView:
    """What DNSSEC shows of a zone.

    ds: key tags of the DS records at the parent, None where it did not answer. keys: how many
    DNSKEY records there are, None likewise. problem: why the zone's own signatures do not verify,
    "" where they do or there is nothing to verify. expires: when the first of them ends, UTC.
    validated, unchecked: what a resolver says of the zone's SOA, with and without validation.
    """

    ds: tuple[int, ...] | None = ()
    keys: int | None = 0
    problem: str = ""
    expires: datetime | None = None
    validated: Answer | None = None
    unchecked: Answer | None = None


@dataclass(frozen=True, slots=True)
class DelegationView:
    """A zone, seen from its parent and from its own servers.

    wanted: the zone that was looked for. zone: the one that the name is in, which is another where
    nobody delegates the wanted one. outcome: what the last server on the way said. names: NS at the
    parent. apart: the parent's own servers gave them; else they serve both zones. glue: addresses
    that the parent gives, and own: what the zone's servers say of the same names (None: nothing).
    unasked: addresses that cannot be reached from here for want of IPv6.
    """

    wanted: str
    zone: str
    outcome: Outcome
    parent: str = ""
    names: tuple[str, ...] = ()
    apart: bool = True
    servers: tuple[NameServerView, ...] = ()
    addressless: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()
    glue: tuple[tuple[str, tuple[str, ...]], ...] = ()
    own: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    dnssec: DnssecView = field(default=DnssecView())

    @property
    def found(self) -> bool:
        """Whether the wanted zone is there."""
        return bool(self.names) and self.zone == self.wanted

    @property
    def child_names(self) -> Mapping[str, tuple[str, ...]]:
        """The NS records that each server that serves the zone has of it, by the server's label."""
        return {each.label: each.names for each in self.servers if each.serves}


async def look(enquiry: Enquiry, cut: Cut, wanted: str) -> DelegationView:
    """Look at a zone. cut: where the wanted zone's name was found."""
    authority = cut.authority
    if authority is None or cut.zone != wanted:
        return DelegationView(wanted, cut.zone, cut.outcome)
    names = tuple(each.name for each in authority.servers)
    inside = tuple(each for each in names if owner_name(each).is_subdomain(authority.zone))
    servers, own, dnssec = await asyncio.gather(
        asyncio.gather(*(_server(enquiry, authority, *each) for each in authority.addresses)),
        asyncio.gather(*(_own_addresses(enquiry, each) for each in inside)),
        _dnssec(enquiry, authority),
    )
    parent = authority.parent.zone if authority.parent else dns.name.root
    return DelegationView(
        wanted,
        cut.zone,
        cut.outcome,
        name_text(parent),
        names,
        authority.apart,
        tuple(servers),
        tuple(e.name for e in authority.servers if not e.addresses and not authority.unasked),
        authority.unasked,
        tuple(each for each in authority.glue if each[0] in inside),
        tuple(zip(inside, own, strict=True)),
        dnssec,
    )


async def _own_addresses(enquiry: Enquiry, name: str) -> tuple[str, ...] | None:
    kinds = (enquiry.authoritative(name, rtype) for rtype in ("A", "AAAA"))
    return addresses_in(await asyncio.gather(*kinds))


async def _server(
    enquiry: Enquiry, authority: Authority, name: str, address: str
) -> NameServerView:
    zone = authority.zone
    mixed = _mixed_case(zone)
    soa, tcp, names, spelled = await asyncio.gather(
        enquiry.at(Question(address, zone, "SOA")),
        enquiry.at(Question(address, zone, "SOA", tcp=True)),
        enquiry.at(Question(address, zone, "NS")),
        enquiry.at(Question(address, zone, "SOA", spelled=mixed)),
    )
    message = spelled.reply.message
    asked = message.question[0].name.labels if message and message.question else None
    return NameServerView(
        name,
        address,
        soa.answer,
        tcp.answer,
        _serial(soa.reply.message),
        name_servers(names),
        asked == mixed if asked is not None else None,
        not soa.reply.no_edns,
    )


def _mixed_case(zone: dns.name.Name) -> tuple[bytes, ...]:
    """A name in letters of both cases, by chance (draft-vixie-dnsext-dns0x20)."""
    return tuple(bytes(map(_either_case, label)) for label in zone.labels)


def _either_case(octet: int) -> int:
    return octet ^ 0x20 if chr(octet).isalpha() and secrets.randbelow(2) else octet


def _serial(message: dns.message.Message | None) -> int | None:
    found = [] if message is None else message.answer
    return next((int(e[0].serial) for e in found if e.rdtype == dns.rdatatype.SOA), None)


# -- DNSSEC --------------------------------------------------------------------------------------


async def _dnssec(enquiry: Enquiry, authority: Authority) -> DnssecView:
    zone = authority.zone
    text = name_text(zone)
    ds, keys, soa = await asyncio.gather(
        enquiry.authoritative_reply(text, "DS"),
        enquiry.first(authority, text, "DNSKEY", signed=True),
        enquiry.first(authority, text, "SOA", signed=True),
    )
    tags = _tags(ds.reply.message, zone) if ds.answer.outcome.known else None
    count = len(_rrset(keys.reply.message, zone, dns.rdatatype.DNSKEY) or ())
    seen = DnssecView(tags, count if keys.answer.outcome.known else None)
    if not tags and not count:
        return seen
    validated, unchecked = await enquiry.validated(text, "SOA")
    problem, expires = _verify(
        zone, ds.reply.message, keys.reply.message, soa.reply.message, enquiry.now
    )
    return DnssecView(seen.ds, seen.keys, problem, expires, validated, unchecked)


def _rrset(
    message: dns.message.Message | None,
    name: dns.name.Name,
    kind: dns.rdatatype.RdataType,
    covers: dns.rdatatype.RdataType = dns.rdatatype.NONE,
) -> dns.rrset.RRset | None:
    found: list[dns.rrset.RRset] = [] if message is None else message.answer
    every = (e for e in found if e.rdtype == kind and e.covers == covers)
    return next((each for each in every if each.name == name), None)


def _tags(message: dns.message.Message | None, zone: dns.name.Name) -> tuple[int, ...]:
    found = _rrset(message, zone, dns.rdatatype.DS)
    return tuple(sorted({int(each.key_tag) for each in found or ()}))


def _verify(
    zone: dns.name.Name,
    above: dns.message.Message | None,
    keyed: dns.message.Message | None,
    signed: dns.message.Message | None,
    now: datetime,
) -> tuple[str, datetime | None]:
    """Why the zone's signatures do not hold by its parent's DS records, and when the first ends."""
    ds, keys = _rrset(above, zone, dns.rdatatype.DS), _rrset(keyed, zone, dns.rdatatype.DNSKEY)
    if ds is None:
        return "", None
    if keys is None:
        return "DS without DNSKEY", None
    trusted = [key for key in keys if any(_made_of(each, zone, key) for each in ds)]
    if not trusted:
        return "no DNSKEY fits the DS records", None
    anchors: _Keys = {zone: dns.rrset.from_rdata_list(zone, keys.ttl, trusted)}
    own: _Keys = {zone: keys}
    ends = []
    for rrset, message, by in (
        (keys, keyed, anchors),
        (_rrset(signed, zone, dns.rdatatype.SOA), signed, own),
    ):
        if rrset is None:
            continue
        found = _rrset(message, zone, dns.rdatatype.RRSIG, rrset.rdtype)
        if found is None:
            return f"no RRSIG of {dns.rdatatype.to_text(rrset.rdtype)}", None
        ends.append(max(int(each.expiration) for each in found))
        try:
            dns.dnssec.validate(rrset, found, by, now=now.timestamp())
        except (dns.exception.DNSException, ValueError) as error:
            why = f"{dns.rdatatype.to_text(rrset.rdtype)}: {error}"
            return why, datetime.fromtimestamp(min(ends), UTC)
    return "", datetime.fromtimestamp(min(ends), UTC)


def _made_of(ds: Any, zone: dns.name.Name, key: Any) -> bool:
    """Whether a DS record is a digest of a key (RFC 4034 section 5.1.4)."""
    if int(ds.key_tag) != dns.dnssec.key_id(key) or ds.algorithm != key.algorithm:
        return False
    try:
        made = dns.dnssec.make_ds(zone, key, ds.digest_type, validating=True)
    except (dns.exception.DNSException, ValueError):
        return False
    return bool(made.digest == ds.digest)
