"""Passwords of accounts: from the environment, or made once and kept for the operator only."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from pyinfra.api import Host

from deploys.run.paths import file_name, state_dir
from ground.private_files import write_private
from ground.words import text
from postmaster.settings import MailServer

_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that look alike
_LENGTH = 20


def admin_variable() -> str:
    """The environment variable with the admin's password."""
    return "PMAIL_ADMIN_PASSWORD"


def user_variable(account: str) -> str:
    """The environment variable with a user's password."""
    return "PMAIL_USER_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", account.upper())


def path(host: str, account: str) -> Path:
    """Where a password that we made is kept."""
    return state_dir() / "passwords" / f"{file_name(host)}-{account}"


def known(host: str, account: str, variable: str) -> str | None:
    """Return the password of an account, or None when there is none here yet."""
    given = os.environ.get(variable)
    if given:
        return given
    kept = path(host, account)
    return kept.read_text("utf-8").strip() if kept.exists() else None


def known_or_made(host: str, account: str, variable: str) -> str:
    """Return the password of an account; made and kept, before it is used, when there is none."""
    password = known(host, account, variable)
    if password is None:
        password = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        write_private(path(host, account), password.encode() + b"\n")
    return password


def tell(host: Host, server: MailServer, account: str) -> None:
    """Say where a password that we made is kept; one from the environment is the user's."""
    kept = path(server.host, account)
    if kept.exists():
        host.log_styled(f"  {text('users.password_kept', path=str(kept))}", fg="cyan")
