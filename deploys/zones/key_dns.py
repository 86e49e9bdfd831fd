"""What DNS shows of key records: at the provider where it can be read, and at all name servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dns.name

from deploys.zones.access import network_of, open_zone
from dns_providers.base import ProviderError
from dns_providers.publishing import propagation
from dns_providers.publishing.authoritative import Silent, ask_all
from dns_providers.publishing.propagation import DelegationError, NameServer, Network
from dns_providers.publishing.publish import read, seen_before
from dns_providers.rrset import RRKey, Value
from postmaster.settings import Site, ZoneSettings
from probes.world.dns import Resolvers, ask_one

Values = frozenset[Value]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a zone shows at some keys. silent: who should have told and did not."""

    values: Mapping[RRKey, Values]
    silent: tuple[str, ...] = ()


def shown(site: Site, zone: ZoneSettings, keys: frozenset[RRKey], *, opening: bool) -> Shown:
    """Return what is at each key: by the provider, else what any name server still has.

    opening: the provider can be opened. Where it can be read nobody else has to answer.
    """
    there = _at_provider(zone, keys) if opening else None
    missing = frozenset(key for key in keys if key not in (there or {}))
    served = _served(zone.name, missing, network_of(site, zone))
    if there is None:
        return served
    return Shown({**served.values, **there})


def _at_provider(zone: ZoneSettings, keys: frozenset[RRKey]) -> Mapping[RRKey, Values] | None:
    """What the provider has, None where it cannot be read."""
    try:
        provider, owners = open_zone(zone), frozenset(key.owner for key in keys)
        snapshot = seen_before(provider, owners) or read(provider, owners)
    except ProviderError:
        return None
    found = {key: snapshot.get(key) for key in keys}
    return {key: rrset.values for key, rrset in found.items() if rrset and not rrset.synthesised}


def _served(zone: str, keys: frozenset[RRKey], network: Network) -> Shown:
    try:
        servers = propagation.delegation(zone, network).servers if keys else ()
    except DelegationError as error:
        return Shown({}, () if _nowhere(zone, network) else (str(error),))
    values, silent = dict[RRKey, Values](), list[str]()
    apex = dns.name.from_text(zone)
    for server in servers:
        replies = list(_replies(server, keys, apex, network))
        if not replies:
            silent.append(server.name)
        for reply in replies:
            values = {**reply, **values}
    return Shown(values, tuple(silent))


def _replies(
    server: NameServer, keys: Iterable[RRKey], apex: dns.name.Name, network: Network
) -> Iterable[Mapping[RRKey, Values]]:
    for address in server.addresses:
        try:
            there = ask_all(address, keys, apex, port=network.port, timeout=network.timeout)
        except Silent:
            continue
        yield {key: reply.rrset.values for key, reply in there.items() if reply.rrset}


def _nowhere(zone: str, network: Network) -> bool:
    """Whether some resolver says that nobody serves the zone: it has no records."""
    resolvers = Resolvers(network.resolvers)
    answers = (ask_one(zone, "NS", each, resolvers) for each in resolvers.addresses)
    return any(each.outcome.known and not each.values for each in answers)
