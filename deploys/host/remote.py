"""Run a shell script on the host as root without printing it, or what goes in or comes out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

import pyinfra.connectors.util
from pyinfra.api import Host, StringCommand

from deploys.host.channels import opens_ahead, sent_at_once
from ground.errors import DeployError
from ground.words import text


@dataclass(frozen=True, slots=True)
class Reply:
    """What a script on the host gave: exit status 0 or not, and its output."""

    ok: bool
    stdout: str
    stderr: str


def read(host: Host, script: str, *, stdin: str | None = None, timeout: int = 120) -> Reply:
    """Run a POSIX sh script as root (by sudo unless we are root) and return what it gave.

    Used to act inside a FunctionCommand: whatever was seen of the host before counts no more.
    Who only looks does so by `snapshot`. As `ask`.
    """
    _ACTS[host.name] = acts_on(host) + 1
    try:
        return ask(host, script, stdin=stdin, timeout=timeout)
    finally:
        _ACTS[host.name] += 1


def acts_on(host: Host) -> int:
    """Return a number that is another one once something has been done to the host."""
    return _ACTS.get(host.name, 0)


def ask(host: Host, script: str, *, stdin: str | None = None, timeout: int = 120) -> Reply:
    """Run a script and return what it gave, without a word to those who have seen the host.

    The script is a process argument on the host: secrets belong into `stdin`, which is not.
    `timeout`: seconds, after which it is ended there, with all that it has started. Files that it
    makes are for everybody to read, unless it sets another umask.
    """
    if not _SUDO.get(host.name):
        before = "" if host.name in _SUDO else _IF_ROOT
        reply = _run(host, before, script, stdin, timeout, sudo=False)
        if reply.stdout != _NOT_ROOT:
            return reply
        _SUDO[host.name] = True
    if reason := why_not_root(host):
        # pyinfra would ask for a password, and have it in the host's process list.
        return Reply(False, "", text("host.no_root", reason=reason))
    return _run(host, "", script, stdin, timeout, sudo=True)


def _run(
    host: Host, before: str, script: str, stdin: str | None, timeout: int, *, sudo: bool
) -> Reply:
    """What a script gave. before: goes before it, with nobody's rights but the user's own."""
    ask_no_password()
    opens_ahead(host)
    options: dict[str, Any] = {"_sudo": sudo, "_timeout": timeout + _HOST_IS_GONE}
    if stdin is not None:
        options["_stdin"] = stdin
    too_long = text("host.too_long", seconds=timeout)
    words = ("sh", "-c", before + _BOUNDED, "sh", str(timeout), START + script)
    try:
        with sent_at_once(host):
            ok, output = host.run_shell_command(
                StringCommand(*map(shlex.quote, words)),
                print_output=False,
                print_input=False,
                **options,
            )
    except TimeoutError:
        return Reply(False, "", too_long)
    errors = list(output.stderr_lines)
    over = errors[-1:] == [_OVER]
    return Reply(ok, "\n".join(output.stdout_lines), too_long if over else "\n".join(errors))


ONE_ACT = 2  # how much one act adds to the number: it is none any more when it begins, and ends
# A signal ends it by way of what it has to do at its exit, which dash leaves out otherwise.
START = "umask 022\ntrap 'exit 143' HUP INT TERM\n"
_OVER = "over its limit"
_BOUNDED = (
    'timeout -k 10 "$1" sh -c "$2"; ended=$?; '
    f"case $ended in 124|137) echo '{_OVER}' >&2;; esac; exit $ended"
)
# Most log in as root, and need not be asked who they are before.
_NOT_ROOT = "not root"
_IF_ROOT = f'[ "$(id -u)" = 0 ] || {{ cat >/dev/null; echo {_NOT_ROOT}; exit 77; }}; '
_HOST_IS_GONE = 60  # seconds that a host has left to tell that it has ended a script


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
    if host.name not in _NO_ROOT:
        _, output = host.run_shell_command(_TRY_SUDO, print_output=False, print_input=False)
        said = list(output.stdout_lines)
        _NO_ROOT[host.name] = said[-1].removeprefix(_SAID) if said else None
    return _NO_ROOT[host.name]


def ask_no_password() -> None:
    """Have pyinfra ask for no password of sudo's: it would be an argument of processes there.

    sudo may want one for a command though it wanted none to look.
    """

    def refuse(prompt: str = "", stream: TextIO | None = None) -> NoReturn:
        raise DeployError("host.sudo_password")

    pyinfra.connectors.util.getpass = refuse


_SAID = "- "  # what sudo says as it is has pyinfra ask for a password
# What it says though it works, as of a host name that it cannot resolve, is no reason.
_TRY_SUDO = (
    "said=$(sudo -n -H sh -c true 2>&1) || "
    f"""printf '%s\\n' "${{said:-sudo}}" | sed 's/^/{_SAID}/'"""
)
_NO_ROOT: dict[str, str | None] = {}
_SUDO: dict[str, bool] = {}
_ACTS: dict[str, int] = {}
