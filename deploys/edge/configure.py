"""What PMail's namespace, its sockets and the programs before it are configured with; pure."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

from deploys.host import edge_layout as layout
from deploys.host import pmail_layout as pmail
from deploys.host.edge_layout import Socket
from deploys.host.templates import render
from postmaster.outbound import mode_of
from postmaster.receivers import OTHERS, groups
from postmaster.settings import MailServer
from postmaster.web import web_of

_HERE = Path(__file__).parent
_SOURCES = _HERE.parents[1] / "edge"
_PROXY = "/lib/systemd/systemd-socket-proxyd"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same program is the same file, whenever it was packed
_MANAGED = f"# {pmail.MARK}: changes are overwritten.\n"


def program() -> bytes:
    """Return the program as one zip file that Python runs."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        start = "from edge.__main__ import main\n\nraise SystemExit(main())\n"
        archive.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), start)
        for path in sorted(_SOURCES.glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"edge/{path.name}", _EPOCH), path.read_bytes())
    return packed.getvalue()


def program_config(server: MailServer) -> str:
    """Return the program's configuration (edge.config.Config)."""
    edge = server.edge
    reports = [server.dmarc_reports_to(domain.name) for domain in server.domains]
    own = {domain.name for domain in server.domains}
    always = {each.removeprefix("mailto:").partition("!")[0].lower() for each in reports}
    settings = {
        "mail_host": server.mail_host,
        "domains": list(server.accepts),
        "admin": server.admin_account,
        "aliases": {address: list(accounts) for address, accounts in edge.aliases},
        "unknown_recipients": edge.unknown_recipients,
        "forgeries": edge.forgeries,
        "always": sorted(each for each in always if each.rpartition("@")[2] in own),
        "database": pmail.DATABASE,
        "state": layout.STATE,
        "limits": {
            "messages_hour": edge.limits.messages_hour,
            "messages_day": edge.limits.messages_day,
            "recipients_hour": edge.limits.recipients_hour,
            "recipients_day": edge.limits.recipients_day,
        },
        "guesses": {"free": 3, "most": 12, "within": 600, "hold": 3600},
        "forwards_hour": edge.limits.forwards_hour,
        "chain": pmail.TLS_CHAIN,
        "key": pmail.TLS_KEY,
        "queue_life": server.relay.retry_for,
        "addresses": list(server.addresses),
        "receivers": _receivers(server),
    }
    return json.dumps(settings, indent=2) + "\n"


def _receivers(server: MailServer) -> dict[str, list[str]]:
    if mode_of(server).sends_from == "provider":
        return {}
    return {
        group.name: list(group.mx) for group in groups(server.relay.rates) if group.name != OTHERS
    }


def sockets(server: MailServer) -> tuple[Socket, ...]:
    """Return the sockets that a server has: public ports that are not wanted have none."""
    web = layout.WEB if web_of(server).fronted else layout.HTTPS
    extra = [(995, layout.POPS), (110, layout.POP3)]
    opened = (each for port, each in extra if port in server.open_ports)
    return (*layout.SOCKET_UNITS, web, *opened)


def _stamped(unit: str, inputs: Iterable[str]) -> str:
    """Lines of a unit that note what was read, for telling later whether a restart is due."""
    noted = pmail.stamped(unit, (f"{pmail.UNITS}/{unit}", *inputs))
    return f"ExecStartPost=+/bin/sh -c '{noted}'"


def socket_unit(socket: Socket) -> str:
    """Return the unit of a socket."""
    return render(
        _HERE,
        "socket.j2",
        socket=socket,
        net_unit=layout.NET_UNIT,
        namespace_file=layout.NAMESPACE_FILE,
        stamped=_stamped(socket.unit, ()),
    )


def service_units(server: MailServer) -> dict[str, str]:
    """Return the units of the services, by name."""
    units = {
        layout.NET_UNIT: render(
            _HERE,
            "net.service.j2",
            program=layout.MAKE_NAMESPACE,
            stamped=_stamped(layout.NET_UNIT, (layout.MAKE_NAMESPACE, layout.RULES)),
        ),
        layout.EDGE_UNIT: render(
            _HERE,
            "program.service.j2",
            net_unit=layout.NET_UNIT,
            sockets=[each for each in sockets(server) if each.service == layout.EDGE_UNIT],
            others=[each for each in sockets(server) if each.service != layout.EDGE_UNIT],
            user=pmail.USER,
            namespace_file=layout.NAMESPACE_FILE,
            program=layout.PROGRAM,
            config=layout.CONFIG,
            data=pmail.DATA,
            stamped=_stamped(layout.EDGE_UNIT, (layout.PROGRAM, layout.CONFIG)),
        ),
        layout.VERIFY_UNIT: _judge(
            layout.VERIFY_UNIT,
            "verifies DKIM",
            f"/usr/sbin/opendkim -f -x {layout.VERIFY_RUNTIME}/opendkim.conf",
            None,
            layout.VERIFY_MILTER,
            layout.VERIFY_CONF,
        ),
        layout.DMARC_UNIT: _judge(
            layout.DMARC_UNIT,
            "judges by SPF and DMARC",
            f"/usr/sbin/opendmarc -f -c {layout.DMARC_CONF}",
            "opendmarc",
            layout.DMARC_MILTER,
            layout.DMARC_CONF,
        ),
    }
    if server.edge.greylist:
        units[layout.GREYLIST_UNIT] = render(
            _HERE,
            "greylist.service.j2",
            socket=layout.GREYLIST,
            stamped=_stamped(layout.GREYLIST_UNIT, ()),
        )
    return units | _proxies(server)


