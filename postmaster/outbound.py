"""Outbound modes: who delivers, who signs with what, and how the server greets.

Whatever depends on the mode asks its description; nothing tests its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postmaster.settings import MailServer


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One DKIM key in use: signing domain (`d=`), selector (`s=`), the From domains it signs."""

    domain: str
    selector: str
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutboundMode:
    """What an outbound mode can do.

    signs_every_domain: each From domain has its own aligned signature; else the primary signs all.
    fixed_selector: the only selector the signer knows, or None when it is data.
    signer: who loads the key on the host.
    ehlo: "from-domain" (the bare From domain) or "mail-host".
    retries: temporary refusals are tried again.
    rotation: the DKIM rotation strategy that fits.
    """

    name: str
    signs_every_domain: bool
    fixed_selector: str | None
    signer: Literal["pmail", "opendkim"]
    ehlo: Literal["from-domain", "mail-host"]
    retries: bool
    rotation: Literal["fixed-selector", "dual-selector"]

    def signing_keys(self, server: MailServer) -> tuple[SigningKey, ...]:
        """The DKIM keys that mail of `server` is signed with."""
        names = tuple(domain.name for domain in server.domains)
        selector = self.fixed_selector or server.dkim_selector
        if self.signs_every_domain:
            return tuple(SigningKey(name, selector, (name,)) for name in names)
        return (SigningKey(server.primary, selector, names),)

    def ehlo_names(self, server: MailServer) -> tuple[str, ...]:
        """The names the server greets receivers with."""
        if self.ehlo == "mail-host":
            return (server.mail_host,)
        return tuple(domain.name for domain in server.domains)


# PMail alone: go-msgauth with the literal selector "default" and d= the primary domain for all
# mail (PMail dto/parsemail/dkim.go), EHLO the bare From domain (PMail utils/smtp/smtp.go).
DIRECT = OutboundMode(
    name="direct",
    signs_every_domain=False,
    fixed_selector="default",
    signer="pmail",
    ehlo="from-domain",
    retries=False,
    rotation="fixed-selector",
)

MODES: dict[str, OutboundMode] = {DIRECT.name: DIRECT}
DEFAULT_MODE = DIRECT.name


def mode_of(server: MailServer) -> OutboundMode:
    """Return the description of a server's outbound mode."""
    return MODES[server.outbound]
