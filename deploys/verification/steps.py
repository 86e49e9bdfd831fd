"""Verification of one mail server: gather what is seen, judge it, print and keep the report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, operation

from deploys.accounts.admin import admin_problem
from deploys.edge.operations import units
from deploys.host import edge_layout, manifest, outbound_layout, web_layout
from deploys.host import pmail_layout as layout
from deploys.host.remote import read
from deploys.outbound import look
from deploys.pmail_server import configure
from deploys.run.outcome import ReportMade, recorder
from deploys.run.paths import Busy
from deploys.run.paused import paused_elsewhere, paused_rotations
from deploys.run.progress import waiting, waits_for
from deploys.verification import reports
from deploys.verification.far import far
from deploys.verification.live import proven
from deploys.verification.preflight import bare_view
from deploys.verification.reputation import listings, registrations
from deploys.web_front import neighbour
from deploys.zones.access import ledger_of
from deploys.zones.key_records import key_records, made_at, public_key
from deploys.zones.memory import is_earlier
from dns_providers.base import ProviderError
from dns_providers.publishing import propagation
from dns_providers.publishing.claims import Claim
from dns_providers.publishing.plan import Entries
from dns_providers.publishing.propagation import Expected, Network, ServerState, Verdict
from dns_providers.publishing.wording import state_line
from dns_providers.rrset import TXT, RRKey, name_text
from ground.errors import Told
from ground.operations import fail, refuse
from ground.words import Words, say, text
from keys.dkim import DkimPublicKey
from keys.store import KeyStoreError
from postmaster import dkim, mail_programs, mta_sts, spf, tls_rpt
from postmaster.checks import areas
from postmaster.checks.bare import Bare
from postmaster.checks.policies import places
from postmaster.checks.results import Result, Status
from postmaster.checks.seen import RecordView, ResolverView, Seen, ZoneView
from postmaster.checks.selection import EVERYTHING, Selection
from postmaster.desired import desired
from postmaster.outbound import mode_of
from postmaster.report.changes import line
from postmaster.report.model import Report
from postmaster.report.text import receivers, summary, table
from postmaster.settings import MailServer, Site
from postmaster.web import web_of
from postmaster.witnesses import witnesses
from probes.host import edge as edge_probe
from probes.host import front as front_probe
from probes.host import state as host_probe
from probes.host.edge import EdgeView
from probes.host.front import FrontView
from probes.host.live import LiveView
from probes.host.relay import RelayView
from probes.host.state import HostView
from probes.world import policies
from probes.world.dns import Resolvers
from probes.world.enquiry import Enquiry
from probes.world.loop import wait_for
from probes.world.policies import PolicyTarget
from probes.world.server import ServerView, Target, observe

_COLOURS = {  # the worst first
    Status.FAIL: "red",
    Status.UNKNOWN: "magenta",
    Status.WARN: "yellow",
}


class ProofWish(Enum):
    """Whether mail is sent to prove that mail passes."""

    NONE = "none"
    AFTER_CHANGES = "after changes"  # where this run has changed something, and a setting has it so
    ASKED = "asked"


@operation()
def verify(
    server: MailServer,
    site: Site,
    selection: Selection = EVERYTHING,
    strict: bool = False,
    proof: ProofWish = ProofWish.NONE,
    to: str | None = None,
) -> Generator[FunctionCommand, None, None]:
    """Check a server from outside and on its host, and report; changes nothing.

    + server: the mail server
    + site: the site it belongs to
    + selection: which rules to report
    + strict: a warning counts as a fail
    + proof: whether mail is sent to prove that mail passes; of that nothing stays on the host
    + to: a mailbox elsewhere that is sent to as well
    """
    if not state.is_executing:
        host.noop(text("report.later"))
        return
    wished = (
        proof is ProofWish.ASKED
        or to
        or (
            proof is ProofWish.AFTER_CHANGES
            and server.live_proof
            and host.name in recorder().seen.changes
        )
    )
    report = _report(server, site, selection, strict=strict, live=bool(wished), to=to)
    _print(report)
    try:
        made = reports.keep(report, server.keep_reports, _told_damaged)
    except Busy as error:
        yield from fail(str(error))
        return
    page = str(made.page) if made.page else ""
    recorder().report(ReportMade(report.server, str(made.path), report.exit_status, page))
    if made.changes:
        host.log(say(line(made.changes)))
    if report.exit_status == 1:
        yield FunctionCommand(refuse, (text("report.failed", server=server.host),), {})


def _report(
    server: MailServer,
    site: Site,
    selection: Selection,
    *,
    strict: bool,
    live: bool,
    to: str | None,
) -> Report:
    """Look, and judge; of all that is found, what was asked for."""
    began = time.monotonic()
    results = selection.of_results(checked(host, server, site, live=live, to=to))
    took = time.monotonic() - began
    return Report(server.host, datetime.now(UTC), results, took, strict, selection, site.zones)


def checked(
    host: Host, server: MailServer, site: Site, *, live: bool = False, to: str | None = None
) -> tuple[Result, ...]:
    """Return the results of all rules that apply to one server.

    live: mail is sent to prove that it passes. to: to a mailbox elsewhere, too.
    """
    with waiting(server.host):
        return _checked(host, server, site, live=live, to=to)


def _checked(
    host: Host, server: MailServer, site: Site, *, live: bool, to: str | None
) -> tuple[Result, ...]:
    relayed = mode_of(server).relayed
    server = replace(server, paused=_is_paused(host, server))
    enquiry = Enquiry(Resolvers(server.resolvers))
    return areas.of_server(
        Seen(
            server=server,
            stored=_stored_keys(server),
            made=_made(server),
            zones=tuple(_zone_view(zone, server, site, enquiry) for zone in _zones(server, site)),
            host=host_view(host, server),
            world=_world(server, enquiry),
            relay=look.relay_view(host, server) if relayed else RelayView(False),
            edge=edge_view(host, server) if relayed else EdgeView(False),
            policies=policies.observe(policy_target(server)),
            bare=_bare(host, server),
            live=_live(host, server, to) if live else None,
            front=front_view(host, server) if web_of(server).fronted else FrontView(False),
            listings=listings(host, server),
            registrations=registrations(server),
            now=datetime.now(UTC),  # last: nothing that was seen is of later
        )
    )


def _world(server: MailServer, enquiry: Enquiry) -> ServerView:
    """What is seen from outside."""
    waits_for(server.host, Words.of("progress.world"))
    return observe(target(server), enquiry)


def _live(host: Host, server: MailServer, to: str | None) -> LiveView:
    if server.paused:
        return LiveView(reason=text("live.paused"))
    waits_for(server.host, Words.of("progress.live"))
    return proven(host, server, far(to))


def _bare(host: Host, server: MailServer) -> Bare | None:
    """What the preflight sees now, None where the host could not be looked at."""
    waits_for(server.host, Words.of("progress.receivers"))
    try:
        found = bare_view(host, server)
    except Told:
        return None
    return found if found.fitness.uid is not None else None


def _is_paused(host: Host, server: MailServer) -> bool:
    """Whether a rotation pauses a server's mail, by the journal, or by the host where that is lost
    or was put back to a day when one did.

    All that, and what is damaged, is told when the run begins.
    """
    try:
        found = manifest.seen(host)
        there = found.manifest
        if there and there.facts.paused and is_earlier(server, found.look):
            return True
        remembered = there.facts.rotations if there else ()
        return paused_elsewhere(remembered) is not None or bool(paused_rotations(server))
    except Told:
        return False


def target(server: MailServer) -> Target:
    """Return what the probes shall look at."""
    mode = mode_of(server)
    ehlo = mode.ehlo_names(server)
    domains = tuple(domain.name for domain in server.domains)
    return Target(
        addresses=server.addresses,
        mail_host=server.mail_host,
        web_host=server.web_host,
        domains=domains,
        ehlo_names=ehlo if len(ehlo) == len(domains) else ehlo * len(domains),
        dkim_owners=tuple(dkim.owner(k.selector, k.domain) for k in mode.signing_keys(server)),
        spf_includes=server.spf_include,
        closed_ports=configure.closed_ports(server),
        far_domains=server.preflight_mx_domains,
        trust_file=server.tls.trust_file,
        resolvers=Resolvers(server.resolvers),
        issued_names=server.certificate_names if server.tls.method != "files" else (),
        zones=tuple(domain.zone for domain in server.domains),
    )


def policy_target(server: MailServer) -> PolicyTarget:
    """Return what domains say of themselves that the probes shall look at."""
    domains = [domain.name for domain in server.domains]
    reports = map(tls_rpt.owner, domains if server.tls_rpt else ())
    policies = map(mta_sts.owner, domains if server.mta_sts_policy != "off" else ())
    return PolicyTarget(
        resolvers=Resolvers(server.resolvers),
        services=tuple(
            each.owner(name) for name in domains for each in mail_programs.services(server)
        ),
        texts=(*reports, *policies),
        documents=places(server),
        trust_file=server.tls.trust_file,
    )


def host_view(host: Host, server: MailServer) -> HostView:
    """Return what the host itself shows."""
    waits_for(server.host, Words.of("progress.host"))
    mode = mode_of(server)
    keys = [
        (
            dkim.owner(key.selector, key.domain),
            layout.DKIM_PRIVATE
            if mode.signer == "pmail"
            else outbound_layout.key_file(key.domain, key.selector),
        )
        for key in mode.signing_keys(server)
    ]
    script = host_probe.script(layout.STAMP, keys)
    reply = read(host, script)
    if not reply.ok:
        return HostView(False)
    now = time.time()
    return host_probe.parse(reply.stdout, str(admin_problem(host, server) or ""), now)


def edge_view(host: Host, server: MailServer) -> EdgeView:
    """Return what stands before PMail shows, where the outbound mode has something there."""
    script = edge_probe.script(
        units(server),
        layout.STAMPS,
        edge_layout.EDGE_UNIT,
        edge_layout.NAMESPACE,
        edge_layout.RESOLVER_PORT,
    )
    reply = read(host, script)
    return edge_probe.parse(reply.stdout) if reply.ok else EdgeView(False)


def front_view(host: Host, server: MailServer) -> FrontView:
    """Return what stands before web mail shows."""
    reply = read(host, front_probe.script(web_layout.ENDPOINT, layout.HTTP_PORT))
    if not reply.ok:
        return FrontView(False)
    seen = front_probe.parse(reply.stdout)
    if web_of(server).ports != "theirs":
        return seen
    found = neighbour.parse(read(host, neighbour.SCRIPT).stdout)
    return replace(
        seen, server=found.kind.name, included=found.included, command=found.kind.command
    )


def _stored_keys(server: MailServer) -> dict[tuple[str, str], DkimPublicKey | None]:
    keys = mode_of(server).signing_keys(server)
    try:
        return {(k.domain, k.selector): public_key(k.domain, k.selector) for k in keys}
    except KeyStoreError:
        return {}


def _made(server: MailServer) -> dict[tuple[str, str], datetime]:
    """When the keys that a server signs with were made, by the store."""
    found = {}
    for key in mode_of(server).signing_keys(server):
        if (made := made_at(key.domain, key.selector)) is not None:
            found[key.domain, key.selector] = made
    return found


def _zones(server: MailServer, site: Site) -> list[str]:
    """Zones that hold something of this server."""
    names = {domain.zone for domain in server.domains}
    return sorted(zone.name for zone in site.zones if zone.name in names)


# -- propagation -------------------------------------------------------------------------------


def _zone_view(zone: str, server: MailServer, site: Site, enquiry: Enquiry) -> ZoneView:
    network = Network(server.resolvers)
    waits_for(server.host, Words.of("progress.zone", zone=zone))
    try:
        entries = ledger_of(zone).load().entries
        claims = desired(site, zone, key_records).claims
        delegation = propagation.delegation(zone, network)
    except (ProviderError, KeyStoreError) as error:
        return ZoneView(zone, problem=str(error))
    expected = expectations(claims, entries)
    states = propagation.survey(expected, delegation, network)
    made = zip(claims, expected, strict=True)
    records = [
        replace(
            _record_view(item, states),
            wished=is_wished(item, claim),
            ttl=entries[item.key].ttl if item.key in entries else claim.ttl,
        )
        for claim, item in made
    ]
    shown, missing = published(claims, entries, records)
    right = {record.key for record in shown if not record.wrong}
    everywhere = [item for item in expected if item.key in right]
    ttls = {record.key: record.ttl for record in shown if record.wished and record.ttl}
    asked = _ask_resolvers(everywhere, witnesses(server.resolvers), ttls, enquiry)
    return ZoneView(zone, shown, asked, missing)


def published(
    claims: Iterable[Claim], entries: Entries, records: Iterable[RecordView]
) -> tuple[tuple[RecordView, ...], tuple[Claim, ...]]:
    """Return the records that we published, or somebody by hand; and the claims that nobody did.

    Somebody's SPF or DMARC record may do as well as ours: the checks of these judge it.
    """
    shown = tuple(record for record in records if record.key in entries or record.right)
    known = {record.key for record in shown} | set(entries)
    missing = tuple(
        claim
        for claim in claims
        if claim.key not in known and not claim.only_if_free and not _may_be_theirs(claim)
    )
    return shown, missing


def _may_be_theirs(claim: Claim) -> bool:
    return claim.singleton is not None or (claim.theirs is not None and claim.theirs.anywhere)


def expectations(claims: Iterable[Claim], entries: Entries) -> tuple[Expected, ...]:
    """Return what name servers should show: as we wrote it, else as it is wanted."""
    return tuple(
        Expected(entry.key, entry.values, entry.mode)
        if (entry := entries.get(claim.key))
        else Expected(claim.key, claim.values, claim.mode)
        for claim in claims
    )


def is_wished(item: Expected, claim: Claim) -> bool:
    """Return whether what name servers should show is what a claim wants."""
    if claim.singleton is None:
        return claim.values <= item.values
    there = [value.data for value in item.values if isinstance(value, TXT)]
    wanted = [value.data for value in claim.values if isinstance(value, TXT)]
    return all(any(spf.says(each, value) for each in there) for value in wanted)


def _record_view(item: Expected, states: Iterable[ServerState]) -> RecordView:
    mine = [each for each in states if each.key == item.key]
    failures, silent = propagation.judge(mine)
    right = sum(each.verdict is Verdict.OK for each in mine)
    wrong, mute = (tuple(state_line(each) for each in some) for some in (failures, silent))
    return RecordView(item.key, right, wrong, mute)


def _ask_resolvers(
    expected: list[Expected],
    resolvers: Iterable[str],
    ttls: Mapping[RRKey, int],
    enquiry: Enquiry,
) -> tuple[ResolverView, ...]:
    """Ask recursive resolvers, only for what all authoritative servers show already.

    ttls: of each record, as it was published, in seconds.
    """

    async def ask(address: str) -> ResolverView:
        work = (
            enquiry.at_resolver(address, name_text(item.key.owner), item.key.rtype)
            for item in expected
        )
        answers = await asyncio.gather(*work)
        if not all(answer.outcome.known for answer in answers):
            return ResolverView(address, 0, answers=False)
        both = list(zip(expected, answers, strict=True))
        stale = [(item, said) for item, said in both if not item.values <= said.values]
        return ResolverView(
            address,
            len(expected),
            tuple(item.key for item, _ in stale),
            left=max((said.ttl or 0 for _, said in stale), default=0),
            stretched=tuple(
                item.key
                for item, said in both
                if said.values and (said.ttl or 0) > ttls.get(item.key, said.ttl or 0)
            ),
        )

    async def every() -> list[ResolverView]:
        return await asyncio.gather(*map(ask, resolvers))

    return tuple(wait_for(every())) if expected else ()


# -- output ------------------------------------------------------------------------------------


def _print(report: Report) -> None:
    """Print the table in one piece, so that several servers' tables do not mix."""
    statuses = {result.status for result in report.results}
    colour = next((c for status, c in _COLOURS.items() if status in statuses), "green")
    lines = [text("report.title", server=report.server), *table(report)[:-1]]
    host.log("\n".join(lines))
    host.log_styled(summary(report), fg=colour)
    if said := receivers(report):
        host.log("\n".join(said))


def _told_damaged(path: Path, aside: Path) -> None:
    host.log_styled(text("state.damaged.reports", path=path, aside=aside), fg="yellow")
