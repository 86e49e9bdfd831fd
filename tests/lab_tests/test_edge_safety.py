"""What must not happen between the world, the mail programs, PMail and whoever is on the host."""

from __future__ import annotations

import asyncio
import email
import http.client
import itertools
import json
import os
import random
import re
import shlex
import smtplib
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parseaddr
from hashlib import md5
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP

from deploys.accounts.database import stored_password
from probes.world.tls import accepting_any
from tests.lab.nameservers import SECONDARY
from tests.lab.network import GATEWAY, SECURE, UNTRUSTED, Network
from tests.lab.process import wait_for, wait_while_it_moves
from tests.lab.receiver import Receiver, Verdict
from tests.lab_tests.site import TWO_DOMAINS, Server, Site
from tests.lab_tests.test_relay import foreign_message, queue

pytestmark = pytest.mark.lab

TIMES = int(os.environ.get("PMAIL_TIMES", "1"))
_LONG = 240.0  # seconds that a busy machine may take for what takes one
_TRASH = 3  # status of a row that PMail hides
_SIGNER = "/etc/pmail-deploy/dkim"

# -- what comes in -----------------------------------------------------------------------------

Reply = tuple[int, str]


def outcome(act: Callable[[], object]) -> Reply:
    """Do something by SMTP; returns the reply that it ended with, (0, ...) for a cut connection."""
    try:
        act()
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        return code, text.decode()
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        return error.smtp_code, said.decode() if isinstance(said, bytes) else said
    except (OSError, smtplib.SMTPServerDisconnected) as error:
        return 0, str(error)
    return 250, ""


def written(author: str, to: str, subject: str, *more: str) -> str:
    """A message; more: further header lines, which come first."""
    head = (*more, f"From: {author}", f"To: {to}", f"Subject: {subject}")
    return "\r\n".join((*head, f"Message-ID: <{subject.replace(' ', '.')}@far.test>", "", "Hi", ""))


def from_world(
    server: Server, message: str, *to: str, sender: str = "a@recv.test", source: str = GATEWAY
) -> Reply:
    """Send a message to port 25, from an address of the lab's Internet."""

    def send() -> None:
        with Network().entered():
            client = smtplib.SMTP(
                server.ip, 25, "mx.secure.test", timeout=90, source_address=(source, 0)
            )
            with client:
                client.sendmail(sender, to, message)

    return outcome(send)


def asked(server: Server, *to: str) -> list[Reply]:
    """What port 25 says to recipients, one after the other."""
    with Network().entered():
        client = smtplib.SMTP(server.ip, 25, "mx.secure.test", timeout=90)
        with client:
            client.ehlo()
            client.mail("a@recv.test")
            answers = [client.rcpt(each) for each in to]
    return [(code, text.decode()) for code, text in answers]


def genuine(site: Site) -> None:
    """Let secure.test publish what makes mail from SECURE its own, for sure."""
    for owner, text in (
        ("secure.test", f"v=spf1 ip4:{SECURE} -all"),
        ("_dmarc.secure.test", "v=DMARC1; p=reject"),
    ):
        site.dns.add("secure.test", f'{owner}. 60 TXT "{text}"')
        assert wait_for(lambda o=owner: bool(site.dns.records(o, "TXT", SECONDARY)), _LONG)  # type: ignore[misc]


# -- what own users do -------------------------------------------------------------------------


def submission(server: Server, port: int = 465, source: str = GATEWAY) -> smtplib.SMTP:
    """A connection to 465 or 587, encrypted, of nobody yet."""
    here, greets = (source, 0), "client.test"
    with Network().entered():
        if port == 465:
            return smtplib.SMTP_SSL(
                server.ip, port, greets, context=accepting_any(), timeout=90, source_address=here
            )
        client = smtplib.SMTP(server.ip, port, greets, timeout=90, source_address=here)
    client.starttls(context=accepting_any())
    return client


def program(
    site: Site,
    server: Server,
    account: str,
    message: str,
    *to: str,
    login: str | None = None,
    source: str = GATEWAY,
    sender: str | None = None,
    password: str | None = None,
    port: int = 465,
) -> Reply:
    """Submit a message. login: as it is typed, if not the account's name."""

    def send() -> None:
        with submission(server, port, source) as client:
            client.login(login or account, password or site.password(server, account))
            client.sendmail(sender or f"{account}@example.test", to, message)

    return outcome(send)


def api(site: Site, server: Server, account: str, path: str, body: dict[str, Any]) -> Any:
    """Ask the web's API as somebody, by a token (PMail listen/http_server/https_server.go)."""
    moment = int(time.time()) + 60
    proof = md5(f"{stored_password(site.password(server, account))}{moment}".encode()).hexdigest()
    head = {"Token": f"{account}:{proof}:{moment}", "Content-Type": "application/json"}
    with Network().entered():
        client = http.client.HTTPSConnection(server.ip, 443, context=accepting_any(), timeout=90)
        try:
            client.request("POST", path, json.dumps(body), head)
            answer = json.loads(client.getresponse().read())
        finally:
            client.close()
    assert answer["errorNo"] == 0, (path, answer)
    return answer["data"]


