"""The admin's account: PMail's API as the admin, and the proof that the login works."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, operation

from deploys.accounts import passwords
from deploys.accounts.api import LOGIN_REFUSED, Api, ApiError
from deploys.host.looked import DATABASE, looked
from deploys.run.refusals import Around, Refused, on_each
from ground.operations import refuse
from ground.words import Words, text
from postmaster.settings import MailServer
from probes.host.database import Kind


@operation()
def admin_works(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Prove that the admin account works; changes nothing.

    + server: the mail server
    """
    if state.is_executing:
        problem = admin_problem(host, server)
        if problem:
            yield FunctionCommand(refuse, (str(problem),), {})
            return
    host.noop(text("users.admin_works", account=server.admin_account))


def no_admin(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where PMail has an administrator that we cannot log in as.

    A PMail that does not answer refuses nothing: the run may be what starts it.
    """
    return on_each(around.servers(), _no_admin)


def _no_admin(host: Host, server: MailServer) -> Iterable[Words]:
    if looked(host).of(DATABASE).kind in (Kind.MISSING, Kind.EMPTY):
        return
    try:
        if problem := _problem(host, server):
            yield problem
    except ApiError as error:
        if error.words.id == LOGIN_REFUSED:
            account, path = server.admin_account, passwords.path(server.host, server.admin_account)
            values = {"account": account, "path": path, "variable": passwords.admin_variable()}
            yield Words.of("users.wrong_password", **values)


def admin_api(host: Host, server: MailServer) -> Api | None:
    """Return the API as the admin, or None when the password is not known here."""
    password = passwords.known(server.host, server.admin_account, passwords.admin_variable())
    if password is None:
        return None
    return Api(host, server.web_host, server.admin_account, password)


def admin_problem(host: Host, server: MailServer) -> Words | None:
    """Return why the admin cannot log in, or None."""
    try:
        return _problem(host, server)
    except ApiError as error:
        return error.words


def _problem(host: Host, server: MailServer) -> Words | None:
    api = admin_api(host, server)
    if api is None:
        path = passwords.path(server.host, server.admin_account)
        return Words.of("users.no_password", path=path, variable=passwords.admin_variable())
    is_admin, _ = api.info()
    return None if is_admin else Words.of("users.no_admin", account=server.admin_account)
