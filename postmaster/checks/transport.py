"""Checks of the server's ports: reachable, encrypted, nothing open that should not be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words, family
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.settings import SENDING_PORTS, MailServer
from postmaster.web import web_of
from probes.world.http import SetUpView
from probes.world.smtp import SmtpView
from probes.world.tcp import Connection, Reach
from probes.world.tls import TlsView, days_left

_FAIL_DAYS = 3.0
_WARN_DAYS = 21.0
_REACH = family("checks.net", Reach)


def _needed(seen: Seen) -> Iterator[tuple[Subject, SmtpView | TlsView]]:
    needed: tuple[SmtpView | TlsView, ...] = (seen.world.smtp, *seen.world.tls)
    for each in needed:
        yield subjects.of_port(each.address, each.port), each


def reachable(view: SmtpView | TlsView, seen: Seen) -> Judgement:
    """NET-02: the ports that others need are open from outside."""
    if view.reach is Reach.OPEN:
        return passed(Words.of(_REACH[view.reach]))
    if seen.server.paused and view.port in SENDING_PORTS:
        return unknown(Words.of("checks.net.paused"), required=False)
    if view.port == 25 and seen.world.own_network_blocks:
        return unknown(Words.of("checks.net.own_network"), required=False)
    return failed(Words.of(_REACH[view.reach]), Words.of("checks.net.remedy", port=view.port))


def _unwanted(seen: Seen) -> Iterator[tuple[Subject, SetUpView | Connection]]:
    address = seen.server.ipv4
    for each in seen.world.set_up:
        yield subjects.of_port(address, each.port, "/setup"), each
    for port in seen.world.closed:
        yield subjects.of_port(address, port.port), port


def closed(view: SetUpView | Connection, _: Seen) -> Judgement:
    """NET-03: the set-up server answers nowhere, and unwanted ports are closed."""
    if isinstance(view, SetUpView):
        if view.answered:
            return failed(Words.of("checks.setup.open"), Words.of("checks.setup.remedy"))
        return passed(Words.of("checks.setup.closed"))
    if view.reach is Reach.OPEN:
        remedy = Words.of("checks.net.close", port=view.port)
        return failed(Words.of("checks.net.unwanted"), remedy)
    return passed(Words.of("checks.net.closed"))


def _smtp(seen: Seen) -> Iterator[tuple[Subject, SmtpView]]:
    view = seen.world.smtp
    yield subjects.of_port(view.address, view.port), view


def smtp_clear(view: SmtpView, _: Seen) -> Judgement:
    """SMTP-02: no password is asked for in clear text."""
    if not view.speaks_smtp:
        return _no_greeting(view)
    if view.auth_in_clear:
        return failed(Words.of("checks.smtp.auth"), Words.of("checks.smtp.auth_remedy"))
    return passed(Words.of("checks.smtp.no_auth"))


def starttls(view: SmtpView, _: Seen) -> Judgement:
    """TLS-01: STARTTLS is offered on port 25."""
    if not view.speaks_smtp:
        return _no_greeting(view)
    if not view.starttls:
        return failed(Words.of("checks.tls.no_starttls"), Words.of("checks.tls.deploy"))
    return passed(Words.of("checks.tls.starttls"))


def _no_greeting(view: SmtpView) -> Judgement:
    return unknown(Words.of("checks.smtp.no_greeting", said=view.banner or view.reason or "-"))


def _encrypted(seen: Seen) -> Iterator[tuple[Subject, TlsView]]:
    """Port 25 after STARTTLS, and all that speak TLS from the start."""
    smtp = seen.world.smtp
    after_starttls = smtp.tls or TlsView(smtp.address, smtp.port, "", smtp.reach)
    for each in (after_starttls, *seen.world.tls):
        yield subjects.of_port(each.address, each.port), each


def certificate_names(view: TlsView, seen: Seen) -> Judgement:
    """TLS-02: the certificate is for all our names, and trusted."""
    certificate = view.certificate
    if certificate is None:
        return _no_certificate(view)
    remedy = Words.of("checks.tls.deploy")
    names = _names_at(view.port, seen.server)
    missing = [name for name in names if not certificate.covers(name)]
    if missing:
        return failed(Words.of("checks.tls.names", missing=", ".join(missing)), remedy)
    if not view.trusted:
        # Sending servers take any certificate on port 25; mail programs and browsers do not.
        judged = warned if view.port == 25 else failed
        issuer = certificate.issuer
        return judged(Words.of("checks.tls.untrusted", reason=view.reason, issuer=issuer), remedy)
    return passed(Words.of("checks.tls.good", names=", ".join(certificate.names)))


def _names_at(port: int, server: MailServer) -> tuple[str, ...]:
    """Names that a port's certificate is for; the user's web server may have one of its own."""
    if port == 443 and web_of(server).ports == "theirs":
        return (server.web_host,)
    return server.certificate_names


def certificate_time(view: TlsView, seen: Seen) -> Judgement:
    """TLS-03: the certificate has time left, by its own lifetime."""
    certificate = view.certificate
    if certificate is None:
        return _no_certificate(view)
    left, lifetime = days_left(certificate, seen.now), certificate.lifetime
    # A certificate of a week is not late when it has a week left.
    warn_at, fail_at = min(_WARN_DAYS, lifetime / 4), min(_FAIL_DAYS, lifetime / 10)
    until = f"{certificate.not_after:%Y-%m-%d}"
    words = Words.of("checks.tls.left", days=f"{left:.1f}", until=until)
    if left < fail_at:
        return failed(words, Words.of("checks.tls.renew"))
    if left < warn_at:
        return warned(words, Words.of("checks.tls.renew"))
    return passed(words)


def _no_certificate(view: TlsView) -> Judgement:
    return unknown(Words.of("checks.tls.no_answer", reason=view.reason or "-"))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.NET_02, _needed, reachable),
    Check(rules.NET_03, _unwanted, closed),
    Check(rules.SMTP_02, _smtp, smtp_clear),
    Check(rules.TLS_01, _smtp, starttls),
    Check(rules.TLS_02, _encrypted, certificate_names),
    Check(rules.TLS_03, _encrypted, certificate_time),
)
