"""What a run of `deploys/verify.py` is asked to do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploys.run.options import Flag, Look, Names, Text, option
from ground.words import Words

if TYPE_CHECKING:
    from postmaster.checks.selection import Selection

# Of one mailbox, as it goes into a command of SMTP as it is.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Selecting(Look):
    """A verb that checks: all rules, or some.

    only, skip: ids of rules, or the letters before their numbers. strict: a warning counts as a
    fail.
    """

    only: tuple[str, ...] = option("only", Names(), "--only", default=(), help="cli.only")
    skip: tuple[str, ...] = option("skip", Names(), "--skip", default=(), help="cli.skip")
    strict: bool = option("strict", Flag(), "--strict", default=False, help="cli.strict")

    @property
    def selection(self) -> Selection:
        """Which rules are to be reported."""
        from postmaster.checks.selection import Selection  # who asks for help needs no rules

        return Selection.of(self.only, self.skip)

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return which names no rule has, or that no rule is left."""
        if not self.only and not self.skip:
            return
        from postmaster.checks.selection import reported

        chosen = self.selection
        if chosen.unknown:
            known = ", ".join(rule.id for rule in reported())
            yield Words.of("report.no_rule", names=", ".join(chosen.unknown), known=known)
        elif not any(map(chosen.takes, reported())):
            yield Words.of("report.nothing_left")


@dataclass(frozen=True, slots=True)
class VerifyRequest(Selecting):
    """To check servers. live: send mail to prove that mail passes. to: a mailbox elsewhere, too."""

    live: bool = option("live", Flag(), "--live", default=False, help="cli.live")
    to: str | None = option("live_to", Text(), "--to", help="cli.live_to")

    @property
    def shown_dry(self) -> bool:
        """A run that is not carried out checks nothing."""
        return False

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return what is wrong with the selection, or with the address."""
        yield from Selecting.problems(self, dry=dry)
        if self.to and not _ADDRESS.fullmatch(self.to):
            yield Words.of("live.no_address", given=self.to)
