"""Mail through the edge: as it was sent, to whom it was sent; and what PMail alone makes of it."""

from __future__ import annotations

import base64
import email
import email.policy
import imaplib
import json
import os
import re
import smtplib
import textwrap
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from hashlib import md5

import pytest

from deploys.accounts.database import stored_password
from deploys.host.edge_layout import NAMESPACE_FILE, TRUSTED, UNTRUSTED
from deploys.host.outbound_layout import SIGNING_TABLE
from probes.world.tls import accepting_any
from tests.lab.nameservers import SECONDARY
from tests.lab.network import RECEIVER, Network
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver, Verdict
from tests.lab_tests.mail_shapes import AUTHOR, READER, Shape, cases, shapes
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, inbox, send
from tests.pmail_binary import pmail_binary

pytestmark = pytest.mark.lab
GOOD = ("pass", "pass", "pass")
BOB, FRIEND = AUTHOR.decode(), READER.decode()
LONG = int(os.environ.get("PMAIL_TIMES", "1")) > 1
USERS = ["bob", "carol", "wang"]
# What the host's own programs put above a message that comes in.
OURS = {"X-PMail-Deploy-Trace", "Authentication-Results", "Received"}
ENOUGH = 120.0


def test_what_was_sent_arrives_as_it_was_where_it_should_and_nowhere_else(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, users=USERS)
    done = site.operator.run()
    assert done.status == 0, done.output
    foreign_domains(site)
    with ThreadPoolExecutor() as pool:
        slow = slow_lines(pool, site, server)
        programs_mail_arrives_octet_for_octet(site, server)
        mail_is_handed_to_pmail_octet_for_octet(site, server)
        everybody_gets_his_own_from_one_connection(site, server)
        own_users_write_to_each_other(site, server)
        addresses_are_compared_without_case(site, server)
        sixty_readers_get_one_each(site, server)
        root_can_send_to_the_administrator(site, server)
        for each in slow:
            assert each.result(), "cut on a slow line"
    arrives(site, server, "bob", "slow 25")
    received("slow@recv.test")
    every_domain_is_delivered_to_or_bounces(site, server)
    nothing_leaves_unsigned(site, server)
    journal = server.host.run("journalctl -u 'pmail-deploy*' --no-pager -q -o cat")
    assert "Traceback" not in journal


def test_without_the_edge_pmail_alone_does_it_wrong(new_site: Site) -> None:
    site = new_site
    server = site.add_running("direct", users=USERS)
    done = site.operator.run()
    assert done.status == 0, done.output
    foreign_domains(site)
    with ThreadPoolExecutor() as pool:
        slow = slow_lines(pool, site, server)
        pmail_writes_messages_anew(site, server)
        pmail_gives_mail_to_who_came_before(site, server)
        pmail_loses_or_refuses_what_it_should_deliver(site, server)
        assert [each.result() for each in slow] == [False] * len(slow)


# -- talking to the server -----------------------------------------------------------------------


@contextmanager
def submission(site: Site, server: Server, account: str = "bob") -> Iterator[smtplib.SMTP]:
    """A connection to 465 of who has logged in."""
    with Network().entered():
        client = smtplib.SMTP_SSL(
            server.ip, 465, local_hostname="client.test", context=accepting_any(), timeout=120
        )
    try:
        client.login(account, site.password(server, account))
        yield client
    finally:
        client.close()


@contextmanager
def from_outside(server: Server) -> Iterator[smtplib.SMTP]:
    """A connection to 25 from another server."""
    with Network().entered():
        client = smtplib.SMTP(server.ip, 25, local_hostname="mx.recv.test", timeout=120)
    try:
        yield client
    finally:
        client.close()


def message(subject: str, author: str = BOB, to: str = FRIEND) -> bytes:
    """A small message with a subject to know it by."""
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"], made["To"], made["Subject"] = author, to, subject
    made["Message-ID"] = f"<{subject.replace(' ', '-')}@example.test>"
    made["Date"] = "Thu, 26 Nov 2026 14:00:00 +0000"
    made.set_content("Hello.\n")
    return made.as_bytes()


