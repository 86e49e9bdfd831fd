"""The steps of rotations in order, each on the host it is done on."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from pyinfra import state
from pyinfra.api import Host, State

from deploys.rotation import operations
from deploys.rotation.in_dns import InDns
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
from dns_providers.base import Tell, tell_nobody
from dns_providers.publishing.operations import Reporter
from ground.words import text
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, steps_of
from postmaster.desired import zone_for
from postmaster.outbound import SigningKey, mode_of
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


def rotate(
    site: Site, server: MailServer | None, zone: ZoneSettings | None, request: Request
) -> None:
    """Do all that is due: begin, then every step; twice where a failed one may turn back.

    Raises BadInput when the run is limited to half of what a rotation needs.
    """
    _refuse_half(site, request)
    run = this_run()
    if server:
        operations.begin(
            name=text("rotation.name.begin"),
            server=server,
            request=request,
            run=run,
            checks=partial(checked, server=server, site=site),
            rules=partial(_rules, site=site, server=server),
        )
        run.prepared.add(server.host)
    if zone and _all_at_once():
        run.await_prepared(frozenset(each.host for each in site.servers) & _active())
    strategies = {Strategy(mode_of(each).rotation) for each in site.servers}
    for again in (False, True) if Strategy.FIXED in strategies else (False,):
        for kind, group in _ORDER:
            steps = tuple(step for step in group if any(step in steps_of(s) for s in strategies))
            if not steps:
                continue
            operations.meet(name=text("rotation.name.meet"), step=f"{again} {steps[0]}")
            if kind == "server" and server:
                _on_server(site, server, steps, request, run, again=again)
            if kind == "zone" and zone:
                _in_zone(site, zone, steps, request, run, again=again)
    operations.meet(name=text("rotation.name.meet"), step="end")
    if server:
        operations.show(name=text("rotation.name.show"), domains=domains_with_keys(server))


def _refuse_half(site: Site, request: Request) -> None:
    """Nobody's mail is paused, or key made, by a run that cannot publish; nor the other way."""
    if state.limit_hosts is None:
        return
    limited = {each.name for each in state.limit_hosts}
    zones = {zone_of(site, each).name: each.name for each in state.inventory.get_group("zones")}
    pairs = (
        (server.host, zones[_zone_with(site, domain).name])
        for server in site.servers
        for domain in filter(request.names, domains_with_keys(server))
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
        domains=domains_with_keys(server),
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
    there, step = OnHost(state, host, server, site, tell), rotation.step
    if step is Step.ERASE:
        return there.erase(rotation, time.time())
    if step is Step.SWITCH and (
        changed := _in_dns(site, rotation.domain, tell).still_shown(rotation)
    ):
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
    domains = tuple(
        domain
        for server in site.servers
        for domain in domains_with_keys(server)
        if _zone_with(site, domain) == zone
    )
    operations.do(
        name=_name(steps),
        steps=steps,
        domains=domains,
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
    there = InDns(site, zone, tell, Reporter(host, time.monotonic))
    step = rotation.step
    if step is Step.RETIRE:
        server = next(each for each in site.servers if rotation.domain in domains_with_keys(each))
        how = "revoke" if rotation.emergency else server.rotation.retire
        return there.retire(rotation, how)
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


def _rules(signing: SigningKey, old: KeyRef, site: Site, server: MailServer) -> Rules:
    """The times for a key: what its record is served with, and what its provider can take."""
    there = _in_dns(site, signing.domain, tell_nobody)
    served = there.served_ttl(old, signing.domain)
    return Rules(
        ttl=served,
        low_ttl=min(served, max(_LEAST_TTL, open_zone(there.zone).capabilities.min_ttl)),
        slack=server.rotation.ttl_slack,
        keep=server.dkim_keep_days * 86400,
    )


def _in_dns(site: Site, domain: str, tell: Tell) -> InDns:
    """The DNS side of a domain's rotations, for a look from where its key is."""
    return InDns(site, _zone_with(site, domain), tell, lambda _: None)


def _zone_with(site: Site, domain: str) -> ZoneSettings:
    name = zone_for(domain, (each.name for each in site.zones))
    assert name is not None  # every domain has its zone, or the inventory is refused
    return site.zone(name)
