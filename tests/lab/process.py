"""Daemons of the lab: started detached, remembered by pid and start time, ended for certain."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def started_at(pid: int) -> str | None:
    """Start time of a live process; None for a dead one and for a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] == "Z" else fields[19]


@dataclass(frozen=True)
class Daemon:
    """A process whose id is kept in a file, so that a later run can end it."""

    pid_file: Path

    @property
    def pid(self) -> int | None:
        """Its process id while it lives."""
        try:
            pid, start = self.pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started_at(int(pid)) == start else None

    def start(self, command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> None:
        """Start it in a session of its own."""
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        self.pid_file.write_text(f"{process.pid} {started_at(process.pid)}")

    def send(self, number: int) -> None:
        """Send a signal, if it is still the process that was started."""
        if pid := self.pid:
            os.kill(pid, number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, and wait until it is gone."""
        self.send(number)
        if not wait_for(lambda: self.pid is None, 5):
            self.send(signal.SIGKILL)
            wait_for(lambda: self.pid is None, 5)
        self.pid_file.unlink(missing_ok=True)


def wait_for(true: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Wait until something is true; False when it did not become so in time.

    Looking takes half of the time at most: what is waited for needs the machine too.
    """
    deadline = time.monotonic() + seconds
    began = time.monotonic()
    while not true():
        now = time.monotonic()
        if now > deadline:
            return False
        time.sleep(max(pause, now - began))
        began = time.monotonic()
    return True


def wait_while_it_moves(left: Callable[[], int], still: float, pause: float = 0.5) -> bool:
    """Wait until nothing is left; False when it has not become less for `still` seconds.

    A busy machine is slow, which is no failure; one on which nothing moves any more is stuck.
    """
    least, deadline = left(), time.monotonic() + still
    while least > 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        now = left()
        if now < least:
            least, deadline = now, time.monotonic() + still
    return True


def run(*command: str, check: bool = True, input: str | None = None) -> str:
    """Run a command and return its output; its error text is in the exception."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=input)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
