"""What can be seen of a mail server from outside is seen as it is: by DNS, TCP, TLS, SMTP, HTTP."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dns.rcode
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from dns_providers.rrset import CAA, MX, TXT, Address, Other, Target, owner_name, rrset
from probes.world import caa, http, server, smtp, spf, tcp, tls, web
from probes.world import dns as questions
from probes.world.dns import Answer, AskSoon, Outcome, Resolvers, Reverse
from probes.world.enquiry import Cut, Enquiry
from probes.world.http import SetUpView
from probes.world.loop import wait_for
from probes.world.smtp import SmtpView
from probes.world.tcp import Connection, Reach, reach_of
from tests.dns_providers.zone_server import ZONE, ZoneServer, alias, serving
from tests.lab.certificates import Files, issue
from tests.probes.talker import HangsUp, Http, Smtp, Tls, talking

NAMES = ("smtp.example.test", "*.web.example.test")
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return issue(tmp_path_factory.mktemp("tls"), NAMES)


@pytest.fixture
def zone() -> Iterator[tuple[ZoneServer, Resolvers]]:
    with serving(HOST) as (port, (answers,)):
        yield answers, Resolvers((HOST,), port, timeout=5)


def unused() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


# -- DNS


def test_nothing_of_a_type_no_such_name_and_no_answer_are_three_things(
    zone: tuple[ZoneServer, Resolvers],
) -> None:
    answers, resolvers = zone
    answers.put(rrset(f"www.{ZONE}", "A", 60, Address("192.0.2.1")))
    found = questions.ask(f"www.{ZONE}", "A", resolvers)
    assert found == Answer(
        f"www.{ZONE}", "A", Outcome.ANSWER, frozenset({Address("192.0.2.1")}), HOST
    )
    assert questions.ask(f"www.{ZONE}", "TXT", resolvers).outcome is Outcome.NODATA
    assert questions.ask(f"none.{ZONE}", "A", resolvers).outcome is Outcome.NXDOMAIN
    answers.rcode = dns.rcode.SERVFAIL
    failed = questions.ask(f"www.{ZONE}", "A", resolvers)
    assert (failed.outcome, failed.values, failed.resolver) == (Outcome.SERVFAIL, frozenset(), HOST)
    assert [each for each in Outcome if not each.known] == [Outcome.SERVFAIL, Outcome.TIMEOUT]


def test_a_resolver_that_says_nothing_is_a_timeout() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind((HOST, 0))
        resolvers = Resolvers((HOST,), int(mute.getsockname()[1]), timeout=0.1)
        assert questions.ask(ZONE, "A", resolvers) == Answer(
            ZONE, "A", Outcome.TIMEOUT, resolver=HOST
        )
    assert questions.ask(ZONE, "A", Resolvers(())).outcome is Outcome.TIMEOUT


def test_a_resolver_that_often_says_nothing_is_waited_for_less_until_it_answers(
    monkeypatch: pytest.MonkeyPatch, zone: tuple[ZoneServer, Resolvers]
) -> None:
    monkeypatch.setattr(questions, "_IMPATIENT", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind((HOST, 0))
        silent = Resolvers((HOST,), int(mute.getsockname()[1]), timeout=0.1)
        waited = []
        for _ in range(4):
            waited.append(silent.patience(HOST))
            questions.ask(ZONE, "A", silent)
    assert waited == [0.1, 0.1, 0.05, 0.05]
    assert silent.patience("192.0.2.1") == 0.1
    _, answering = zone
    for _ in range(2):
        answering.remember(HOST, answered=False)
    assert answering.patience(HOST) == 0.05
    questions.ask(ZONE, "A", answering)
    assert answering.patience(HOST) == 5


def test_the_first_resolver_that_answers_counts_and_those_after_it_are_not_asked() -> None:
    with serving(HOST, "127.0.0.2", "127.0.0.3") as (port, (broken, good, last)):
        broken.rcode = dns.rcode.SERVFAIL
        good.put(rrset(ZONE, "TXT", 60, TXT(b"good")))
        last.put(rrset(ZONE, "TXT", 60, TXT(b"last")))
        resolvers = Resolvers((HOST, "127.0.0.2", "127.0.0.3"), port, timeout=5)
        found = questions.ask(ZONE, "TXT", resolvers)
        assert questions.texts(found) == (b"good",) and found.resolver == "127.0.0.2"
        assert broken.asked and not last.asked


def test_a_resolver_that_cannot_be_asked_has_failed() -> None:
    resolvers = Resolvers(("255.255.255.255",), timeout=1)
    assert questions.ask_one(ZONE, "A", "255.255.255.255", resolvers) == Answer(
        ZONE, "A", Outcome.SERVFAIL, resolver="255.255.255.255"
    )


def test_what_stands_beside_the_type_that_was_asked_for_is_no_answer(
    zone: tuple[ZoneServer, Resolvers],
) -> None:
    answers, resolvers = zone
    answers.put(rrset(f"other.{ZONE}", "CNAME", 60, Target(owner_name(f"www.{ZONE}"))))
    assert questions.ask(f"other.{ZONE}", "A", resolvers).outcome is Outcome.NODATA


def test_a_name_is_asked_for_where_it_is_kept_and_no_resolver_learns_of_it() -> None:
    with serving(HOST, "127.0.0.2", "127.0.0.3") as (port, (broken, kept, resolver)):
        resolvers = Resolvers(("127.0.0.3",), port, timeout=5)
        broken.rcode = dns.rcode.SERVFAIL
        kept.put(rrset(ZONE, "TXT", 60, TXT(b"new")), alias(f"in.{ZONE}", f"out.{ZONE}"))
        kept.put(
            rrset(f"below.{ZONE}", "NS", 60, Other(owner_name("ns.test").to_wire(), "ns.test"))
        )
        resolver.put(rrset(ZONE, "TXT", 60, TXT(b"old")))
        resolver.put(*(rrset(f"{n}.{ZONE}", "TXT", 60, TXT(n.encode())) for n in ("in", "x.below")))

        def ask(name: str, *servers: str) -> tuple[Outcome, tuple[bytes, ...]]:
            found = questions.ask_kept(name, "TXT", servers or (HOST, "127.0.0.2"), resolvers)
            return found.outcome, questions.texts(found)

        assert ask(ZONE) == (Outcome.ANSWER, (b"new",)) and broken.asked
        assert ask(f"none.{ZONE}") == (Outcome.NXDOMAIN, ())
        assert ask(f"ns1.{ZONE}") == (Outcome.NODATA, ())
        assert not resolver.asked
        # Beyond an alias, in a zone below, or where no server of the zone answers, they know.
        assert ask(f"in.{ZONE}") == (Outcome.ANSWER, (b"in",))
        assert ask(f"x.below.{ZONE}") == (Outcome.ANSWER, (b"x.below",))
        assert ask(ZONE, HOST) == (Outcome.ANSWER, (b"old",))


def test_mx_hosts_come_in_the_order_that_mail_takes(zone: tuple[ZoneServer, Resolvers]) -> None:
    answers, resolvers = zone
    hosts = {"a.test": 20, "b.test": 10, "c.test": 10, **{f"{n}.test": 30 + n for n in range(9)}}
    answers.put(rrset(ZONE, "MX", 60, *(MX(n, owner_name(name)) for name, n in hosts.items())))
    found = questions.ask(ZONE, "MX", resolvers)
    assert questions.exchanges(found) == (
        *("b.test", "c.test", "a.test"),
        *(f"{n}.test" for n in range(9)),
    )
    assert questions.texts(found) == ()


def test_the_texts_of_a_name_are_sorted(zone: tuple[ZoneServer, Resolvers]) -> None:
    answers, resolvers = zone
    answers.put(rrset(ZONE, "TXT", 60, TXT(b"b"), TXT(b"a"), TXT(b"c")))
    assert questions.texts(questions.ask(ZONE, "TXT", resolvers)) == (b"a", b"b", b"c")
    assert questions.exchanges(questions.ask(ZONE, "TXT", resolvers)) == ()


def test_a_host_has_addresses_of_both_families(zone: tuple[ZoneServer, Resolvers]) -> None:
    answers, resolvers = zone
    name = f"smtp.{ZONE}"
    answers.put(rrset(name, "A", 60, Address("192.0.2.2"), Address("192.0.2.1")))
    answers.put(rrset(name, "AAAA", 60, Address("2001:db8::1")))
    assert questions.addresses(name, resolvers) == ("192.0.2.1", "192.0.2.2", "2001:db8::1")
    assert questions.addresses(f"none.{ZONE}", resolvers) == ()


def test_a_reverse_name_is_followed_forward_again(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {
        ("1.2.0.192.in-addr.arpa", "PTR"): [
            Target(owner_name("b.test")),
            Target(owner_name("a.test")),
        ],
        ("a.test", "A"): [Address("192.0.2.1")],
        ("b.test", "A"): [Address("192.0.2.9")],
    }

    def ask(owner: str, rtype: str, resolvers: Resolvers) -> Answer:
        found = frozenset(records.get((owner, rtype), []))
        return Answer(owner, rtype, Outcome.ANSWER if found else Outcome.NXDOMAIN, found)

    monkeypatch.setattr(questions, "ask", ask)
    assert questions.reverse("192.0.2.1", Resolvers(())) == Reverse(
        "192.0.2.1",
        Outcome.ANSWER,
        ("a.test", "b.test"),
        (("a.test", ("192.0.2.1",)), ("b.test", ("192.0.2.9",))),
    )
    assert questions.reverse("192.0.2.7", Resolvers(())) == Reverse("192.0.2.7", Outcome.NXDOMAIN)


# -- TCP


def test_how_a_connection_failed_is_told_by_its_kind() -> None:
    assert reach_of(TimeoutError()) is Reach.TIMEOUT
    for code in (errno.ECONNREFUSED, errno.ECONNRESET):
        assert reach_of(OSError(code, "no")) is Reach.REFUSED
    for code in (errno.EHOSTUNREACH, errno.ENETUNREACH, None):
        assert reach_of(OSError(code, "no")) is Reach.UNREACHABLE


def test_a_port_is_open_or_refused() -> None:
    with talking(Smtp()) as port:
        opened = tcp.connect(HOST, port)
        assert replace(opened, seconds=0) == Connection(HOST, port, Reach.OPEN, 0)
        assert 0 <= opened.seconds < tcp.TIMEOUT
    refused = tcp.connect(HOST, unused())
    assert refused.reach is Reach.REFUSED and refused.reason == "Connection refused"
    nowhere = tcp.connect("no address", 25)
    assert nowhere.reach is Reach.UNREACHABLE and nowhere.reason


# -- TLS


def test_a_certificate_says_for_whom_and_until_when(files: Files) -> None:
    pem = files.chain.read_bytes()
    der = x509.load_pem_x509_certificates(pem)[0].public_bytes(serialization.Encoding.DER)
    found = tls.describe(pem)
    assert found == tls.describe(der) == tls.describe(b"\n" + pem)
    assert found.names == tuple(sorted(NAMES)) and found.issuer == "CN=Lab authority"
    assert found.lifetime == 150 and not found.self_signed
    assert len(found.fingerprint) == 64
    own = tls.describe(files.authority.read_bytes())
    assert own.self_signed and own.names == ()
    with pytest.raises(ValueError):
        tls.describe(b"no certificate")


def test_a_wildcard_covers_one_label_and_not_its_own_parent(files: Files) -> None:
    found = tls.describe(files.chain.read_bytes())
    assert found.covers("smtp.example.test") and found.covers("a.web.example.test")
    assert not any(
        found.covers(name)
        for name in ("imap.example.test", "web.example.test", "a.b.web.example.test")
    )


def test_days_left_count_from_now_and_below_nothing(files: Files) -> None:
    found = tls.describe(files.chain.read_bytes())
    assert tls.days_left(found, found.not_after - timedelta(days=2)) == 2
    assert tls.days_left(found, found.not_after + timedelta(days=1)) == -1
    assert tls.days_left(found) == pytest.approx(tls.days_left(found, datetime.now(UTC)), abs=0.01)


def test_a_tls_port_is_trusted_for_its_names_by_its_authority_only(files: Files) -> None:
    shown = Tls(files)
    trust = str(files.authority)
    with talking(shown) as port:
        good = tls.look(HOST, port, "smtp.example.test", trust)
        assert good.trusted and good.reach is Reach.OPEN and good.reason == ""
        assert good.certificate == tls.describe(files.chain.read_bytes())
        assert (good.address, good.port, good.server_name) == (HOST, port, "smtp.example.test")
        other = tls.look(HOST, port, "imap.example.test", trust)
        assert not other.trusted and other.certificate == good.certificate
        assert other.reach is Reach.OPEN and "imap.example.test" in other.reason
        stranger = tls.look(HOST, port, "smtp.example.test")
        assert not stranger.trusted and "certificate" in stranger.reason
    assert set(shown.names) == {"smtp.example.test", "imap.example.test"}


def test_a_port_without_tls_shows_no_certificate() -> None:
    with talking(Smtp()) as port:
        plain = tls.look(HOST, port, "smtp.example.test")
    assert plain.certificate is None and not plain.trusted
    assert plain.reach is not Reach.OPEN and plain.reason
    closed = tls.look(HOST, unused(), "smtp.example.test")
    assert (closed.reach, closed.reason) == (Reach.REFUSED, "Connection refused")


# -- SMTP


def test_a_mail_server_shows_banner_extensions_and_certificate(files: Files) -> None:
    talker = Smtp(extensions=("STARTTLS",), files=files)
    with talking(talker) as port:
        seen = smtp.look(HOST, port, "smtp.example.test", str(files.authority))
    assert (seen.reach, seen.banner) == (Reach.OPEN, "220 mail.example.test ESMTP")
    assert seen.speaks_smtp and seen.starttls and not seen.auth_in_clear
    assert seen.tls is not None and seen.tls.trusted
    assert seen.tls.certificate == tls.describe(files.chain.read_bytes())
    assert seen.tls.reach is Reach.OPEN and (seen.address, seen.port) == (HOST, port)
    assert set(talker.heard) == {"ehlo probe.invalid", "STARTTLS", "quit"}


def test_a_certificate_that_is_not_trusted_after_starttls_is_shown_with_the_reason(
    files: Files,
) -> None:
    with talking(Smtp(extensions=("STARTTLS",), files=files)) as port:
        seen = smtp.look(HOST, port, "other.test", str(files.authority)).tls
    assert seen is not None and not seen.trusted and "other.test" in seen.reason
    assert seen.certificate is not None and seen.reach is Reach.OPEN
    assert seen.server_name == "other.test"


def test_a_password_that_is_asked_for_in_clear_text_is_seen() -> None:
    with talking(Smtp(extensions=("AUTH PLAIN LOGIN",))) as port:
        seen = smtp.look(HOST, port, "smtp.example.test")
    assert seen.auth_in_clear and not seen.starttls and seen.tls is None


def test_a_server_that_takes_back_its_starttls_has_no_certificate() -> None:
    with talking(Smtp(extensions=("STARTTLS",), refuses_tls=True)) as port:
        seen = smtp.look(HOST, port, "smtp.example.test")
    assert seen.starttls and seen.tls is not None
    assert seen.tls.certificate is None and not seen.tls.trusted
    assert seen.tls.reach is Reach.OPEN and seen.tls.reason


def test_no_greeting_and_a_greeting_of_something_else_are_no_smtp() -> None:
    assert not SmtpView(HOST, 25, Reach.OPEN).speaks_smtp
    assert not SmtpView(HOST, 25, Reach.OPEN, "554 no").speaks_smtp
    closed = unused()
    seen = smtp.look(HOST, closed, "smtp.example.test")
    assert seen == SmtpView(HOST, closed, Reach.REFUSED, reason="Connection refused")
    with talking(HangsUp()) as port:
        hung_up = smtp.look(HOST, port, "smtp.example.test")
    assert hung_up.reach is Reach.REFUSED and not hung_up.speaks_smtp and hung_up.reason


def test_only_the_greeting_is_asked_for() -> None:
    with talking(Smtp(greeting="220 hello ")) as port:
        assert smtp.greets(HOST, port) == (Reach.OPEN, "220 hello")
    assert smtp.greets(HOST, unused()) == (Reach.REFUSED, "")


# -- HTTP


def reply(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("answer", "is_there"),
    [
        (reply(b'{"errorNo":0,"data":"not set"}'), True),
        (reply(b'{"errorNo":0}', "404 Not Found"), False),
        (reply(b"<html>a web site</html>"), False),
        (b"220 mail.example.test ESMTP\r\n", False),
    ],
    ids=["set-up server", "another status", "a web site", "no HTTP"],
)
def test_only_the_set_up_servers_own_answer_tells_that_it_is_there(
    answer: bytes, is_there: bool
) -> None:
    talker = Http(answer)
    with talking(talker) as port:
        assert http.set_up_server(HOST, port) == SetUpView(port, Reach.OPEN, is_there)
    (heard,) = talker.heard
    assert heard.startswith(b"POST /api/setup ") and b"application/json" in heard
    asked = json.loads(heard.partition(b"\r\n\r\n")[2])
    assert asked == {"action": "get", "step": "password"}, "it would change something"


def test_a_closed_web_port_has_no_set_up_server() -> None:
    port = unused()
    assert http.set_up_server(HOST, port) == SetUpView(port, Reach.REFUSED)


# -- CAA


@pytest.mark.parametrize("there", ["a.b.c.test", "b.c.test", "c.test", "test"])
def test_the_caa_records_of_the_nearest_name_count(there: str) -> None:
    value = CAA(0, "issue", b"ca.test")
    asked = []

    def ask(owner: str, rtype: str) -> Answer:
        asked.append(owner)
        found = frozenset({value}) if owner == there else frozenset()
        return Answer(owner, rtype, Outcome.ANSWER if found else Outcome.NODATA, found)

    assert caa.look("a.b.c.test", ask) == caa.CaaView(
        "a.b.c.test", there, Outcome.ANSWER, frozenset({value})
    )
    assert asked[-1] == there


def test_no_caa_record_and_no_answer_are_two_things() -> None:
    def ask(owner: str, rtype: str) -> Answer:
        return Answer(owner, rtype, Outcome.SERVFAIL if owner == "c.test" else Outcome.NXDOMAIN)

    assert caa.look("c.example", ask) == caa.CaaView("c.example", "c.example", Outcome.NODATA)
    seen = caa.look("a.b.c.test", ask)
    assert (seen.owner, seen.outcome) == ("c.test", Outcome.SERVFAIL)


# -- SPF


def check_host(address: str, domain: str, ehlo: str, resolvers: Resolvers) -> spf.SpfView:
    return wait_for(spf.check(address, domain, ehlo, Enquiry(resolvers).recursive))


def test_spf_is_what_a_receiver_makes_of_it(zone: tuple[ZoneServer, Resolvers]) -> None:
    answers, resolvers = zone
    answers.put(rrset(ZONE, "TXT", 60, TXT(b"v=spf1 mx a:www.example.test -all"), TXT(b"other")))
    answers.put(rrset(ZONE, "MX", 60, MX(10, owner_name(f"smtp.{ZONE}"))))
    answers.put(rrset(f"smtp.{ZONE}", "A", 60, Address("192.0.2.1")))
    answers.put(rrset(f"www.{ZONE}", "A", 60, Address("192.0.2.2")))
    seen = check_host("192.0.2.2", ZONE, f"smtp.{ZONE}", resolvers)
    assert (seen.result, seen.lookups) == ("pass", 2)
    assert (seen.address, seen.domain, seen.ehlo) == ("192.0.2.2", ZONE, f"smtp.{ZONE}")
    assert check_host("192.0.2.1", ZONE, "x.test", resolvers).result == "pass"
    assert check_host("192.0.2.3", ZONE, "x.test", resolvers).result == "fail"
    answers.drop(rrset(ZONE, "TXT", 60, TXT(b"")).key)
    assert check_host("192.0.2.1", ZONE, "x.test", resolvers).result == "none"
    answers.rcode = dns.rcode.SERVFAIL
    broken = check_host("192.0.2.1", ZONE, "x.test", resolvers)
    assert broken.result == "temperror"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=spf1 mx ipv4:192.0.2.1 -all", "ipv4:192.0.2.1"),
        ("v=spf1 include:none.example.test -all", "include:none.example.test"),
        ("v=spf1 " + "a " * 11, "(10)"),
        ("v=spf1 " + " ".join(f"a:none{n}.example.test" for n in range(3)), "(2)"),
    ],
)
def test_an_spf_error_says_where(
    zone: tuple[ZoneServer, Resolvers], record: str, reason: str
) -> None:
    answers, resolvers = zone
    answers.put(rrset(ZONE, "TXT", 60, TXT(record.encode())))
    answers.put(rrset(ZONE, "A", 60, Address("192.0.2.2")))
    seen = check_host("192.0.2.1", ZONE, ZONE, resolvers)
    assert seen.result == "permerror" and reason in seen.reason


# -- all of it


TARGET = server.Target(
    addresses=("192.0.2.1", "2001:db8::1"),
    mail_host="smtp.example.test",
    web_host="mail.example.test",
    domains=("example.test", "other.test"),
    ehlo_names=("smtp.example.test", "mx.other.test"),
    dkim_owners=("k._domainkey.example.test",),
    spf_includes=("spf.provider.test",),
    closed_ports=(110, 8080),
    far_domains=("far.test",),
    trust_file="/ca.pem",
    resolvers=Resolvers(("192.0.2.53",)),
)


class World:
    """Stands in for the probes: every answer names its question. closed: ports."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, closed: frozenset[int] = frozenset()
    ) -> None:
        self.closed = closed
        monkeypatch.setattr(questions, "ask", self.ask)
        monkeypatch.setattr(questions, "addresses", self.addresses)
        monkeypatch.setattr(spf, "check", self.check)
        monkeypatch.setattr(smtp, "look", self.smtp)
        monkeypatch.setattr(tls, "look", self.tls)
        monkeypatch.setattr(http, "set_up_server", self.set_up)
        monkeypatch.setattr(web, "look", self.web)
        monkeypatch.setattr(tcp, "connect", self.connect)

    def ask(self, owner: str, rtype: str, resolvers: Resolvers) -> Answer:
        assert resolvers == TARGET.resolvers
        mx = frozenset({MX(20, owner_name(f"mx2.{owner}")), MX(10, owner_name(f"mx1.{owner}"))})
        return Answer(owner, rtype, Outcome.ANSWER, mx if rtype == "MX" else frozenset())

    def addresses(self, name: str, resolvers: Resolvers) -> tuple[str, ...]:
        return (f"first of {name}", f"second of {name}")

    async def check(self, address: str, domain: str, ehlo: str, _: AskSoon) -> spf.SpfView:
        return spf.SpfView(address, domain, ehlo, "pass", "", 0)

    def observed(self, target: server.Target) -> server.ServerView:
        return server.observe(target, Names(self))

    def smtp(self, address: str, port: int, name: str, trust: str | None) -> SmtpView:
        assert trust == TARGET.trust_file
        return SmtpView(address, port, self.reach(port), banner=name)

    def tls(self, address: str, port: int, name: str, trust: str | None) -> tls.TlsView:
        assert trust == TARGET.trust_file
        return tls.TlsView(address, port, name, self.reach(port))

    def web(self, address: str, name: str, trust: str | None) -> web.WebView:
        assert trust == TARGET.trust_file
        return web.WebView(address, name, self.reach(443))

    def set_up(self, address: str, port: int) -> SetUpView:
        return SetUpView(port, self.reach(port))

    def connect(self, address: str, port: int) -> Connection:
        return Connection(address, port, self.reach(port), 0.0)

    def reach(self, port: int) -> Reach:
        return Reach.TIMEOUT if port in self.closed else Reach.OPEN


