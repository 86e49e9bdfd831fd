"""The admin's account: PMail's API as the admin, and the proof that the login works."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, operation

from deploys.accounts import passwords
from deploys.accounts.api import Api, ApiError
from ground.operations import refuse
from ground.words import text
from postmaster.settings import MailServer


@operation()
def admin_works(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Prove that the admin account works; changes nothing.

    + server: the mail server
    """
    if state.is_executing:
        problem = admin_problem(host, server)
        if problem:
            yield FunctionCommand(refuse, (problem,), {})
            return
    host.noop(text("users.admin_works", account=server.admin_account))


def admin_api(host: Host, server: MailServer) -> Api | None:
    """Return the API as the admin, or None when the password is not known here."""
    password = passwords.known(server.host, server.admin_account, passwords.admin_variable())
    if password is None:
        return None
    return Api(host, server.web_host, server.admin_account, password)


def admin_problem(host: Host, server: MailServer) -> str | None:
    """Return why the admin cannot log in, or None."""
    api = admin_api(host, server)
    if api is None:
        path = passwords.path(server.host, server.admin_account)
        variable = passwords.admin_variable()
        return text("users.no_password", path=str(path), variable=variable)
    try:
        is_admin, _ = api.info()
    except ApiError as error:
        return str(error)
    return None if is_admin else text("users.no_admin", account=server.admin_account)
