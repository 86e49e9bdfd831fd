"""Is a zone the right one: a zone of its own in DNS, live at the provider that we write to."""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.name

from dns_providers.base import ProviderError, Snapshot
from dns_providers.publishing.propagation import Delegation
from dns_providers.rrset import Other, RRKey, name_text


class NotLive(ProviderError):
    """What we would write nobody would see: the zone is delegated to other servers."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Name servers that only the parent names, and that only the provider names."""

    only_parent: tuple[str, ...] = ()
    only_provider: tuple[str, ...] = ()


def name_servers(snapshot: Snapshot) -> frozenset[str]:
    """Return the name servers that a provider has for its zone, as its apex shows them."""
    apex = snapshot.get(RRKey(snapshot.zone, "NS"))
    values = apex.values if apex else frozenset()
    names = (_target(value) for value in values if isinstance(value, Other))
    return frozenset(name_text(each.canonicalize()) for each in names if each is not None)


def _target(value: Other) -> dns.name.Name | None:
    try:
        return dns.name.from_wire(value.wire, 0)[0]
    except dns.exception.DNSException:
        return None  # a row without sense, as it stands


def check_live(snapshot: Snapshot, delegation: Delegation) -> Differences:
    """Compare a provider's name servers with those that the parent zone delegates to.

    Returns in what they differ. Raises NotLive when none is the same. Where parent and child
    disagree, a zone that serves the provider's own NS records is live all the same (name servers
    under other names of the same machines).
    """
    provider = name_servers(snapshot)
    parent = frozenset(server.name for server in delegation.servers)
    served = (parent - frozenset(delegation.only_parent)) | frozenset(delegation.only_child)
    if not provider:
        return Differences()
    if not provider & parent and provider != served:
        zone = name_text(snapshot.zone)
        shown = {"zone": zone, "parent": _listed(parent), "provider": _listed(provider)}
        raise NotLive("dns.error.not_live", **shown)
    return Differences(tuple(sorted(parent - provider)), tuple(sorted(provider - parent)))


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
