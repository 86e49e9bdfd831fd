"""What the host itself shows: the script that looks, and its output as an observation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ground.foreign import whole_number

SCRIPT = """
export LC_ALL=C
echo clock=$(date +%s)
systemctl is-active -q pmail && echo active=yes || echo active=no
if sha256sum --check --strict --status {stamp} 2>/dev/null; then echo current=yes
elif [ -e {stamp} ]; then echo current=no; fi
key() {{
    p=$(openssl pkey -in $2 -pubout -outform DER 2>/dev/null | base64 -w0)
    [ -z "$p" ] || echo "key $1 $p"
}}
{keys}
"""


@dataclass(frozen=True, slots=True)
class HostView:
    """What the host shows. None: could not be seen.

    active: PMail runs. current: it has read what is on the disk now. dkim: owner name of a key's
    record -> base64 of the public part of the key on the host. login: why the admin cannot log
    in, empty when he can. clock: how far the host's clock is ahead of ours, seconds.
    """

    reached: bool
    active: bool | None = None
    current: bool | None = None
    dkim: tuple[tuple[str, str], ...] = ()
    login: str | None = None
    clock: float | None = None


def script(stamp: str, keys: Iterable[tuple[str, str]]) -> str:
    """Return the shell script that looks; the private keys do not leave the host.

    keys: owner name of the record, and path of the private key.
    """
    lines = "\n".join(f"key {owner} {path}" for owner, path in keys)
    return SCRIPT.format(stamp=stamp, keys=lines)


def parse(output: str, login: str | None, now: float) -> HostView:
    """Return the observation in the script's output. now: our clock, Unix seconds."""
    lines = dict(line.partition("=")[::2] for line in output.splitlines() if "=" in line)
    clock = whole_number(lines.get("clock"))
    return HostView(
        True,
        _flag(lines.get("active")),
        _flag(lines.get("current")),
        tuple(_keys(output)),
        login,
        clock - now if clock is not None else None,
    )


def _keys(output: str) -> Iterator[tuple[str, str]]:
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0] == "key":
            yield fields[1], fields[2]


def _flag(value: str | None) -> bool | None:
    return None if value is None else value == "yes"
