"""Private keys of domains that the inventory no longer has: when nothing can need them any more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from paramiko import SSHException
from pyinfra.api import Host

from deploys.host.looked import SIGNER_KEYS, looked
from deploys.host.queued import signed_with
from deploys.run.paths import key_store, state_dir
from deploys.zones.access import all_resolvers
from deploys.zones.evidence import key_of
from dns_providers.publishing.ledger import ledgers_in
from ground.errors import Told
from keys.journal import Journal
from keys.rotation import KeyRef
from postmaster import dkim
from postmaster.settings import Site
from probes.world import dns
from probes.world.dns import Resolvers


def gone_domains(site: Site) -> tuple[str, ...]:
    """Return the domains that the store has keys of and no server has, nor a rotation."""
    served = {domain.name for server in site.servers for domain in server.domains}
    going = Journal(state_dir()).domains()
    return tuple(each for each in key_store().domains() if each not in {*served, *going})


def over(site: Site, hosts: Mapping[str, Host], domain: str) -> tuple[KeyRef, ...]:
    """Return the keys of such a domain that nobody has a use for; of what cannot be asked, none.

    No ledger and no name server has their record, no server's signer their file, no queue a message
    that they signed, and they are not so new that somebody may be about to publish them. What has
    leaked is needed by nobody.

    hosts: the site's mail servers that are connected, by their names in the inventory.
    """
    try:
        kept = key_store().kept(domain)
        leaked = Journal(state_dir()).leaked({domain})
        bad = tuple(each for each in kept if each.fingerprint in leaked)
        rest = tuple(each for each in kept if each not in bad)
        if not rest or any(server.rotation.keep_retired for server in site.servers):
            return bad
        named = frozenset(_published()) | frozenset(_signing(site, hosts)) | _young(site, domain)
        unnamed = [each for each in rest if each.fingerprint not in named]
        resolvers = Resolvers(all_resolvers(site))  # which remember who does not answer
        unneeded = (e for e in unnamed if not _needed(site, hosts, domain, e, resolvers))
        return (*bad, *unneeded)
    except (Told, KeyError, OSError, SSHException):
        return ()


def _young(site: Site, domain: str) -> frozenset[str]:
    """Fingerprints of keys made within the days that a record is kept. Raises KeyStoreError."""
    days = max(server.dkim_keep_days for server in site.servers)
    since = datetime.now(UTC) - timedelta(days=days)
    return frozenset(
        each.public.fingerprint for each in key_store().history(domain) if each.created > since
    )


def _published() -> Iterator[str]:
    """Fingerprints of key records that some ledger has. Raises LedgerError."""
    for ledger in ledgers_in(state_dir()):
        for owner, entry in ledger.load().entries.items():
            if b"_domainkey" in owner.owner.labels:
                yield key_of(entry.values)


def _signing(site: Site, hosts: Mapping[str, Host]) -> Iterable[str]:
    """Fingerprints of the keys on all servers. Raises KeyError where one is not reached, Told."""
    for server in site.servers:
        yield from looked(hosts[server.host]).of(SIGNER_KEYS).files.values()


def _needed(
    site: Site, hosts: Mapping[str, Host], domain: str, ref: KeyRef, resolvers: Resolvers
) -> bool:
    """Whether a key is still looked for, or may be. Raises as `over` catches."""
    seen = dns.ask(dkim.owner(ref.selector, domain), "TXT", resolvers)
    if not seen.outcome.known or (seen.values and key_of(seen.values) == ref.fingerprint):
        return True
    signer = frozenset({(domain, ref.selector)})
    return any(signed_with(hosts[server.host], signer).messages for server in site.servers)
