"""Where a run begins: before pyinfra connects to anything, all is checked that was asked for; once
it is connected, and before anything is changed, every reason to refuse it is asked.

`config.py` calls `start`: pyinfra runs it before it reads the inventory.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from inspect import getframeinfo, stack
from threading import RLock
from types import FrameType
from typing import Any, TypeVar

import click
import paramiko.file
import pyinfra.api.util
from pyinfra import logger
from pyinfra.api import Host, OperationError, State
from pyinfra.api.state import StateStage
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.context import ctx_state

from deploys.run.cut import guard
from deploys.run.options import Request
from deploys.run.outcome import recorder
from deploys.run.paths import live_beside
from deploys.run.prepare import (
    BadInput,
    Invocation,
    Prepared,
    hosts_of,
    in_one_line,
    is_asked_for,
    prepare,
)
from deploys.run.progress import telling
from deploys.run.reaching import around
from deploys.run.recording import record, record_steps, told
from deploys.run.refusals import Refusal, ask_all
from deploys.run.verb import PROGRAM, Verb
from ground.shown import shown_on
from ground.words import text
from postmaster.settings import Site

R = TypeVar("R", bound=Request)
AskedFirst = Callable[[Verb[Any]], tuple[Refusal, ...]]
_started: list[tuple[Invocation, tuple[Verb[Any], ...]]] = []
_refusals: list[AskedFirst] = []
_prepared: dict[Verb[Any], Prepared[Any]] = {}
_refined: list[Callable[[Site], Site]] = []
_asked: set[Verb[Any]] = set()
_asking = RLock()  # the hosts of a run are prepared at the same time


def start(verbs: tuple[Verb[Any], ...], asked_first: AskedFirst) -> None:
    """Check what the run is asked for before anything else happens; have its outcome written.

    verbs: all that there are; nothing is checked where pyinfra runs none of them. asked_first:
    gives a verb's refusals. What is no run of deploy files has no outcome: that file may be of an
    earlier run. Raises BadInput.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return
    invocation = Invocation.of(context.params)
    if not invocation.runs_files:
        return
    sys.stdout, sys.stderr = shown_on(sys.stdout), telling(shown_on(sys.stderr))
    live_beside(context.params["inventory"])
    _started.append((invocation, verbs))
    _refusals.append(asked_first)
    mine = tuple(each for each in verbs if is_asked_for(each, invocation))
    record(tuple(each.name for each in mine), invocation)
    if mine:
        _tell_broken_inventories()
    _tell_who_stops_it()
    _read_any_octets()

    def check() -> None:
        with told():
            brought = [each for verb in mine for each in prepared(verb).along]
        if brought:
            _bring(ctx_state.get(), brought)

    def ask() -> None:
        with told():
            for verb in mine:
                ready(verb)

    _read_no_sources()
    _before_connecting(ctx_state.get(), check)
    _before_preparing(ctx_state.get(), ask)


def start_as_guest(
    verbs: tuple[Verb[Any], ...], asked_first: AskedFirst, theirs: frozenset[str]
) -> None:
    """Have deploy files of ours work in a run that another project has started, of its hosts.

    Its order, connections and outcome are its own: hosts are known as it knows them, no outcome is
    written, nothing is checked before they are connected. Where our `config.py` was read, the run
    is ours. theirs: names of its data that look like settings of ours. Raises BadInput where
    pyinfra's own program does not run.
    """
    if _started:
        return
    program = sys.modules.get("pyinfra_cli.cli")
    if program is None:
        raise BadInput(text("guest.no_program"))
    # Deploy files run apart from the program's context.
    given = program.cli.make_context("pyinfra", sys.argv[1:], resilient_parsing=True).params
    invocation = replace(Invocation.of(given), guest=True, theirs=theirs)
    sys.stdout, sys.stderr = shown_on(sys.stdout), telling(shown_on(sys.stderr))
    live_beside(given["inventory"])
    recorder().began((), dry=invocation.dry)
    _started.append((invocation, verbs))
    _refusals.append(asked_first)


def prepared(verb: Verb[R]) -> Prepared[R]:
    """Return what a verb is asked for in this run, and its site. Raises as `prepare` does."""
    if not _started:
        raise BadInput(text("flow.no_config", folder=str(PROGRAM)))
    if verb not in _prepared:
        _prepared[verb] = prepare(verb, *_started[0])
    found: Prepared[R] = _prepared[verb]
    for change in _refined:
        found = replace(found, site=change(found.site))
    return found


