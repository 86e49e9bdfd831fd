"""Runs pyinfra as `python -m pyinfra` does, without the report at the end, and counts commands.

`python -m benchmarks.counted INVENTORY DEPLOY ...`. Into the file that PMAIL_COUNTED names goes a
line for each command that was sent to a host: the operation, "" before there is one.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any, TextIO


def count(written: TextIO) -> None:
    """Have each command that is sent to a host be written down."""
    from pyinfra import state
    from pyinfra.api import Host

    send = Host.run_shell_command

    def counting(host: Host, *arguments: Any, **named: Any) -> Any:
        op = host.executing_op_hash or host.current_op_hash
        names = ", ".join(sorted(state.get_op_meta(op).names)) if op else ""
        written.write(f"{host.name}\t{names}\n")
        written.flush()
        return send(host, *arguments, **named)

    Host.run_shell_command = counting  # type: ignore[method-assign]


def leave_out_the_report() -> None:
    """Have no report be made: it asks the world."""
    from deploys.verification import steps

    steps.verify = lambda **_: None  # type: ignore[assignment]


def main() -> None:
    """Run it."""
    import pyinfra_cli.main  # noqa: F401  # changes the standard library, before anything else

    with open(os.environ["PMAIL_COUNTED"], "w") as written:
        count(written)
        leave_out_the_report()
        sys.argv = ["pyinfra", *sys.argv[1:]]
        runpy.run_module("pyinfra", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
