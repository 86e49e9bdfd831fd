"""A DNS that is far away: root, top level, authority and resolver on loopback, each answer late.

`python -m benchmarks.far_dns PORT MILLISECONDS LOG` serves the domains d0.test, d1.test, ... until
its standard input ends, then writes LOG: of each question to an authority the seconds at which it
came and was answered, and its name and type.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

RESOLVER, ROOT, TOP, FIRST, SECOND = (f"127.0.9.{last}" for last in range(1, 6))
EVERYBODY = (RESOLVER, ROOT, TOP, FIRST, SECOND)
_TTL = 3600
_DKIM = "v=DKIM1; k=rsa; p=" + "A" * 200


def records(domain: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """What a domain has."""
    return {
        (domain, "SOA"): (f"ns1.{domain}. host.{domain}. 1 3600 600 86400 300",),
        (domain, "NS"): (f"ns1.{domain}.", f"ns2.{domain}."),
        (domain, "MX"): (f"10 smtp.{domain}.",),
        (domain, "TXT"): ('"v=spf1 mx -all"',),
        (f"smtp.{domain}", "A"): ("198.41.0.4",),
        (f"_dmarc.{domain}", "TXT"): (f'"v=DMARC1; p=reject; rua=mailto:d@{domain}"',),
        (f"s1._domainkey.{domain}", "TXT"): (f'"{_DKIM}"',),
        (f"ns1.{domain}", "A"): (FIRST,),
        (f"ns2.{domain}", "A"): (SECOND,),
    }


def domain_of(name: str) -> str:
    """The domain that a name is in."""
    return ".".join(name.split(".")[-2:])


def answer(wire: bytes, address: str) -> bytes:
    """What an address answers."""
    query = dns.message.from_wire(wire)
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    rtype = dns.rdatatype.to_text(question.rdtype)
    reply = dns.message.make_response(query)
    if address == RESOLVER and name == ".":
        _add(reply.answer, ".", "NS", "ns.root-servers.test.")
        _add(reply.additional, "ns.root-servers.test", "A", ROOT)
    elif address == ROOT:
        _add(reply.authority, "test", "NS", "ns.nic.test.")
        _add(reply.additional, "ns.nic.test", "A", TOP)
    elif address == TOP and rtype != "DS":
        domain = domain_of(name)
        _add(reply.authority, domain, "NS", f"ns1.{domain}.", f"ns2.{domain}.")
        _add(reply.additional, f"ns1.{domain}", "A", FIRST)
        _add(reply.additional, f"ns2.{domain}", "A", SECOND)
    else:
        _fill(reply, name, rtype)
    return reply.to_wire()


def _fill(reply: dns.message.Message, name: str, rtype: str) -> None:
    reply.flags |= dns.flags.AA
    there = records(domain_of(name))
    if values := there.get((name, rtype)):
        _add(reply.answer, name, rtype, *values)
    elif not any(owner == name or owner.endswith(f".{name}") for owner, _ in there):
        reply.set_rcode(dns.rcode.NXDOMAIN)


def _add(section: list[dns.rrset.RRset], owner: str, rtype: str, *values: str) -> None:
    section.append(
        dns.rrset.from_text(owner + ("" if owner == "." else "."), _TTL, "IN", rtype, *values)
    )


class Far:
    """All servers; `log` has a line for each question to one that is no resolver."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.log: list[tuple[float, float, str, str]] = []

    async def late(self, wire: bytes, address: str) -> bytes:
        """The answer, when it is time."""
        loop = asyncio.get_running_loop()
        came = loop.time()
        made = answer(wire, address)
        await asyncio.sleep(max(0.0, came + self.delay - loop.time()))
        question = dns.message.from_wire(wire).question[0]
        name, rtype = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.log.append((came, loop.time(), name.lower(), rtype))
        return made

    async def serve_udp(self, address: str, port: int) -> None:
        """Answer for ever."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.setblocking(False)
        sock.bind((address, port))
        working = set()

        async def one(wire: bytes, client: tuple[str, int]) -> None:
            await loop.sock_sendto(sock, await self.late(wire, address), client)

        while True:
            wire, client = await loop.sock_recvfrom(sock, 4096)
            task = asyncio.create_task(one(wire, client))
            working.add(task)
            task.add_done_callback(working.discard)

    async def serve_tcp(self, address: str, port: int) -> None:
        """Answer one question a connection, for ever."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            made = await self.late(await reader.readexactly(length), address)
            writer.write(struct.pack("!H", len(made)) + made)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(connected, address, port, backlog=4096)
        await server.serve_forever()


async def main() -> None:
    """Serve until the standard input ends."""
    port, delay, log = int(sys.argv[1]), float(sys.argv[2]) / 1000, Path(sys.argv[3])
    far = Far(delay)
    serving = [
        asyncio.create_task(serve(address, port))
        for address in EVERYBODY
        for serve in (far.serve_udp, far.serve_tcp)
    ]
    await asyncio.sleep(0.2)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    log.write_text(json.dumps(far.log))
    for each in serving:
        each.cancel()


if __name__ == "__main__":
    asyncio.run(main())
