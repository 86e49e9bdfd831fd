"""Whether port 25 can stand for an enforced policy: who heeds it sends to no other certificate."""

from __future__ import annotations

from datetime import datetime

from ground.words import Words
from probes.world.tls import Certificate, TlsView, days_left

_DAYS = 15.0


def why_not_enforce(
    shown: TlsView | None, served: Certificate | None, mail_host: str, now: datetime
) -> Words | None:
    """Return why a policy must not be enforced, None where it may be.

    shown: what port 25 shows after STARTTLS, None where that was not seen. served: the certificate
    that it should show. mail_host: the MX host. A certificate that lives for days has to have a
    quarter of its time left.
    """
    certificate = shown.certificate if shown else None
    if shown is None or certificate is None:
        return Words.of("sts.guard.unseen", host=mail_host)
    if not certificate.covers(mail_host):
        return Words.of("sts.guard.name", host=mail_host, names=", ".join(certificate.names))
    if not shown.trusted:
        return Words.of("sts.guard.untrusted", host=mail_host, reason=shown.reason)
    left = days_left(certificate, now)
    if left < min(_DAYS, certificate.lifetime / 4):
        return Words.of("sts.guard.expires", host=mail_host, days=f"{left:.1f}")
    if served is None or served.fingerprint != certificate.fingerprint:
        return Words.of("sts.guard.stale", host=mail_host)
    return None
