"""pyinfra operation that puts another PMail in the place of the one that runs, with a way back."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host import pmail_layout as layout
from deploys.host.gathering import Script
from deploys.host.looked import DATABASE, looked
from deploys.host.remote import read
from deploys.host.snapshot import look
from deploys.pmail_server.binary import wanted_folder
from deploys.run.refusals import Around, Refused, on_each
from ground.operations import refuse
from ground.words import Words, family, text
from postmaster.settings import MailServer

_WITHIN = 3600  # seconds; a big database takes its time to be copied twice
_REASONS = ("spoiled", "unnamed", "no_hold", "not_copied", "not_put_back", "interrupted")
_REASON = family("upgrade.reason", _REASONS)
_ENDS = ("refused", "back", "stuck")
_ENDED = family("upgrade", _ENDS)


@dataclass(frozen=True, slots=True)
class Switched:
    """What became of a switch.

    end: "switched", one of `_ENDS`, or "" where it said nothing. version: what the new PMail calls
    itself. reasons: of `_REASONS`. words: the last that PMail said.
    """

    end: str
    version: str = ""
    reasons: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def parse(output: str) -> Switched:
    """Return what the program has printed."""
    end, version, reasons, words = "", "", list[str](), list[str]()
    for line in output.splitlines():
        name, _, rest = line.partition(" ")
        if name == "reason" and rest in _REASONS:
            reasons.append(rest)
        elif name == "switched" or line in _ENDS:
            end, version = name, rest
        else:
            words.append(line)
    return Switched(end, version, tuple(reasons), tuple(words))


def told(switched: Switched) -> str:
    """Return what is said of a switch that did not come to its end."""
    reasons = [text(_REASON[each]) for each in switched.reasons]
    end = text(_ENDED[switched.end]) if switched.end in _ENDED else text("upgrade.unknown")
    return "\n".join((end, *reasons, *switched.words))


def no_room(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where there is no room for the copies that another PMail is tried with."""
    return on_each(around.servers(), _no_room)


def _no_room(host: Host, server: MailServer) -> Iterable[Words]:
    seen = looked(host).of(DATABASE)
    if not seen.link or seen.link == wanted_folder(server) or seen.free is None:
        return
    needed = needed_for(seen.size)
    if seen.free < needed:
        values = {"needed": needed // 1024, "free": seen.free // 1024}
        yield Words.of("upgrade.no_room", **values)


def needed_for(size: int) -> int:
    """Return what a switch needs at its most, in KiB. size: of the database, octets.

    Its copy of before, and the one that returns from it; some more to live on.
    """
    return 2 * size // 1024 + 100 * 1024


IN_USE = Script(f"readlink {layout.BINARY_CURRENT}; [ ! -e {layout.SWITCHING} ]")


@operation()
def switched(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure that the wanted binary is the one in use, its database unharmed.

    It is started on a copy of the database first, alone. Then PMail stops, its database is copied,
    and the new one has it; where that does not get ready, binary and database return. Mail waits
    meanwhile with whoever has it. What an interrupted run has left is finished or taken back.

    + server: the mail server
    """
    wanted = wanted_folder(server)
    there = look(host, IN_USE)
    if there.ok and there.stdout in ("", wanted):
        host.noop(text("upgrade.none"))
        return
    shown = (wanted or "").rpartition("/")[2]
    host.log_styled(f"  ~ {text('upgrade.switch', binary=shown)}", fg="green")
    yield FunctionCommand(_switch, (server,), {})


def _switch(state: State, host: Host, server: MailServer) -> bool:
    left = _run(host, "")
    if left.end in ("back", "stuck"):
        host.log_styled(told(left), fg="yellow")
    if (wanted := wanted_folder(server)) is None:
        return refuse(state, host, text("host.binary_failed"))
    if read(host, f"readlink {layout.BINARY_CURRENT}").stdout == wanted:
        return True
    done = _run(host, f"{wanted} {server.keep_versions}")
    if done.end != "switched":
        return refuse(state, host, told(done))
    host.log_styled(f"  {text('upgrade.switched', version=done.version)}", fg="green")
    return True


def _run(host: Host, words: str) -> Switched:
    """Run the program as a unit of its own: it goes on when we are cut off."""
    unit, output = layout.SWITCH_UNIT, f"{layout.WORK}/switch.log"
    script = (
        f"while systemctl is-active -q {unit}; do sleep 1; done; "
        f"install -d -m 755 {layout.WORK}; rm -f {output}; "
        f"systemd-run -q --wait --collect --unit={unit} -p StandardOutput=append:{output} "
        # Whatever ends it before its end.
        f"-p ExecStopPost={layout.SWITCH} -p TimeoutStopSec=600 {layout.SWITCH} {words}; "
        f"cat {output}; rm -f {output}"
    )
    return parse(read(host, script, timeout=_WITHIN).stdout)