def web_mail(
    site: Site, server: Server, account: str, to: str, subject: str, domain: str = "example.test"
) -> None:
    """Write a message in the browser."""
    body = {
        "from": {"name": account, "email": f"{account}@{domain}"},
        "to": [{"name": "", "email": to}],
        "subject": subject,
        "text": "Hello",
        "html": "<p>Hello</p>",
    }
    api(site, server, account, "/api/email/send", body)


def forwards(site: Site, server: Server, account: str, to: str) -> None:
    """Have a mailbox forward everything that has a subject (PMail dto/rule.go: action 2)."""
    body = {
        "name": "all",
        "rules": [{"field": "Subject", "type": "regex", "rule": "."}],
        "action": 2,
        "params": to,
        "sort": 1,
    }
    api(site, server, account, "/api/rule/add", body)


def imap(site: Site, server: Server, account: str, source: str, password: str = "") -> str:
    """Log in by IMAP; returns the first word of the answer, "" where there is none."""
    password = password or site.password(server, account)
    try:
        with Network().entered():
            raw = socket.create_connection((server.ip, 993), 90, (source, 0))
        with raw, accepting_any().wrap_socket(raw) as tls, tls.makefile("rb") as lines:
            lines.readline()
            tls.sendall(f'a LOGIN {account} "{password}"\r\n'.encode())
            words = (line.split() for line in lines)
            return next((word[1].decode() for word in words if word[0] == b"a"), "")
    except (OSError, ssl.SSLError):
        return ""


# -- what is found -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A message in a mailbox as PMail stores it. kind: 0 received, 1 sent. outcome: of sending.

    spf: 1 where PMail takes SPF for passed.
    """

    account: str
    subject: str
    kind: int
    status: int
    outcome: int
    spf: int | None


_ROWS = """
import json, sqlite3
db = sqlite3.connect("file:/var/lib/pmail/data/pmail.db?mode=ro", uri=True, timeout=60)
for row in db.execute(
    "SELECT u.account, e.subject, e.type, x.status, e.status, e.spf_check FROM user_email x"
    " JOIN email e ON e.id = x.email_id JOIN user u ON u.id = x.user_id ORDER BY x.id"
):
    print(json.dumps(row))
"""


def rows(server: Server) -> list[Row]:
    """Everything in all mailboxes."""
    text = server.host.run(f"runuser -u pmail -- python3 -c {shlex.quote(_ROWS)}", check=True)
    return [Row(*json.loads(line)) for line in text.splitlines()]


def subjects(server: Server, account: str) -> list[str]:
    """What a user sees in the inbox."""
    return [
        each.subject
        for each in rows(server)
        if (each.account, each.kind) == (account, 0) and each.status != _TRASH
    ]


def arrives(server: Server, account: str, subject: str) -> bool:
    """Whether a message comes into an inbox."""
    return wait_for(lambda: subject in subjects(server, account), _LONG, 0.5)


def tried(server: Server, subject: str) -> bool:
    """Whether PMail comes to an end with a message that was written in the browser."""
    sent = (1, 2)  # PMail models/email.go: sent, or it could not be
    return wait_for(
        lambda: any(each.subject == subject and each.outcome in sent for each in rows(server)),
        _LONG,
        0.5,
    )


def received(subject: str) -> list[Verdict]:
    """What receivers in the world have of a subject."""
    return [
        each
        for each in Receiver().verdicts()
        if email.message_from_string(each.message)["Subject"] == subject
    ]


def leaves(subject: str) -> Verdict:
    """The one message of a subject, as soon as a receiver has it."""
    assert wait_for(lambda: bool(received(subject)), _LONG), f"never received: {subject}"
    (verdict,) = received(subject)
    return verdict


def author(verdict: Verdict) -> str:
    """The address in a message's From."""
    return parseaddr(email.message_from_string(verdict.message)["From"])[1]


def signers(verdict: Verdict) -> list[str]:
    """Who has signed a message, from the top."""
    found = email.message_from_string(verdict.message).get_all("DKIM-Signature", [])
    domains = (re.search(r"\bd=([^;\s]+)", value) for value in found)
    return [each[1] for each in domains if each]


def quiet(server: Server) -> bool:
    """Whether a server comes to rest: nothing waits, and no mailbox changes for a while."""

    def still() -> bool:
        before = len(rows(server))
        if "queue_id" in server.host.run("postqueue -j"):
            return False
        time.sleep(5)
        return len(rows(server)) == before and "queue_id" not in server.host.run("postqueue -j")

    return wait_for(still, _LONG, 0.5)


def kept(site: Site) -> list[dict[str, Any]]:
    """What `deploys/queue.py` shows of what is kept aside."""
    done = queue(site, "kept")
    assert done.status == 0, done.output
    (line,) = [line for line in done.output.splitlines() if '"kept":' in line]
    found: list[dict[str, Any]] = json.loads(line[line.index("{") :])["kept"]
    return found


def events(server: Server, kind: str) -> list[dict[str, Any]]:
    """What the program before PMail has told in its journal."""
    lines = server.host.run("journalctl -u pmail-deploy-edge -o cat -q --no-pager").splitlines()
    told = [json.loads(line) for line in lines if line.startswith('{"event"')]
    return [each for each in told if each["event"] == kind]


