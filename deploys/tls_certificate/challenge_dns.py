"""Challenge records: published in the right zones, seen everywhere, and removed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from deploys.zones.access import open_zone, writing_ledger
from dns_providers.base import ProviderError
from dns_providers.publishing import propagation
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.propagation import Expected, Network
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import TXT, RRKey, key
from ground.errors import DeployError
from postmaster.desired import zone_for
from postmaster.settings import MailServer, Site

_GROUP = "acme"
_TTL = 60


class AcmeError(DeployError):
    """The order failed; nothing has been changed on the host."""


@contextmanager
def challenges(
    site: Site, server: MailServer, proofs: Mapping[str, str], say: Callable[[str], None]
) -> Iterator[None]:
    """Publish proofs (owner name -> value), wait until all servers show them, remove at the end.

    Raises AcmeError when they cannot be published.
    """
    by_zone: dict[str, dict[str, str]] = {}
    for owner, value in proofs.items():
        zone = zone_for(owner, (each.name for each in site.zones))
        if zone is None:
            raise AcmeError("tls.acme.no_zone", name=owner)
        by_zone.setdefault(zone, {})[owner] = value
    try:
        try:
            for zone, values in by_zone.items():
                _publish(site, server, zone, values)
        except ProviderError as error:
            raise AcmeError("tls.acme.dns", reason=str(error)) from None
        yield
    finally:
        for zone in by_zone:
            try:
                remove_left_over(site, zone)
            except ProviderError as error:
                say(str(error))


def remove_left_over(site: Site, zone: str) -> bool:
    """Remove challenge records that we published in a zone, also those of a killed run.

    Returns whether there were any. Raises ProviderError.
    """
    ledger = writing_ledger(site.zone(zone))
    known = ledger.load()
    keys = {entry.key for entry in known.entries.values() if entry.group == _GROUP}
    keys |= {intent.change.key for intent in known.pending if intent.change.group == _GROUP}
    if not keys:
        return False
    carry_out(open_zone(site.zone(zone)), [_claim(each, frozenset()) for each in keys], ledger)
    return True


def _publish(site: Site, server: MailServer, zone: str, values: Mapping[str, str]) -> None:
    claims = [
        _claim(key(owner, "TXT"), frozenset({TXT(value.encode("ascii"))}))
        for owner, value in values.items()
    ]
    provider = open_zone(site.zone(zone))
    if provider.capabilities.by_hand:
        # Every renewal would wait for somebody at the panel.
        raise AcmeError("tls.acme.by_hand", zone=zone)
    plan = carry_out(provider, claims, writing_ledger(site.zone(zone)))
    if plan.conflicts:
        found = ", ".join(str(conflict.key) for conflict in plan.conflicts)
        raise AcmeError("tls.acme.conflict", records=found)
    network = Network(server.resolvers)
    expected = [Expected(claim.key, claim.values, ClaimMode.MEMBER) for claim in claims]
    outcome = propagation.wait(
        expected,
        propagation.delegation(zone, network),
        network,
        timeout=server.propagation_timeout,
        report=lambda progress: None,
    )
    if not outcome.ok:
        servers = ", ".join(sorted({f"{f.server} ({f.address})" for f in outcome.failures}))
        raise AcmeError("tls.acme.not_visible", servers=servers)


def _claim(owner: RRKey, values: frozenset[TXT]) -> Claim:
    return Claim(
        owner,
        ClaimMode.MEMBER,
        frozenset(values),
        _TTL,
        _GROUP,
        needed=True,
        reason="",  # nobody is shown it
        stage="acme",
    )
