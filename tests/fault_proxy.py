"""A loopback HTTP proxy that does to an adapter's requests what networks and providers do.

Without a fault it passes everything on as it is. A fault meets the requests that it is for: the
proxy answers by itself, breaks the connection before or after the request was carried out, keeps
the answer back, or gives half of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import httpx

from tests.listening import listening

# Made once: a context of its own for each request would load all authorities each time.
_NO_TLS = httpx.create_ssl_context(verify=False)
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True)
class Request:
    """What an adapter sent."""

    method: str
    path: str  # with its query
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """The proxy answers itself; nothing is carried out."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """The connection breaks before the request is carried out."""


@dataclass(frozen=True)
class Lost:
    """The request is carried out, then the connection breaks."""


@dataclass(frozen=True)
class Slow:
    """The request is carried out, its answer does not come in time."""


@dataclass(frozen=True)
class Truncated:
    """The request is carried out, half of its answer arrives, as if it was whole."""


Fault: TypeAlias = Answer | Cut | Lost | Slow | Truncated


def always(request: Request) -> bool:
    """For every request."""
    return True


def unaltered(request: Request, body: bytes) -> bytes:
    """As it is."""
    return body


@dataclass
class FaultProxy:
    """A running proxy. `seen` lists the requests, those met by a fault too.

    before: called with each request before anything is done with it. altered: gives what becomes of
    an answer's body on its way. connections: how many came.
    """

    url: str  # where it listens
    upstream: str
    seen: list[Request] = field(default_factory=list)
    before: Callable[[Request], object] = str
    altered: Callable[[Request, bytes], bytes] = unaltered
    connections: int = 0
    met: int = 0  # requests that the fault was done to
    _fault: Fault | None = None
    _when: Callable[[Request], bool] = always
    _let_through: int = 0
    _times: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def doing(
        self,
        fault: Fault,
        when: Callable[[Request], bool] = always,
        *,
        let_through: int = 0,
        times: int = 1_000_000,
    ) -> Iterator[None]:
        """Meet requests that `when` is true for with a fault.

        let_through: so many of them pass first. times: so many are met, later ones pass again.
        """
        self._fault, self._when, self._let_through, self._times = fault, when, let_through, times
        self.met = 0
        self._over.clear()
        try:
            yield
        finally:
            self._fault = None
            self._over.set()

    def fault_for(self, request: Request) -> Fault | None:
        """The fault that meets a request now."""
        with self._lock:
            self.seen.append(request)
            if self._fault is None or not self._when(request):
                return None
            if self._let_through:
                self._let_through -= 1
                return None
            if self.met == self._times:
                return None
            self.met += 1
            return self._fault

    def carried_out(self, request: Request) -> httpx.Response:
        """The answer of the server behind."""
        kept = {k: v for k, v in request.headers.items() if k not in _OF_ONE_CONNECTION}
        url = f"{self.upstream}{request.path}"
        return httpx.request(
            *(request.method, url),
            content=request.body,
            headers=kept,
            timeout=30,
            trust_env=False,
            verify=_NO_TLS,
        )

    def wait_until_over(self) -> None:
        """Wait for the end of the fault: whoever had to give up has done so by then."""
        self._over.wait(60)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body leave as two packets
    proxy: FaultProxy

    def setup(self) -> None:
        self.proxy.connections += 1
        super().setup()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        self.proxy.before(request)
        fault = self.proxy.fault_for(request)
        if isinstance(fault, Answer):
            self._answer(fault.status, fault.body, fault.headers)
        elif isinstance(fault, Cut):
            self._break()
        else:
            self._pass(request, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _pass(self, request: Request, fault: Fault | None) -> None:
        reply = self.proxy.carried_out(request)
        if isinstance(fault, Slow):
            self.proxy.wait_until_over()
        if isinstance(fault, (Lost, Slow)):
            self._break()
            return
        whole = self.proxy.altered(request, reply.content)
        shown = whole[: len(whole) // 2] if isinstance(fault, Truncated) else whole
        self._answer(reply.status_code, shown, dict(reply.headers))

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            # httpx has unpacked the body already.
            if name.lower() not in _OF_ONE_CONNECTION | {"content-encoding", "date", "server"}:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break(self) -> None:
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is what this server is for."""


@contextmanager
def running(upstream: str) -> Iterator[FaultProxy]:
    """A proxy before the server at `upstream` ("http://127.0.0.1:8081", no path)."""
    server = _Server(("127.0.0.1", 0), _Handler)
    proxy = FaultProxy(f"http://127.0.0.1:{server.server_port}", upstream)
    server.RequestHandlerClass = type("Handler", (_Handler,), {"proxy": proxy})
    with listening(server):
        try:
            yield proxy
        finally:
            proxy._over.set()
