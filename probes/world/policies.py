"""What a domain says of itself to mail programs and to senders: SRV, TLS-RPT."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from probes.world import dns
from probes.world.dns import Answer, Resolvers

T = TypeVar("T")
_WORKERS = 12


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """What to look at. services: owner names of SRV records. tls_rpt: owner names."""

    resolvers: Resolvers
    services: tuple[str, ...] = ()
    tls_rpt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoliciesView:
    """What was seen, in the target's order."""

    services: tuple[Answer, ...] = ()
    tls_rpt: tuple[Answer, ...] = ()


def observe(target: PolicyTarget) -> PoliciesView:
    """Look at all of it from outside; takes as long as the slowest answer."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        resolvers = target.resolvers
        services = [pool.submit(dns.ask, each, "SRV", resolvers) for each in target.services]
        reports = [pool.submit(dns.ask, each, "TXT", resolvers) for each in target.tls_rpt]
        return PoliciesView(_all(services), _all(reports))


def _all(work: Iterable[Future[T]]) -> tuple[T, ...]:
    return tuple(future.result() for future in work)
