"""PMail's accounts as its database on the host has them: read, and a password set.

PMail reads them anew at each login.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api import Host

from deploys.host import pmail_layout as layout
from deploys.host.gathering import Script
from deploys.host.remote import Reply, read
from deploys.host.snapshot import look
from ground.errors import Told
from ground.foreign import json_in

_NO_DATABASE, _NO_PROGRAM = "no database", "no sqlite3"
_PYTHON = (
    "import json, sqlite3, sys; there = sqlite3.connect(sys.argv[1], 10, isolation_level=None); "
    "there.row_factory = sqlite3.Row; "
    "rows = [[dict(row) for row in there.execute(line)] for line in sys.stdin]; "
    "print(json.dumps(rows[-1], default=str))"
)
# As the user that the files belong to: root would make some that PMail cannot open. Statements come
# by standard input, one a line; what the last one gives is printed. Hosts that an earlier version
# deployed have no sqlite3.
_SCRIPT = f"""
{layout.AS_PMAIL} test -s {layout.DATABASE} || {{ echo '{_NO_DATABASE}'; exit 0; }}
cd /
if command -v sqlite3 >/dev/null; then
    {layout.SQLITE} -bail -json {layout.DATABASE}
elif command -v python3 >/dev/null; then
    {layout.AS_PMAIL} python3 -Ic '{_PYTHON}' {layout.DATABASE}
else
    echo '{_NO_PROGRAM}' >&2; exit 69
fi
"""
ACCOUNTS = Script(
    "echo 'select account, name, password, disabled, is_admin from user order by id;' | {"
    f"{_SCRIPT}}}"
)


# By both an account of a live proof is known as ours (deploys/verification/live.py).
PROOF_NAME = "Live proof of pmail-deploy"
_PROOF = re.compile(r"proof-[0-9a-f]{12}[rw]")


class DatabaseError(Told):
    """PMail's accounts cannot be read or written."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An account. password: as PMail stores it."""

    account: str
    name: str
    disabled: bool
    admin: bool
    password: str = field(repr=False)


Accounts = Mapping[str, Stored] | None


def accounts_there(host: Host) -> Accounts:
    """Return all accounts by name, None where there is no database yet. Raises DatabaseError."""
    return _accounts(read(host, ACCOUNTS.text))


def accounts_seen(host: Host) -> Accounts:
    """Return the same, by the host's snapshot. Raises DatabaseError."""
    return _accounts(look(host, ACCOUNTS))


def _accounts(reply: Reply) -> Accounts:
    rows = _rows(reply)
    if rows is None:
        return None
    accounts = (
        Stored(
            _text(row, "account"),
            _text(row, "name"),
            bool(row.get("disabled")),
            bool(row.get("is_admin")),
            _text(row, "password"),
        )
        for row in rows
    )
    return {each.account: each for each in accounts if each.account and not is_proof(each)}


def is_proof(account: Stored) -> bool:
    """Return whether an account is there for a live proof: nobody's, and gone in minutes."""
    return account.name == PROOF_NAME and bool(_PROOF.fullmatch(account.account))


def _text(row: Mapping[str, Any], column: str) -> str:
    """A text of a row; whoever has taken PMail over may have anything there."""
    value = row.get(column)
    return value if isinstance(value, str) else ""


def store_password(host: Host, account: str, stored: str) -> bool:
    """Set a password and end the account's sessions in the web mail. Raises DatabaseError.

    stored: as PMail stores it. Returns False where there is no such account.
    """
    name, password = _quoted(account), _quoted(stored)
    statements = (
        "begin immediate;",
        f"update user set password = {password} where account = {name};",
        _without_sessions(account),
        "commit;",
        f"select account from user where account = {name} and password = {password};",
    )
    return bool(_asked(host, "\n".join(statements)))


def end_sessions(host: Host, account: str) -> None:
    """End an account's sessions in the web mail, which nothing else ends. Raises DatabaseError."""
    _asked(host, _without_sessions(account))


def _without_sessions(account: str) -> str:
    # A session holds the account's row as JSON (PMail controllers/login.go).
    row = _quoted(f'"Account":{json.dumps(account, ensure_ascii=False)},')
    return f"delete from sessions where instr(cast(data as blob), cast({row} as blob)) > 0;"


def _asked(host: Host, statements: str) -> list[dict[str, Any]] | None:
    """Rows that the last statement gives, None where there is no database yet."""
    return _rows(read(host, _SCRIPT, stdin=f"{statements}\n"))


def _rows(reply: Reply) -> list[dict[str, Any]] | None:
    if not reply.ok:
        reason = reply.stderr.strip() or "-"
        if reason == _NO_PROGRAM:
            raise DatabaseError("users.no_program")
        raise DatabaseError("users.unread", reason=reason)
    output = reply.stdout.strip()
    if output == _NO_DATABASE:
        return None
    rows = json_in(output or "[]")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatabaseError("users.unread", reason="no JSON")
    return rows


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
