"""All that was seen of one mail server, from outside and on its host: what checks judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dns_providers.publishing.claims import Claim
from dns_providers.rrset import RRKey, owner_name
from keys.dkim import DkimPublicKey, public_from_data
from postmaster import dkim
from postmaster.block_lists import Listing
from postmaster.checks import subjects
from postmaster.checks.bare import Bare
from postmaster.checks.subjects import Subject
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes.host.edge import EdgeView
from probes.host.front import FrontView
from probes.host.live import LiveView
from probes.host.relay import RelayView
from probes.host.state import HostView
from probes.world.dns import Answer
from probes.world.domain import DomainView, HostNameView
from probes.world.policies import PoliciesView
from probes.world.rdap import Registration
from probes.world.resolvers import PathView
from probes.world.server import ServerView
from probes.world.spf import SpfView
from probes.world.spf_site import SpfSite
from probes.world.tls import Certificate


@dataclass(frozen=True, slots=True)
class RecordView:
    """What the authoritative servers say of one record.

    right: how many addresses answer right. wrong, silent: `server (address): verdict` of the
    others; silent ones have another address that answers right. wished: what is right of it is what
    the inventory wants now. ttl: seconds, as it was published.
    """

    key: RRKey
    right: int
    wrong: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    wished: bool = False
    ttl: int = 0


@dataclass(frozen=True, slots=True)
class ResolverView:
    """Which records a recursive resolver shows differently, and whether it answers at all.

    left: seconds until it forgets the last of them. stretched: records that it keeps for longer
    than their time to live.
    """

    resolver: str
    asked: int
    stale: tuple[RRKey, ...] = ()
    answers: bool = True
    left: int = 0
    stretched: tuple[RRKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ZoneView:
    """Propagation of one zone. problem: why its servers could not be found."""

    zone: str
    records: tuple[RecordView, ...] = ()
    resolvers: tuple[ResolverView, ...] = ()
    unpublished: tuple[Claim, ...] = ()
    problem: str | None = None


def published_in(zones: Iterable[ZoneView], record: RRKey) -> RecordView | None:
    """Return a record that all name servers show as it is wanted now, None for any other."""
    views = (view for zone in zones for view in zone.records if view.key == record)
    return next((v for v in views if v.wished and v.right and not v.wrong), None)


def cached_in(zones: Iterable[ZoneView], record: RRKey) -> RecordView | None:
    """Return a record that is published as it is wanted, and that a resolver has of before.

    None for any other record.
    """
    every = tuple(zones)
    stale = any(record in each.stale for zone in every for each in zone.resolvers)
    return published_in(every, record) if stale else None


@dataclass(frozen=True, slots=True)
class Public:
    """What anybody sees of mail domains, at a time (UTC, with its zone).

    server: the one of the inventory that they belong to; None where there is no inventory, so that
    nobody knows what is theirs. mail_host: of that server, its addresses in DNS. certificate: what
    its port 25 shows. validating: the resolvers validate, so what they call secure is. path: how
    DNS is reached. mail_host_site: SPF of the mail host; mail_host_spf: what comes of that. zones:
    of that server. signing: the keys that it signs with, by (domain, selector): those on its host,
    where they are known, else the store's. made: when keys of the store were made. spf_includes:
    TXT records of what the setting spf_include names.
    """

    domains: tuple[DomainView, ...]
    now: datetime
    server: MailServer | None = None
    mail_host: HostNameView | None = None
    certificate: Certificate | None = None
    validating: bool = False
    path: PathView = field(default=PathView())
    mail_host_site: SpfSite | None = None
    mail_host_spf: tuple[SpfView, ...] = ()
    zones: tuple[ZoneView, ...] = ()
    signing: Mapping[tuple[str, str], DkimPublicKey] = field(default_factory=dict)
    made: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    spf_includes: tuple[Answer, ...] = ()

    def cached(self, record: RRKey) -> RecordView | None:
        """See `cached_in`."""
        return cached_in(self.zones, record)

    def published(self, record: RRKey) -> RecordView | None:
        """See `published_in`."""
        return published_in(self.zones, record)

    def subject(self, view: DomainView) -> Subject:
        """One of the domains, as a subject."""
        return subjects.of_name(view.domain, self.zone(view))

    def zone(self, view: DomainView) -> str:
        """The zone that a domain is in: by the inventory, else as it was found."""
        if self.server is not None:
            return self.server.domain(view.domain).zone
        return view.zone or view.domain

    def hosts(self) -> Iterator[tuple[DomainView, HostNameView]]:
        """Each host name that mail goes to once, with a domain of those whose mail that is."""
        known = set()
        for view in self.domains:
            for host in view.hosts:
                if host.name not in known:
                    known.add(host.name)
                    yield view, host


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of `server`, at a time (UTC, with its zone).

    stored: public keys of the key store, by (domain, selector); made: when they were. relay, edge:
    not reached where the outbound mode has none. front: nor where nothing stands before web mail.
    bare: what the preflight sees of the host; None: it was not reached.
    live: what became of mail that was sent to prove it, None where none was. listings: what block
    lists said. registrations: what registries said of registered names.
    """

    server: MailServer
    now: datetime
    world: ServerView
    host: HostView
    zones: tuple[ZoneView, ...]
    stored: Mapping[tuple[str, str], DkimPublicKey | None] = field(default_factory=dict)
    relay: RelayView = field(default=RelayView(False))
    edge: EdgeView = field(default=EdgeView(False))
    policies: PoliciesView = field(default=PoliciesView())
    bare: Bare | None = None
    live: LiveView | None = None
    front: FrontView = field(default=FrontView(False))
    listings: tuple[Listing, ...] = ()
    registrations: tuple[Registration, ...] = ()
    made: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    @property
    def public(self) -> Public:
        """What anybody sees of the server's domains."""
        shown = self.world.smtp.tls
        return Public(
            self.world.domains,
            self.now,
            self.server,
            self.world.mail_host,
            shown.certificate if shown else None,
            self.world.validating,
            self.world.path,
            self.world.mail_host_site,
            self.world.mail_host_spf,
            self.zones,
            self._signing(),
            self.made,
            self.world.spf_includes,
        )

    def domain_above(self, record: RRKey) -> str | None:
        """The server's domain that an owner name is in: the longest, or None."""
        above = [
            each.name
            for each in self.server.domains
            if record.owner.is_subdomain(owner_name(each.name))
        ]
        return max(above, key=len, default=None)

    def published(self, record: RRKey) -> RecordView | None:
        """A record that all name servers show as it is wanted now, None for any other."""
        return published_in(self.zones, record)

    def cached(self, record: RRKey) -> RecordView | None:
        """A record that is published as it is wanted, and that some resolver still has of before.

        None for any other record.
        """
        return cached_in(self.zones, record)

    def key_on_host(self, domain: str, selector: str) -> DkimPublicKey | None:
        """The public part of a key on the host, None where it could not be seen."""
        data = dict(self.host.dkim).get(dkim.owner(selector, domain))
        return public_from_data(data) if self.host.reached and data else None

    def _signing(self) -> dict[tuple[str, str], DkimPublicKey]:
        keys = [(e.domain, e.selector) for e in mode_of(self.server).signing_keys(self.server)]
        found = {each: self.key_on_host(*each) or self.stored.get(each) for each in keys}
        return {each: public for each, public in found.items() if public is not None}
