"""The site that pyinfra's inventory describes: read once for each run, before anything happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

from pyinfra import inventory
from pyinfra.api import Host, State

from deploys.run.paths import key_store, state_dir
from dns_providers.publishing.ledger import LedgerError, LedgerState, ledgers_in
from dns_providers.registry import PROVIDERS, option_names, option_problems
from keys.dkim import dated_selector
from postmaster.caa_account import with_accounts
from postmaster.leaving import with_leaving
from postmaster.own_policies import with_policies
from postmaster.parse import HostData, Problems, Providers, is_known, nearest, parse_site
from postmaster.settings import MailServer, Site, ZoneSettings
from postmaster.settings_table import SERVER_SETTINGS, ZONE_SETTINGS, BadValue, host_name

_ALIKE = 0.8  # a letter more, less or other; above it, two names of two things
_in_use: dict[str, str | None] = {}  # by domain, as the store had it when the inventory was read


def current_site(opening: bool, beside: frozenset[str], *, guest: bool = False) -> Site:
    """Return the site of this run's inventory, the whole of it also with `--limit`.

    opening: DNS providers are going to be opened, so their secrets must be there. beside: names
    of data that are no settings. guest: the inventory is of another project, whose own data stand
    there too; what looks like a setting and is none is a mistake all the same. Raises SettingsError
    with every mistake.
    """
    theirs = _is_theirs if guest else _is_nobodys
    servers = _hosts("mail_servers", beside, theirs)
    zones = _hosts("zones", beside, theirs)
    found = parse_site(servers, zones, _providers(opening), _selector_of)
    ledgers, now = _ledgers(), int(time.time())
    return with_accounts(with_policies(with_leaving(found, ledgers, now), ledgers, now), ledgers)


def is_setting(name: str) -> bool:
    """Return whether some host or zone may have data of this name."""
    return is_known(name) or any(name in option_names(slug) for slug in PROVIDERS)


def server_of(site: Site, host: Host) -> MailServer:
    """Return the mail server that a host of the inventory is."""
    return site.server(host.name)


def zone_of(site: Site, host: Host) -> ZoneSettings:
    """Return the zone that a host of the inventory is."""
    try:
        return site.zone(host_name(host.data.get("zone")))
    except BadValue:
        raise KeyError(host.name) from None


def with_another_key(site: Site) -> tuple[str, ...]:
    """Return the domains that another key is in use for than when the inventory was read.

    site: as it is worked with, which may say better what signs than the store did.
    """
    store = key_store()
    return tuple(
        domain
        for server in site.servers
        if not server.rotation.pinned  # else the inventory says which, whatever was in use
        for domain, selector in server.selectors
        if store.current(domain) not in (None, _in_use.get(domain) or selector)
    )


def zone_hosts(site: Site, state: State) -> dict[str, str]:
    """Return the inventory name of each zone, by the zone's name."""
    hosts: Iterable[Host] = state.inventory.get_group("zones", ())
    return {zone_of(site, each).name: each.name for each in hosts}


def _hosts(
    group: str, beside: frozenset[str], theirs: Callable[[str], bool]
) -> tuple[HostData, ...]:
    hosts: Iterable[Host] = inventory.get_group(group, ())
    return tuple(HostData(host.name, _data_of(host, beside, theirs)) for host in hosts)


def _data_of(
    host: Host, beside: frozenset[str], theirs: Callable[[str], bool]
) -> dict[str, object]:
    data: Mapping[str, object] = host.data.dict()
    return {k: v for k, v in data.items() if k not in beside and not theirs(k)}


def _is_theirs(name: str) -> bool:
    """Whether data are another project's: their name is far from all of ours."""
    return not is_setting(name) and nearest(name, _all_names(), alike=_ALIKE) is None


def _is_nobodys(name: str) -> bool:
    return False


@cache
def _all_names() -> frozenset[str]:
    settings = frozenset(each.name for each in (*SERVER_SETTINGS, *ZONE_SETTINGS))
    return settings.union(*map(option_names, PROVIDERS))


def _ledgers() -> dict[str, LedgerState]:
    """The ledgers of all zones that we ever wrote to; one that is damaged is told elsewhere."""
    found = {}
    for ledger in ledgers_in(state_dir()):
        with suppress(LedgerError):
            found[ledger.zone] = ledger.load()
    return found


def _selector_of(domain: str) -> str:
    """The selector in use; before the first key is made, the one that it will get."""
    current = _in_use[domain] = key_store().current(domain)
    return current or dated_selector(datetime.now(UTC).date())


def _providers(opening: bool) -> Providers:
    def problems(slug: str, options: Mapping[str, str]) -> Problems:
        return option_problems(slug, options, os.environ, opening=opening)

    return Providers(frozenset(PROVIDERS), option_names, problems)
