"""pyinfra operation for mailboxes: each user of the inventory has one; nothing is ever deleted.

A password that is given anew is set; one that was changed on the server is respected and told.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import comparing, passwords, record
from deploys.accounts.admin import as_admin
from deploys.accounts.api import Api
from deploys.accounts.comparing import Compared
from deploys.accounts.password_choice import Choice
from deploys.accounts.record import MadeBy, Off, Record
from deploys.accounts.stored import DatabaseError, Stored, accounts_seen
from deploys.run.flow import leave_unsolved
from ground.operations import fail, refuse
from ground.words import say, text
from postmaster.settings import MailServer, User


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done about a server's accounts, and what is only told.

    new: to be made. back, off: to be enabled, disabled. stay_off: disabled on the server or by
    somebody's wish, though the inventory names them. left: active, and the inventory names them
    not. compared: passwords, those that are going to be set among them.
    """

    new: tuple[User, ...]
    back: tuple[str, ...]
    off: tuple[str, ...]
    stay_off: tuple[str, ...]
    left: tuple[str, ...]
    compared: tuple[Compared, ...]

    @property
    def set(self) -> tuple[Compared, ...]:
        """Passwords that are set."""
        return tuple(each for each in self.compared if each.choice is Choice.SET)

    @property
    def changes(self) -> bool:
        """Whether something is to be done."""
        return bool(self.new or self.back or self.off or self.set)


@operation()
def mailboxes(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure that every user of the inventory has a mailbox; nothing is ever deleted.

    + server: the mail server
    """
    record.mend(host, server, carried_out=state.is_executing)
    try:
        there = accounts_seen(host) or {}
    except DatabaseError as error:
        # Before the first start there may be nobody to ask.
        if state.is_executing:
            yield from fail(str(error))
            return
        there = {}
    plan = planned(server, record.load(server), there)
    _show(plan)
    if state.is_executing:
        _settle(server, plan, there)
    if plan.changes:
        yield FunctionCommand(_change_mailboxes, (server, plan), {})
        return
    host.noop(text("users.right"))


def planned(server: MailServer, known: Record, there: Mapping[str, Stored]) -> Plan:
    """Return what is to be done. there: accounts on the server, by name."""
    named = {user.account for user in server.users}
    disabled = [each for each in sorted(named & there.keys()) if there[each].disabled]
    back = [each for each in disabled if known.of(each).off is Off.REMOVED]
    active = {name for name, each in there.items() if not each.disabled}
    gone = sorted(active - named - {server.admin_account})
    ours = (name for name in gone if known.of(name).made is MadeBy.INVENTORY)
    off = tuple(ours) if server.disable_removed_users else ()
    others = (each for name, each in there.items() if name != server.admin_account)
    return Plan(
        new=tuple(user for user in server.users if user.account not in there),
        back=tuple(back),
        off=off,
        stay_off=tuple(each for each in disabled if each not in back),
        left=tuple(each for each in gone if each not in off),
        compared=tuple(comparing.compare(server, known, each) for each in others),
    )


def _show(plan: Plan) -> None:
    for user in plan.new:
        host.log_styled(f"  + {user.account}", fg="green")
    for account in plan.back:
        host.log_styled(f"  ~ {text('users.enabled', account=account)}", fg="green")
    for account in plan.off:
        host.log_styled(f"  - {text('users.disabled', account=account)}", fg="red")
    for each in plan.set:
        values = {"account": each.account, "given": each.given_in}
        host.log_styled(f"  ~ {text('users.password_set', **values)}", fg="green")
    for account in plan.stay_off:
        host.log_styled(f"  {text('users.stays_off', account=account)}", fg="yellow")
    for account in plan.left:
        host.log_styled(f"  {text('users.not_named', account=account)}", fg="yellow")
    for words in (each.differs for each in plan.compared):
        if words:
            host.log_styled(f"  {say(words)}", fg="yellow")


def _settle(server: MailServer, plan: Plan, there: Mapping[str, Stored]) -> None:
    """Remember what is so already, and leave open what somebody has to decide."""
    before = known = record.load(server)
    named = {user.account for user in server.users}
    for account, each in there.items():
        made = known.of(account).made
        if account in named and made is MadeBy.VERB:
            known = known.having(account, made=MadeBy.INVENTORY)
        if not each.disabled and known.of(account).off:
            known = known.having(account, off=Off.NO)
    if known != before:
        record.save(server, known)
    for compared in plan.compared:
        if compared.choice is not Choice.SET:
            comparing.settle(host, server, compared)
        if compared.unsolved:
            leave_unsolved(host.name, (say(compared.unsolved),))


def _change_mailboxes(state: State, host: Host, server: MailServer, plan: Plan) -> bool:
    def do(api: Api) -> None:
        for user in plan.new:
            make(host, server, api, user, MadeBy.INVENTORY)
        for account in plan.back:
            disable(server, api, account, Off.NO)
        for account in plan.off:
            disable(server, api, account, Off.REMOVED)

    if not as_admin(state, host, server, do):
        return False
    problems = [
        problem for each in plan.set if (problem := comparing.set_given(host, server, each))
    ]
    return not problems or refuse(state, host, "\n".join(problems))


def make(host: Host, server: MailServer, api: Api, user: User, made: MadeBy) -> None:
    """Make a mailbox. api: as the admin. Raises ApiError."""
    variable = passwords.user_variable(user.account)
    password = passwords.known_or_made(server.host, user.account, variable)
    # Before it is there: of a run that is killed in between nothing is forgotten.
    record.save(server, record.load(server).having(user.account, made=made))
    api.create(user.account, user.name, password)
    comparing.remember_password(server, user.account, password)
    if passwords.kept(server.host, user.account) not in (None, password):
        passwords.put_aside(server.host, user.account)
    passwords.tell(host, server, user.account)


def disable(server: MailServer, api: Api, account: str, why: Off) -> None:
    """Disable a mailbox, or enable it where there is no reason. Raises ApiError."""
    record.save(server, record.load(server).having(account, off=why))
    api.set_disabled(account, bool(why))
