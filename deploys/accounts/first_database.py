"""pyinfra operation for PMail's first database: the admin is in it before PMail starts."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import database, passwords
from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.remote import read
from ground.words import text
from postmaster.settings import MailServer


@operation()
def first_database(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure that there is a database with the admin in it; one that is there stays as it is.

    + server: the mail server
    """
    if read(host, f"[ -s {layout.DATABASE} ]").ok:
        host.noop(text("host.database_there"))
        return
    host.log_styled(f"  + {layout.DATABASE} ({server.admin_account})", fg="green")
    yield FunctionCommand(_install_database, (server,), {})


def _install_database(state: State, host: Host, server: MailServer) -> bool:
    variable = passwords.admin_variable()
    password = passwords.known_or_made(server.host, server.admin_account, variable)
    content = database.seeded(server.admin_account, password)
    user = layout.USER
    wanted = host_files.Wanted(layout.DATABASE, content, user, user, "600")
    if not host_files.install_all(state, host, (wanted,)):
        return False
    passwords.tell(host, server, server.admin_account)
    return True
