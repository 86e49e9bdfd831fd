"""The least rights for a zone's credentials: a policy as JSON where the provider has such."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, operation

from deploys.zones.access import servers_in
from deploys.zones.key_records import key_records
from dns_providers.registry import spec_of
from dns_providers.rrset import key, name_text
from dns_providers.spec import Rights
from ground.words import text
from postmaster import caa_account
from postmaster.desired import challenge_owner, desired
from postmaster.outbound import mode_of
from postmaster.settings import Site, ZoneSettings


@operation()
def policy(
    site: Site, zone: ZoneSettings, read_only: bool
) -> Generator[FunctionCommand, None, None]:
    """Print the least rights that a zone's credentials need; changes nothing.

    + site: the site
    + zone: the zone
    + read_only: enough for a dry run
    """
    if state.is_executing:
        made = policy_of(site, zone, read_only=read_only)
        if isinstance(made, str):
            host.log(made)
        else:
            sys.stdout.write(json.dumps(made, indent=2) + "\n")
            sys.stdout.flush()
    host.noop(text("policy.shown"))
    yield from ()


def policy_of(site: Site, zone: ZoneSettings, *, read_only: bool) -> dict[str, Any] | str:
    """Return a zone's policy, or a text for a provider that has no such thing."""
    make = spec_of(zone.provider).policy
    if isinstance(make, str):
        return text(make, zone=zone.name)
    return make(_rights(site, zone, read_only))


def _rights(site: Site, zone: ZoneSettings, read_only: bool) -> Rights:
    """What we write in a zone, now and when keys and certificates are renewed."""
    claims = desired(site, zone.name, key_records).claims
    servers = servers_in(site, zone)
    leaving = [held for each in site.leaving if each.zone == zone.name for held in each.records]
    # Whose account they name is known after the first certificate only.
    accounts = [
        key(name, "CAA")
        for server in servers
        if server.caa_account
        for name in caa_account.names(server)
    ]
    keys = [*(claim.key for claim in claims), *leaving, *accounts]
    challenged = [
        challenge_owner(name)
        for server in servers
        if server.tls.method == "acme-dns"
        for name in (*server.certificate_names, *server.document_names)
    ]
    signed = [each.domain for server in servers for each in mode_of(server).signing_keys(server)]
    return Rights(
        zone.name,
        dict(zone.options),
        names=(*(name_text(each.owner) for each in keys), *challenged),
        rtypes=("TXT", *(each.rtype for each in keys)),
        below=tuple(f"_domainkey.{domain}" for domain in signed),
        read_only=read_only,
    )
