"""What PMail and its units are configured with; pure."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploys.pmail_server import layout
from postmaster.settings import CLOSABLE_PORTS, MailServer


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


def config_json(server: MailServer) -> str:
    """Return PMail's config.json (PMail config/config.go: keys and their odd capitals).

    The primary domain stands first in `domains`: forwarded mail is sent from that one.
    """
    settings: dict[str, object] = {
        "logLevel": server.log_level,
        "domain": server.primary,
        "domains": [domain.name for domain in server.domains],
        "webDomain": server.web_host,
        "dkimPrivateKeyPath": layout.DKIM_PRIVATE,
        "sslType": "1",
        "SSLPrivateKeyPath": layout.TLS_KEY,
        "SSLPublicKeyPath": layout.TLS_CHAIN,
        "dbType": "sqlite",
        "dbDSN": layout.DATABASE,
        "httpsEnabled": 1,
        "spamFilterLevel": server.spam_filter_level,
        "httpPort": layout.HTTP_PORT,
        "httpsPort": layout.HTTPS_PORT,
        "isInit": True,
    }
    return json.dumps(settings, indent=2) + "\n"


def config_version(content: str) -> str:
    """Return the folder of a configuration: named by its content, so never half replaced."""
    return f"{layout.CONFIG_VERSIONS}/{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def config_sum(content: str) -> str:
    """Return what sha256sum checks before PMail may start."""
    return f"{hashlib.sha256(content.encode()).hexdigest()}  {layout.CONFIG_SEEN}\n"


def unit() -> str:
    """Return PMail's unit."""
    return (
        _templates()
        .get_template("pmail.service.j2")
        .render(
            user=layout.USER,
            root=layout.ROOT,
            config_current=layout.CONFIG_CURRENT,
            config_seen=layout.CONFIG_SEEN,
            inputs=" ".join(layout.INPUTS),
            stamp=layout.STAMP,
            binary=layout.BINARY,
            http_port=layout.HTTP_PORT,
            data=layout.DATA,
            plugins=layout.PLUGINS,
        )
    )


def firewall_unit() -> str:
    """Return the unit that loads our nftables table."""
    template = _templates().get_template("pmail-deploy-firewall.service.j2")
    return template.render(rules=layout.FIREWALL_RULES)


def closed_ports(server: MailServer) -> tuple[int, ...]:
    """Return the ports that are closed from outside."""
    unwanted = (port for port in CLOSABLE_PORTS if port not in server.open_ports)
    return tuple(sorted((*unwanted, layout.HTTP_PORT)))


def firewall_version(server: MailServer) -> str:
    """Return what names these rules in the loaded table, to tell whether they are loaded."""
    ports = ",".join(map(str, closed_ports(server)))
    return hashlib.sha256(ports.encode()).hexdigest()[:12]


def firewall_rules(server: MailServer) -> str:
    """Return our nftables table."""
    template = _templates().get_template("nftables.nft.j2")
    return template.render(ports=closed_ports(server), version=firewall_version(server))
