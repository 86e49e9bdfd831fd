"""All that can be seen of a mail server from outside, gathered at once."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from probes.world import caa, dns, http, smtp, spf, tcp, tls
from probes.world.caa import CaaView
from probes.world.dns import Answer, Resolvers, Reverse
from probes.world.http import SetUpView
from probes.world.smtp import SmtpView
from probes.world.spf import SpfView
from probes.world.tcp import Connection, Reach
from probes.world.tls import TlsView

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
    for the system's. issued_names: those of a certificate that an authority issues. dmarc_above:
    for each domain, owner names of DMARC records of names above it, the highest first.
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
    dmarc_above: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class DomainView:
    """DNS of one mail domain, and the addresses of its MX hosts (None: not answered).

    dmarc_above: DMARC records of names above it, the highest first.
    """

    domain: str
    mx: Answer
    mx_addresses: tuple[tuple[str, tuple[str, ...] | None], ...]
    spf: tuple[SpfView, ...]
    dmarc: Answer
    dmarc_above: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerView:
    """Everything seen. own_network_blocks: port 25 is closed from here to everybody.

    greeted: each greeting name, and its addresses (None: not answered).
    """

    domains: tuple[DomainView, ...]
    mail_host_spf: tuple[SpfView, ...]
    dkim: tuple[Answer, ...]
    spf_includes: tuple[Answer, ...]
    reverse: tuple[Reverse, ...]
    smtp: SmtpView
    tls: tuple[TlsView, ...]
    set_up: tuple[SetUpView, ...]
    closed: tuple[Connection, ...] = field(default=())
    own_network_blocks: bool = False
    caa: tuple[CaaView, ...] = ()
    greeted: tuple[tuple[str, tuple[str, ...] | None], ...] = ()


def observe(target: Target) -> ServerView:
    """Look at a mail server from outside; takes as long as the slowest answer."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        start = pool.submit
        address = target.addresses[0]
        resolvers = target.resolvers
        none_above = ((),) * len(target.domains)
        domains = [
            start(_domain, domain, ehlo, target, above)
            for domain, ehlo, above in zip(
                target.domains, target.ehlo_names, target.dmarc_above or none_above, strict=True
            )
        ]
        host_spf = [
            start(spf.check_host, each, target.mail_host, target.mail_host, resolvers)
            for each in target.addresses
        ]
        dkim = [start(dns.ask, owner, "TXT", resolvers) for owner in target.dkim_owners]
        includes = [start(dns.ask, name, "TXT", resolvers) for name in target.spf_includes]
        reverse = [start(dns.reverse, each, resolvers) for each in target.addresses]
        greeting = dict.fromkeys(target.ehlo_names)
        greeted = {name: start(dns.addresses, name, resolvers) for name in greeting}
        issuers = [start(caa.look, each, dns.asking(resolvers)) for each in target.issued_names]
        mail = start(smtp.look, address, 25, target.mail_host, target.trust_file)
        secure = [
            start(tls.look, address, port, _name(port, target), target.trust_file)
            for port in TLS_PORTS
        ]
        set_up = [start(http.set_up_server, address, port) for port in SET_UP_PORTS]
        closed = [start(tcp.connect, address, port) for port in target.closed_ports]
        seen = mail.result()
        blocked = seen.reach is not Reach.OPEN and own_network_blocks(target.far_domains, resolvers)
        return ServerView(
            _all(domains),
            _all(host_spf),
            _all(dkim),
            _all(includes),
            _all(reverse),
            seen,
            _all(secure),
            _all(set_up),
            _all(closed),
            blocked,
            _all(issuers),
            tuple((name, each.result()) for name, each in greeted.items()),
        )


def _all(work: Iterable[Future[T]]) -> tuple[T, ...]:
    return tuple(future.result() for future in work)


def _name(port: int, target: Target) -> str:
    """The name that programs use for a port."""
    if port == 443:
        return target.web_host
    if port == 993:
        return target.mail_host.replace("smtp.", "imap.", 1)
    return target.mail_host


def _domain(domain: str, ehlo: str, target: Target, above: tuple[str, ...]) -> DomainView:
    resolvers = target.resolvers
    mx = dns.ask(domain, "MX", resolvers)
    hosts = tuple((name, dns.addresses(name, resolvers)) for name in dns.exchanges(mx))
    results = tuple(
        spf.check_host(address, domain, ehlo, resolvers) for address in target.addresses
    )
    own = dns.ask(f"_dmarc.{domain}", "TXT", resolvers)
    return DomainView(
        domain, mx, hosts, results, own, tuple(dns.ask(each, "TXT", resolvers) for each in above)
    )


def own_network_blocks(far_domains: Iterable[str], resolvers: Resolvers) -> bool:
    """Whether this machine reaches nobody on port 25: then a closed port proves nothing."""
    tried = False
    for domain in far_domains:
        for name in dns.exchanges(dns.ask(domain, "MX", resolvers))[:1]:
            for address in (dns.addresses(name, resolvers) or ())[:1]:
                tried = True
                if tcp.connect(address, 25).reach in (Reach.OPEN, Reach.REFUSED):
                    return False
    return tried