def by_web(site: Site, server: Server, account: str, to: str, subject: str) -> None:
    """Send from the web mail (PMail controllers/email/send.go)."""
    moment = int(time.time()) + 3
    proof = stored_password(site.password(server, account)) + str(moment)
    token = md5(proof.encode(), usedforsecurity=False).hexdigest()
    body = {
        "from": {"name": account, "email": f"{account}@{server.domain}"},
        "to": [{"name": "", "email": to}],
        "subject": subject,
        "text": "Hello.",
        "html": "<p>Hello.</p>",
    }
    request = urllib.request.Request(
        f"https://{server.ip}/api/email/send",
        json.dumps(body).encode(),
        {
            "Host": f"mail.{server.domain}",
            "Content-Type": "application/json",
            "Token": f"{account}:{token}:{moment}",
        },
    )
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=accepting_any())
    )
    with Network().entered(), opener.open(request, timeout=120) as reply:
        answer = json.loads(reply.read())
    assert answer["errorNo"] == 0, answer


def received(*recipients: str) -> dict[str, Verdict]:
    """What the receivers found of mail to these alone, once all of it is there."""

    def found() -> dict[str, Verdict]:
        return {"".join(each.recipients): each for each in Receiver().verdicts()}

    there = wait_for(lambda: set(recipients) <= set(found()), ENOUGH, 0.5)
    assert there, f"not received: {set(recipients) - set(found())}"
    return found()


def arrives(site: Site, server: Server, account: str, *words: str) -> None:
    """Whether all of these are in somebody's inbox at last."""

    def missing() -> list[str]:
        shown = inbox(site, server, account)
        return [word for word in words if word not in shown]

    assert wait_for(lambda: not missing(), ENOUGH, 0.5), (account, missing())


def nothing_waits(server: Server) -> None:
    """Postfix has done all that it was given."""
    empty = "Mail queue is empty"
    assert wait_for(lambda: empty in server.host.run("postqueue -p"), ENOUGH, 0.5)


def subjects(site: Site, server: Server, account: str, folder: str = "INBOX") -> Counter[str]:
    """Subjects in a folder, and how often each is there."""
    with Network().entered():
        client = imaplib.IMAP4_SSL(server.ip, 993, ssl_context=accepting_any(), timeout=120)
    try:
        client.login(account, site.password(server, account))
        count = int(client.select(f'"{folder}"', readonly=True)[1][0] or b"0")
        found = [client.fetch(str(number), "(BODY[])")[1][0] for number in range(1, count + 1)]
    finally:
        client.shutdown()
    raw = [each[1] for each in found if isinstance(each, tuple)]
    made = [email.message_from_bytes(each, policy=email.policy.default) for each in raw]
    return Counter(str(each["Subject"]) for each in made)


# -- as it was sent ------------------------------------------------------------------------------


def programs_mail_arrives_octet_for_octet(site: Site, server: Server) -> None:
    """One connection for all: each is received by its reader alone, below our signature."""
    sent = {shape.recipient or f"{shape.name}@recv.test": shape for shape in (*cases(), *shapes())}
    if not pmail_binary().real:
        # The stand-in offers no CHUNKING: the copy for Sent would never be taken.
        del sent["line-of-9-kb@recv.test"]
    with submission(site, server) as client:
        for to, shape in sent.items():
            client.sendmail(BOB, [to], shape.content)
    arrives(site, server, "wang", "between two users of this server")
    outside = {to: shape for to, shape in sent.items() if to.endswith("@recv.test")}
    verdicts = received(*outside)
    for to, shape in outside.items():
        verdict = verdicts[to]
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD, (to, verdict)
        assert (verdict.sender, verdict.ehlo) == (BOB, "smtp.example.test")
        signature, below = first_field(verdict.raw)
        assert signature.startswith(b"DKIM-Signature:") and b"d=example.test;" in signature
        assert without_added(below, shape) == without_bcc(shape.content), to
        head = email.message_from_bytes(verdict.raw)
        assert len(head.get_all("DKIM-Signature", [])) == 1
        # Where somebody sits when he writes is nobody's business.
        assert head.get_all("Received") is None and b"client.test" not in verdict.raw
        # Who is not named gets it without being named.
        assert "Bcc" not in head
    assert Counter(each.recipients[0] for each in Receiver().verdicts()) == Counter(list(outside))