# -- 1: what leaves ----------------------------------------------------------------------------


def test_nothing_forged_or_unsigned_leaves_and_no_forward_goes_round_for_ever(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, users=["bob", "carol", "wang", "dave"])
    done = site.operator.run()
    assert done.status == 0, done.output
    genuine(site)
    what_is_forged_stays_here(site, server)
    what_is_real_is_passed_on(site, server)
    a_forward_ends(site, server)
    nothing_leaves_unsigned(site, server)
    for each in Receiver().verdicts():
        domain = author(each).rpartition("@")[2]
        if domain != "secure.test":  # which signs one message, and sends others by SPF alone
            assert (each.dkim, each.spf, signers(each)) == ("pass", "pass", [domain]), each
        else:
            assert not set(signers(each)) & set(TWO_DOMAINS), each


BOB, CAROL = "bob@example.test", "carol@example.test"


def what_is_forged_stays_here(site: Site, server: Server) -> None:
    """Mail from outside that names one of us as its author is kept aside, whatever it claims."""
    forwards(site, server, "bob", "someone@recv.test")
    passed = "Authentication-Results: smtp.example.test; dmarc=pass header.from=example.test"
    forged = {
        "forged plainly": ("CEO <ceo@example.test>", "ceo@example.test"),
        "forged second": ("ceo@second.test", "a@recv.test"),
        "forged daemon": ("MAILER-DAEMON@smtp.example.test", ""),
        "forged below": ("ceo@sub.example.test", "a@recv.test"),
        "forged results": ("ceo@example.test", "a@recv.test", passed),
        "forged verdict": ("ceo@example.test", "", "X-PMail-Deploy-Verdict: trusted"),
        "forged trace": ("ceo@example.test", "", "X-PMail-Deploy-Trace: smtp.example.test <>"),
    }
    for subject, (author, sender, *more) in forged.items():
        message = written(author, BOB, subject, *more)
        assert from_world(server, message, BOB, sender=sender) == (250, ""), subject
    two = written("a@recv.test", BOB, "forged two", "From: ceo@example.test")
    assert from_world(server, two, BOB)[0] == 550
    assert quiet(server)
    assert rows(server) == [] and Receiver().count() == 0

    # The administrator sees what was kept, and gives it to its mailbox or discards it.
    first, second, *others = kept(site)
    assert len(others) == len(forged) - 2
    assert (first["sender"], first["recipients"], first["why"]) == (
        "ceo@example.test",
        [BOB],
        "forged",
    )
    assert queue(site, "deliver", first["id"]).status == 0
    assert queue(site, "discard", second["id"]).status == 0
    assert [each["id"] for each in kept(site)] == [each["id"] for each in others]
    assert quiet(server)
    assert {(each.account, each.subject) for each in rows(server)} == {("bob", "forged plainly")}
    # Bob's rule has seen it then; its author was not made a better one by that.
    assert Receiver().count() == 0


def what_is_real_is_passed_on(site: Site, server: Server) -> None:
    """A rule passes on what others have signed, and what we have, as it came."""
    message = foreign_message(site)
    assert from_world(server, message, BOB, sender="friend@secure.test", source=SECURE)[0] == 250
    verdict = leaves("far away")
    assert (verdict.sender, verdict.recipients) == (BOB, ["someone@recv.test"])
    assert (verdict.spf, verdict.dkim) == ("pass", "pass")
    assert signers(verdict) == ["secure.test"]
    assert "far away" in subjects(server, "bob")

    forwards(site, server, "carol", "other@recv.test")
    for author in (BOB, "bob@second.test"):
        subject = f"from {author}"
        message = written(author, CAROL, subject)
        assert program(site, server, "bob", message, CAROL, sender=author) == (250, "")
        assert arrives(server, "carol", subject)
        verdict = leaves(subject)
        assert (verdict.sender, verdict.spf, verdict.dkim) == (CAROL, "pass", "pass")
        assert signers(verdict) == [author.rpartition("@")[2]]


def a_forward_ends(site: Site, server: Server) -> None:
    """Neither bounces of forwards nor forwards that come back go round for ever."""
    forwards(site, server, "wang", "refuse@recv.test")
    message = written("friend@secure.test", "wang@example.test", "to be refused")
    assert from_world(server, message, "wang@example.test", sender="friend@secure.test")[0] == 250
    assert arrives(server, "wang", "to be refused")
    assert wait_for(lambda: len(subjects(server, "wang")) > 1, _LONG)
    assert quiet(server)
    assert len(subjects(server, "wang")) == 2  # the message, and that it was refused; not 1,068

    with sent_back(site, server, "dave@example.test") as came:
        forwards(site, server, "dave", "dave@back.recv.test")
        message = written("friend@secure.test", "dave@example.test", "round")
        assert from_world(server, message, "dave@example.test", sender="")[0] == 250
        assert wait_for(lambda: bool(came), _LONG)
        assert wait_for(lambda: bool(events(server, "forward_braked")), _LONG)
        assert quiet(server)
        assert 1 <= len(came) <= 6, came
        assert set(subjects(server, "dave")) == {"round"}


