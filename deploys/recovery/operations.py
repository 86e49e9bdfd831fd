"""pyinfra operations that bring state and keys back; nothing in DNS is changed by them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.accounts import passwords, record
from deploys.accounts.comparing import compare
from deploys.accounts.record import Record, made_by_us, remember_accounts
from deploys.accounts.set_password import set_password
from deploys.accounts.stored import DatabaseError, Stored, accounts_there
from deploys.host import manifest as on_host
from deploys.host import pmail_layout as layout
from deploys.host.looked import MEMORY, SIGNER_KEYS, looked
from deploys.recovery import plan
from deploys.recovery.known import known_site, manifest_of
from deploys.run import identity
from deploys.run.flow import leave_unsolved
from deploys.run.outcome import recorder
from deploys.run.paths import key_store, locked, state_dir
from deploys.run.paused import paused_on
from deploys.zones.access import ledger_of
from deploys.zones.key_steps import private_key
from deploys.zones.remembering import remember_now, write
from dns_providers.base import Provider, ProviderError
from dns_providers.publishing.claims import Claim
from dns_providers.publishing.ledger import Ledger, LedgerError, LedgerState
from dns_providers.publishing.plan import Entries
from dns_providers.publishing.plan import plan as plan_claims
from dns_providers.publishing.publish import read as read_zone
from ground.errors import Told
from ground.operations import fail, refuse
from ground.private_files import set_aside
from ground.words import text
from keys.dkim import public_key
from keys.dkim import read as read_key
from keys.journal import Journal, JournalError
from keys.rotation import KeyRef, Rotation
from postmaster.manifest import Facts, Look, Manifest, RecordMark
from postmaster.settings import MailServer, Site

Commands = Generator[FunctionCommand, None, None]


_before: dict[str, plan.Before] = {}  # by inventory name


@operation()
def remembered_back(server: MailServer) -> Commands:
    """Ensure that the state knows its site, the rotations that go on and the accounts we made.

    + server: the mail server
    """
    there, ours = manifest_of(host), known_site()
    deployed = looked(host).of(MEMORY).deployed
    before = _before.setdefault(host.name, plan.before(ours, host.name, Look(there, deployed)))
    if there is None:
        if deployed:
            host.log_styled(f"  {text('recover.no_manifest', host=host.name)}", fg="yellow")
        host.noop(text("recover.nothing_remembered"))
        return
    newer, (here, damaged) = before.newer, _journals(there)
    over = Journal(state_dir()).over()
    # A rotation of an earlier day is over since.
    going = () if before.behind else plan.rotations(there.facts, here, damaged, over, newer=newer)
    for each in going:
        line = "recover.rotation" if each.write else "recover.rotation_over"
        host.log_styled(f"  ~ {text(line, domain=each.domain)}", fg="green")
    new = frozenset(there.facts.users) - made_by_us(server)
    if new:
        host.log_styled(f"  ~ {text('recover.users', names=', '.join(sorted(new)))}", fg="green")
    right = not going and not new and not newer
    if right:
        host.noop(text("recover.right"))
        return
    stamp = there.stamp
    values = {"controller": stamp.controller, "time": stamp.time, "generation": stamp.generation}
    host.log_styled(f"  ~ {text('recover.site', **values)}", fg="green")
    yield FunctionCommand(_remember_back, (server, there, going, new), {})


def _journals(there: Manifest) -> tuple[Mapping[str, Rotation], frozenset[str]]:
    """The rotations that the state has of a server's domains, and those that cannot be read."""
    journal, found, damaged = Journal(state_dir()), dict[str, Rotation](), set[str]()
    for domain in {*there.facts.domains, *(each.domain for each in there.facts.rotations)}:
        try:
            if rotation := journal.load(domain):
                found[domain] = rotation
        except JournalError:
            damaged.add(domain)
    return found, frozenset(damaged)


def _remember_back(
    state: State,
    host: Host,
    server: MailServer,
    there: Manifest,
    going: tuple[plan.Going, ...],
    users: frozenset[str],
) -> bool:
    journal = Journal(state_dir())
    try:
        for each in going:
            with journal.locked(each.domain):
                _aside(host, journal.folder / f"{each.domain}.json")
                if each.write:
                    journal.save(each.write)
        if users:
            remember_accounts(server, users)
        with locked("generation"):
            ours = known_site()
            if ours is None:
                _aside(host, identity.path())
            identity.save(plan.identity(ours, host.name, there))
    except Told as error:
        return refuse(state, host, str(error))
    return True