def first_field(raw: bytes) -> tuple[bytes, bytes]:
    """The first header field, and all below it."""
    found = re.match(rb"[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", raw)
    assert found
    return found[0], raw[found.end() :]


def without(content: bytes, name: bytes) -> bytes:
    """A message without a header field."""
    head, end, body = content.partition(b"\r\n\r\n")
    field = rb"(?im)^" + name + rb":[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*"
    return re.sub(field, b"", head + b"\r\n")[:-2] + end + body


def without_bcc(content: bytes) -> bytes:
    """A message as its readers may see it."""
    return without(content, b"Bcc")


def without_added(content: bytes, shape: Shape) -> bytes:
    """A message without Date and Message-ID, where it was sent without them (RFC 6409 8)."""
    for name in (b"Date", b"Message-Id"):
        if without(shape.content, name) == shape.content:
            assert without(content, name) != content, "a message needs it"
            content = without(content, name)
    return content


_TAP = textwrap.dedent(r"""
    import base64, json, re, socketserver

    class Tap(socketserver.StreamRequestHandler):
        def handle(self):
            say = lambda line: self.wfile.write(line + b"\r\n")
            content, about = b"", {"at": self.connection.getsockname()[0], "to": []}
            say(b"220 tap")
            for line in self.rfile:
                command = line.decode("ascii").rstrip("\r\n")
                verb, _, rest = command.upper().partition(" ")
                if verb == "EHLO":
                    say(b"250-tap\r\n250-8BITMIME\r\n250-CHUNKING\r\n250 SIZE 31457280")
                elif verb == "DATA":
                    say(b"354 go on")
                    content = b"\r\n"
                    while not content.endswith(b"\r\n.\r\n"):
                        content += self.rfile.readline()
                    content = content[2:-3].removeprefix(b".").replace(b"\r\n.", b"\r\n")
                    self.keep(about, content)
                    say(b"250 kept")
                elif verb == "BDAT":
                    content += self.rfile.read(int(rest.split()[0]))
                    if rest.endswith("LAST"):
                        self.keep(about, content)
                    say(b"250 kept")
                elif verb == "QUIT":
                    return say(b"221 bye")
                else:
                    if verb == "MAIL":
                        about["sender"] = re.search("<(.*)>", command)[1]
                    if verb == "RCPT":
                        about["to"].append(re.search("<(.*)>", command)[1])
                    say(b"250 ok")

        def keep(self, about, content):
            line = {**about, "content": base64.b64encode(content).decode()}
            with open("/root/tapped", "a") as file:
                file.write(json.dumps(line) + "\n")

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer(("0.0.0.0", 25), Tap).serve_forever()
""")


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What PMail would have been given. at: the address of its that was connected to."""

    at: str
    sender: str
    to: list[str]
    content: bytes


@contextmanager
def tapped(server: Server) -> Iterator[Callable[[], list[HandedOver]]]:
    """Meanwhile something that writes down what it is given listens in PMail's place."""
    run = server.host.run
    nothing_waits(server)
    (server.host.upper / "root" / "tap.py").write_text(_TAP)
    run("systemctl stop pmail && : > /root/tapped", check=True)
    run(
        f"systemd-run -q --unit=tap -p NetworkNamespacePath={NAMESPACE_FILE} "
        "/usr/bin/python3 /root/tap.py",
        check=True,
    )

    def found() -> list[HandedOver]:
        lines = [json.loads(line) for line in run("cat /root/tapped").splitlines()]
        return [
            HandedOver(each["at"], each["sender"], each["to"], base64.b64decode(each["content"]))
            for each in lines
        ]

    try:
        yield found
    finally:
        run("systemctl stop tap; systemctl start pmail", check=True)


