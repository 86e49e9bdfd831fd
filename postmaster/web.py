"""Web modes: who has the ports 80 and 443 of a mail server, before PMail's web mail.

Whatever depends on the mode asks its description; nothing tests its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postmaster.outbound import mode_of
from postmaster.settings import MailServer


@dataclass(frozen=True, slots=True)
class WebMode:
    """What a web mode is like.

    ports: who has 80 and 443: "ours" (a web server of ours), "theirs" (one of the user's), or
    "pmail" itself, by the edge where there is one.
    """

    name: str
    ports: Literal["ours", "theirs", "pmail"]

    @property
    def fronted(self) -> bool:
        """Whether a web server stands before PMail, which it reaches by a socket."""
        return self.ports != "pmail"


NGINX = WebMode("nginx", "ours")
BEHIND = WebMode("behind", "theirs")
PMAIL = WebMode("pmail", "pmail")

WEB_MODES: dict[str, WebMode] = {mode.name: mode for mode in (NGINX, BEHIND, PMAIL)}
DEFAULT_WEB = NGINX.name


def web_of(server: MailServer) -> WebMode:
    """Return the description of a server's web mode."""
    return WEB_MODES[server.web]


def by_plain_http(server: MailServer) -> bool:
    """Whether PMail shows web mail by HTTP, to a web server beside it: with the edge it is TLS."""
    return web_of(server).fronted and not mode_of(server).relayed