@contextmanager
def sent_back(site: Site, server: Server, to: str) -> Iterator[list[str]]:
    """A receiver for back.recv.test that forwards all of it to an address of ours.

    Yields what has come: envelope senders.
    """
    for record in (
        f"mx.back.recv.test. 60 A {GATEWAY}",  # first: BIND takes no MX without an address
        "back.recv.test. 60 MX 10 mx.back.recv.test.",
    ):
        site.dns.add("recv.test", record)
    assert wait_for(lambda: bool(site.dns.records("back.recv.test", "MX", SECONDARY)), _LONG)
    came: list[str] = []

    class Forwarder:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
            came.append(envelope.mail_from)
            text = envelope.content.decode()
            await asyncio.to_thread(from_world, server, text, to, sender=envelope.mail_from)
            return "250 OK"

    with Network().entered():
        listening = socket.create_server((GATEWAY, 25))
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        await loop.create_server(lambda: SMTP(Forwarder(), loop=loop), sock=listening)

    loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield came
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()


# Any of its sockets would start it again.
_EDGE = "'pmail-deploy-*.socket' pmail-deploy-edge"
_EDGE_AGAIN = "pmail-deploy-edge pmail-deploy-relay.socket pmail-deploy-resolver.socket"


def stopped(units: str) -> str:
    """The command that stops units of the edge: a connection may start them at that moment."""
    return f"until systemctl stop {units}; do sleep 0.2; done"


def nothing_leaves_unsigned(site: Site, server: Server) -> None:
    """Whatever the signer lacks, mail is refused for now, and goes as soon as it is back."""
    for breaks, mends, broken in (
        (*table("SigningTable", "true"), TWO_DOMAINS),
        (*table("SigningTable", "grep -v ^second /root/table"), TWO_DOMAINS[1:]),
        (*table("KeyTable", "true"), TWO_DOMAINS),
        ("systemctl stop opendkim", "systemctl start opendkim", TWO_DOMAINS),
        (stopped(_EDGE), f"systemctl start {_EDGE_AGAIN}", TWO_DOMAINS),
    ):
        server.host.run(breaks, check=True)
        for domain in TWO_DOMAINS:
            if domain in broken:
                assert refused_for_now(site, server, domain), breaks
                if "edge" not in breaks:  # without it there is no way to the browser's pages
                    subject = f"unsigned {next(_NUMBERS)}"
                    web_mail(site, server, "dave", "a@recv.test", subject, domain)
                    assert tried(server, subject)
                    assert received(subject) == [], breaks
            else:
                assert goes(site, server, domain), breaks
        server.host.run(mends, check=True)
        for domain in TWO_DOMAINS:
            assert wait_for(lambda domain=domain: goes(site, server, domain), _LONG), mends  # type: ignore[misc]
    subject = "signed again"
    web_mail(site, server, "dave", "a@recv.test", subject)
    assert leaves(subject).dkim == "pass"


def table(name: str, lines: str) -> tuple[str, str]:
    """Commands that leave a table of the signer these lines, and that bring it back."""
    path, again = f"{_SIGNER}/{name}", "systemctl reload opendkim"
    breaks = f"cp -p {path} /root/table && {lines} > {path}; {again}"
    return breaks, f"cat /root/table > {path} && {again}"


_NUMBERS = itertools.count()


def goes(site: Site, server: Server, domain: str) -> bool:
    """Whether a program's mail is taken."""
    message = written(f"dave@{domain}", "a@recv.test", f"program {next(_NUMBERS)}")
    return program(site, server, "dave", message, "a@recv.test", sender=f"dave@{domain}")[0] == 250


def refused_for_now(site: Site, server: Server, domain: str) -> bool:
    """Whether it comes to that: a signal that a table is to be read again is heard a bit later."""

    def refused() -> bool:
        message = written(f"dave@{domain}", "a@recv.test", f"program {next(_NUMBERS)}")
        reply = program(site, server, "dave", message, "a@recv.test", sender=f"dave@{domain}")
        assert reply[0] == 250 or 400 <= reply[0] < 500, reply
        return reply[0] != 250

    return wait_for(refused, _LONG, 0.5)


# -- 2: who gets in between, and what stops ----------------------------------------------------


def test_no_login_on_the_host_gets_in_between_and_what_stops_loses_nothing(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, users=["bob", "carol"])
    done = site.operator.run()
    assert done.status == 0, done.output
    genuine(site)
    nobody_reaches_what_is_inside(server)
    nobody_is_believed(site, server)
    nobody_takes_a_port(site, server)
    what_stops_refuses_for_now(site, server)


def as_nobody(server: Server, program: str) -> str:
    """Run a Python program as a user of the host that has nothing to do with mail."""
    return server.host.run(f"runuser -u nobody -- python3 -c {shlex.quote(program)} 2>&1")


_SOCKETS = (
    "/var/spool/postfix/public/webmail",
    *(f"/run/pmail-deploy-edge/{name}" for name in ("milter", "lmtp", "auth", "routes")),
    *(f"/run/pmail-deploy-{name}/milter" for name in ("verify", "dmarc", "dkim")),
)
_REACHED = """
import concurrent.futures, itertools, socket

def reached(where):
    with socket.socket() as s:
        s.settimeout(10)
        try:
            s.connect(where)
        except OSError:
            return
        print(*where)

with concurrent.futures.ThreadPoolExecutor(50) as pool:
    list(pool.map(reached, itertools.product(%s, %s)))
for path in %s:
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            print(path)
        except PermissionError:
            pass
"""


