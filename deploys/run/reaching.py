"""Whom a run reaches: its own mail servers, and the site's others, which it is compared with."""

from __future__ import annotations

import atexit
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pyinfra.api import Host, State

from deploys.run.options import Request
from deploys.run.outcome import recorder
from deploys.run.prepare import Prepared, hosts_of
from deploys.run.refusals import Around
from deploys.run.site import zone_hosts
from deploys.run.verb import Verb
from ground.words import text

R = TypeVar("R", bound=Request)


def around(verb: Verb[Any], found: Prepared[R], state: State) -> Around[R]:
    """Return what a run is about to meet.

    The other servers of a site are connected where something is going to be changed: each of them
    may know of a later state than ours. state: pyinfra's, once its hosts are connected.
    """
    chosen = frozenset(each.name for each in hosts_of(state))
    servers = _group(state, "mail_servers")
    if found.asked.changes:
        _reach(tuple(each for each in servers if each.name not in chosen))
    unreached = recorder().seen.unreached
    return Around(
        verb.name,
        found.asked,
        found.site,
        found.dry,
        {each.name: each for each in servers if each.connected},
        {each.name: unreached.get(each.name, "") for each in servers if not each.connected},
        chosen,
        {host: name for name, host in zone_hosts(found.site, state).items()},
    )


def _reach(hosts: tuple[Host, ...]) -> None:
    """Connect to hosts that the run is not for; they stay what they are for pyinfra."""
    with ThreadPoolExecutor(max(len(hosts), 1)) as pool:
        for _ in pool.map(_connect, (each for each in hosts if not each.connected)):
            pass


def _connect(host: Host) -> None:
    host.connect(reason=text("flow.to_compare"), show_errors=False)
    if host.connected:
        atexit.register(host.disconnect)  # pyinfra closes only what it has opened for the run
        return
    reason = recorder().seen.unreached.get(host.name, "")
    host.log_styled(text("flow.not_compared", host=host.name, reason=reason), fg="yellow")


def _group(state: State, name: str) -> tuple[Host, ...]:
    return tuple(state.inventory.get_group(name, ()))
