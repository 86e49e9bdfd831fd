"""A stateful Cloudflare for tests: what the API's documentation and user reports say it does.

Requests are validated by the SDK's own parameter types; answers are such that the SDK takes them
with strict validation. Modelled on developers.cloudflare.com (DNS records, batch, limits), the
SDK's types, and the reports named in the project's issue list: 81053, 81054, 81058, TTL 1, raw and
quoted TXT, one page more than there are records.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import idna
import pydantic
from cloudflare.types.dns.record_create_params import RecordCreateParams

from tests.listening import listening

TOKEN = "cf-token-0123456789abcdef0123456789abcdef"
ZONE_ID = "023e105f4ecef8ad9ca31a8372d0c353"
SERVERS = ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"]
_CREATE: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RecordCreateParams)
_TIME = "2026-01-01T00:00:00Z"


class Refused(Exception):
    """An error of the API: HTTP status, code and message."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class FakeCloudflare:
    """One account with one zone, served over HTTP by :func:`served`. `seen` lists the calls.

    vanity: the zone's own names for its name servers; None where it has none. kind: "full", or what
    else a zone may be. servers: the zone's name servers. counted: records that a list says there
    are, None for the truth. page_limit: most records of a page, whatever was asked for.
    """

    zone: str = "example.test"
    status: str = "active"
    vanity: list[str] | None = None
    kind: str = "full"
    servers: list[str] | None = field(default_factory=lambda: list(SERVERS))
    counted: int | None = None
    page_limit: int = 5000
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    url: str = ""
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as the API does."""
        self.seen.append(f"{request.method} {request.url.path.removeprefix('/client/v4')}")
        before = json.dumps(self.records)
        try:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                raise Refused(403, 9109, "Invalid access token")
            return self._routed(request)
        except Refused as refused:
            self.records = json.loads(before)  # one transaction
            error = {"code": refused.code, "message": refused.message}
            body = {"success": False, "errors": [error], "messages": [], "result": None}
            return httpx.Response(refused.status, json=body, request=request)

    def add(self, **row: Any) -> str:
        """Put a record there, as a person does in the dashboard."""
        id = f"{next(self._ids):032x}"
        proxiable = row["type"] in ("A", "AAAA", "CNAME")
        self.records[id] = {
            "id": id,
            "ttl": 1,
            "proxied": False,
            "proxiable": proxiable,
            "comment": None,
            "tags": [],
            "settings": {},
            "meta": {},
            "created_on": _TIME,
            "modified_on": _TIME,
            **row,
            "name": str(row["name"]).lower(),
        }
        return id

    # -- routes --------------------------------------------------------------------------------

    def _routed(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path.removeprefix("/client/v4"), request.url.params
        if path == "/zones":
            match = query.get("name") in (None, self.zone)
            return self._page([self._zone()] if match else [], query, request)
        if not path.startswith(f"/zones/{ZONE_ID}"):
            raise Refused(404, 7003, "Could not route, perhaps your identifier is wrong")
        rest = path.removeprefix(f"/zones/{ZONE_ID}")
        if rest == "":
            return self._ok(self._zone(), request)
        if rest == "/dns_records" and request.method == "GET":
            return self._page(list(self.records.values()), query, request)
        if rest == "/dns_records" and request.method == "POST":
            return self._ok(self._posted(json.loads(request.content)), request)
        if rest.startswith("/dns_records/") and request.method in ("PUT", "PATCH", "DELETE"):
            return self._ok(self._one(rest.rpartition("/")[2], request), request)
        if rest == "/dns_records/batch" and request.method == "POST":
            return self._ok(self._batched(json.loads(request.content)), request)
        raise Refused(404, 7003, f"no route {request.method} {path}")

    def _zone(self) -> dict[str, Any]:
        return {
            "id": ZONE_ID,
            "name": self.zone,
            "status": self.status,
            "name_servers": self.servers,
            "vanity_name_servers": self.vanity,
            "account": {"id": "1", "name": "a"},
            "activated_on": _TIME,
            "created_on": _TIME,
            "modified_on": _TIME,
            "development_mode": 0,
            "meta": {},
            "original_dnshost": None,
            "original_name_servers": None,
            "original_registrar": None,
            "owner": {},
            "plan": {},
            "type": self.kind,
        }

    def _ok(self, result: Any, request: httpx.Request) -> httpx.Response:
        body = {"success": True, "errors": [], "messages": [], "result": result}
        return httpx.Response(200, json=body, request=request)

    def _page(
        self, rows: list[dict[str, Any]], query: httpx.QueryParams, request: httpx.Request
    ) -> httpx.Response:
        page = int(float(query.get("page", "1")))
        size = min(int(query.get("per_page", "100")), self.page_limit)
        shown = rows[(page - 1) * size : page * size]
        info = {
            "page": page,
            "per_page": size,
            "count": len(shown),
            "total_count": len(rows) if self.counted is None else self.counted,
            "total_pages": -(-len(rows) // size),
        }
        body = {
            "success": True,
            "errors": [],
            "messages": [],
            "result": shown,
            "result_info": info,
        }
        return httpx.Response(200, json=body, request=request)

    # -- batch: deletes, patches, posts, in this order ------------------------------------------

    def _batched(self, batch: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        if unknown := set(batch) - {"deletes", "patches", "puts", "posts"}:
            raise Refused(400, 9207, f"unknown {unknown}")
        if sum(map(len, batch.values())) > 200:
            raise Refused(400, 81000, "more than 200 operations")
        deleted = [self._take(each["id"], "delete") for each in batch.get("deletes", ())]
        patched = [self._patched(each) for each in batch.get("patches", ())]
        posted = [self._posted(each) for each in batch.get("posts", ())]
        return {"deletes": deleted, "patches": patched, "posts": posted, "puts": []}

    def _one(self, id: str, request: httpx.Request) -> dict[str, Any]:
        """One record's own address: what programs without batches use."""
        if request.method == "DELETE":
            return self._take(id, "delete")
        return self._patched({**json.loads(request.content), "id": id})

    def _take(self, id: str, why: str) -> dict[str, Any]:
        row = self.records.get(id)
        if row is None:
            raise Refused(400, 81044, "Record does not exist.")
        if row["meta"].get("email_routing"):
            raise Refused(400, 81056, "managed by Email Routing")
        return self.records.pop(id) if why == "delete" else row

    def _patched(self, given: dict[str, Any]) -> dict[str, Any]:
        row = self._take(given["id"], "patch")
        changed = {**row, **given, "modified_on": "2026-02-02T00:00:00Z"}
        self._check(changed, given["id"])
        self.records[given["id"]] = self._stored(changed)
        return self.records[given["id"]]

    def _posted(self, given: dict[str, Any]) -> dict[str, Any]:
        self._check(given, None)
        return self.records[self.add(**self._stored(given))]

    def _stored(self, row: dict[str, Any]) -> dict[str, Any]:
        """As the API gives it back: content made of data, host names without their dot."""
        data = row.get("data")
        if row["type"] == "SRV" and data:
            data = {**data, "target": _without_dot(data["target"])}
            words = (data[name] for name in ("priority", "weight", "port", "target"))
            return {**row, "data": data, "content": " ".join(map(str, words))}
        if row["type"] == "CAA" and data:
            return {**row, "content": f'{data["flags"]} {data["tag"]} "{data["value"]}"'}
        if row["type"] in ("CNAME", "MX", "NS", "PTR"):
            return {**row, "content": _without_dot(row["content"])}
        return row

    def _check(self, row: dict[str, Any], id: str | None) -> None:
        try:
            _CREATE.validate_python({**_sent(row), "zone_id": ZONE_ID})
        except pydantic.ValidationError as error:
            raise Refused(400, 9207, f"Request body is invalid: {error.errors()[0]}") from None
        name, rtype = row["name"], row["type"]
        if not re.fullmatch(r"(?:[a-z0-9_*-]+\.)*[a-z0-9-]+", name):
            raise Refused(400, 9000, f"DNS name is invalid: {name}")
        zone = idna.encode(self.zone).decode("ascii")
        if name != zone and not name.endswith(f".{zone}"):
            raise Refused(400, 9000, "DNS name is outside of the zone")
        if row["ttl"] != 1 and not 60 <= row["ttl"] <= 86400:
            raise Refused(400, 9021, "Invalid TTL. Must be between 60 and 86400, or 1")
        if rtype == "TXT":
            _check_txt(row["content"])
        if rtype == "MX" and "priority" not in row:
            raise Refused(400, 9100, "priority is required")
        for other in self.records.values():
            if other.get("id") != id and other.get("name") == name:
                self._check_beside(row, other)

    def _check_beside(self, row: dict[str, Any], other: dict[str, Any]) -> None:
        types = {row["type"], other["type"]}
        # At the apex an alias is flattened: only with addresses it cannot be.
        flattened = row["name"] == idna.encode(self.zone).decode("ascii")
        if "CNAME" in types and (types & {"A", "AAAA"} if flattened else len(types) > 1):
            code = 81053 if row["type"] == "CNAME" else 81054
            raise Refused(400, code, "a record with that host already exists")
        said = ("type", "content", "data", "priority")
        if all(row.get(each) == other.get(each) for each in said):
            raise Refused(400, 81058, "An identical record already exists.")


