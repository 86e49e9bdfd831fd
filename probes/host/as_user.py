"""Shell for folders of a service's user: what is done there is done as that user, never as root.

Root would follow links that the user has put there, wait at its pipes, and own what it is given.
"""

from __future__ import annotations

_NO_RIGHTS = "--clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs --"
# What the service has written into its database calls no function of the program's: `edit` runs
# commands.
_HARMLESS = "-batch -init /dev/null -cmd 'pragma trusted_schema=off;' -cmd '.timeout 5000'"


def as_user(user: str, group: str | None = None) -> str:
    """Return what to put before a command, for root: it has that user's rights and none of root's.

    user: name or number, or a variable of the script's. group: the user's name where it has none.
    """
    return f"setpriv --reuid={user} --regid={group or user} {_NO_RIGHTS}"


def sqlite(user: str, group: str | None = None) -> str:
    """Return the command that asks a database which belongs to a user, as that user."""
    return f"{as_user(user, group)} {SQLITE}"


SQLITE = f"sqlite3 {_HARMLESS}"
