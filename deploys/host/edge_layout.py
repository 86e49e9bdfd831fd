"""Where everything of the edge is on the host: PMail's namespace, and what stands before it."""

from __future__ import annotations

from dataclasses import dataclass

from deploys.host.pmail_layout import OWN, TOOLS, UNITS
from deploys.host.web_layout import ENDPOINT, OWN_ENDPOINT

NAMESPACE = "pmail"
NAMESPACE_FILE = f"/run/netns/{NAMESPACE}"
# Inside the namespace: PMail takes a private client's SPF for passed, and the other's not.
TRUSTED = "10.255.255.2"
UNTRUSTED = "198.18.0.1"
RELAY = "192.0.2.25"  # whom PMail believes to be everybody's MX host; nobody's (RFC 5737)
RELAY_PORT = 2525  # where the redirect in the namespace leads
RESOLVER_PORT = 5353

FOLDER = f"{OWN}/edge"
CONFIG = f"{FOLDER}/edge.json"
RULES = f"{FOLDER}/namespace.nft"
RESOLV_CONF = f"{FOLDER}/resolv.conf"
VERIFY_CONF = f"{FOLDER}/opendkim-verify.conf"
DMARC_CONF = f"{FOLDER}/opendmarc.conf"
IGNORE_HOSTS = f"{FOLDER}/ignore-hosts"
PROGRAM = f"{TOOLS}/edge.pyz"
MAKE_NAMESPACE = f"{TOOLS}/make-namespace"
TO_RESOLVER = f"{TOOLS}/to-resolver"
HOST_RESOLVER = f"{TOOLS}/host-resolver"

STATE = "/var/lib/pmail-deploy-edge"
SOCKETS = "/run/pmail-deploy-edge"
PROVING = f"{SOCKETS}/proving"  # there while a deploy proves signatures
MILTER = f"{SOCKETS}/milter"
LMTP = f"{SOCKETS}/lmtp"
AUTH = f"{SOCKETS}/auth"
ROUTES = f"{SOCKETS}/routes"
VERIFY_RUNTIME = "/run/pmail-deploy-verify"
VERIFY_MILTER = f"{VERIFY_RUNTIME}/milter"
DMARC_MILTER = "/run/pmail-deploy-dmarc/milter"
POSTFIX_RELAY = "/var/spool/postfix/public/webmail"  # Postfix, for what PMail sends

NET_UNIT = "pmail-deploy-net.service"
EDGE_UNIT = "pmail-deploy-edge.service"
VERIFY_UNIT = "pmail-deploy-verify.service"
DMARC_UNIT = "pmail-deploy-dmarc.service"
RELAY_UNIT = "pmail-deploy-relay.service"
RESOLVER_UNIT = "pmail-deploy-dns.service"
POP3_UNIT = "pmail-deploy-pop3.service"
GREYLIST_UNIT = "pmail-deploy-greylist.service"
GREYLIST = "/run/pmail-deploy-greylist/socket"


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket that systemd holds. name: of its unit, and what the program knows it by.

    listen: path, port, or address and port. inside: in PMail's namespace. service: the unit that
    answers. owned: shell command that gives a path to whom it is for, else it is Postfix's.
    """

    name: str
    listen: str
    service: str = EDGE_UNIT
    inside: bool = False
    owned: str = ""

    @property
    def unit(self) -> str:
        """Its unit."""
        return f"pmail-deploy-{self.name}.socket"

    @property
    def path(self) -> str:
        """Its unit's file."""
        return f"{UNITS}/{self.unit}"


SOCKET_UNITS = (
    Socket("milter", MILTER),
    Socket("lmtp", LMTP),
    Socket("auth", AUTH),
    Socket("routes", ROUTES),
    Socket("dns", "127.0.0.1:53", inside=True),
    Socket("relay", f"127.0.0.1:{RELAY_PORT}", RELAY_UNIT, inside=True),
    Socket("resolver", f"127.0.0.1:{RESOLVER_PORT}", RESOLVER_UNIT, inside=True),
    Socket("imaps", "993"),
)
# Web mail: for everybody, or for a web server that stands before it.
HTTPS = Socket("https", "443")
WEB = Socket("web", ENDPOINT, owned=OWN_ENDPOINT)
POPS = Socket("pops", "995")
POP3 = Socket("pop3", "110", POP3_UNIT)
EVERY_SOCKET = (*SOCKET_UNITS, HTTPS, WEB, POPS, POP3)
EVERY_SERVICE = (
    NET_UNIT,
    EDGE_UNIT,
    VERIFY_UNIT,
    DMARC_UNIT,
    RELAY_UNIT,
    RESOLVER_UNIT,
    POP3_UNIT,
    GREYLIST_UNIT,
)
