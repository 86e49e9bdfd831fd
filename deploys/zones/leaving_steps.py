"""What the inventory no longer names: told on every run, withdrawn on consent, MX first."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime

from pyinfra import host, state
from pyinfra.api import FunctionCommand, operation
from pyinfra.api.operation import OperationMeta

from deploys.run import flow
from deploys.run.outcome import recorder
from deploys.zones.access import ledger_of, open_zone, writing_ledger
from deploys.zones.wanted import former_addresses, remember_former
from dns_providers.publishing import operations
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.publish import forget as forget_entries
from dns_providers.publishing.publish import mark_former
from dns_providers.rrset import RRKey, Value, key
from ground.errors import Told
from ground.operations import fail
from ground.words import text
from postmaster import spf
from postmaster.leaving import due_names, mx_key
from postmaster.settings import Leaving, Site, Stage, ZoneSettings
from probes.world import dns
from probes.world.dns import Resolvers

Commands = Generator[FunctionCommand, None, None]
# Names that may go, by whether the user brings the certificate.
_FREE = {False: "leaving.names.free", True: "leaving.names.files"}


@operation()
def remember(site: Site, zone: ZoneSettings) -> Commands:
    """Remember since when addresses and MX values are not wanted, and tell of the addresses.

    + site: the site
    + zone: the zone
    """
    try:
        if state.is_executing:
            remember_former(site, zone.name)
        lines = tuple(_former_lines(site, zone))
    except Told as error:
        yield from fail(str(error))
        return
    _tell(lines)
    host.noop(text("dns.former_remembered"))


def _former_lines(site: Site, zone: ZoneSettings) -> Iterator[str]:
    for address, until in former_addresses(site, zone.name).items():
        yield text("leaving.address", address=address, until=_day(until), zone=zone.name)


@operation()
def told(site: Site) -> Commands:
    """Tell what the inventory no longer names and our records still do; once in a run.

    + site: the site
    """
    if _speaks():
        _tell(tuple(_lines(site)))
    host.noop(text("leaving.told"))
    yield from ()


def withdraw(site: Site, zone: ZoneSettings, names: tuple[str, ...]) -> None:
    """Take out of a zone what may go now: MX of domains by consent, later the rest of theirs.

    names: domains and host names that somebody has agreed to withdraw.
    """
    here = [each for each in site.leaving if each.zone == zone.name and each.held]
    domains = [each for each in here if each.kind == "domain"]
    first = [each for each in domains if each.name in names and each.stage is Stage.THERE]
    if first:
        mx = frozenset(mx_key(each.name) for each in first)
        _withdraw(zone, text("dns.name.withdraw_mx"), mx, consented=mx)
    rest = [each for each in domains if each.stage is Stage.REST]
    rest += [each for each in due_names(site, names) if each in here]
    keys = frozenset(key for each in rest for key in each.records if not _signing(key))
    if keys:
        _withdraw(zone, text("dns.name.withdraw"), keys)


def _withdraw(
    zone: ZoneSettings,
    name: str,
    due: frozenset[RRKey],
    consented: frozenset[RRKey] = frozenset(),
) -> OperationMeta:
    return operations.withdraw(
        name=name,
        provider=lambda: open_zone(zone),
        due=due,
        ledger=writing_ledger(zone),
        unmerge=lambda entry: spf.unmerge(entry.terms, entry.whole),
        unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
        before=lambda going: _mark_withdrawn(zone.name, going & consented),
    )


def _signing(owner: RRKey) -> bool:
    """Whether a record is a DKIM key's: it stays for a while, see `steps.retire_keys`."""
    return b"_domainkey" in owner.owner.labels


def _mark_withdrawn(zone: str, going: Iterable[RRKey]) -> None:
    """Remember, before it is done, that MX records are out from now on."""
    ledger = ledger_of(zone)
    known, now = ledger.load(), int(time.time())
    out = {(key, text): now for key in going for text in _values(known, key)}
    mark_former(ledger, {**known.former, **out})


def _values(known: LedgerState, key: RRKey) -> tuple[str, ...]:
    entry = known.entries.get(key)
    return tuple(str(value) for value in entry.values) if entry else ("",)


