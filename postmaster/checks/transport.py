"""Checks of the server's ports: reachable, encrypted, nothing open that should not be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from ground.words import Words
from postmaster.checks.results import Result, Status
from postmaster.settings import MailServer
from probes.world.server import ServerView
from probes.world.smtp import SmtpView
from probes.world.tcp import Reach
from probes.world.tls import Certificate, TlsView, days_left

_FAIL_DAYS = 3.0
_WARN_DAYS = 21.0


def reachable(view: ServerView, server: MailServer) -> Iterator[Result]:
    """NET-02: the ports that others need are open from outside."""
    smtp = view.smtp
    subject = f"{server.ipv4}:25"
    if smtp.reach is not Reach.OPEN and view.own_network_blocks:
        seen = Words.of("checks.net.own_network")
        yield Result("NET-02", subject, Status.UNKNOWN, seen, required=False)
    else:
        yield _open(subject, smtp.reach)
    for each in view.tls:
        yield _open(f"{each.address}:{each.port}", each.reach)


def _open(subject: str, reach: Reach) -> Result:
    port = subject.rpartition(":")[2]
    if reach is Reach.OPEN:
        return Result("NET-02", subject, Status.PASS, Words.of("checks.net.open"))
    seen = Words.of(f"checks.net.{reach.value}")
    return Result("NET-02", subject, Status.FAIL, seen, Words.of("checks.net.remedy", port=port))


def closed(view: ServerView, server: MailServer) -> Iterator[Result]:
    """NET-03: the set-up server answers nowhere, and unwanted ports are closed."""
    for each in view.set_up:
        subject = f"{server.ipv4}:{each.port}/setup"
        if each.answered:
            seen, remedy = Words.of("checks.setup.open"), Words.of("checks.setup.remedy")
            yield Result("NET-03", subject, Status.FAIL, seen, remedy)
        else:
            yield Result("NET-03", subject, Status.PASS, Words.of("checks.setup.closed"))
    for port in view.closed:
        subject = f"{server.ipv4}:{port.port}"
        if port.reach is Reach.OPEN:
            seen = Words.of("checks.net.unwanted")
            remedy = Words.of("checks.net.close", port=port.port)
            yield Result("NET-03", subject, Status.FAIL, seen, remedy)
        else:
            yield Result("NET-03", subject, Status.PASS, Words.of("checks.net.closed"))


def smtp_clear(view: SmtpView) -> Result:
    """SMTP-02: no password is asked for in clear text."""
    subject = f"{view.address}:{view.port}"
    if not view.speaks_smtp:
        return Result("SMTP-02", subject, Status.SKIP, Words.of("checks.skip.smtp"))
    if view.auth_in_clear:
        seen, remedy = Words.of("checks.smtp.auth"), Words.of("checks.smtp.auth_remedy")
        return Result("SMTP-02", subject, Status.FAIL, seen, remedy)
    return Result("SMTP-02", subject, Status.PASS, Words.of("checks.smtp.no_auth"))


def certificates(
    view: ServerView, server: MailServer, now: datetime | None = None
) -> Iterator[Result]:
    """TLS-01: STARTTLS on 25; TLS-02: names and trust; TLS-03: time left; on every port."""
    moment = now or datetime.now(UTC)
    if view.smtp.speaks_smtp and not view.smtp.starttls:
        seen, remedy = Words.of("checks.tls.no_starttls"), Words.of("checks.tls.deploy")
        subject = f"{view.smtp.address}:25"
        yield Result("TLS-01", subject, Status.FAIL, seen, remedy)
    starttls = [view.smtp.tls] if view.smtp.tls else []
    for each in (*starttls, *view.tls):
        yield from _certificate(each, server, moment)


def _certificate(view: TlsView, server: MailServer, now: datetime) -> Iterator[Result]:
    subject = f"{view.address}:{view.port}"
    if view.certificate is None:
        seen = Words.of("checks.skip.port")
        yield Result("TLS-02", subject, Status.SKIP, seen)
        yield Result("TLS-03", subject, Status.SKIP, seen)
        return
    yield _names(view, view.certificate, server, subject)
    yield _time(view.certificate, subject, now)


def _names(view: TlsView, certificate: Certificate, server: MailServer, subject: str) -> Result:
    missing = [name for name in server.certificate_names if not certificate.covers(name)]
    if missing:
        seen = Words.of("checks.tls.names", missing=", ".join(missing))
        remedy = Words.of("checks.tls.deploy")
        return Result("TLS-02", subject, Status.FAIL, seen, remedy)
    if not view.trusted:
        # Sending servers take any certificate on port 25; mail programs and browsers do not.
        status = Status.WARN if view.port == 25 else Status.FAIL
        seen = Words.of("checks.tls.untrusted", reason=view.reason, issuer=certificate.issuer)
        return Result("TLS-02", subject, status, seen, Words.of("checks.tls.deploy"))
    names = Words.of("checks.tls.good", names=", ".join(certificate.names))
    return Result("TLS-02", subject, Status.PASS, names)


def _time(certificate: Certificate, subject: str, now: datetime) -> Result:
    left = days_left(certificate, now)
    lifetime = certificate.lifetime
    # A certificate of a week is not late when it has a week left.
    warn_at, fail_at = min(_WARN_DAYS, lifetime / 4), min(_FAIL_DAYS, lifetime / 10)
    seen = Words.of(
        "checks.tls.left", days=f"{left:.1f}", until=f"{certificate.not_after:%Y-%m-%d}"
    )
    if left < fail_at:
        return Result("TLS-03", subject, Status.FAIL, seen, Words.of("checks.tls.renew"))
    if left < warn_at:
        return Result("TLS-03", subject, Status.WARN, seen, Words.of("checks.tls.renew"))
    return Result("TLS-03", subject, Status.PASS, seen)


def all_checks(view: ServerView, server: MailServer) -> Iterator[Result]:
    """All checks of a server's ports."""
    yield from reachable(view, server)
    yield from closed(view, server)
    yield smtp_clear(view.smtp)
    yield from certificates(view, server)
