"""What breaks in the middle, a connection above all, fails its host alone: told, no traceback.

pyinfra ends the whole run where an operation's own code raises.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from inspect import getfullargspec
from typing import Any

from paramiko import SSHException
from pyinfra.api import FunctionCommand, Host, State
from pyinfra.api.command import PyinfraCommand

from ground.errors import Told
from ground.operations import refuse
from ground.words import Words

Commands = Callable[[], Iterator[PyinfraCommand]]
BROKEN = (Told, OSError, EOFError, SSHException)
CONNECTION = (ConnectionError, TimeoutError, EOFError, SSHException)


def why_broken(host: str, error: BaseException) -> Words:
    """Return what one of `BROKEN` means. host: who was worked on."""
    if isinstance(error, Told):
        return error.words
    reason = str(error) or type(error).__name__
    if isinstance(error, CONNECTION):
        return Words.of("rotation.cut", host=host, reason=reason)
    return Words.of("flow.here", reason=reason)


def guard(state: State) -> None:
    """Have every operation of a run, which is about to begin, fail its host where it breaks off."""
    for host in state.ops:
        guard_operations(state, host, frozenset())


def guard_operations(state: State, host: Host, others: Container[str]) -> None:
    """The same for one host's operations, but those that are others', by their hashes."""
    for op_hash, each in state.ops[host].items():
        if op_hash not in others:
            each.command_generator = _guarded(host.name, each.command_generator)


def _guarded(host: str, commands: Commands) -> Commands:
    def guarded() -> Iterator[PyinfraCommand]:
        try:
            for command in commands():
                yield _guarded_call(command)
        except BROKEN as error:
            yield FunctionCommand(refuse, (str(why_broken(host, error)),), {})

    return guarded


def _guarded_call(command: PyinfraCommand) -> PyinfraCommand:
    """The same command; what it calls of ours fails the host in the same way."""
    if not isinstance(command, FunctionCommand):
        return command
    call: Callable[..., Any] = command.function
    if not {"state", "host"} <= set(getfullargspec(call).args):
        return command

    def guarded(state: State, host: Host, *arguments: object, **named: object) -> object:
        try:
            return call(state, host, *arguments, **named)
        except BROKEN as error:
            return refuse(state, host, str(why_broken(host.name, error)))

    command.function = guarded
    return command
