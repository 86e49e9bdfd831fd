"""The steps of rotations in order, each on the host it is done on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cache, partial

from pyinfra import host, state
from pyinfra.api import Host, OperationError, State

from deploys.rotation import operations
from deploys.rotation.going import Going, as_begun, lost, of_domain, strategies
from deploys.rotation.in_dns import InDns, in_dns_of
from deploys.rotation.on_host import OnHost
from deploys.rotation.outcome import Outcome
from deploys.rotation.request import Request, domains_with_keys
from deploys.rotation.run import Run, this_run
from deploys.rotation.wording import STEP
from deploys.run.needs import missing_beside
from deploys.run.prepare import BadInput
from deploys.run.site import zone_of
from deploys.verification.steps import checked
from deploys.zones.access import open_zone
from deploys.zones.remembering import remember_now
from dns_providers.base import Tell, tell_nobody
from dns_providers.publishing.operations import Reporter
from ground.words import text
from keys.journal import JournalError
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, steps_of
from postmaster.outbound import SigningKey
from postmaster.settings import MailServer, Site, ZoneSettings

_LEAST_TTL = 60  # seconds: less, and resolvers ask at every message
# What stands between two of these groups may be done on another host.
_ORDER: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("server", (Step.MAKE,)),
    ("zone", (Step.LOWER, Step.AGE)),
    ("server", (Step.PAUSE,)),
    ("zone", (Step.PUBLISH, Step.PROVE, Step.DRAIN)),
    ("server", (Step.INSTALL, Step.SWITCH, Step.RESUME, Step.VERIFY)),
    ("zone", (Step.RESTORE, Step.KEEP)),
    ("server", (Step.EMPTY,)),
    ("zone", (Step.RETIRE,)),
    ("server", (Step.ERASE,)),
)

# What is done for others to see: the host remembers it first; and that mail goes on, soon after.
_REMEMBERED = frozenset({Step.PAUSE, Step.PUBLISH, Step.SWITCH, Step.VERIFY, Step.RETIRE})


def rotate(
    site: Site, server: MailServer | None, zone: ZoneSettings | None, request: Request
) -> None:
    """Do all that is due: begin, then every step; twice where a failed one may turn back.

    Raises BadInput when the run is limited to half of what a rotation needs, OperationError where
    the journal cannot be read.
    """
    going = _going(site)
    _refuse_half(site, going, request)
    run = this_run()
    if server:
        operations.begin(
            name=text("rotation.name.begin"),
            server=server,
            site=site,
            request=request,
            run=run,
            checks=partial(checked, server=server, site=site),
            rules=_rules,
        )
        run.prepared.add(server.host)
    if zone and _all_at_once():
        run.await_prepared(frozenset(each.host for each in site.servers) & _active())
    needed = strategies(site, going)
    for again in (False, True) if Strategy.FIXED in needed else (False,):
        for kind, group in _ORDER:
            steps = tuple(step for step in group if any(step in steps_of(s) for s in needed))
            if not steps:
                continue
            operations.meet(name=text("rotation.name.meet"), step=f"{again} {steps[0]}")
            if kind == "server" and server:
                _on_server(site, server, steps, request, run, again=again)
            if kind == "zone" and zone:
                _in_zone(site, zone, steps, request, run, again=again)
    operations.meet(name=text("rotation.name.meet"), step="end")
    if server:
        operations.remember(name=text("manifest.name"), server=server, site=site)
    operations.show(
        name=text("rotation.name.show"),
        site=site,
        server=server.host if server else "",
        first=host.name == min(_active()),
    )


@cache
def _going(site: Site) -> tuple[Going, ...]:
    """What may begin or goes on, as it is when the run is prepared: the same for all its hosts."""
    try:
        return operations.going_on(site)
    except JournalError as error:
        raise OperationError(str(error)) from None


def _refuse_half(site: Site, going: Iterable[Going], request: Request) -> None:
    """Nobody's mail is paused, or key made, by a run that cannot publish; nor the other way."""
    if state.limit_hosts is None:
        return
    limited = {each.name for each in state.limit_hosts}
    zones = {zone_of(site, each).name: each.name for each in state.inventory.get_group("zones")}
    pairs = (
        (each.server, zones[each.zone])
        for each in going
        if request.names(each.domain) and not lost(each, site)
    )
    if missing := missing_beside(limited, pairs):
        raise BadInput(text("rotation.half", hosts=", ".join(sorted(missing))))


def _active() -> frozenset[str]:
    return frozenset(each.name for each in state.inventory.get_active_hosts())


def _all_at_once() -> bool:
    """Whether all hosts are prepared at the same time, so that one can wait for others."""
    return len(_active()) <= state.config.PARALLEL


