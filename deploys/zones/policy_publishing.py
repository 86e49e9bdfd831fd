"""What tells senders of MTA-STS policies: published once a policy is served, MX after that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from pyinfra import host, state
from pyinfra.api.operation import OperationMeta

from deploys.run import flow
from deploys.zones.access import (
    all_resolvers,
    ledger_of,
    look_of,
    network_of,
    open_zone,
    replaced,
    writing_ledger,
)
from deploys.zones.asking import asking
from deploys.zones.wanted import wanted
from dns_providers.publishing import operations, propagation
from dns_providers.publishing.claims import Claim
from dns_providers.rrset import Address, key
from ground.words import text
from postmaster import mta_sts
from postmaster.desired import POLICY_STAGE
from postmaster.mta_sts import DomainPolicy
from postmaster.own_policies import why_mx_waits
from postmaster.settings import MailServer, Site, ZoneSettings
from probes.world.documents import Document, fetch


def has_policies(site: Site, zone: ZoneSettings) -> bool:
    """Return whether a zone is to hold a record of some policy."""
    return bool(wanted(site, zone.name).stage(POLICY_STAGE))


def publish_policies(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Tell senders of a zone's policies: of those that are served by now."""
    return operations.publish(
        name=text("sts.name.publish"),
        provider=lambda: open_zone(zone),
        claims=lambda: _claims(site, zone),
        ledger=writing_ledger(zone),
        replaced=replaced(zone),
        unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
        delegation=lambda: propagation.delegation(zone.name, network_of(site, zone)),
        look=look_of(site, zone),
        sparing=True,
    )


def _claims(site: Site, zone: ZoneSettings) -> Iterator[Claim]:
    """The records to have now: of a policy that is not served yet, that of before."""
    policies = {
        key(mta_sts.owner(each.domain), "TXT"): (server, each)
        for server in site.servers
        for each in server.sts
    }
    for claim in wanted(site, zone.name).stage(POLICY_STAGE):
        server, policy = policies[claim.key]
        id: mta_sts.PolicyId | None = policy.id
        if not policy.settled and state.is_executing:
            document = _served(site, server, policy)
            found = id_of_served(policy, document, int(time.time()))
            if found is None:
                flow.leave_unsolved(host.name, (_not_served(policy, document),))
            id = found or policy.published
        if id is not None:
            yield replace(claim, values=frozenset({mta_sts.build(id)}))


def id_of_served(policy: DomainPolicy, document: Document, now: int) -> mta_sts.PolicyId | None:
    """Return the id that stands for what is served, None where that is not what should be.

    Where a policy must not be enforced yet, the same one is tried. now: Unix seconds.
    """
    if not document.came or not mta_sts.is_plain(document.media_type):
        return None
    if document.content == policy.policy.text.encode():
        return policy.id
    tried = policy.policy.tried_first()
    if document.content == tried.text.encode():
        return mta_sts.next_id(policy.published, tried, now)
    return None


def _served(site: Site, server: MailServer, policy: DomainPolicy) -> Document:
    name = mta_sts.host(policy.domain)
    ask = asking((each.name for each in site.zones), all_resolvers(site))
    addresses = (v for rtype in ("A", "AAAA") for v in ask(name, rtype).values)
    found = [each.address for each in addresses if isinstance(each, Address)]
    return fetch(name, mta_sts.PATH, found, server.tls.trust_file)


def _not_served(policy: DomainPolicy, document: Document) -> str:
    seen = document.reason if not document.status else f"{document.status} {document.media_type}"
    name = mta_sts.host(policy.domain)
    return text("sts.not_served", domain=policy.domain, name=name, seen=seen.strip())


def mx_waits(site: Site, zone: ZoneSettings) -> Iterable[str]:
    """Give why MX records of a zone must not be changed yet: senders remember a policy."""
    entries, now = ledger_of(zone.name).load(), int(time.time())
    for server in site.servers:
        zones = {domain.name: domain.zone for domain in server.domains}
        for each in server.sts:
            if zones.get(each.domain) != zone.name:
                continue
            until = why_mx_waits(each, entries, server.mail_host, zone.ttl, now)
            if until:
                day = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
                yield text("sts.mx_waits", domain=each.domain, host=server.mail_host, until=day)
