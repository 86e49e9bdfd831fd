"""The frame of fake DNS APIs: one zone in memory, and answers instead of the network.

A fake is a class for each vendor's API (record_apis.py, rrset_apis.py) that takes and gives that
API's own JSON. What it keeps is the same for all: records with their value in one canonical form,
TXT as its joined octets (latin-1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Any, ClassVar
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote, urlsplit

import dns.exception
import requests
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from dns_providers.rrset import TXT, owner_name
from dns_providers.text import value_from_text, value_text

ZONE = "example.test"
SECRET = "s3cret-credential-of-the-fake"
Fault = Callable[["Call"], "Reply | None"]


@dataclass
class Held:
    """A record. name: relative, "" for the apex. value: names absolute; CAA `0 issue "x"`."""

    id: int
    name: str
    type: str
    ttl: int
    value: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"


@dataclass(frozen=True)
class Reply:
    """An answer. body: JSON data, text, or None for none."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The API refuses what it was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Fake:
    """The zone and what every API does with it; a dialect gives `routes`.

    routes: (method, path as a regular expression, the function's name). A function takes the call
    and the path's groups. hosts: that it answers for. creates: calls that would make a zone.
    """

    package: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]]
    routes: ClassVar[tuple[tuple[str, str, str], ...]]
    name_servers: ClassVar[tuple[str, ...]] = ("ns1.vendor.test.", "ns2.vendor.test.")
    refusal: ClassVar[int] = 422
    arguments: ClassVar[dict[str, str]] = {"token": SECRET}

    def __init__(self, origin: str = ZONE) -> None:
        self.origin = origin
        self.ids = count(1001)
        self.zones = {origin}
        self.held: list[Held] = []
        self.calls: list[Call] = []
        self.fault: Fault | None = None
        for server in self.name_servers:
            self.seed("", "NS", 3600, server)

    # -- what tests look at ----------------------------------------------------------------------

    def seed(self, name: str, rtype: str, ttl: int, value: str, **extra: Any) -> Held:
        """Put a record there, as somebody else would."""
        held = Held(next(self.ids), name, rtype, ttl, value, extra)
        self.held.append(held)
        return held

    def shown(self, name: str, rtype: str) -> set[tuple[int, str]]:
        """TTL and value of each record of an RRset."""
        return {(each.ttl, each.value) for each in self.held if self.at(each, name, rtype)}

    def everything(self) -> set[tuple[str, str, int, str]]:
        """All records."""
        return {(each.name, each.type, each.ttl, each.value) for each in self.held}

    @property
    def written(self) -> list[Call]:
        """The calls that may have changed something, those of signing in aside."""
        return [each for each in self.calls if each.writes and not self.signs_in(each)]

    def signs_in(self, call: Call) -> bool:
        """Whether a call gets a token."""
        return False

    def absolute(self, name: str) -> str:
        """A relative name with the zone's, no final dot."""
        return f"{name}.{self.origin}" if name else self.origin

    def relative(self, name: str) -> str:
        """A full name, with or without the final dot, within the zone."""
        found = owner_name(name).relativize(owner_name(self.origin))
        return plain_name(found.to_text())

    # -- the zone --------------------------------------------------------------------------------

    @staticmethod
    def at(held: Held, name: str, rtype: str) -> bool:
        return held.name.lower() == name.lower() and held.type == rtype

    def add(self, name: str, rtype: str, ttl: int, value: str, **extra: Any) -> Held:
        """Create a record as the API does. Raises Refused."""
        name = name.lower()
        there = [each for each in self.held if each.name.lower() == name]
        if any(each.type == rtype and each.value == value for each in there):
            raise Refused("record already exists")
        if any((each.type == "CNAME") != (rtype == "CNAME") for each in there):
            raise Refused("a CNAME cannot stand beside other records")
        if rtype == "TXT" and not value:
            raise Refused("TXT is empty")
        return self.seed(name, rtype, ttl, value, **extra)

    def put(self, name: str, rtype: str, ttl: int, values: list[str]) -> None:
        """Replace an RRset as the API does, or remove it. Raises Refused; nothing changed then."""
        before = list(self.held)
        self.held = [each for each in self.held if not self.at(each, name, rtype)]
        try:
            for value in values:
                self.add(name, rtype, ttl, value)
        except Refused:
            self.held = before
            raise

    def drop(self, id: int) -> bool:
        """Remove a record; whether it was there."""
        before = len(self.held)
        self.held = [each for each in self.held if each.id != id]
        return len(self.held) < before

    def groups(self) -> dict[tuple[str, str], list[Held]]:
        """The records by RRset."""
        found: dict[tuple[str, str], list[Held]] = {}
        for each in self.held:
            found.setdefault((each.name.lower(), each.type), []).append(each)
        return found

    # -- calls -----------------------------------------------------------------------------------

    def allowed(self, call: Call) -> bool:
        """Whether the credentials are right."""
        return any(SECRET in value for value in call.headers.values())

    def denied(self) -> Reply:
        """What wrong credentials get."""
        return Reply(401, {"message": "Unable to authenticate you"})

    def refused(self, reason: str) -> Reply:
        """What a bad record gets."""
        return Reply(self.refusal, {"message": reason})

    def throttled(self) -> Reply:
        """What too many calls get."""
        return Reply(429, {"message": "too many requests"})

    def failing(self, status: int, said: str) -> Reply:
        """What the API says when it fails."""
        return Reply(status, {"message": said})

    def missing(self) -> Reply:
        """What asks for a zone or record that is not there gets."""
        return Reply(404, {"message": "not found"})

    def answer(self, call: Call) -> Reply:
        """Carry a call out."""
        self.calls.append(call)
        if self.fault is not None and (reply := self.fault(call)) is not None:
            return reply
        if not self.signs_in(call) and not self.allowed(call):
            return self.denied()
        for method, pattern, function in self.routes:
            match = re.fullmatch(pattern, call.path)
            if match and method == call.method:
                try:
                    reply = getattr(self, function)(call, *map(unquote, match.groups()))
                except Refused as error:
                    return self.refused(error.reason)
                assert isinstance(reply, Reply)
                return reply
        raise AssertionError(f"the fake knows no {call.method} {call.path}")


