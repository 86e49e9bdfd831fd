"""`@local` for tests: a run that reads and writes a folder of the test's in place of our own.

Tests are run by people whose machine has a mail server, or a lab beside them, and often as root.
"""

from __future__ import annotations

from pathlib import Path

# An inventory is Python that the run itself executes.
_APART = """
import pyinfra.connectors.local as _local
from deploys.host import gathering as _gathering, remote as _remote, snapshot as _snapshot
from deploys.host.pmail_layout import OWN as _OWN

def _elsewhere(command, *words, _run=_local.run_local_process, **options):
    return _run(command.replace(_OWN, {folder!r}), *words, **options)

def _moved(looks):
    return tuple(
        _gathering.FileAt(each.path.replace(_OWN, {folder!r}), each.mark)
        if isinstance(each, _gathering.FileAt)
        else _gathering.Script(each.text.replace(_OWN, {folder!r}), each.secret)
        for each in looks
    )

def _script_of(looks, _script_of=_gathering.script_of):
    return _script_of(_moved(looks))

def _parse(printed, looks, _parse=_gathering.parse):
    found, moved = _parse(printed, _moved(looks)), zip(looks, _moved(looks))
    return {{each: found[there] for each, there in moved if there in found}}

_local.run_local_process = _elsewhere
_gathering.script_of = _snapshot.script_of = _script_of
_gathering.parse = _snapshot.parse = _parse
_remote._SUDO["@local"] = False
"""


def apart(folder: Path, inventory: str) -> str:
    """Return an inventory whose `@local` has its own folder for what we keep on a host.

    It is there from the beginning, as on a host that we have been on: nothing is looked for.
    """
    own = folder / "on_this_machine"
    own.mkdir(exist_ok=True)
    return _APART.format(folder=str(own)) + inventory
