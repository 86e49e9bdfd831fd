"""What was answered, by whom: read from what a rule was tried on, for reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from dns_providers.rrset import name_text
from dns_providers.text import value_text
from postmaster.checks.results import Observed
from postmaster.checks.subjects import Subject
from probes.world.caa import CaaView
from probes.world.dns import Answer, Reverse
from probes.world.smtp import SmtpView
from probes.world.spf import SpfView
from probes.world.tcp import Connection
from probes.world.tls import TlsView


def observed_in(thing: object, subject: Subject) -> tuple[Observed, ...]:
    """Return the answers in what a rule was tried on, those that are about its subject.

    thing: an observation of `probes`, or a tuple or dataclass that has some. Of kinds that are not
    known here nothing is returned: what a rule says it saw is in its result anyway.
    """
    match thing:
        case Answer():
            return tuple(_of_answer(thing)) if _is_about(thing, subject) else ()
        case Reverse(address=address, outcome=outcome, names=names):
            return _each(address, outcome.value, names)
        case CaaView(owner=owner, outcome=outcome, values=values):
            return _each(owner, outcome.value, sorted(value_text(v, "CAA") for v in values))
        case SpfView(address=address, result=result, ehlo=ehlo):
            return (Observed(address, f"{result} (EHLO {ehlo})"),)
        case SmtpView(address=address, port=port, reach=reach, banner=banner):
            return (Observed(f"{address}:{port}", banner or reach.value),)
        case TlsView(address=address, port=port, reach=reach, certificate=found):
            shown = ", ".join(found.names) if found else reach.value
            return (Observed(f"{address}:{port}", shown),)
        case Connection(address=address, port=port, reach=reach):
            return (Observed(f"{address}:{port}", reach.value),)
    return tuple(each for part in _parts(thing) for each in observed_in(part, subject))


def _parts(thing: object) -> Iterator[object]:
    """The answers that something has, one step deep."""
    if isinstance(thing, tuple):
        parts = thing
    elif is_dataclass(thing) and not isinstance(thing, type):
        parts = tuple(getattr(thing, each.name) for each in fields(thing))
    else:
        return
    yield from (each for each in parts if isinstance(each, Answer))


def _is_about(answer: Answer, subject: Subject) -> bool:
    if subject.record is not None:
        return answer.owner == name_text(subject.record.owner)
    return subject.domain is None or answer.owner == subject.domain


def _of_answer(answer: Answer) -> tuple[Observed, ...]:
    source = answer.resolver or f"{answer.owner} {answer.rtype}"
    values = sorted(value_text(value, answer.rtype) for value in answer.values)
    said = _each(source, answer.rcode or answer.outcome.value, values)
    return tuple(replace(each, ttl=answer.ttl) for each in said)


def _each(source: str, rcode: str, values: tuple[str, ...] | list[str]) -> tuple[Observed, ...]:
    return tuple(Observed(source, value, rcode) for value in values or ("",))
