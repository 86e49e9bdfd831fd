"""Has the outcome know what pyinfra does, and writes the verdict however it ends."""

from __future__ import annotations

import atexit
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pyinfra.api import Host, OperationError, State
from pyinfra.api.state import BaseStateCallback
from pyinfra.context import ctx_host, ctx_state

from deploys.run import outcome
from deploys.run.cut import BROKEN, why_broken
from deploys.run.outcome import HostEnded, HowEnded, how_ended, recorder
from deploys.run.prepare import BadInput, Invocation, hosts_of
from deploys.run.refusals import RefusedRun
from ground.operations import why_failed
from ground.words import family, text

_UNKNOWN_KEY = "StrictPolicy"  # pyinfra's, of a host whose SSH key nobody has pinned
_LINES = family("flow.line", HowEnded)


def record(verbs: tuple[str, ...], invocation: Invocation) -> None:
    """Write the outcome where the caller wants it. Raises BadInput where that cannot be."""
    if path := os.environ.get(outcome.VARIABLE):
        try:
            recorder().open(Path(path))
        except OSError as error:
            raise BadInput(text("flow.no_outcome", path=path, reason=error.strerror)) from None
    recorder().began(verbs, dry=invocation.dry)
    atexit.register(_close)


def _close() -> None:
    """The last that happens, however pyinfra ends."""
    if not recorder().seen.verbs:
        recorder().stopped(text("flow.no_verb"))
    state: State = ctx_state.get()
    if state.initialised:
        recorder().seen.failed |= {each.name for each in state.failed_hosts}
        if recorder().seen.dry:
            planned = {
                each.name: state.get_meta_for_host(each).ops_change for each in hosts_of(state)
            }
            recorder().seen.changes |= {name: count for name, count in planned.items() if count}
    ended = how_ended(recorder().seen, why_failed) if recorder().seen.executing else ()
    for each in ended:
        _say(each)
    pages = {each.page for each in recorder().seen.reports if each.page}
    for page in sorted(each for each in pages if Path(each).exists()):
        click.echo(text("report.page", path=page), err=True)
    recorder().close(ended)


def _say(ended: HostEnded) -> None:
    """One line for a host, the last that is on the screen: where several fail, each is there."""
    about = ended.about.splitlines()[0].strip() if ended.about else "-"
    line = text(_LINES[ended.how], host=ended.host, count=ended.changes, about=about)
    click.secho(line, err=True, fg="green" if ended.how is HowEnded.DONE else "red")


def record_steps(state: State) -> None:
    """Record what each host does. state: pyinfra's, when the inventory is read."""
    state.add_callback_handler(_Steps())
    recorder().inventory_read(frozenset(each.name for each in hosts_of(state)))


@contextmanager
def told() -> Iterator[None]:
    """Have the outcome know why the run stops while it is prepared."""
    try:
        yield
    except BadInput as error:
        recorder().bad_input(error.reasons)
        raise
    except RefusedRun as error:
        recorder().stopped(*error.reasons)
        raise
    except BROKEN as error:
        reason = str(why_broken(_current(), error))
        recorder().stopped(reason)
        raise OperationError(reason) from None
    except Exception as error:
        recorder().stopped(str(error))
        raise


def _current() -> str:
    """The host that is prepared, if one is."""
    return ctx_host.get().name if ctx_host.isset() else "-"


def _login(host: Host) -> str:
    """What ssh is told to reach a host as a run does, which may be by another name and port."""
    port, user = host.data.get("ssh_port"), host.data.get("ssh_user") or "root"
    login = f"{user}@{host.data.get('ssh_hostname') or host.name}"
    return shlex.join(("-p", str(port), login) if port else (login,))


class _Steps(BaseStateCallback):
    """Tells what each host does."""

    @staticmethod
    def host_connect_error(state: State, host: Host, error: Exception) -> None:
        reason = str(error)
        if _UNKNOWN_KEY in reason:
            reason = text("flow.host_key", host=host.name, login=_login(host))
            host.log_styled(reason, fg="red")
        recorder().unreached(host.name, reason)

    @staticmethod
    def operation_start(state: State, op_hash: str) -> None:
        recorder().operation(_name(state, op_hash))

    @staticmethod
    def operation_host_success(
        state: State, host: Host, op_hash: str, retry_count: int = 0
    ) -> None:
        recorder().step(host.name, _name(state, op_hash), passed=True)

    @staticmethod
    def operation_host_error(
        state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        recorder().step(host.name, _name(state, op_hash), passed=False)

    @staticmethod
    def operation_end(state: State, op_hash: str) -> None:
        for host in state.inventory:
            there = state.ops[host].get(op_hash)
            if there and there.operation_meta.is_complete() and there.operation_meta.did_change():
                recorder().changed(host.name, _name(state, op_hash))


def _name(state: State, op_hash: str) -> str:
    return ", ".join(sorted(state.get_op_meta(op_hash).names))
