"""Where everything of PMail is on the host."""

from __future__ import annotations

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
PLUGINS = f"{ROOT}/plugins"
# The command that asks a database, as PMail's user.
SQLITE = (
    f"setpriv --reuid={USER} --regid={USER} --init-groups -- "
    "sqlite3 -batch -init /dev/null -cmd '.timeout 5000'"
)

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
STAMP = "/run/pmail/inputs.sha256"

HTTP_PORT = 8080  # closed from outside; 80 stays free for certificate challenges
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
