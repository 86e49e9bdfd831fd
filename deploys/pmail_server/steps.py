"""The steps on a mail server, in order: install (before the certificate), then start and prove."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.operation import OperationMeta

from deploys import host_files
from deploys.dns_steps import key_store
from deploys.pmail_server import configure, layout, operations
from postmaster.messages import text
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import MailServer


def install_pmail(server: MailServer) -> tuple[OperationMeta, ...]:
    """Put everything but the certificate on the host; nothing is started.

    Returns the operations that may change what PMail reads at start.
    """
    operations.packages(name=text("host.name.packages"), names=operations.PACKAGES)
    operations.system_user(name=text("host.name.user"), user=layout.USER, home=layout.ROOT)
    _folders()
    key = _signing_key(server)
    return (
        operations.binary(name=text("host.name.binary"), server=server),
        operations.outgoing_key(
            name=text("host.name.key"),
            store=key_store(),
            key=key,
        ),
        operations.configuration(name=text("host.name.config"), server=server),
        host_files.file(
            name=text("host.name.unit"),
            path=layout.UNIT,
            content=configure.unit(),
            ours=layout.MARK,
        ),
    )


def start_pmail(server: MailServer, inputs: tuple[OperationMeta, ...]) -> None:
    """Close the ports that are not wanted, run PMail with what is on the disk, and prove it."""
    host_files.file(
        name=text("host.name.rules"),
        path=layout.FIREWALL_RULES,
        content=configure.firewall_rules(server),
        ours=layout.MARK,
    )
    host_files.file(
        name=text("host.name.firewall_unit"),
        path=layout.FIREWALL_UNIT,
        content=configure.firewall_unit(),
        ours=layout.MARK,
    )
    operations.firewall(name=text("host.name.firewall"), server=server)
    operations.first_database(name=text("host.name.database"), server=server)
    operations.running(name=text("host.name.running"), server=server, inputs=inputs)
    operations.admin_works(name=text("host.name.admin"), server=server)
    operations.mailboxes(name=text("host.name.mailboxes"), server=server)


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


def _signing_key(server: MailServer) -> SigningKey:
    """The one key that PMail itself signs with."""
    return mode_of(server).signing_keys(server)[0]