def mail_is_handed_to_pmail_octet_for_octet(site: Site, server: Server) -> None:
    """What comes in reaches PMail below what our own programs say of it; one transaction each."""
    sent = {f"bob+{shape.name}@example.test": shape.inbound for shape in (*cases(), *shapes())}
    distrusted = message("from nobody knows whom", "a@secure.test", BOB)
    with tapped(server) as found:
        with from_outside(server) as client:
            for number, (to, content) in enumerate(sent.items()):
                # Each is told apart by its sender: suffixes lead to the account itself.
                client.sendmail(f"sender{number}@recv.test", [to], content)
            client.sendmail("a@secure.test", [BOB], distrusted)
        assert wait_for(lambda: len(found()) > len(sent), ENOUGH, 0.5), len(found())
        nothing_waits(server)
        given = found()
    by_sender = {each.sender: each for each in given}
    assert len(by_sender) == len(given) == len(sent) + 1
    for number, (to, content) in enumerate(sent.items()):
        one = by_sender[f"sender{number}@recv.test"]
        assert (one.at, one.to) == (TRUSTED, [BOB]), to
        assert below_ours(one) == without_bcc(content), to
    one = by_sender["a@secure.test"]
    assert (one.at, one.to) == (UNTRUSTED, [BOB])
    assert below_ours(one) == distrusted


def below_ours(given: HandedOver) -> bytes:
    """What came, below what our own programs have put above it."""
    trace, rest = first_field(given.content)
    assert trace == f"X-PMail-Deploy-Trace: smtp.example.test <{given.sender}>\r\n".encode()
    while True:
        field, below = first_field(rest)
        name = field.partition(b":")[0].decode()
        assert name in OURS, given.content
        rest = below
        # Postfix's is the last: milters put theirs above.
        if name == "Received":
            assert b"by smtp.example.test (Postfix)" in field
            return rest


# -- where it should -----------------------------------------------------------------------------


def everybody_gets_his_own_from_one_connection(site: Site, server: Server) -> None:
    """Other servers reuse connections, so does our own: nobody gets what is another's."""
    with from_outside(server) as client:
        for number in range(12):
            account = USERS[number % 2]
            to = f"{account}@example.test"
            client.sendmail(FRIEND, [to], message(f"for {account} {number}", FRIEND, to))
            if number % 3 == 0:
                client.rset()
    # One that PMail is stopped over comes again (test_edge_safety counts those): not meant here.
    nothing_waits(server)
    # A backlog too: it comes at once when PMail is back.
    server.host.run("systemctl stop pmail", check=True)
    with from_outside(server) as client:
        for number in range(12, 32):
            account = USERS[number % 2]
            to = f"{account}@example.test"
            client.sendmail(FRIEND, [to], message(f"for {account} {number}", FRIEND, to))
    server.host.run("systemctl start pmail", check=True)
    nothing_waits(server)
    for first, account in enumerate(USERS[:2]):
        wanted = Counter(f"for {account} {number}" for number in range(first, 32, 2))
        shown = subjects(site, server, account)
        assert Counter({s: n for s, n in shown.items() if s.startswith("for ")}) == wanted


