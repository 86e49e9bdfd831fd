"""One operator's site in the lab: its servers, zones and runs, and what tests ask of them."""

from __future__ import annotations

import email
import email.policy
import imaplib
import itertools
import json
import re
import secrets
import shutil
import smtplib
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from postmaster.checks.rules import RULES, Run
from probes.world.tls import accepting_any
from tests.lab import nameservers
from tests.lab.certificates import issue
from tests.lab.hosts import Host
from tests.lab.image import Image
from tests.lab.nameservers import NameServers
from tests.lab.network import RESOLVER, Network
from tests.lab.operator import Operator
from tests.lab.pebble import DIRECTORY, Pebble
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver, Verdict
from tests.lab.rootfs import PREPARED
from tests.pmail_binary import pmail_binary
from tests.postmaster import full_view


@dataclass
class Server:
    """A mail server of the site: its host, its primary domain and its inventory data."""

    host: Host
    domain: str
    data: dict[str, object]

    @property
    def name(self) -> str:
        """Its name in the inventory."""
        return self.host.name

    @property
    def ip(self) -> str:
        """Its IPv4 address."""
        return self.host.ip

    def answers(self, port: int) -> bool:
        """Whether a port can be connected to from outside."""
        probe = ["bash", "-c", f"exec 3<>/dev/tcp/{self.ip}/{port}"]
        command = ["ip", "netns", "exec", Network().name, "timeout", "6", *probe]
        return subprocess.run(command, capture_output=True).returncode == 0


def applying(server: Server) -> set[str]:
    """The rules that a verification of this server has to report, whatever it finds."""
    mode, includes = str(server.data["outbound"]), server.data.get("spf_include", [])
    tls = {name: value for name, value in server.data.items() if name.startswith("tls")}
    tls["tls_rpt"] = server.data.get("tls_rpt", [])
    web = {name: server.data[name] for name in ("web", "mta_sts_policy") if name in server.data}
    lists = server.data["block_lists"]
    domains = server.data["domains"]
    like_it = full_view.server(
        mode, spf_include=includes, block_lists=lists, domains=domains, **tls, **web
    )
    every = {rule.id for rule in RULES if rule.run is Run.VERIFY and rule.applies(like_it)}
    # These are about TLSA records, which the lab's hosts have none of, and about includes.
    return every - {"DANE-01", *(() if includes else ("SPF-07",))}