def nobody_reaches_what_is_inside(server: Server) -> None:
    """What a login on the host can connect to is what the world can, and nothing behind it."""
    hosts = ("127.0.0.1", server.ip, "10.255.255.2", "198.18.0.1")
    ports = (25, 53, 80, 110, 443, 465, 587, 993, 995, 2525, 5353, 880)
    reached = as_nobody(server, _REACHED % (hosts, ports, _SOCKETS))
    public = {f"{host} {port}" for host in hosts[:2] for port in (25, 443, 465, 993)}
    assert set(reached.splitlines()) == public, reached
    for way in (
        "nsenter --net=/run/netns/pmail",
        "unshare -Ur nsenter --net=/run/netns/pmail",
        "ip netns exec pmail",
        "nsenter --net=/proc/$(systemctl show -P MainPID pmail)/ns/net",
    ):
        assert "in there" not in server.host.run(f"runuser -u nobody -- {way} echo in there 2>&1")
    submitted = server.host.run("echo hi | runuser -u nobody -- sendmail a@recv.test 2>&1")
    assert "not allowed" in submitted


_WRITES = """
import smtplib
for source, host in %s:
    with smtplib.SMTP(host, 25, timeout=60, source_address=(source, 0)) as client:
        for author in ("ceo@example.test", "friend@secure.test"):
            text = f"From: {author}\\r\\nSubject: by nobody\\r\\n\\r\\nHi\\r\\n"
            client.sendmail(author, ["bob@example.test"], text)
        try:
            client.sendmail("bob@example.test", ["a@recv.test"], text)
            print("relayed")
        except smtplib.SMTPRecipientsRefused:
            print("refused")
"""


def nobody_is_believed(site: Site, server: Server) -> None:
    """A login on the host sends from an address that SPF names, and is nobody all the same."""
    forwards(site, server, "bob", "someone@recv.test")
    server.host.run("ip addr add 10.99.0.1/32 dev lo", check=True)
    ways = (
        ("127.0.0.1", "127.0.0.1"),
        (server.ip, server.ip),
        (server.ip, "127.0.0.1"),
        (server.ip, "10.99.0.1"),
    )
    assert as_nobody(server, _WRITES % (ways,)).split() == ["refused"] * 4
    assert quiet(server)
    assert [each["sender"] for each in kept(site)] == ["ceo@example.test"] * 4
    assert [each.account for each in rows(server)] == ["bob"] * 4  # as anybody's from anywhere
    assert {author(each) for each in Receiver().verdicts()} == {"friend@secure.test"}


_STEALS = """
import itertools, os, socket, time
tries = 0
wanted = list(itertools.product(%s, %s))
while not os.path.exists("/tmp/enough"):
    tries += 1
    for host, port in wanted:
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            s.bind((host, port))
            s.listen()
            print("stolen", host, port)
        except OSError:
            pass
        s.close()
    for path in %s:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.bind(path)
            print("stolen", path)
        except OSError:
            pass
        s.close()
    time.sleep(0.0005)
print("tried" if tries > 1000 else f"tried {tries} times")
"""


def nobody_takes_a_port(site: Site, server: Server) -> None:
    """Somebody waits for our sockets to be free for a moment while everything is restarted."""
    hosts = ("0.0.0.0", "::", "127.0.0.1", "127.0.0.2", server.ip)
    ports = (24, 25, 53, 80, 110, 443, 465, 587, 993, 995)
    everything = "postfix@- pmail-deploy-edge pmail opendkim pmail-deploy-verify pmail-deploy-dmarc"
    doors = "pmail-deploy-imaps.socket pmail-deploy-https.socket"
    inner = "pmail-deploy-milter.socket pmail-deploy-lmtp.socket pmail-deploy-auth.socket"
    again = "systemctl start pmail-deploy-edge"
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(as_nobody, server, _STEALS % (hosts, ports, _SOCKETS))
        try:
            for unit in everything.split():
                server.host.run(f"systemctl restart '{unit}'", check=True)
            for command in (
                f"{stopped(f'pmail-deploy-edge {doors}')}; {again}",
                f"{stopped(f'pmail-deploy-edge {inner}')}; {again}",
                "systemctl stop pmail; sleep 3; systemctl start pmail",
                "systemctl stop 'postfix@-' postfix; sleep 3; systemctl start postfix 'postfix@-'",
                "systemctl restart pmail-deploy-net pmail-deploy-relay.socket",
            ):
                server.host.run(command, check=True)
        finally:
            server.host.run("touch /tmp/enough")
        assert found.result().strip() == "tried"
    server.host.run("rm /tmp/enough")
    assert wait_for(lambda: logs_in(site, server), _LONG, 0.5)


def logs_in(site: Site, server: Server, source: str = GATEWAY) -> bool:
    """Whether bob gets in by IMAP and may submit."""
    message = written(BOB, CAROL, f"program {next(_NUMBERS)}")
    sent = program(site, server, "bob", message, CAROL, source=source)
    return sent[0] == 250 and imap(site, server, "bob", source) == "OK"


