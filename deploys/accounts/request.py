"""What a run of `deploys/users.py` is asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploys.run.options import Choice, Flag, Request, Text, option
from ground.words import Words
from postmaster.settings import Site, password_file
from postmaster.settings_table import BadValue
from postmaster.settings_table import account as read_account

ACTIONS = ("list", "add", "disable", "enable", "password")


@dataclass(frozen=True, slots=True)
class UsersRequest(Request):
    """action: one of ACTIONS, None: the mailboxes that the inventory names.

    account: the one that it is about. name: of the person, for a new account. as_json: show as
    JSON.
    """

    action: str | None = option("users_action", Choice(ACTIONS))
    account: str | None = option("users_account", Text())
    name: str | None = option("users_name", Text(), "--name", help="cli.users_name")
    as_json: bool = option("users_json", Flag(), "--json", default=False, help="cli.as_json")

    @property
    def changes(self) -> bool:
        """A list changes nothing."""
        return self.action != "list"

    @property
    def asks(self) -> bool:
        """What one account shall have is asked for by name; the former password is lost."""
        return self.action in (None, "password")

    @property
    def shown_dry(self) -> bool:
        """Accounts are listed by a run that is carried out."""
        return self.changes

    @property
    def as_admin(self) -> bool:
        """Whether the admin's password has to be known for it."""
        return self.action not in ("list", "password")

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return why this makes no sense."""
        about_one = self.action not in (None, "list")
        if about_one and not self.account:
            yield Words.of("users.which", action=self.action)
        if self.account and not about_one:
            yield Words.of("users.no_use", account=self.account)
        if self.name and self.action != "add":
            yield Words.of("users.name_only_add")
        if self.as_json and self.action != "list":
            yield Words.of("users.json_only_list")
        if self.account:
            try:
                read_account(self.account)
            except BadValue as error:
                yield error.words

    def problems_in(self, site: Site, here: Site) -> Iterable[Words]:
        """Return why this makes no sense for a site: an account is one server's."""
        from deploys.accounts import passwords  # not for who only asks what options there are

        if self.action in (None, "list"):
            return
        if len(here.servers) != 1:
            names = ", ".join(sorted(each.host for each in here.servers))
            yield Words.of("users.one_server", action=self.action, servers=names)
        for each in here.servers:
            if owner := passwords.owner_of_file(site, each.host, self.account or ""):
                names = ", ".join((f"{self.account} ({each.host})", owner))
                file = password_file(each.host, self.account or "")
                yield Words.of("settings.one_file", names=names, file=file)
        if self.action in ("add", "disable", "enable"):
            for each in here.servers:
                if self.account == each.admin_account:
                    yield Words.of("users.is_admin", account=self.account, action=self.action)
