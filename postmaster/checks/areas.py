"""Which checks a run consists of: those of every area."""

from __future__ import annotations

from typing import Any

from postmaster.checks import (
    delegation,
    dkim,
    dmarc,
    dns_records,
    edge,
    live,
    mail_exchanges,
    outbound,
    policies,
    preflight,
    propagation,
    relay,
    reputation,
    resolving,
    reverse,
    service,
    spf,
    strangers,
    transport,
    web,
    zone_records,
)
from postmaster.checks.bare import Bare
from postmaster.checks.results import Result, Status
from postmaster.checks.runner import Check, run
from postmaster.checks.seen import Public, Seen

# What needs neither a host nor an inventory: `pmail-deploy check DOMAIN` consists of these.
PUBLIC: tuple[Check[Public, Any], ...] = tuple(
    check
    for area in (
        resolving.CHECKS,
        delegation.CHECKS,
        zone_records.CHECKS,
        mail_exchanges.CHECKS,
        spf.CHECKS,
        dkim.PUBLIC,
        dmarc.CHECKS,
    )
    for check in area
)
VERIFICATION: tuple[Check[Seen, Any], ...] = (
    *(check.within(lambda seen: seen.public) for check in PUBLIC),
    *(
        check
        for area in (
            propagation,
            dns_records,
            dkim,
            reverse,
            outbound,
            reputation,
            transport,
            strangers,
            service,
            relay,
            edge,
            policies,
            web,
        )
        for check in area.CHECKS
    ),
)


def of_server(seen: Seen) -> tuple[Result, ...]:
    """Return the results of the verification of a server, after what its preflight warns of still.

    What the verification judges itself is not in the report twice.
    """
    before = of_bare_host(seen.bare) if seen.bare else ()
    still = (
        each for each in before if each.status in (Status.WARN, Status.FAIL) and not each.rule.again
    )
    return (*still, *run((*VERIFICATION, *live.CHECKS), seen, seen.server))


def of_domains(seen: Public) -> tuple[Result, ...]:
    """Return the results for domains that are nobody's of ours."""
    return run(PUBLIC, seen, seen.server)


def of_bare_host(seen: Bare) -> tuple[Result, ...]:
    """Return the findings on a host that is to become a server; a fail stops the run."""
    return run(preflight.CHECKS, seen, seen.server)
