"""`@local` for tests: a run that reads and writes a folder of the test's in place of our own.

Tests are run by people whose machine has a mail server, or a lab beside them, and often as root.
"""

from __future__ import annotations

from pathlib import Path

# An inventory is Python that the run itself executes.
_APART = """
import pyinfra.connectors.local as _local
from deploys.host import remote as _remote
from deploys.host.pmail_layout import OWN as _OWN

def _elsewhere(command, *words, _run=_local.run_local_process, **options):
    return _run(command.replace(_OWN, {folder!r}), *words, **options)

_local.run_local_process = _elsewhere
_remote._SUDO["@local"] = False
"""


def apart(folder: Path, inventory: str) -> str:
    """Return an inventory whose `@local` has its own folder for what we keep on a host.

    It is there from the beginning, as on a host that we have been on: nothing is looked for.
    """
    own = folder / "on_this_machine"
    own.mkdir(exist_ok=True)
    return _APART.format(folder=str(own)) + inventory
