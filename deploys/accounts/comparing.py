"""An account's password as it is known here, compared with the server's, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyinfra.api import Host

from deploys.accounts import passwords, record
from deploys.accounts.database import stored_password
from deploys.accounts.password_choice import Choice, Seen, choose
from deploys.accounts.record import Record
from deploys.accounts.set_password import set_password
from deploys.accounts.stored import Stored
from ground.words import Words, text
from postmaster.settings import MailServer

_DIFFERS = {
    Choice.PANEL: "users.changed_there",
    Choice.BOTH: "users.changed_both",
    Choice.UNKNOWN: "users.changed_unknown",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison.

    given_in: the variable or the file that says the password here. by_variable: the former. seen:
    both sides as they will be remembered. untrue: the account's file says another password than the
    server has, or is about to have.
    """

    account: str
    choice: Choice
    given_in: str
    by_variable: bool
    untrue: bool
    seen: Seen | None = field(repr=False)

    @property
    def differs(self) -> Words | None:
        """Why the server has another password than is known here, and keeps it."""
        if self.choice not in _DIFFERS:
            return None
        command = f"pmail-deploy users password {self.account}"
        values = {"account": self.account, "given": self.given_in, "command": command}
        return Words.of(_DIFFERS[self.choice], **values)

    @property
    def unsolved(self) -> Words | None:
        """What somebody wants and was not done."""
        conflict = self.choice is Choice.BOTH or (
            self.choice is Choice.UNKNOWN and self.by_variable
        )
        return self.differs if conflict else None


def compare(server: MailServer, known: Record, there: Stored) -> Compared:
    """Compare an account's password. there: the account on the server."""
    account = there.account
    variable = passwords.variable(server, account)
    by_variable = kept = None
    if _may_be_known_here(server, known, account):
        by_variable, kept = passwords.given(variable), passwords.kept(server.host, account)
    here = by_variable or kept
    wanted = stored_password(here) if here else None
    file = stored_password(kept) if kept else None
    now = known.sum_of(there.password)
    last = known.of(account).seen or (Seen(now, now) if file == there.password else None)
    given = now if wanted == there.password else known.sum_of(wanted) if wanted else None
    choice = choose(given, now, last)
    after = wanted if choice is Choice.SET else there.password
    return Compared(
        account,
        choice,
        variable if by_variable else str(passwords.path(server.host, account)),
        bool(by_variable),
        file not in (None, after),
        _seen(choice, given, now),
    )


def _may_be_known_here(server: MailServer, known: Record, account: str) -> bool:
    """Whether a password that is here can be of an account of a server.

    Its name does not say so: whoever has taken the server over makes accounts by any name, also one
    that leads to the file of another server's account.
    """
    about = known.of(account)
    return account in server.accounts or bool(about.made or about.seen)


def _seen(choice: Choice, given: str | None, there: str) -> Seen | None:
    """Both sides to remember; a conflict leaves what is remembered as it is."""
    if given is None or choice in (Choice.BOTH, Choice.UNKNOWN):
        return None
    return Seen(given, given if choice is Choice.SET else there)


def settle(host: Host, server: MailServer, compared: Compared) -> None:
    """Remember what was compared, once it is so, and put a file aside that is not true."""
    if compared.seen:
        before = record.load(server)
        record.save(server, before.having(compared.account, seen=compared.seen))
    if compared.untrue:
        path = passwords.path(server.host, compared.account)
        aside = passwords.put_aside(server.host, compared.account)
        host.log_styled(f"  {text('users.put_aside', path=path, aside=aside)}", fg="yellow")


def set_given(host: Host, server: MailServer, compared: Compared) -> str:
    """Set the password that is given here. Returns why that was not possible, "" when it is."""
    variable = passwords.variable(server, compared.account)
    password = passwords.known(server.host, compared.account, variable)
    if password is None:
        return text("users.no_longer_given", account=compared.account)
    problem = set_password(host, compared.account, password)
    if not problem:
        settle(host, server, compared)
    return problem


def remember_password(server: MailServer, account: str, password: str) -> None:
    """Remember that a password is on the server now, and is the one given here."""
    known = record.load(server)
    there = known.sum_of(stored_password(password))
    record.save(server, known.having(account, seen=Seen(there, there)))
