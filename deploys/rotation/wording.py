"""Rotations in the user's language and local time; pure but for the time zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ground.words import Words, family, text
from keys.rotation import STEPS, Rotation, Strategy, forecast
from keys.store import About
from postmaster.outbound import SigningKey

STEP = family("rotation.step", STEPS)
_PLAN = family("rotation.plan", Strategy)
_EMERGENCY = family("rotation.emergency", Strategy)
_SPREAD = 60.0  # seconds that servers usually take to follow each other


def announcement(rotation: Rotation) -> tuple[str, ...]:
    """Return what a rotation will do, how long it takes, and what can fail."""
    expected = forecast(rotation.strategy, rotation.rules, _SPREAD, emergency=rotation.emergency)
    ids = _EMERGENCY if rotation.emergency else _PLAN
    lines = [
        text(
            ids[rotation.strategy],
            domain=rotation.domain,
            old=rotation.old.name,
            new=rotation.new.name,
            outage=span(expected.outage),
            window=span(expected.window),
            whole=span(expected.whole),
            keep=span(rotation.rules.keep),
            low=rotation.rules.low_ttl,
        )
    ]
    if rotation.emergency:
        lines.append(text("rotation.no_gate"))
    if rotation.superseded:
        names = ", ".join(each.name for each in rotation.superseded)
        lines.append(text("rotation.supersedes", keys=names))
    return tuple(lines)


def where(rotation: Rotation) -> tuple[str, ...]:
    """Return where a rotation is, and what it waits for until when."""
    way = "rotation.where.back" if rotation.going_back else "rotation.where.on"
    lines = [text(way, **_values(rotation))]
    if rotation.deadline is not None:
        lines.append(text("rotation.waits", until=moment(rotation.deadline)))
    if rotation.paused:
        lines.append(text("rotation.is_paused"))
    if rotation.problem:
        lines.append(problem(rotation, rotation.problem))
    return tuple(lines)


def done(rotation: Rotation) -> str:
    """Return that a rotation's step is done."""
    return text("rotation.done", **_values(rotation))


def problem(rotation: Rotation, why: Words) -> str:
    """Return why a step could not be done."""
    return text("rotation.problem", reason=why, **_values(rotation))


def waiting(rotation: Rotation, until: float) -> Words:
    """Return that a rotation waits."""
    return Words.of("rotation.waiting", until=moment(until), **_values(rotation))


def key_line(signing: SigningKey, about: About | None, most: int) -> str:
    """Return a key's selector, age and when it is due."""
    if about is None:
        return text("rotation.no_key_yet", domain=signing.domain)
    days = (datetime.now(UTC) - about.created).days
    return text(
        "rotation.key",
        domain=signing.domain,
        selector=about.selector,
        days=days,
        most=most,
        bits=about.public.bits,
        fingerprint=about.public.fingerprint[:16],
    )


def past(record: Mapping[str, Any]) -> str:
    """Return a line for a rotation that has ended."""
    return text(
        "rotation.past.aborted" if record["aborted"] else "rotation.past.ended",
        started=moment(record["started"]),
        ended=moment(record["ended"]),
        old=record["old"]["name"],
        new=record["new"]["name"],
        outage=span(record["outage"]),
    )


def moment(when: float) -> str:
    """Return a time as people here read it, with its offset."""
    return f"{datetime.fromtimestamp(when).astimezone():%Y-%m-%d %H:%M:%S %z}"


def span(seconds: float) -> str:
    """Return a duration."""
    if seconds >= 2 * 86400:
        return text("rotation.days", count=round(seconds / 86400))
    if seconds >= 2 * 3600:
        return text("rotation.hours", count=round(seconds / 3600))
    if seconds >= 120:
        return text("rotation.minutes", count=round(seconds / 60))
    return text("rotation.seconds", count=round(seconds))


def _values(rotation: Rotation) -> dict[str, str]:
    return {
        "domain": rotation.domain,
        "step": text(STEP[rotation.step]),
        "old": rotation.old.name,
        "new": rotation.new.name,
    }
