"""Runs of pyinfra and pmail-deploy on the lab's "internet", by a process that has loaded them.

`python -m tests.lab.warm SOCKET` serves.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import warm
from tests.lab.network import Network, state
from tests.lab.process import Daemon, wait_for
from tests.warm import REPOSITORY, Program

_starting = threading.Lock()


def run(
    program: Program,
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    answer: str,
    timeout: float,
) -> tuple[int, str]:
    """As `tests.warm.run`; mounts are those of now."""
    return warm.run(
        program,
        words,
        environment,
        typed=answer,
        folder=folder,
        timeout=timeout,
        server=_server(),
    )


def stop() -> None:
    """End the process of this instance."""
    _daemon().stop()


def _daemon() -> Daemon:
    return Daemon(state() / "warm.pid")


def _server() -> Path:
    """The socket of this instance's process; started where it does not run or is out of date."""
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
