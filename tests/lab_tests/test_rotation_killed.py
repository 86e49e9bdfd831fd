"""A rotation that is killed at every step, and started again each time, comes to its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from keys.rotation import Step, Strategy
from postmaster.messages.en.rotation import TEXTS
from tests.lab_tests.rotation import (
    TIMES,
    Watched,
    assert_one_key,
    assert_safe,
    going_on,
    history,
    rotate,
    steps_of,
    within,
)
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab
_INTO = (0.3, 0.05, 1.0)  # seconds that a step has been going on for when it is killed


def after(run: Watched, step: Step) -> Callable[[], bool]:
    """Tell when a run has said that a step is done."""
    says = f"done: {TEXTS[f'rotation.step.{step}']}"
    return lambda: says in run.printed


def killed_at_every_step(
    site: Site, server: Server, strategy: Strategy, into: float
) -> list[tuple[str, Step]]:
    """Kill a rotation within each of its steps, and right after each; returns what was hit."""
    ended, hit = len(history(site)), list[tuple[str, Step]]()
    for step in steps_of(strategy):
        for how in ("within", "after"):
            if len(history(site)) > ended:
                return hit  # it was too quick for us
            there = going_on(site)
            if there is not None and list(Step).index(there["step"]) > list(Step).index(step):
                continue
            run = Watched(site)
            moment = within(site, step, into) if how == "within" else after(run, step)
            if run.kill_when(moment):
                hit.append((how, step))
            assert "Traceback" not in run.printed, run.printed
            assert_safe(site, server, f"{how} {step}:\n{run.printed}")
    return hit


def killed_again_and_again(site: Site, server: Server, strategy: Strategy) -> None:
    """As often as is asked for, from the first step to the last; each time it comes to its end."""
    assert site.operator.run().status == 0
    for number in range(TIMES):
        hit = killed_at_every_step(site, server, strategy, _INTO[number % len(_INTO)])
        print(f"{number}: {len(hit)} of {2 * len(steps_of(strategy))} kills: {hit}")
        # A step that takes no time at all may be missed, once.
        assert {step for _, step in hit} >= {*steps_of(strategy)} - {Step.ERASE}, hit
        if going_on(site) is not None:
            done = rotate(site, "rotate_wait=1")
            assert done.status == 0, done.output
        assert_one_key(site, server, rotations=number + 1)
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.not_green(server) == []


def test_with_two_selectors(new_site: Site) -> None:
    server = new_site.add_server("example.test", outbound="relay", dkim_keep_days=0)
    killed_again_and_again(new_site, server, Strategy.DUAL)


def test_with_one_selector(new_site: Site) -> None:
    server = new_site.add_server("example.test", dkim_keep_days=0, dkim_ttl_slack=2)
    new_site.operator.zones["example.test"]["ttl"] = 5
    killed_again_and_again(new_site, server, Strategy.FIXED)
