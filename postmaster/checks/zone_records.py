"""Checks of records that no rule of mail forbids, and that break mail: wildcards, aliases, TTLs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules
from postmaster.checks.results import Judgement, failed, passed, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public
from postmaster.checks.subjects import Subject
from probes.world.dns import Answer
from probes.world.domain import DomainView

LEAST_TTL, MOST_TTL, MOST_KEY_TTL = 60, 86400, 3600  # seconds


def _domains(seen: Public) -> Iterator[tuple[Subject, DomainView]]:
    for view in seen.domains:
        if view.delegation is not None:
            yield seen.subject(view), view


def wildcard(view: DomainView, _: Public) -> Judgement:
    """DEL-09: nothing answers for names that nobody made."""
    found = [each for each in view.stray if each.values or each.aliases]
    if not found:
        return passed(Words.of("rr.no_wildcard"))
    names = sorted({f"*.{each.owner.partition('.')[2]}" for each in found})
    types = ", ".join(sorted({each.rtype for each in found}))
    said = {"names": ", ".join(names), "types": types}
    return warned(Words.of("rr.wildcard", **said), Words.of("rr.wildcard_remedy", **said))


def alias(view: DomainView, _: Public) -> Judgement:
    """DEL-10: no CNAME stands where other records are (RFC 1034 section 3.6.2)."""
    apex = view.at_apex("CNAME")
    if apex is not None and apex.values and view.domain == view.zone:
        return failed(Words.of("rr.alias", name=view.domain), _alias_remedy(view.domain))
    beside = {each.owner: each for each in (view.dmarc, *view.dkim)}
    for each in view.aliases:
        sibling = beside.get(each.owner)
        if each.values and sibling and sibling.values and not sibling.aliases:
            return failed(Words.of("rr.alias", name=each.owner), _alias_remedy(each.owner))
    return passed(Words.of("rr.no_alias"))


def _alias_remedy(name: str) -> Words:
    return Words.of("rr.alias_remedy", name=name)


def ttl(view: DomainView, seen: Public) -> Judgement:
    """DEL-11: records are remembered neither for too short nor for too long a time."""
    odd = []
    for each, most in _timed(view, seen):
        if each.ttl is not None and each.authoritative and not LEAST_TTL <= each.ttl <= most:
            odd.append(f"{each.owner}/{each.rtype}: {each.ttl}")
    if odd:
        records = "; ".join(dict.fromkeys(odd))
        return warned(Words.of("rr.ttl", records=records), Words.of("rr.ttl_remedy"))
    return passed(Words.of("rr.ttl_right"))


def _timed(view: DomainView, seen: Public) -> Iterator[tuple[Answer, int]]:
    """Records, each with the longest TTL that is of use."""
    yield view.mx, MOST_TTL
    yield view.dmarc, MOST_TTL
    if texts := view.at_apex("TXT"):
        yield texts, MOST_TTL
    for key in view.dkim:
        yield key, MOST_KEY_TTL
    for host in view.hosts:
        yield host.a, MOST_TTL
        yield host.aaaa, MOST_TTL


CHECKS: tuple[Check[Public, Any], ...] = (
    Check(rules.DEL_09, _domains, wildcard),
    Check(rules.DEL_10, _domains, alias),
    Check(rules.DEL_11, _domains, ttl),
)