def own_users_write_to_each_other(site: Site, server: Server) -> None:
    """From a program and from the browser, at either domain, and to outside in the same message."""
    with submission(site, server) as client:
        for subject, *to in (
            ("to carol", "carol@example.test"),
            ("to carol elsewhere", "carol@second.test"),
            ("to wang elsewhere", "wang@second.test"),
            ("to myself", BOB),
            ("to both", "wang@example.test", "both@recv.test"),
        ):
            client.sendmail(BOB, to, message(subject, to=", ".join(to)))
    by_web(site, server, "bob", "carol@example.test", "web to carol")
    by_web(site, server, "bob", "wang@second.test", "web to wang")
    by_web(site, server, "bob", BOB, "web to myself")
    arrives(site, server, "carol", "to carol", "to carol elsewhere", "web to carol")
    arrives(site, server, "wang", "to wang elsewhere", "to both", "web to wang")
    arrives(site, server, "bob", "to myself", "web to myself")
    assert received("both@recv.test")["both@recv.test"].dkim == "pass"


def addresses_are_compared_without_case(site: Site, server: Server) -> None:
    """As everybody writes them (RFC 5321 2.4 for the domain, every server for the rest)."""
    with from_outside(server) as client:
        for number, to in enumerate(("BOB@EXAMPLE.TEST", "bob@Example.TEST", "Bob@second.test")):
            client.sendmail(FRIEND, [to], message(f"in capitals {number}", FRIEND, to))
    arrives(site, server, "bob", *(f"in capitals {number}" for number in range(3)))
    loud = "BOB@Example.TEST"
    with submission(site, server) as client:
        client.sendmail(loud, ["capitals@recv.test"], message("loud", loud))
    verdict = received("capitals@recv.test")["capitals@recv.test"]
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD


def sixty_readers_get_one_each(site: Site, server: Server) -> None:
    """PMail takes 50 recipients at a time; nobody has to know that."""
    before = Receiver().count()
    outside = [f"reader{number}@recv.test" for number in range(60)]
    inside = [f"{account}@example.test" for account in USERS]
    inside += [f"nobody{number}@example.test" for number in range(57)]
    with submission(site, server) as client:
        assert client.sendmail(BOB, outside, message("sixty out")) == {}
    with from_outside(server) as client:
        assert client.sendmail(FRIEND, inside, message("sixty in", FRIEND, inside[0])) == {}

    def served() -> Counter[str]:
        come = [to for each in Receiver().verdicts()[before:] for to in each.recipients]
        # What is still on a slow line comes in between.
        return Counter(to for to in come if to.startswith("reader"))

    assert wait_for(lambda: served() == Counter(outside), ENOUGH, 0.5), served()
    for account in USERS:
        arrives(site, server, account, "sixty in")
        assert subjects(site, server, account)["sixty in"] == 1


def foreign_domains(site: Site) -> None:
    """Domains of others: one whose mail is its own, and some whose MX is odd or not there."""
    records = (
        'recv.test. 60 TXT "v=spf1 ip4:203.0.113.1 -all"',
        "mx.us.recv.test. 60 A 203.0.113.10",
        "us.recv.test. 60 MX 10 mx.us.recv.test.",
        "mx.self.recv.test. 60 A 127.0.0.1",
        "self.recv.test. 60 MX 10 mx.self.recv.test.",
        f"plain.recv.test. 60 A {RECEIVER}",
        "null.recv.test. 60 MX 0 .",
    )
    for record in records:
        site.dns.add("recv.test", record)
    assert wait_for(lambda: bool(site.dns.records("null.recv.test", "MX", SECONDARY)), 90)


def every_domain_is_delivered_to_or_bounces(site: Site, server: Server) -> None:
    """Whatever its MX is: nothing vanishes, and PMail refuses none of it beforehand."""
    bounced = [f"a@{name}" for name in ("us.recv.test", "self.recv.test", "null.recv.test")]
    bounced.append("a@six.test")  # this host sends by IPv4 only
    delivered = ["a@plain.recv.test", "b@plain.recv.test"]
    with submission(site, server) as client:
        for to in (*bounced, delivered[0]):
            client.sendmail(BOB, [to], message(f"to {to}", to=to))
    for to in ("b@us.recv.test", "b@six.test", delivered[1]):
        by_web(site, server, "carol", to, f"web to {to}")
    assert {each.at for to, each in received(*delivered).items() if to in delivered} == {RECEIVER}
    # Named as a person reads it: what stands in < > PMail does not show (bounce_checks).
    arrives(site, server, "bob", "could not be delivered", *bounced)
    arrives(site, server, "carol", "could not be delivered", "b@us.recv.test", "b@six.test")


