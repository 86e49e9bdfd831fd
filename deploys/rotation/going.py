"""Whose keys a run rotates: the inventory says what may begin, the journal what goes on.

A rotation goes on as it began, whatever has become of the inventory since: on the server that
signs, in the zone that has the records, by the strategy of the mode that the host is still in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from deploys.rotation.request import domains_with_keys
from ground.words import Words
from keys.rotation import Rotation, Strategy
from postmaster.desired import zone_for
from postmaster.outbound import mode_of, signing_with
from postmaster.settings import MailDomain, MailServer, Site


@dataclass(frozen=True, slots=True)
class Going:
    """A domain whose key may be rotated, or is.

    server: its name in the inventory. rotation: what goes on, None where nothing does.
    """

    domain: str
    server: str
    zone: str
    rotation: Rotation | None = None


def rotating(site: Site, going_on: Iterable[Rotation]) -> tuple[Going, ...]:
    """Return all domains whose keys are rotated, or may be: those of the inventory come first."""
    there = {each.domain: each for each in going_on}
    found = [
        _going(there.pop(domain), site)
        if domain in there
        else Going(domain, server.host, server.domain(domain).zone)
        for server in site.servers
        for domain in domains_with_keys(server)
    ]
    return (*found, *(_going(each, site) for each in there.values()))


def _going(rotation: Rotation, site: Site) -> Going:
    """A rotation that goes on. The journal of an earlier version does not name where."""
    domain = rotation.domain
    having = [each.host for each in site.servers if domain in {d.name for d in each.domains}]
    zone = zone_for(domain, (each.name for each in site.zones))
    server = rotation.server or next(iter(having), "")
    return Going(domain, server, rotation.zone or zone or "", rotation)


def of_domain(going: Iterable[Going], domain: str) -> Going:
    """Return what there is of a domain. Raises KeyError."""
    return {each.domain: each for each in going}[domain]


def strategies(site: Site, going: Iterable[Going]) -> frozenset[Strategy]:
    """Return the strategies that a run needs the steps of."""
    begun = {each.rotation.strategy for each in going if each.rotation}
    return frozenset({Strategy(mode_of(each).rotation) for each in site.servers} | begun)


def lost(each: Going, site: Site) -> Words | None:
    """Return why a rotation cannot go on: the inventory has lost what it needs."""
    if each.rotation is None:
        return None
    if each.server not in {server.host for server in site.servers}:
        return Words.of("rotation.no_server", domain=each.domain, server=each.server or "-")
    if each.zone not in {zone.name for zone in site.zones}:
        return Words.of("rotation.no_zone", domain=each.domain, zone=each.zone or "-")
    return None


def changed(each: Going, site: Site) -> bool:
    """Whether the inventory has another way to sign by now than a rotation that goes on."""
    if each.rotation is None:
        return False
    server = _server(each, site)
    if server is None:
        return True
    mode = mode_of(server)
    signing = {signing.domain for signing in mode.signing_keys(server)}
    return mode.rotation != each.rotation.strategy or each.domain not in signing


def finishes_first(each: Going, site: Site) -> bool:
    """Whether a rotation has to end before its server may sign in another way.

    What is left of one whose new key is in use, under a selector of its own, needs its domain no
    more.
    """
    if each.rotation is None or not changed(each, site):
        return False
    server = _server(each, site)
    same = server is not None and mode_of(server).rotation == each.rotation.strategy
    return not (same and each.rotation.strategy is Strategy.DUAL and each.rotation.switched)


def _server(each: Going, site: Site) -> MailServer | None:
    return next((server for server in site.servers if server.host == each.server), None)


def as_begun(site: Site, going: Iterable[Going], rotation: Rotation) -> Site:
    """Return the site as a rotation's host still is: by the mode that it began in, with the domains
    whose rotations go on there.
    """
    others = tuple(each for each in going if each.rotation)
    mine = of_domain(others, rotation.domain)
    return replace(
        site,
        servers=tuple(
            _as_begun(server, others, mine) if server.host == mine.server else server
            for server in site.servers
        ),
    )


def _as_begun(server: MailServer, others: tuple[Going, ...], mine: Going) -> MailServer:
    assert mine.rotation
    strategy = mine.rotation.strategy
    with_it = [
        each.rotation
        for each in others
        if each.server == server.host and each.rotation and each.rotation.strategy is strategy
    ]
    domains = {each.name: each for each in server.domains}
    for each in others:
        if each.rotation in with_it:
            domains.setdefault(each.domain, MailDomain(each.domain, each.zone, server.host))
    selectors = {each.domain: each.signs.selector for each in with_it} | dict(server.selectors)
    ordered = sorted(
        domains.values(),
        # Where one key signs for all it is the first domain's.
        key=lambda each: strategy is Strategy.FIXED and each.name != mine.domain,
    )
    return replace(
        server,
        outbound=signing_with(server, strategy).name,
        domains=tuple(ordered),
        selectors=tuple(selectors.items()),
    )
