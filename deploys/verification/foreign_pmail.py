"""A PMail that is not ours on a host: nothing is changed there, as it would be taken for ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyinfra.api import Host

from deploys.host import pmail_layout as layout
from deploys.host.looked import PAST, looked
from deploys.run.identity import identity
from deploys.run.refusals import Around, Refused, on_each
from ground.words import Words
from postmaster.checks.preflight import of_found
from postmaster.settings import MailServer
from probes.host.past import Found, Kind


def foreign_pmail(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where a host has a PMail that is not ours, with all that was found of it."""
    return on_each(around.servers(), _reasons)


def _reasons(host: Host, server: MailServer) -> Iterable[Words]:
    found = found_on(host, server)
    yield from map(of_found, found)
    if found:
        yield Words.of("past.remedy")


def found_on(host: Host, server: MailServer) -> tuple[Found, ...]:
    """Return what is on a host of a PMail that is not ours. Raises DeployError, IdentityError.

    What lies in our own folders on a host that the state knows is from before it was set up anew:
    that is `first_database`'s.
    """
    seen, site = looked(host).of(PAST).found, identity()
    if site is None or server.host not in site.hosts:
        return seen
    return tuple(each for each in seen if each.kind is not Kind.FOLDER and not _in_ours(each))


def _in_ours(found: Found) -> bool:
    return found.path.startswith((f"{layout.ROOT}/", f"{layout.BINARIES}/"))
