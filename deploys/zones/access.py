"""A zone of the site as it is reached: provider, ledger, name servers, and whose it is."""

from __future__ import annotations

import os
from functools import cache

from deploys.run.paths import state_dir
from deploys.zones.asking import asking, network_by
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.looking import Look
from dns_providers.publishing.propagation import Network
from dns_providers.publishing.watched import Watched
from dns_providers.registry import open_provider
from dns_providers.rrset import RRKey, Value, key_from_text, name_text
from postmaster.settings import MailServer, Site, ZoneSettings
from postmaster.settings_table import RESOLVERS


def ledger_of(zone: str) -> Ledger:
    """Return a zone's ledger."""
    return Ledger(state_dir(), zone)


def writing_ledger(zone: ZoneSettings) -> Ledger:
    """Return a zone's ledger for who writes there: as many backups stay as the inventory says."""
    return Ledger(state_dir(), zone.name, zone.keep_backups)


@cache
def open_zone(zone: ZoneSettings) -> Watched:
    """Return a zone's provider, opened once in a run. Raises ProviderError."""
    return Watched(open_provider(zone.provider, zone.name, dict(zone.options), os.environ))


def servers_in(site: Site, zone: ZoneSettings) -> tuple[MailServer, ...]:
    """Return the servers that have a domain in a zone."""
    return tuple(
        server
        for server in site.servers
        if any(domain.zone == zone.name for domain in server.domains)
    )


def patience(site: Site, zone: ZoneSettings) -> float:
    """Return for how long a zone's name servers are waited for, in seconds."""
    servers = servers_in(site, zone)
    return max((server.propagation_timeout for server in servers), default=900)


def network_of(site: Site, zone: ZoneSettings) -> Network:
    """Return how a zone's name servers are found; it may have no server any more."""
    servers = servers_in(site, zone)
    return network_by(servers[0].resolvers if servers else all_resolvers(site))


def look_of(site: Site, zone: ZoneSettings) -> Look:
    """Return who asks DNS for what a zone's provider does not show."""
    ask = asking((each.name for each in site.zones), network_of(site, zone).resolvers)

    def look(key: RRKey) -> frozenset[Value] | None:
        answer = ask(name_text(key.owner), key.rtype)
        return answer.values if answer.outcome.known else None

    return look


def all_resolvers(site: Site) -> tuple[str, ...]:
    """Return the resolvers of all servers, the usual ones where there are none."""
    every = dict.fromkeys(each for server in site.servers for each in server.resolvers)
    return tuple(every) or RESOLVERS


def replaced(zone: ZoneSettings) -> frozenset[RRKey]:
    """Return what of others the user allows us to replace in a zone."""
    return frozenset(map(key_from_text, zone.dns_replace))
