"""pyinfra operations for the edge: PMail's namespace, its sockets, the programs before PMail."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.edge import configure
from deploys.host import edge_layout as layout
from deploys.host import files as host_files
from deploys.host import outbound_layout as outbound
from deploys.host.files import Wanted
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look, Script
from deploys.host.packages import packages_there
from deploys.host.pmail_layout import MARK, STAMPS, UNITS, USER, stamp
from deploys.host.remote import read
from deploys.host.snapshot import act, look
from deploys.host.systemd import idle, in_order
from deploys.host.templates import render
from ground.operations import refuse
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer

Commands = Generator[FunctionCommand, None, None]

# dbconfig-no-thanks: OpenDMARC would have a database for reports that nobody here writes.
PACKAGES = (
    *("postfix", "opendkim", "libsasl2-modules"),
    *("opendmarc", "dbconfig-no-thanks", "publicsuffix", "python3", "iproute2"),
)
ANSWERS = (
    # Debian's package asks what it should set up: nothing, we do.
    "postfix postfix/main_mailer_type select No configuration",
    "opendmarc opendmarc/dbconfig-install boolean false",
)
GREYLIST_PACKAGES = ("postgrey",)
_EVERY_UNIT = (*(each.unit for each in layout.EVERY_SOCKET), *layout.EVERY_SERVICE)
_EVER = (*(f"{UNITS}/{unit}" for unit in _EVERY_UNIT), layout.PROGRAM, layout.CONFIG)
_STARTED = (layout.VERIFY_UNIT, layout.DMARC_UNIT, layout.EDGE_UNIT)


@operation()
def files(server: MailServer) -> Commands:
    """Ensure the program before PMail, its configuration, and all units of the edge.

    + server: the mail server
    """
    yield from host_files.ensure(_wanted(server))


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files of the edge that must not be somebody else's."""
    if not mode_of(server).relayed:
        return ()
    return tuple(Guarded(each.path) for each in _wanted(server) if each.ours)


@cache
def _wanted(server: MailServer) -> tuple[Wanted, ...]:
    texts = {
        layout.RULES: configure.namespace_rules(),
        layout.RESOLV_CONF: configure.resolv_conf(),
        layout.VERIFY_CONF: configure.verify_conf(server),
        layout.DMARC_CONF: configure.dmarc_conf(server),
        layout.IGNORE_HOSTS: configure.ignore_hosts(),
    }
    programs = {
        layout.MAKE_NAMESPACE: configure.make_namespace(),
        layout.TO_RESOLVER: configure.to_resolver(),
        layout.HOST_RESOLVER: configure.host_resolver(),
    }
    services = configure.service_units(server)
    sockets = configure.sockets(server)
    return (
        Wanted(layout.PROGRAM, configure.program(), "root", "root", "644"),
        Wanted(layout.CONFIG, configure.program_config(server).encode(), "root", USER, "640"),
        *(_file(path, content) for path, content in texts.items()),
        *(_file(path, content, "755") for path, content in programs.items()),
        *(_file(f"{UNITS}/{name}", content) for name, content in services.items()),
        *(_file(each.path, configure.socket_unit(each)) for each in sockets),
    )


def _file(path: str, content: str, mode: str = "644") -> Wanted:
    return Wanted(path, content.encode(), "root", "root", mode, MARK)


@operation()
def running(server: MailServer, inputs: tuple[OperationMeta, ...]) -> Commands:
    """Ensure that namespace, sockets and programs run with what is on the disk now.

    Units that only other settings have are stopped and taken away. A PMail that still holds the
    public ports itself, as under an earlier version or in another mode, is stopped: a later step
    starts it behind them.

    + server: the mail server
    + inputs: operations that may change what they read
    """
    right = look(host, _right_script(server)).ok
    coming = not state.is_executing and any(each.will_change for each in inputs)
    if right and not coming:
        host.noop(text("edge.running"))
        return
    for path in host_files.existing(host, (f"{UNITS}/{unit}" for unit in _gone(server))):
        host.log_styled(f"  - {path}", fg="red")
    host.log_styled(f"  ~ {text('edge.restart')}", fg="green")
    yield FunctionCommand(_run, (server,), {})


