"""Set an account's password in PMail's database on the host, where nobody can log in to do it."""

from __future__ import annotations

from pyinfra.api import Host

from deploys.accounts.database import stored_password
from deploys.host import pmail_layout as layout
from deploys.host.remote import read
from ground.words import text

# As the user that the files belong to: root would make some that PMail cannot open.
_SQLITE = f"runuser -u {layout.USER} -- sqlite3 -bail -cmd '.timeout 10000' {layout.DATABASE}"
_PYTHON = (
    "import sqlite3, sys; there = sqlite3.connect(sys.argv[1], 10); "
    "done = there.execute(sys.stdin.readline()); there.commit(); print(done.rowcount)"
)
_SCRIPT = (
    f"[ -s {layout.DATABASE} ] || exit 74; read -r sql; "
    "if command -v sqlite3 >/dev/null; then "
    f'printf "%s; select changes();" "$sql" | {_SQLITE}; '
    "elif command -v python3 >/dev/null; then "
    f'printf "%s" "$sql" | runuser -u {layout.USER} -- python3 -c "{_PYTHON}" {layout.DATABASE}; '
    "else echo 'apt-get install sqlite3' >&2; exit 69; fi"
)


def set_password(host: Host, account: str, password: str) -> str:
    """Set an account's password. Returns why that was not possible, "" when it is done.

    The password's sum reaches the host by standard input; PMail reads it at the next login.
    """
    sum_, name = stored_password(password), account.replace("'", "''")
    sql = f"update user set password = '{sum_}' where account = '{name}'"
    reply = read(host, _SCRIPT, stdin=f"{sql}\n")
    if reply.ok and reply.stdout.strip() == "1":
        return ""
    reason = reply.stderr.strip() or text("users.no_account", account=account)
    return text("users.not_set", account=account, host=host.name, reason=reason)
