"""Receivers that mail goes to, in groups known by their MX hosts, and how fast it goes there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

OTHERS = "others"
RATE_NAMES = ("connections", "delay", "recipients")


@dataclass(frozen=True, slots=True)
class ReceiverGroup:
    """One group. mx: names of MX hosts, `.example.com` for all below it.

    connections: at the same time. delay: seconds between two messages to one domain.
    recipients: in one message.
    """

    name: str
    mx: tuple[str, ...]
    connections: int
    delay: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A site's own number for one group: `name` is one of RATE_NAMES."""

    group: str
    name: str
    value: int


@cache
def known() -> tuple[ReceiverGroup, ...]:
    """Return the groups of receivers.toml, `others` last."""
    data = tomllib.loads((Path(__file__).parent / "receivers.toml").read_text("utf-8"))
    groups = [
        ReceiverGroup(
            name, tuple(row["mx"]), int(row["connections"]), int(row["delay"]), row["recipients"]
        )
        for name, row in data.items()
    ]
    return tuple(sorted(groups, key=lambda group: (group.name == OTHERS, group.name)))


def groups(rates: Iterable[Rate]) -> tuple[ReceiverGroup, ...]:
    """Return the groups with a site's own numbers."""
    found = {group.name: group for group in known()}
    for rate in rates:
        found[rate.group] = _with(found[rate.group], rate)
    return tuple(found.values())


def _with(group: ReceiverGroup, rate: Rate) -> ReceiverGroup:
    match rate.name:
        case "connections":
            return replace(group, connections=rate.value)
        case "delay":
            return replace(group, delay=rate.value)
        case _:
            return replace(group, recipients=rate.value)


def group_of(mx: str) -> str:
    """Return the group that an MX host belongs to."""
    name = mx.rstrip(".").lower()
    for group in known():
        if any(name.endswith(each) if each[0] == "." else name == each for each in group.mx):
            return group.name
    return OTHERS