def ready(verb: Verb[R]) -> Prepared[R]:
    """Return the same, once every reason to refuse the run is asked: hosts are connected.

    A user's own deploy file may bring a verb along that pyinfra was not called with. Raises
    RefusedRun with all reasons.
    """
    with _asking:
        if verb not in _asked:
            ask_all(_refusals[0](verb), around(verb, prepared(verb), ctx_state.get()))
            _asked.add(verb)
    return prepared(verb)


def refine(change: Callable[[Site], Site]) -> None:
    """Have the steps of this run work with a site that says more than the inventory does.

    To be called while refusals are asked: by what was found on the hosts.
    """
    _refined.append(change)


def _tell_broken_inventories() -> None:
    """Have pyinfra's program, which has not read the inventory yet, read it in our way."""
    program = _program()
    program.make_inventory = told()(in_one_line(program.make_inventory))


def _tell_who_stops_it() -> None:
    """Have the outcome know when the user does not say yes to a question, or stops the run."""
    program, before = _program(), signal.getsignal(signal.SIGINT)
    program._do_confirm = _answered(program._do_confirm)

    def interrupted(number: int, frame: FrameType | None) -> None:
        recorder().declined(text("flow.stopped"))
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, interrupted)


def _answered(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return pyinfra's question whether to go on, which raises where nobody is there to answer."""

    def asking(question: str) -> bool:
        try:
            if sys.stdin is None:  # closed by whoever started the run
                raise EOFError
            yes = ask(question)
        except EOFError:
            reason = text("flow.no_answer")
            recorder().declined(reason)
            raise OperationError(reason) from None
        if not yes:
            recorder().declined(text("flow.said_no"))
        return yes

    return asking


def _read_no_sources() -> None:
    """Have pyinfra tell operations apart by their lines, and read no source file for each of them.

    For each operation and host it would have the text of every line that called it, and needs none.
    """
    util: Any = pyinfra.api.util
    util.stack, util.getframeinfo = partial(stack, 0), partial(getframeinfo, context=0)


def _program() -> Any:
    """pyinfra's program; not imported, as it changes the standard library."""
    return sys.modules["pyinfra_cli.cli"]


def _before_connecting(state: State, check: Callable[[], None]) -> None:
    """Have a check made when the inventory is read and nobody is connected to yet.

    pyinfra has no hook there: the state's `init` is the last that it does before.
    """
    init = state.init

    def then(*arguments: Any, **named: Any) -> None:
        init(*arguments, **named)
        _learn_no_host_key(state)
        record_steps(state)
        check()
        # Without -y pyinfra would stop all for one, and ask whether to go on: barriers know better.
        state.config.FAIL_PERCENT = 100
        state.should_raise_failed_hosts = None

    state.init = then  # type: ignore[method-assign]


def _read_any_octets() -> None:
    """Have what a host prints be read to its end: pyinfra stops at what is no UTF-8.

    What stands in for it then is told like anything else that a host says.
    """

    def as_text(written: bytes | str) -> str:
        return written.decode("utf-8", "replace") if isinstance(written, bytes) else written

    paramiko.file.u = as_text  # type: ignore[attr-defined]


def _learn_no_host_key(state: State) -> None:
    """Have hosts be known by their SSH keys before: whoever is on the way could show another one.

    pyinfra would accept, and keep, whatever key it is shown first.
    """
    for host in state.inventory:
        if isinstance(host.connector, SSHConnector):
            host.connector.data["ssh_strict_host_key_checking"] = "yes"


def _bring(state: State, hosts: list[Host]) -> None:
    """Have a limited run be for more hosts."""
    names = ", ".join(sorted({each.name for each in hosts}))
    logger.info(text("flow.brought", hosts=names))
    state.limit_hosts = list({*state.limit_hosts, *hosts})
    recorder().inventory_read(frozenset(each.name for each in hosts_of(state)))


def _before_preparing(state: State, ask: Callable[[], None]) -> None:
    """Have something asked when all hosts are connected and no deploy file is loaded yet.

    Also with `-y`, with which pyinfra prepares no operation. What is prepared is guarded then.
    """
    set_stage = state.set_stage

    def then(stage: StateStage) -> None:
        set_stage(stage)
        if stage is StateStage.Prepare:
            ask()
        elif stage is StateStage.Execute:
            guard(state)

    state.set_stage = then  # type: ignore[method-assign]
