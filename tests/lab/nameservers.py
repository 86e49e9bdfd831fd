"""The lab's DNS: a root and `test.` that delegate, a BIND primary, a Knot secondary, a resolver.

198.51.100.60  NSD      root and test.: the delegations
198.51.100.53  BIND     primary of all zones, TSIG updates, NOTIFY to Knot
198.51.100.54  Knot     secondary of all zones
198.51.100.56  NSD      secondary of lag.test only: it lags until a test makes it look
198.51.100.58  PowerDNS api.test, changed by its HTTP API; only where a test starts it
198.51.100.55  unbound  recursive resolver from the root down
198.51.100.61  unbound  one that keeps nothing; with the next two only where a test starts them
198.51.100.62  unbound  one that keeps each record for its TTL
198.51.100.63  unbound  one that keeps each record too long, as some providers' do
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.tsig
import dns.update

from tests.dns_providers.servers import empty_powerdns, powerdns_config
from tests.lab.certificates import receiver_files, tlsa
from tests.lab.network import (
    BROKEN,
    COLD,
    RECEIVER,
    RECEIVER_V6,
    RESOLVER,
    SECURE,
    SILENT,
    STRETCHING,
    UNTRUSTED,
    WARM,
    Network,
    state,
)
from tests.lab.process import Daemon, run, wait_for

PARENT, PRIMARY, SECONDARY, LAGGING, BY_API = (
    f"198.51.100.{last}" for last in (60, 53, 54, 56, 58)
)
ALGORITHM = "hmac-sha256"
# More zones of a site, for the one test that needs them.
FLEET = tuple(f"fleet{number}.test" for number in range(7)) if os.environ.get("PMAIL_LONG") else ()
SITE_ZONES = ("example.test", "second.test", "third.test", "lag.test", *FLEET)
REVERSE = ("113.0.203.in-addr.arpa", "3.1.1.0.8.b.d.0.1.0.0.2.ip6.arpa")
FAR: dict[str, tuple[str, ...]] = {  # domains of others, and the addresses of their MX hosts
    "recv.test": (RECEIVER,),
    "refused.test": (PRIMARY,),
    "silent.test": (SILENT,),
    "secure.test": (SECURE,),
    "broken.test": (BROKEN,),
    "untrusted.test": (UNTRUSTED,),
    "six.test": (RECEIVER_V6,),
    "three.test": (SILENT, PRIMARY, RECEIVER),  # the first dead, the second refusing
    "qq.com": (RECEIVER,),  # the lab's own: its root is not the Internet's
    "provider.test": (RECEIVER,),
    "sts.test": (SECURE,),
    "badsts.test": (UNTRUSTED,),
}
CACHES = {"cold": COLD, "warm": WARM, "stretching": STRETCHING}
SIGNED = "dane.test"  # with DNSSEC, an island: its key is nobody's delegation
API_ZONE = "api.test"  # PowerDNS alone has it
API_PORT = 8081
LAG = 1800  # seconds between two looks of the lagging secondary by itself: longer than any test


@dataclass(frozen=True)
class NameServers:
    """The name servers of one lab instance."""

    folder: Path = field(default_factory=lambda: state() / "dns")

    @property
    def daemons(self) -> dict[str, Daemon]:
        """Its servers by name."""
        names = ("parent", "bind", "knot", "lagging", "powerdns", "unbound", *CACHES)
        return {name: Daemon(self.folder / f"{name}.pid") for name in names}

    def secret(self, zone: str) -> str:
        """The TSIG secret of a zone's key (base64); made at first use."""
        path = self.folder.parent / "tsig" / zone
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(b64encode(secrets.token_bytes(32)).decode())
        return path.read_text()

    def key_name(self, zone: str) -> str:
        """The name of the TSIG key that may change one zone and no other."""
        return f"update-{zone}"

    def up(self) -> None:
        """Start all, with fresh zones."""
        self.down()
        self.folder.mkdir(parents=True)
        self._configure_parent()
        self._configure_bind()
        self._configure_knot()
        self._configure_lagging()
        self._configure_unbound()
        commands = {
            "parent": ["nsd", "-d", "-c", str(self.folder / "parent.conf")],
            "bind": ["named", "-g", "-c", str(self.folder / "bind.conf")],
            "knot": ["knotd", "-c", str(self.folder / "knot.conf")],
            "lagging": ["nsd", "-d", "-c", str(self.folder / "lagging.conf")],
            "unbound": ["unbound", "-d", "-c", str(self.folder / "unbound.conf")],
        }
        for name, command in commands.items():
            self.start(name, command)
        for zone in SITE_ZONES:
            self._wait_for(SECONDARY, zone)
        # It may have asked a primary that was not up yet, and would ask again much later.
        with self.lagging_looks_every(1):
            self._wait_for(LAGGING, "lag.test")
        self._wait_for(RESOLVER, "example.test", recursive=True)

    def start(self, name: str, command: list[str]) -> None:
        """Start one server in the lab's namespace, and remember how."""
        inside = ["ip", "netns", "exec", Network().name, *command]
        (self.folder / f"{name}.command").write_text("\n".join(inside))
        self.daemons[name].start(inside, self.folder / f"{name}.log")

    def restart(self, name: str) -> None:
        """Start a server again that was stopped."""
        command = (self.folder / f"{name}.command").read_text().splitlines()
        self.daemons[name].start(command, self.folder / f"{name}.log")
        zone = "lag.test" if name == "lagging" else "example.test"
        address = {"bind": PRIMARY, "knot": SECONDARY, "lagging": LAGGING}[name]
        self._wait_for(address, zone)

    def start_caches(self, least_ttl: int) -> None:
        """Start three receivers' resolvers. least_ttl: seconds that one keeps everything for."""
        extra = {"cold": "cache-max-ttl: 0", "stretching": f"cache-min-ttl: {least_ttl}"}
        for name, address in CACHES.items():
            self._configure_unbound(name, address, extra.get(name, ""))
            self.start(name, ["unbound", "-d", "-c", str(self.folder / f"{name}.conf")])
        for address in CACHES.values():
            self._wait_for(address, "test", recursive=True)

    def start_powerdns(self) -> None:
        """Start the server with an HTTP API, with a fresh zone."""
        self._configure_powerdns()
        self.start("powerdns", ["pdns_server", f"--config-dir={self.folder}"])
        self._wait_for(BY_API, API_ZONE)

    @property
    def caches(self) -> dict[str, str]:
        """The receivers' resolvers that run: name -> address."""
        running = self.daemons
        return {name: each for name, each in CACHES.items() if running[name].pid is not None}

    def down(self) -> None:
        """End all, and forget their zones."""
        for daemon in self.daemons.values():
            daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what tests do with it -----------------------------------------------------------------

    def records(self, owner: str, rtype: str, server: str = PRIMARY) -> list[str]:
        """Values of an RRset at an authoritative server, sorted."""
        query = dns.message.make_query(owner, rtype)
        with Network().entered():
            reply = dns.query.tcp(query, server, timeout=10)
        kind = dns.rdatatype.from_text(rtype)
        name = dns.name.from_text(owner)
        return sorted(
            rdata.to_text()
            for rrset in reply.answer
            if rrset.rdtype == kind and rrset.name == name
            for rdata in rrset
        )

    def zone_text(self, zone: str) -> str:
        """The whole zone, without what changes with the serial."""
        lines = run(
            *Network().inside(["dig", f"@{PRIMARY}", zone, "AXFR", "+noall", "+answer"])
        ).splitlines()
        return "\n".join(sorted(line for line in lines if "\tSOA\t" not in line))

    def add(self, zone: str, *records: str) -> None:
        """Put somebody else's records into a zone: each `owner TTL TYPE value`."""
        update = self._update(zone)
        for record in records:
            owner, ttl, rtype, value = record.split(None, 3)
            update.add(dns.name.from_text(owner), int(ttl), rtype, value)
        self._send(update)

    def published(self, zone: str) -> list[str]:
        """What has been put into one of the site's zones, as `add` takes it."""
        lines = [line.split(None, 4) for line in self.zone_text(zone).splitlines()]
        return [f"{o} {ttl} {rtype} {v}" for o, ttl, _, rtype, v in lines if rtype != "NS"]

    def republish(self, zone: str, records: list[str]) -> None:
        """Put records into a fresh zone, and wait until the secondary has them."""
        self.add(zone, *records)
        if not wait_for(lambda: self.serial(zone, SECONDARY) == self.serial(zone, PRIMARY), 60):
            raise RuntimeError(f"{SECONDARY} does not follow for {zone}")

    def serial(self, zone: str, server: str) -> str:
        """The serial of a zone at a server."""
        (soa,) = self.records(zone, "SOA", server)
        return soa.split()[2]

    def edit(self, zone: str, owner: str, rtype: str, *values: str, ttl: int = 60) -> None:
        """Put other values in an RRset's place, as somebody in a panel."""
        update, name = self._update(zone), dns.name.from_text(owner)
        update.delete(name, rtype)
        for value in values:
            update.add(name, ttl, rtype, value)
        self._send(update)

    def set_ptr(self, address: str, name: str) -> None:
        """Set an address's PTR, as in a VPS provider's panel."""
        owner = dns.reversename.from_address(address)
        zone = next(z for z in REVERSE if owner.is_subdomain(dns.name.from_text(z)))
        update = self._update(zone)
        update.replace(owner, 60, "PTR", f"{name}.")
        self._send(update)

    @contextmanager
    def lagging_looks_every(self, seconds: float) -> Iterator[None]:
        """Meanwhile the lagging secondary asks the primary for news at this interval."""
        ended = threading.Event()

        def notify() -> None:
            while not ended.wait(seconds):
                query = dns.message.make_query("lag.test", "SOA", use_edns=False)
                query.set_opcode(dns.opcode.NOTIFY)
                with Network().entered(), suppress(dns.exception.Timeout, OSError):
                    dns.query.udp(query, LAGGING, timeout=1)

        thread = threading.Thread(target=notify, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def refusing(self, zone: str) -> Iterator[None]:
        """Meanwhile the primary takes no update of a zone from anybody."""
        path, grant = self.folder / "bind.conf", f"grant {self.key_name(zone)}"
        self._reconfigure(path.read_text().replace(grant, f"deny {self.key_name(zone)}"))
        assert wait_for(lambda: self._refuses(zone), 60)
        try:
            yield
        finally:
            before = path.read_text().replace(f"deny {self.key_name(zone)}", grant)
            self._reconfigure(before)
            assert wait_for(lambda: not self._refuses(zone), 60)

    def _reconfigure(self, text: str) -> None:
        (self.folder / "bind.conf").write_text(text)
        self.daemons["bind"].send(signal.SIGHUP)

    def _refuses(self, zone: str) -> bool:
        update = self._update(zone)
        update.delete(dns.name.from_text(f"nothing.{zone}"), "TXT")
        with Network().entered():
            return dns.query.tcp(update, PRIMARY, timeout=10).rcode() == dns.rcode.REFUSED

    def _update(self, zone: str) -> dns.update.UpdateMessage:
        name = dns.name.from_text(self.key_name(zone))
        key = dns.tsig.Key(name, self.secret(zone), ALGORITHM)
        return dns.update.UpdateMessage(zone, keyring={name: key})

    def _send(self, update: dns.update.UpdateMessage) -> None:
        with Network().entered():
            reply = dns.query.tcp(update, PRIMARY, timeout=10)
        assert reply.rcode() == 0, reply

    def _wait_for(self, server: str, zone: str, recursive: bool = False) -> None:
        flag = "+rec" if recursive else "+norec"
        command = ["dig", "+short", "+time=1", "+tries=1", flag, f"@{server}", zone, "SOA"]
        if not wait_for(lambda: bool(run(*Network().inside(command), check=False).strip()), 60):
            logs = "\n".join(path.read_text()[-800:] for path in self.folder.glob("*.log"))
            raise RuntimeError(f"{server} does not answer for {zone}:\n{logs}")

    # -- configuration -------------------------------------------------------------------------

    def _configure_parent(self) -> None:
        soa = "@ 60 IN SOA ns.root.test. host.root.test. 1 60 60 3600 5\n@ 60 IN NS ns.root.test.\n"
        root = f"{soa}ns.root.test. 60 IN A {PARENT}\ntest. 60 IN NS ns.root.test.\n"
        for zone in REVERSE:
            root += "".join(f"{zone}. 60 IN NS {name}.\n" for name in self._servers(zone))
        test = f"{soa}ns.root.test. 60 IN A {PARENT}\n"
        for zone in (*SITE_ZONES, *FAR, SIGNED, API_ZONE):
            lines = "".join(f"{zone}. 60 IN NS {name}.\n" for name in self._servers(zone))
            if zone.endswith(".test"):
                test += lines
            else:
                root += lines
        addresses = {"ns1": PRIMARY, "ns2": SECONDARY, "ns3": LAGGING, "ns4": BY_API}
        test += "".join(f"{n}.servers.test. 60 IN A {a}\n" for n, a in addresses.items())
        (self.folder / "root.zone").write_text(root)
        (self.folder / "test.zone").write_text(test)
        zones = "".join(
            f"zone:\n  name: {name}\n  zonefile: {self.folder}/{file}.zone\n"
            for name, file in ((".", "root"), ("test.", "test"))
        )
        (self.folder / "parent.conf").write_text(self._nsd("parent", PARENT) + zones)

    def _servers(self, zone: str) -> tuple[str, ...]:
        if zone == API_ZONE:
            return ("ns4.servers.test",)
        names = ("ns1.servers.test", "ns2.servers.test")
        return (*names, "ns3.servers.test") if zone == "lag.test" else names

    def _nsd(self, name: str, address: str) -> str:
        return (
            f"server:\n  ip-address: {address}\n  username: root\n  zonesdir: {self.folder}\n"
            f'  database: ""\n  zonelistfile: {self.folder}/{name}.list\n'
            f"  xfrdfile: {self.folder}/{name}.xfrd\n  xfrdir: {self.folder}\n"
            f"  pidfile: {self.folder}/{name}.nsd\n  server-count: 1\n"
            "remote-control:\n  control-enable: no\n"
        )

    def _configure_bind(self) -> None:
        zones = (*SITE_ZONES, *REVERSE, *FAR)
        text = (
            f'options {{ directory "{self.folder}"; pid-file none; '
            f'session-keyfile "{self.folder}/session.key"; '
            f"listen-on {{ {PRIMARY}; }}; listen-on-v6 {{ none; }}; recursion no; "
            "dnssec-validation no; allow-transfer { any; }; notify explicit; notify-delay 0; "
            f"notify-source {PRIMARY}; }};\n"
            "controls { };\n"
        )
        for zone in zones:
            key = self.key_name(zone)
            text += f'key "{key}" {{ algorithm {ALGORITHM}; secret "{self.secret(zone)}"; }};\n'
            text += (
                f'zone "{zone}" {{ type primary; file "{zone}.zone"; '
                f"also-notify {{ {SECONDARY}; }}; "
                f"update-policy {{ grant {key} zonesub any; }}; }};\n"
            )
            (self.folder / f"{zone}.zone").write_text(self._zone(zone))
        (self.folder / f"{SIGNED}.zone").write_text(self._signed_zone())
        text += (
            f'zone "{SIGNED}" {{ type primary; file "{SIGNED}.zone"; key-directory "."; '
            f"dnssec-policy default; inline-signing yes; also-notify {{ {SECONDARY}; }}; }};\n"
        )
        (self.folder / "bind.conf").write_text(text)

    def _zone(self, zone: str) -> str:
        refresh, retry = (LAG, LAG) if zone == "lag.test" else (10, 5)
        text = f"$ORIGIN {zone}.\n$TTL 60\n"
        text += f"@ IN SOA ns1.servers.test. hostmaster.{zone}. 1 {refresh} {retry} 3600 5\n"
        text += "".join(f"@ IN NS {name}.\n" for name in self._servers(zone))
        for number, address in enumerate(FAR.get(zone, ())):
            host = f"mx{number or ''}"
            rtype = "AAAA" if ":" in address else "A"
            text += f"@ IN MX {10 + number} {host}.{zone}.\n{host} IN {rtype} {address}\n"
        if zone in ("sts.test", "badsts.test"):
            text += f'_mta-sts IN TXT "v=STSv1; id=1"\nmta-sts IN A {SECURE}\n'
        return text

    def _signed_zone(self) -> str:
        """A receiver whose certificate is the one that DNSSEC names, and one whose is not."""
        text, data = self._zone(SIGNED), tlsa(receiver_files())
        for name, address in (("good", SECURE), ("bad", UNTRUSTED)):
            text += f"{name} IN MX 10 mx.{name}\nmx.{name} IN A {address}\n"
            text += f"_25._tcp.mx.{name} IN TLSA {data}\n"
        return text

    def trust_anchor(self) -> str:
        """The key that the signed zone is verified with, as a DNSKEY record."""
        (key,) = [each for each in self.records(SIGNED, "DNSKEY") if each.startswith("257 ")]
        return f"{SIGNED}. 60 IN DNSKEY {key}\n"

    def _configure_knot(self) -> None:
        storage = self.folder / "knot"
        storage.mkdir()
        text = (
            f'server:\n  listen: {SECONDARY}@53\n  rundir: "{self.folder}"\n'
            f'  pidfile: "{self.folder}/knot.knot"\n  user: root\n'
            f'database:\n  storage: "{storage}"\nlog:\n  - target: stderr\n    any: info\n'
            f"remote:\n  - id: primary\n    address: {PRIMARY}@53\n    via: {SECONDARY}\n"
            f"acl:\n  - id: notify\n    address: {PRIMARY}\n    action: notify\n"
            f'template:\n  - id: default\n    storage: "{storage}"\n    master: primary\n'
            "    acl: notify\n    zonefile-sync: -1\n    journal-content: all\nzone:\n"
        )
        text += "".join(f"  - domain: {zone}\n" for zone in (*SITE_ZONES, *REVERSE, *FAR, SIGNED))
        (self.folder / "knot.conf").write_text(text)

    def _configure_lagging(self) -> None:
        zone = (
            "zone:\n  name: lag.test\n  zonefile: lagging.lag.test.zone\n"
            f"  request-xfr: AXFR {PRIMARY} NOKEY\n  allow-notify: 0.0.0.0/0 NOKEY\n"
        )
        (self.folder / "lagging.conf").write_text(self._nsd("lagging", LAGGING) + zone)

    def _configure_powerdns(self) -> None:
        empty_powerdns(self.folder)
        (self.folder / "pdns.conf").write_text(
            powerdns_config(self.folder, BY_API, 53, API_PORT, self.secret(API_ZONE))
        )
        (self.folder / f"{API_ZONE}.zone").write_text(self._zone(API_ZONE))
        util = ["pdnsutil", f"--config-dir={self.folder}"]
        run(*util, "load-zone", API_ZONE, str(self.folder / f"{API_ZONE}.zone"))

    def _configure_unbound(
        self, name: str = "unbound", address: str = RESOLVER, extra: str = ""
    ) -> None:
        (self.folder / "hints").write_text(
            f". 3600000 NS ns.root.test.\nns.root.test. 3600000 A {PARENT}\n"
        )
        local = "".join(
            f'  local-zone: "{zone}" nodefault\n'
            for zone in (
                *("test.", "113.0.203.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."),
                "invalid.",
            )
        )
        (self.folder / f"{name}.conf").write_text(
            f"server:\n  interface: {address}\n  access-control: 0.0.0.0/0 allow\n"
            f'  username: ""\n  chroot: ""\n  directory: "{self.folder}"\n'
            f'  pidfile: "{self.folder}/{name}.unbound"\n  use-syslog: no\n  logfile: ""\n'
            '  module-config: "iterator"\n  do-ip6: no\n  cache-max-negative-ttl: 5\n'
            f"  outgoing-interface: {address}\n  do-not-query-localhost: no\n"
            f'  root-hints: "{self.folder}/hints"\n{local}  {extra}\n'
            "remote-control:\n  control-enable: no\n"
        )
