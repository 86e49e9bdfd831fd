"""The admin's account: PMail's API as the admin, and the proof that the login works."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import comparing, passwords, record
from deploys.accounts.api import LOGIN_REFUSED, Api, ApiError
from deploys.accounts.comparing import Compared
from deploys.accounts.database import stored_password
from deploys.accounts.password_choice import Choice
from deploys.accounts.request import UsersRequest
from deploys.accounts.stored import Accounts, DatabaseError, accounts_seen, accounts_there
from deploys.host.gathering import Script
from deploys.host.looked import DATABASE, looked
from deploys.run.refusals import Around, Refused, on_each
from ground.operations import refuse
from ground.words import Words, text
from postmaster.settings import MailServer
from probes.host.database import Kind


@operation()
def admin_works(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure that the admin has the password that was given anew, and prove that it works.

    + server: the mail server
    """
    record.mend(host, server, carried_out=state.is_executing)
    compared = compared_admin(host, server)
    sets = compared is not None and compared.choice is Choice.SET
    if compared and sets:
        values = {"account": compared.account, "given": compared.given_in}
        host.log_styled(f"  ~ {text('users.password_set', **values)}", fg="green")
        yield FunctionCommand(_set_admin, (server,), {})
    if state.is_executing:
        problem = admin_problem(host, server)
        if problem:
            yield FunctionCommand(refuse, (str(problem),), {})
            return
        if compared and not sets:
            comparing.settle(host, server, compared)
    if not sets:
        host.noop(text("users.admin_works", account=server.admin_account))


def _set_admin(state: State, host: Host, server: MailServer) -> bool:
    compared = compared_admin(host, server, accounts_there)
    problem = comparing.set_given(host, server, compared) if compared else ""
    return not problem or refuse(state, host, problem)


def compared_admin(
    host: Host, server: MailServer, accounts: Callable[[Host], Accounts] = accounts_seen
) -> Compared | None:
    """Return the admin's password compared, None where its database cannot tell.

    accounts: gives those of a host, as it has shown itself or as it is now.
    """
    try:
        there = (accounts(host) or {}).get(server.admin_account)
    except DatabaseError:
        return None
    return comparing.compare(server, record.load(server), there) if there else None


def looks(host: Host, server: MailServer) -> tuple[Script, ...]:
    """Return what the proof looks at on a host, where it is known that the password is right."""
    api = admin_api(host, server)
    try:
        there = (accounts_seen(host) or {}).get(server.admin_account)
    except DatabaseError:
        return ()
    right = api and there and there.password == stored_password(api.password)
    return (api.info_look,) if api and right else ()


def no_admin(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where PMail has an administrator that we cannot log in as.

    A PMail that does not answer refuses nothing: the run may be what starts it. A password that is
    given anew is about to be set.
    """
    if isinstance(around.asked, UsersRequest) and not around.asked.as_admin:
        return ()
    return on_each(around.servers(), _no_admin)


def _no_admin(host: Host, server: MailServer) -> Iterable[Words]:
    if looked(host).of(DATABASE).kind in (Kind.MISSING, Kind.EMPTY):
        return
    compared = compared_admin(host, server)
    if compared and compared.choice is Choice.SET:
        return
    try:
        if problem := _problem(host, server, compared):
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


def as_admin(state: State, host: Host, server: MailServer, do: Callable[[Api], None]) -> bool:
    """Do something by the API as the admin; what is in the way is refused."""
    api = admin_api(host, server)
    if api is None:
        return refuse(state, host, str(admin_problem(host, server)))
    try:
        do(api)
    except (ApiError, DatabaseError) as error:
        return refuse(state, host, str(error))
    return True


def admin_problem(host: Host, server: MailServer) -> Words | None:
    """Return why the admin cannot log in, or None."""
    try:
        return _problem(host, server, compared_admin(host, server))
    except ApiError as error:
        return error.words


def _problem(host: Host, server: MailServer, compared: Compared | None) -> Words | None:
    account = server.admin_account
    if compared and compared.differs:
        return compared.differs
    api = admin_api(host, server)
    if api is None:
        path, variable = passwords.path(server.host, account), passwords.admin_variable()
        return Words.of("users.no_password", path=path, variable=variable, account=account)
    is_admin, _ = api.info()
    return None if is_admin else Words.of("users.no_admin", account=account)
