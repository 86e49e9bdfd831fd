"""pyinfra operation for mailboxes: each user of the inventory has one; nothing is ever deleted."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import passwords
from deploys.accounts.admin import admin_api, admin_problem
from deploys.accounts.api import Account, ApiError
from deploys.run.paths import file_name, state_dir
from ground.operations import fail, refuse
from ground.private_files import set_aside, write_private
from ground.words import text
from postmaster.settings import MailServer, User


@operation()
def mailboxes(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure that every user of the inventory has a mailbox; nothing is ever deleted.

    + server: the mail server
    """
    _mend_record(server)
    api = admin_api(host, server)
    try:
        there = {each.account: each for each in api.users()} if api else {}
    except ApiError as error:
        # Before the first start there is nobody to ask; the run itself proves the login first.
        if state.is_executing:
            yield from fail(str(error))
            return
        there = {}
    ours = made_by_us(server)
    new = [user for user in server.users if user.account not in there]
    back = [u.account for u in server.users if u.account in ours and _is_off(there, u.account)]
    gone = _removed(server, there)
    off = [each for each in gone if server.disable_removed_users and each in ours]
    _show_users(new, back, gone, off)
    if new or back or off:
        yield FunctionCommand(_change_mailboxes, (server, tuple(new), tuple(back), tuple(off)), {})
        return
    host.noop(text("users.right"))


def _is_off(there: dict[str, Account], account: str) -> bool:
    return account in there and there[account].disabled


def _removed(server: MailServer, there: dict[str, Account]) -> list[str]:
    """Active mailboxes that the inventory does not name."""
    wanted = {user.account for user in server.users} | {server.admin_account}
    return sorted(a.account for a in there.values() if a.account not in wanted and not a.disabled)


def _show_users(new: list[User], back: list[str], gone: list[str], off: list[str]) -> None:
    for user in new:
        host.log_styled(f"  + {user.account}", fg="green")
    for account in back:
        host.log_styled(f"  ~ {text('users.enabled', account=account)}", fg="green")
    for account in off:
        host.log_styled(f"  - {text('users.disabled', account=account)}", fg="red")
    for account in sorted(set(gone) - set(off)):
        host.log_styled(f"  {text('users.not_named', account=account)}", fg="yellow")


def _change_mailboxes(
    state: State,
    host: Host,
    server: MailServer,
    new: tuple[User, ...],
    back: tuple[str, ...],
    off: tuple[str, ...],
) -> bool:
    api = admin_api(host, server)
    if api is None:
        return refuse(state, host, str(admin_problem(host, server)))
    try:
        for user in new:
            variable = passwords.user_variable(user.account)
            password = passwords.known_or_made(server.host, user.account, variable)
            remember_accounts(server, frozenset({user.account}))
            api.create(user.account, user.name, password)
            passwords.tell(host, server, user.account)
        for account in back:
            api.set_disabled(account, False)
        for account in off:
            api.set_disabled(account, True)
    except ApiError as error:
        return refuse(state, host, str(error))
    return True


def made_by_us(server: MailServer) -> frozenset[str]:
    """Return the accounts that we made, by our own record; none where that is damaged."""
    return _accounts(_record(server)) or frozenset()


def _accounts(record: Path) -> frozenset[str] | None:
    """Accounts of a record, None where it is damaged."""
    try:
        names = json.loads(record.read_text("utf-8"))
    except FileNotFoundError:
        return frozenset()
    except ValueError:
        return None
    right = isinstance(names, list) and all(isinstance(each, str) for each in names)
    return frozenset(names) if right else None


def _mend_record(server: MailServer) -> None:
    """Have a damaged record kept aside, and tell it."""
    path = _record(server)
    if _accounts(path) is None:
        aside = set_aside(path, datetime.now(UTC)) if state.is_executing else path
        host.log_styled(f"  {text('state.damaged.users', path=path, aside=aside)}", fg="yellow")


def _record(server: MailServer) -> Path:
    return state_dir() / "users" / f"{file_name(server.host)}.json"


def remember_accounts(server: MailServer, accounts: frozenset[str]) -> None:
    """Keep in our own record that we made accounts."""
    _write(server, made_by_us(server) | accounts)


def keep_only(server: MailServer, accounts: Iterable[str]) -> None:
    """Have the record of accounts that we made name no others than these."""
    _write(server, made_by_us(server) & set(accounts))


def _write(server: MailServer, accounts: Iterable[str]) -> None:
    write_private(_record(server), json.dumps(sorted(accounts)).encode() + b"\n")