def units(server: MailServer) -> tuple[str, ...]:
    """Return the units that have to run, in the order in which they start."""
    sockets = (each.unit for each in configure.sockets(server))
    return (layout.NET_UNIT, *sockets, *_started(server))


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what these operations look at on a host."""
    if not mode_of(server).relayed:
        return tuple(map(FileAt, _EVER))
    greylist = (packages_there(GREYLIST_PACKAGES),) if server.edge.greylist else ()
    files_there = (each.look for each in _wanted(server))
    gone = (FileAt(f"{UNITS}/{unit}") for unit in _gone(server))
    right = Script(_right_script(server))
    return packages_there(PACKAGES), *greylist, *files_there, *gone, right


def _right_script(server: MailServer) -> str:
    wanted, gone = units(server), _gone(server)
    return (
        f"set -e; {in_order(' '.join(wanted))}; "
        f"for unit in {' '.join(gone)}; do [ ! -e {UNITS}/$unit ]; done; "
        f"{idle(' '.join(_debians(server)))}; "
        f"sha256sum --check --strict --status {' '.join(map(stamp, wanted))}; "
        f"ip -n {layout.NAMESPACE} link show lo >/dev/null; "
        # A namespace that was made anew is not the one that they run in.
        f"here=$(stat -Lc 'net:[%i]' {layout.NAMESPACE_FILE}); "
        f'[ "$(readlink /proc/$(systemctl show -P MainPID {layout.EDGE_UNIT})/ns/net)" = "$here" ]'
    )


def _started(server: MailServer) -> tuple[str, ...]:
    """Services that run all the time."""
    return (*_STARTED, *((layout.GREYLIST_UNIT,) if server.edge.greylist else ()))


def _debians(server: MailServer) -> tuple[str, ...]:
    """Units that Debian starts of what we start ourselves, with another configuration."""
    return ("opendmarc.service", *(("postgrey.service",) if server.edge.greylist else ()))


def _gone(server: MailServer) -> tuple[str, ...]:
    """Units that other settings would have, sockets first: they start what is behind them."""
    sockets, services = configure.sockets(server), configure.service_units(server)
    return (
        *(each.unit for each in layout.EVERY_SOCKET if each not in sockets),
        *(each for each in layout.EVERY_SERVICE if each not in services),
    )


def _run(state: State, host: Host, server: MailServer) -> bool:
    sockets = configure.sockets(server)
    script = render(
        Path(__file__).parent,
        "start-edge.sh.j2",
        sockets=sockets,
        gone=_gone(server),
        debians=_debians(server),
        units=UNITS,
        started=_started(server),
        net=layout.NET_UNIT,
        namespace=layout.NAMESPACE,
        stamps=STAMPS,
    )
    started = act(host, script, timeout=300)
    if started.ok:
        return True
    journal = read(host, "journalctl -u 'pmail-deploy-*' -n 30 --no-pager -o cat").stdout
    lines = (started.stderr + "\n" + journal).splitlines()
    return refuse(state, host, "\n".join([text("edge.not_started"), *lines[-20:]]))


@operation()
def retired() -> Commands:
    """Stop the edge where another mode had it: PMail takes the public ports itself.

    PMail is stopped, too, as it is in the namespace: a later step starts it outside.
    """
    there = host_files.existing(host, _EVER)
    if not there:
        host.noop(text("edge.not_there"))
        return
    host.log_styled(f"  - {text('edge.stopped')}", fg="red")
    script = render(
        Path(__file__).parent,
        "stop-edge.sh.j2",
        units=" ".join(_EVERY_UNIT),
        files=" ".join(there),
        namespace=layout.NAMESPACE,
        mark=MARK,
        main_cf=outbound.MAIN_CF,
        transport=outbound.TRANSPORT,
        stamp=outbound.RELAY_STAMP,
        signer=outbound.MILTER,
    )
    yield FunctionCommand(host_files.run, (script, text("edge.not_stopped")), {})
