"""What the edge on the host shows: its units, and what it told of in the last day."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

# One line `unit NAME yes|no` for each, then the program's events, one line of JSON each.
_SCRIPT = r"""
export LC_ALL=C
for unit in @units@; do
    { systemctl is-active -q $unit \
        && sha256sum --check --strict --status @stamps@/$unit.sha256 2>/dev/null \
        && echo "unit $unit yes"; } || echo "unit $unit no"
done
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
    """What was seen. idle: units that do not run, or not with what is on the disk now."""

    reached: bool
    idle: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()


def script(units: Iterable[str], stamps: str, program: str) -> str:
    """Return the script that looks. stamps: folder of what each unit has read."""
    return (
        _SCRIPT.replace("@units@", " ".join(units))
        .replace("@stamps@", stamps)
        .replace("@program@", program)
    )


def parse(output: str) -> EdgeView:
    """Return the observation in the script's output."""
    idle, events = [], []
    for line in output.splitlines():
        if line.startswith("unit ") and line.endswith(" no"):
            idle.append(line.split()[1])
        elif line.startswith("{") and (event := _event(line)):
            events.append(event)
    return EdgeView(True, tuple(idle), tuple(events))


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