@dataclass
class Site:
    """Everything of one operator, for one test.

    remembered: passwords that the accounts' owners know, whatever becomes of the operator's files.
    """

    operator: Operator
    dns: NameServers = field(default_factory=NameServers)
    servers: list[Server] = field(default_factory=list)
    remembered: dict[str, str] = field(default_factory=dict)

    def add_zone(self, zone: str) -> None:
        """Put a zone into the inventory, published by TSIG."""
        variable = "TSIG_" + zone.upper().replace(".", "_")
        self.operator.secrets[variable] = self.dns.secret(zone)
        self.operator.zones[zone] = {
            "dns_provider": "rfc2136",
            "dns_server": nameservers.PRIMARY,
            "dns_key_name": self.dns.key_name(zone),
            "dns_key_algorithm": nameservers.ALGORITHM,
            "dns_key_secret_env": variable,
        }

    def add_zone_by_api(self) -> None:
        """Put a zone into the inventory that another provider has, and start that."""
        self.dns.start_powerdns()
        self.operator.secrets["POWERDNS_KEY"] = self.dns.secret(nameservers.API_ZONE)
        self.operator.zones[nameservers.API_ZONE] = {
            "dns_provider": "powerdns",
            "powerdns_url": f"http://127.0.0.1:{nameservers.API_PORT}",
            "powerdns_key_env": "POWERDNS_KEY",
        }

    def add_server(
        self,
        domain: str,
        *,
        suite: str = PREPARED,
        sudo: bool = False,
        disk: str | None = None,
        image: Path | None = None,
        **data: object,
    ) -> Server:
        """Boot a fresh host and put it into the inventory, with its zone and its PTR."""
        number = 10 + len(self.servers)
        host = Host(f"vps{number}", f"203.0.113.{number}")
        host.boot(suite, disk, image)
        if sudo:
            host = host.make_sudo_user("admin")
        self.add_zone(domain)
        self.dns.set_ptr(host.ip, f"smtp.{domain}")
        settings = {**host.data(), **lab_settings(domain), **self.certificate(domain), **data}
        if settings["outbound"] != "direct":
            settings.setdefault("mailbox_limits", UNLIMITED)
        server = Server(host, domain, settings)
        self.operator.servers[host.name] = settings
        self.servers.append(server)
        return server

    def add_running(
        self,
        outbound: str,
        *domains: str,
        ttl: int | None = None,
        disk: str | None = None,
        **data: object,
    ) -> Server:
        """Add the site's first server, deployed by a plain run; `data` is for the run after it.

        domains: example.test where none is named. ttl: of the zones' records, seconds. The first
        test of a session that asks makes an image, and all begin as it was.
        """
        domains = domains or ("example.test",)
        image = Image("-".join(map(str, (outbound, *domains, ttl))))
        with image.alone():
            if not image.ready:
                self._make(image, self._add_plain(outbound, domains, ttl))
        server = self._add_plain(outbound, domains, ttl, image.disk, disk)
        for zone, records in image.restore(self.operator.folder).items():
            self.dns.republish(zone, records)
        server.data.update(data)
        self.operator.write_inventory()
        return server

    def _add_plain(
        self,
        outbound: str,
        domains: tuple[str, ...],
        ttl: int | None,
        image: Path | None = None,
        disk: str | None = None,
    ) -> Server:
        for zone in domains[1:]:
            self.add_zone(zone)
        retries = {} if outbound == "direct" else {"retry_after": 2}
        data = {"outbound": outbound, "domains": list(domains), **retries}
        server = self.add_server(domains[0], image=image, disk=disk, **data)
        for zone in domains if ttl else ():
            self.operator.zones[zone]["ttl"] = ttl
        return server

    def _make(self, image: Image, server: Server) -> None:
        """Deploy a server, keep it as an image, and begin anew."""
        done = self.operator.run()
        assert done.status == 0, done.output
        server.host.shut_down()
        zones = {zone: self.dns.published(zone) for zone in self.operator.zones}
        image.keep(server.host.upper, self.operator.folder, zones)
        server.host.stop()
        self.servers.remove(server)
        for path in self.operator.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.dns.up()

    def certificate(self, domain: str, valid: timedelta = timedelta(days=90)) -> dict[str, object]:
        """Settings for a certificate from files, the quickest way."""
        names = tuple(
            f"{label}.{domain}" for label in ("mail", "smtp", "imap", "pop", "autoconfig")
        )
        files = issue(self.operator.folder / "tls" / domain, names, valid)
        return {
            "tls": "files",
            "tls_cert_file": str(files.chain),
            "tls_key_file": str(files.key),
            "tls_trust_file": str(files.authority),
        }

    # -- what DNS says -------------------------------------------------------------------------

    def records(self, zone: str) -> str:
        """The whole zone."""
        return self.dns.zone_text(zone)

    def mx(self, domain: str) -> list[str]:
        """MX values at the primary."""
        return self.dns.records(domain, "MX")

    def txt(self, owner: str) -> list[str]:
        """TXT values at the primary, character-strings joined."""
        return [value.strip('"').replace('" "', "") for value in self.dns.records(owner, "TXT")]

    def foreign(self, zone: str, record: str) -> None:
        """Put somebody else's record into a zone."""
        self.dns.add(zone, record)

    def watch_mx(self, server: Server) -> MxWatcher:
        """Watch whether MX is ever there before its server answers."""
        return MxWatcher(self, server)

    # -- what servers show ---------------------------------------------------------------------

    def tree(self, server: Server) -> dict[str, str]:
        """What is on the host's disk beyond the fresh system."""
        return server.host.tree()

    def report(self, server: Server) -> list[dict[str, object]]:
        """Results of the last verification of a server."""
        latest = json.loads((self.operator.state / "reports" / "latest.json").read_text())
        (found,) = [each for each in latest["reports"] if each["server"] == server.name]
        results: list[dict[str, object]] = found["results"]
        return results

    def reported(self, server: Server) -> set[str]:
        """The rules that the last verification of a server has a result of."""
        return {str(result["check"]) for result in self.report(server)}

    def not_green(self, server: Server) -> list[dict[str, object]]:
        """Results of the last verification that did not pass, but what the lab is built like."""
        every = (each for each in self.report(server) if each["check"] not in OF_THE_LAB)
        return [result for result in every if result["status"] != "pass"]

    def starts(self, server: Server) -> int:
        """How often PMail was started."""
        journal = server.host.run("journalctl -u pmail --no-pager -q -o cat")
        return journal.count("Started pmail.service")

    def set_up_server_reachable(self, server: Server) -> bool:
        """Whether PMail's set-up server answers on any port from outside."""
        return any(_set_up_answers(server.ip, port) for port in (80, 880))

    def password(self, server: Server, account: str) -> str:
        """The password that the deploy made for an account."""
        if account in self.remembered:
            return self.remembered[account]
        path = self.operator.state / "passwords" / f"{server.name}-{account}"
        return path.read_text().strip()

    def can_log_in(self, server: Server, account: str) -> bool:
        """Whether an account can log in by IMAP."""
        with Network().entered():
            client = imaplib.IMAP4_SSL(server.ip, 993, ssl_context=accepting_any(), timeout=30)
            try:
                client.login(account, self.password(server, account))
            except imaplib.IMAP4.error:
                return False
            finally:
                client.shutdown()
        return True

    def watch_processes(self, server: Server) -> ProcessWatcher:
        """Watch the arguments of all processes, on the host and here."""
        return ProcessWatcher(server)

    # -- breaking a run ------------------------------------------------------------------------

    def when_printed(
        self, run: subprocess.Popen[str], word: str, then: Callable[[], object]
    ) -> str:
        """Do something as soon as a running deploy starts an operation with `word` in its name.

        Returns all that it printed.
        """
        printed, done = [], False
        assert run.stdout
        for line in run.stdout:
            printed.append(line)
            if not done and "Starting operation" in line and word in line:
                done = True
                then()
        assert done, f"{word} was never reached:\n{''.join(printed)}"
        return "".join(printed)


