"""Checks of propagation: each published record at all authoritative servers, then at resolvers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dns_providers.publishing.claims import Claim
from dns_providers.rrset import RRKey
from ground.words import Words
from postmaster.checks.results import Result, Status


@dataclass(frozen=True, slots=True)
class RecordView:
    """What the authoritative servers say of one record.

    right: how many addresses answer right. wrong, silent: `server (address): verdict` of the
    others; silent ones have another address that answers right.
    """

    key: RRKey
    right: int
    wrong: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolverView:
    """Which records a recursive resolver shows differently, and whether it answers at all."""

    resolver: str
    asked: int
    stale: tuple[RRKey, ...] = ()
    answers: bool = True


@dataclass(frozen=True, slots=True)
class ZoneView:
    """Propagation of one zone. problem: why its servers could not be found."""

    zone: str
    records: tuple[RecordView, ...] = ()
    resolvers: tuple[ResolverView, ...] = ()
    unpublished: tuple[Claim, ...] = ()
    problem: str | None = None


def all_checks(views: Iterable[ZoneView]) -> Iterator[Result]:
    """PROP-01 for each record, PROP-03 for each resolver."""
    for view in views:
        if view.problem is not None:
            seen = Words.of("checks.prop.problem", reason=view.problem)
            yield Result("PROP-01", view.zone, Status.UNKNOWN, seen)
            continue
        for record in view.records:
            yield _record(record)
        for claim in view.unpublished:
            yield _unpublished(claim)
        for resolver in view.resolvers:
            yield _resolver(view.zone, resolver)


def _record(view: RecordView) -> Result:
    subject = str(view.key)
    if view.wrong:
        seen = Words.of("checks.prop.wrong", servers="; ".join(view.wrong))
        return Result("PROP-01", subject, Status.FAIL, seen, Words.of("checks.prop.remedy"))
    if view.silent:
        seen = Words.of("checks.prop.silent", servers="; ".join(view.silent))
        return Result("PROP-01", subject, Status.WARN, seen, Words.of("checks.prop.silent_remedy"))
    return Result("PROP-01", subject, Status.PASS, Words.of("checks.prop.right", count=view.right))


def _unpublished(claim: Claim) -> Result:
    status = Status.FAIL if claim.needed or claim.key.rtype == "MX" else Status.WARN
    seen = Words.of("checks.prop.unpublished")
    return Result("PROP-01", str(claim.key), status, seen, Words.of("checks.prop.publish"))


def _resolver(zone: str, view: ResolverView) -> Result:
    subject = f"{zone} @{view.resolver}"
    if not view.answers:
        seen = Words.of("checks.prop.no_resolver")
        return Result("PROP-03", subject, Status.UNKNOWN, seen, required=False)
    if view.stale:
        records = ", ".join(str(key) for key in view.stale)
        seen = Words.of("checks.prop.cached", records=records)
        remedy = Words.of("checks.prop.cached_remedy")
        return Result("PROP-03", subject, Status.WARN, seen, remedy, required=False)
    seen = Words.of("checks.prop.resolver", count=view.asked)
    return Result("PROP-03", subject, Status.PASS, seen, required=False)
