"""The operator's machine: one site folder, its inventory, and runs of pyinfra against the lab."""

from __future__ import annotations

import json
import os
import pprint
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keys.store import KeyStore
from tests import warm
from tests.lab import warm as lab_warm
from tests.warm import REPOSITORY, Program

_STATUS = re.compile(
    r"^\s*\[(?P<host>[^\]]+)\]\s+(?P<status>Success|No changes|Error)", re.MULTILINE
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Nobody waits for days in the lab: old records go sooner than any user may have them go.
_HURRIED = """
from postmaster import parse as _parse
_parse._check_keep = lambda *_: None
"""

InLab = Callable[[list[str]], list[str]]


@dataclass(frozen=True)
class Run:
    """A finished run: exit status and everything it printed, without colours."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        """How many operations changed something."""
        return self._count("Success")

    @property
    def unchanged(self) -> int:
        """How many operations had nothing to do."""
        return self._count("No changes")

    def _count(self, status: str) -> int:
        return sum(found["status"] == status for found in _STATUS.finditer(self.output))


@dataclass
class Operator:
    """One site's folder on the operator's machine.

    in_lab: turns an argument list into one that runs on the lab's "internet".
    servers, zones: inventory name -> data. secrets: environment variables with secrets.
    """

    folder: Path
    in_lab: InLab
    servers: dict[str, dict[str, object]] = field(default_factory=dict)
    zones: dict[str, dict[str, object]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The site's state folder."""
        return self.folder / "state"

    @property
    def keys(self) -> Path:
        """The site's key store."""
        return self.folder / "keys"

    @property
    def inventory(self) -> Path:
        """The inventory file."""
        return self.folder / "inventory.py"

    def new_key(self, domain: str, selector: str) -> None:
        """Make another key, to be used from the next run on."""
        store = KeyStore(self.keys)
        store.create(domain, selector)
        store.set_current(domain, selector)

    def write_inventory(self) -> None:
        """Write the inventory as a user would: one self-contained file of data."""
        servers = pprint.pformat(list(self.servers.items()), sort_dicts=False, width=96)
        zones = [(f"@zone/{name}", data) for name, data in self.zones.items()]
        hurried = any("dkim_keep_days" in data for data in self.servers.values())
        self.inventory.write_text(
            f"mail_servers = {servers}\n\nzones = {pprint.pformat(zones, sort_dicts=False)}\n"
            + (_HURRIED if hurried else "")
        )

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a run: this site's folders, English, the secrets."""
        own = {
            "PMAIL_STATE": str(self.state),
            "PMAIL_KEYS": str(self.keys),
            "PMAIL_LANG": "en",
            "PYINFRA_PROGRESS": "off",
        }
        return {**os.environ, **own, **self.secrets, **(extra or {})}

    def command(self, deploy: str, *options: str) -> list[str]:
        """The pyinfra command of a run, to be executed in the repository."""
        return self.in_lab([sys.executable, "-m", "pyinfra", str(self.inventory), deploy, *options])

    def run(
        self,
        deploy: str = "deploy.py",
        *options: str,
        answer: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float = 600,
        folder: Path = REPOSITORY,
    ) -> Run:
        """Run a deploy file; `-y` unless other options are given. folder: where that is done."""
        self.write_inventory()
        words = (str(self.inventory), deploy, *(options or ("-y",)))
        own = self.environment(environment)
        return self._done(Program.PYINFRA, words, own, typed=answer, timeout=timeout, folder=folder)

    def pmail_deploy(self, *words: str) -> Run:
        """Run `pmail-deploy` as a user does, in the site's folder; its outcome is in `outcome`."""
        self.write_inventory()
        own = self.environment({"PMAIL_OUTCOME": str(self.folder / "outcome")})
        return self._done(Program.PMAIL_DEPLOY, words, own, folder=self.folder, timeout=600)

    def _done(
        self, program: Program, words: Sequence[str], environment: Mapping[str, str], **how: Any
    ) -> Run:
        """A run of a program in the lab. how: as `tests.warm.run` takes it."""
        asked = lab_warm.server()
        status, printed = warm.run(program, words, environment, server=asked, **how)
        return Run(status, _COLOUR.sub("", printed))

    @property
    def outcome(self) -> dict[str, Any]:
        """The last line of the last `pmail-deploy`'s outcome: the verdict."""
        last: dict[str, Any] = json.loads((self.folder / "outcome").read_text().splitlines()[-1])
        return last

    def start(
        self,
        deploy: str = "deploy.py",
        *options: str,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a run in a session of its own, to be cut or killed from outside."""
        self.write_inventory()
        return subprocess.Popen(
            self.command(deploy, *(options or ("-y",))),
            cwd=REPOSITORY,
            env=self.environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
