"""Files of somebody else where ours are going to be."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra.api import Host

from deploys.host.pmail_layout import MARK
from deploys.host.remote import read
from ground.errors import DeployError


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file that is written only where there is none, or one of ours.

    beside: without this other file it is nobody's. of: the program that it configures, where that
    is what somebody else has on the host, and files moved away would be no remedy.
    """

    path: str
    beside: str = ""
    of: str = ""


def foreign(host: Host, guarded: tuple[Guarded, ...]) -> tuple[Guarded, ...]:
    """Return where something is that is not ours. Raises DeployError."""
    reply = read(host, script(guarded))
    if not reply.ok:
        raise DeployError("host.not_looked", reason=reply.stderr.strip() or "-")
    there = set(reply.stdout.splitlines())
    return tuple(each for each in guarded if each.path in there)


def script(guarded: tuple[Guarded, ...]) -> str:
    """Return the script that shows the paths where something is that is not ours."""
    looks = (
        f"look {shlex.quote(each.path)} {shlex.quote(each.beside or each.path)}" for each in guarded
    )
    return "\n".join(
        (
            'there() { [ -e "$1" ] || [ -L "$1" ]; }',
            f'look() {{ there "$1" && there "$2" || return 0; grep -qsF {shlex.quote(MARK)} "$1" '
            '|| printf "%s\\n" "$1"; }',
            *looks,
        )
    )
