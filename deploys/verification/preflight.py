"""The preflight of one host: look, judge, show all findings together, stop on what stops."""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from deploys.host.snapshot import look
from deploys.outbound import smarthosts
from deploys.tls_certificate.authority import caa_of
from deploys.verification.foreign_pmail import found_on
from ground.operations import refuse
from ground.words import text
from postmaster.checks import areas
from postmaster.checks.preflight import Bare
from postmaster.checks.results import Result, Status
from postmaster.report.model import Report
from postmaster.report.text import table
from postmaster.settings import MailServer
from probes.host import fitness
from probes.host.fitness import Exchange
from probes.world import dns
from probes.world.dns import Resolvers


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
    script = fitness.script(_exchanges(server))
    started = time.time()  # the script looks at the clock first, and waits for others then
    reply = look(host, script)
    seen = fitness.parse(reply.stdout)
    known = smarthosts.passwords(host, server)
    foreign = found_on(host, server)
    return areas.of_bare_host(Bare(server, seen, started, known, foreign, caa_of(server)))


def _exchanges(server: MailServer) -> tuple[Exchange, ...]:
    """One MX address for each domain that outbound port 25 is tried with.

    Looked up here: a bare host has no tool for it.
    """
    resolvers = Resolvers(server.resolvers)

    def find(domain: str) -> Exchange | None:
        for name in dns.exchanges(dns.ask(domain, "MX", resolvers)):
            found = [each for each in dns.addresses(name, resolvers) or () if ":" not in each]
            if found:
                return Exchange(domain, name, found[0])
        return None

    if not server.preflight_mx_domains:
        return ()
    with ThreadPoolExecutor(8) as pool:
        return tuple(each for each in pool.map(find, server.preflight_mx_domains) if each)
