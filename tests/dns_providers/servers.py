"""Real name servers that take RFC 2136 updates, on loopback: BIND, Knot and PowerDNS."""

from __future__ import annotations

import getpass
import json
import secrets
import shutil
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsigkeyring
import dns.update

from tests import fault_proxy
from tests.fault_proxy import FaultProxy, Request
from tests.lab.process import Daemon, run, wait_for

ZONE = "example.test"
IDN_ZONE = "xn--bcher-kva.test"
OTHER_ZONE = "locked.test"  # served, but our key may not change it
_ZONES = (ZONE, IDN_ZONE, OTHER_ZONE)
KEY = "update-key"
ALGORITHM = "hmac-sha256"
_SECRET = b64encode(secrets.token_bytes(32)).decode()
_DATABASE = "pdns.db"
_ZONE_TEXT = """$ORIGIN {zone}.
$TTL 300
@ IN SOA ns.{zone}. host.{zone}. 1 60 60 3600 5
@ IN NS ns.{zone}.
ns IN A 127.0.0.1
"""


@dataclass(frozen=True)
class NameServer:
    """One running server."""

    name: str
    port: int
    secret: str = field(repr=False)
    api_port: int = 0  # PowerDNS: its HTTP API, with the secret as key


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(name: str, folder: Path) -> Iterator[NameServer]:
    """One of `bind`, `knot`, `powerdns`, with two zones and a key for the first."""
    server = NameServer(name, _free_port(), _SECRET, _free_port())
    for zone in _ZONES:
        (folder / f"{zone}.zone").write_text(_ZONE_TEXT.format(zone=zone))
    command = {"bind": _bind, "knot": _knot, "powerdns": _powerdns}[name](server, folder)
    daemon = Daemon(folder / "pid")
    daemon.start(command, folder / "log")
    try:
        # A server answers for one zone while it still loads another.
        if not wait_for(lambda: all(_answers(server.port, zone) for zone in _ZONES), 60):
            raise RuntimeError((folder / "log").read_text()[-2000:])
        yield server
    finally:
        daemon.stop()


def _answers(port: int, zone: str) -> bool:
    try:
        reply = dns.query.tcp(dns.message.make_query(zone, "SOA"), "127.0.0.1", 1, port)
    except (OSError, dns.exception.DNSException, EOFError):
        return False
    return bool(reply.answer)


def _bind(server: NameServer, folder: Path) -> list[str]:
    (folder / "named.conf").write_text(
        f'key "{KEY}" {{ algorithm {ALGORITHM}; secret "{server.secret}"; }};\n'
        f'options {{ directory "{folder}"; pid-file none; session-keyfile "{folder}/s.key"; '
        f"listen-on port {server.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; "
        f'recursion no; dnssec-validation no; allow-transfer {{ key "{KEY}"; }}; }};\n'
        "controls { };\n"
        + "".join(
            f'zone "{zone}" {{ type primary; file "{zone}.zone"; '
            f"update-policy {{ grant {KEY} zonesub any; }}; }};\n"
            for zone in (ZONE, IDN_ZONE)
        )
        + f'zone "{OTHER_ZONE}" {{ type primary; file "{OTHER_ZONE}.zone"; }};\n'
    )
    return ["named", "-g", "-c", str(folder / "named.conf")]


def _knot(server: NameServer, folder: Path) -> list[str]:
    (folder / "knot.conf").write_text(
        f'server:\n  listen: 127.0.0.1@{server.port}\n  rundir: "{folder}"\n'
        f'  pidfile: "{folder}/knot.pid"\n  user: {getpass.getuser()}\n'
        f'database:\n  storage: "{folder}"\n'
        "log:\n  - target: stderr\n    any: info\n"
        f"key:\n  - id: {KEY}\n    algorithm: {ALGORITHM}\n    secret: {server.secret}\n"
        f"acl:\n  - id: update\n    key: {KEY}\n    action: [update, transfer]\n"
        f'template:\n  - id: default\n    storage: "{folder}"\n    file: "%s.zone"\n'
        "    zonefile-sync: -1\n    zonefile-load: whole\n"
        f"zone:\n  - domain: {ZONE}\n    acl: update\n  - domain: {IDN_ZONE}\n    acl: update\n"
        f"  - domain: {OTHER_ZONE}\n"
    )
    return ["knotd", "-c", str(folder / "knot.conf")]


def empty_powerdns(folder: Path) -> None:
    """Make the database of a PowerDNS without zones in a folder."""
    schema = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql").read_text()
    run("sqlite3", str(folder / _DATABASE), input=schema)


