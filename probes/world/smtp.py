"""What an SMTP server says: banner, EHLO extensions before and after STARTTLS, certificate."""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass

from probes.world.tcp import TIMEOUT, Reach, reach_of
from probes.world.tls import Certificate, TlsView, accepting_any, describe, reason_of, trusting

_OUR_NAME = "probe.invalid"  # RFC 2606: never a name of somebody


@dataclass(frozen=True, slots=True)
class SmtpView:
    """What a server on port 25 or 587 showed. auth_in_clear: AUTH offered before STARTTLS."""

    address: str
    port: int
    reach: Reach
    banner: str = ""
    starttls: bool = False
    auth_in_clear: bool = False
    tls: TlsView | None = None
    reason: str = ""

    @property
    def speaks_smtp(self) -> bool:
        """Whether a 220 banner came."""
        return self.banner.startswith("220")


def look(
    address: str,
    port: int,
    server_name: str,
    trust_file: str | None = None,
    timeout: float = TIMEOUT,
) -> SmtpView:
    """Talk to an SMTP server as a sending server does, without sending."""
    client = smtplib.SMTP(timeout=timeout, local_hostname=_OUR_NAME)
    try:
        code, greeting = client.connect(address, port)
        banner = f"{code} {greeting.decode('utf-8', 'replace')}"
        client.ehlo()
        starttls, auth = client.has_extn("starttls"), client.has_extn("auth")
        client.quit()
    except (OSError, smtplib.SMTPException) as error:
        return SmtpView(address, port, _reach(error), reason=_reason(error))
    tls = _look_tls(address, port, server_name, trust_file, timeout) if starttls else None
    return SmtpView(address, port, Reach.OPEN, banner, starttls, auth, tls)


def _look_tls(
    address: str, port: int, server_name: str, trust_file: str | None, timeout: float
) -> TlsView:
    """The certificate after STARTTLS: looked at once without and once with verification."""
    certificate: Certificate | None = None
    try:
        certificate = _starttls_certificate(address, port, server_name, timeout)
        client = _connected(address, port, server_name, timeout)
        client.starttls(context=trusting(trust_file))
        client.quit()
    except (OSError, smtplib.SMTPException) as error:
        reach = Reach.OPEN if certificate else _reach(error)
        return TlsView(address, port, server_name, reach, certificate, False, _reason(error))
    return TlsView(address, port, server_name, Reach.OPEN, certificate, True)


def _starttls_certificate(
    address: str, port: int, server_name: str, timeout: float
) -> Certificate | None:
    client = _connected(address, port, server_name, timeout)
    client.starttls(context=accepting_any())
    secure = client.sock
    der = secure.getpeercert(binary_form=True) if isinstance(secure, ssl.SSLSocket) else None
    client.quit()
    return describe(der) if der else None


def _connected(address: str, port: int, server_name: str, timeout: float) -> smtplib.SMTP:
    client = smtplib.SMTP(timeout=timeout, local_hostname=_OUR_NAME)
    client.connect(address, port)
    client._host = server_name  # type: ignore[attr-defined]  # the name STARTTLS verifies
    client.ehlo()
    return client


def _reach(error: Exception) -> Reach:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return Reach.REFUSED
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return reach_of(error)
    return Reach.OPEN


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, OSError) else str(error)


def greets(address: str, port: int = 25, timeout: float = TIMEOUT) -> tuple[Reach, str]:
    """Return how a connection ended and the greeting line (empty when none came)."""
    try:
        with socket.create_connection((address, port), timeout=timeout) as raw:
            raw.settimeout(timeout)
            return Reach.OPEN, raw.recv(512).decode("utf-8", "replace").strip()
    except OSError as error:
        return reach_of(error), ""
