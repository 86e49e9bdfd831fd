"""Resolvers that say nothing, or something of their own; and somebody on the way to them."""

from __future__ import annotations

from postmaster.checks.results import Status
from tests.postmaster.worlds.case import Case
from tests.postmaster.worlds.tree import ROOT
from tests.postmaster.worlds.world import World

WARN, UNKNOWN = Status.WARN, Status.UNKNOWN


def deaf(world: World) -> None:
    for each in world.tree.resolvers.values():
        each.silent = True


def cut_off(world: World) -> None:
    """Nobody answers, the root neither."""
    deaf(world)
    world.tree.servers[ROOT].silent = True


def taken(world: World) -> None:
    world.tree.taken = True


def rewriting(world: World) -> None:
    next(iter(world.tree.resolvers.values())).rewrites = True


CASES = (
    Case("PROP-05", "no resolver answers, nor the root", cut_off, UNKNOWN),
    Case("PROP-05", "no resolver answers, nor the root", cut_off, UNKNOWN, check=True),
    Case("PROP-05", "port 53 is taken", taken, UNKNOWN),
    Case("PROP-05", "port 53 is taken", taken, UNKNOWN, check=True),
    Case("PROP-06", "advertisements instead of no name", rewriting, UNKNOWN),
)
