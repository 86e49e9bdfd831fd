"""Reports on any domains, of which no inventory says anything: what DNS shows to everybody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from postmaster import dkim
from postmaster.checks import areas
from postmaster.checks.seen import Public
from postmaster.checks.selection import EVERYTHING, Selection
from postmaster.report.model import Report
from postmaster.selectors import COMMON
from probes.world import domain, resolvers
from probes.world.domain import DomainTarget
from probes.world.enquiry import Enquiry

AT_ONCE = 64  # domains


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What to check. domains: in A-labels.

    selectors: of DKIM keys; common ones where none is named. addresses: that mail is sent from;
    those of the MX hosts where none is named. strict: a warning counts as a fail.
    """

    domains: tuple[str, ...]
    selectors: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    selection: Selection = EVERYTHING
    strict: bool = False

    def target(self, name: str) -> DomainTarget:
        """What to look at of a domain."""
        return DomainTarget(
            name,
            senders=self.addresses or None,
            dkim_owners=tuple(dkim.owner(each, name) for each in self.selectors or COMMON),
            guessed=not self.selectors,
        )


async def report(request: CheckRequest, name: str, enquiry: Enquiry) -> Report:
    """Look at one domain, and judge."""
    began = time.monotonic()
    watch = resolvers.Watch(enquiry)
    validating, view = await asyncio.gather(
        enquiry.validating(), domain.look(enquiry, request.target(name))
    )
    path = await resolvers.look(enquiry, watch)
    seen = Public((view,), enquiry.now, validating=validating, path=path)
    results = request.selection.of_results(areas.of_domains(seen))
    took = time.monotonic() - began
    return Report(name, datetime.now(UTC), results, took, request.strict, request.selection)


async def reports(request: CheckRequest, enquiry: Enquiry) -> AsyncIterator[Report]:
    """Check all domains, many at once; give their reports in their order, as they are ready."""
    left = iter(request.domains)
    running: list[asyncio.Task[Report]] = []
    while True:
        while len(running) < AT_ONCE and (name := next(left, None)) is not None:
            running.append(asyncio.create_task(report(request, name, enquiry)))
        if not running:
            return
        yield await running.pop(0)


async def each_told(
    request: CheckRequest, enquiry: Enquiry, tell: Callable[[Report], None]
) -> tuple[int, ...]:
    """Tell each report; returns their exit statuses."""
    statuses = []
    async for made in reports(request, enquiry):
        tell(made)
        statuses.append(made.exit_status)
    return tuple(statuses)


def exit_status(statuses: Iterable[int]) -> int:
    """Return that of all reports: 1 a fail, 3 a required check unknown, else 0."""
    every = set(statuses)
    return 1 if 1 in every else 3 if 3 in every else 0
