"""A rule in two worlds that differ in one fact: in one it holds, in the other it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from postmaster.checks.results import Result, Status
from tests.postmaster.worlds.world import World, honest

Fact = Callable[[World], object]


@dataclass(frozen=True)
class Case:
    """One fact that breaks a rule.

    name: what is wrong, as a test's name. status: what comes of it. before: facts of both worlds.
    subject: the one that it is about, else any of the rule's. remedy: what the advice has in it.
    settings: of the server; outbound: its mode.
    check: `pmail-deploy check DOMAIN` instead of the verification of a server.
    """

    rule: str
    name: str
    fact: Fact
    status: Status = Status.FAIL
    before: tuple[Fact, ...] = ()
    subject: str = ""
    remedy: str = ""
    outbound: str = "relay"
    settings: dict[str, Any] = field(default_factory=dict)
    check: bool = False

    def __str__(self) -> str:
        return f"{self.rule}: {self.name}"

    def good(self) -> World:
        """The world in which the rule holds."""
        world = honest(self.outbound, **self.settings)
        for each in self.before:
            each(world)
        return world

    def broken(self) -> World:
        """The same, but for one fact."""
        world = self.good()
        self.fact(world)
        return world

    def results(self, world: World) -> tuple[Result, ...]:
        """The rule's results there."""
        every = world.checked() if self.check else world.results()
        return tuple(
            each
            for each in every
            if each.rule.id == self.rule and self.subject in ("", str(each.subject))
        )
