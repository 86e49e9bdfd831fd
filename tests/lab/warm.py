"""Whom to ask for runs on the lab's "internet": a process that has loaded pyinfra and ours.

`python -m tests.lab.warm SOCKET` serves.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests import warm
from tests.lab.network import Network, state
from tests.lab.process import Daemon, wait_for
from tests.warm import REPOSITORY

_starting = threading.Lock()


def stop() -> None:
    """End the process of this instance."""
    _daemon().stop()


def _daemon() -> Daemon:
    return Daemon(state() / "warm.pid")


def server() -> Path:
    """The socket of this instance's process, which is started where it is not there or out of date.

    Mounts are those of each run's beginning.
    """
    path, daemon = state() / "warm", _daemon()
    with _starting:
        if daemon.pid is None or _changed_since(daemon.pid_file.stat().st_mtime):
            daemon.stop()
            path.unlink(missing_ok=True)
            command = [sys.executable, "-m", "tests.lab.warm", str(path)]
            daemon.start(command, state() / "warm.log", {"PYTHONPATH": str(REPOSITORY)})
            if not wait_for(path.exists, 60):
                raise RuntimeError((state() / "warm.log").read_text())
    return path


def _changed_since(seconds: float) -> bool:
    files = (path for room in _ours() for path in (REPOSITORY / room).rglob("*.py"))
    return any(path.stat().st_mtime > seconds for path in files)


def _ours() -> list[str]:
    return [
        path.parent.name for path in REPOSITORY.glob("*/__init__.py") if path.parent.name != "tests"
    ]


if __name__ == "__main__":
    warm.serve(Path(sys.argv[1]), Network().move_in, until_input_ends=False)
