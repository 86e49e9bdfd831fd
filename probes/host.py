"""What the host itself shows: the script that looks, and its output as an observation."""

from __future__ import annotations

from dataclasses import dataclass

SCRIPT = """
export LC_ALL=C
systemctl is-active -q pmail && echo active=yes || echo active=no
if sha256sum --check --strict --status {stamp} 2>/dev/null; then echo current=yes
elif [ -e {stamp} ]; then echo current=no; fi
p=$(openssl pkey -in {key} -pubout -outform DER 2>/dev/null | base64 -w0)
[ -n "$p" ] && echo dkim=$p
exit 0
"""


@dataclass(frozen=True, slots=True)
class HostView:
    """What the host shows. None: could not be seen.

    active: PMail runs. current: it has read what is on the disk now. dkim: base64 of the public
    part of the key on the host. login: why the admin cannot log in, empty when he can.
    """

    reached: bool
    active: bool | None = None
    current: bool | None = None
    dkim: str | None = None
    login: str | None = None


def script(stamp: str, key: str) -> str:
    """Return the shell script that looks; the private key does not leave the host."""
    return SCRIPT.format(stamp=stamp, key=key)


def parse(output: str, login: str | None) -> HostView:
    """Return the observation in the script's output."""
    lines = dict(line.partition("=")[::2] for line in output.splitlines() if "=" in line)
    return HostView(
        True,
        _flag(lines.get("active")),
        _flag(lines.get("current")),
        lines.get("dkim"),
        login,
    )


def _flag(value: str | None) -> bool | None:
    return None if value is None else value == "yes"