def _aside(host: Host, path: Path) -> None:
    """Put a file that does not count any more aside, if it is there."""
    if path.exists():
        aside = set_aside(path, datetime.now(UTC))
        host.log_styled(f"  {text('recover.aside', path=path, aside=aside)}", fg="yellow")


@operation()
def rotation_keys(domains: tuple[str, ...]) -> Commands:
    """Ensure that the store has the keys of rotations that go on, as far as the host has them.

    + domains: the server's domains
    """
    if not state.is_executing:
        host.noop(text("recover.right"))  # which rotations go on is known when that is done
        return
    store, files = key_store(), looked(host).of(SIGNER_KEYS).files
    paths = {fingerprint: path for path, fingerprint in files.items()}
    for rotation in filter(None, map(Journal(state_dir()).load, domains)):
        there = {each.fingerprint for each in store.kept(rotation.domain)}
        for ref in (rotation.old, rotation.new):
            if ref.fingerprint in paths and ref.fingerprint not in there:
                line = text("keys.taken_back", domain=rotation.domain)
                host.log_styled(f"  + {store.file(rotation.domain, ref.name)} ({line})", fg="green")
                arguments = (rotation.domain, ref, paths[ref.fingerprint])
                yield FunctionCommand(_take_back, arguments, {})
    host.noop(text("recover.right"))


def _take_back(state: State, host: Host, domain: str, ref: KeyRef, path: str) -> bool:
    try:
        pem = private_key(host, path)
        if public_key(read_key(pem)).fingerprint != ref.fingerprint:
            return refuse(state, host, text("keys.not_read", host=host.name, path=path))
        key_store().take_back(domain, ref.selector, ref.name, pem)
    except Told as error:
        return refuse(state, host, str(error))
    return True


# -- the ledger --------------------------------------------------------------------------------


@operation()
def ledger_recovered(
    provider: Callable[[], Provider],
    claims: Callable[[], Iterable[Claim]],
    ledger: Ledger,
    hosts: tuple[str, ...],
    includes: frozenset[str],
) -> Commands:
    """Ensure that a zone's ledger says what is there because of us; the zone stays as it is.

    + provider: opens the zone's provider
    + claims: gives all that is wanted in the zone
    + ledger: the zone's ledger
    + hosts: inventory names of the site's servers: any may remember what has left it
    + includes: domains that the inventory has in SPF
    """
    zone, about = ledger.zone, dict[str, Facts]()
    for each in map(state.inventory.get_host, hosts):
        there = manifest_of(each) if each.connected else None
        if there and zone in plan.zones(there.facts):
            about[each.name] = there.facts
    marks = tuple(m for each in about.values() for m in each.records if m.zone == zone)
    former = tuple(m for each in about.values() for m in each.former if m.zone == zone)
    newer = any(_before[name].newer for name in about if name in _before)
    try:
        found, before = _ledger(
            provider(), tuple(claims()), ledger, marks, newer=newer, includes=includes
        )
    except ProviderError as error:
        yield from fail(str(error))
        return
    for key in found.differing:
        line = text("recover.differs", key=key)
        host.log_styled(f"  ! {line}", fg="yellow")
        if state.is_executing:
            leave_unsolved(host.name, (line,))
    out = plan.former(former, before.former if before else {}, newer=newer)
    if before is not None and (found.entries, out) == (before.entries, before.former):
        host.noop(text("recover.right"))
        return
    known = before.entries if before else {}
    changed = [key for key in sorted(found.entries) if found.entries[key] != known.get(key)]
    for key in changed:
        entry = found.entries[key]
        word = "recover.ours" if entry.ours else "recover.adopted"
        host.log_styled(f"  + {text(word, key=key)}", fg="green")
    for key, value in sorted(out.keys() - (before.former.keys() if before else set())):
        host.log_styled(f"  + {text('recover.former', key=key, value=value)}", fg="green")
    new = replace(before or LedgerState(), entries=found.entries, former=out)
    yield FunctionCommand(_write_ledger, (ledger, new, before is None), {})


