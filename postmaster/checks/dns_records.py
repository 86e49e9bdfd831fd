"""Checks of what DNS says of a mail domain: MX, CAA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dns_providers.rrset import MX, name_text
from ground.words import Words
from postmaster.checks import caa, rules, subjects
from postmaster.checks.old_answers import cached
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from probes.world.caa import CaaView
from probes.world.dns import exchanges
from probes.world.domain import DomainView


def unanswered(name: str) -> Judgement:
    """DNS gave no answer: nothing is known."""
    return unknown(Words.of("checks.dns.no_answer", name=name))


def _domains(seen: Seen) -> Iterator[tuple[Subject, DomainView]]:
    for view in seen.world.domains:
        yield subjects.of_domain(seen.server.domain(view.domain)), view


def mx(view: DomainView, seen: Seen) -> Judgement:
    """MX-07: mail for the domain comes to us, and to others only while we do not answer."""
    if not view.mx.outcome.known:
        return unanswered(view.mx.owner)
    names = exchanges(view.mx)
    if not names:
        remedy = _mx_remedy(view, seen)
        return cached(seen, view.domain, "MX") or failed(Words.of("checks.mx.none"), remedy)
    ours = set(seen.server.addresses)
    hosts, mute = ", ".join(names), [n for n, found in view.mx_addresses if found is None]
    foreign = [n for n, found in view.mx_addresses if found is not None and not set(found) & ours]
    if len(foreign) == len(names):
        wrong = Words.of("checks.mx.foreign", hosts=hosts)
        return _mx_cached(view, seen, foreign) or failed(wrong, _mx_remedy(view, seen))
    if mute:
        return unanswered(mute[0])
    if parted := _parted(view, seen):
        name, others = parted
        said = {"host": name, "others": ", ".join(others)}
        return failed(Words.of("checks.mx.parted", **said), Words.of("checks.mx.unpart", **said))
    if foreign and _asked_last(view, foreign):
        return passed(Words.of("checks.mx.backup", hosts=hosts, others=", ".join(foreign)))
    if foreign:
        mixed = Words.of("checks.mx.mixed", hosts=", ".join(foreign))
        return _mx_cached(view, seen, foreign) or warned(mixed, _mx_remedy(view, seen))
    return passed(Words.of("checks.mx.ours", hosts=hosts))


def _parted(view: DomainView, seen: Seen) -> tuple[str, list[str]] | None:
    """A host that leads to us and to somebody else, and the addresses that are not ours.

    Those of the mail host have a rule of their own.
    """
    ours = set(seen.server.addresses)
    for name, found in view.mx_addresses:
        others = sorted(set(found or ()) - ours)
        if others and len(others) < len(found or ()) and name != seen.server.mail_host:
            return name, others
    return None


def _asked_last(view: DomainView, hosts: list[str]) -> bool:
    """Whether all others come before these hosts of the domain (RFC 5321 section 5.1)."""
    there = [value for value in view.mx.values if isinstance(value, MX)]
    theirs = [value.preference for value in there if name_text(value.exchange) in hosts]
    first = min(value.preference for value in there)
    return first < min(theirs)


def _mx_cached(view: DomainView, seen: Seen, foreign: list[str]) -> Judgement | None:
    """Whether resolvers have an old MX, or the right one and an old address of it."""
    old = cached(seen, view.domain, "MX")
    if old is None and seen.server.mail_host in foreign:
        old = cached(seen, seen.server.mail_host, "A", "AAAA")
    return old


def _mx_remedy(view: DomainView, seen: Seen) -> Words:
    """What is missing: the MX record, or, where that is right, its name's address."""
    host = seen.server.mail_host
    if exchanges(view.mx) == (host,):
        addresses = ", ".join(seen.server.addresses)
        return Words.of("checks.mx.address_remedy", host=host, addresses=addresses)
    return Words.of("checks.mx.remedy", domain=view.domain, host=host)


def _caa(seen: Seen) -> Iterator[tuple[Subject, CaaView | None]]:
    for each in caa.sets_of(seen.world.caa) or (None,):
        yield subjects.of_host(seen.server), each


def authority(view: CaaView | None, seen: Seen) -> Judgement:
    """CAA-01: DNS lets the chosen authority renew the certificate."""
    return caa.judge(view, seen.server)


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.MX_07, _domains, mx),
    Check(rules.CAA_01, _caa, authority),
)
