"""Checks judge what was seen; what was not seen stays unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dns_providers.rrset import MX, TXT, owner_name
from ground.words import Words
from keys import dkim as keys
from postmaster import report
from postmaster.checks import dns_records, preflight, service, transport
from postmaster.checks.results import Result, Status, exit_status
from postmaster.settings import MailServer
from probes.host import fitness
from probes.host import state as host
from probes.host.state import HostView
from probes.world.dns import Answer, Outcome, Reverse
from probes.world.server import DomainView, ServerView
from probes.world.smtp import SmtpView
from probes.world.spf import SpfView
from probes.world.tcp import Reach
from probes.world.tls import Certificate, TlsView
from tests.postmaster.test_settings import site

NOW = datetime(2026, 11, 25, tzinfo=UTC)
PUBLIC = keys.public_key(keys.read(keys.make(1024)))
OTHER = keys.public_key(keys.read(keys.make(1024)))


@pytest.fixture
def server() -> MailServer:
    return site().servers[0]


def answer(owner: str, rtype: str, *values: object) -> Answer:
    outcome = Outcome.ANSWER if values else Outcome.NODATA
    return Answer(owner, rtype, outcome, frozenset(values))  # type: ignore[arg-type]


def domain(*, mx: Answer | None = None, dmarc: bytes = b"v=DMARC1; p=none") -> DomainView:
    ours = answer("example.com", "MX", MX(10, owner_name("smtp.example.com")))
    return DomainView(
        "example.com",
        mx or ours,
        (("smtp.example.com", ("8.8.8.8",)), ("mx.other.test", ("192.0.2.1",))),
        (),
        answer("_dmarc.example.com", "TXT", TXT(dmarc)),
    )


def test_mx_that_comes_to_us_passes(server: MailServer) -> None:
    view = replace(domain(), mx_addresses=(("smtp.example.com", ("8.8.8.8",)),))
    assert dns_records.mx(view, server).status is Status.PASS


def test_mx_at_somebody_else_fails_with_the_record_to_publish(server: MailServer) -> None:
    theirs = answer("example.com", "MX", MX(10, owner_name("mx.other.test")))
    view = replace(domain(mx=theirs), mx_addresses=(("mx.other.test", ("192.0.2.1",)),))
    result = dns_records.mx(view, server)
    assert result.status is Status.FAIL and result.remedy is not None
    assert "example.com MX 10 smtp.example.com." in report.say(result.remedy)


@pytest.mark.parametrize("outcome", [Outcome.SERVFAIL, Outcome.TIMEOUT])
def test_dns_that_does_not_answer_is_unknown_never_a_fail(
    server: MailServer, outcome: Outcome
) -> None:
    nothing = Answer("example.com", "MX", outcome)
    view = replace(domain(mx=nothing), dmarc=nothing)
    results = [dns_records.mx(view, server), *dns_records.dmarc_checks(view, server)]
    results += dns_records.rdns(Reverse("8.8.8.8", outcome), server)
    assert {result.status for result in results} == {Status.UNKNOWN, Status.SKIP}


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("pass", Status.PASS),
        ("softfail", Status.FAIL),
        ("none", Status.FAIL),
        ("permerror", Status.FAIL),
        ("temperror", Status.UNKNOWN),
    ],
)
def test_spf_is_judged_by_what_a_receiver_gets(result: str, status: Status) -> None:
    view = SpfView("8.8.8.8", "example.com", "example.com", result, "", 0)
    found = dns_records.spf(view)
    assert found.status is status
    assert found.remedy is None or "ip4:8.8.8.8" in report.say(found.remedy)


@pytest.mark.parametrize(
    ("record", "statuses"),
    [
        (b"v=DMARC1; p=none; rua=mailto:a@example.com", [Status.PASS, Status.PASS]),
        (b"v=DMARC1; p=nothing", [Status.PASS, Status.FAIL]),
        (b"v=DMARC1; p=none; p=reject", [Status.PASS, Status.FAIL]),
        (b"v=spf1 -all", [Status.FAIL, Status.SKIP]),
    ],
)
def test_dmarc_is_there_once_and_parses(
    server: MailServer, record: bytes, statuses: list[Status]
) -> None:
    view = domain(dmarc=record)
    assert [each.status for each in dns_records.dmarc_checks(view, server)] == statuses


def dkim_result(published: str, on_host: str | None = PUBLIC.data) -> Result:
    found = answer("default._domainkey.example.com", "TXT", TXT(published.encode()))
    owner = "default._domainkey.example.com"
    view = HostView(True, dkim=((owner, on_host),) if on_host else ())
    return dns_records.dkim_check(found, "example.com", "default", view, PUBLIC)


def test_the_published_key_must_be_the_one_on_the_host() -> None:
    assert dkim_result(PUBLIC.record).status is Status.PASS
    assert dkim_result(OTHER.record).status is Status.FAIL
    assert dkim_result("v=DKIM1; p=").status is Status.FAIL
    assert dkim_result(PUBLIC.record, None).status is Status.UNKNOWN


def test_a_ptr_must_point_back(server: MailServer) -> None:
    good = Reverse("8.8.8.8", Outcome.ANSWER, ("a.test",), (("a.test", ("8.8.8.8",)),))
    bad = Reverse("8.8.8.8", Outcome.ANSWER, ("a.test",), (("a.test", ("192.0.2.1",)),))
    none = Reverse("8.8.8.8", Outcome.NXDOMAIN)
    statuses = [[r.status for r in dns_records.rdns(v, server)] for v in (good, bad, none)]
    assert statuses == [
        [Status.PASS, Status.PASS],
        [Status.PASS, Status.FAIL],
        [Status.FAIL, Status.SKIP],
    ]


def certificate(days: float = 60, lifetime: float = 90, names: tuple[str, ...] = ()) -> Certificate:
    given = names or tuple(f"{label}.example.com" for label in ("mail", "smtp", "imap", "pop"))
    end = NOW + timedelta(days=days)
    return Certificate(given, end - timedelta(days=lifetime), end, "CN=x", "f" * 64, False)


def view(**changes: object) -> ServerView:
    tls = TlsView("8.8.8.8", 465, "smtp.example.com", Reach.OPEN, certificate(), True)
    smtp = SmtpView("8.8.8.8", 25, Reach.OPEN, "220 hi", True, False, replace(tls, port=25))
    made = ServerView((), (), (), (), (), smtp, (tls,), ())
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_server_as_it_should_be_is_all_green(server: MailServer) -> None:
    results = [
        *transport.reachable(view(), server),
        transport.smtp_clear(view().smtp),
        *transport.certificates(view(), server, NOW),
    ]
    assert {result.status for result in results} == {Status.PASS}


@pytest.mark.parametrize(
    ("days", "lifetime", "status"),
    [
        (60, 90, Status.PASS),
        (20, 90, Status.WARN),
        (2, 90, Status.FAIL),
        (-1, 90, Status.FAIL),
        (5, 6, Status.PASS),
        (1, 6, Status.WARN),
    ],
)
def test_time_left_is_measured_against_the_lifetime(
    server: MailServer, days: float, lifetime: float, status: Status
) -> None:
    tls = TlsView("8.8.8.8", 465, "x", Reach.OPEN, certificate(days, lifetime), True)
    results = list(transport.certificates(view(tls=(tls,)), server, NOW))
    (found,) = [r for r in results if r.check == "TLS-03" and r.subject.endswith(":465")]
    assert found.status is status


def test_a_missing_name_fails_and_distrust_is_a_warning_on_port_25_only(
    server: MailServer,
) -> None:
    wrong = TlsView("8.8.8.8", 465, "x", Reach.OPEN, certificate(names=("a.test",)), True)
    distrusted = replace(view().tls[0], trusted=False)
    smtp = replace(view().smtp, tls=replace(distrusted, port=25))
    results = list(transport.certificates(view(tls=(wrong, distrusted), smtp=smtp), server, NOW))
    assert [r.status for r in results if r.check == "TLS-02"] == [
        *(Status.WARN, Status.FAIL, Status.FAIL),
    ]


def test_a_closed_port_25_is_unknown_where_our_own_network_is_closed(server: MailServer) -> None:
    shut = replace(view().smtp, reach=Reach.TIMEOUT, banner="")
    blocked = list(transport.reachable(view(smtp=shut, own_network_blocks=True), server))
    assert blocked[0].status is Status.UNKNOWN and not blocked[0].required
    assert next(transport.reachable(view(smtp=shut), server)).status is Status.FAIL


def test_a_service_that_has_not_read_its_key_fails(server: MailServer) -> None:
    seen = host.parse(
        "active=yes\ncurrent=no\nkey default._domainkey.a.test abc=\nclock=100", "", 98
    )
    assert seen.dkim == (("default._domainkey.a.test", "abc="),)
    statuses = [result.status for result in service.all_checks(seen, server)]
    assert statuses == [Status.FAIL, Status.PASS, Status.PASS]


@pytest.mark.parametrize(
    ("ahead", "status"),
    [(0.0, Status.PASS), (-30.0, Status.WARN), (61.0, Status.FAIL), (None, Status.UNKNOWN)],
)
def test_a_clock_that_is_off_is_told(
    server: MailServer, ahead: float | None, status: Status
) -> None:
    results = service.all_checks(HostView(True, True, True, login="", clock=ahead), server)
    assert {result.check: result.status for result in results}["HOST-02"] is status


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ((TXT(b"v=spf1 -all"), TXT(b"hello")), Status.PASS),
        ((), Status.FAIL),
        ((TXT(b"v=spf1 -all"), TXT(b"v=spf1 ~all")), Status.FAIL),
    ],
)
def test_an_included_domain_must_have_exactly_one_spf_record(
    records: tuple[TXT, ...], status: Status
) -> None:
    result = dns_records.spf_include(answer("spf.provider.test", "TXT", *records))
    assert result.status is status


def test_the_exit_status_says_fail_before_unknown() -> None:
    unknown = Result("X", "x", Status.UNKNOWN, Words.of("checks.mx.none"))
    failed = Result("X", "x", Status.FAIL, unknown.seen, Words.of("checks.net.closed"))
    assert exit_status((unknown, failed)) == 1 and exit_status((unknown,)) == 3
    assert exit_status((replace(unknown, required=False),)) == 0


def test_a_fail_without_a_remedy_is_impossible() -> None:
    with pytest.raises(ValueError, match="remedy"):
        Result("X", "x", Status.FAIL, Words.of("checks.mx.none"))


def test_a_report_shows_each_check_its_remedy_and_the_sum(server: MailServer) -> None:
    view = replace(domain(), mx=answer("example.com", "MX"), mx_addresses=())
    made = report.Report("8.8.8.8", NOW, (dns_records.mx(view, server),))
    lines = report.table(made)
    assert lines[0].startswith("FAIL  MX-07  example.com")
    assert lines[1].strip().startswith("-> publish:") and "1 failed" in lines[-1]
    record = report.to_record(made)
    assert (record["version"], record["exit_status"]) == (1, 1)
    assert record["results"][0]["remedy"] == lines[1].strip().removeprefix("-> ")


# -- preflight -----------------------------------------------------------------------------------

FIT = """uid 0
init systemd
os debian 12
arch x86_64
ours 0
disk 9000000
memory 2000000
clock 1000
synced yes
resolver yes
nat yes
address 8.8.8.8
connect qq.com 192.0.2.1 open 40
"""


def findings(server: MailServer, *changes: str) -> dict[str, set[Status]]:
    seen = fitness.parse(FIT + "\n".join(changes) + "\n")
    found: dict[str, set[Status]] = {}
    for result in preflight.judge(seen, server, 1001):
        found.setdefault(result.check, set()).add(result.status)
    return found


def test_a_fit_host_has_nothing_in_the_way(server: MailServer) -> None:
    assert set().union(*findings(server).values()) == {Status.PASS}


@pytest.mark.parametrize(
    ("line", "check", "status"),
    [
        ("uid 1000", "PRE-01", Status.FAIL),
        ("init runit", "PRE-02", Status.FAIL),
        ("os fedora 42", "PRE-03", Status.WARN),
        ("arch riscv64", "PRE-04", Status.FAIL),
        ('listen 0.0.0.0:25 users:(("exim4",pid=7,fd=3))', "PRE-05", Status.FAIL),
        ('listen [::]:80 users:(("nginx",pid=7,fd=3))', "PRE-05", Status.FAIL),
        ('listen 127.0.0.1:25 users:(("exim4",pid=7,fd=3))', "PRE-05", Status.PASS),
        ("disk 500000", "PRE-06", Status.WARN),
        ("disk 50000", "PRE-06", Status.FAIL),
        ("memory 200000", "PRE-07", Status.WARN),
        ("clock 900", "PRE-08", Status.FAIL),
        ("clock 990", "PRE-08", Status.WARN),
        ("synced no", "PRE-08", Status.WARN),
        ("resolver no", "PRE-09", Status.FAIL),
        ("nat no", "PRE-10", Status.FAIL),
        ("mailer exim4-daemon-light", "PRE-12", Status.FAIL),
        ("nat unknown", "PRE-10", Status.UNKNOWN),
        ("connect 163.com 192.0.2.2 refused 9", "NET-01", Status.WARN),
        ("connect 163.com 192.0.2.2 timeout 5000", "NET-01", Status.WARN),
        ("connect 163.com 192.0.2.2 open 2500", "NET-01", Status.PASS),
    ],
)
def test_each_finding_stops_or_warns(
    server: MailServer, line: str, check: str, status: Status
) -> None:
    assert status in findings(server, line)[check]


def test_our_own_pmail_may_hold_its_ports(server: MailServer) -> None:
    line = 'listen *:25 users:(("pmail",pid=77,fd=3))'
    assert findings(server, line, "ours 77")["PRE-05"] == {Status.PASS}


def test_all_findings_come_together(server: MailServer) -> None:
    found = findings(server, "uid 1000", "arch riscv64", "disk 5")
    assert sum(Status.FAIL in statuses for statuses in found.values()) == 3


def test_port_80_matters_only_where_the_certificate_needs_it() -> None:
    dns_proof = site(tls="acme-dns").servers[0]
    line = 'listen 0.0.0.0:80 users:(("nginx",pid=7,fd=3))'
    assert findings(dns_proof, line)["PRE-05"] == {Status.WARN}


def test_blocked_outbound_port_25_is_told_as_such(server: MailServer) -> None:
    seen = fitness.parse(FIT.replace("open 40", "timeout 5000"))
    (found,) = [r for r in preflight.judge(seen, server, 1000) if r.check == "NET-01"]
    assert found.seen.id == "preflight.outbound_blocked" and found.status is Status.WARN