def plain_name(name: str) -> str:
    """A record's relative name, "" for the apex."""
    return "" if name == "@" else name


def strip_dot(name: str) -> str:
    """A host name as APIs that want none show it."""
    return name if name == "." else name.removesuffix(".")


def parsed_text(content: str) -> str:
    """The joined octets of a TXT in presentation format. Raises Refused."""
    if not content.startswith('"'):
        raise Refused(f"TXT is not quoted: {content[:40]}")
    try:
        value = value_from_text(content, "TXT")
    except dns.exception.DNSException as error:
        raise Refused(f"TXT is malformed: {error}") from None
    assert isinstance(value, TXT)
    return value.data.decode("latin-1")


def quoted_text(value: str) -> str:
    """A TXT in presentation format."""
    return value_text(TXT(value.encode("latin-1")), "TXT")


def presented(rtype: str, content: str) -> str:
    """The canonical form of a value in presentation format. Raises Refused."""
    if rtype == "TXT":
        return parsed_text(content)
    try:
        return value_text(value_from_text(content, rtype), rtype)
    except (dns.exception.DNSException, ValueError) as error:
        raise Refused(f"{rtype} is malformed: {error}") from None


def presentation(held: Held) -> str:
    """A record's value in presentation format."""
    return quoted_text(held.value) if held.type == "TXT" else held.value


@contextmanager
def answering(fake: Fake) -> Iterator[None]:
    """Every request through `requests` goes to the fake; one for another host is a failure."""

    def send(
        adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        call = called(request.method, request.url, request.body, request.headers, fake)
        reply = fake.answer(call)
        headers = {"Content-Type": "application/json", **reply.headers}
        answer = HTTPResponse(
            BytesIO(encoded(reply)),
            headers=headers,
            status=reply.status,
            reason="Fake",
            preload_content=False,
        )
        return adapter.build_response(request, answer)

    with patch.object(HTTPAdapter, "send", send), also_httpx(fake):
        yield


@contextmanager
def also_httpx(fake: Fake) -> Iterator[None]:
    """The same for `httpx`."""
    import httpx

    async def handle(transport: Any, request: httpx.Request) -> httpx.Response:
        call = called(request.method, str(request.url), request.content, request.headers, fake)
        reply = fake.answer(call)
        return httpx.Response(reply.status, headers=reply.headers, content=encoded(reply))

    with patch.object(httpx.AsyncHTTPTransport, "handle_async_request", handle):
        yield


def called(method: Any, url: Any, body: Any, headers: Any, fake: Fake) -> Call:
    """A request as a call. A host that is not the fake's is a failure of the test."""
    parts = urlsplit(url)
    assert parts.hostname in fake.hosts, f"{parts.hostname} is none of {fake.hosts}"
    text = body.decode() if isinstance(body, bytes) else body
    return Call(
        method,
        parts.path,
        dict(parse_qsl(parts.query, keep_blank_values=True)),
        data_of(text),
        dict(headers),
    )


def data_of(text: str | None) -> Any:
    """A body's JSON, or form."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return dict(parse_qsl(text))


def encoded(reply: Reply) -> bytes:
    """The octets of an answer."""
    if reply.body is None:
        return b""
    return reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
