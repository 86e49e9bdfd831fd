"""What the edge on the host shows: its units, and what it told of in the last day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ground.foreign import json_object

# One line `unit NAME yes|no` for each, one `resolver yes|no`, then the program's events, a line of
# JSON each. The resolver is asked as the program asks it, for a name that no cache has.
_SCRIPT = r"""
export LC_ALL=C
for unit in @units@; do
    { systemctl is-active -q $unit \
        && sha256sum --check --strict --status @stamps@/$unit.sha256 2>/dev/null \
        && echo "unit $unit yes"; } || echo "unit $unit no"
done
ip netns exec @namespace@ python3 -I - @port@ <<'END'
import secrets, socket, sys
name = secrets.token_hex(8).encode()
question = b"\0\1\1\0\0\1\0\0\0\0\0\0\x10" + name + b"\3com\0\0\6\0\1"  # its SOA
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as connection:
        connection.sendall(len(question).to_bytes(2, "big") + question)
        got = connection.makefile("rb").read(6)
        print("resolver", "yes" if len(got) == 6 and got[5] & 15 in (0, 3) else "no")
except OSError:
    print("resolver no")
END
journalctl -u @program@ --since=-24h --no-pager -q -o cat 2>/dev/null | grep '^{"event": '
exit 0
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the program before PMail told of. about: mailbox, address or reason."""

    kind: str
    about: str


@dataclass(frozen=True, slots=True)
class EdgeView:
    """What was seen.

    idle: units that do not run, or not with what is on the disk now. resolves: whether the host's
    resolver answers them; None where that was not seen.
    """

    reached: bool
    idle: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    resolves: bool | None = None


def script(units: Iterable[str], stamps: str, program: str, namespace: str, port: int) -> str:
    """Return the script that looks.

    stamps: folder of what each unit has read. namespace, port: where the program asks for names.
    """
    return (
        _SCRIPT.replace("@units@", " ".join(units))
        .replace("@stamps@", stamps)
        .replace("@program@", program)
        .replace("@namespace@", namespace)
        .replace("@port@", str(port))
    )


def parse(output: str) -> EdgeView:
    """Return the observation in the script's output."""
    idle, events, resolves = [], [], None
    for line in output.splitlines():
        if line.startswith("unit ") and line.endswith(" no"):
            idle.append(line.split()[1])
        elif line in ("resolver yes", "resolver no"):
            resolves = line == "resolver yes"
        elif line.startswith("{") and (event := _event(line)):
            events.append(event)
    return EdgeView(True, tuple(idle), tuple(events), resolves)


# Which value of an event says what it is about.
_ABOUT = {
    "kept": "why",
    "mailbox_limited": "mailbox",
    "forward_braked": "mailbox",
    "login_held": "address",
    "pmail_down": "reason",
}


def _event(line: str) -> Event | None:
    record = json_object(line)
    if "event" not in record:
        return None  # a torn line
    kind = str(record["event"])
    return Event(kind, str(record.get(_ABOUT.get(kind, ""), "")))
