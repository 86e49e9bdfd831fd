"""A random walk's steps: drawn, written down, read again; what its walker makes of a message."""

from __future__ import annotations

import pytest

from ground.words import catalogue, placeholders
from tests.lab.walk import Step, drawn, read
from tests.lab_tests import advice
from tests.lab_tests.walker import Walker

BOTH = ("relay", "direct")


def test_the_same_seed_has_the_same_steps_and_the_last_one_mends() -> None:
    steps = drawn(7, 100, BOTH)
    assert steps == drawn(7, 100, BOTH) != drawn(8, 100, BOTH)
    assert len(steps) == 100 and steps[-1].name == "mend"


def test_steps_that_are_written_down_are_the_same_when_they_are_read() -> None:
    steps = drawn(7, 100, BOTH)
    assert read("# a walk\n\n" + "\n".join(map(str, steps))) == steps


def test_a_walker_knows_every_step() -> None:
    names = {each.name for each in drawn(7, 1000, BOTH)}
    assert len(names) > 15
    assert [each for each in names if not hasattr(Walker, each.replace("-", "_"))] == []


def test_a_server_that_stays_with_its_mode_is_given_no_other() -> None:
    assert not [each for each in drawn(7, 1000, ("relay",)) if each.name == "outbound"]
    assert Step("outbound", ("direct",)) in drawn(7, 1000, BOTH)


@pytest.mark.parametrize("message", advice.ADVICE)
def test_what_a_message_asks_for_is_known_by_its_id(message: str) -> None:
    text = catalogue("en")[message]
    values = {name: f"/a/{name}" for name in placeholders(text)}
    said = f"vps10: {text.format(**values)}\nNothing was changed."
    told = advice.of(said.replace(" is ", "\n is "), going_on=False)
    assert told and (told.id, told.what) == (message, advice.ADVICE[message])
    assert told.paths == (("/a/path",) if "path" in values else ())
