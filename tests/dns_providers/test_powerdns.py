"""PowerDNS by its HTTP API: the contract on a real server, and whatever may come back from one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from dns_providers.base import (
    AuthError,
    Change,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
    ZoneNotFound,
)
from dns_providers.ledger import Ledger
from dns_providers.powerdns import PowerDnsProvider
from dns_providers.publish import carry_out
from dns_providers.rrset import TXT, Address, Target, owner_name, rrset
from tests.dns_providers import servers
from tests.dns_providers.servers import ZONE, NameServer
from tests.dns_providers.test_plan import OURS, claim
from tests.provider_contract import ProviderContract, read

pytestmark = pytest.mark.lab
Answer = Callable[[BaseHTTPRequestHandler], bool]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NameServer]:
    if not servers.there("powerdns"):
        pytest.skip("powerdns is not installed")
    with servers.running("powerdns", tmp_path) as running:
        yield running


def opened(
    server: NameServer, zone: str = ZONE, port: int = 0, key: str | None = None
) -> PowerDnsProvider:
    url = f"http://127.0.0.1:{port or server.api_port}"
    return PowerDnsProvider(owner_name(zone), url, server.secret if key is None else key)


class TestPowerDns(ProviderContract):
    @pytest.fixture
    def provider(self, server: NameServer) -> PowerDnsProvider:
        return opened(server)


def test_a_wrong_key_is_told_and_none_is_shown(server: NameServer) -> None:
    provider = opened(server, key="wrong-key")
    with pytest.raises(AuthError) as error:
        provider.read(frozenset({owner_name(ZONE)}))
    assert "wrong-key" not in f"{error.value} {error.value.values} {provider!r}"


def test_a_zone_that_is_not_there_is_told_and_not_made(server: NameServer) -> None:
    with pytest.raises(ZoneNotFound):
        opened(server, "nowhere.test").read(frozenset({owner_name("nowhere.test")}))


def test_what_the_server_refuses_is_told_in_its_words_and_nothing_is_written(
    server: NameServer,
) -> None:
    provider = opened(server)
    host = rrset("host.example.test", "A", 300, OURS)
    provider.apply([Change(None, host, "test")])
    alias = rrset("host.example.test", "CNAME", 300, Target(owner_name("elsewhere.test")))
    fine = rrset("fine.example.test", "A", 300, OURS)
    with pytest.raises(Rejected) as error:
        provider.apply([Change(None, fine, "test"), Change(None, alias, "test")])
    assert "Conflicts" in str(error.value)
    assert fine.key not in read(provider, "fine.example.test")


def test_disabled_records_and_types_of_its_own_are_left_alone(server: NameServer) -> None:
    provider = opened(server)
    rows = [
        {
            "name": "off.example.test.",
            "type": "A",
            "ttl": 60,
            "changetype": "REPLACE",
            "records": [{"content": "192.0.2.9", "disabled": True}],
        },
        {
            "name": "alias.example.test.",
            "type": "ALIAS",
            "ttl": 60,
            "changetype": "REPLACE",
            "records": [{"content": "elsewhere.test.", "disabled": False}],
        },
    ]
    reply = httpx.patch(
        f"http://127.0.0.1:{server.api_port}/api/v1/servers/localhost/zones/{ZONE}.",
        json={"rrsets": rows},
        headers={"X-API-Key": server.secret},
    )
    assert reply.status_code == 204, reply.text
    seen = read(provider, "off.example.test", "alias.example.test")
    assert {key.rtype: each.opaque for key, each in seen.items() if key.owner != provider.zone} == {
        "A": True,
        "ALIAS": True,
    }


@contextmanager
def between(server: NameServer, answer: Answer) -> Iterator[int]:
    """A proxy before the API; `answer` may answer itself (True). Gives its port."""

    class Proxy(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            if answer(self):
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = forward(server, self, body)
            self.send_response(reply.status_code)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_PATCH = do_PUT = _pass

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy.server_port
    finally:
        proxy.shutdown()
        proxy.server_close()


def forward(server: NameServer, request: BaseHTTPRequestHandler, body: bytes) -> httpx.Response:
    """Carry a request out at the real server."""
    url = f"http://127.0.0.1:{server.api_port}{request.path}"
    headers = {"X-API-Key": request.headers["X-API-Key"]}
    return httpx.request(request.command, url, content=body, headers=headers)


def says(status: int, body: bytes = b"{}") -> Answer:
    """An answer of the proxy's own."""

    def answer(request: BaseHTTPRequestHandler) -> bool:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return True

    return answer


