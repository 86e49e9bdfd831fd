"""What the deploy tells this program: read from one JSON file, checked, frozen."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

Unknown = Literal["admin", "reject"]
Forgeries = Literal["keep", "refuse"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mailbox may send: messages and recipients, in an hour and in a day."""

    messages_hour: int
    messages_day: int
    recipients_hour: int
    recipients_day: int


@dataclass(frozen=True, slots=True)
class Guesses:
    """When an address that tries passwords is held off.

    free: wrong logins without a delay. most: wrong logins within `within` seconds after which the
    address is held off, for `hold` seconds.
    """

    free: int
    most: int
    within: int
    hold: int


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that this program is told.

    mail_host: MX, greeting and authserv-id. domains: own mail domains, the primary one first.
    admin: account of the administrator. aliases: address -> accounts. unknown_recipients: where
    mail to nobody goes. forgeries: what is done with mail from outside that claims to be of an own
    domain. always: addresses that are always accepted. database: PMail's SQLite file. state: folder
    for what has to outlive a restart. forwards_hour: messages an hour that the rules of one mailbox
    may forward. queue_life: seconds that Postfix tries to hand a message over. chain, key: PEM
    files of the certificate that the doors show. addresses: the server's public ones. receivers:
    delivery service -> names of the MX hosts that it is for, `.example.com` for all below.
    """

    mail_host: str
    domains: tuple[str, ...]
    admin: str
    aliases: tuple[tuple[str, tuple[str, ...]], ...]
    unknown_recipients: Unknown
    forgeries: Forgeries
    always: tuple[str, ...]
    database: str
    state: str
    limits: Limits
    guesses: Guesses
    forwards_hour: int
    chain: str
    key: str
    queue_life: int
    addresses: tuple[str, ...]
    receivers: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def primary(self) -> str:
        """The primary mail domain."""
        return self.domains[0]


def read(path: Path) -> Config:
    """Return the configuration in a file.

    Raises OSError where it cannot be read, ValueError where it is not what the deploy writes.
    """
    return parse(path.read_text("utf-8"))


def parse(text: str) -> Config:
    """Return the configuration in a JSON text. Raises ValueError."""
    given = json.loads(text)
    names = {field.name for field in fields(Config)}
    if not isinstance(given, dict) or set(given) != names:
        raise ValueError(f"expected exactly these settings: {', '.join(sorted(names))}")
    aliases = tuple((address, tuple(to)) for address, to in sorted(given["aliases"].items()))
    made: dict[str, Any] = {
        **given,
        "domains": tuple(given["domains"]),
        "aliases": aliases,
        "always": tuple(given["always"]),
        "limits": Limits(**given["limits"]),
        "guesses": Guesses(**given["guesses"]),
        "addresses": tuple(given["addresses"]),
        "receivers": tuple((name, tuple(mx)) for name, mx in sorted(given["receivers"].items())),
    }
    return Config(**made)
