"""What domains say of themselves to mail programs and senders: in DNS, and on the web."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from probes.world import dns
from probes.world.dns import Answer, Resolvers
from probes.world.documents import Document, fetch

T = TypeVar("T")
_WORKERS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document is: name, path, and whether it is fetched by https."""

    name: str
    path: str
    encrypted: bool = True


@dataclass(frozen=True, slots=True)
class PolicyTarget:
    """What to look at.

    services: owner names of SRV records. texts: of TXT records. documents: what is fetched.
    trust_file: PEM file of the authority that certificates come from, or None for the system's.
    """

    resolvers: Resolvers
    services: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    documents: tuple[Place, ...] = ()
    trust_file: str | None = None


@dataclass(frozen=True, slots=True)
class PoliciesView:
    """What was seen, in the target's order; of documents None where DNS gave no answer."""

    services: tuple[Answer, ...] = ()
    texts: tuple[Answer, ...] = ()
    documents: tuple[tuple[Place, Document | None], ...] = ()

    def text(self, owner: str) -> Answer | None:
        """The TXT records of an owner name, None where that was not looked at."""
        return next((each for each in self.texts if each.owner == owner), None)

    def document(self, place: Place) -> Document | None:
        """What was fetched from a place."""
        return next((found for each, found in self.documents if each == place), None)


def observe(target: PolicyTarget) -> PoliciesView:
    """Look at all of it from outside; takes as long as the slowest answer."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        resolvers = target.resolvers
        services = [pool.submit(dns.ask, each, "SRV", resolvers) for each in target.services]
        texts = [pool.submit(dns.ask, each, "TXT", resolvers) for each in target.texts]
        documents = [pool.submit(_fetched, each, target) for each in target.documents]
        found = zip(target.documents, _all(documents), strict=True)
        return PoliciesView(_all(services), _all(texts), tuple(found))


def _fetched(place: Place, target: PolicyTarget) -> Document | None:
    addresses = dns.addresses(place.name, target.resolvers)
    if addresses is None:
        return None
    trust = target.trust_file
    return fetch(place.name, place.path, addresses, trust, encrypted=place.encrypted)


def _all(work: Iterable[Future[T]]) -> tuple[T, ...]:
    return tuple(future.result() for future in work)
