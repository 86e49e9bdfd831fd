"""All that can be seen of a mail server from outside, gathered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from probes.world import (
    caa,
    dns,
    domain,
    http,
    recipients,
    resolvers,
    smtp,
    spf,
    spf_site,
    tcp,
    tls,
    web,
)
from probes.world.caa import CaaView
from probes.world.dns import Answer, Resolvers, Reverse
from probes.world.domain import DomainTarget, DomainView, HostNameView
from probes.world.enquiry import Enquiry
from probes.world.http import SetUpView
from probes.world.loop import wait_for
from probes.world.recipients import RecipientsView
from probes.world.resolvers import PathView
from probes.world.smtp import SmtpView
from probes.world.spf import SpfView
from probes.world.spf_site import SpfSite
from probes.world.tcp import Connection, Reach
from probes.world.tls import TlsView
from probes.world.web import WebView

T = TypeVar("T")

TLS_PORTS = (465, 993, 443)
SET_UP_PORTS = (80, 880, 443)
_WORKERS = 24


@dataclass(frozen=True, slots=True)
class Target:
    """What to look at: addresses, names and ports of a mail server.

    ehlo_names: greeting name for each domain, in the domains' order. dkim_owners: owner names of
    the key records. spf_includes: domains whose SPF ours includes. closed_ports: those that should
    not be reachable. far_domains: domains whose MX is tried when port 25 looks closed, to tell our
    own network's fault. trust_file: PEM file of the authority that certificates come from, or None
    for the system's. issued_names: those of a certificate that an authority issues. zones: for
    each domain, the zone that it is in.
    """

    addresses: tuple[str, ...]
    mail_host: str
    web_host: str
    domains: tuple[str, ...]
    ehlo_names: tuple[str, ...]
    dkim_owners: tuple[str, ...]
    spf_includes: tuple[str, ...]
    closed_ports: tuple[int, ...]
    far_domains: tuple[str, ...]
    trust_file: str | None
    resolvers: Resolvers
    issued_names: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def by_domain(self) -> tuple[DomainTarget, ...]:
        """What to look at of each domain."""
        made = []
        for at, name in enumerate(self.domains):
            mine = tuple(each for each in self.dkim_owners if each.endswith(f"._domainkey.{name}"))
            made.append(
                DomainTarget(
                    name,
                    self.zones[at] if self.zones else None,
                    self.ehlo_names[at],
                    self.addresses,
                    mine,
                )
            )
        return tuple(made)


@dataclass(frozen=True, slots=True)
class NamesView:
    """What DNS shows of a mail server's names and addresses. mail_host: its addresses in DNS.
    mail_host_site: its SPF.
    """

    domains: tuple[DomainView, ...]
    mail_host_spf: tuple[SpfView, ...]
    spf_includes: tuple[Answer, ...]
    reverse: tuple[Reverse, ...]
    caa: tuple[CaaView, ...] = ()
    greeted: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    mail_host: HostNameView | None = None
    validating: bool = False
    path: PathView = field(default=PathView())
    mail_host_site: SpfSite | None = None


@dataclass(frozen=True, slots=True)
class ServerView:
    """Everything seen. own_network_blocks: port 25 is closed from here to everybody.

    greeted: each greeting name, and its addresses (None: not answered). recipients: which ones port
    25 takes from a stranger.
    """

    domains: tuple[DomainView, ...]
    mail_host_spf: tuple[SpfView, ...]
    spf_includes: tuple[Answer, ...]
    reverse: tuple[Reverse, ...]
    smtp: SmtpView
    tls: tuple[TlsView, ...]
    set_up: tuple[SetUpView, ...]
    closed: tuple[Connection, ...] = field(default=())
    own_network_blocks: bool = False
    caa: tuple[CaaView, ...] = ()
    greeted: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    mail_host: HostNameView | None = None
    web: WebView | None = None
    validating: bool = False
    path: PathView = field(default=PathView())
    mail_host_site: SpfSite | None = None
    recipients: RecipientsView = field(default=RecipientsView(reason="-"))


def observe(target: Target, enquiry: Enquiry) -> ServerView:
    """Look at a mail server from outside; takes as long as the slowest answer."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        start = pool.submit
        address = target.addresses[0]
        asked = start(lambda: wait_for(names(enquiry, target)))
        mail = start(smtp.look, address, 25, target.mail_host, target.trust_file)
        secure = [
            start(tls.look, address, port, _name(port, target), target.trust_file)
            for port in TLS_PORTS
        ]
        page = start(web.look, address, target.web_host, target.trust_file)
        taken = start(recipients.look, address, target.domains)
        set_up = [start(http.set_up_server, address, port) for port in SET_UP_PORTS]
        closed = [start(tcp.connect, address, port) for port in target.closed_ports]
        seen = mail.result()
        blocked = seen.reach is not Reach.OPEN and own_network_blocks(
            target.far_domains, target.resolvers
        )
        named = asked.result()
        return ServerView(
            named.domains,
            named.mail_host_spf,
            named.spf_includes,
            named.reverse,
            seen,
            _all(secure),
            _all(set_up),
            _all(closed),
            blocked,
            named.caa,
            named.greeted,
            named.mail_host,
            page.result(),
            named.validating,
            named.path,
            named.mail_host_site,
            taken.result(),
        )


async def names(enquiry: Enquiry, target: Target) -> NamesView:
    """Look at all that DNS has of a mail server."""
    watch = resolvers.Watch(enquiry)
    # Where its zones are comes first: their own servers are asked for all that is in them.
    await asyncio.gather(*(enquiry.cut(each) for each in target.zones or target.domains))
    async with asyncio.TaskGroup() as group:
        start = group.create_task
        host, ask = target.mail_host, enquiry.ask
        domains = [start(domain.look(enquiry, each)) for each in target.by_domain]
        host_spf = [start(spf.check(each, host, host, ask)) for each in target.addresses]
        includes = [start(ask(each, "TXT")) for each in target.spf_includes]
        reverse = [start(enquiry.reverse(each)) for each in target.addresses]
        greeted = {name: start(enquiry.addresses(name)) for name in target.ehlo_names}
        issuers = [start(caa.look_soon(each, ask)) for each in target.issued_names]
        mail_host = start(domain.host(enquiry, host))
        validating = start(enquiry.validating())
        site = start(spf_site.look(host, ask, domain.families(target.addresses)))
    return NamesView(
        _all(domains),
        _all(host_spf),
        _all(includes),
        _all(reverse),
        _all(issuers),
        tuple((name, each.result()) for name, each in greeted.items()),
        mail_host.result(),
        validating.result(),
        await resolvers.look(enquiry, watch),
        site.result(),
    )


def _all(work: Iterable[Future[T] | asyncio.Task[T]]) -> tuple[T, ...]:
    return tuple(future.result() for future in work)


def _name(port: int, target: Target) -> str:
    """The name that programs use for a port."""
    if port == 443:
        return target.web_host
    if port == 993:
        return target.mail_host.replace("smtp.", "imap.", 1)
    return target.mail_host


def own_network_blocks(far_domains: Iterable[str], resolvers: Resolvers) -> bool:
    """Whether this machine reaches nobody on port 25: then a closed port proves nothing."""
    tried = False
    for far in far_domains:
        for name in dns.exchanges(dns.ask(far, "MX", resolvers))[:1]:
            for address in (dns.addresses(name, resolvers) or ())[:1]:
                tried = True
                if tcp.connect(address, 25).reach in (Reach.OPEN, Reach.REFUSED):
                    return False
    return tried
