"""DNS for PMail's resolver."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable

import pytest

from edge.dns import Reach, Server, Upstream, answer, failure, parse

A, MX, TXT, AAAA = 1, 15, 16, 28


def _query(name: str, kind: int, number: int = 7, extra: bytes = b"") -> bytes:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split(".") if each)
    additional = 1 if extra else 0
    head = struct.pack("!6H", number, 0x0100, 1, 0, 0, additional)
    return head + labels + b"\0" + struct.pack("!2H", kind, 1) + extra


EDNS = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)


def _code(response: bytes) -> int:
    return response[3] & 0x0F


def _records(query: bytes, response: bytes) -> bytes:
    """What follows the question, which has to be the one that was asked."""
    question = parse(query).raw
    assert response[:2] == query[:2]
    assert response[2] & 0x80, "not a response"
    assert response[12 : 12 + len(question)] == question
    (count,) = struct.unpack_from("!H", response, 6)
    rest = response[12 + len(question) :]
    assert bool(count) == bool(rest)
    return rest


@pytest.mark.parametrize("name", ["example.com", "A-Only.Example.NET", "null-mx.test", ""])
def test_the_mx_of_every_domain_is_the_relay(name: str) -> None:
    query = _query(name, MX, extra=EDNS)
    response = answer(parse(query))
    assert response is not None
    assert _code(response) == 0
    record = _records(query, response)
    assert record[:4] == b"\xc0\x0c\x00\x0f"
    relay = b"\x05relay\x0cpmail-deploy\x07invalid\x00"
    assert record[12:] == b"\x00\x00" + relay
    assert struct.unpack_from("!H", record, 10) == (len(relay) + 2,)


def test_the_relay_has_one_address_and_no_ipv6_address() -> None:
    query = _query("Relay.PMail-Deploy.invalid", A)
    response = answer(parse(query))
    assert response is not None
    assert _records(query, response)[-6:] == b"\x00\x04" + bytes([192, 0, 2, 25])
    query = _query("relay.pmail-deploy.invalid", AAAA)
    response = answer(parse(query))
    assert response is not None
    assert (_code(response), _records(query, response)) == (0, b"")


@pytest.mark.parametrize("kind", [A, AAAA])
@pytest.mark.parametrize("name", ["smtp.example.com", "pmail-deploy.invalid", "relay"])
def test_no_other_name_has_an_address(kind: int, name: str) -> None:
    query = _query(name, kind)
    response = answer(parse(query))
    assert response is not None
    assert (_code(response), _records(query, response)) == (3, b"")


def test_the_rest_is_for_the_resolver() -> None:
    assert answer(parse(_query("k._domainkey.example.com", TXT))) is None
    chaos = _query("example.com", MX)[:-1] + b"\x03"
    assert answer(parse(chaos)) is None


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\0" * 11,
        _query("example.com", MX)[:-1],
        _query("example.com", MX)[:14],
        b"\0\7\x81\x80" + _query("example.com", MX)[4:],
        struct.pack("!6H", 7, 0x0100, 2, 0, 0, 0) + b"\0" * 10,
        struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\xc0\x0c\x00\x01\x00\x01",
    ],
)
def test_what_is_no_query_is_not_answered_as_one(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|query|question|name"):
        parse(bad)


def test_failures_say_so() -> None:
    query = _query("k.example.com", TXT)
    assert _code(failure(query)) == 2
    assert _records(query, failure(query)) == b""
    assert _code(failure(query[:-1])) == 1
    assert failure(query[:-1])[:2] == query[:2]
    with pytest.raises(ValueError, match="header"):
        failure(b"\0")


# -- Over TCP ----------------------------------------------------------------------------------

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _ask(stream: Stream, *queries: bytes) -> list[bytes]:
    reader, writer = stream
    writer.write(b"".join(struct.pack("!H", len(each)) + each for each in queries))
    answers = []
    for _ in queries:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        answers.append(await reader.readexactly(size))
    return answers


async def _listening(handler: Handler) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def _through(upstream: Handler, *queries: bytes, within: float = 5.0) -> list[bytes]:
    async def run() -> list[bytes]:
        resolver, port = await _listening(upstream)
        server, own = await _listening(Server(Upstream("127.0.0.1", port), within).serve)
        stream = await asyncio.open_connection("127.0.0.1", own)
        try:
            return await _ask(stream, *queries)
        finally:
            stream[1].close()
            server.close()
            resolver.close()

    return asyncio.run(run())


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with what it was asked, and bytes that this program would not make."""
    (size,) = struct.unpack("!H", await reader.readexactly(2))
    query = await reader.readexactly(size)
    writer.write(struct.pack("!H", size + 60_000) + query + b"\xaa" * 60_000)
    writer.close()


