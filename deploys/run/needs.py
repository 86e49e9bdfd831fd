"""Who of a run needs whom: servers and zones whose records are about each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

from postmaster.desired import zone_for
from postmaster.settings import MailServer, Site

Needs = Mapping[str, frozenset[str]]


def needs(site: Site, zone_hosts: Mapping[str, str]) -> Needs:
    """Return the other hosts that each host needs, directly or by others.

    A zone needs the servers that it has records of, and a server the zones that its records are in.
    zone_hosts: name of a zone -> its inventory name.
    """
    groups: list[frozenset[str]] = []
    for host, zones in zones_of(site, zone_hosts).items():
        group = frozenset({host}) | zones
        touching = [each for each in groups if each & group]
        groups = [each for each in groups if each not in touching]
        groups.append(group.union(*touching))
    return {host: group - {host} for group in groups for host in group}


def zones_of(site: Site, zone_hosts: Mapping[str, str]) -> Needs:
    """Return the zones that each server has records in: inventory names of both."""
    return {
        server.host: frozenset(zone_hosts[zone] for zone in _zones(server, site) & set(zone_hosts))
        for server in site.servers
    }


def missing_beside(limited: Set[str], pairs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return which hosts a run is limited to one half without: a zone, or all servers of one.

    Other servers of a zone may be left out. pairs: a server and a zone that belong together.
    """
    there = frozenset(pairs)
    served = {zone for server, zone in there if server in limited}
    zones = {zone for zone in served if zone not in limited}
    return frozenset(
        zones | {server for server, zone in there if zone in limited and zone not in served}
    )


def _zones(server: MailServer, site: Site) -> set[str]:
    zones = [each.name for each in site.zones]
    names = (*server.certificate_names, server.mail_host, server.web_host)
    found = {zone_for(name, zones) for name in names} | {each.zone for each in server.domains}
    return {each for each in found if each is not None}
