"""What the inventory no longer names and our records still do: domains, host names; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import MX, Address, RRKey, key, name_text, owner_name
from postmaster.settings import Leaving, MailServer, Site, Stage, ZoneSettings

# A record that is out may be remembered for its TTL; and some remember it for longer.
_SLACK = 86400  # seconds
_LONGEST_TTL = 86400  # of a zone that the inventory does not have
_OF_DOMAIN = frozenset({"mx", "spf", "dkim", "dmarc", "srv", "no-srv", "tls-rpt", "apex", "caa"})
# Records of documents ("client", "sts") go by themselves: see postmaster.turned_off.
_OF_NAME = frozenset({"addresses", "names"})

Ledgers = Mapping[str, LedgerState]  # by zone


def with_leaving(site: Site, ledgers: Ledgers, now: int) -> Site:
    """Return the site with all that is leaving, and each server with what it still answers to.

    ledgers: of all zones that we ever wrote to. now: Unix seconds.
    """
    names = tuple(_names(site, ledgers, now))
    hosts = {each.name: each.server for each in names}
    hosts |= {server.mail_host: server.host for server in site.servers}
    domains = tuple(_domains(site, ledgers, hosts, now))
    sent_here = _sent_here(site, ledgers, hosts, now)
    servers = tuple(_answering(each, names, sent_here, ledgers) for each in site.servers)
    return replace(site, servers=servers, leaving=(*domains, *names))


def with_queued(site: Site, queued: Mapping[str, frozenset[str]]) -> Site:
    """Return the site with mail still taken for what leaves while a server's queue has some for it.

    queued: domains of recipients that wait in the queue, by the server's inventory name.
    """
    held = {
        each.name: each.server
        for each in site.leaving
        if each.kind == "domain"
        and each.stage is Stage.REST
        and each.name in queued.get(each.server, frozenset())
    }
    servers = tuple(
        replace(
            server,
            leaving=(
                *server.leaving,
                *(name for name, host in held.items() if host == server.host),
            ),
        )
        for server in site.servers
    )
    leaving = tuple(
        replace(each, stage=Stage.CACHED) if each.kind == "domain" and each.name in held else each
        for each in site.leaving
    )
    return replace(site, servers=servers, leaving=leaving)


def without(site: Site, withdrawn: Iterable[str]) -> Site:
    """Return the site as it is once host names are withdrawn; those that are still needed stay."""
    gone = frozenset(each.name for each in due_names(site, withdrawn))
    servers = tuple(
        replace(each, old_names=tuple(name for name in each.old_names if name not in gone))
        for each in site.servers
    )
    return replace(site, servers=servers)


def due_names(site: Site, withdrawn: Iterable[str]) -> tuple[Leaving, ...]:
    """Return the host names of these that no MX record leads to any more."""
    asked = frozenset(withdrawn)
    return tuple(
        each
        for each in site.leaving
        if each.kind == "name" and each.name in asked and each.stage is Stage.REST
    )


def _answering(
    server: MailServer,
    names: Iterable[Leaving],
    sent_here: frozenset[tuple[str, str]],
    ledgers: Ledgers,
) -> MailServer:
    own = {each.name for each in server.domains}
    old = tuple(each.name for each in names if each.server == server.host and each.held)
    leaving = sorted(name for host, name in sent_here if host == server.host)
    made = replace(server, leaving=tuple(n for n in leaving if n not in own), old_names=old)
    pointing, mine = _pointing(made, ledgers), frozenset(server.addresses)
    gone = frozenset[str]().union(*pointing) - mine
    moves = any(addresses != mine for addresses in pointing)
    return replace(made, moves=moves, moves_from=tuple(sorted(gone)))


def _pointing(server: MailServer, ledgers: Ledgers) -> list[set[str]]:
    """The addresses of each name of a server that has any, by the ledger."""
    names = {owner_name(each) for each in server.host_names}
    found: dict[object, set[str]] = {}
    for _, entry in _entries(ledgers):
        if entry.key.owner in names and entry.key.rtype in ("A", "AAAA"):
            found.setdefault(entry.key.owner, set()).update(_addresses(entry))
    return list(found.values())


# -- host names --------------------------------------------------------------------------------


def _names(site: Site, ledgers: Ledgers, now: int) -> Iterator[Leaving]:
    wanted = {name for server in site.servers for name in server.host_names}
    for name, (zone, entries) in _by_name(ledgers, wanted).items():
        held = _zone(site, zone)
        server = _server_of_name(site, name, entries)
        stage, until = _stage_of_name(name, ledgers, remembered(held), now)
        records = tuple(sorted(each.key for each in entries))
        yield Leaving("name", name, zone, held is not None, server, stage, until, records)


def _by_name(ledgers: Ledgers, wanted: set[str]) -> dict[str, tuple[str, list[Entry]]]:
    """Names that have an address and are no longer wanted, with all entries of theirs."""
    found: dict[str, tuple[str, list[Entry]]] = {}
    for zone, entry in _entries(ledgers):
        if _of_name(entry) and _text(entry) not in wanted:
            found.setdefault(_text(entry), (zone, []))[1].append(entry)
    return dict(sorted(found.items()))


def _server_of_name(site: Site, name: str, entries: Iterable[Entry]) -> str:
    there = {address for entry in entries for address in _addresses(entry)}
    owner = owner_name(name)
    for server in site.servers:
        if there & set(server.addresses):
            return server.host
    for server in site.servers:
        if any(owner.is_subdomain(owner_name(each.name)) for each in server.domains):
            return server.host
    return ""


def _stage_of_name(
    name: str, ledgers: Ledgers, remembered: int, now: int
) -> tuple[Stage, int | None]:
    if any(name in _exchanges(entry) for _, entry in _entries(ledgers)):
        return Stage.THERE, None
    out = [since for _, host, since in _former_mx(ledgers) if host == name]
    until = max(out, default=0) + remembered
    return (Stage.CACHED, until) if out and now < until else (Stage.REST, None)


# -- domains -----------------------------------------------------------------------------------


def _domains(site: Site, ledgers: Ledgers, hosts: Mapping[str, str], now: int) -> Iterator[Leaving]:
    served = {domain.name for server in site.servers for domain in server.domains}
    for domain, (zone, entries) in _by_domain(ledgers, served).items():
        held = _zone(site, zone)
        mx = next((each for each in entries if each.key.rtype == "MX"), None)
        out = [(host, since) for name, host, since in _former_mx(ledgers) if name == domain]
        until = max((since for _, since in out), default=0) + remembered(held)
        targets = _exchanges(mx) if mx else tuple(host for host, _ in out)
        server = next((hosts[each] for each in targets if hosts.get(each)), "")
        if mx:
            stage, over = Stage.THERE, None
        elif out:
            stage, over = (Stage.CACHED, until) if now < until else (Stage.REST, None)
        else:
            stage, over = Stage.THERE, None
        records = tuple(sorted(each.key for each in entries))
        if records or stage is Stage.CACHED:
            yield Leaving("domain", domain, zone, held is not None, server, stage, over, records)


def _by_domain(ledgers: Ledgers, served: set[str]) -> dict[str, tuple[str, list[Entry]]]:
    """Domains that no server has, with all their entries; those of a host name are the name's."""
    found: dict[str, tuple[str, list[Entry]]] = {}
    for zone, state in ledgers.items():
        for owner, _ in state.former:
            if owner.rtype == "MX" and name_text(owner.owner) not in served:
                found.setdefault(name_text(owner.owner), (zone, []))
    for zone, entry in _entries(ledgers):
        kind, _, domain = entry.group.partition(":")
        if kind in _OF_DOMAIN and domain not in served and not _of_name(entry):
            found.setdefault(domain, (zone, []))[1].append(entry)
    return dict(sorted(found.items()))