def what_stops_refuses_for_now(site: Site, server: Server) -> None:
    """While PMail is away mail waits; while what judges it is away, it waits at its sender."""

    def comes_in(subject: str, to: str) -> Reply:
        message = written("friend@secure.test", to, subject)
        return from_world(server, message, to, sender="friend@secure.test", source=SECURE)

    server.host.run("systemctl stop pmail", check=True)
    for to in (BOB, CAROL):
        assert comes_in(f"waits for {to}", to) == (250, "")
    message = written(BOB, CAROL, "not now")
    assert program(site, server, "bob", message, CAROL)[0] == 454
    assert imap(site, server, "bob", GATEWAY) in ("", "BYE")
    server.host.run("systemctl start pmail", check=True)
    for account, to in (("bob", BOB), ("carol", CAROL)):
        assert arrives(server, account, f"waits for {to}")
    held = [(each.account, each.subject) for each in rows(server) if "waits" in each.subject]
    assert sorted(held) == [("bob", f"waits for {BOB}"), ("carol", f"waits for {CAROL}")]

    chain = "type filter hook output priority 0; th dport 53 drop;"
    cut = f"table inet lab_no_dns {{ chain c {{ {chain} }}; }}"
    server.host.run(f"echo '{cut}' | nft -f -", check=True)
    refused = (451, "4.4.3 who the message is from cannot be looked up now: this server has no DNS")
    # That there was DNS is believed for ten seconds.
    assert wait_for(lambda: comes_in("without DNS", BOB) == refused, _LONG, 1)
    server.host.run("nft delete table inet lab_no_dns", check=True)
    assert comes_in("with DNS again", BOB)[0] == 250
    assert arrives(server, "bob", "with DNS again")
    # One resolver of several is enough, also for a program that has not just been told that it is.
    dead = "nameserver 203.0.113.77"
    server.host.run(
        f"cp /etc/resolv.conf /root/ && sed -i '1i {dead}' /etc/resolv.conf && "
        "systemctl restart pmail-deploy-edge",
        check=True,
    )
    assert comes_in("the first resolver is dead", BOB)[0] == 250
    server.host.run("cat /root/resolv.conf > /etc/resolv.conf", check=True)

    for breaks, mends, code in (
        ("pmail-deploy-verify", "pmail-deploy-verify", 451),
        ("pmail-deploy-dmarc", "pmail-deploy-dmarc", 451),
        (_EDGE, _EDGE_AGAIN, 451),
        ("'postfix@-' postfix", "postfix 'postfix@-'", 0),
    ):
        server.host.run(stopped(breaks), check=True)
        assert comes_in("at a bad time", BOB)[0] == code, breaks
        server.host.run(f"systemctl start {mends}", check=True)
        assert wait_for(lambda: comes_in("later", BOB)[0] == 250, _LONG, 0.5), mends
    # What other firewalls do is shown in test_relay.
    server.host.run("nft flush ruleset")
    assert comes_in("without rules", BOB) == (250, "")
    assert arrives(server, "bob", "without rules") and logs_in(site, server)
    assert quiet(server)
    assert not [each for each in rows(server) if each.subject in ("at a bad time", "not now")]


# -- 3: a stolen password, and mail to nobody --------------------------------------------------


def test_a_stolen_password_is_worth_little_and_only_somebody_gets_mail(new_site: Site) -> None:
    site = new_site
    server = site.add_running(
        "relay",
        *TWO_DOMAINS,
        users=["bob", "carol", "wang"],
        unknown_recipients="reject",
        aliases={"sales@example.test": ["bob", "carol"]},
        mailbox_limits={"messages_hour": 5, "recipients_hour": 8},
    )
    done = site.operator.run()
    assert done.status == 0, done.output
    only_somebody_is_accepted(site, server)
    a_mailbox_has_one_purse(site, server)
    guessing_is_held_off(site, server)


def only_somebody_is_accepted(site: Site, server: Server) -> None:
    """Recipients are refused at once where nobody has the address, as PMail has it now."""
    duties = ("postmaster@example.test", "abuse@second.test", "dmarc@example.test", "postmaster")
    names = (BOB, "BOB@Second.TEST", "bob+lists@example.test", "sales@example.test")
    for to in (*names, *duties, "postmaster@smtp.example.test"):
        assert asked(server, to)[0][0] == 250, to
    nobody = ("nobody@example.test", "sales@second.test", "sent-copies@example.test")
    assert {code for code, _ in asked(server, *nobody, "new@second.test")} == {550}
    assert asked(server, "bob@recv.test")[0][0] == 554

    account = {"account": "new", "username": "New", "password": "a-Long-one-7"}
    api(site, server, "admin", "/api/user/create", account)
    assert asked(server, "new@second.test")[0][0] == 250

    # Whether somebody has it cannot be said: not now.
    database = "/var/lib/pmail/data/pmail.db"
    server.host.run(f"chmod 000 {database}", check=True)
    assert asked(server, BOB, "nobody@example.test")[1][0] == 450
    assert asked(server, BOB)[0][0] == 450
    server.host.run(f"chmod 600 {database}", check=True)
    assert [code for code, _ in asked(server, BOB, "nobody@example.test")] == [250, 550]

    message = written("a@recv.test", "sales@example.test", "to sales")
    assert from_world(server, message, "sales@example.test") == (250, "")
    for account_name in ("bob", "carol"):
        assert arrives(server, account_name, "to sales")
    assert "to sales" not in subjects(server, "admin")


