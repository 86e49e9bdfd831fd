"""How every pyinfra operation of ours ends where something cannot be done: told, no traceback."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import state
from pyinfra.api import FunctionCommand, Host, OperationError, State


def fail(message: str) -> Generator[FunctionCommand, None, None]:
    """End the run while it is prepared (nothing is changed yet); fail this host later on.

    Raises OperationError while the run is prepared.
    """
    if not state.is_executing:
        raise OperationError(message)
    yield FunctionCommand(refuse, (message,), {})


def refuse(state: State, host: Host, message: str) -> bool:
    """Show why, and fail the host without a traceback."""
    _first_reasons.setdefault(host.name, message)
    for line in message.splitlines():
        host.log_styled(line, fg="red")
    return False


def why_failed(host_name: str) -> str | None:
    """Return the first reason that a host was failed for in this process, None without one."""
    return _first_reasons.get(host_name)


_first_reasons: dict[str, str] = {}
