"""Smarthosts' passwords and authorities: where they come from, and what the host has of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pyinfra.api import Host

from deploys.host import outbound_layout as layout
from deploys.host.files import Wanted
from deploys.host.gathering import Script
from deploys.host.pmail_layout import MARK
from deploys.host.snapshot import look
from deploys.outbound import configure
from deploys.run.refusals import Around, Refused, on_each
from ground.secret_values import BadSecret, read_file, read_variable
from ground.words import Words
from postmaster.checks.bare import Kept, Password
from postmaster.checks.preflight import password_problem
from postmaster.outbound import mode_of
from postmaster.settings import MailServer, Smarthost


def passwords(host: Host, server: MailServer) -> tuple[Password, ...]:
    """Return where each smarthost's password is: here, or on the host from an earlier run."""
    if mode_of(server).sends_from != "provider":
        return ()
    return tuple(
        Password(each.host, each.user, _source(each), _kept(host, number, each))
        for number, each in enumerate(server.relay.smarthosts)
    )


def missing_passwords(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where a smarthost's password is nowhere, or others can read it."""
    return on_each(around.servers(), _missing)


def _missing(host: Host, server: MailServer) -> Iterable[Words]:
    try:
        found = passwords(host, server)
    except BadSecret as error:
        yield error.words
        return
    for each in found:
        if problem := password_problem(each):
            seen, remedy = problem
            yield Words.of("relay.password", smarthost=each.smarthost, seen=seen, remedy=remedy)


def _kept(host: Host, number: int, smarthost: Smarthost) -> Kept:
    if _exposed(smarthost):
        return Kept.EXPOSED
    if _password(smarthost) is None and not _same_account(host, number, smarthost):
        return Kept.MISSING
    return Kept.KNOWN


def files(server: MailServer) -> list[Wanted]:
    """Passwords (for root only) and authorities, as far as they are here."""
    found = []
    for number, smarthost in enumerate(server.relay.smarthosts):
        password = _password(smarthost)
        if password is not None:
            content = configure.password_line(smarthost, password).encode()
            path = layout.password_file(number)
            found.append(Wanted(path, content, "root", "root", "600", MARK))
        if smarthost.ca_file:
            authority = Path(smarthost.ca_file).read_bytes()
            found.append(Wanted(layout.ca_file(number), authority, "root", "root", "644"))
    return found


def passwords_kept(server: MailServer) -> tuple[Script, ...]:
    """Return the looks at whose passwords a host has."""
    by_provider = mode_of(server).sends_from == "provider"
    return tuple(map(_kept_on_host, range(len(server.relay.smarthosts)))) if by_provider else ()


def _kept_on_host(number: int) -> Script:
    path = layout.password_file(number)
    return Script(f"grep -v '^#' {path} 2>/dev/null | cut -d: -f1-2")


OF_HOST = f"ls -1 {layout.RELAY}/smarthost-* 2>/dev/null"


def unused(host: Host, server: MailServer) -> tuple[str, ...]:
    """Return paths on the host that no smarthost of the settings has."""
    there = look(host, OF_HOST).stdout.split()
    wanted = set()
    for number, smarthost in enumerate(server.relay.smarthosts):
        wanted.add(layout.password_file(number))
        if smarthost.ca_file:
            wanted.add(layout.ca_file(number))
    return tuple(path for path in there if path not in wanted)


def _source(smarthost: Smarthost) -> str:
    return smarthost.password_env or smarthost.password_file or ""


def _file(smarthost: Smarthost) -> Path:
    return Path(os.path.expanduser(smarthost.password_file or ""))


def _exposed(smarthost: Smarthost) -> bool:
    path = _file(smarthost)
    return path.is_file() and bool(path.stat().st_mode & 0o077)


def _password(smarthost: Smarthost) -> str | None:
    """The password as far as it is here. Raises BadSecret."""
    if variable := smarthost.password_env:
        given = os.environ.get(variable)
        return read_variable(given, variable, chosen=True) if given else None
    path = _file(smarthost)
    return read_file(path, chosen=True) if path.is_file() and path.stat().st_size else None


def _same_account(host: Host, number: int, smarthost: Smarthost) -> bool:
    """Whether the host has a password of this very account from an earlier run."""
    known = look(host, _kept_on_host(number)).stdout.strip()
    return known == f"{configure.smarthost_key(smarthost)} {smarthost.user}"