def _judge(unit: str, about: str, command: str, user: str | None, milter: str, conf: str) -> str:
    asks_itself = conf == layout.VERIFY_CONF
    return render(
        _HERE,
        "judge.service.j2",
        about=about,
        command=command,
        user=user,
        milter=milter,
        runtime=milter.rpartition("/")[0],
        resolver_conf=layout.HOST_RESOLVER if asks_itself else None,
        stamped=_stamped(unit, (conf, layout.IGNORE_HOSTS)),
    )


def _proxies(server: MailServer) -> dict[str, str]:
    """Units that lead from a socket to somewhere else."""
    by_name = {each.name: each for each in layout.EVERY_SOCKET}
    found = {
        layout.RELAY_UNIT: _proxy(
            by_name["relay"],
            "what PMail sends goes to Postfix",
            f"{_PROXY} {layout.POSTFIX_RELAY}",
            # Who may enter the folder of Postfix's socket.
            group="postdrop",
        ),
        layout.RESOLVER_UNIT: _proxy(
            by_name["resolver"], "what PMail asks goes to the host's resolver", layout.TO_RESOLVER
        ),
    }
    if layout.POP3 in sockets(server):
        command = f"{_PROXY} 127.0.0.1:110"
        found[layout.POP3_UNIT] = _proxy(layout.POP3, "POP3 to PMail", command, inside=True)
    return found


def _proxy(
    socket: Socket, about: str, command: str, group: str | None = None, inside: bool = False
) -> str:
    return render(
        _HERE,
        "proxy.service.j2",
        socket=socket,
        about=about,
        command=command,
        group=group,
        inside=inside,
        namespace_file=layout.NAMESPACE_FILE,
    )


def make_namespace() -> str:
    """Return the program that makes PMail's namespace."""
    return render(
        _HERE,
        "make-namespace.sh.j2",
        namespace=layout.NAMESPACE,
        namespace_file=layout.NAMESPACE_FILE,
        trusted=layout.TRUSTED,
        untrusted=layout.UNTRUSTED,
        rules=layout.RULES,
    )


def namespace_rules() -> str:
    """Return the rules inside PMail's namespace."""
    return render(
        _HERE,
        "namespace.nft.j2",
        trusted=layout.TRUSTED,
        untrusted=layout.UNTRUSTED,
        relay_port=layout.RELAY_PORT,
    )


def resolv_conf() -> str:
    """Return /etc/resolv.conf as PMail sees it: over TCP, which a socket unit can lead on."""
    return f"{_MANAGED}nameserver 127.0.0.1\noptions use-vc timeout:10 attempts:2\n"


def to_resolver() -> str:
    """Return the program that leads questions to the host's resolver."""
    return render(_HERE, "to-resolver.sh.j2")


def host_resolver() -> str:
    """Return the program that tells OpenDKIM what resolvers the host has."""
    return render(_HERE, "host-resolver.sh.j2", conf=layout.VERIFY_CONF)


def verify_conf(server: MailServer) -> str:
    """Return the configuration of the OpenDKIM that verifies."""
    return render(
        _HERE,
        "opendkim-verify.conf.j2",
        milter=layout.VERIFY_MILTER,
        mail_host=server.mail_host,
        ignore_hosts=layout.IGNORE_HOSTS,
    )


def dmarc_conf(server: MailServer) -> str:
    """Return OpenDMARC's configuration."""
    return render(
        _HERE,
        "opendmarc.conf.j2",
        milter=layout.DMARC_MILTER,
        mail_host=server.mail_host,
        ignore_hosts=layout.IGNORE_HOSTS,
    )


def ignore_hosts() -> str:
    """Return whose mail is not judged: nobody's, not even this host's (an address of RFC 5737)."""
    return f"{_MANAGED}192.0.2.1\n"
