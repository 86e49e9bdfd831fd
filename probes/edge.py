"""What the edge on the host shows: its units, and what it told of in the last day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

# One line `unit NAME yes|no` for each, one `resolver ADDRESS yes|no`, then the program's events, a
# line of JSON each. The resolver is asked as the programs in PMail's network ask it: by TCP.
_SCRIPT = r"""
export LC_ALL=C
for unit in @units@; do
    { systemctl is-active -q $unit \
        && sha256sum --check --strict --status @stamps@/$unit.sha256 2>/dev/null \
        && echo "unit $unit yes"; } || echo "unit $unit no"
done
python3 -I - <<'END'
import re, socket
found = re.findall(r"^nameserver\s+([0-9a-fA-F.:]+)", open("/etc/resolv.conf").read(), re.M)
address = (found or ["127.0.0.1"])[0]
question = bytes.fromhex("0001010000010000000000000000060001")  # the SOA of the root
try:
    with socket.create_connection((address, 53), 5) as connection:
        connection.settimeout(5)
        connection.sendall(len(question).to_bytes(2, "big") + question)
        got = connection.makefile("rb").read(6)
        print("resolver", address, "yes" if len(got) == 6 and got[5] & 15 == 0 else "no")
except OSError:
    print("resolver", address, "no")
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

    idle: units that do not run, or not with what is on the disk now. deaf: the host's resolver,
    where it does not answer over TCP.
    """

    reached: bool
    idle: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    deaf: str = ""


def script(units: Iterable[str], stamps: str, program: str) -> str:
    """Return the script that looks. stamps: folder of what each unit has read."""
    return (
        _SCRIPT.replace("@units@", " ".join(units))
        .replace("@stamps@", stamps)
        .replace("@program@", program)
    )


def parse(output: str) -> EdgeView:
    """Return the observation in the script's output."""
    idle, events, deaf = [], [], ""
    for line in output.splitlines():
        if line.startswith("unit ") and line.endswith(" no"):
            idle.append(line.split()[1])
        elif line.startswith("resolver ") and line.endswith(" no"):
            deaf = line.split()[1]
        elif line.startswith("{") and (event := _event(line)):
            events.append(event)
    return EdgeView(True, tuple(idle), tuple(events), deaf)


# Which value of an event says what it is about.
_ABOUT = {
    "kept": "why",
    "mailbox_limited": "mailbox",
    "forward_braked": "mailbox",
    "login_held": "address",
    "pmail_down": "reason",
}


def _event(line: str) -> Event | None:
    try:
        record = json.loads(line)
        kind = str(record["event"])
    except (ValueError, KeyError, TypeError):
        return None  # a torn line
    return Event(kind, str(record.get(_ABOUT.get(kind, ""), "")))