def powerdns_config(folder: Path, address: str, port: int, api_port: int, secret: str) -> str:
    """The configuration of a PowerDNS that serves from its database in a folder.

    secret: the key of its HTTP API, which is on this machine alone.
    """
    return (
        f"launch=gsqlite3\ngsqlite3-database={folder / _DATABASE}\nlocal-address={address}\n"
        f"local-port={port}\nsocket-dir={folder}\n"
        "cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n"
        f"api=yes\napi-key={secret}\nwebserver=yes\nwebserver-address=127.0.0.1\n"
        f"webserver-port={api_port}\nguardian=no\ndaemon=no\ndisable-syslog=yes\n"
    )


def _powerdns(server: NameServer, folder: Path) -> list[str]:
    (folder / _DATABASE).write_bytes(_filled_database(server.secret))
    config = powerdns_config(folder, "127.0.0.1", server.port, server.api_port, server.secret)
    more = "dnsupdate=yes\nallow-dnsupdate-from=\nallow-axfr-ips=\ndisable-axfr=no\n"
    (folder / "pdns.conf").write_text(config + more)
    return ["pdns_server", f"--config-dir={folder}"]


@cache
def _filled_database(secret: str) -> bytes:
    """The database with our zones and key: eleven programs make it, so it is made once."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        empty_powerdns(folder)
        (folder / "pdns.conf").write_text(powerdns_config(folder, "127.0.0.1", 0, 0, secret))
        util = ["pdnsutil", f"--config-dir={folder}"]
        for zone in _ZONES:
            (folder / f"{zone}.zone").write_text(_ZONE_TEXT.format(zone=zone))
            run(*util, "load-zone", zone, str(folder / f"{zone}.zone"))
        run(*util, "import-tsig-key", KEY, ALGORITHM, secret)
        for zone in (ZONE, IDN_ZONE):
            for kind in ("TSIG-ALLOW-DNSUPDATE", "TSIG-ALLOW-AXFR"):
                run(*util, "set-meta", zone, kind, KEY)
            run(*util, "set-meta", zone, "ALLOW-DNSUPDATE-FROM", "127.0.0.0/8")
        return (folder / _DATABASE).read_bytes()


def enter(server: NameServer, owner: str, rtype: str, ttl: int, value: str) -> None:
    """Add a record as another program does, with names as they are written."""
    enter_rdata(server, owner, ttl, dns.rdata.from_text("IN", rtype, value))


def enter_rdata(server: NameServer, owner: str, ttl: int, rdata: dns.rdata.Rdata) -> None:
    """Add a record of any octets, as another program does."""
    keyring = dns.tsigkeyring.from_text({KEY: (ALGORITHM, server.secret)})
    update = dns.update.UpdateMessage(ZONE, keyring=keyring)
    update.add(f"{owner}.", ttl, rdata)
    reply = dns.query.tcp(update, "127.0.0.1", timeout=5, port=server.port)
    if reply.rcode() != dns.rcode.NOERROR:
        raise RuntimeError(dns.rcode.to_text(reply.rcode()))


@contextmanager
def adding(rows: list[dict[str, Any]], server: NameServer) -> Iterator[FaultProxy]:
    """A proxy before PowerDNS's HTTP API that adds RRsets to what it shows of a zone.

    The server itself answers status 500 for some of what a database may hold.
    """

    def more(request: Request, body: bytes) -> bytes:
        if request.method != "GET" or b'"rrsets"' not in body:
            return body
        zone = json.loads(body)
        return json.dumps({**zone, "rrsets": [*zone["rrsets"], *rows]}).encode()

    with fault_proxy.running(f"http://127.0.0.1:{server.api_port}") as proxy:
        proxy.altered = more
        yield proxy


@contextmanager
def showing(server: NameServer) -> Iterator[tuple[FaultProxy, Callable[[str, str, str], None]]]:
    """As `adding`, with what adds an RRset: owner name, type and content, sense or not."""
    rows: list[dict[str, Any]] = []

    def show(owner: str, rtype: str, value: str) -> None:
        rows.append(shown_row(owner, rtype, value))

    with adding(rows, server) as proxy:
        yield proxy, show


def shown_row(owner: str, rtype: str, *contents: str) -> dict[str, Any]:
    """An RRset as PowerDNS's HTTP API shows it."""
    records = [{"content": each, "disabled": False} for each in contents]
    return {"name": f"{owner}.", "type": rtype, "ttl": 600, "records": records, "comments": []}


def octets(rtype: str, data: bytes) -> dns.rdata.Rdata:
    """A record's value in octets, whether they make sense or not."""
    kind = dns.rdatatype.from_text(rtype)
    return dns.rdata.GenericRdata(dns.rdataclass.IN, kind, data)


def there(name: str) -> bool:
    """Whether this machine has the server."""
    programs = {"bind": "named", "knot": "knotd", "powerdns": "pdns_server"}
    return shutil.which(programs[name]) is not None
