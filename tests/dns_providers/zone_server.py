"""An authoritative name server in this process: real sockets, a zone that tests change."""

from __future__ import annotations

import socket
import socketserver
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from dns_providers.rrset import (
    Address,
    Other,
    RRKey,
    RRset,
    Target,
    Value,
    ancestors,
    owner_name,
    rrset,
    to_rdata,
    wildcard_beside,
)
from tests.listening import listening

ZONE = "example.test"
_SOA_TEXT = "ns1.example.test. host.example.test. 1 2 3 4 5"
_SOA = Other(dns.rrset.from_text(ZONE, 1, "IN", "SOA", _SOA_TEXT)[0].to_wire(), _SOA_TEXT)


def _name_servers(addresses: Iterable[str]) -> list[RRset]:
    names = {f"ns{number}.{ZONE}": each for number, each in enumerate(addresses, start=1)}
    hosts = [rrset(name, "A", 60, Address(each)) for name, each in names.items()]
    return [*hosts, rrset(ZONE, "NS", 60, *(Other(owner_name(n).to_wire(), n) for n in names))]


@dataclass
class ZoneServer:
    """One address. per_connection: it hangs up after so many answers, as some servers do."""

    address: str
    rrsets: dict[RRKey, RRset] = field(default_factory=dict)
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    per_connection: int = 1000
    asked: list[RRKey] = field(default_factory=list)
    tcp_asked: int = 0

    def put(self, *rrsets: RRset) -> None:
        """Serve these from now on."""
        self.rrsets |= {each.key: each for each in rrsets}

    def drop(self, key: RRKey) -> None:
        """Serve it no more."""
        self.rrsets.pop(key, None)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """RFC 1034 section 4.3.2, as far as a zone without glue needs it."""
        reply = dns.message.make_response(query)
        question = query.question[0]
        key = RRKey(question.name, dns.rdatatype.to_text(question.rdtype))
        self.asked.append(key)
        reply.set_rcode(self.rcode)
        if self.rcode or not key.owner.is_subdomain(owner_name(ZONE)):
            reply.set_rcode(self.rcode or dns.rcode.REFUSED)
            return reply
        for above in ancestors(key.owner, owner_name(ZONE)):
            cut = self.rrsets.get(RRKey(above, "NS"))
            if cut is not None:
                _add(reply.authority, cut, above)
                return reply
        reply.flags |= dns.flags.AA
        self._fill(reply, key)
        return reply

    def _fill(self, reply: dns.message.Message, key: RRKey) -> None:
        source = key.owner
        owners = {each.owner for each in self.rrsets}
        if not any(owner.is_subdomain(source) for owner in owners):
            wild = [wildcard_beside(each) for each in ancestors(source, owner_name(ZONE))]
            source = next((each for each in wild if each in owners), source)
        if not any(owner.is_subdomain(source) for owner in owners):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        for rtype in dict.fromkeys((key.rtype, "CNAME")):
            found = self.rrsets.get(RRKey(source, rtype))
            if found is None:
                continue
            _add(reply.answer, found, key.owner)
            if rtype != key.rtype:  # an alias is followed as far as the zone goes
                for value in found.values:
                    target = value.name if isinstance(value, Target) else key.owner
                    if more := self.rrsets.get(RRKey(target, key.rtype)):
                        _add(reply.answer, more, target)
            return


def _add(section: list[dns.rrset.RRset], found: RRset, owner: dns.name.Name) -> None:
    rdatas = [_rdata(value, found.key.rtype) for value in found.values]
    section.append(dns.rrset.from_rdata_list(owner, found.ttl, rdatas))


def _rdata(value: Value, rtype: str) -> dns.rdata.Rdata:
    """A value as it is sent: octets of `Other` whether they make sense or not."""
    if isinstance(value, Other):
        kind = dns.rdatatype.from_text(rtype)
        return dns.rdata.GenericRdata(dns.rdataclass.IN, kind, value.wire)
    return to_rdata(value, rtype)


@contextmanager
def serving(*addresses: str, port: int = 0) -> Iterator[tuple[int, tuple[ZoneServer, ...]]]:
    """Servers of ZONE on loopback addresses, all on one port; they name each other as NS."""
    servers = tuple(ZoneServer(address) for address in addresses)
    for server in servers:
        server.put(rrset(ZONE, "SOA", 60, _SOA), *_name_servers(addresses))
    with ExitStack() as stack:
        for server in servers:
            port = _listen(server, port, stack)
        yield port, servers


def _listen(server: ZoneServer, port: int, stack: ExitStack) -> int:
    tcp = socketserver.ThreadingTCPServer((server.address, port), _tcp_handler(server))
    udp = socketserver.UDPServer(tcp.server_address, _udp_handler(server))  # type: ignore[arg-type]
    for listener in (tcp, udp):
        stack.enter_context(listening(listener))
    return int(tcp.server_address[1])


def _udp_handler(server: ZoneServer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, listener = self.request
            reply = server.answer(dns.message.from_wire(data))
            listener.sendto(reply.to_wire(max_size=4096), self.client_address)

    return Handler


def _tcp_handler(server: ZoneServer) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for _ in range(server.per_connection):
                size = self.rfile.read(2)
                if len(size) < 2:
                    return
                query = dns.message.from_wire(self.rfile.read(int.from_bytes(size, "big")))
                server.tcp_asked += 1
                wire = server.answer(query).to_wire()
                self.wfile.write(len(wire).to_bytes(2, "big") + wire)
            # So that what is sent arrives although more questions are not read.
            self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(4096):
                pass

    return Handler


def alias(owner: str, target: str) -> RRset:
    """A CNAME."""
    return rrset(owner, "CNAME", 60, Target(owner_name(target)))
