"""Shell for folders of a service's user: what is done there is done as that user, never as root.

Root would follow links that the user has put there, wait at its pipes, and own what it is given.
"""

from __future__ import annotations

# A capability that the kernel asks for nowhere, and that the service lacks: so it cannot take over
# (ptrace(2), /proc/PID/mem) what root runs as its user, outside of its sandbox, and leave that.
_MARK = "-all,+net_broadcast"
_NO_RIGHTS = (
    f"--clear-groups --inh-caps={_MARK} --ambient-caps={_MARK} --bounding-set={_MARK} "
    "--no-new-privs --"
)
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