def a_mailbox_has_one_purse(site: Site, server: Server) -> None:
    """However somebody logs in as bob, and wherever, it is bob who may send no more."""
    sales = "sales@example.test"
    message = written(sales, "a@recv.test", "as sales")
    assert program(site, server, "wang", message, "a@recv.test", sender=sales)[0] >= 550
    assert program(site, server, "bob", message, "a@recv.test", sender=sales) == (250, "")
    assert leaves("as sales").dmarc == "pass"
    for number, (login, sender) in enumerate(
        (("bob", BOB), ("BOB@second.test", "bob@second.test"), ("Bob@Example.Test", BOB))
    ):
        message = written(sender, "a@recv.test", f"purse {number}")
        sent = program(site, server, "bob", message, "a@recv.test", login=login, sender=sender)
        assert sent == (250, ""), login
    web_mail(site, server, "bob", "a@recv.test", "purse by web")
    assert leaves("purse by web").dkim == "pass"

    def empty() -> None:
        for login, sender in (("bob", BOB), ("bob@SECOND.test", "bob@second.test")):
            message = written(sender, "a@recv.test", "too much")
            sent = program(site, server, "bob", message, "a@recv.test", login=login, sender=sender)
            assert sent[0] == 450 and "mailbox bob may send 5 messages an hour" in sent[1], sent

    empty()
    web_mail(site, server, "bob", "a@recv.test", "too much by web")
    assert tried(server, "too much by web")
    server.host.run("systemctl restart pmail-deploy-edge", check=True)
    empty()
    (told,) = events(server, "mailbox_limited")
    assert told["mailbox"] == "bob"

    # Others are not affected; what is refused is not spent.
    many = [f"a{number}@recv.test" for number in range(9)]
    message = written(CAROL, "a@recv.test", "to many")
    refused = program(site, server, "carol", message, *many)
    assert refused[0] == 450 and "8 recipients an hour" in refused[1], refused
    assert program(site, server, "carol", message, *many[1:]) == (250, "")
    assert program(site, server, "carol", message, many[0])[0] == 450
    assert quiet(server)
    assert not received("too much") and not received("too much by web")


def guessing_is_held_off(site: Site, server: Server) -> None:
    """Who tries passwords is held off at all doors; who knows one gets in from elsewhere."""
    guesser = UNTRUSTED  # an address of the lab's Internet that nothing else sends from
    message = written("wang@example.test", CAROL, "guess")

    def guess(number: int) -> None:
        if number % 3:
            imap(site, server, "wang", guesser, f"wrong-{number}")
        else:
            wrong = f"wrong-{number}"
            program(site, server, "wang", message, CAROL, source=guesser, password=wrong)

    assert imap(site, server, "wang", guesser) == "OK"
    # Side by side, as those who guess do it: one after the other each would wait for the last.
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(guess, range(18)))
    assert wait_for(lambda: bool(events(server, "login_held")), _LONG)
    (told,) = events(server, "login_held")
    assert (told["address"], told["count"]) == (guesser, 12)
    assert imap(site, server, "wang", guesser) in ("", "BYE")
    held = program(site, server, "wang", message, CAROL, source=guesser)
    assert held[0] == 0 or 400 <= held[0] < 500, held
    assert imap(site, server, "wang", GATEWAY) == "OK"
    message = written("wang@example.test", CAROL, "from elsewhere")
    assert program(site, server, "wang", message, CAROL) == (250, "")
    assert arrives(server, "carol", "from elsewhere")


# -- 4: everything is killed -------------------------------------------------------------------

_MAILBOXES = tuple(f"user{number}" for number in range(10))
_SENDERS = 5
_KILLS = {
    "PMail": "systemctl kill -s KILL pmail",
    "edge": "systemctl kill -s KILL pmail-deploy-edge",
    "signer": "systemctl kill -s KILL opendkim",
    "verify": "systemctl kill -s KILL pmail-deploy-verify",
    "dmarc": "systemctl kill -s KILL pmail-deploy-dmarc",
    "postfix": "systemctl kill -s KILL 'postfix@-'",
}


@dataclass(frozen=True)
class Letter:
    """A message of the load. author: an account, or "" for somebody in the world. to: accounts.

    world: an address in the world that gets it too, "" for none.
    """

    mark: str
    author: str
    to: tuple[str, ...]
    world: str = ""

    @property
    def recipients(self) -> list[str]:
        """Its envelope's."""
        own = [f"{name}@{TWO_DOMAINS[len(name) % 2]}" for name in self.to]
        return own + ([self.world] if self.world else [])


