"""Who else has a part: a host's other users, who has taken PMail over, a second controller."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.hosts import Host
from tests.lab.operator import Operator

_TURNED_TO_NOBODY = "--clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs"


def second_controller(operator: Operator, folder: Path) -> Operator:
    """Another controller, with the inventory, state and keys of this moment."""
    shutil.copytree(operator.folder, folder)
    return replace(operator, folder=folder)


@dataclass(frozen=True)
class Neighbour:
    """Another local user: has a shell and a home, and no right beyond."""

    host: Host
    name: str = "neighbour"

    def arrive(self) -> None:
        """Be there."""
        self.host.run(f"useradd --create-home --shell /bin/bash {self.name}", check=True)

    def run(self, command: str) -> str:
        """Run a shell command as they would; returns what it printed, errors too."""
        return self.host.run(f"{self._words} sh -c {shlex.quote(command)} 2>&1")

    def start(self, script: Path | str, *words: str) -> None:
        """Start a Python program that goes on; `said` is what it has printed by then."""
        _start(self.host, self.name, self._words, script, words)

    @property
    def said(self) -> str:
        """What the program has printed."""
        return _said(self.host, self.name)

    @property
    def _words(self) -> str:
        return f"cd /; setpriv --reuid={self.name} --regid={self.name} --init-groups"


@dataclass(frozen=True)
class TakenOver:
    """A service taken over: its user's rights, in its unit's view of files and network.

    unit: as systemd knows it. user: whom it runs as.
    """

    host: Host
    unit: str = "pmail"
    user: str = "pmail"

    def run(self, command: str) -> str:
        """Run a shell command as the service could; returns what it printed, errors too."""
        return self.host.run(f"{self._words} sh -c {shlex.quote(command)} 2>&1")

    def start(self, script: Path | str, *words: str) -> None:
        """Start a Python program that outlives the service; `said` is what it has printed."""
        _start(self.host, f"taken-{self.user}", self._words, script, words)

    @property
    def said(self) -> str:
        """What the program has printed."""
        return _said(self.host, f"taken-{self.user}")

    @property
    def ended(self) -> bool:
        """Whether the program has ended."""
        state = self.host.run(f"systemctl show -P ActiveState actor-taken-{self.user}")
        return state.strip() in ("inactive", "failed")

    @property
    def _words(self) -> str:
        return (
            f"nsenter -t $(systemctl show -P MainPID {self.unit}) -m -n -- "
            f"setpriv --reuid={self.user} --regid={self.user} {_TURNED_TO_NOBODY}"
        )


def _start(host: Host, name: str, words: str, script: Path | str, more: tuple[str, ...]) -> None:
    """Start Python as a unit of its own, with the program as an argument."""
    program = script.read_text("utf-8") if isinstance(script, Path) else script
    inner = f"{words} python3 -c {shlex.quote(program)} {shlex.join(more)}"
    host.run(
        f"systemctl reset-failed actor-{name} 2>/dev/null; "
        f"systemd-run -q --unit=actor-{name} sh -c {shlex.quote(inner)}",
        check=True,
    )


def _said(host: Host, name: str) -> str:
    return host.run(f"journalctl -q -o cat --no-pager -t python3 -t sh -u actor-{name}")
