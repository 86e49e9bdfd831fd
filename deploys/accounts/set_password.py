"""Set an account's password in PMail's database on the host, whoever can log in."""

from __future__ import annotations

from pyinfra.api import Host

from deploys.accounts.database import stored_password
from deploys.accounts.stored import DatabaseError, store_password
from ground.words import text


def set_password(host: Host, account: str, password: str) -> str:
    """Set an account's password; whether it is disabled stays. Its sessions in the web mail end.

    Returns why that was not possible, "" when it is done.
    """
    try:
        done = store_password(host, account, stored_password(password))
    except DatabaseError as error:
        return text("users.not_set", account=account, host=host.name, reason=str(error))
    if done:
        return ""
    reason = text("users.no_account", account=account)
    return text("users.not_set", account=account, host=host.name, reason=reason)
