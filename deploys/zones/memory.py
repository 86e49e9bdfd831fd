"""Runs that are refused because of what a host remembers, or because the state is damaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from pyinfra.api import Host

from deploys.accounts.database_request import said_of
from deploys.host.looked import MEMORY, looked
from deploys.run.flow import leave_unsolved
from deploys.run.identity import IdentityError, identity
from deploys.run.paths import keys_dir, state_dir
from deploys.run.paused import paused_elsewhere
from deploys.run.refusals import Around, Refused, on_each
from deploys.zones.access import ledger_of
from dns_providers.publishing.ledger import LedgerError
from ground.words import Words, family
from keys.journal import Journal, JournalError
from postmaster.database_choice import NOTHING, Said
from postmaster.manifest import Identity, Look, Standing, standing
from postmaster.settings import MailServer

# How a host and the state may not stand to each other. One that was set up anew has nothing of
# ours to be older than; whether it may have an empty database is asked elsewhere.
_WHY = family(
    "manifest.stands",
    (
        Standing.NO_STATE,
        Standing.OLDER_STATE,
        Standing.OLDER_HOST,
        Standing.OTHER_SITE,
        Standing.LOST,
    ),
)

# Where the state is the newer one, whoever says what becomes of the database has seen the host.
_OF_DATABASE = (Standing.OLDER_HOST, Standing.LOST)


def older_state(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where a host was written to from another copy of the state, or by another site, or
    where it remembers a pause of mail that the state does not know.

    A run that changes nothing tells it, and ends with it. Of a host that lost what it remembers,
    or was put back to an earlier day, it may be said that this is meant.
    """

    def ask(host: Host, server: MailServer) -> Iterator[Words]:
        found = looked(host).of(MEMORY)
        with suppress(IdentityError):  # `damaged_state` says so
            said = said_of(around.asked, server.host)
            if words := why_not(identity(), server, found.look, said):
                yield words
        there, earlier = found.manifest, is_earlier(server, found.look)
        if there and not earlier and (paused := paused_elsewhere(there.facts.rotations)):
            yield paused

    return _refused(around, on_each(around.everywhere(), ask))


def _refused(around: Around[Any], reasons: Iterable[Refused]) -> Iterable[Refused]:
    if around.asked.changes:
        return reasons
    for each in reasons:
        leave_unsolved(each.host, (str(each.words),))
    return ()


def damaged_state(around: Around[Any]) -> Iterator[Refused]:
    """Refuse to change anything where what is relied on for it cannot be read."""
    if not around.asked.changes:
        return
    try:
        identity()
    except IdentityError as error:
        yield Refused(error.words)
    for zone in around.site.zones:
        try:
            ledger_of(zone.name).load()
        except LedgerError as error:
            yield Refused(error.words)
    journal = Journal(state_dir())
    for domain in journal.domains():
        try:
            journal.load(domain)
        except JournalError as error:
            yield Refused(error.words)


def is_earlier(server: MailServer, seen: Look) -> bool:
    """Return whether a host was put back to an earlier day: its rotations are over since."""
    try:
        return _standing(identity(), server, seen) is Standing.OLDER_HOST
    except IdentityError:
        return False


def _standing(ours: Identity | None, server: MailServer, seen: Look) -> Standing:
    return standing(ours, server.host, seen, traces=_traces(server))


def why_not(
    ours: Identity | None, server: MailServer, seen: Look, said: Said = NOTHING
) -> Words | None:
    """Return why a host must not be written to from this state, None where it may be.

    ours: which site the state is of. seen: of the host. said: of its database.
    """
    stands = _standing(ours, server, seen)
    if stands not in _WHY or (stands in _OF_DATABASE and said != NOTHING):
        return None
    known = ours.hosts.get(server.host) if ours else None
    stamp = seen.manifest.stamp if seen.manifest else None
    if stands is Standing.NO_STATE and stamp is None:
        return Words.of("manifest.untold_host", folder=state_dir())
    return Words.of(
        _WHY[stands],
        folder=state_dir(),
        keys=keys_dir(),
        controller=stamp.controller if stamp else "-",
        generation=stamp.generation if stamp else "-",
        time=stamp.time.isoformat(" ") if stamp else known.time if known else "-",
        known=known.generation if known else ours.generation if ours else "-",
    )


def _traces(server: MailServer) -> bool:
    """Whether the state has a ledger or a key of a server's domains."""
    return any(
        ledger_of(each.zone).path.exists() or (keys_dir() / each.name).is_dir()
        for each in server.domains
    )