OF_THE_LAB = frozenset({"DEL-04"})  # all its name servers are in one network
# PMail signs by its first domain alone.
OF_PMAIL_ALONE = frozenset({"DKIM-16", "DMARC-05"})
TWO_DOMAINS = ("example.test", "second.test")
# Streams of messages are from one mailbox here; what its limits do has a test of its own.
UNLIMITED = {
    f"{what}_{time}": 1_000_000 for what in ("messages", "recipients") for time in ("hour", "day")
}


def lab_settings(domain: str) -> dict[str, object]:
    """Settings that every server of the lab needs."""
    return {
        "domains": [domain],
        # What a test is not about stays small: two packages less on every host.
        "outbound": "direct",
        "web": "pmail",
        "pmail_source": str(pmail_binary().path),
        "allow_private_address": True,
        "resolvers": [RESOLVER],
        "preflight_mx_domains": ["recv.test", "secure.test"],
        "propagation_timeout": 60,
        # It has a test of its own.
        "live_proof": False,
        # The lab has no world that knows its addresses.
        "block_lists": [],
    }


def acme(method: str) -> dict[str, object]:
    """Settings for a certificate from the lab's ACME authority."""
    return {
        "tls": method,
        "tls_cert_file": None,
        "tls_key_file": None,
        "acme_directory": DIRECTORY,
        "acme_ca_file": str(Pebble().api_ca),
        "tls_trust_file": str(Pebble().root),
    }


def submit(
    site: Site, server: Server, to: str, account: str = "admin", domain: str | None = None
) -> Verdict:
    """Submit a message over 465 as a mail program does; returns what the receiver found."""
    before = Receiver().count()
    send(site, server, to, account, domain)
    assert wait_for(lambda: Receiver().count() > before, 60), "nothing was received"
    return Receiver().verdicts()[-1]


def send(
    site: Site,
    server: Server,
    to: str,
    account: str = "admin",
    domain: str | None = None,
    subject: str = "A message",
) -> None:
    """Submit a message over 465. Raises smtplib.SMTPException when it is refused."""
    message = EmailMessage()
    message["From"], message["To"] = f"{account}@{domain or server.domain}", to
    message["Subject"], message["Date"] = subject, formatdate()
    message["Message-ID"] = make_msgid(domain=server.domain)
    message.set_content("Hello.\r\n")
    with Network().entered():
        client = smtplib.SMTP_SSL(
            server.ip, 465, local_hostname="client.test", context=accepting_any(), timeout=60
        )
        client.login(account, site.password(server, account))
        client.send_message(message)
        client.quit()


def deliver(server: Server, sender: str, to: str, subject: str) -> None:
    """Bring a message to port 25 as another server does. Raises smtplib.SMTPException."""
    text = f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHi\r\n"
    with Network().entered(), smtplib.SMTP(server.ip, 25, "mx.recv.test", timeout=60) as client:
        client.sendmail(sender, [to], text)