def _name(steps: tuple[Step, ...]) -> str:
    names = ", ".join(text(STEP[step]) for step in steps)
    return text("rotation.name.steps", steps=names)


def _on_server(
    site: Site,
    server: MailServer,
    steps: tuple[Step, ...],
    request: Request,
    run: Run,
    *,
    again: bool,
) -> None:
    operations.do(
        name=_name(steps),
        steps=steps,
        domains=tuple(each.domain for each in _going(site) if each.server == server.host),
        request=request,
        run=run,
        effect=partial(_host_effect, server, site),
        again=again,
    )


def _host_effect(
    server: MailServer,
    site: Site,
    state: State,
    host: Host,
    rotation: Rotation,
    tell: Tell,
) -> Outcome:
    going = operations.going_on(site)
    begun = as_begun(site, going, rotation)
    if unwritten := _remember_first(begun, going, state, rotation, tell):
        return unwritten
    there, step = OnHost(state, host, begun.server(server.host), begun, tell), rotation.step
    if step is Step.ERASE:
        return there.erase(rotation, time.time())
    shown = in_dns_of(begun, of_domain(going, rotation.domain).zone, rotation, tell)
    if step is Step.SWITCH and (changed := shown.still_shown(rotation)):
        return changed
    effects: dict[Step, Callable[[Rotation], Outcome]] = {
        Step.MAKE: there.make,
        Step.PAUSE: there.pause,
        Step.INSTALL: there.install,
        Step.SWITCH: there.switch,
        Step.RESUME: there.resume,
        Step.VERIFY: there.verify,
        Step.EMPTY: lambda each: there.empty(each, this_run().clock),
    }
    return effects[step](rotation)


def _in_zone(
    site: Site,
    zone: ZoneSettings,
    steps: tuple[Step, ...],
    request: Request,
    run: Run,
    *,
    again: bool,
) -> None:
    operations.do(
        name=_name(steps),
        steps=steps,
        domains=tuple(each.domain for each in _going(site) if each.zone == zone.name),
        request=request,
        run=run,
        effect=partial(_zone_effect, zone, site),
        again=again,
    )


def _zone_effect(
    zone: ZoneSettings,
    site: Site,
    state: State,
    host: Host,
    rotation: Rotation,
    tell: Tell,
) -> Outcome:
    going = operations.going_on(site)
    begun = as_begun(site, going, rotation)
    if unwritten := _remember_first(begun, going, state, rotation, tell):
        return unwritten
    there = InDns(begun, zone, tell, Reporter(host, time.monotonic))
    step = rotation.step
    if step is Step.RETIRE:
        return there.retire(rotation, _how(begun, rotation))
    effects: dict[Step, Callable[[Rotation], Outcome]] = {
        Step.LOWER: there.lower,
        Step.AGE: there.lower,  # again: what stands in the way is found before mail is paused
        Step.PUBLISH: there.publish,
        Step.PROVE: there.prove,
        Step.RESTORE: there.publish,
        Step.DRAIN: there.drained,
    }
    # The others are waits, and over.
    return effects[step](rotation) if step in effects else None


def _remember_first(
    begun: Site, going: Iterable[Going], state: State, rotation: Rotation, tell: Tell
) -> Outcome:
    """Have the server's host remember what is about to be done, so that no other run undoes it.

    A host that is not reached cannot; while mail is paused nothing waits for that.
    """
    server = of_domain(going, rotation.domain).server
    there = state.inventory.get_host(server)
    if rotation.step not in _REMEMBERED or not there.connected:
        return None
    problem = remember_now(there, begun.server(server), begun)
    if problem is None or not rotation.paused or rotation.step is Step.PAUSE:
        return problem
    tell(problem)
    return None


def _how(site: Site, rotation: Rotation) -> str:
    """How an old record is retired: as its server's settings have it, a leaked key's is revoked."""
    if rotation.emergency:
        return "revoke"
    having = (each for each in site.servers if rotation.domain in domains_with_keys(each))
    return next((each.rotation.retire for each in having), "remove")


def _rules(site: Site, server: MailServer, signing: SigningKey, old: KeyRef) -> Rules:
    """The times for a key: what its record is served with, and what its provider can take."""
    zone = site.zone(server.domain(signing.domain).zone)
    served = InDns(site, zone, tell_nobody, lambda _: None).served_ttl(old, signing.domain)
    return Rules(
        ttl=served,
        low_ttl=min(served, open_zone(zone).capabilities.ttl(_LEAST_TTL)),
        slack=server.rotation.ttl_slack,
        keep=server.dkim_keep_days * 86400,
    )
