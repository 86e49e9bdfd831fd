"""What we know of a server's accounts: which we made, why one is disabled, sums of passwords."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import scrypt
from pathlib import Path
from typing import Any

from pyinfra.api import Host

from deploys.accounts.password_choice import Seen
from deploys.run.paths import state_dir
from ground.private_files import set_aside, write_private
from ground.words import text
from postmaster.settings import MailServer, file_name

VERSION = 2
_WORK = {"n": 4096, "r": 8, "p": 1}  # of a sum: some 10 ms


class MadeBy(StrEnum):
    """Who asked for an account that we made."""

    NOBODY = ""  # we did not make it
    INVENTORY = "inventory"
    VERB = "verb"  # `users add`


class Off(StrEnum):
    """Why we disabled an account."""

    NO = ""  # we did not
    REMOVED = "removed"  # the inventory named it no longer
    VERB = "verb"  # `users disable`


@dataclass(frozen=True, slots=True)
class Known:
    """An account. seen: its password's sums when they were last compared, None: never."""

    made: MadeBy = MadeBy.NOBODY
    off: Off = Off.NO
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A server's accounts. salt: of the sums."""

    salt: bytes = field(repr=False)
    accounts: Mapping[str, Known]

    def of(self, account: str) -> Known:
        """Return what is known of an account."""
        return self.accounts.get(account, Known())

    def having(self, account: str, **changes: Any) -> Record:
        """Return the record with something else known of an account."""
        known = replace(self.of(account), **changes)
        return replace(self, accounts={**self.accounts, account: known})

    def sum_of(self, stored: str) -> str:
        """Return what a password, as PMail stores it, is compared by and kept as here."""
        return _sum(stored, self.salt)


@lru_cache(64)  # costs 25 ms, and a run compares three times
def _sum(stored: str, salt: bytes) -> str:
    return scrypt(stored.encode(), salt=salt, dklen=32, **_WORK).hex()


def made_by_us(server: MailServer) -> frozenset[str]:
    """Return the accounts that we made, by our own record; none where that is damaged."""
    return frozenset(name for name, each in load(server).accounts.items() if each.made)


def remember_accounts(server: MailServer, accounts: Iterable[str]) -> None:
    """Have accounts be known as made by us."""
    record = load(server)
    for account in accounts:
        record = record.having(account, made=record.of(account).made or MadeBy.INVENTORY)
    save(server, record)


def keep_only(server: MailServer, accounts: Iterable[str]) -> None:
    """Have the record know no other accounts than these."""
    record, stay = load(server), set(accounts)
    there = {name: known for name, known in record.accounts.items() if name in stay}
    save(server, replace(record, accounts=there))


def path(server: MailServer) -> Path:
    """Return where it is kept."""
    return state_dir() / "users" / f"{file_name(server.host)}.json"


def load(server: MailServer) -> Record:
    """Return the record; one that is damaged says nothing."""
    return _read(server) or Record(secrets.token_bytes(16), {})


def mend(host: Host, server: MailServer, *, carried_out: bool) -> None:
    """Have a record that cannot be read kept aside, where a run is carried out, and tell it."""
    file = path(server)
    if file.exists() and _read(server) is None:
        aside = set_aside(file, datetime.now(UTC)) if carried_out else file
        host.log_styled(f"  {text('state.damaged.users', path=file, aside=aside)}", fg="yellow")


def _read(server: MailServer) -> Record | None:
    try:
        found = json.loads(path(server).read_text("utf-8"))
        if isinstance(found, list):  # versions before this one kept the names alone
            made = Known(MadeBy.INVENTORY, Off.REMOVED)  # where one is disabled, it was us
            right = all(isinstance(each, str) for each in found)
            return Record(secrets.token_bytes(16), dict.fromkeys(found, made)) if right else None
        accounts = {name: _known(each) for name, each in found["accounts"].items()}
        return Record(bytes.fromhex(found["salt"]), accounts)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def save(server: MailServer, record: Record) -> None:
    """Write it, for its owner only; nothing where it is as it was."""
    accounts = {name: asdict(each) for name, each in sorted(record.accounts.items())}
    content = {"version": VERSION, "salt": record.salt.hex(), "accounts": accounts}
    written = json.dumps(content, indent=1).encode() + b"\n"
    if not path(server).exists() or path(server).read_bytes() != written:
        write_private(path(server), written)


def _known(record: Mapping[str, Any]) -> Known:
    seen = record["seen"]
    return Known(
        MadeBy(record["made"]),
        Off(record["off"]),
        Seen(str(seen["given"]), str(seen["there"])) if seen else None,
    )
