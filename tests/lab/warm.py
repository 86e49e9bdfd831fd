"""A process that has loaded pyinfra and forks for each run: half of a short run is loading it.

What then runs is what `python -m pyinfra ...` runs: the same arguments, environment, folder and
files, and a fresh `__main__`. `python -m tests.lab.warm SOCKET` serves; `run` asks.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import random
import runpy
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.lab.network import Network, state
from tests.lab.process import Daemon, wait_for

REPOSITORY = Path(__file__).parents[2]
_starting = threading.Lock()


def run(
    words: Sequence[str], environment: Mapping[str, str], answer: str, timeout: float
) -> tuple[int, str]:
    """Run `pyinfra WORDS` in the repository's folder; returns exit status and all it printed.

    environment: all of it. answer: what is typed before the end of the file. timeout: seconds,
    after which the run is killed. Raises TimeoutError then, with what was printed.
    """
    asked = json.dumps({"words": list(words), "environment": dict(environment)}).encode()
    with (
        tempfile.TemporaryFile("w+") as typed,
        tempfile.TemporaryFile("w+") as printed,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection,
    ):
        typed.write(answer)
        typed.seek(0)
        connection.settimeout(timeout)
        connection.connect(str(_server()))
        socket.send_fds(connection, [asked], [typed.fileno(), printed.fileno()])
        process = int(connection.recv(32))
        try:
            status = int(connection.recv(32))
        except TimeoutError as late:
            os.killpg(process, signal.SIGKILL)
            printed.seek(0)
            raise TimeoutError(printed.read()) from late
        printed.seek(0)
        return status, printed.read()


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
            own = {"PYTHONPATH": str(REPOSITORY)}
            daemon.start(command, state() / "warm.log", own)
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


# -- the process ---------------------------------------------------------------------------------


def _serve(path: Path) -> None:
    fork, wait = os.fork, os.waitpid  # pyinfra puts gevent's in their place
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener.bind(str(path))
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        if fork() == 0:
            listener.close()
            _attend(connection, fork, wait)
        connection.close()


def _load() -> None:
    """Load pyinfra and ours, but for what runs as soon as it is loaded.

    Nothing of ours looks at environment or folder while it is loaded.
    """
    importlib.import_module("pyinfra_cli.main")
    deploys = importlib.import_module("deploys")
    rooms = [each.name for each in pkgutil.iter_modules(deploys.__path__) if each.ispkg]
    for room in rooms:
        package = importlib.import_module(f"deploys.{room}")
        for each in pkgutil.iter_modules(package.__path__, f"deploys.{room}."):
            importlib.import_module(each.name)


def _attend(
    connection: socket.socket, fork: Callable[[], int], wait: Callable[[int, int], tuple[int, int]]
) -> None:
    """Run what is asked for in a child, and say which it is and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    child = fork()
    if child == 0:
        connection.close()
        _become(files, **json.loads(message))
    for each in files:
        os.close(each)
    with suppress(OSError):  # whoever asked is gone
        connection.send(str(child).encode())
        connection.send(str(os.waitstatus_to_exitcode(wait(child, 0)[1])).encode())
    os._exit(0)


def _become(files: list[int], words: list[str], environment: dict[str, str]) -> None:
    """Be the run that was asked for, as if just started; mounts are those of now."""
    os.setsid()
    Network().move_in()
    typed, printed = files
    for number, file in enumerate((typed, printed, printed)):
        os.dup2(file, number)
    for each in files:
        os.close(each)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(REPOSITORY)
    random.seed()
    sys.argv = ["pyinfra", *words]
    os._exit(_main())


def _main() -> int:
    """Run pyinfra's main, and return the exit status that Python would end with."""
    status: object = 1
    try:
        runpy.run_module("pyinfra", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
