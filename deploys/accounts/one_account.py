"""pyinfra operations for people: a server's accounts, and what one of them shall have."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import comparing, passwords, record
from deploys.accounts.admin import as_admin
from deploys.accounts.api import Api
from deploys.accounts.mailboxes import disable, make
from deploys.accounts.password_choice import Choice
from deploys.accounts.record import MadeBy, Off
from deploys.accounts.request import UsersRequest
from deploys.accounts.set_password import set_password
from deploys.accounts.stored import DatabaseError, Stored, accounts_there, end_sessions
from deploys.run import listing
from ground.columns import aligned
from ground.operations import fail, refuse
from ground.words import text
from postmaster.settings import MailServer, User

Commands = Generator[FunctionCommand, None, None]
_HEADS = (
    "users.head.account",
    "users.head.name",
    "users.head.state",
    "users.head.source",
    "users.head.password",
)
_SOURCES = {
    "inventory": "users.source.inventory",
    "verb": "users.source.verb",
    "other": "users.source.other",
}
_PASSWORDS = {
    Choice.NOTHING: "users.password.nothing",
    Choice.RIGHT: "users.password.right",
    Choice.SET: "users.password.set",
    Choice.PANEL: "users.password.differs",
    Choice.BOTH: "users.password.differs",
    Choice.UNKNOWN: "users.password.differs",
}


@operation()
def listed(server: MailServer, as_json: bool) -> Commands:
    """Show a server's accounts.

    + server: the mail server
    + as_json: for programs
    """
    try:
        there = accounts_there(host) or {}
    except DatabaseError as error:
        yield from fail(str(error))
        return
    if state.is_executing:
        rows = rows_of(server, there)
        host.log(listing.as_json(host.name, "users", rows) if as_json else _table(rows))
    host.noop(text("users.listed", count=len(there)))


def rows_of(server: MailServer, there: Mapping[str, Stored]) -> tuple[dict[str, Any], ...]:
    """Return a server's accounts, those that the inventory names and are missing last.

    there: accounts of the database. password: how the one that is known here (`given_in`) compares,
    without a password in it.
    """
    known, named = record.load(server), {user.account: user for user in server.users}
    rows = []
    for each in there.values():
        by_inventory = each.account in {*named, server.admin_account}
        by_verb = known.of(each.account).made is MadeBy.VERB
        compared = comparing.compare(server, known, each)
        rows.append(
            {
                "account": each.account,
                "name": each.name,
                "there": True,
                "admin": each.admin,
                "disabled": each.disabled,
                "source": "inventory" if by_inventory else "verb" if by_verb else "other",
                "password": compared.choice.value,
                "given_in": None if compared.choice is Choice.NOTHING else compared.given_in,
            }
        )
    absent = sorted(named.keys() - there.keys())
    missing = ({"account": name, "name": named[name].name} for name in absent)
    return (*rows, *({**each, "there": False, "source": "inventory"} for each in missing))


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    every = tuple(rows)
    cells = [
        (
            f"{each['account']} *" if each["admin"] else each["account"],
            each["name"],
            text("users.state.off" if each["disabled"] else "users.state.on"),
            text(_SOURCES[each["source"]]),
            text(_PASSWORDS[each["password"]], given=each["given_in"] or "-"),
        )
        for each in every
        if each["there"]
    ]
    rest = [each["account"] for each in every if not each["there"]]
    lines = aligned([tuple(map(text, _HEADS)), *cells])
    return "\n".join((*lines, *(text("users.missing", account=each) for each in rest)))


@operation()
def changed(server: MailServer, asked: UsersRequest) -> Commands:
    """Make, disable or enable an account, or set its password.

    + server: the mail server
    + asked: what, and which account
    """
    account, action = asked.account or "", asked.action
    record.mend(host, server, carried_out=state.is_executing)
    try:
        there = (accounts_there(host) or {}).get(account)
    except DatabaseError as error:
        yield from fail(str(error))
        return
    if there is None and action != "add":
        yield from fail(text("users.no_account", account=account))
        return
    if there and _is_so(server, there, action):
        host.noop(text("users.is_so", account=account))
        return
    if there and action == "add":
        yield from fail(text("users.there", account=account))
        return
    words, do = _DOES[action or ""]
    host.log_styled(f"  ~ {text(words, account=account)}", fg="green")
    yield FunctionCommand(do, (server, asked), {})


def _is_so(server: MailServer, there: Stored, action: str | None) -> bool:
    """Whether an account is as it shall be, and that is known."""
    known = record.load(server).of(there.account)
    if action == "disable":
        return there.disabled and known.off is Off.VERB
    return action == "enable" and not there.disabled


def _add(state: State, host: Host, server: MailServer, asked: UsersRequest) -> bool:
    account = asked.account or ""
    named = next((each for each in server.users if each.account == account), None)
    user = named or User(account, asked.name or account)
    made = MadeBy.INVENTORY if named else MadeBy.VERB
    return as_admin(state, host, server, lambda api: make(host, server, api, user, made))


def _disable(state: State, host: Host, server: MailServer, asked: UsersRequest) -> bool:
    def do(api: Api) -> None:
        disable(server, api, asked.account or "", Off.VERB)
        end_sessions(host, asked.account or "")

    return as_admin(state, host, server, do)


def _enable(state: State, host: Host, server: MailServer, asked: UsersRequest) -> bool:
    account = asked.account or ""
    return as_admin(state, host, server, lambda api: disable(server, api, account, Off.NO))


def _password_set(state: State, host: Host, server: MailServer, asked: UsersRequest) -> bool:
    """Set the password that is given, or a new one; after a failure the file is as it was."""
    account = asked.account or ""
    path = passwords.path(server.host, account)
    given = passwords.given(passwords.variable(server, account))
    true = given is not None and given == passwords.kept(server.host, account)
    aside = None if true else passwords.put_aside(server.host, account)
    password = given or passwords.make(server.host, account)
    problem = set_password(host, account, password)
    if problem:
        if not given:
            path.unlink()
        if aside:
            aside.rename(path)
        return refuse(state, host, problem)
    comparing.remember_password(server, account, password)
    passwords.tell(host, server, account)
    return True


_DOES = {
    "add": ("users.do.add", _add),
    "disable": ("users.do.disable", _disable),
    "enable": ("users.do.enable", _enable),
    "password": ("users.do.password", _password_set),
}
