"""A process that has loaded pyinfra and ours and forks for each run: half of a run is loading.

What then runs is what `python -m pyinfra ...` or `pmail-deploy ...` runs: the same arguments,
environment, folder and files, and a fresh `__main__`. What pmail-deploy starts is forked as well.
`python -m tests.warm SOCKET` serves until its standard input ends.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
_LATE = "deploys.cli"  # looks at the language while it is loaded
_LONGEST = 1 << 20  # bytes of a request


class Program(StrEnum):
    """What is run."""

    PYINFRA = "pyinfra"
    PMAIL_DEPLOY = "pmail-deploy"


def run(
    program: Program,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    typed: str | None = "",
    folder: Path = REPOSITORY,
    timeout: float = 120,
    server: Path | None = None,
) -> tuple[int, str]:
    """Run `PROGRAM WORDS` in a folder; returns exit status and all it printed.

    environment: all of it. typed: before the end of standard input, which is closed for None.
    timeout: seconds, after which the run is killed. server: whom to ask, None for one that ends
    with this process. Raises TimeoutError after the timeout, with what was printed.
    """
    with ExitStack() as files:
        printed = files.enter_context(tempfile.TemporaryFile("w+"))
        given = [printed.fileno(), printed.fileno()]
        if typed is not None:
            answer = files.enter_context(tempfile.TemporaryFile("w+"))
            answer.write(typed)
            answer.seek(0)
            given = [answer.fileno(), *given]
        try:
            status = run_with(
                given, program, words, environment, folder=folder, timeout=timeout, server=server
            )
        except TimeoutError:
            printed.seek(0)
            raise TimeoutError(printed.read()) from None
        printed.seek(0)
        return status, printed.read()


def run_with(
    files: Sequence[int],
    program: Program,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path = REPOSITORY,
    timeout: float | None = 120,
    server: Path | None = None,
) -> int:
    """As `run`; files: standard input, unless that is closed, output and errors."""
    asked = {"program": program, "words": list(words), "environment": dict(environment)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(timeout)
        connection.connect(str(server or _own()))
        message = json.dumps({**asked, "folder": str(folder)}).encode()
        socket.send_fds(connection, [message], files)
        return int(connection.recv(32))


@cache
def _own() -> Path:
    """The socket of a server that ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    path = Path(folder.name) / "socket"
    command = [sys.executable, "-m", "tests.warm", str(path)]
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin and process.stdout
    atexit.register(folder.cleanup)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    if not process.stdout.readline():
        raise RuntimeError("the server ended")
    return path


# -- the server ----------------------------------------------------------------------------------


class _System:
    """What pyinfra puts gevent's in the place of when it is loaded."""

    def __init__(self) -> None:
        self.fork, self.waitpid, self.poll = os.fork, os.waitpid, select.poll


def serve(path: Path, enter: Callable[[], object], *, until_input_ends: bool) -> None:
    """Serve at a socket that is made once all is loaded. enter: done first in each run."""
    system = _System()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener.bind(f"{path}.new")
    listener.listen(64)
    os.rename(f"{path}.new", path)  # whoever sees it can connect
    print(flush=True)
    waiting = system.poll()
    waiting.register(listener, select.POLLIN)
    if until_input_ends:
        waiting.register(0, select.POLLIN)
    while listener.fileno() in dict(waiting.poll()):
        connection, _ = listener.accept()
        if system.fork() == 0:
            listener.close()
            _attend(connection, path, enter, system)
        connection.close()


def _load() -> None:
    """Load pyinfra and ours, but for what runs as soon as it is loaded.

    Nothing else of ours looks at environment or folder while it is loaded.
    """
    importlib.import_module("pyinfra_cli.main")
    deploys = importlib.import_module("deploys")
    names = [
        f"deploys.{each.name}" for each in pkgutil.iter_modules(deploys.__path__) if each.ispkg
    ]
    for name in names:
        package = importlib.import_module(name)
        for each in pkgutil.iter_modules(package.__path__, f"{name}.") if name != _LATE else ():
            importlib.import_module(each.name)
    importlib.import_module(f"{_LATE}.refusals")


def _attend(
    connection: socket.socket, server: Path, enter: Callable[[], object], system: _System
) -> None:
    """Run what is asked for in a child, and say how it ended; it is killed where nobody waits."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, _LONGEST, 3)
    child = system.fork()
    if child == 0:
        connection.close()
        _become(server, enter, files, **json.loads(message))
    for each in files:
        os.close(each)
    waiting, ended = system.poll(), os.pidfd_open(child)
    waiting.register(ended, select.POLLIN)
    waiting.register(connection, select.POLLIN)
    if ended not in dict(waiting.poll()):
        with suppress(ProcessLookupError):  # it has just ended
            os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(system.waitpid(child, 0)[1])
    with suppress(OSError):  # whoever asked is gone
        connection.send(str(status).encode())
    os._exit(0)


def _become(
    server: Path,
    enter: Callable[[], object],
    files: list[int],
    program: str,
    words: list[str],
    environment: dict[str, str],
    folder: str,
) -> None:
    """Be the run that was asked for, as if just started."""
    os.setsid()
    enter()
    _take(files)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    random.seed()
    sys.argv = [program, *words]
    mains = {Program.PYINFRA: _pyinfra, Program.PMAIL_DEPLOY: lambda: _pmail_deploy(server)}
    os._exit(_status(mains[Program(program)]))


def _take(files: list[int]) -> None:
    """Have files as standard input, which is closed where there are two, output and errors."""
    *typed, printed, errors = files
    if typed:
        os.dup2(typed[0], 0)
    else:
        os.close(0)
    os.dup2(printed, 1)
    os.dup2(errors, 2)
    for each in files:
        os.close(each)
    sys.stdin = sys.__stdin__ = os.fdopen(0) if typed else None  # type: ignore[assignment]
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", 1)


def _pyinfra() -> object:
    return runpy.run_module("pyinfra", run_name="__main__", alter_sys=True)


def _pmail_deploy(server: Path) -> object:
    """Its command; pyinfra, which it starts, is forked too."""
    main: Any = importlib.import_module(f"{_LATE}.main")

    def call(command: list[str], environment: dict[str, str], stdout: int | None = None) -> int:
        program, words = command[:4], command[4:]
        assert program == [sys.executable, "-P", "-m", "pyinfra"], program
        given = [each for each in (0, 1, 2) if each or sys.stdin]
        files = [stdout if each == 1 and stdout else each for each in given]
        return run_with(
            files,
            Program.PYINFRA,
            words,
            environment,
            folder=Path.cwd(),
            timeout=None,
            server=server,
        )

    main.call = call
    return main.main()


def _status(main: Callable[[], object]) -> int:
    """Run a program's main, and return the exit status that Python would end with."""
    status: object = 1
    try:
        main()
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
    serve(Path(sys.argv[1]), lambda: None, until_input_ends=True)
