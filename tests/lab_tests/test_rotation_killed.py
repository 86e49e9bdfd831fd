"""A rotation that is killed at every step, and started again each time, comes to its end."""

from __future__ import annotations

import signal
from itertools import pairwise

import pytest

from keys.rotation import Step, Strategy, steps_of
from tests.lab_tests.rotation import (
    DISTURBED,
    TIMES,
    Watched,
    assert_one_key,
    assert_safe,
    going_on,
    rotate,
)
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab

_INTO = ("0.2", "60", "0.05")  # seconds that a step may take before it is killed, in turn


def killed(site: Site, server: Server, moment: str) -> None:
    """Kill a run with all it has started at a moment (see `tests.lab.rotate_disturbed`)."""
    run = Watched(site, DISTURBED, PMAIL_MOMENT=moment)
    assert run.ended() == -signal.SIGKILL, run.printed
    assert "Traceback" not in run.printed, run.printed
    assert_safe(site, server, f"{moment}:\n{run.printed}")


def is_at(site: Site, step: Step) -> bool:
    """Whether a step is the next one."""
    there = going_on(site)
    return (there["step"] if there else Step.DONE) == step


def killed_at_every_step(site: Site, server: Server, strategy: Strategy, into: str) -> None:
    """Kill a rotation within each of its steps, and right after each; CI takes turns."""
    for number, (step, following) in enumerate(pairwise((*steps_of(strategy), Step.DONE))):
        if TIMES > 1 or number % 2 == 0:
            killed(site, server, f"within {step} {into}")
            assert is_at(site, step)
        if TIMES > 1 or number % 2 or following is Step.DONE:
            killed(site, server, f"after {step}")
            assert is_at(site, following)


def killed_again_and_again(site: Site, server: Server, strategy: Strategy) -> None:
    """As often as is asked for, from the first step to the last; each time it comes to its end."""
    assert site.operator.run().status == 0
    for number in range(TIMES):
        killed_at_every_step(site, server, strategy, _INTO[number % len(_INTO)])
        assert_one_key(site, server, rotations=number + 1)
    # The last one was killed before the host's memory knew of its end.
    assert site.operator.run().status == 0
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.not_green(server) == []
    done = rotate(site, "rotate_action=status")
    assert done.status == 0 and "next:" not in done.output, done.output


@pytest.mark.more
def test_with_two_selectors(new_site: Site) -> None:
    server = new_site.add_running("relay", dkim_keep_days=0)
    killed_again_and_again(new_site, server, Strategy.DUAL)


@pytest.mark.long
def test_with_one_selector(new_site: Site) -> None:
    server = new_site.add_running("direct", ttl=6, dkim_keep_days=0, dkim_ttl_slack=2)
    killed_again_and_again(new_site, server, Strategy.FIXED)
