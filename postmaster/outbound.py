"""Outbound modes: who delivers, who signs with what, and how the server greets.

Whatever depends on the mode asks its description; nothing tests its name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    delivers: "pmail" itself, or "postfix" on the host, which has PMail's mail and the public ports.
    sends_from: whose address receivers see: the "server"'s, or a "provider"'s (then port 25 need
    not be open outwards, and PTR and EHLO are the provider's).
    dial_limit: milliseconds that a receiver may take to answer, or None.
    """

    name: str
    signs_every_domain: bool
    fixed_selector: str | None
    signer: Literal["pmail", "opendkim"]
    ehlo: Literal["from-domain", "mail-host"]
    retries: bool
    rotation: Literal["fixed-selector", "dual-selector"]
    delivers: Literal["pmail", "postfix"]
    sends_from: Literal["server", "provider"]
    dial_limit: int | None

    @property
    def relayed(self) -> bool:
        """Whether PMail's mail to others goes through Postfix on the same host."""
        return self.delivers == "postfix"

    def signing_keys(self, server: MailServer) -> tuple[SigningKey, ...]:
        """The DKIM keys that mail of `server` is signed with."""
        names = tuple(domain.name for domain in server.domains)
        if self.signs_every_domain:
            return tuple(SigningKey(name, self._selector(server, name), (name,)) for name in names)
        return (SigningKey(server.primary, self._selector(server, server.primary), names),)

    def _selector(self, server: MailServer, domain: str) -> str:
        return self.fixed_selector or dict(server.selectors)[domain]

    def ehlo_names(self, server: MailServer) -> tuple[str, ...]:
        """The names the server greets receivers with."""
        if self.ehlo == "mail-host":
            return (server.mail_host,)
        return tuple(domain.name for domain in server.domains)

    def ptr_name(self, server: MailServer) -> str:
        """The name that PTR should be: one that the server greets with, where that can be one."""
        names = self.ehlo_names(server)
        return server.mail_host if server.mail_host in names else names[0]


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
    delivers="pmail",
    sends_from="server",
    dial_limit=2000,  # PMail utils/smtp/smtp.go
)

# Postfix on both sides of PMail, which is alone in a network namespace.
RELAY = OutboundMode(
    name="relay",
    signs_every_domain=True,
    fixed_selector=None,
    signer="opendkim",
    ehlo="mail-host",
    retries=True,
    rotation="dual-selector",
    delivers="postfix",
    sends_from="server",
    dial_limit=None,
)
SMARTHOST = replace(RELAY, name="smarthost", sends_from="provider")

MODES: dict[str, OutboundMode] = {mode.name: mode for mode in (RELAY, SMARTHOST, DIRECT)}
DEFAULT_MODE = RELAY.name


def mode_of(server: MailServer) -> OutboundMode:
    """Return the description of a server's outbound mode."""
    return MODES[server.outbound]


def signing_with(server: MailServer, strategy: str) -> OutboundMode:
    """Return the mode that a rotation of this strategy is of: the server's, if that fits."""
    mode = mode_of(server)
    fitting = (each for each in (mode, *MODES.values()) if each.rotation == strategy)
    return next(fitting)