def letters(count: int) -> list[Letter]:
    """Mail of every kind in turn: in, out, between own users, and to both."""
    made = []
    for number in range(count):
        kind, mark = number % 4, f"letter-{number}"
        to = tuple(random.Random(number).sample(_MAILBOXES, 1 + number % 3))
        author = _MAILBOXES[number % len(_MAILBOXES)]
        world = f"someone{number}@recv.test"
        made.append(
            (
                Letter(mark, "", to),
                Letter(mark, author, (), world),
                Letter(mark, author, to),
                Letter(mark, author, to[:1], world),
            )[kind]
        )
    return made


@dataclass
class Sender:
    """Somebody who keeps his connections, and sends again what was not taken."""

    site: Site
    server: Server
    clients: dict[str, smtplib.SMTP] = field(default_factory=dict)
    again: int = 0

    def send(self, letter: Letter) -> None:
        """Send it until it is taken, as mail servers and the users of mail programs do."""
        assert wait_for(lambda: self._sent(letter), _LONG, 0.3), letter

    def _sent(self, letter: Letter) -> bool:
        author = f"{letter.author}@example.test" if letter.author else "friend@secure.test"
        message = written(author, ", ".join(letter.recipients), letter.mark)
        try:
            refused = self._client(letter.author).sendmail(author, letter.recipients, message)
            assert not refused, refused
        except (OSError, smtplib.SMTPException) as error:
            final = isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500
            assert not final, (letter, error)
            self.again += 1
            self.clients.pop(letter.author, None)
            return False
        return True

    def _client(self, author: str) -> smtplib.SMTP:
        if author not in self.clients:
            self.clients[author] = self._connected(author)
        return self.clients[author]

    def _connected(self, author: str) -> smtplib.SMTP:
        if author:
            client = submission(self.server)
            client.login(author, self.site.password(self.server, author))
            return client
        where, here = (self.server.ip, 25, "mx.secure.test"), (SECURE, 0)
        with Network().entered():
            return smtplib.SMTP(*where, timeout=90, source_address=here)


def test_every_message_is_in_its_recipients_mailboxes_alone_whatever_is_killed(
    new_site: Site,
) -> None:
    site = new_site
    enough = dict.fromkeys(
        ("messages_hour", "messages_day", "recipients_hour", "recipients_day"), 100_000
    )
    server = site.add_running("relay", *TWO_DOMAINS, users=list(_MAILBOXES), mailbox_limits=enough)
    done = site.operator.run()
    assert done.status == 0, done.output
    genuine(site)
    load = letters(60 if TIMES == 1 else 2000)
    kills = again = 0
    taken: list[str] = []
    ended = threading.Event()

    def work(mine: list[Letter]) -> int:
        sender = Sender(site, server)
        for letter in mine:
            sender.send(letter)
            taken.append(letter.mark)
        return sender.again

    def kill() -> int:
        """Kill each in turn: once, spread over the load; or again and again until it is through."""
        names = list(_KILLS) if TIMES == 1 else itertools.cycle(_KILLS)
        for number, name in enumerate(names):
            if TIMES == 1:
                due = (number + 1) * len(load) // (len(_KILLS) + 2)
                wait_for(lambda due=due: len(taken) >= due or ended.is_set(), _LONG)  # type: ignore[misc]
            elif ended.wait(2):
                return number
            server.host.run(_KILLS[name])
        return len(_KILLS)

    with ThreadPoolExecutor(_SENDERS + 1) as pool:
        killing = pool.submit(kill)
        working = [pool.submit(work, load[number::_SENDERS]) for number in range(_SENDERS)]
        try:
            again = sum(each.result() for each in working)
        finally:
            ended.set()
        kills = killing.result()
    assert len(taken) == len(load)
    at_rest = wait_while_it_moves(lambda: server.host.run("postqueue -j").count("queue_id"), _LONG)
    assert at_rest, server.host.run("postqueue -p")
    assert quiet(server)
    as_it_should_be(server, load, kills, again)


def as_it_should_be(server: Server, load: list[Letter], kills: int, again: int) -> None:
    """Each message is where it belongs and nowhere else; what came twice is counted."""
    there = rows(server)
    boxes = Counter((each.account, each.subject) for each in there if each.kind == 0)
    copies = Counter((each.account, each.subject) for each in there if each.kind == 1)
    world = Counter(
        (recipient, each.message.partition("Subject: ")[2].split()[0])
        for each in Receiver().verdicts()
        for recipient in each.recipients
    )
    wanted = {(name, letter.mark) for letter in load for name in letter.to}
    sent = {(letter.author, letter.mark) for letter in load if letter.author}
    out = {(letter.world, letter.mark) for letter in load if letter.world}
    found = {"mailboxes": (boxes, wanted), "Sent": (copies, sent), "world": (world, out)}
    for where, (counted, right) in found.items():
        assert set(counted) - right == set(), f"leaked into {where}"
        assert right - set(counted) == set(), f"lost on the way into {where}"
    assert not [each for each in there if each.status == _TRASH]
    assert all((each.dkim, each.spf) == ("pass", "pass") for each in Receiver().verdicts())
    twice = {where: sum(counted.values()) - len(right) for where, (counted, right) in found.items()}
    print(f"{len(load)} messages, {kills} kills, {again} sent again, more than once: {twice}")
    # Only what was under way when something died may come twice: a handful for each.
    assert sum(twice.values()) <= 20 * kills, twice
