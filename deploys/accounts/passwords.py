"""Passwords of accounts: from the environment, or made and kept for the operator only.

What is kept and no longer true is put aside, so that no file says what is untrue.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyinfra.api import Host

from deploys.accounts.record import made_by_us
from deploys.run.paths import state_dir
from deploys.run.refusals import Around, Refused
from ground.private_files import private_folder, write_private
from ground.secret_values import read_file, read_variable
from ground.shown import keep_secret
from ground.words import Words, text
from postmaster.settings import MailServer, Site, password_file
from postmaster.settings import user_variable as user_variable

_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that look alike
_LENGTH = 20


def admin_variable() -> str:
    """The environment variable with the admin's password."""
    return "PMAIL_ADMIN_PASSWORD"


def variable(server: MailServer, account: str) -> str:
    """The environment variable with the password of any account of a server."""
    return admin_variable() if account == server.admin_account else user_variable(account)


def path(host: str, account: str) -> Path:
    """Where a password that we made is kept."""
    return state_dir() / "passwords" / password_file(host, account)


def shared(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where one variable would give several accounts, or servers, the same password."""
    readers = defaultdict[str, list[tuple[str, str]]](list)
    for server in around.site.servers:
        for account in server.accounts:
            readers[variable(server, account)].append((server.host, account))
    for name, accounts in sorted(readers.items()):
        if len(accounts) > 1 and os.environ.get(name):
            yield Refused(
                Words.of(
                    "users.shared_variable",
                    variable=name,
                    accounts=", ".join(f"{account} ({host})" for host, account in accounts),
                    paths=", ".join(str(path(*each)) for each in accounts),
                )
            )


def owner_of_file(site: Site, host: str, account: str) -> str | None:
    """Return the account of another server that an account's file would be of, None for none.

    host: of the account, by its inventory name.
    """
    file = password_file(host, account)
    return next(
        (
            f"{name} ({other.host})"
            for other in site.servers
            for name in (*other.accounts, *sorted(made_by_us(other)))
            if other.host != host and password_file(other.host, name) == file
        ),
        None,
    )


def given(name: str) -> str | None:
    """Return the password in an environment variable, if there is one. Raises BadSecret."""
    value = os.environ.get(name)
    return read_variable(value, name, chosen=True) if value else None


def kept(host: str, account: str) -> str | None:
    """Return the password in the account's file, if there is one. Raises BadSecret."""
    file = path(host, account)
    return read_file(file, chosen=True) if file.exists() and file.stat().st_size else None


def known(host: str, account: str, variable: str) -> str | None:
    """Return the password of an account, or None when there is none here yet."""
    return given(variable) or kept(host, account)


def known_or_made(host: str, account: str, variable: str) -> str:
    """Return the password of an account; made and kept, before it is used, when there is none."""
    return known(host, account, variable) or make(host, account)


def make(host: str, account: str) -> str:
    """Return a new password, which is kept in the account's file from now on."""
    password = keep_secret("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)))
    write_private(path(host, account), password.encode() + b"\n")
    return password


def put_aside(host: str, account: str) -> Path | None:
    """Put the account's file, if there is one, where old ones are, over none; return its place."""
    file = path(host, account)
    if not file.exists():
        return None
    folder = private_folder(file.parent / "old")
    names = (folder / f"{file.name}~{number}" for number in itertools.count(1))
    aside = next(each for each in names if not each.exists())
    return file.rename(aside)


def tell(host: Host, server: MailServer, account: str) -> None:
    """Say where a password that we made is kept; one from the environment is the user's."""
    file = path(server.host, account)
    if file.exists():
        host.log_styled(f"  {text('users.password_kept', path=str(file))}", fg="cyan")