@operation()
def forget(site: Site, names: tuple[str, ...]) -> Commands:
    """Forget domains and names whose zone the inventory does not have, once no mail comes by them.

    + site: the site
    + names: what somebody has agreed to withdraw
    """
    asked = [each for each in site.leaving if not each.held and each.name in names]
    if not state.is_executing or not asked or not _speaks():
        host.noop(text("leaving.none_forgotten"))
        return
    for each in asked:
        problem = _still_leads_here(site, each)
        if problem:
            flow.leave_unsolved(host.name, (problem,))
            continue
        records = ", ".join(map(str, each.records))
        _tell((text("leaving.forgotten", name=each.name, records=records),))
        if each.kind == "domain":
            _mark_withdrawn(each.zone, [mx_key(each.name)])
        forget_entries(ledger_of(each.zone), each.records)
    yield from ()


def _still_leads_here(site: Site, leaving: Leaving) -> str | None:
    """Why something may not be forgotten: as seen from outside, mail or programs come by it."""
    resolvers = Resolvers(site.servers[0].resolvers)
    rtype = "MX" if leaving.kind == "domain" else "A"
    seen = dns.ask(leaving.name, rtype, resolvers)
    values = {"name": leaving.name, "rtype": rtype, "zone": leaving.zone}
    if not seen.outcome.known:
        return text("leaving.unknown", **values)
    entry = ledger_of(leaving.zone).load().entries.get(key(leaving.name, rtype))
    known = entry.values if entry else frozenset[Value]()
    if seen.values & known:
        return text("leaving.still_here", **values)
    return None


# -- what is told ------------------------------------------------------------------------------


def _speaks() -> bool:
    """Whether this host is the one that does what is done once in a run."""
    return host.name == min(each.name for each in state.inventory.get_active_hosts())


def _tell(lines: tuple[str, ...]) -> None:
    for line in lines:
        host.log_styled(f"  {line}", fg="yellow")
    if state.is_executing:
        recorder().wait(host.name, lines)


def _lines(site: Site) -> Iterator[str]:
    for server in site.servers:
        if server.moves_from:
            values = {"host": server.host, "new": ", ".join(server.addresses)}
            yield text("leaving.moves", old=", ".join(server.moves_from), **values)
    yield from _of_policies(site)
    yield from _of_moved_domains(site)
    for each in site.leaving:
        if each.kind == "domain":
            yield _of_domain(each)
    yield from _of_names(site)


def _of_moved_domains(site: Site) -> Iterator[str]:
    """Domains that another server of the site has now."""
    has = {domain.name: server.host for server in site.servers for domain in server.domains}
    for server in site.servers:
        for name in server.leaving:
            if name in has:
                yield text("leaving.moved", domain=name, old=server.host, new=has[name])


def _of_policies(site: Site) -> Iterator[str]:
    """MTA-STS policies that are being taken back."""
    for server in site.servers:
        for each in server.sts:
            if each.ends:
                yield text("sts.taken_back", domain=each.domain, until=_day(each.id.until))


def _of_domain(leaving: Leaving) -> str:
    values = {"domain": leaving.name, "zone": leaving.zone, "count": len(leaving.records)}
    if leaving.stage is Stage.CACHED and leaving.until is None:
        return text("leaving.domain.queued", host=leaving.server, **values)
    if leaving.stage is Stage.CACHED:
        return text("leaving.domain.cached", until=_day(leaving.until or 0), **values)
    if not leaving.held:
        return text("leaving.domain.no_zone", **values)
    if leaving.stage is Stage.REST:
        return text("leaving.domain.rest", **values)
    if mx_key(leaving.name) in leaving.records:
        return text("leaving.domain.mx", **values)
    return text("leaving.domain.no_mx", **values)


def _of_names(site: Site) -> Iterator[str]:
    """A line for all names that may go, as they go together; one for each that may not."""
    names = [each for each in site.leaving if each.kind == "name"]
    for each in names:
        values = {"name": each.name, "zone": each.zone}
        if not each.held:
            yield text("leaving.name.no_zone", **values)
        elif each.stage is Stage.THERE:
            yield text("leaving.name.mx", **values)
        elif each.stage is Stage.CACHED:
            yield text("leaving.name.cached", until=_day(each.until or 0), **values)
    for host_name in dict.fromkeys(each.server for each in names):
        free = [
            each.name
            for each in names
            if each.server == host_name and each.held and each.stage is Stage.REST
        ]
        if free and host_name:
            new = site.server(host_name).mail_host
            shown = {"names": ", ".join(free), "given": ",".join(free), "host": host_name}
            brought = site.server(host_name).tls.method == "files"
            yield text(_FREE[brought], new=new, **shown)
        elif free:
            yield text("leaving.names.nobody", names=", ".join(free), given=",".join(free))


def _day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