def lost(server: NameServer) -> Answer:
    """The write is carried out, its answer never arrives."""

    def answer(request: BaseHTTPRequestHandler) -> bool:
        if request.command != "PATCH":
            return False
        length = int(request.headers["Content-Length"])
        assert forward(server, request, request.rfile.read(length)).is_success
        request.close_connection = True
        request.connection.close()
        return True

    return answer


def cut(request: BaseHTTPRequestHandler) -> bool:
    """The connection breaks."""
    request.close_connection = True
    request.connection.close()
    return True


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(401, b"Unauthorized"), AuthError),
        (says(403), AuthError),
        (says(404, b"Not Found"), ZoneNotFound),
        (says(429, b'{"error": "slow down"}'), RateLimited),
        (says(500, b"oops"), Unreachable),
        (says(503), Unreachable),
        (says(200, b"<html>login</html>"), Unreachable),
        (says(200, b'{"rrsets": [{"name": "x"'), Unreachable),
        (says(200, b"[]"), Unreachable),
        (cut, Unreachable),
    ],
)
def test_after_any_fault_nothing_foreign_is_lost_and_the_next_run_converges(
    server: NameServer, tmp_path: Path, answer: Answer, kind: type[ProviderError]
) -> None:
    direct = opened(server)
    foreign = rrset("theirs.example.test", "TXT", 300, TXT(b"theirs"))
    direct.apply([Change(None, foreign, "test")])
    ledger = Ledger(tmp_path / "state", ZONE)
    with between(server, answer) as port, pytest.raises(kind) as error:
        carry_out(opened(server, port=port), [claim()], ledger)
    assert error.value.message_id and server.secret not in str(error.value)
    carry_out(direct, [claim()], ledger)
    assert carry_out(direct, [claim()], ledger).changes == ()
    assert read(direct, "theirs.example.test")[foreign.key] == foreign


def test_an_answer_lost_after_the_write_is_made_up_for(server: NameServer, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "state", ZONE)
    with between(server, lost(server)) as port, pytest.raises(Unreachable):
        carry_out(opened(server, port=port), [claim()], ledger)
    again = carry_out(opened(server), [claim()], ledger)
    assert again.changes == () and again.conflicts == ()
    (entry,) = ledger.load().entries.values()
    assert entry.origin == "written" and entry.values == frozenset({OURS})


def test_what_somebody_else_writes_between_read_and_write_stays(
    server: NameServer, tmp_path: Path
) -> None:
    direct, wanted = opened(server), claim()
    theirs = rrset("smtp.example.test", "A", 60, Address("192.0.2.77"))
    reads = iter(range(9))

    def answer(request: BaseHTTPRequestHandler) -> bool:
        # After the plan was made, before it is carried out.
        if request.command == "GET" and next(reads) == 1:
            direct.apply([Change(None, theirs, "test")])
        return False

    with between(server, answer) as port:
        made = carry_out(opened(server, port=port), [wanted], Ledger(tmp_path / "state", ZONE))
    assert made.changes == () and len(made.conflicts) == 1
    assert read(direct, "smtp.example.test")[theirs.key] == theirs


def test_a_write_and_a_read_of_a_stage_are_two_calls_each(
    server: NameServer, tmp_path: Path
) -> None:
    calls: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> bool:
        calls.append(request.command)
        return False

    hosts = [claim(f"h{number}.example.test") for number in range(12)]
    with between(server, answer) as port:
        provider = opened(server, port=port)
        carry_out(provider, hosts, Ledger(tmp_path / "state", ZONE))
    # Plan, compare, write, read back.
    assert calls == ["GET", "GET", "PATCH", "GET"]
