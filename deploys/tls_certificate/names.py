"""Which names a certificate is ordered for: those of mail, and of documents what leads here.

One name that an authority cannot validate fails the whole order, so a name that mail does not need
is asked for only where it would be validated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pyinfra import state

from deploys.zones.asking import asking
from dns_providers.rrset import Address
from ground.words import Words
from postmaster.caa import Leave, leave
from postmaster.desired import zone_for
from postmaster.settings import MailServer, Site
from probes.world import caa
from probes.world.dns import Answer, Ask
from probes.world.tls import Certificate


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a certificate. left_out: why others are not among them, to be told."""

    every: tuple[str, ...]
    left_out: tuple[Words, ...] = ()


def names_for(server: MailServer, site: Site, current: Certificate | None) -> Names:
    """Return the names that a server's certificate is to have.

    current: the certificate there; a name in it stays while DNS does not answer. Where the records
    are only planned, those that are not there yet count as if they were.
    """
    ask = asking((zone.name for zone in site.zones), server.resolvers)
    there = current.names if current else ()
    names, left_out = [*server.certificate_names], []
    for name in server.document_names:
        reason = _why_not(name, server, site, ask, has=name in there)
        if reason is None:
            names.append(name)
        else:
            left_out.append(reason)
    return Names(tuple(dict.fromkeys(names)), tuple(left_out))


def fewer_names(
    names: tuple[str, ...], needed: tuple[str, ...], current: Certificate | None, reason: str
) -> Iterator[tuple[str, ...]]:
    """Yield what to order for instead, where an authority refused the others, most names first.

    needed: names of mail. current: the certificate there; what is in it was right once. reason: why
    it was refused, "" where it was not. Nothing where that names another cause: to ask again would
    count as one more failure.
    """
    others = [each for each in names if each not in needed]
    if not any(each in reason for each in others) or any(each in reason for each in needed):
        return
    there = current.names if current else ()
    kept = tuple(each for each in names if each in needed or each in there)
    yield from (each for each in dict.fromkeys((kept, needed)) if each != names)


def _why_not(name: str, server: MailServer, site: Site, ask: Ask, *, has: bool) -> Words | None:
    answers = [ask(name, rtype) for rtype in ("A", "AAAA")]
    planned = not state.is_executing and zone_for(name, (zone.name for zone in site.zones))
    reason = why_elsewhere(name, server, answers, planned=bool(planned), has=has)
    if reason or has:
        return reason
    found = caa.look(name, ask)
    if found.values and leave(found.values, server) in (Leave.REFUSED, Leave.STRANGE):
        records = ", ".join(sorted(map(str, found.values)))
        return Words.of("tls.names.caa", name=name, owner=found.owner, records=records)
    return None


def why_elsewhere(
    name: str, server: MailServer, answers: Iterable[Answer], *, planned: bool, has: bool
) -> Words | None:
    """Return why a name does not lead to a server, None where it does.

    answers: A and AAAA. planned: a name without addresses is about to get them. has: the
    certificate has it, so it stays in it where DNS gives no answer.
    """
    every = tuple(answers)
    if not all(each.outcome.known for each in every):
        return None if has else Words.of("tls.names.unanswered", name=name)
    found = frozenset(_addresses(every))
    ours = frozenset(server.addresses)
    if not found:
        return None if planned else Words.of("tls.names.nowhere", name=name)
    if server.ipv4 not in found or found - ours:
        elsewhere = ", ".join(sorted(found - ours)) or "-"
        return Words.of("tls.names.elsewhere", name=name, found=elsewhere)
    return None


def _addresses(answers: Iterable[Answer]) -> Iterator[str]:
    for answer in answers:
        for value in answer.values:
            if isinstance(value, Address):
                yield value.address
