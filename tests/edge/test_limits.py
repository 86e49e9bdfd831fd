"""A purse holds messages and recipients of an hour and a day, and outlasts a restart."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge.config import Limits
from edge.limits import Purses

_HOUR = 3600.0
_FEW = Limits(messages_hour=2, messages_day=3, recipients_hour=5, recipients_day=7)


class _Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


def _purses(folder: Path, clock: _Clock, limits: Limits = _FEW, forwards: int = 2) -> Purses:
    return Purses(str(folder), limits, forwards, clock)


def _events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_messages_of_an_hour_are_counted_whatever_the_case(tmp_path: Path, clock: _Clock) -> None:
    purses = _purses(tmp_path, clock)
    assert [purses.spend(name, 1) for name in ("bob", "BOB")] == ["", ""]
    assert purses.spend("Bob", 1) == "2 messages an hour"
    assert purses.spend("carol", 1) == ""


def test_the_hour_slides(tmp_path: Path, clock: _Clock) -> None:
    purses = _purses(tmp_path, clock)
    purses.spend("bob", 1)
    clock.now += _HOUR / 2
    purses.spend("bob", 1)
    clock.now += _HOUR / 2
    assert purses.spend("bob", 1) == ""
    assert purses.spend("bob", 1) == "2 messages an hour"


def test_messages_of_a_day_are_counted(tmp_path: Path, clock: _Clock) -> None:
    purses = _purses(tmp_path, clock)
    for _ in range(3):
        assert purses.spend("bob", 1) == ""
        clock.now += 2 * _HOUR
    assert purses.spend("bob", 1) == "3 messages a day"
    clock.now += 18 * _HOUR
    assert purses.spend("bob", 1) == ""


def test_recipients_are_counted_and_what_is_refused_is_not_spent(
    tmp_path: Path, clock: _Clock
) -> None:
    purses = _purses(tmp_path, clock)
    assert purses.spend("bob", 6) == "5 recipients an hour"
    assert purses.spend("bob", 5) == ""
    clock.now += _HOUR
    assert purses.spend("bob", 3) == "7 recipients a day"
    assert purses.spend("bob", 2) == ""


def test_a_restart_forgets_nothing(tmp_path: Path, clock: _Clock) -> None:
    for _ in range(2):
        assert _purses(tmp_path, clock).spend("bob", 1) == ""
    assert _purses(tmp_path, clock).spend("bob", 1) == "2 messages an hour"


def test_a_clock_that_was_ahead_locks_nobody_out(tmp_path: Path, clock: _Clock) -> None:
    purses = _purses(tmp_path, clock)
    clock.now += 1000 * 24 * _HOUR
    purses.spend("bob", 5)
    clock.now -= 1000 * 24 * _HOUR
    assert purses.spend("bob", 5) == ""


def test_the_event_tells_once_an_hour_also_after_a_restart(
    tmp_path: Path, clock: _Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    _purses(tmp_path, clock).spend("bob", 9)
    _purses(tmp_path, clock).spend("Bob", 9)
    assert _events(capsys) == [
        {"event": "mailbox_limited", "mailbox": "bob", "limit": "5 recipients an hour"}
    ]
    clock.now += _HOUR
    _purses(tmp_path, clock).spend("bob", 9)
    assert len(_events(capsys)) == 1


def test_forwards_have_a_purse_of_their_own(
    tmp_path: Path, clock: _Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    purses = _purses(tmp_path, clock)
    assert [purses.forward("bob") for _ in range(4)] == [True, True, False, False]
    assert [each["event"] for each in _events(capsys)] == ["forward_braked"]
    assert purses.spend("bob", 1) == ""
    assert purses.forward("carol")
    clock.now += _HOUR
    assert purses.forward("bob")


def test_two_threads_do_not_spend_the_same_coin(tmp_path: Path, clock: _Clock) -> None:
    many = Limits(messages_hour=20, messages_day=99, recipients_hour=99, recipients_day=99)
    purses = _purses(tmp_path, clock, many)
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(purses.spend("bob", 1) for _ in range(10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("") == 20
    assert len(answers) == 40
