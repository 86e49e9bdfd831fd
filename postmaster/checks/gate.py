"""What keeps the DKIM key of a domain from being replaced."""

from __future__ import annotations

from collections.abc import Iterable

from postmaster.checks.results import Result, Status
from postmaster.checks.rules import Gate
from postmaster.settings import MailDomain

_KNOWN = frozenset({Status.PASS, Status.WARN})


def in_the_way(results: Iterable[Result], domain: MailDomain) -> tuple[Result, ...]:
    """Return what has to be mended, or seen, before a domain's key is touched."""
    gating = [each for each in results if each.rule.gates and each.subject.concerns(domain)]
    enough = {each.rule for each in gating if each.rule.gates is Gate.ONE and each.status in _KNOWN}
    return tuple(
        each
        for each in gating
        if each.status is Status.FAIL or (each.status is Status.UNKNOWN and each.rule not in enough)
    )
