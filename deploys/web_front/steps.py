"""The web front's steps on a mail server, around those of what it stands before."""

from __future__ import annotations

from pyinfra.api.operation import OperationMeta

from deploys.host import files as host_files
from deploys.host import web_layout as layout
from deploys.host.packages import packages, system_user
from deploys.web_front import operations
from ground.words import text
from postmaster.settings import MailServer
from postmaster.web import web_of


def prepare_front(server: MailServer) -> tuple[OperationMeta, ...]:
    """Put on the host what the front reads; nothing is started.

    Returns the operations that may change that.
    """
    mode = web_of(server)
    if not mode.fronted:
        return ()
    if mode.ports == "ours":
        # Debian starts it at once, on port 80, with a site of its own.
        packages(name=text("web.name.packages"), names=operations.PACKAGES, unstarted="nginx")
    system_user(name=text("web.name.user"), user=layout.USER, home=layout.FOLDER)
    host_files.directories(name=text("web.name.folders"), folders=operations.FOLDERS)
    return (operations.files(name=text("web.name.files"), server=server),)


def leave_front(server: MailServer) -> None:
    """Stop what another setting had, so that the ports are free for who has them now."""
    operations.retired(name=text("web.name.retired"), server=server)


def open_endpoint(server: MailServer) -> None:
    """Let the front, and nobody else, reach PMail's web mail; after the edge, before PMail."""
    if web_of(server).fronted:
        operations.opened(name=text("web.name.opened"), server=server)


def reload_front(server: MailServer, inputs: tuple[OperationMeta, ...]) -> None:
    """Have a front that is there show a certificate that has changed.

    inputs: operations that may change it.
    """
    start_front(server, inputs, wherever=False)


def start_front(
    server: MailServer, inputs: tuple[OperationMeta, ...], *, wherever: bool = True
) -> None:
    """Run the front with what is on the disk, once nobody else has its ports.

    inputs: operations that may change what it reads, a certificate's among them. wherever: also
    where it is not there yet.
    """
    match web_of(server).ports:
        case "ours":
            operations.nginx(name=text("web.name.running"), inputs=inputs, wherever=wherever)
        case "theirs":
            operations.theirs(name=text("web.name.theirs"), inputs=inputs)
        case "pmail":
            pass
