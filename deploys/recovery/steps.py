"""The steps of a recovery, each on the host that it is about."""

from __future__ import annotations

from deploys.recovery import operations
from deploys.zones import steps as dns_steps
from deploys.zones.access import ledger_of, open_zone
from deploys.zones.key_records import key_records
from ground.words import text
from postmaster.desired import BEFORE_MX, MX_STAGE, desired
from postmaster.settings import MailServer, Site, ZoneSettings


def remember_back(server: MailServer) -> None:
    """Have the state know what a server's host remembers."""
    operations.remembered_back(name=text("recover.name.remember"), server=server)


def rotation_keys(server: MailServer) -> None:
    """Take the keys of rotations that go on back from a server's host."""
    domains = tuple(each.name for each in server.domains)
    operations.rotation_keys(name=text("recover.name.keys"), domains=domains)


def recover_ledger(site: Site, zone: ZoneSettings) -> None:
    """Make a zone's ledger anew, and look whether all servers show what it says."""
    recovered = operations.ledger_recovered(
        name=text("recover.name.ledger"),
        provider=lambda: open_zone(zone),
        claims=lambda: desired(site, zone.name, key_records).claims,
        ledger=ledger_of(zone.name),
        hosts=tuple(server.host for server in site.servers),
        includes=frozenset(each for server in site.servers for each in server.spf_include),
    )
    dns_steps.wait_until_visible(site, zone, recovered, BEFORE_MX, MX_STAGE)


def take_over(server: MailServer, site: Site, *, new_password: bool) -> None:
    """Have a server's host know that this state is the one that counts."""
    if new_password:
        operations.admin_password_set(name=text("recover.name.admin"), server=server)
    operations.taken_over(name=text("recover.name.take_over"), server=server, site=site)