def root_can_send_to_the_administrator(site: Site, server: Server) -> None:
    """cron's mail, and what programs of the host write."""
    server.host.run("printf 'Subject: from cron\\n\\nThe disk is full.\\n' | sendmail root", True)
    arrives(site, server, "admin", "from cron", "The disk is full.")


def nothing_leaves_unsigned(site: Site, server: Server) -> None:
    """Not even when the signer does not know a domain any more, or none at all."""
    before = Receiver().count()

    def refused(domain: str) -> bool:
        try:
            send(site, server, "unsigned@recv.test", "bob", domain)
        except smtplib.SMTPResponseException as error:
            assert error.smtp_code == 451 and b"not signed" in error.smtp_error, error
            return True
        return False

    for domain, lines in (("example.test", "/^example.test /d"), ("second.test", "/^[^#]/d")):
        command = f"sed -i '{lines}' {SIGNING_TABLE} && systemctl reload opendkim"
        server.host.run(command, check=True)
        # It goes on with the old table for a moment.
        assert wait_for(lambda domain=domain: refused(domain), 30, 1), domain  # type: ignore[misc]
    nothing_waits(server)
    assert {each.dkim for each in Receiver().verdicts()[before:]} <= {"pass"}


# -- slowly --------------------------------------------------------------------------------------


def slow_lines(pool: ThreadPoolExecutor, site: Site, server: Server) -> list[Future[bool]]:
    """Messages that take their time (RFC 5321 4.5.3.2: minutes); whether each was taken."""
    content = {25: message("slow 25", FRIEND, BOB), 465: message("slow 465")}
    tries = [pool.submit(slowly, site, server, port, content[port], 1) for port in (25, 465)]
    if LONG:
        padding = (b"x" * 62 + b"\r\n") * 65536
        tries += [
            pool.submit(slowly, site, server, port, each + padding, 20)
            for port, each in content.items()
        ]
    return tries


def slowly(site: Site, server: Server, port: int, content: bytes, pauses: int) -> bool:
    """Send a message with a pause of 12 s, or in 20 pieces a second each (200 KiB/s)."""
    session = from_outside(server) if port == 25 else submission(site, server)
    with session as client:
        client.ehlo()
        sender, to = (FRIEND, BOB) if port == 25 else (BOB, "slow@recv.test")
        assert client.mail(sender)[0] == 250 and client.rcpt(to)[0] == 250
        assert client.docmd("DATA")[0] == 354
        assert client.sock
        size = len(content) // (pauses + 1)
        try:
            for number in range(pauses + 1):
                begin = number * size
                end = begin + size if number < pauses else None
                client.sock.sendall(content[begin:end])
                if end is not None:
                    time.sleep(12 if pauses == 1 else 1)
            client.sock.sendall(b".\r\n")
            return client.getreply()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False


# -- PMail alone ---------------------------------------------------------------------------------


def alone(site: Site, server: Server, name: str) -> Verdict:
    """A case by a connection of its own through PMail; what its reader got."""
    (shape,) = [each for each in cases() if each.name.startswith(f"case-{name}")]
    to = shape.recipient or FRIEND
    before = Receiver().count()
    with submission(site, server) as client:
        client.sendmail(BOB, [to], shape.content)
    assert wait_for(lambda: Receiver().count() > before, ENOUGH)
    return Receiver().verdicts()[before]