def test_queries_and_answers_pass_verbatim_one_after_the_other() -> None:
    first = _query("k._domainkey.Example.com", TXT, 1, EDNS)
    second = _query("example.com", MX, 2)
    third = _query("x.example.com", TXT, 3)
    answers = _through(_echo, first, second, third)
    assert answers[0] == first + b"\xaa" * 60_000
    assert answers[1] == answer(parse(second))
    assert answers[2] == third + b"\xaa" * 60_000


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _of_another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(struct.pack("!H", 12) + b"\xff\xff" + b"\0" * 10)
    await _silent(reader, writer)


@pytest.mark.parametrize("upstream", [_closes, _silent, _of_another])
def test_a_resolver_that_does_not_answer_is_servfail_and_the_connection_goes_on(
    upstream: Handler,
) -> None:
    txt = _query("k.example.com", TXT, 5)
    answers = _through(upstream, txt, _query("example.com", MX), within=0.2)
    assert _code(answers[0]) == 2
    assert _records(txt, answers[0]) == b""
    assert _code(answers[1]) == 0


def _coded(code: int) -> Handler:
    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        asked = await reader.readexactly(size)
        reply = asked[:2] + bytes((0x81, 0x80 | code)) + asked[4:]
        writer.write(struct.pack("!H", len(reply)) + reply)
        writer.close()

    return answers


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [(_coded(0), True), (_coded(3), True), (_coded(2), False), (_coded(5), False)]
    + [(each, False) for each in (_closes, _silent, _of_another)],
)
def test_dns_is_reached_where_a_resolver_says_what_there_is(
    upstream: Handler, expected: bool
) -> None:
    async def run() -> bool:
        resolver, port = await _listening(upstream)
        try:
            return await Reach(Upstream("127.0.0.1", port), 0.2)()
        finally:
            resolver.close()

    assert asyncio.run(run()) is expected


def test_a_yes_is_believed_for_ten_seconds_and_a_no_never() -> None:
    now = 0.0
    asked: list[bytes] = []

    async def run() -> list[bool]:
        nonlocal now
        code = 3

        async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(b"")
            await _coded(code)(reader, writer)

        resolver, port = await _listening(upstream)
        reach = Reach(Upstream("127.0.0.1", port), clock=lambda: now)
        found = [await reach(), await reach()]
        now, code = 10.0, 2
        found += [await reach(), await reach()]
        resolver.close()
        return found

    assert asyncio.run(run()) == [True, True, False, False]
    assert len(asked) == 3


def test_no_cache_can_know_the_name_that_is_asked_for() -> None:
    names: list[str] = []

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        names.append(parse(await reader.readexactly(size)).name)
        writer.close()

    async def run() -> None:
        resolver, port = await _listening(upstream)
        for _ in range(2):
            await Reach(Upstream("127.0.0.1", port))()
        resolver.close()

    asyncio.run(run())
    assert len(set(names)) == 2 and all(name.endswith(".com") for name in names)


def test_no_resolver_is_servfail() -> None:
    async def run() -> bytes:
        server, port = await _listening(Server(Upstream("127.0.0.1", 1)).serve)
        stream = await asyncio.open_connection("127.0.0.1", port)
        try:
            return (await _ask(stream, _query("k.example.com", TXT)))[0]
        finally:
            stream[1].close()
            server.close()

    assert _code(asyncio.run(run())) == 2


def test_a_query_that_is_too_long_or_none_ends_the_connection() -> None:
    async def run(sent: bytes) -> bytes:
        server, port = await _listening(Server(Upstream("127.0.0.1", 1)).serve)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            return await reader.read()
        finally:
            writer.close()
            server.close()

    assert asyncio.run(run(b"\xff\xff" + b"x" * 5000)) == b""
    assert asyncio.run(run(b"\x00\x01x")) == b""


def test_only_so_many_connections_are_served_and_a_closed_one_makes_room() -> None:
    async def run() -> None:
        server, port = await _listening(Server(Upstream("127.0.0.1", 1)).serve)
        query = _query("example.com", MX)
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(64)]
        for stream in streams:
            await _ask(stream, query)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        streams[0][1].close()
        while True:  # the server has to notice first
            again = await asyncio.open_connection("127.0.0.1", port)
            try:
                await _ask(again, query)
                break
            except (OSError, EOFError):
                await asyncio.sleep(0.01)
            finally:
                again[1].close()
        for _, each in streams:
            each.close()
        server.close()

    asyncio.run(run())
