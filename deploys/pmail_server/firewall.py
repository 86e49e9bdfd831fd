"""pyinfra operations for our nftables tables: what is open to others where PMail stands alone."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import FunctionCommand, operation
from pyinfra.api.operation import OperationMeta

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look, Script
from deploys.host.snapshot import look
from deploys.host.systemd import in_order
from deploys.pmail_server import configure
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer

Commands = Generator[FunctionCommand, None, None]
_FILES = (
    (layout.FIREWALL_RULES, "644"),
    (layout.FIREWALL_HOLDER, "755"),
    (layout.FIREWALL_UNIT, "644"),
)
_EVER = (*(path for path, _ in _FILES), layout.FIREWALL_GUARD)


@operation()
def firewall_files(rules: str) -> Commands:
    """Ensure the rules, the program that holds them, and its unit.

    + rules: our nftables table
    """
    contents = (rules, configure.firewall_holder(), configure.firewall_unit())
    yield from host_files.ensure(
        tuple(
            host_files.Wanted(path, content.encode(), "root", "root", mode, layout.MARK)
            for (path, mode), content in zip(_FILES, contents, strict=True)
        )
    )


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files of the firewall that must not be somebody else's."""
    return () if mode_of(server).relayed else tuple(Guarded(path) for path, _ in _FILES)


@operation()
def firewall(server: MailServer, unit_changes: OperationMeta | None = None) -> Commands:
    """Ensure that our nftables tables are loaded as their files say.

    PMail is stopped and started with the table: it never runs without.

    + server: the mail server
    + unit_changes: the operation that writes the unit's file
    """
    unit = layout.FIREWALL_SERVICE
    held = look(host, _held(server)).ok
    coming = not state.is_executing and unit_changes is not None and unit_changes.will_change
    if held and not coming:
        host.noop(text("host.firewall_right"))
        return
    ports = ", ".join(map(str, configure.closed_ports(server)))
    host.log_styled(f"  ~ {text('host.firewall_closes', ports=ports)}", fg="green")
    script = (
        f"systemctl enable -q --no-reload {unit}; systemctl daemon-reload; systemctl restart {unit}"
    )
    yield FunctionCommand(host_files.run, (script, text("host.firewall_failed")), {})


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what is looked at on a host."""
    if mode_of(server).relayed:
        return tuple(map(FileAt, _EVER))
    return (*(FileAt(path, layout.MARK) for path, _ in _FILES), _held(server))


def _held(server: MailServer) -> Script:
    return Script(
        f"{in_order(layout.FIREWALL_SERVICE)} && "
        f"nft list table inet pmail_deploy | grep -q 'input_{configure.firewall_version(server)} '"
    )


@operation()
def no_firewall() -> Commands:
    """Take our nftables tables away where PMail has a network of its own.

    The running PMail of an earlier version is bound to them: the next step starts the new one.
    """
    there = host_files.existing(host, _EVER)
    if not there:
        host.noop(text("host.no_firewall"))
        return
    for path in there:
        host.log_styled(f"  - {path}", fg="red")
    script = (
        f"systemctl daemon-reload; systemctl disable -q --now {layout.FIREWALL_SERVICE}; "
        f"rm -f -- {' '.join(there)}; systemctl daemon-reload; "
        "nft delete table inet pmail_deploy_guard 2>/dev/null || true"
    )
    yield FunctionCommand(host_files.run, (script, text("host.firewall_failed")), {})
