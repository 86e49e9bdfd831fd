"""CAA records that name a server's ACME account: out before another orders, in after it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pyinfra import host, state
from pyinfra.api.operation import OperationMeta

from deploys.run import flow
from deploys.tls_certificate.acme_account import account_uri
from deploys.zones.access import ledger_of, look_of, network_of, open_zone, replaced, writing_ledger
from deploys.zones.wanted import wanted
from dns_providers.publishing import operations, propagation
from dns_providers.publishing.claims import Claim
from dns_providers.rrset import RRKey
from ground.words import text
from postmaster import caa_account, spf
from postmaster.desired import ACCOUNT_STAGE
from postmaster.settings import MailServer, Site, ZoneSettings


def withdraw_outdated(site: Site, zone: ZoneSettings) -> None:
    """Take records out of a zone that would keep a server from its next certificate."""
    if due := frozenset(_outdated(site, zone)):
        operations.withdraw(
            name=text("caa.name.withdraw"),
            provider=lambda: open_zone(zone),
            due=due,
            ledger=writing_ledger(zone),
            unmerge=lambda entry: spf.unmerge(entry.terms, entry.whole),
            unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
        )


def _outdated(site: Site, zone: ZoneSettings) -> Iterator[RRKey]:
    for server in site.servers:
        if server.account_uri and (not server.caa_account or _is_reached(server)):
            known = ledger_of(zone.name).load()
            yield from caa_account.outdated(server, known, _uri(server))


def _is_reached(server: MailServer) -> bool:
    there = state.inventory.get_host(server.host)
    return bool(there and there.connected)


def _uri(server: MailServer) -> str | None:
    """The account that the server's next certificate is ordered with, as it is now."""
    there = state.inventory.get_host(server.host)
    return account_uri(there, server) if there and server.caa_account else None


def has_accounts(site: Site) -> bool:
    """Return whether some server wants such records."""
    return any(server.caa_account for server in site.servers)


def publish_accounts(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Let those accounts alone issue that the certificates were ordered with."""
    return operations.publish(
        name=text("caa.name.publish"),
        provider=lambda: open_zone(zone),
        claims=lambda: _claims(site, zone),
        ledger=writing_ledger(zone),
        replaced=replaced(zone),
        unsolved=lambda lines: flow.leave_unsolved(host.name, lines),
        delegation=lambda: propagation.delegation(zone.name, network_of(site, zone)),
        look=look_of(site, zone),
        sparing=True,
    )


def _claims(site: Site, zone: ZoneSettings) -> tuple[Claim, ...]:
    """The records by accounts as they are now; by those of before where a host is not reached."""
    servers = tuple(
        replace(server, account_uri=_uri(server)) if _is_reached(server) else server
        for server in site.servers
    )
    for server in servers if state.is_executing else ():
        if server.caa_account and not server.account_uri and server.domains[0].zone == zone.name:
            host.log_styled(f"  {text('caa.no_account', host=server.host)}", fg="yellow")
    return wanted(replace(site, servers=servers), zone.name).stage(ACCOUNT_STAGE)
