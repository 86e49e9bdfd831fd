"""The steps on a mail server, in order: install (before the certificate), then start and prove."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, operation
from pyinfra.api.operation import OperationMeta

from deploys.host import files as host_files
from deploys.pmail_server import configure, layout, operations
from deploys.run.paths import key_store
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer


def install_pmail(server: MailServer) -> tuple[OperationMeta, ...]:
    """Put everything but the certificate on the host; nothing is started.

    Returns the operations that may change what PMail reads at start.
    """
    operations.packages(name=text("host.name.packages"), names=operations.PACKAGES)
    operations.system_user(name=text("host.name.user"), user=layout.USER, home=layout.ROOT)
    _folders()
    # Whoever asks whose mailbox it is asks there, before PMail runs.
    operations.first_database(name=text("host.name.database"), server=server)
    return (
        operations.binary(name=text("host.name.binary"), server=server),
        _key(server),
        operations.configuration(name=text("host.name.config"), server=server),
        host_files.file(
            name=text("host.name.unit"),
            path=layout.UNIT,
            content=configure.unit(server),
            ours=layout.MARK,
        ),
    )


def _key(server: MailServer) -> OperationMeta:
    """The key that PMail starts with: the published one where PMail itself signs."""
    mode = mode_of(server)
    if mode.signer != "pmail":
        return operations.own_key(name=text("host.name.own_key"))
    key = mode.signing_keys(server)[0]
    return operations.outgoing_key(name=text("host.name.key"), store=key_store(), key=key)


def start_pmail(server: MailServer, inputs: tuple[OperationMeta, ...]) -> None:
    """Run PMail with what is on the disk, reached by what shall reach it, and prove it."""
    if mode_of(server).relayed:
        operations.no_firewall(name=text("host.name.no_firewall"))
    else:
        unit = firewall_files(name=text("host.name.rules"), rules=configure.firewall_rules(server))
        operations.firewall(name=text("host.name.firewall"), server=server, unit_changes=unit)
    operations.running(name=text("host.name.running"), server=server, inputs=inputs)
    operations.admin_works(name=text("host.name.admin"), server=server)
    operations.mailboxes(name=text("host.name.mailboxes"), server=server)


@operation()
def firewall_files(rules: str) -> Generator[FunctionCommand, None, None]:
    """Ensure the rules, the program that holds them, and its unit.

    + rules: our nftables table
    """
    contents = (
        (layout.FIREWALL_RULES, rules, "644"),
        (layout.FIREWALL_HOLDER, configure.firewall_holder(), "755"),
        (layout.FIREWALL_UNIT, configure.firewall_unit(), "644"),
    )
    yield from host_files.ensure(
        tuple(
            host_files.Wanted(path, content.encode(), "root", "root", mode, layout.MARK)
            for path, content, mode in contents
        )
    )


def _folders() -> None:
    folders = (
        (layout.ROOT, "root", layout.USER, "750"),
        (layout.CONFIG_FOLDER, "root", layout.USER, "750"),
        (layout.DKIM_FOLDER, "root", layout.USER, "750"),
        (layout.DATA, layout.USER, layout.USER, "700"),
        (layout.PLUGINS, "root", layout.USER, "1770"),
        (layout.OWN, "root", "root", "755"),
        (layout.CONFIG_VERSIONS, "root", layout.USER, "750"),
        (layout.TLS_VERSIONS, "root", layout.USER, "750"),
        (layout.BINARIES, "root", "root", "755"),
        (layout.TOOLS, "root", "root", "755"),
    )
    for path, owner, group, mode in host.loop(folders):
        host_files.directory(
            name=text("host.name.folder", path=path), path=path, owner=owner, group=group, mode=mode
        )
