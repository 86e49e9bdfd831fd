"""Where a run begins: before pyinfra connects to anything, all is checked that was asked for.

`config.py` calls `start`: pyinfra runs it before it reads the inventory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from io import TextIOBase
from typing import IO, Any, TypeVar

import click
from pyinfra.api import OperationError, State
from pyinfra.context import ctx_state

from deploys.run.options import Request
from deploys.run.prepare import (
    REPOSITORY,
    BadInput,
    Invocation,
    Prepared,
    in_one_line,
    is_asked_for,
    prepare,
)
from deploys.run.recording import record, record_steps, told
from deploys.run.verb import Verb
from ground.words import text

R = TypeVar("R", bound=Request)
_started: list[tuple[Invocation, tuple[Verb[Any], ...]]] = []


def start(verbs: tuple[Verb[Any], ...]) -> None:
    """Check what the run is asked for before anything else happens; have its outcome written.

    verbs: all that there are; nothing is checked where pyinfra runs none of them. Raises BadInput.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return
    invocation = Invocation.of(context.params)
    _started.append((invocation, verbs))
    mine = tuple(each for each in verbs if is_asked_for(each, invocation))
    record(tuple(each.name for each in mine), invocation)
    if mine:
        _tell_broken_inventories()

    def check() -> None:
        if mine:
            sys.stdin = _Answers(sys.stdin)
        with told():
            for verb in mine:
                prepared(verb)

    _before_connecting(ctx_state.get(), check)


@cache
def prepared(verb: Verb[R]) -> Prepared[R]:
    """Return what a verb is asked for in this run, and its site. Raises as `prepare` does."""
    if not _started:
        raise BadInput(text("flow.no_config", folder=str(REPOSITORY)))
    return prepare(verb, *_started[0])


def _tell_broken_inventories() -> None:
    """Have pyinfra's program, which has not read the inventory yet, read it in our way."""
    program: Any = sys.modules["pyinfra_cli.cli"]  # not imported: it changes the standard library
    program.make_inventory = told()(in_one_line(program.make_inventory))


def _before_connecting(state: State, check: Callable[[], None]) -> None:
    """Have a check made when the inventory is read and nobody is connected to yet.

    pyinfra has no hook there: the state's `init` is the last that it does before.
    """
    init = state.init

    def then(*arguments: Any, **named: Any) -> None:
        init(*arguments, **named)
        record_steps(state)
        check()

    state.init = then  # type: ignore[method-assign]


class _Answers(TextIOBase):
    """Standard input that says what to do where nobody is there to answer a question.

    It has no number: else `input` reads from a terminal without asking it.
    """

    def __init__(self, there: IO[str] | None) -> None:
        self._there = there

    def isatty(self) -> bool:
        """Return whether somebody may be there."""
        return bool(self._there and self._there.isatty())

    def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
        """Return the next line. Raises OperationError at the end."""
        line = self._there.readline() if self._there else ""
        if not line:
            raise OperationError(text("flow.no_answer"))
        return line
