"""MX records of a domain: when those that somebody has there bring its mail to us all the same."""

from __future__ import annotations

from functools import partial

from dns_providers.publishing.claims import Judged, Theirs
from dns_providers.rrset import MX, RRKey, Value
from ground.words import Words


def theirs(record: RRKey, ours: MX) -> Theirs:
    """Return when the MX records of a domain will do: our host is there, before all others.

    Its preference may be another; others are asked only while it does not answer (RFC 5321
    section 5.1).
    """
    return Theirs(partial(_judge, record, ours))


def _judge(record: RRKey, ours: MX, values: frozenset[Value]) -> Judged:
    there = [value for value in values if isinstance(value, MX)]
    here = [value for value in there if value.exchange == ours.exchange]
    if not here:
        return Judged()
    first = min(value.preference for value in here)
    others = sorted((v for v in there if v.exchange != ours.exchange), key=str)
    shown = ", ".join(map(str, others))
    if any(value.preference <= first for value in others):
        return Judged(problem=Words.of("dns.conflict.mx_shared", key=record, others=shown))
    kept = frozenset[Value](here)
    if others:
        return Judged(Words.of("dns.note.mx_backup", key=record, others=shown), kept=kept)
    words = Words.of("dns.note.mx_preference", key=record, preference=first)
    return Judged(words, kept=kept)