def inbox(site: Site, server: Server, account: str = "admin") -> str:
    """All messages in an account's inbox, decoded as far as a person would read them."""
    with Network().entered():
        client = imaplib.IMAP4_SSL(server.ip, 993, ssl_context=accepting_any(), timeout=60)
        try:
            client.login(account, site.password(server, account))
            count = int(client.select("INBOX", readonly=True)[1][0] or b"0")
            found = [client.fetch(str(number), "(BODY[])")[1][0] for number in range(1, count + 1)]
            raw = [each[1] for each in found if isinstance(each, tuple)]
        finally:
            client.shutdown()
    return "\n".join(map(_readable, raw))


def _readable(raw: bytes) -> str:
    """Head and texts of a message as a person sees them, without line breaks or attachments."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    texts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    shown = [part for part in texts if part.get_content_disposition() != "attachment"]
    head = [f"{name}: {value}" for name, value in message.items()]
    whole = "\n".join([*head, *(str(part.get_content()) for part in shown)])
    return " ".join(whole.split())


@dataclass(frozen=True)
class Sent:
    """What became of a stream of messages at submission: their marks, and why others were not.

    tried: from when to when each was submitted, in Unix seconds.
    """

    accepted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    tried: dict[str, tuple[float, float]] = field(default_factory=dict)


@contextmanager
def streaming(
    site: Site, server: Server, domains: Sequence[str], receivers: Sequence[str], every: float
) -> Iterator[Sent]:
    """Meanwhile submit a message over 465 at this interval (seconds), by several clients.

    Each has a mark of its own in its subject; sender domains and receivers take turns. Nothing is
    tried again here: whoever is refused knows it.
    """
    sent, ended, started = Sent(), threading.Event(), time.monotonic()

    def one(number: int) -> None:
        mark = f"mark-{number}-{secrets.token_hex(4)}"
        to = f"someone{number}@{receivers[number % len(receivers)]}"
        began = time.time()
        try:
            send(site, server, to, domain=domains[number % len(domains)], subject=mark)
            sent.accepted.add(mark)
        except (OSError, smtplib.SMTPException) as error:
            sent.refused[mark] = str(error)
        sent.tried[mark] = began, time.time()

    def feed(pool: ThreadPoolExecutor) -> None:
        for number in itertools.count():
            if ended.wait(max(0.0, started + number * every - time.monotonic())):
                return
            pool.submit(one, number)

    with ThreadPoolExecutor(16) as pool:
        feeder = threading.Thread(target=feed, args=(pool,))
        feeder.start()
        try:
            yield sent
        finally:
            ended.set()
            feeder.join()


def marks(verdicts: Sequence[Verdict]) -> Counter[str]:
    """How often each marked message was received."""
    found = (re.search(r"^subject: (mark-\S+)", v.message, re.I | re.M) for v in verdicts)
    return Counter(each[1] for each in found if each)


def converges(site: Site, *servers: Server) -> None:
    """The next run ends well, and the one after it has nothing to do."""
    done = site.operator.run()
    assert done.status == 0, done.output
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    for server in servers:
        assert site.mx(server.domain) == [f"10 smtp.{server.domain}."]


def _set_up_answers(ip: str, port: int) -> bool:
    body = json.dumps({"action": "get", "step": "password"}).encode()
    request = urllib.request.Request(f"http://{ip}:{port}/api/setup", body)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with Network().entered():
        try:
            return b"errorNo" in opener.open(request, timeout=3).read()
        except OSError:
            return False


class MxWatcher:
    """Looks again and again: is MX there, does the server answer."""

    def __init__(self, site: Site, server: Server) -> None:
        self._site, self._server = site, server
        self._seen: list[tuple[bool, bool]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            mx = bool(self._site.mx(self._server.domain))
            self._seen.append((mx, self._server.answers(25)))
            time.sleep(0.1)

    def never_too_early(self) -> bool:
        """End; whether MX was seen, and only while the server answered."""
        self._ended.set()
        self._thread.join()
        with_mx = [answers for mx, answers in self._seen if mx]
        return bool(with_mx) and all(with_mx)


class ProcessWatcher:
    """Collects the command lines of all processes, as anybody on the machines could."""

    def __init__(self, server: Server) -> None:
        self._server, self._seen = server, set[str]()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            # This machine sees the processes of its containers too.
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(
                        path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    )
                except OSError:
                    continue
            time.sleep(0.02)

    def stop(self) -> str:
        """End, and return all that was seen."""
        self._ended.set()
        self._thread.join()
        return "\n".join(self._seen)