def _without_dot(name: str) -> str:
    return name.rstrip(".") or "."


def _sent(row: dict[str, Any]) -> dict[str, Any]:
    """What a client may say of a record; the rest is the API's own."""
    own = ("id", "proxiable", "meta", "settings", "comment", "tags", "created_on", "modified_on")
    return {name: value for name, value in row.items() if name not in own}


def _check_txt(content: str) -> None:
    """Quoted strings of at most 255 octets, none empty: what the API stores as it is given."""
    chunks = re.findall(r'"((?:[^"\\]|\\.)*)"', content)
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", content)
    if rest.strip() or not chunks or not any(chunks):
        raise Refused(400, 9101, "TXT content must be quoted and not empty")
    octets = (re.sub(r"\\(\d{3}|.)", "x", chunk) for chunk in chunks)
    if any(len(each) > 255 for each in octets):
        raise Refused(400, 9102, "a character-string is longer than 255")


class _Handler(BaseHTTPRequestHandler):
    account: FakeCloudflare
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body leave as two packets

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = f"http://{self.headers['Host']}{self.path}"
        sent = httpx.Request(self.command, url, headers=dict(self.headers), content=body)
        reply = self.account.answer(sent)
        self.send_response(reply.status_code)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[FakeCloudflare]:
    """A new account behind HTTP on loopback; its `url` is where."""
    account = FakeCloudflare()
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), type("Handler", (_Handler,), {"account": account})
    )
    server.daemon_threads = True
    account.url = f"http://127.0.0.1:{server.server_port}"
    with listening(server):
        yield account
