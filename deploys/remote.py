"""Run a shell script on the host as root without printing it or what goes in or out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from pyinfra.api import Host, StringCommand


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script on the host gave."""

    ok: bool
    stdout: str
    stderr: str


def root_command(host: Host, script: str, *, stdin: str | None = None) -> StringCommand:
    """Return the command that runs a POSIX sh script as root: by sudo unless we are root.

    Secrets belong into `stdin`, which is never printed and is no process argument.
    """
    sudo = bool(host.data.get("_sudo")) or _needs_sudo(host)
    line = f"sh -c {shlex.quote(script)}"
    if stdin is None:
        return StringCommand(line, _sudo=sudo)
    return StringCommand(line, _sudo=sudo, _stdin=stdin)


def read(host: Host, script: str, *, stdin: str | None = None, timeout: int = 60) -> Reply:
    """Run a script as root and return its output; used to look, or inside a FunctionCommand."""
    sudo = bool(host.data.get("_sudo")) or _needs_sudo(host)
    arguments = {"_sudo": sudo, "_timeout": timeout}
    if stdin is not None:
        arguments["_stdin"] = stdin
    ok, output = host.run_shell_command(
        StringCommand("sh", "-c", shlex.quote(script)),
        print_output=False,
        print_input=False,
        **arguments,
    )
    return Reply(ok, "\n".join(output.stdout_lines), "\n".join(output.stderr_lines))


def _needs_sudo(host: Host) -> bool:
    known = _SUDO.get(host.name)
    if known is None:
        ok, output = host.run_shell_command("id -u", print_output=False, print_input=False)
        known = ok and output.stdout_lines[:1] != ["0"]
        _SUDO[host.name] = known
    return known


_SUDO: dict[str, bool] = {}
