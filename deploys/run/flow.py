"""The order of a run over several hosts: begin, wait for each other, end with what was left open.

pyinfra orders operations within a host only. An operation that every host calls is a point where
all of them meet, so what stands below it relies on what stands above it, on whatever host. A host
that fails stops those that need it, and nobody else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.run import paths
from deploys.run.needs import Needs
from deploys.run.outcome import recorder
from ground.operations import refuse
from ground.private_files import lock_file, private_folder, try_lock
from ground.words import text

_POINTS = {
    "preflight_done": "flow.name.preflight_done",
    "keys_ready": "flow.name.keys_ready",
    "dns_published": "flow.name.dns_published",
    "dns_visible": "flow.name.dns_visible",
    "servers_up": "flow.name.servers_up",
    "addresses_moved": "flow.name.addresses_moved",
    "mx_published": "flow.name.mx_published",
}

_held: list[IO[str]] = []
_needs: dict[str, frozenset[str]] = {}


@operation()
def begin(
    alone: bool, why_outdated: Callable[[], str | None]
) -> Generator[FunctionCommand, None, None]:
    """Take this site's lock while the run is carried out.

    + alone: something is going to be changed, so no other such run may be at work
    + why_outdated: gives why what was prepared must not be carried out any more, if so; asked with
    the lock held
    """
    if state.is_executing and alone and (reason := _why_not_begin(why_outdated)):
        recorder().stopped(reason)
        yield FunctionCommand(refuse, (reason,), {})
        return
    for path in paths.wiped_leftovers() if state.is_executing and alone else ():
        host.log_styled(f"  - {text('flow.leftover', path=path)}", fg="yellow")
    host.noop(text("flow.begun"))


def _why_not_begin(why_outdated: Callable[[], str | None]) -> str | None:
    return why_outdated() if _lock_site() else text("flow.busy", path=str(_lock_path()))


def among(needs: Needs) -> None:
    """Have hosts wait at barriers for those alone that they need; else everybody for everybody."""
    _needs.update(needs)


def barrier(point: str, *, goes_on: bool = False) -> OperationMeta:
    """Every host waits here; none passes when one that it needs has failed or not arrived.

    point: what is true below, one of those in `_POINTS`. goes_on: what stands below can do without
    a host that has failed, and looks itself whether it has.
    """
    return meet(name=text(_POINTS[point]), point=point, goes_on=goes_on)


def away(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of these hosts have failed by now or were not reached."""
    failed = {each.name for each in state.failed_hosts} | set(recorder().seen.unreached)
    return tuple(sorted(failed & set(names)))


@operation()
def meet(point: str, goes_on: bool = False) -> Generator[FunctionCommand, None, None]:
    """Wait for the others.

    + point: what they have come to
    + goes_on: also without those that have failed
    """
    reason = _why_not_pass(state, host, goes_on=goes_on) if state.is_executing else None
    if reason:
        yield FunctionCommand(refuse, (reason,), {})
        return
    if state.is_executing:
        recorder().barrier(point)
    host.noop(text("flow.passed"))


def leave_unsolved(host_name: str, lines: tuple[str, ...]) -> None:
    """Keep what a host could not do and the run may go on without, for `end` to report."""
    recorder().leave(host_name, lines)


@operation()
def leave(line: str) -> Generator[FunctionCommand, None, None]:
    """Say what is open already, and end as unsolved for it.

    + line: what it is
    """
    if state.is_executing:
        host.log_styled(f"  {line}", fg="yellow")
        leave_unsolved(host.name, (line,))
    host.noop(line)
    yield from ()


@operation()
def end(verb: str) -> Generator[FunctionCommand, None, None]:
    """Fail when something was left unsolved, so that the run does not end as if all were well.

    + verb: what ends
    """
    lines = recorder().left_by(host.name)
    if state.is_executing and lines:
        message = "\n".join((text("flow.unsolved"), *(f"  {line}" for line in lines)))
        yield FunctionCommand(refuse, (message,), {})
        return
    if state.is_executing:
        recorder().ended(verb, host.name)
    host.noop(text("flow.ended"))


def _why_not_pass(state: State, host: Host, *, goes_on: bool) -> str | None:
    needed = _needed_by(host, state)
    if not goes_on and (failed := away(needed)):
        hosts = recorder().stops_for(host.name, failed)
        return text("flow.host_failed", hosts=", ".join(hosts))
    late = _late_hosts(state, host, needed)
    if late:
        return text("flow.host_late", hosts=", ".join(late))
    return None


def _needed_by(host: Host, state: State) -> frozenset[str]:
    everybody = frozenset(each.name for each in state.inventory if state.is_host_in_limit(each))
    return _needs.get(host.name, frozenset()) & everybody if _needs else everybody


def _late_hosts(state: State, host: Host, needed: frozenset[str]) -> list[str]:
    """Active hosts that have not done all that stands above the operation `host` executes."""
    order = state.get_op_order()
    above = order[: order.index(host.executing_op_hash)]
    late = {
        other.name
        for other in state.inventory.get_active_hosts()
        for op_hash in above
        if other.name in needed
        and op_hash in state.ops[other]
        and not _complete(state, other, op_hash)
    }
    return sorted(late)


def _complete(state: State, host: Host, op_hash: str) -> bool:
    return bool(state.get_op_data_for_host(host, op_hash).operation_meta.is_complete())


@contextmanager
def let_others_in() -> Iterator[None]:
    """Meanwhile other runs may have the site's lock; then it is ours again, whenever that is."""
    held = bool(_held)
    while _held:
        _held.pop().close()
    try:
        yield
    finally:
        while held and not _lock_site():
            time.sleep(1.0)


def _lock_path() -> Path:
    return paths.state_dir() / "site.lock"


def _lock_site() -> bool:
    """Take the site's lock for as long as this process lives."""
    if _held:
        return True
    private_folder(paths.state_dir())
    stream = lock_file(_lock_path())  # held until the process ends
    if not try_lock(stream):
        stream.close()
        return False
    _held.append(stream)
    return True
