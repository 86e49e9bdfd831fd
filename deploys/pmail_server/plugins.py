"""pyinfra operation for PMail's plugins: PMail starts what root has put there, and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Generator

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host.gathering import Script
from deploys.host.snapshot import look
from ground.words import text

# Earlier versions had them in a folder that PMail could write to. A name with a dot it never
# starts, and other names are no program's.
_FORMER = f"find {layout.PLUGINS} -mindepth 1 -maxdepth 1 -type f ! -name '*[!A-Za-z0-9_-]*'"
_OF_ROOT = "-user root -links 1 ! -perm /022"
_LOOK = rf"""
export LC_ALL=C
{_FORMER} {_OF_ROOT} -printf '+ %f\n' 2>/dev/null
{_FORMER} ! \( {_OF_ROOT} \) -printf '! %f\n' 2>/dev/null
"""


LOOKS = (Script(_LOOK),)


@operation()
def plugins() -> Generator[FunctionCommand, None, None]:
    """Ensure that root's programs among the plugins of before are where PMail is shown them.

    What others could have written is left, told, and started no more.
    """
    lines = look(host, _LOOK).stdout.splitlines()
    for name in (line[2:] for line in lines if line.startswith("! ")):
        values = {"path": f"{layout.PLUGINS}/{name}", "folder": layout.PROGRAMS}
        host.log_styled(f"  {text('plugins.not_started', **values)}", fg="yellow")
    ours = [line[2:] for line in lines if line.startswith("+ ")]
    if not ours:
        host.noop(text("plugins.right", folder=layout.PROGRAMS))
        return
    for name in ours:
        host.log_styled(f"  ~ {layout.PLUGINS}/{name} -> {layout.PROGRAMS}/", fg="green")
    moves = " && ".join(
        f"mv -nT -- {shlex.quote(f'{layout.PLUGINS}/{name}')} "
        f"{shlex.quote(f'{layout.PROGRAMS}/{name}')}"
        for name in ours
    )
    failure = text("plugins.not_moved", folder=layout.PROGRAMS)
    yield FunctionCommand(host_files.run, (moves, failure), {})
