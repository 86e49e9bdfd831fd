"""Each recipient's mail goes by the service of its receiver group."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rrset

from edge import routes
from edge.dns import Upstream
from edge.routes import Routes, exchanges, service_for

RECEIVERS = (("qq", (".qq.com",)), ("gmail", (".google.com", "gmail.test")))


def answered(rrset: str, rcode: int = 0) -> bytes:
    message = dns.message.make_response(dns.message.make_query("shop.test", "MX"))
    message.set_rcode(rcode)
    if rrset:
        message.answer.append(dns.rrset.from_text("shop.test.", 60, "IN", "MX", *rrset.split(";")))
    return message.to_wire()


def test_mx_hosts_are_read_from_an_answer_the_most_preferred_first() -> None:
    wire = answered("20 mx2.shop.test.;10 MX1.qq.com.")
    assert exchanges(wire) == ("mx1.qq.com", "mx2.shop.test")
    assert exchanges(answered("", rcode=3)) == ()
    assert exchanges(answered("", rcode=2)) is None


def test_a_domain_goes_by_the_service_of_its_mx_hosts() -> None:
    assert service_for(("mx3.qq.com",), RECEIVERS) == "qq"
    assert service_for(("gmail.test", "mx.qq.com"), RECEIVERS) == "gmail"
    assert service_for(("mx.notqq.com",), RECEIVERS) == ""


def test_the_domain_of_a_whole_address_is_looked_up_and_once() -> None:
    asked: list[str] = []

    async def lookup(domain: str) -> tuple[str, ...] | None:
        asked.append(domain)
        return None if domain == "dead.test" else ("mx.qq.com",)

    async def run() -> list[str]:
        made = Routes(RECEIVERS, ("own.test",), lookup)
        keys = ("a@shop.test", "B@SHOP.test", "shop.test", "*", "a@own.test", "x@proof.invalid")
        return [await made.answer(key) for key in (*keys, "a@dead.test", "a@dead.test")]

    none = "NOTFOUND "
    assert asyncio.run(run()) == ["OK qq:", "OK qq:", *(none,) * 6]
    assert asked == ["shop.test", "dead.test", "dead.test"]


def test_postfix_is_answered_in_netstrings_and_nonsense_ends_the_connection() -> None:
    async def lookup(domain: str) -> tuple[str, ...] | None:
        return ("mx.qq.com",)

    async def talk(sent: bytes) -> bytes:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await routes.serve(reader, writer, Routes(RECEIVERS, (), lookup))

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(sent)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        server.close()
        return answer

    assert asyncio.run(talk(b"9:mx a@b.cd,4:mx *,")) == b"6:OK qq:,9:NOTFOUND ,"
    assert asyncio.run(talk(b"hello everybody,")) == b""
    assert asyncio.run(talk(b"99999:x,")) == b""


def test_the_resolver_is_asked_over_tcp() -> None:
    async def run() -> tuple[str, ...] | None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            query = dns.message.from_wire(await reader.readexactly((await reader.read(2))[1]))
            reply = dns.message.make_response(query)
            question = query.question[0]
            assert (str(question.name), question.rdtype) == ("shop.test.", 15)
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", "MX", "5 mx.qq.com."))
            wire = reply.to_wire()
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        found = await routes.resolver(Upstream(*server.sockets[0].getsockname()))("shop.test")
        server.close()
        assert await routes.resolver(Upstream("127.0.0.1", 9))("shop.test") is None
        return found

    assert asyncio.run(run()) == ("mx.qq.com",)
