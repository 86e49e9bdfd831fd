"""Run a shell script on the host as root without printing it, or what goes in or comes out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from pyinfra.api import Host, StringCommand


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script on the host gave: exit status 0 or not, and its output."""

    ok: bool
    stdout: str
    stderr: str


def read(host: Host, script: str, *, stdin: str | None = None, timeout: int = 120) -> Reply:
    """Run a POSIX sh script as root (by sudo unless we are root) and return what it gave.

    Used to look before an operation's first yield, and to act inside a FunctionCommand. The
    script is a process argument on the host: secrets belong into `stdin`, which is not.
    `timeout`: seconds.
    """
    options: dict[str, Any] = {"_sudo": needs_sudo(host), "_timeout": timeout}
    if stdin is not None:
        options["_stdin"] = stdin
    ok, output = host.run_shell_command(
        StringCommand("sh", "-c", shlex.quote(script)),
        print_output=False,
        print_input=False,
        **options,
    )
    return Reply(ok, "\n".join(output.stdout_lines), "\n".join(output.stderr_lines))


def needs_sudo(host: Host) -> bool:
    """Whether we are not root on the host."""
    known = _SUDO.get(host.name)
    if known is None:
        ok, output = host.run_shell_command("id -u", print_output=False, print_input=False)
        known = ok and list(output.stdout_lines[:1]) != ["0"]
        _SUDO[host.name] = known
    return known


def why_not_root(host: Host) -> str | None:
    """Return why `read` cannot be root on the host, None where it can; no password is asked for."""
    if not needs_sudo(host):
        return None
    ok, output = host.run_shell_command("sudo -n true", print_output=False, print_input=False)
    return None if ok else next(reversed(list(output.stderr_lines)), "-")


_SUDO: dict[str, bool] = {}
