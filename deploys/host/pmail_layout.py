"""Where everything of PMail is on the host."""

from __future__ import annotations

from collections.abc import Iterable

from probes.host.as_user import as_user, sqlite

USER = "pmail"
ROOT = "/var/lib/pmail"
CONFIG_FOLDER = f"{ROOT}/config"
CONFIG_SEEN = f"{CONFIG_FOLDER}/config.json"  # what PMail reads: our master, bound there
DKIM_FOLDER = f"{CONFIG_FOLDER}/dkim"
DKIM_PRIVATE = f"{DKIM_FOLDER}/dkim.priv"
DKIM_PUBLIC = f"{DKIM_FOLDER}/dkim.public"
# What stands in the public file of a key that never leaves the host.
OWN_KEY = "made on this host, never published"
DATA = f"{ROOT}/data"
DATABASE = f"{DATA}/pmail.db"
PLUGINS = f"{ROOT}/plugins"  # as PMail sees it: made anew at each start, with PROGRAMS in it
AS_PMAIL = as_user(USER)
# The command that asks a database, as PMail's user.
SQLITE = sqlite(USER)

OWN = "/etc/pmail-deploy"
CONFIG_VERSIONS = f"{OWN}/config"
CONFIG_CURRENT = f"{CONFIG_VERSIONS}/current"
TLS_VERSIONS = f"{OWN}/tls"
TLS_CURRENT = f"{TLS_VERSIONS}/current"
TLS_CHAIN = f"{TLS_CURRENT}/fullchain.pem"
TLS_KEY = f"{TLS_CURRENT}/privkey.pem"
MANIFEST = f"{OWN}/manifest.json"
MANIFEST_LOCK = f"{OWN}/.manifest.lock"
FIREWALL_RULES = f"{OWN}/nftables.nft"
FIREWALL_GUARD = f"{OWN}/guard.nft"  # of earlier versions

BINARIES = "/usr/local/lib/pmail"
BINARY_CURRENT = f"{BINARIES}/current"
BINARY = f"{BINARY_CURRENT}/pmail"
BINARY_VERSION = f"{BINARY_CURRENT}/version"  # as the binary says it
TOOLS = "/usr/local/lib/pmail-deploy"
PROGRAMS = f"{TOOLS}/plugins"  # what PMail starts as plugins; root puts it there
DATABASE_READY = f"{TOOLS}/database-ready"
SWITCH = f"{TOOLS}/switch-pmail"
FIREWALL_HOLDER = f"{TOOLS}/hold-firewall"

# Another binary is tried here, and the databases of those before it are kept.
WORK = "/var/lib/pmail-deploy"
TRIAL = f"{WORK}/trial"
SWITCHING = f"{WORK}/switching"  # only while it is being done
HELD = "/run/pmail-deploy-held"
TRIAL_UNIT = "/run/systemd/system/pmail-deploy-trial.service"
SWITCH_UNIT = "pmail-deploy-switch.service"

UNITS = "/etc/systemd/system"
UNIT = f"{UNITS}/pmail.service"
FIREWALL_SERVICE = "pmail-deploy-firewall.service"
FIREWALL_UNIT = f"{UNITS}/{FIREWALL_SERVICE}"
STAMPS = "/run/pmail-deploy-stamps"  # of root's: what each unit has read

# Closed from outside; 80 stays free for certificate challenges. One that nobody else on the host
# may have: without it PMail does not start.
HTTP_PORT = 880
HTTPS_PORT = 443

# Whatever PMail reads at start only: another content of one of these asks for a restart.
INPUTS = (
    f"{CONFIG_CURRENT}/config.json",
    DKIM_PRIVATE,
    TLS_CHAIN,
    TLS_KEY,
    BINARY,
    UNIT,
)

MARK = "Managed by pmail-deploy"


def stamp(unit: str) -> str:
    """Where it is noted, by root, what a unit has read when it was started."""
    return f"{STAMPS}/{unit}.sha256"


def stamped(unit: str, inputs: Iterable[str]) -> str:
    """Return the shell command that notes it, for a line of the unit with root's rights."""
    return f"umask 077; mkdir -p {STAMPS}; sha256sum {' '.join(inputs)} > {stamp(unit)}"


STAMP = stamp("pmail.service")
