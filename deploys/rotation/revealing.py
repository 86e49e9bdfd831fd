"""A retired private key for everybody: with it nobody can prove any more who signed old mail.

Only on request, and only once no mail is verified with it and no server or cache can give out its
record: until then whoever has the key could sign as the domain.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyinfra import host
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.rotation import wording
from deploys.rotation.request import Request, domains_with_keys
from deploys.run.paths import key_store, state_dir
from dns_providers.base import ProviderError
from dns_providers.publishing import propagation
from dns_providers.publishing.propagation import Expected, Network, Verdict
from dns_providers.rrset import key
from ground.operations import fail
from ground.private_files import write_private
from ground.words import text
from keys.store import About, KeyStoreError
from postmaster import dkim
from postmaster.desired import zone_for
from postmaster.settings import MailServer, Site
from probes.world import dns
from probes.world.dns import Resolvers


@operation()
def reveal(
    server: MailServer, site: Site, request: Request
) -> Generator[FunctionCommand, None, None]:
    """Write the private key of a retired selector to a file, where that does no harm.

    + server: the mail server
    + site: the site
    + request: which selector of which domain
    """
    (domain,) = request.domains
    if domain not in domains_with_keys(server):
        host.noop(text("rotation.not_its_turn"))
        return
    try:
        about = _retired(domain, request.selector or "")
        reason = _too_early(about, domain, server, site)
    except (KeyStoreError, ProviderError) as error:
        yield from fail(str(error))
        return
    if reason:
        yield from fail(reason)
        return
    yield FunctionCommand(_reveal, (domain, about), {})


def _reveal(state: State, host: Host, domain: str, about: About) -> bool:
    path = state_dir() / "revealed" / f"{domain}.{about.name}.pem"
    write_private(path, key_store().pem_of(domain, about.name))
    line = text("rotation.revealed", domain=domain, selector=about.name, path=str(path))
    host.log_styled(f"  {line}", fg="green")
    return True


def _retired(domain: str, selector: str) -> About:
    """What is known of a key that was retired and kept. Raises KeyStoreError."""
    store = key_store()
    for about in store.history(domain):
        kept = Path(store.file(domain, about.name)).exists()
        if selector in (about.name, about.selector) and about.retired and kept:
            return about
    raise KeyStoreError("rotation.reveal_unknown", domain=domain, selector=selector)


def _too_early(about: About, domain: str, server: MailServer, site: Site) -> str | None:
    """Why the key would still do harm. Raises ProviderError."""
    name = zone_for(domain, (zone.name for zone in site.zones))
    assert about.retired and name
    cached = site.zone(name).ttl + server.rotation.ttl_slack
    end = about.retired + timedelta(days=server.dkim_keep_days, seconds=cached)
    values = {"domain": domain, "selector": about.name}
    if datetime.fromtimestamp(time.time(), UTC) < end:
        until = wording.moment(end.timestamp())
        return text("rotation.reveal_current", until=until, **values)
    served = _served(about, domain, name, server)
    return text("rotation.reveal_served", servers=", ".join(served), **values) if served else None


def _served(about: About, domain: str, zone: str, server: MailServer) -> list[str]:
    """Servers and resolvers that still give out the key's record."""
    owner, record = dkim.owner(about.selector, domain), dkim.record(about.public)
    network = Network(server.resolvers)
    expected = Expected(key(owner, "TXT"), frozenset({record}))
    states = propagation.survey((expected,), propagation.delegation(zone, network), network)
    answers = [dns.ask_one(owner, "TXT", each, Resolvers((each,))) for each in server.resolvers]
    return [
        *(f"{each.server} ({each.address})" for each in states if each.verdict is Verdict.OK),
        *(answer.resolver for answer in answers if record in answer.values),
    ]
