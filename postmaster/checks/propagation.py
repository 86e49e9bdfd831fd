"""Checks of propagation: each published record at all authoritative servers, then at resolvers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dns_providers.publishing.claims import Claim
from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, skipped, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import RecordView, ResolverView, Seen
from postmaster.checks.subjects import Subject

Shown = RecordView | Claim | str  # a record, one that nobody published, or why none can be seen


def _records(seen: Seen) -> Iterator[tuple[Subject, Shown]]:
    for view in seen.zones:
        if view.problem is not None:
            yield subjects.of_zone(view.zone), view.problem
        needed: tuple[RecordView | Claim, ...] = (*view.records, *view.unpublished)
        for each in needed:
            yield subjects.of_rrset(each.key, view.zone, seen.domain_above(each.key)), each


def authoritative(shown: Shown, _: Seen) -> Judgement:
    """PROP-01: every authoritative server shows the record as it should be."""
    if isinstance(shown, str):
        return unknown(Words.of("checks.prop.problem", reason=shown))
    if isinstance(shown, Claim):
        judged = failed if shown.needed or shown.key.rtype == "MX" else warned
        return judged(Words.of("checks.prop.unpublished"), Words.of("checks.prop.publish"))
    if shown.wrong:
        seen = Words.of("checks.prop.wrong", servers="; ".join(shown.wrong))
        return failed(seen, Words.of("checks.prop.remedy"))
    if shown.silent:
        seen = Words.of("checks.prop.silent", servers="; ".join(shown.silent))
        return warned(seen, Words.of("checks.prop.silent_remedy"))
    if not shown.wished:
        return warned(Words.of("checks.prop.outdated"), Words.of("checks.prop.publish"))
    return passed(Words.of("checks.prop.right", count=shown.right))


def _resolvers(seen: Seen) -> Iterator[tuple[Subject, ResolverView | None]]:
    for view in seen.zones:
        if not view.resolvers:
            yield subjects.of_zone(view.zone), None
        for each in view.resolvers:
            yield subjects.of_resolver(view.zone, each.resolver), each


def recursive(view: ResolverView | None, _: Seen) -> Judgement:
    """PROP-03: a recursive resolver shows what all authoritative servers show."""
    if view is None:
        return skipped(Words.of("checks.prop.not_asked"))
    if not view.answers:
        return unknown(Words.of("checks.prop.no_resolver"))
    if view.stale:
        records = ", ".join(str(key) for key in view.stale)
        cached = Words.of("checks.prop.cached", records=records)
        if view.left:
            cached = Words.of("checks.prop.cached_for", records=records, left=view.left)
        return warned(cached, Words.of("checks.prop.cached_remedy"))
    if view.stretched:
        records = ", ".join(str(key) for key in view.stretched)
        stretched = Words.of("checks.prop.stretched", records=records)
        return warned(stretched, Words.of("checks.prop.stretched_remedy"))
    return passed(Words.of("checks.prop.resolver", count=view.asked))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.PROP_01, _records, authoritative),
    Check(rules.PROP_03, _resolvers, recursive),
)
