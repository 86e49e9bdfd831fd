"""The keys a server signs with: kept, made on the operator's machine, taken in or taken back."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import replace
from functools import partial

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host.looked import SIGNER_KEYS, looked
from deploys.host.remote import read
from deploys.run.paths import key_store, state_dir
from deploys.zones.access import ledger_of
from deploys.zones.evidence import Decision, decided, key_of, taken_in
from deploys.zones.gone_keys import gone_domains, over
from ground.errors import DeployError, Told
from ground.operations import refuse
from ground.words import text
from keys.choice import Keep, Refuse, TakeBack, new_key_lost, unnamed
from keys.journal import Journal
from keys.operations import dkim_key, unnamed_keys_wiped
from keys.rotation import KeyRef, back
from postmaster.desired import zone_for
from postmaster.outbound import mode_of
from postmaster.settings import MailServer, Site


def dkim_keys(server: MailServer) -> None:
    """Ensure every DKIM key that a server's outbound mode signs with."""
    for key in host.loop(mode_of(server).signing_keys(server)):
        _dkim_key(server, decided(key.domain), taken_in(server, key.domain))


def keys_there(server: MailServer) -> None:
    """The same where no new key is needed: what a rotation goes on with."""
    for key in host.loop(mode_of(server).signing_keys(server)):
        found = decided(key.domain)
        if isinstance(found.choice, Keep | TakeBack):
            _dkim_key(server, found, None)


def _dkim_key(server: MailServer, found: Decision, source: str | None) -> None:
    domain, choice = found.evidence.domain, found.choice
    fixed = found.evidence.fixed is not None
    selector = "" if isinstance(choice, Refuse) else choice.selector
    dkim_key(
        name=text("keys.name", domain=domain, selector=selector),
        store=key_store(),
        domain=domain,
        choice=choice,
        from_host=partial(_on_host, domain=domain, selector=selector, fixed=fixed),
        source=source,
        remember=not fixed,
        bits=server.rotation.bits,
    )
    if new_key_lost(found.evidence):
        turned_back(name=text("keys.name.turned"), domain=domain)


def _on_host(host: Host, domain: str, selector: str, *, fixed: bool) -> bytes:
    """The private key that the host has. Raises DeployError."""
    path = looked(host).of(SIGNER_KEYS).path(domain, selector, fixed=fixed)
    return private_key(host, path)


def private_key(host: Host, path: str) -> bytes:
    """Return a private key that a host has, as PEM. Raises DeployError."""
    reply = read(host, f"cat {path}")
    if not reply.ok:
        raise DeployError("keys.not_read", host=host.name, path=path)
    return f"{reply.stdout}\n".encode()


@operation()
def turned_back(domain: str) -> Generator[FunctionCommand, None, None]:
    """Turn a rotation back whose new key is lost before anything was signed with it.

    + domain: signing domain
    """
    host.log_styled(f"  {text('keys.turned', domain=domain)}", fg="yellow")
    yield FunctionCommand(_turn, (domain,), {})


def _turn(state: State, host: Host, domain: str) -> bool:
    journal = Journal(state_dir())
    try:
        with journal.locked(domain):
            there = journal.load(domain)
            if there is not None:
                journal.save(back(there, time.time()))
    except Told as error:
        return refuse(state, host, str(error))
    return True


def wipe_unnamed(server: MailServer, site: Site) -> None:
    """Delete private keys that nothing needs any more, once all that sign are in use."""
    for key in host.loop(mode_of(server).signing_keys(server)):
        unnamed_keys_wiped(
            name=text("keys.name.wiped", domain=key.domain),
            store=key_store(),
            domain=key.domain,
            unnamed=partial(_unnamed, server, site, key.domain),
        )
    if server.host == site.servers[0].host:  # once in a run
        for domain in host.loop(gone_domains(site)):
            unnamed_keys_wiped(
                name=text("keys.name.wiped", domain=domain),
                store=key_store(),
                domain=domain,
                unnamed=partial(_gone, site, domain),
                gone=True,
            )


def _gone(site: Site, domain: str) -> tuple[KeyRef, ...]:
    """What nothing has a use for of a domain that no server has."""
    servers = (state.inventory.get_host(each.host) for each in site.servers)
    return over(site, {each.name: each for each in servers if each.connected}, domain)


def _unnamed(server: MailServer, site: Site, domain: str) -> tuple[KeyRef, ...]:
    """What is not in use, and has no record any more; what was revoked in any case."""
    found = decided(domain)
    rotation = Journal(state_dir()).load(domain)
    zone = zone_for(domain, (each.name for each in site.zones))
    entries = ledger_of(zone).load().entries if zone else {}
    published = {key_of(entry.values) for entry in entries.values()}
    kept = replace(found.evidence, rotation=rotation)
    return tuple(
        each
        for each in unnamed(kept, found.choice, keep=server.rotation.keep_retired)
        if each.fingerprint in kept.banned or each.fingerprint not in published
    )
