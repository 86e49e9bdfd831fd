"""May a run go on with the database that a host has, or begin one there; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ground.words import Words
from postmaster.manifest import HostKnown, Identity, Manifest
from postmaster.settings import MailServer
from probes.host.database import DatabaseSeen, Kind


@dataclass(frozen=True, slots=True)
class Fresh:
    """A first one is made. aside: what is there is moved away before."""

    aside: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """The one that is there stays. taken: it was said to be the right one, whatever we knew."""

    taken: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing is done."""

    words: Words


Choice = Fresh | Keep | Refuse


@dataclass(frozen=True, slots=True)
class Place:
    """Of which host it is, by inventory name, and its path; for people.

    former: inventory name of the host in whose place this one is, where that is gone.
    """

    host: str
    path: str
    former: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has said of a host: to start empty, or to keep the database it has."""

    start_empty: bool = False
    keep: bool = False


NOTHING = Said()


def predecessor(
    identity: Identity | None, named: Collection[str], server: MailServer
) -> str | None:
    """Return the host in whose place a server is under another name: it had the address, and one of
    the domains last. None where there is none, or the inventory still has it.

    named: all hosts of the inventory.
    """
    hosts = identity.hosts if identity else {}
    mine = {each.name for each in server.domains}
    having = [name for name, each in hosts.items() if each.mark and mine & set(each.domains)]
    last = max(having, key=lambda name: hosts[name].generation, default=None)
    if last is None or last in named:
        return None
    return last if hosts[last].address == server.ipv4 else None


def choose(
    manifest: Manifest | None, known: HostKnown | None, seen: DatabaseSeen, said: Said, at: Place
) -> Choice:
    """Return what becomes of a host's database.

    manifest: the host's. known: what the state knows of the host, or of `at.former`. A database is
    begun only where there has been none, or where that was said.
    """
    if seen.unmounted:
        places = ", ".join(seen.unmounted)
        return Refuse(Words.of("database.not_mounted", path=at.path, places=places))
    if seen.kind in (Kind.MISSING, Kind.EMPTY):
        return _of_none(manifest, known, seen, said, at)
    reason = _wrong(manifest, known, seen, at)
    if reason is None:
        if said.start_empty:
            return Refuse(Words.of("database.sound", path=at.path))
        return Keep()
    if said.start_empty:
        return Fresh(aside=True)
    if said.keep and reason.id not in _UNUSABLE:
        return Keep(taken=True)
    return Refuse(reason)


_UNUSABLE = ("database.damaged", "database.no_admin")


def _of_none(
    manifest: Manifest | None, known: HostKnown | None, seen: DatabaseSeen, said: Said, at: Place
) -> Choice:
    rebuilt = _is_rebuilt(manifest, known, seen)
    # A first deploy that was killed early has made none yet.
    had_one = seen.established or (manifest is not None and manifest.facts.versions.pmail != "")
    if not rebuilt and not had_one:
        return Fresh()
    if said.start_empty:
        return Fresh(aside=seen.kind is Kind.EMPTY)
    if rebuilt and known:
        return Refuse(_rebuilt(known, at))
    return Refuse(Words.of("database.lost", host=at.host, path=at.path))


def _rebuilt(known: HostKnown, at: Place) -> Words:
    values = {"host": at.host, "path": at.path, "time": known.time}
    if at.former:
        return Words.of("database.successor", former=at.former, address=known.address, **values)
    return Words.of("database.rebuilt", **values)


def _is_rebuilt(manifest: Manifest | None, known: HostKnown | None, seen: DatabaseSeen) -> bool:
    """Whether the state knows the host, and nothing of it is on this one's system disk."""
    return known is not None and known.mark != "" and manifest is None and not seen.established


def _wrong(
    manifest: Manifest | None, known: HostKnown | None, seen: DatabaseSeen, at: Place
) -> Words | None:
    """Why the database that is there is not the one that should be."""
    if seen.kind is Kind.OTHER:
        return Words.of("database.damaged", host=at.host, path=at.path, reason="-")
    if seen.problem:
        return Words.of("database.damaged", host=at.host, path=at.path, reason=seen.problem)
    if seen.accounts is not None and not any(each.admin for each in seen.accounts):
        return Words.of("database.no_admin", host=at.host, path=at.path)
    if known and _is_rebuilt(manifest, known, seen):
        return Words.of("database.rebuilt_kept", host=at.host, path=at.path, time=known.time)
    if manifest is None or seen.accounts is None:
        return None
    missing = _missing(manifest, {each.name for each in seen.accounts})
    if missing:
        return Words.of("database.other", host=at.host, path=at.path, accounts=", ".join(missing))
    if seen.email < manifest.email:
        values = {"there": seen.email, "then": manifest.email, "time": manifest.stamp.time}
        return Words.of("database.older", host=at.host, path=at.path, **values)
    return None


def _missing(manifest: Manifest, there: Iterable[str]) -> list[str]:
    """Accounts that were here, where the database has been of another server.

    PMail deletes none; but one that we were about to make may never have been made.
    """
    admin, users = manifest.facts.admin, set(manifest.facts.users)
    gone = users if not users & set(there) else set[str]()
    return sorted(gone | ({admin} - set(there)))
