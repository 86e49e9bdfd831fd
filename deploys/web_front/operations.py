"""pyinfra operations for the web front: its files, who may reach PMail, what runs."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.host import files as host_files
from deploys.host import web_layout as layout
from deploys.host.files import Folder, Wanted
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look, Script
from deploys.host.packages import packages_there, user_there
from deploys.host.pmail_layout import MARK, UNITS, stamp
from deploys.host.remote import read
from deploys.host.snapshot import act, look
from deploys.host.systemd import in_order
from deploys.web_front import configure, neighbour
from ground.operations import refuse
from ground.words import text
from postmaster.settings import MailServer
from postmaster.web import by_plain_http, web_of

Commands = Generator[FunctionCommand, None, None]

PACKAGES = ("nginx",)
FOLDERS = (
    Folder(layout.FOLDER),
    Folder(layout.WEB_DOCUMENTS),
    Folder(layout.CHALLENGES),
    Folder(layout.CONFIG),
)
_SOCKETS = (layout.SOCKET, layout.PROXY)
_EVERY_UNIT = (layout.NGINX, *_SOCKETS)
_EVER = (
    *(f"{UNITS}/{unit}" for unit in _EVERY_UNIT),
    *(layout.NGINX_CONF, *layout.SITES, layout.OWNER, layout.RELOAD),
)
_NEIGHBOUR = Script(neighbour.SCRIPT)


@cache
def _wanted(server: MailServer) -> tuple[Wanted, ...]:
    """Files that are the same whatever else is on the host."""
    mode = web_of(server)
    if not mode.fronted:
        return ()
    units = {f"{UNITS}/{name}": content for name, content in configure.units(server).items()}
    confs = (
        {layout.NGINX_CONF: configure.nginx_conf(server)}
        if mode.ports == "ours"
        else configure.sites(server)
    )
    return (
        *(_file(path, content) for path, content in (confs | units).items()),
        _file(layout.RELOAD, configure.reload_web(), "755"),
    )


def _file(path: str, content: str, mode: str = "644") -> Wanted:
    return Wanted(path, content.encode(), "root", "root", mode, MARK)


def _gone(server: MailServer) -> tuple[str, ...]:
    """Paths that other settings would have."""
    wanted = {each.path for each in _wanted(server)}
    kept = {*wanted, layout.OWNER} if web_of(server).fronted else set()
    folders = () if web_of(server).fronted else (layout.CONFIG, layout.FOLDER, layout.SOCKETS)
    cache = () if web_of(server).ports == "ours" else (layout.CACHE,)
    return (*(each for each in _EVER if each not in kept), *folders, *cache)


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files of the front that must not be somebody else's."""
    return tuple(Guarded(each.path) for each in _wanted(server))


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what these operations look at on a host."""
    mode, gone = web_of(server), tuple(map(FileAt, _gone(server)))
    if not mode.fronted:
        return gone
    return (
        *((packages_there(PACKAGES),) if mode.ports == "ours" else ()),
        user_there(layout.USER),
        *(each.look for each in FOLDERS),
        *(each.look for each in _wanted(server)),
        *gone,
        *((_NEIGHBOUR,) if mode.ports == "theirs" else ()),
        FileAt(layout.OWNER),
        Script(_open_script(server)),
        *((_NGINX_RIGHT,) if mode.ports == "ours" else ()),
    )


@operation()
def files(server: MailServer) -> Commands:
    """Ensure the front's configuration and its units; nothing is started.

    + server: the mail server
    """
    yield from host_files.ensure(_wanted(server))


@operation()
def retired(server: MailServer) -> Commands:
    """Stop and take away what another web mode, or another outbound mode, had here.

    + server: the mail server
    """
    there = host_files.existing(host, _gone(server))
    if not there:
        host.noop(text("web.not_there"))
        return
    for path in there:
        host.log_styled(f"  - {path}", fg="red")
    gone = [unit for unit in _EVERY_UNIT if f"{UNITS}/{unit}" in there]
    stop = f"systemctl disable -q --now {' '.join(gone)}; " if gone else ""
    # Whoever is led there elsewhere finds nothing, until another socket takes its place.
    unlink = f"rm -f {layout.ENDPOINT}; " if layout.SOCKET in gone else ""
    script = (
        f"set -e; {stop}{unlink}rm -rf -- {' '.join(there)}; "
        f"{'systemctl daemon-reload' if gone else ':'}"
    )
    yield FunctionCommand(host_files.run, (script, text("web.not_stopped")), {})


# -- who may reach PMail -----------------------------------------------------------------------


def _owner(server: MailServer) -> str:
    if web_of(server).ports == "ours":
        return layout.USER
    return neighbour.parse(look(host, _NEIGHBOUR).stdout).user


def _open_script(server: MailServer) -> str:
    socket = f"{in_order(layout.SOCKET)} && " if by_plain_http(server) else ""
    stamped = (
        f"sha256sum --check --strict --status {stamp(layout.SOCKET)} && "
        if by_plain_http(server)
        else ""
    )
    return (
        f"{socket}{stamped}[ -S {layout.ENDPOINT} ] && "
        f'[ "$(stat -c %U.%a {layout.ENDPOINT})" = "$(cat {layout.OWNER}).600" ]'
    )


@operation()
def opened(server: MailServer) -> Commands:
    """Ensure the socket that leads to PMail's web mail, for who stands before it and nobody else.

    + server: the mail server
    """
    owner = Wanted(layout.OWNER, f"{_owner(server)}\n".encode(), "root", "root", "644")
    (found,) = host_files.look(host, (owner,))
    if found.right and look(host, _open_script(server)).ok:
        host.noop(text("web.open"))
        return
    host.log_styled(f"  ~ {text('web.opens', user=_owner(server))}", fg="green")
    yield FunctionCommand(_open, (server, owner), {})


def _open(state: State, host: Host, server: MailServer, owner: Wanted) -> bool:
    start = (
        f"systemctl enable -q --no-reload {layout.SOCKET}; systemctl daemon-reload; "
        f"systemctl stop {layout.PROXY}; systemctl reset-failed {layout.SOCKET} 2>/dev/null || :; "
        f"systemctl restart {layout.SOCKET}; "
        if by_plain_http(server)
        else ""
    )
    script = f"set -e; {start}[ ! -e {layout.ENDPOINT} ] || {layout.OWN_ENDPOINT}"
    return host_files.install_all(state, host, (owner,)) and host_files.run(
        state, host, script, text("web.not_opened")
    )


# -- our nginx ---------------------------------------------------------------------------------

_STAMPED = f"sha256sum --check --strict --status {stamp(layout.NGINX)}"
_NGINX_RIGHT = Script(f"{in_order(layout.NGINX)} && {_STAMPED}")


@operation()
def nginx(inputs: tuple[OperationMeta, ...], wherever: bool) -> Commands:
    """Ensure that our nginx runs with what is on the disk now.

    + inputs: operations that may change what it reads
    + wherever: also where it is not there yet, on a server that was deployed by an earlier version
    """
    if not wherever and not host_files.existing(host, (layout.NGINX_UNIT,)):
        host.noop(text("web.not_yet"))
        return
    coming = not state.is_executing and any(each.will_change for each in inputs)
    if look(host, _NGINX_RIGHT).ok and not coming:
        host.noop(text("web.running"))
        return
    host.log_styled(f"  ~ {text('web.restart')}", fg="green")
    yield FunctionCommand(_run_nginx, (), {})


def _run_nginx(state: State, host: Host) -> bool:
    unit = layout.NGINX
    script = (
        f"systemctl enable -q --no-reload {unit}; systemctl daemon-reload; "
        f"systemctl reset-failed {unit} 2>/dev/null; "
        # Another configuration, or certificate, ends no connection.
        f"if systemctl is-active -q {unit} && grep -F ' {layout.NGINX_UNIT}' {stamp(unit)} "
        f"| sha256sum --check --strict --status; then systemctl reload {unit}; "
        f"else systemctl restart {unit}; fi"
    )
    if act(host, script, timeout=120).ok:
        return True
    journal = read(host, f"journalctl -u {unit} -n 15 --no-pager -o cat").stdout.splitlines()
    return refuse(state, host, "\n".join([text("web.not_running"), *journal]))


# -- a web server of the user's ----------------------------------------------------------------


@operation()
def theirs(inputs: tuple[OperationMeta, ...]) -> Commands:
    """Have a web server that includes our file read it anew; say what to do where it does not.

    + inputs: operations that may change what it reads
    """
    found = neighbour.parse(look(host, _NEIGHBOUR).stdout)
    if not found.included:
        told = text(
            "web.include", server=found.kind.name, file=found.kind.file, line=found.kind.line
        )
        for each in (told, f"  {found.kind.command}"):
            host.log_styled(f"  ! {each}", fg="yellow")
        host.noop(text("web.not_included"))
        return
    coming = not state.is_executing and any(each.will_change for each in inputs)
    if found.current and not coming:
        host.noop(text("web.included", file=found.kind.site))
        return
    host.log_styled(f"  ~ {text('web.reload', server=found.kind.name)}", fg="green")
    yield FunctionCommand(host_files.run, (layout.RELOAD, text("web.not_reloaded")), {})