def pmail_writes_messages_anew(site: Site, server: Server) -> None:
    """Text, files, names and headers are not what was sent."""
    seen = {name: alone(site, server, name) for name in ("02", "03", "04", "06", "07", "09")}
    for name, verdict in seen.items():
        (shape,) = [each for each in cases() if each.name.startswith(f"case-{name}")]
        assert not verdict.raw.endswith(shape.content), name
    read = {
        name: email.message_from_bytes(each.raw, policy=email.policy.default)
        for name, each in seen.items()
    }
    texts = [
        part.get_content() for part in read["02"].walk() if part.get_content_type() == "text/plain"
    ]
    assert "Confirm here: <https://" not in "".join(texts)
    assert "contract.pdf" not in [part.get_filename() for part in read["03"].walk()]
    assert '"Smith, Ann" <someone@recv.test>' not in seen["04"].message
    lost = ("Reply-To", "In-Reply-To", "References", "List-Unsubscribe", "Auto-Submitted")
    assert [name for name in lost if name in read["06"]] == []
    assert "会议.pdf" not in [part.get_filename() for part in read["07"].walk()]
    # Who is named in To only gets it as well.
    alone(site, server, "05")
    assert wait_for(
        lambda: "boss@recv.test" in {to for v in Receiver().verdicts() for to in v.recipients},
        ENOUGH,
    )


def pmail_gives_mail_to_who_came_before(site: Site, server: Server) -> None:
    """The second message of a connection goes to the first one's recipients too."""
    with from_outside(server) as client:
        client.sendmail(FRIEND, ["carol@example.test"], message("for carol", FRIEND))
        client.rset()
        client.sendmail(FRIEND, [BOB], message("for bob alone", FRIEND))
    arrives(site, server, "bob", "for bob alone")
    arrives(site, server, "carol", "for carol", "for bob alone")
    before = Receiver().count()
    with submission(site, server) as client:
        client.sendmail(BOB, ["alice@recv.test"], message("for alice", to="alice@recv.test"))
        client.sendmail(BOB, ["chief@recv.test"], message("for the chief", to="chief@recv.test"))

    def readers() -> set[str]:
        return {
            to
            for each in Receiver().verdicts()[before:]
            if "for the chief" in each.message
            for to in each.recipients
        }

    assert wait_for(lambda: readers() == {"alice@recv.test", "chief@recv.test"}, ENOUGH), readers()


def pmail_loses_or_refuses_what_it_should_deliver(site: Site, server: Server) -> None:
    """Mail of own users, in capitals, to many, to domains without MX or with us for it."""
    with submission(site, server) as client:
        client.sendmail(BOB, ["carol@example.test"], message("to carol", to="carol@example.test"))
    deleted = "Deleted Messages"
    assert wait_for(lambda: subjects(site, server, "carol", deleted)["to carol"] == 1, ENOUGH)
    assert subjects(site, server, "carol")["to carol"] == 0

    with from_outside(server) as client:
        client.sendmail(FRIEND, ["BOB@EXAMPLE.TEST"], message("in capitals", FRIEND))
    with from_outside(server) as client:
        client.sendmail(FRIEND, [BOB], message("after the capitals", FRIEND))
    arrives(site, server, "bob", "after the capitals")
    assert subjects(site, server, "bob")["in capitals"] == 0

    many = [f"reader{number}@example.test" for number in range(60)]
    with from_outside(server) as client:
        refused = client.sendmail(FRIEND, many, message("sixty in", FRIEND))
    assert {code for code, _ in refused.values()} == {452} and len(refused) == 10

    with submission(site, server) as client, pytest.raises(smtplib.SMTPResponseException):
        client.sendmail(BOB, ["a@plain.recv.test"], message("no MX", to="a@plain.recv.test"))
    with submission(site, server) as client:
        client.sendmail(BOB, ["a@us.recv.test"], message("vanishes", to="a@us.recv.test"))
    with from_outside(server) as client:
        client.sendmail(FRIEND, [BOB], message("after it vanished", FRIEND))
    arrives(site, server, "bob", "after it vanished")
    assert "a@us.recv.test" not in inbox(site, server, "bob")

    # Without the edge nothing on the host takes mail.
    assert server.host.run("echo full | sendmail root > /dev/null 2>&1; echo $?") != "0\n"
