"""Have a mail server's host remember its site: who wrote last, keys, records, users; no secret."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import fields, replace
from datetime import UTC, datetime
from importlib import metadata
from threading import RLock

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.accounts.record import made_by_us
from deploys.host import manifest as on_host
from deploys.host import pmail_layout as layout
from deploys.host.manifest import Found
from deploys.run import identity
from deploys.run.paths import key_store, state_dir
from deploys.zones.access import ledger_of, servers_in
from deploys.zones.memory import why_not
from ground.errors import Told
from ground.operations import fail, refuse
from ground.words import Words, text
from keys.journal import Journal
from postmaster.database_choice import NOTHING, Said
from postmaster.manifest import Facts, KeyInUse, Known, Manifest, wanted, zones_of
from postmaster.outbound import mode_of
from postmaster.settings import MailServer, Site, ZoneSettings


def remember(server: MailServer, site: Site, said: Said = NOTHING) -> OperationMeta:
    """Have a server's host remember what is true now. said: of its database."""
    return remembered(name=text("manifest.name"), server=server, site=site, said=said)


@operation()
def remembered(
    server: MailServer, site: Site, said: Said
) -> Generator[FunctionCommand, None, None]:
    """Ensure that the host's manifest says what is true now.

    + server: the mail server
    + site: all servers and zones
    + said: what was said of its database
    """
    _mend_history()
    try:
        found = on_host.seen(host)
        now, before = facts_now(site, server, found, said), found.manifest
        right = before is not None and _is_right(before, now, server, found)
    except Told as error:
        yield from fail(str(error))
        return
    if right:
        host.noop(text("manifest.right", path=layout.MANIFEST))
        return
    mark, names = ("~", _differences(before.facts, now)) if before else ("+", "")
    host.log_styled(f"  {mark} {layout.MANIFEST} {names}".rstrip(), fg="green")
    yield FunctionCommand(_remember, (server, site, said), {})


def _mend_history() -> None:
    """Have lines of the history that cannot be read kept aside, and tell it."""
    journal = Journal(state_dir())
    aside = journal.mend_history(datetime.now(UTC)) if state.is_executing else None
    if aside:
        values = {"path": journal.history_path, "aside": aside}
        host.log_styled(f"  {text('state.damaged.history', **values)}", fg="yellow")


def _remember(state: State, host: Host, server: MailServer, site: Site, said: Said) -> bool:
    problem = remember_now(host, server, site, said=said)
    return problem is None or refuse(state, host, str(problem))


def remember_beside(site: Site, zone: ZoneSettings) -> OperationMeta:
    """Have the hosts of a zone remember what is true now, those that the run is not for."""
    return remembered_beside(name=text("manifest.name"), site=site, zone=zone)


@operation()
def remembered_beside(site: Site, zone: ZoneSettings) -> Generator[FunctionCommand, None, None]:
    """Ensure the manifests of a zone's servers that are reached though the run is not for them.

    + site: all servers and zones
    + zone: the zone that this host is
    """
    changed = False
    for server in servers_in(site, zone):
        there = state.inventory.get_host(server.host)
        if state.is_executing and not state.is_host_in_limit(there) and there.connected:
            changed = True
            yield FunctionCommand(_remember_there, (there, server, site), {})
    if not changed:
        host.noop(text("manifest.right", path=layout.MANIFEST))


def _remember_there(state: State, host: Host, there: Host, server: MailServer, site: Site) -> bool:
    problem = remember_now(there, server, site)
    return problem is None or refuse(state, host, str(problem))


def remember_now(
    host: Host,
    server: MailServer,
    site: Site,
    *,
    said: Said = NOTHING,
    taking_over: bool = False,
) -> Words | None:
    """Have a host remember what is true now, while a run is carried out.

    host: the server's. said: of its database. taking_over: also where another copy of the state, or
    another site, has written. Returns why that could not be done, None when it is.
    """
    if not host.connected:
        return Words.of("manifest.not_reached", host=host.name)
    with _writing:
        lock = _locks.setdefault(host.name, RLock())
    with lock:
        try:
            return _written(host, server, site, said, taking_over=taking_over)
        except Told as error:
            return error.words


_writing = RLock()  # a server and its zones may have something to be remembered at the same time
_locks: dict[str, RLock] = {}


def _written(
    host: Host, server: MailServer, site: Site, said: Said, *, taking_over: bool
) -> Words | None:
    found = on_host.there(host)
    if not taking_over and (words := why_not(identity.identity(), server, found.look, said)):
        return words  # written by somebody else since this run began
    now, before = facts_now(site, server, found, said), found.manifest
    if before is not None and _is_right(before, now, server, found):
        return None
    last = before.email if before else 0
    return write(host, found, now, last if found.email is None else found.email)


def write(host: Host, found: Found, facts: Facts, email: int) -> Words | None:
    """Write a host's manifest with the site's next number, which the state takes before.

    found: what is on the host. email: the highest id of a message. Returns why that was not
    possible, None when it is done. Raises Told.
    """
    before = found.manifest
    stamp = identity.intend(facts, before.stamp if before else None)
    problem = on_host.put(host, Manifest(stamp, facts, email), found.content)
    if problem is None:
        identity.written(facts, stamp)
    return problem


def _is_right(before: Manifest, now: Facts, server: MailServer, found: Found) -> bool:
    """Whether a manifest says what is so, and was written last from this state.

    Of a database begun anew it knows too many messages.
    """
    anew = found.email is not None and found.email < before.email
    ours = why_not(identity.identity(), server, found.look) is None
    return before.facts == now and ours and not anew


def facts_now(site: Site, server: MailServer, found: Found, said: Said) -> Facts:
    """Return what a server's manifest has to say. found: what is on its host. Raises Told.

    Of another database than before nobody knows whose accounts were in it, but our own record.
    """
    journal = Journal(state_dir())
    before = found.manifest.facts if found.manifest else None
    if before and said != NOTHING:
        before = replace(before, users=())
    return wanted(
        site,
        server,
        Known(
            machine=found.machine,
            keys=keys_in_use(server),
            leaked=journal.leaked({each.name for each in server.domains}),
            users=made_by_us(server),
            versions=replace(found.versions, ours=_version()),
            rotations=journal.going_on(),
            ledgers={each: ledger_of(each).load() for each in zones_of(site, server)},
            before=before,
        ),
    )


def keys_in_use(server: MailServer) -> tuple[KeyInUse, ...]:
    """Return the keys that a server signs with, as the store has them now. Raises KeyStoreError."""
    mode, store = mode_of(server), key_store()
    names = [each.name for each in server.domains]
    found = []
    for domain in names if mode.signs_every_domain else names[:1]:
        selector = mode.fixed_selector or store.current(domain)
        public = store.public(domain, selector) if selector else None
        if selector and public:
            name = store.name(domain, selector)
            found.append(KeyInUse(domain, selector, name, public.fingerprint))
    return tuple(found)


def _differences(before: Facts, now: Facts) -> str:
    """What of a manifest is no longer true, for people."""
    names = (each.name for each in fields(Facts))
    return ", ".join(name for name in names if getattr(before, name) != getattr(now, name))


def _version() -> str:
    """Our own version."""
    try:
        return metadata.version("pmail-deploy")
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        return ""