def _sent_here(
    site: Site, ledgers: Ledgers, hosts: Mapping[str, str], now: int
) -> frozenset[tuple[str, str]]:
    """Servers, each with a domain whose MX record names it, or did and may be remembered."""
    found: set[tuple[str, str]] = set()
    for zone, state in ledgers.items():
        kept = remembered(_zone(site, zone))
        for domain, host, since in _former_mx({zone: state}):
            if now < since + kept:
                found.add((hosts.get(host, ""), domain))
        for entry in state.entries.values():
            found |= {(hosts.get(host, ""), _text(entry)) for host in _exchanges(entry)}
    return frozenset(found)


def _former_mx(ledgers: Ledgers) -> Iterator[tuple[str, str, int]]:
    """Domain, exchange ("" for none) and since when, of MX records that we took out."""
    for state in ledgers.values():
        for (owner, text), since in state.former.items():
            if owner.rtype == "MX":
                yield name_text(owner.owner), text.rpartition(" ")[2].rstrip("."), since


def mx_key(domain: str) -> RRKey:
    """Return where a domain's MX records are."""
    return key(domain, "MX")


# -- what entries say --------------------------------------------------------------------------


def _entries(ledgers: Ledgers) -> Iterator[tuple[str, Entry]]:
    for zone, state in ledgers.items():
        for entry in state.entries.values():
            yield zone, entry


def _of_name(entry: Entry) -> bool:
    """Whether an entry is of a host name: an address, or the mail host's own SPF."""
    kind, _, domain = entry.group.partition(":")
    return kind in _OF_NAME or (kind == "spf" and _text(entry) != domain)


def _text(entry: Entry) -> str:
    return name_text(entry.key.owner)


def _addresses(entry: Entry) -> set[str]:
    return {each.address for each in entry.values if isinstance(each, Address)}


def _exchanges(entry: Entry) -> tuple[str, ...]:
    found = (each for each in entry.values if isinstance(each, MX))
    return tuple(sorted(name_text(each.exchange) for each in found))


def _zone(site: Site, name: str) -> ZoneSettings | None:
    return next((each for each in site.zones if each.name == name), None)


def remembered(zone: ZoneSettings | None) -> int:
    """Return for how long an MX record of a zone may be remembered, in seconds."""
    return (zone.ttl if zone else _LONGEST_TTL) + _SLACK
