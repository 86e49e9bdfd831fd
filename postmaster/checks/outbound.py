"""Checks of the way out: receivers' port 25 is reached from the host, by each family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.bare import Bare
from postmaster.checks.preflight import blocked_outbound, one_outbound
from postmaster.checks.results import Judgement, failed, passed, skipped, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from probes.host.fitness import Outbound


def _receivers(seen: Seen) -> Iterator[tuple[Subject, Outbound | tuple[Outbound, ...]]]:
    """Each connection; or those of a family together, where none of them is open."""
    tried = seen.bare.fitness.outbound if seen.bare else ()
    for family in (4, 6):
        mine = tuple(each for each in tried if each.family == family)
        if any(each.reach == "open" for each in mine):
            for each in mine:
                yield subjects.of_receiver((each.domain,), family), each
        elif mine or family == 4:
            domains = (each.domain for each in mine) if mine else seen.server.preflight_mx_domains
            yield subjects.of_receiver(domains, family), mine


def reached(tried: Outbound | tuple[Outbound, ...], seen: Seen) -> Judgement:
    """NET-01: port 25 of receivers is reached: without it nothing is sent, whatever else is right.

    By IPv4 everybody is; where IPv6 alone fails, mail goes by IPv4.
    """
    if not seen.server.preflight_mx_domains:
        return skipped(Words.of("checks.net.nobody_tried"))
    if seen.bare is None:
        return unknown(Words.of("checks.host.unseen"))
    if isinstance(tried, tuple):
        return _none_reached(tried, seen.bare)
    judged = one_outbound(tried, seen.bare)
    if judged.remedy or not tried.greeting:
        return judged
    values = {"ms": tried.milliseconds, "address": tried.address, "said": tried.greeting}
    return passed(Words.of("checks.net.greeted", **values))


def _none_reached(tried: tuple[Outbound, ...], bare: Bare) -> Judgement:
    if not tried:
        return unknown(Words.of("preflight.outbound_unseen"))
    family = tried[0].family
    blocked = blocked_outbound(tuple(each.domain for each in tried), bare, family)
    if family == 6:
        return warned(blocked[0], Words.of("checks.net.no_ipv6_remedy"))
    return failed(*blocked)


CHECKS: tuple[Check[Seen, Any], ...] = (Check(rules.NET_01, _receivers, reached),)