class Names(Enquiry):
    """The same for DNS: nothing is asked, and no zone is found."""

    def __init__(self, world: World) -> None:
        super().__init__(TARGET.resolvers)
        self.world = world

    async def cut(self, name: str) -> Cut:
        return Cut(name, Outcome.TIMEOUT)

    async def ask(self, owner: str, rtype: str) -> Answer:
        found = self.world.ask(owner, rtype, self.resolvers)
        there = {"A": Address("192.0.2.25"), "AAAA": Address("2001:db8::25")}
        values = frozenset({there[rtype]}) if rtype in there else found.values
        return replace(found, values=values)

    async def reverse(self, address: str) -> Reverse:
        return Reverse(address, Outcome.NODATA)


def test_everything_of_a_server_is_looked_at_by_the_name_that_users_know_it_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = World(monkeypatch).observed(TARGET)
    first = TARGET.addresses[0]
    assert [each.domain for each in seen.domains] == ["example.test", "other.test"]
    other = seen.domains[1]
    assert [each.ehlo for each in other.spf] == ["mx.other.test"] * 2
    assert [each.address for each in other.spf] == list(TARGET.addresses)
    assert {each.domain for each in other.spf} == {"other.test"}
    assert (other.mx.owner, other.mx.rtype) == ("other.test", "MX")
    assert [name for name, _ in other.mx_addresses] == ["mx1.other.test", "mx2.other.test"]
    assert other.mx_addresses[0][1] == ("192.0.2.25", "2001:db8::25")
    assert seen.mail_host is not None and seen.mail_host.name == "smtp.example.test"
    assert (other.dmarc.owner, other.dmarc.rtype) == ("_dmarc.other.test", "TXT")
    greeting = [(each.address, each.domain, each.ehlo) for each in seen.mail_host_spf]
    assert greeting == [(each, TARGET.mail_host, TARGET.mail_host) for each in TARGET.addresses]
    keys = [(each.owner, each.rtype) for domain in seen.domains for each in domain.dkim]
    assert keys == [(TARGET.dkim_owners[0], "TXT")]
    assert [(each.owner, each.rtype) for each in seen.spf_includes] == [
        ("spf.provider.test", "TXT")
    ]
    assert [each.address for each in seen.reverse] == list(TARGET.addresses)
    assert (seen.smtp.address, seen.smtp.port, seen.smtp.banner) == (first, 25, TARGET.mail_host)
    assert [(each.address, each.port, each.server_name) for each in seen.tls] == [
        (first, 465, "smtp.example.test"),
        (first, 993, "imap.example.test"),
        (first, 443, "mail.example.test"),
    ]
    assert [each.port for each in seen.set_up] == [80, 880, 443]
    assert seen.web and (seen.web.address, seen.web.name) == (first, "mail.example.test")
    assert [(each.address, each.port) for each in seen.closed] == [(first, 110), (first, 8080)]
    assert not seen.own_network_blocks


