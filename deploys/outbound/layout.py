"""Where everything of the relay is on the host."""

from __future__ import annotations

from deploys.pmail_server.layout import OWN

PORT = 2525  # Postfix, on loopback, for PMail alone
PMAIL = "127.0.0.2"  # where PMail takes bounces: 127.0.0.1 is what Postfix takes for itself
PROOF_PORT = 2526  # a sink that takes proof messages, only while one is made
PROOF_DOMAIN = "proof.invalid"  # RFC 2606: nobody's

MAIN_CF = "/etc/postfix/main.cf"
MASTER_CF = "/etc/postfix/master.cf"
RELAY = f"{OWN}/relay"
SENDERS = f"{RELAY}/senders"
RECEIVERS = f"{RELAY}/receivers"
TRANSPORT = f"{RELAY}/transport"
SENDER_TRANSPORT = f"{RELAY}/sender_transport"
HEADER_CHECKS = f"{RELAY}/header_checks"
BOUNCE_CHECKS = f"{RELAY}/bounce_checks"
BOUNCE = f"{RELAY}/bounce.cf"
RESOLV_CONF = f"{RELAY}/resolv.conf"
MODE_MARK = "/var/lib/pmail-deploy-relay"  # the mode that waiting mail was routed in
RELAY_STAMP = "/run/pmail-deploy-relay.sha256"

RESOLVER_CONF = f"{RELAY}/unbound.conf"
RESOLVER_ANCHOR = f"{RELAY}/trust-anchor"
RESOLVER_UNIT = "pmail-deploy-resolver.service"
RESOLVER_ADDRESS = "127.0.0.25"

DKIM = f"{OWN}/dkim"
OPENDKIM_CONF = f"{DKIM}/opendkim.conf"
KEY_TABLE = f"{DKIM}/KeyTable"
SIGNING_TABLE = f"{DKIM}/SigningTable"
DKIM_STAMP = "/run/pmail-deploy-dkim/stamp.sha256"
MILTER = "/run/pmail-deploy-dkim/milter"
OPENDKIM_UNIT = "opendkim.service"

UNITS = "/etc/systemd/system"
DROP_IN = "pmail-deploy.conf"


def password_file(number: int) -> str:
    """Where the password of smarthost `number` is kept."""
    return f"{RELAY}/smarthost-{number}.password"


def ca_file(number: int) -> str:
    """Where the authority of smarthost `number` is kept."""
    return f"{RELAY}/smarthost-{number}.pem"


def key_file(domain: str, selector: str) -> str:
    """Where a private key is kept, for the signer only."""
    return f"{DKIM}/{domain}.{selector}.key"
