"""Which recipients a mail server takes from a stranger: asked up to RCPT, and never a message."""

from __future__ import annotations

import secrets
import smtplib
from dataclasses import dataclass
from enum import StrEnum

from probes.world.tcp import TIMEOUT

_OUR_NAME = "probe.invalid"  # RFC 2606, as all names here: nobody's
_DUTIES = ("postmaster", "abuse")
_STRANGER, _ELSEWHERE = "probe@example.org", "probe@example.net"


class Kind(StrEnum):
    """What is asked for."""

    ELSEWHERE = "elsewhere"  # that a stranger's mail goes on to somebody else's domain
    DUTY = "duty"  # addresses that every domain has (RFC 5321 section 4.5.1, RFC 2142)
    NOBODY = "nobody"  # an address that no user has


@dataclass(frozen=True, slots=True)
class Recipient:
    """What the server said to a recipient. code: of its reply, 0 where none came."""

    kind: Kind
    sender: str
    address: str
    code: int
    text: str = ""

    @property
    def taken(self) -> bool:
        """Whether it is accepted."""
        return self.code // 100 == 2

    @property
    def refused(self) -> bool:
        """Whether it is refused for good."""
        return self.code // 100 == 5


@dataclass(frozen=True, slots=True)
class RecipientsView:
    """What a server said on port 25. extensions: what EHLO offers, in capitals.

    reason: why nothing could be asked, "" where it could.
    """

    recipients: tuple[Recipient, ...] = ()
    extensions: tuple[str, ...] = ()
    reason: str = ""

    def of(self, kind: Kind) -> tuple[Recipient, ...]:
        """Return what was said to recipients of one kind."""
        return tuple(each for each in self.recipients if each.kind is kind)


def look(
    address: str, domains: tuple[str, ...], timeout: float = TIMEOUT, port: int = 25
) -> RecipientsView:
    """Ask a server for recipients. domains: its own, the primary one first."""
    primary = domains[0]
    wanted = [
        (Kind.ELSEWHERE, _STRANGER, _ELSEWHERE),
        (Kind.ELSEWHERE, "", _ELSEWHERE),
        (Kind.ELSEWHERE, f"postmaster@{primary}", _ELSEWHERE),
        (Kind.ELSEWHERE, _STRANGER, f"@{primary}:{_ELSEWHERE}"),
        *(
            (Kind.DUTY, "", f"{name}@{each}")
            for each in domains
            for name in ("postmaster", "abuse")
        ),
        (Kind.NOBODY, "", f"nobody-{secrets.token_hex(6)}@{primary}"),
    ]
    client = smtplib.SMTP(timeout=timeout, local_hostname=_OUR_NAME)
    try:
        client.connect(address, port)
        client.ehlo()
        found = tuple(_asked(client, *each) for each in wanted)
        client.docmd("QUIT")
        return RecipientsView(found, tuple(sorted(map(str.upper, client.esmtp_features))))
    except (OSError, smtplib.SMTPException) as error:
        return RecipientsView(reason=str(error) or type(error).__name__)
    finally:
        client.close()


def _asked(client: smtplib.SMTP, kind: Kind, sender: str, address: str) -> Recipient:
    """One transaction of its own, given up before its message."""
    code, said = client.docmd("MAIL", f"FROM:<{sender}>")
    if code // 100 == 2:
        code, said = client.docmd("RCPT", f"TO:<{address}>")
    client.docmd("RSET")
    return Recipient(kind, sender, address, code, said.decode("utf-8", "replace"))
