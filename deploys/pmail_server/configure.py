"""What PMail and its units are configured with; pure."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from deploys.host import edge_layout as edge
from deploys.host import pmail_layout as layout
from deploys.host.files import prune_script
from deploys.host.templates import render
from postmaster.outbound import mode_of
from postmaster.settings import CLOSABLE_PORTS, SENDING_PORTS, MailServer
from postmaster.web import by_plain_http, web_of
from probes.host.as_user import SQLITE

_HERE = Path(__file__).parent
# All that PMail listens on but its own plain HTTP port.
_MAIL_PORTS = (25, 110, 443, 465, 587, 993, 995)


def config_json(server: MailServer) -> str:
    """Return PMail's config.json (PMail config/config.go: keys and their odd capitals).

    The primary domain stands first in `domains`: forwarded mail is sent from that one.
    """
    settings: dict[str, object] = {
        "logLevel": server.log_level,
        "domain": server.primary,
        "domains": list(server.accepts),
        "webDomain": server.web_host,
        "dkimPrivateKeyPath": layout.DKIM_PRIVATE,
        "sslType": "1",
        "SSLPrivateKeyPath": layout.TLS_KEY,
        "SSLPublicKeyPath": layout.TLS_CHAIN,
        "dbType": "sqlite",
        "dbDSN": layout.DATABASE,
        # 2: web mail by HTTP, and no HTTPS.
        "httpsEnabled": 2 if by_plain_http(server) else 1,
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


def unit(server: MailServer) -> str:
    """Return PMail's unit."""
    return render(
        _HERE,
        "pmail.service.j2",
        namespace=edge.NAMESPACE_FILE if mode_of(server).relayed else None,
        net_unit=edge.NET_UNIT,
        edge_unit=edge.EDGE_UNIT,
        resolv_conf=edge.RESOLV_CONF,
        domains=" ".join(server.accepts),
        user=layout.USER,
        root=layout.ROOT,
        config_current=layout.CONFIG_CURRENT,
        config_seen=layout.CONFIG_SEEN,
        stamped=layout.stamped("pmail.service", layout.INPUTS),
        database_ready=layout.DATABASE_READY,
        held=layout.HELD,
        binary=layout.BINARY,
        http_port=layout.HTTP_PORT,
        data=layout.DATA,
        plugins=layout.PLUGINS,
        programs=layout.PROGRAMS,
    )


def database_ready() -> str:
    """Return the program without which PMail does not start: it looks at the database."""
    return render(_HERE, "database-ready.sh.j2", database=layout.DATABASE, sqlite=SQLITE)


def switch_pmail(server: MailServer, ready: str) -> str:
    """Return the program that puts another PMail in the place of the one that runs.

    ready: shell function that waits for a unit.
    """
    trial = render(
        _HERE,
        "trial.service.j2",
        user=layout.USER,
        root=layout.ROOT,
        trial=layout.TRIAL,
        data=layout.DATA,
        plugins=layout.PLUGINS,
        config_current=layout.CONFIG_CURRENT,
        config_seen=layout.CONFIG_SEEN,
        http_port=layout.HTTP_PORT,
    )
    not_its = (layout.HTTPS_PORT,) if by_plain_http(server) else ()
    return render(
        _HERE,
        "switch-pmail.sh.j2",
        namespace=edge.NAMESPACE_FILE if mode_of(server).relayed else None,
        work=layout.WORK,
        trial=layout.TRIAL,
        journal=layout.SWITCHING,
        held=layout.HELD,
        database=layout.DATABASE,
        current=layout.BINARY_CURRENT,
        prune=prune_script(
            layout.BINARIES, f"*-{'?' * 12}", layout.BINARY_CURRENT, server.keep_versions
        ),
        user=layout.USER,
        as_pmail=layout.AS_PMAIL,
        sqlite=layout.SQLITE,
        ports=", ".join(str(port) for port in _MAIL_PORTS if port not in not_its),
        http_port=layout.HTTP_PORT if by_plain_http(server) else None,
        ready=ready,
        trial_unit=layout.TRIAL_UNIT,
        trial_service=trial,
    )


def firewall_unit() -> str:
    """Return the unit that holds our nftables table."""
    return render(
        _HERE,
        "pmail-deploy-firewall.service.j2",
        holder=layout.FIREWALL_HOLDER,
    )


def firewall_holder() -> str:
    """Return the program that owns our nftables table for as long as it lives."""
    return render(_HERE, "hold-firewall.sh.j2", rules=layout.FIREWALL_RULES)


def closed_ports(server: MailServer) -> tuple[int, ...]:
    """Return the ports that are closed from outside."""
    unwanted = {port for port in CLOSABLE_PORTS if port not in server.open_ports}
    sending = set(SENDING_PORTS) if server.paused else set()
    # Not PMail's: the web server that stands before it has no way to PMail then.
    others = {layout.HTTPS_PORT} if web_of(server).fronted else set()
    return tuple(sorted({*unwanted, *sending, layout.HTTP_PORT} - others))


def firewall_version(server: MailServer) -> str:
    """Return what names these rules in the loaded table, to tell whether they are loaded."""
    return hashlib.sha256(_rules(server, "").encode()).hexdigest()[:12]


def firewall_rules(server: MailServer) -> str:
    """Return our nftables table."""
    return _rules(server, firewall_version(server))


def _rules(server: MailServer, version: str) -> str:
    return render(
        _HERE,
        "nftables.nft.j2",
        ports=closed_ports(server),
        version=version,
        paused=server.paused,
        user=layout.USER,
        http_port=layout.HTTP_PORT if by_plain_http(server) else None,
    )
