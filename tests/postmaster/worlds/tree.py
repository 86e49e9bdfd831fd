"""A whole DNS in memory: a root, what is below it, resolvers; it answers as real servers do.

`Tree.send` is what an `Enquiry` sends its questions with. Nobody waits: who says nothing has timed
out at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import dns.dnssec
import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from cryptography.hazmat.primitives.asymmetric import ec

ROOT, TLD = "192.0.32.1", "192.0.33.1"
NOBODY = "192.0.2.1"  # no server there: who answers in its place takes questions from others
TTL = 3600
NOW = datetime(2026, 11, 25, tzinfo=UTC)
Record = tuple[str, str]  # owner name and type


def name_of(text: str) -> dns.name.Name:
    return dns.name.from_text(text, dns.name.root, idna_codec=None).canonicalize()


@cache
def key_pair(number: int) -> tuple[Any, Any]:
    """A private key for DNSSEC, and its DNSKEY record."""
    private = ec.generate_private_key(ec.SECP256R1())
    return private, dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", 257)


@dataclass
class Zone:
    """The content of a zone. ends: when its signatures do; key: number of its DNSKEY, or None."""

    name: str
    records: dict[Record, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    serial: int = 1
    key: int | None = None
    ends: datetime = NOW + timedelta(days=14)

    def put(self, owner: str, rtype: str, *values: str, ttl: int = TTL) -> None:
        """Have these values, and no others of the type."""
        self.records[owner, rtype] = (ttl, values)

    def drop(self, owner: str, *rtypes: str) -> None:
        """Have none of the types any more; of any type, where none is named."""
        for record in list(self.records):
            if record[0] == owner and (not rtypes or record[1] in rtypes):
                del self.records[record]

    def get(self, owner: str, rtype: str) -> tuple[str, ...]:
        return self.records[owner, rtype][1]

    def copy(self) -> Zone:
        return Zone(self.name, dict(self.records), self.serial, self.key, self.ends)

    @property
    def apex(self) -> dns.name.Name:
        return name_of(self.name)

    def rrset(self, owner: dns.name.Name, rtype: str) -> dns.rrset.RRset | None:
        text = owner.to_text(omit_final_dot=True)
        if owner == self.apex and rtype == "SOA":
            soa = f"ns.invalid. host.invalid. {self.serial} 3600 600 86400 300"
            return dns.rrset.from_text(owner, TTL, "IN", "SOA", soa)
        if owner == self.apex and rtype == "DNSKEY" and self.key is not None:
            return dns.rrset.from_rdata(owner, TTL, key_pair(self.key)[1])
        ttl, values = self.records.get((text, rtype), (0, ()))
        return dns.rrset.from_text_list(owner, ttl, "IN", rtype, values) if values else None

    def owners(self) -> set[dns.name.Name]:
        return {self.apex, *(name_of(owner) for owner, _ in self.records)}

    def signature(self, rrset: dns.rrset.RRset) -> dns.rrset.RRset | None:
        if self.key is None:
            return None
        private, key = key_pair(self.key)
        made = dns.dnssec.sign(
            rrset, private, self.apex, key, inception=NOW - timedelta(days=1), expiration=self.ends
        )
        return dns.rrset.from_rdata(rrset.name, rrset.ttl, made)


@dataclass
class Server:
    """One address. own: a version of a zone that it alone has."""

    address: str
    zones: dict[str, Zone] = field(default_factory=dict)
    silent: bool = False
    refuses: bool = False
    lame: bool = False  # answers as somebody who does not keep the zone
    tcp: bool = True
    edns: bool = True
    keeps_case: bool = True
    mute_on: set[str] = field(default_factory=set)  # types that it never answers for

    def own(self, zone: str) -> Zone:
        """From now on this server has a version of its own."""
        self.zones[zone] = self.zones[zone].copy()
        return self.zones[zone]

    def answer(self, query: dns.message.Message, tcp: bool) -> dns.message.Message:
        """As RFC 1034 section 4.3.2 has it."""
        question = query.question[0]
        rtype = dns.rdatatype.to_text(question.rdtype)
        if self.silent or (tcp and not self.tcp) or rtype in self.mute_on:
            raise TimeoutError
        reply = dns.message.make_response(query)
        if query.edns >= 0 and not self.edns:
            reply = dns.message.make_response(query)
            reply.use_edns(False)
            reply.set_rcode(dns.rcode.FORMERR)
            return reply
        if not self.keeps_case:
            lower = dns.rrset.RRset(question.name.canonicalize(), question.rdclass, question.rdtype)
            reply.question = [lower]
        zone = self._zone(question.name.canonicalize(), rtype)
        if self.refuses or zone is None:
            reply.set_rcode(dns.rcode.REFUSED)
            return reply
        self._fill(reply, zone, question.name.canonicalize(), rtype, query)
        if self.lame:
            reply.flags &= ~dns.flags.AA
            reply.answer, reply.authority = [], []
        return reply

    def _zone(self, name: dns.name.Name, rtype: str) -> Zone | None:
        holding = [each for each in self.zones.values() if name.is_subdomain(each.apex)]
        if rtype == "DS":  # a matter of the parent, where that is here
            holding = [each for each in holding if each.apex != name] or holding
        return max(holding, key=lambda each: len(each.apex.labels), default=None)

    def _fill(
        self,
        reply: dns.message.Message,
        zone: Zone,
        name: dns.name.Name,
        rtype: str,
        query: dns.message.Message,
    ) -> None:
        signed = bool(query.ednsflags & dns.flags.DO)
        cut = _cut(zone, name, rtype)
        if cut is not None:
            found = zone.rrset(cut, "NS")
            assert found is not None
            reply.authority.append(found)
            for target in sorted(str(each.target) for each in found):
                for kind in ("A", "AAAA"):
                    if glue := zone.rrset(name_of(target), kind):
                        reply.additional.append(glue)
            return
        reply.flags |= dns.flags.AA
        for _ in range(8):
            source = _source(zone, name)
            found = zone.rrset(source, rtype) if source is not None else None
            alias = zone.rrset(source, "CNAME") if source is not None else None
            shown = found or (alias if rtype != "CNAME" else None)
            if shown is None:
                if source is None:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                soa = zone.rrset(zone.apex, "SOA")
                assert soa is not None
                reply.authority.append(soa)
                return
            here = dns.rrset.from_rdata_list(name, shown.ttl, list(shown))
            reply.answer.append(here)
            if signed and (made := zone.signature(here)):
                reply.answer.append(made)
            if found is not None:
                return
            name = shown[0].target.canonicalize()
            if not name.is_subdomain(zone.apex) or _cut(zone, name, rtype) is not None:
                return


def _cut(zone: Zone, name: dns.name.Name, rtype: str) -> dns.name.Name | None:
    """Where a zone below begins that the name is in."""
    labels = len(name.labels) - len(zone.apex.labels)
    for depth in range(labels - 1, -1, -1):
        above = dns.name.Name(name.labels[depth:])
        if zone.rrset(above, "NS") and not (above == name and rtype == "DS"):
            return above
    return None


def _source(zone: Zone, name: dns.name.Name) -> dns.name.Name | None:
    """The owner whose records answer for a name: itself, or a wildcard; None: there is none."""
    owners = zone.owners()
    if any(each.is_subdomain(name) for each in owners):
        return name
    above = name.parent()
    while above.is_subdomain(zone.apex):
        if any(each.is_subdomain(above) for each in owners):
            wild = dns.name.Name((b"*", *above.labels))
            return wild if wild in owners else None
        above = above.parent()
    return None


def _wire(reply: dns.message.Message, tcp: bool) -> bytes:
    """A message as it is sent: over UDP one that does not fit is cut (RFC 2181 section 9)."""
    wire = reply.to_wire(max_size=65535)
    if tcp or len(wire) <= 1232:
        return wire
    reply.answer, reply.authority, reply.additional = [], [], []
    reply.flags |= dns.flags.TC
    return reply.to_wire()


@dataclass
class Resolver:
    """A recursive resolver. cached: what it still has, by owner and type: seconds left, values."""

    address: str
    validates: bool = True
    silent: bool = False
    rewrites: bool = False  # names that do not exist lead to advertisements
    refuses: bool = False
    stretches: int = 1  # how many times longer than it may it keeps records
    cached: dict[Record, tuple[int, tuple[str, ...]]] = field(default_factory=dict)


@dataclass
class Tree:
    """All servers by their addresses. taken: somebody on the way answers for everybody.

    asked: (address, owner, type) of each question, in order.
    """

    servers: dict[str, Server] = field(default_factory=dict)
    resolvers: dict[str, Resolver] = field(default_factory=dict)
    taken: bool = False
    private: bool = True  # DNS over TLS gets through
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        root = Zone(".")
        root.put(".", "NS", "root.invalid.")
        root.put("root.invalid", "A", ROOT)
        self.servers[ROOT] = Server(ROOT, {".": root})
        self.servers[TLD] = Server(TLD)

    # -- what is in it -------------------------------------------------------------------------

    @property
    def root(self) -> Zone:
        return self.servers[ROOT].zones["."]

    def top(self, name: str) -> Zone:
        """A top level domain."""
        zones = self.servers[TLD].zones
        if name not in zones:
            zones[name] = Zone(name)
            self.root.put(name, "NS", f"ns.nic.{name}.")
            self.root.put(f"ns.nic.{name}", "A", TLD)
        return zones[name]

    def add(self, zone: Zone, servers: dict[str, tuple[str, ...]]) -> Zone:
        """A zone on name servers with these addresses, delegated by the top level domain."""
        parent = self.top(zone.name.rpartition(".")[2])
        names = [f"{each}." for each in servers]
        parent.put(zone.name, "NS", *names)
        zone.put(zone.name, "NS", *names)
        for name, addresses in servers.items():
            for address in addresses:
                self.server(address).zones[zone.name] = zone
            if name.endswith(f".{zone.name}"):
                parent.put(name, "A", *addresses)
                zone.put(name, "A", *addresses)
        return zone

    def server(self, address: str) -> Server:
        return self.servers.setdefault(address, Server(address))

    def zone(self, name: str) -> Zone:
        """The zone as its servers have it."""
        return next(each.zones[name] for each in self.servers.values() if name in each.zones)

    def parent(self, zone: str) -> Zone:
        """The zone above."""
        return self.top(zone.rpartition(".")[2])

    def sign(self, name: str) -> None:
        """Sign a zone, and let its parent know."""
        zone = self.zone(name)
        zone.key = len(name)
        digest = dns.dnssec.make_ds(zone.apex, key_pair(zone.key)[1], "SHA256")
        self.parent(name).put(name, "DS", digest.to_text())

    # -- how it answers ------------------------------------------------------------------------

    async def send(self, wire: bytes, address: str, port: int, timeout: float, tcp: bool) -> bytes:
        """What comes back from an address."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        owner, rtype = question.name.to_text(omit_final_dot=True), question.rdtype.name
        self.asked.append((address, owner, rtype))
        if port == 853:
            if not self.private:
                raise TimeoutError
            return _wire(self._recursive(self.resolvers[address], query, honest=True), tcp)
        if self.taken and not tcp:
            liar = next(iter(self.resolvers.values()))
            return _wire(self._recursive(liar, query), tcp)
        if address in self.resolvers:
            return _wire(self._recursive(self.resolvers[address], query), tcp)
        if address not in self.servers:
            raise TimeoutError
        return _wire(self.servers[address].answer(query, tcp), tcp)

    def _recursive(
        self, resolver: Resolver, query: dns.message.Message, honest: bool = False
    ) -> dns.message.Message:
        if resolver.silent:
            raise TimeoutError
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if resolver.refuses:
            reply.set_rcode(dns.rcode.REFUSED)
            return reply
        question = query.question[0]
        name, rtype = question.name.canonicalize(), question.rdtype.name
        kept = resolver.cached.get((name.to_text(omit_final_dot=True), rtype))
        if kept is not None and not honest:
            ttl, values = kept
            if values:
                reply.answer.append(dns.rrset.from_text_list(name, ttl, "IN", rtype, values))
            return reply
        unchecked = bool(query.flags & dns.flags.CD)
        secure = self._walk(reply, name, rtype, resolver, unchecked)
        if resolver.rewrites and not honest and reply.rcode() == dns.rcode.NXDOMAIN:
            reply.set_rcode(dns.rcode.NOERROR)
            reply.authority = []
            if rtype == "A":
                reply.answer = [dns.rrset.from_text(name, 60, "IN", "A", "203.0.113.99")]
        if secure and resolver.validates:
            reply.flags |= dns.flags.AD
        for each in reply.answer:
            each.ttl *= resolver.stretches
        return reply

    def _walk(
        self,
        reply: dns.message.Message,
        name: dns.name.Name,
        rtype: str,
        resolver: Resolver,
        unchecked: bool,
    ) -> bool:
        """Find an answer from the root down; returns whether it is secure."""
        for _ in range(8):
            found, zone = self._ask_down(name, rtype)
            if found is None:
                reply.set_rcode(dns.rcode.SERVFAIL)
                return False
            secure, fault = self._secure(zone)
            if fault and resolver.validates and not unchecked:
                reply.set_rcode(dns.rcode.SERVFAIL)
                reply.use_edns(0, options=[dns.edns.EDEOption(6, fault)])
                return False
            reply.set_rcode(found.rcode())
            reply.answer += found.answer
            reply.additional += found.additional
            last = found.answer[-1] if found.answer else None
            if last is None or last.rdtype != dns.rdatatype.CNAME or rtype == "CNAME":
                return secure
            name = last[0].target.canonicalize()
        return False

    def _ask_down(self, name: dns.name.Name, rtype: str) -> tuple[dns.message.Message | None, str]:
        addresses, zone = [ROOT], "."
        for _ in range(16):
            found = self._first(addresses, name, rtype)
            if found is None:
                return None, zone
            if found.flags & dns.flags.AA:
                return found, zone
            below = next((e for e in found.authority if e.rdtype == dns.rdatatype.NS), None)
            if below is None:
                return None, zone
            zone = below.name.to_text(omit_final_dot=True)
            addresses = list(self._addresses(below, found.additional))
        return None, zone

    def _addresses(
        self, names: Iterable[Any], additional: Iterable[dns.rrset.RRset]
    ) -> Iterator[str]:
        glue = {each.name.canonicalize(): each for each in additional}
        for each in names:
            target = each.target.canonicalize()
            if target in glue:
                yield from (one.address for one in glue[target])
            else:
                found, _ = self._ask_down(target, "A")
                for rrset in found.answer if found is not None else ():
                    yield from (one.address for one in rrset)

    def _first(
        self, addresses: Iterable[str], name: dns.name.Name, rtype: str
    ) -> dns.message.Message | None:
        for address in addresses:
            query = dns.message.make_query(name, rtype)
            query.flags &= ~dns.flags.RD
            try:
                found = self.servers[address].answer(query, tcp=True)
            except (TimeoutError, KeyError):
                continue
            if found.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                return found
        return None

    def _secure(self, name: str) -> tuple[bool, str]:
        """Whether a zone's parent has its DS record, and why it does not hold."""
        if name == "." or "." not in name:  # the root, and what is just below it
            return True, ""
        there = self.parent(name).records.get((name, "DS"))
        if there is None:
            return False, ""
        zone = self.zone(name)
        if zone.key is None:
            return True, "no DNSKEY matches the DS"
        digest = dns.dnssec.make_ds(zone.apex, key_pair(zone.key)[1], "SHA256").to_text()
        if digest not in there[1]:
            return True, "no DNSKEY matches the DS"
        return True, "signature expired" if zone.ends < NOW else ""
