"""A host that is this machine, for tests of scripts: no SSH, and nobody else's rights."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deploys.host import remote

# Whose rights a command gets is for the lab to show.
_SETPRIV = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


@dataclass(eq=False)
class Here:
    """Runs scripts here. programs: a folder whose programs come before the machine's."""

    programs: Path
    name: str = "here"
    scripts: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    state: Any = field(default_factory=lambda: SimpleNamespace(is_executing=True))

    def __post_init__(self) -> None:
        self.programs.mkdir(exist_ok=True)
        remote._SUDO[self.name] = False
        self.program("setpriv", _SETPRIV)

    def program(self, name: str, content: str) -> None:
        """Have another program be found by a name."""
        (self.programs / name).write_text(content)
        (self.programs / name).chmod(0o755)

    def run_shell_command(self, command: Any, _stdin: str = "", **_: Any) -> tuple[bool, Any]:
        """Run a command as pyinfra does."""
        self.scripts.append(str(command))
        self.inputs.append(_stdin)
        path = f"{self.programs}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", str(command)],
            input=_stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": path},
            check=False,
        )
        seen = {"stdout_lines": done.stdout.splitlines(), "stderr_lines": done.stderr.splitlines()}
        return done.returncode == 0, SimpleNamespace(**seen)