@pytest.mark.parametrize(
    ("reach", "blocked"),
    [
        (Reach.OPEN, False),
        (Reach.REFUSED, False),
        (Reach.TIMEOUT, True),
        (Reach.UNREACHABLE, True),
    ],
)
def test_port_25_that_is_closed_to_everybody_is_our_own_networks_fault(
    monkeypatch: pytest.MonkeyPatch, reach: Reach, blocked: bool
) -> None:
    world = World(monkeypatch, frozenset({25}))
    tried = []

    def connect(address: str, port: int) -> Connection:
        tried.append((address, port))
        return Connection(address, port, reach, 0.0)

    monkeypatch.setattr(tcp, "connect", connect)
    target = replace(TARGET, closed_ports=())
    assert world.observed(target).own_network_blocks is blocked
    assert tried == [("first of mx1.far.test", 25)], "one address of the first MX is enough"
    assert not server.own_network_blocks((), TARGET.resolvers), "nothing was tried"
    world.closed = frozenset()
    assert not world.observed(target).own_network_blocks


def test_a_far_server_that_is_reached_clears_the_network_whatever_others_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    World(monkeypatch)
    by_name = {"first of mx1.mute.test": Reach.TIMEOUT, "first of mx1.far.test": Reach.REFUSED}
    monkeypatch.setattr(
        tcp, "connect", lambda address, port: Connection(address, port, by_name[address], 0.0)
    )
    assert not server.own_network_blocks(("mute.test", "far.test"), TARGET.resolvers)
    assert server.own_network_blocks(("mute.test",), TARGET.resolvers)
