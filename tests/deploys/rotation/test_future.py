"""A rotation whose step begins in the future, by a wrong clock, waits once more and goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploys.rotation import operations
from deploys.rotation.run import CLOCK_WITHIN, Clock, Run
from keys.journal import Journal
from keys.rotation import Step, left
from tests.keys.test_journal import started

NOW = 10_000.0


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told, while a run is carried out with a state folder of its own."""
    lines: list[str] = []
    here = SimpleNamespace(log_styled=lambda line, **_: lines.append(line))
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    monkeypatch.setattr(operations, "host", here)
    monkeypatch.setattr(operations, "state", SimpleNamespace(is_executing=True))
    return lines


def run(*, agree: bool = True) -> Run:
    made = Run(clock=Clock(now=lambda: NOW, passed=lambda: NOW))
    made.compared(agree=agree)
    return made


def test_a_step_from_the_future_begins_now_and_that_is_kept_and_told(
    said: list[str], tmp_path: Path
) -> None:
    keeping = replace(started(), step=Step.KEEP, entered=NOW * 1000)
    Journal(tmp_path).save(keeping)
    mended = operations._in_time(keeping, run())
    assert mended == replace(keeping, entered=NOW)
    assert Journal(tmp_path).load("example.test") == mended
    assert left(mended, NOW) == keeping.rules.keep
    assert left(mended, NOW + keeping.rules.keep) == 0
    assert "example.test" in said[0]


@pytest.mark.parametrize("entered", [NOW - 5, NOW, NOW + CLOCK_WITHIN])
def test_a_step_of_a_clock_that_was_right_is_left_alone(said: list[str], entered: float) -> None:
    there = replace(started(), entered=entered)
    assert operations._in_time(there, run()) is there
    assert said == []


def test_where_our_own_clock_may_be_the_wrong_one_nothing_is_mended(said: list[str]) -> None:
    there = replace(started(), entered=NOW * 1000)
    assert operations._in_time(there, run(agree=False)) is there
    assert said == []
