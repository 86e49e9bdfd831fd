"""Which MTA-STS policy each domain has now: by the inventory, and by what was published; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from dns_providers.publishing.claims import Judged, Theirs
from dns_providers.publishing.ledger import LedgerState
from dns_providers.rrset import MX, Address, RRKey, Value, key, name_text
from ground.words import Words
from postmaster import mta_sts
from postmaster.leaving import remembered
from postmaster.mta_sts import DAY, DomainPolicy, Policy, PolicyId
from postmaster.settings import MailServer, Site

_ENDING = Policy("none", (), DAY)
_GROUP = "sts:"

Ledgers = Mapping[str, LedgerState]  # by zone


def with_policies(site: Site, ledgers: Ledgers, now: int) -> Site:
    """Return the site with the policy of each domain that has one, or had one not long ago.

    ledgers: of all zones that we ever wrote to. now: Unix seconds.
    """

    def of(server: MailServer) -> Iterator[DomainPolicy]:
        yield from _wanted(server, site, ledgers, now)
        yield from _left(server, site, ledgers, now)

    servers = tuple(replace(server, sts=tuple(of(server))) for server in site.servers)
    return replace(site, servers=servers)


def _wanted(server: MailServer, site: Site, ledgers: Ledgers, now: int) -> Iterator[DomainPolicy]:
    """Policies of the domains that a server has."""
    for domain in server.domains:
        state = ledgers.get(domain.zone, LedgerState())
        published = _published(state, domain.name)
        if server.mta_sts_policy != "off":
            kept = remembered(site.zone(domain.zone))
            mx = (server.mail_host, *_others(state, domain.name, server.mail_host, now - kept))
            policy = Policy(server.mta_sts_policy, mx, server.mta_sts_max_age)
            yield _policy(domain.name, policy, published, now)
        elif published and not _is_over(published, now):
            yield _policy(domain.name, _ENDING, published, now)


def _left(server: MailServer, site: Site, ledgers: Ledgers, now: int) -> Iterator[DomainPolicy]:
    """Policies of domains that no server has any more, and that senders may remember."""
    served = {domain.name for each in site.servers for domain in each.domains}
    for zone in site.zones:
        state = ledgers.get(zone.name, LedgerState())
        for entry in state.entries.values():
            domain = entry.group.removeprefix(_GROUP)
            if not entry.group.startswith(_GROUP) or domain in served:
                continue
            published = _published(state, domain)
            if published and not _is_over(published, now) and _leads_to(server, state, domain):
                yield _policy(domain, _ENDING, published, now)


def _policy(domain: str, policy: Policy, published: PolicyId | None, now: int) -> DomainPolicy:
    return DomainPolicy(domain, policy, mta_sts.next_id(published, policy, now), published)


def _published(state: LedgerState, domain: str) -> PolicyId | None:
    """What the record says that we wrote last."""
    entry = state.entries.get(key(mta_sts.owner(domain), "TXT"))
    ours = entry is not None and entry.group.startswith(_GROUP)
    return mta_sts.published(entry.values) if entry and ours else None


def _is_over(published: PolicyId, now: int) -> bool:
    """Whether a policy has been taken back, and nobody remembers one of before."""
    return published.sum == _ENDING.sum and now >= published.until


def _leads_to(server: MailServer, state: LedgerState, domain: str) -> bool:
    entry = state.entries.get(key(mta_sts.host(domain), "A"))
    return entry is not None and Address(server.ipv4) in entry.values


def _others(state: LedgerState, domain: str, ours: str, since: int) -> tuple[str, ...]:
    """MX hosts that the domain still has besides ours, or had until `since` (Unix seconds)."""
    record = key(domain, "MX")
    entry = state.entries.get(record)
    there = {name_text(v.exchange) for v in (entry.values if entry else ()) if isinstance(v, MX)}
    former = {
        value.rpartition(" ")[2].rstrip(".")
        for (owner, value), out in state.former.items()
        if owner == record and out >= since
    }
    return tuple(sorted((there | former) - {ours, ""}))


def same(record: RRKey, policy: Policy) -> Theirs:
    """Return that a record with an id of ours for the same policy will do, whenever that was made.

    Somebody has entered it by hand, or the ledger that knew of it was lost.
    """
    return Theirs(partial(_judge, record, policy.sum))


def _judge(record: RRKey, sum: str, values: frozenset[Value]) -> Judged:
    found = mta_sts.published(values)
    if found is None or found.sum != sum or len(values) != 1:
        return Judged()
    return Judged(Words.of("dns.note.sts_same", key=record), kept=values)


def why_mx_waits(policy: DomainPolicy, state: LedgerState, ours: str, ttl: int, now: int) -> int:
    """Return until when the MX record of a domain must not be changed, 0 where it may be.

    Senders that remember an enforced policy send to no host which it does not name. One that names
    both has to be known first: they look for a new id at least daily, and resolvers remember the
    record for its TTL. ours: the MX host to be. ttl: of the record, seconds. now: Unix seconds.
    """
    record = state.entries.get(key(policy.domain, "MX"))
    there = {name_text(v.exchange) for v in (record.values if record else ()) if isinstance(v, MX)}
    if policy.policy.mode != "enforce" or policy.published is None or not there or ours in there:
        return 0
    known = policy.published.since if policy.settled else now
    until = known + ttl + 2 * DAY
    return until if now < until else 0
