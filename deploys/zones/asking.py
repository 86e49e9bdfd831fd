"""Questions to DNS about names of ours and of others, while our own are still being written."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from dns_providers.base import ProviderError
from dns_providers.publishing import propagation
from dns_providers.publishing.propagation import Network
from postmaster.desired import zone_for
from probes.world import dns
from probes.world.dns import Answer, Ask, Resolvers


def asking(zones: Iterable[str], resolvers: tuple[str, ...]) -> Ask:
    """Return what answers for an owner name (A-labels) and a type.

    Names in `zones` are asked for where they are kept. A resolver would remember for hours that a
    name is not there which this run is about to make, or what was there before.
    """
    known, where = tuple(zones), Resolvers(resolvers)

    def ask(owner: str, rtype: str) -> Answer:
        zone = zone_for(owner, known)
        servers = _servers(zone, resolvers) if zone else ()
        return (
            dns.ask_kept(owner, rtype, servers, where) if servers else dns.ask(owner, rtype, where)
        )

    return ask


@cache
def network_by(resolvers: tuple[str, ...]) -> Network:
    """Return how name servers are found by these resolvers; what they said once serves all zones.

    Zones of one parent, or of one provider, have much of the way to their servers in common.
    """
    return Network(resolvers)


@cache
def _servers(zone: str, resolvers: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of a zone's name servers, one of each first; none where it is not delegated."""
    network = network_by(resolvers)
    try:
        servers = propagation.delegation(zone, network).servers
    except ProviderError:
        return ()
    usable = (
        [each for each in server.addresses if ":" not in each or network.ipv6()]
        for server in servers
    )
    return tuple(address for addresses in usable for address in addresses)
