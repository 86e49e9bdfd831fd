"""Where everything of the relay is on the host."""

from __future__ import annotations

from deploys.host.pmail_layout import OWN, stamp

PROOF_PORT = 24  # a sink that takes proof messages, only while one is made: no user's port
PROOF_DOMAIN = "proof.invalid"  # RFC 2606: nobody's

MAIN_CF = "/etc/postfix/main.cf"
MASTER_CF = "/etc/postfix/master.cf"
RELAY = f"{OWN}/relay"
SENDERS = f"{RELAY}/senders"
LOGINS = f"{RELAY}/logins"
SENT = f"{RELAY}/sent"
WORLD_CHECKS = f"{RELAY}/world_checks"
SUBMIT_CHECKS = f"{RELAY}/submit_checks"
RECEIVERS = f"{RELAY}/receivers"  # of earlier versions
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

# Debian's program, told to listen where Postfix alone may connect: who else had its port could say
# that a receiver wants no encryption.
MTA_STS_UNIT = "postfix-mta-sts-resolver.service"
MTA_STS_CONF = f"{RELAY}/mta-sts.yml"
MTA_STS_FOLDER = "/run/pmail-deploy-mta-sts"
MTA_STS = f"{MTA_STS_FOLDER}/socket"

DKIM = f"{OWN}/dkim"
OPENDKIM_CONF = f"{DKIM}/opendkim.conf"
KEY_TABLE = f"{DKIM}/KeyTable"
SIGNING_TABLE = f"{DKIM}/SigningTable"
SIGNER_POLICY = f"{DKIM}/policy.lua"
MILTER = "/run/pmail-deploy-dkim/milter"
OPENDKIM_UNIT = "opendkim.service"
DKIM_STAMP = stamp(OPENDKIM_UNIT)

DROP_IN = "pmail-deploy.conf"
# Debian 12 runs Postfix as an instance, Debian 13 has one unit: see postfix-generator.sh.j2.
POSTFIX_UNIT = "postfix.service"
POSTFIX_INSTANCE = "postfix@-.service"
POSTFIX_IS_DUMMY = f"grep -qs '^ExecStart=/bin/true' /lib/systemd/system/{POSTFIX_UNIT}"
POSTFIX_DROP_IN = f"{RELAY}/postfix-unit.conf"
POSTFIX_GENERATOR = "/etc/systemd/system-generators/pmail-deploy-postfix"


def password_file(number: int) -> str:
    """Where the password of smarthost `number` is kept."""
    return f"{RELAY}/smarthost-{number}.password"


def ca_file(number: int) -> str:
    """Where the authority of smarthost `number` is kept."""
    return f"{RELAY}/smarthost-{number}.pem"


def key_file(domain: str, selector: str) -> str:
    """Where a private key is kept, for the signer only."""
    return f"{DKIM}/{domain}.{selector}.key"


def key_of(path: str) -> tuple[str, str]:
    """Return domain and selector of a private key's file."""
    domain, _, selector = path.removeprefix(f"{DKIM}/").removesuffix(".key").rpartition(".")
    return domain, selector
