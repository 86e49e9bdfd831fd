"""pyinfra operations for Debian packages, and for the users that programs run as."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from deploys.host import files as host_files
from deploys.host.gathering import Script
from deploys.host.snapshot import look
from ground.words import text

Commands = Generator[FunctionCommand, None, None]


@operation()
def packages(
    names: tuple[str, ...],
    answers: tuple[str, ...] = (),
    afterwards: str = "true",
    unstarted: str = "",
) -> Commands:
    """Ensure Debian packages, asking nothing and upgrading nothing.

    + names: package names
    + answers: to questions of theirs, lines for debconf-set-selections
    + afterwards: shell command, run only when something was installed
    + unstarted: a unit that comes with them and must not be started, nor be enabled
    """
    there = look(host, packages_there(names)).stdout.splitlines()
    missing = [name for name in names if f"{name} installed" not in there]
    if not missing:
        host.noop(text("host.packages_there", packages=" ".join(names)))
        return
    for name in missing:
        host.log_styled(f"  + {name}", fg="green")
    answer = "".join(f"echo {shlex.quote(line)} | debconf-set-selections; " for line in answers)
    # Lists of the last hour will do; if they do not, they are fetched anew.
    hold = (
        f"systemctl mask -q --runtime {unstarted} 2>/dev/null; "
        f"trap 'systemctl unmask -q --runtime {unstarted}; systemctl disable -q {unstarted}' EXIT; "
        if unstarted
        else ""
    )
    install = (
        f"{hold}export DEBIAN_FRONTEND=noninteractive; {answer}"
        "put() { apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "
        f"-o Dpkg::Options::=--force-confold {' '.join(missing)} </dev/null; }}; "
        "{ find /var/lib/apt/lists -name '*_Packages*' -mmin -60 | grep -q . && put; } || "
        f"{{ apt-get update -qq && put; }} && {afterwards}"
    )
    failure = text("host.packages_failed", packages=" ".join(missing))
    yield FunctionCommand(host_files.run, (install, failure), {})


def packages_there(names: tuple[str, ...]) -> Script:
    """Return the look at which of some packages are there."""
    form = "${Package} ${db:Status-Status}\\n"
    return Script(f"dpkg-query -W -f='{form}' {' '.join(names)} 2>/dev/null")


@operation()
def system_user(user: str, home: str) -> Commands:
    """Ensure a system user and group that nobody can log in as.

    + user: name of both
    + home: its folder, not made here
    """
    if look(host, user_there(user)).ok:
        host.noop(text("host.user_there", user=user))
        return
    host.log_styled(f"  + {user}", fg="green")
    script = (
        f"getent group {user} >/dev/null || groupadd --system {user}; "
        f"getent passwd {user} >/dev/null || useradd --system --gid {user} --home-dir {home} "
        f"--no-create-home --shell /usr/sbin/nologin {user}"
    )
    yield FunctionCommand(host_files.run, (script, text("host.user_failed", user=user)), {})


def user_there(user: str) -> Script:
    """Return the look at whether a user is there, and a group of its name."""
    return Script(f"getent passwd {user} && getent group {user}")
