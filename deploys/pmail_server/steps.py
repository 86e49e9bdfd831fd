"""The steps on a mail server, in order: install (before the certificate), then start and prove."""

from __future__ import annotations

from pyinfra.api.operation import OperationMeta

from deploys.accounts import stored
from deploys.accounts.admin import admin_works
from deploys.accounts.first_database import first_database
from deploys.accounts.mailboxes import mailboxes
from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.files import Folder
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look
from deploys.host.packages import packages, packages_there, system_user, user_there
from deploys.pmail_server import (
    binary,
    configuration,
    configure,
    firewall,
    plugins,
    service,
    signing_key,
    upgrade,
)
from deploys.run.paths import key_store
from ground.words import text
from postmaster.database_choice import Said
from postmaster.outbound import mode_of
from postmaster.settings import MailServer

_PACKAGES = ("nftables", "curl", "ca-certificates", "openssl", "sqlite3")
_FOLDERS = (
    Folder(layout.ROOT, "root", layout.USER, "750"),
    Folder(layout.CONFIG_FOLDER, "root", layout.USER, "750"),
    Folder(layout.DKIM_FOLDER, "root", layout.USER, "750"),
    Folder(layout.DATA, layout.USER, layout.USER, "700"),
    Folder(layout.PLUGINS, "root", layout.USER, "750"),
    Folder(layout.OWN),
    Folder(layout.CONFIG_VERSIONS, "root", layout.USER, "750"),
    Folder(layout.TLS_VERSIONS, "root", layout.USER, "750"),
    Folder(layout.BINARIES),
    Folder(layout.TOOLS),
    Folder(layout.PROGRAMS),
)


def install_pmail(server: MailServer, said: Said) -> tuple[OperationMeta, ...]:
    """Put everything but the certificate on the host; nothing is started.

    said: what was said of this host's database.
    Returns the operations that may change what PMail reads at start.
    """
    packages(name=text("host.name.packages"), names=_PACKAGES)
    system_user(name=text("host.name.user"), user=layout.USER, home=layout.ROOT)
    host_files.directories(name=text("host.name.folders"), folders=_FOLDERS)
    plugins.plugins(name=text("plugins.name"))
    # Whoever asks whose mailbox it is asks there, before PMail runs.
    first_database(name=text("host.name.database"), server=server, said=said)
    host_files.file(
        name=text("host.name.database_ready"),
        path=layout.DATABASE_READY,
        content=configure.database_ready(),
        mode="755",
        ours=layout.MARK,
    )
    host_files.file(
        name=text("upgrade.name.program"),
        path=layout.SWITCH,
        content=configure.switch_pmail(server, service.ready_function()),
        mode="755",
        ours=layout.MARK,
    )
    return (
        binary.binary(name=text("host.name.binary"), server=server),
        _key(server),
        configuration.configuration(name=text("host.name.config"), server=server),
        host_files.file(
            name=text("host.name.unit"),
            path=layout.UNIT,
            content=configure.unit(server),
            ours=layout.MARK,
        ),
    )


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what the first steps look at on the current host, in order. Raises ReleaseError."""
    own = mode_of(server).signer != "pmail"
    return (
        *(packages_there(_PACKAGES), user_there(layout.USER)),
        *(each.look for each in _FOLDERS),
        *plugins.LOOKS,
        *(FileAt(each, layout.MARK) for each in (layout.DATABASE_READY, layout.SWITCH)),
        *binary.looks(server),
        *((signing_key.OWN_LOOK,) if own else signing_key.OUTGOING_LOOKS),
        *configuration.looks(server),
        FileAt(layout.UNIT, layout.MARK),
    )


def start_looks(server: MailServer) -> tuple[Look, ...]:
    """Return what the steps that start PMail look at on a host."""
    return (*firewall.looks(server), upgrade.IN_USE, service.RIGHT, stored.ACCOUNTS)


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files of PMail's own that must not be somebody else's."""
    ours = (layout.UNIT, layout.DATABASE_READY, layout.SWITCH)
    return (*map(Guarded, ours), *firewall.guarded(server))


def _key(server: MailServer) -> OperationMeta:
    """The key that PMail starts with: the published one where PMail itself signs."""
    mode = mode_of(server)
    if mode.signer != "pmail":
        return signing_key.own_key(name=text("host.name.own_key"))
    key = mode.signing_keys(server)[0]
    return signing_key.outgoing_key(name=text("host.name.key"), store=key_store(), key=key)


def start_pmail(server: MailServer, inputs: tuple[OperationMeta, ...]) -> None:
    """Run PMail with what is on the disk, reached by what shall reach it, and prove it."""
    if mode_of(server).relayed:
        firewall.no_firewall(name=text("host.name.no_firewall"))
    else:
        unit = firewall.firewall_files(
            name=text("host.name.rules"), rules=configure.firewall_rules(server)
        )
        firewall.firewall(name=text("host.name.firewall"), server=server, unit_changes=unit)
    upgrade.switched(name=text("upgrade.name"), server=server)
    service.running(name=text("host.name.running"), server=server, inputs=inputs)
    admin_works(name=text("host.name.admin"), server=server)
    mailboxes(name=text("host.name.mailboxes"), server=server)
