"""The preflight of one host: look, judge, show all findings together, stop on what stops."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, operation

from deploys.host.snapshot import look
from deploys.outbound import smarthosts
from deploys.tls_certificate.authority import caa_of
from deploys.verification.foreign_pmail import found_on
from ground.operations import refuse
from ground.words import text
from postmaster.checks import areas
from postmaster.checks.bare import Bare
from postmaster.checks.results import Result, Status
from postmaster.outbound import mode_of
from postmaster.report.model import Report
from postmaster.report.text import table
from postmaster.settings import MailServer
from probes.host import fitness
from probes.host.fitness import Exchange
from probes.world import dns
from probes.world.dns import Resolvers, Reverse


@operation()
def preflight(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Find out whether a host is fit to become a mail server; changes nothing.

    + server: the mail server
    """
    findings = examine(server)
    shown = [each for each in findings if each.status is not Status.PASS]
    report = Report(server.host, datetime.now(UTC), tuple(shown))
    if shown:
        host.log("\n".join((text("preflight.title", host=server.host), *table(report)[:-1])))
    if any(each.status is Status.FAIL for each in findings):
        yield FunctionCommand(refuse, (text("preflight.unfit", host=server.host),), {})
        return
    host.noop(text("preflight.fit", count=len(findings)))


def examine(server: MailServer) -> tuple[Result, ...]:
    """Return all findings on the current host."""
    return areas.of_bare_host(bare_view(host, server))


def bare_view(host: Host, server: MailServer) -> Bare:
    """Return what a host shows of its fitness, and receivers of theirs to it."""
    script = fitness.script(_exchanges(server))
    started = time.time()  # the script looks at the clock first, and waits for others then
    reply = look(host, script)
    return Bare(
        server,
        fitness.parse(reply.stdout),
        started,
        smarthosts.passwords(host, server),
        found_on(host, server),
        caa_of(server),
        _reverse(server),
    )


def _exchanges(server: MailServer) -> tuple[Exchange, ...]:
    """One MX address for each domain that outbound port 25 is tried with, of each family.

    Looked up here: a bare host has no tool for it.
    """
    resolvers = Resolvers(server.resolvers)
    families = (False, True) if server.ipv6 else (False,)

    def find(domain: str) -> Iterable[Exchange]:
        names = dns.exchanges(dns.ask(domain, "MX", resolvers))
        known = {name: dns.addresses(name, resolvers) or () for name in names}
        for v6 in families:
            pairs = ((name, each) for name in names for each in known[name] if (":" in each) is v6)
            yield from (Exchange(domain, name, each) for name, each in itertools.islice(pairs, 1))

    if not server.preflight_mx_domains:
        return ()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda domain: tuple(find(domain)), server.preflight_mx_domains)
        return tuple(itertools.chain.from_iterable(found))


def _reverse(server: MailServer) -> tuple[Reverse, ...]:
    """PTR names of its addresses, where receivers see those."""
    if mode_of(server).sends_from != "server":
        return ()
    resolvers = Resolvers(server.resolvers)
    return tuple(dns.reverse(each, resolvers) for each in server.addresses)
