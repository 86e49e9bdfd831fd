"""Checks of how DNS is reached from here: what does not hold here makes all else unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public
from postmaster.checks.subjects import Subject
from probes.world.resolvers import PathView, ResolverSeen


def _way(seen: Public) -> Iterator[tuple[Subject, PathView]]:
    yield subjects.of_resolvers(), seen.path


def reached(path: PathView, seen: Public) -> Judgement:
    """PROP-05: resolvers answer, and nobody in their place."""
    addresses = ", ".join(each.address for each in path.resolvers)
    if path.taken:
        return unknown(Words.of("resolving.taken"))
    if path.deaf:
        found = all(each.delegation and each.delegation.found for each in seen.domains)
        if seen.domains and found:
            deaf = Words.of("resolving.deaf_but", resolvers=addresses)
            return warned(deaf, Words.of("resolving.deaf_remedy"))
        return unknown(Words.of("resolving.deaf", resolvers=addresses))
    answering = ", ".join(each.address for each in path.resolvers if each.answers)
    return passed(Words.of("resolving.reached", resolvers=answering or "-"))


def _resolvers(seen: Public) -> Iterator[tuple[Subject, ResolverSeen]]:
    for each in seen.path.resolvers:
        if each.answers:
            yield subjects.of_resolvers(each.address), each


def honest(resolver: ResolverSeen, _: Public) -> Judgement:
    """PROP-06: a resolver has no answer for a name that does not exist."""
    if resolver.rewrites:
        return unknown(Words.of("resolving.rewrites", resolver=resolver.address), required=False)
    return passed(Words.of("resolving.honest"))


CHECKS: tuple[Check[Public, Any], ...] = (
    Check(rules.PROP_05, _way, reached),
    Check(rules.PROP_06, _resolvers, honest),
)
