"""The frame of every deploy: it begins, ends, and is refused where it must not be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from pyinfra import host, state

from deploys.run import flow
from deploys.run.needs import needs
from deploys.run.options import Request
from deploys.run.outcome import recorder
from deploys.run.paused import paused_on
from deploys.run.prepare import why_outdated
from deploys.run.recording import told
from deploys.run.site import server_of, zone_hosts, zone_of
from deploys.run.start import ready
from deploys.run.verb import Verb
from ground.words import text
from postmaster.settings import MailServer, Site, ZoneSettings

R = TypeVar("R", bound=Request)


@dataclass(frozen=True, slots=True)
class Run(Generic[R]):
    """A run on one host: what was asked for, and the mail server or the zone that the host is."""

    asked: R
    site: Site
    server: MailServer | None
    zone: ZoneSettings | None
    dry: bool


@contextmanager
def frame(verb: Verb[R]) -> Iterator[Run[R]]:
    """Begin, do what stands below, end.

    What changes something has the site's lock meanwhile. Raises OperationError with every mistake
    in what was asked for and in the inventory, or with every reason to refuse the run.
    """
    with told():
        found = ready(verb)
        flow.among(needs(found.site, zone_hosts(found.site, state)))
        flow.begin(
            name=text("flow.name.begin"),
            alone=found.asked.changes,
            why_outdated=partial(why_outdated, verb, found.site),
        )
        server = server_of(found.site, host) if "mail_servers" in host.groups else None
        # What changes something is refused then, unless it goes on with what has paused mail.
        looks = not found.asked.changes and not verb.while_paused
        if server and looks and (paused := paused_on(server)):
            flow.leave(name=text("flow.name.paused"), line=str(paused))
        yield Run(
            found.asked,
            found.site,
            server,
            zone_of(found.site, host) if "zones" in host.groups else None,
            found.dry,
        )
        flow.end(name=text("flow.name.end"), verb=verb.name)
        recorder().loaded(verb.name, host.name)
        state.failed_hosts.update(map(state.inventory.get_host, recorder().left_in_plan()))