def _ledger(
    provider: Provider,
    claims: tuple[Claim, ...],
    ledger: Ledger,
    marks: tuple[RecordMark, ...],
    *,
    newer: bool,
    includes: frozenset[str],
) -> tuple[plan.Ledger, LedgerState | None]:
    """What the ledger becomes, and what it is; None where it cannot be read."""
    try:
        before: LedgerState | None = ledger.load()
    except LedgerError:
        before = None
    owners = {claim.key.owner for claim in claims} | {mark.key.owner for mark in marks}
    snapshot = read_zone(provider, frozenset(owners))
    planned = plan_claims(claims, snapshot, {}, capabilities=provider.capabilities)
    changed = {change.key for change in planned.changes}
    adopted = [entry for entry in planned.entries if entry.key not in changed]
    known = before.entries if before else {}
    found = plan.ledger(marks, adopted, known, snapshot, newer=newer, includes=includes)
    return found, before


def _write_ledger(
    state: State, host: Host, ledger: Ledger, new: LedgerState, damaged: bool
) -> bool:
    try:
        with ledger.locked():
            if damaged:
                _aside(host, ledger.path)
            ledger.save(new)
    except Told as error:
        return refuse(state, host, str(error))
    return True


# -- the end -----------------------------------------------------------------------------------


@operation()
def admin_password_set(server: MailServer) -> Commands:
    """Make a new password of the administrator, and set it on the host.

    + server: the mail server
    """
    host.log_styled(f"  ~ {text('recover.admin', account=server.admin_account)}", fg="green")
    yield FunctionCommand(_set_admin, (server,), {})


def _set_admin(state: State, host: Host, server: MailServer) -> bool:
    path = passwords.path(server.host, server.admin_account)
    if path.exists():
        _aside(host, path)
    variable = passwords.admin_variable()
    password = passwords.known_or_made(server.host, server.admin_account, variable)
    if problem := set_password(host, server.admin_account, password):
        path.unlink(missing_ok=True)
        return refuse(state, host, problem)
    passwords.tell(host, server, server.admin_account)
    return True


@operation()
def taken_over(server: MailServer, site: Site) -> Commands:
    """Have the host know that this state is the one to write from, and tell what is lost.

    + server: the mail server
    + site: all servers and zones
    """
    there, before = manifest_of(host), _before[host.name]
    if state.is_executing and (paused := paused_on(server)):
        leave_unsolved(host.name, (str(paused),))
    if not (before.newer or before.behind):
        host.noop(text("recover.right" if there else "recover.nothing_remembered"))
        return
    lines = _lost(server, site, there.facts, all_of_it=before.lost) if there else ()
    for line in lines:
        host.log_styled(f"  {line}", fg="yellow")
    if state.is_executing:
        recorder().wait(host.name, lines)
    host.log_styled(f"  ~ {layout.MANIFEST} ({text('recover.taken_over')})", fg="green")
    yield FunctionCommand(_take_over, (server, site), {})


def _lost(server: MailServer, site: Site, there: Facts, *, all_of_it: bool) -> tuple[str, ...]:
    try:
        accounts = accounts_there(host) or {}
    except DatabaseError:
        accounts = {}
    names, seen = (server.admin_account, *there.users), record.load(server)
    kept = [each for each in names if _has_password(server, seen, each, accounts.get(each))]
    gone = plan.zones(there) - {each.name for each in site.zones}
    known = {zone: _entries(zone) for zone in gone}
    return tuple(map(str, plan.lost(there, frozenset(kept), known, all_of_it=all_of_it)))


def _entries(zone: str) -> Entries:
    try:
        return ledger_of(zone).load().entries
    except LedgerError:
        return {}


def _has_password(server: MailServer, seen: Record, account: str, stored: Stored | None) -> bool:
    """Whether an account's password is known here, and is the server's as far as can be seen."""
    variable = passwords.variable(server, account)
    here = passwords.known(server.host, account, variable) is not None
    return here and not (stored and compare(server, seen, stored).differs)


def _take_over(state: State, host: Host, server: MailServer, site: Site) -> bool:
    """Write what the host remembers once more, as ours: the former state is the older one then.

    Where that is of an earlier day, or gone, it is what the state knows.
    """
    if _before[host.name].behind:
        why = remember_now(host, server, site, taking_over=True)
        return why is None or refuse(state, host, str(why))
    try:
        found = on_host.there(host)
        there = found.manifest
        if there is None:
            return True
        facts = replace(there.facts, host=server.host)
        problem = write(host, found, facts, there.email)
    except Told as error:
        problem = error.words
    return problem is None or refuse(state, host, str(problem))
