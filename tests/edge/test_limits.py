"""A purse holds messages and recipients of an hour and a day, and outlasts a restart."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from edge import limits
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


def test_one_message_to_further_recipients_is_one_message(tmp_path: Path, clock: _Clock) -> None:
    limits = Limits(messages_hour=2, messages_day=9, recipients_hour=4, recipients_day=9)
    purses = _purses(tmp_path, clock, limits)
    assert [purses.spend("bob", 1, "<a@x>") for _ in range(3)] == ["", "", ""]
    assert purses.spend("bob", 1, "<b@x>") == ""
    assert purses.spend("bob", 1, "<a@x>") == "4 recipients an hour"
    clock.now += _HOUR
    assert [purses.spend("bob", 1), purses.spend("bob", 1)] == ["", ""]
    assert purses.spend("bob", 1, "<c@x>") == "2 messages an hour"


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


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database " * 1000)


def _torn(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:1024] + b"\xff" * (len(whole) - 1024))


def _foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE spent (x); CREATE TABLE told (time)")
    connection.close()


@pytest.mark.parametrize("damage", [_garbage, _torn, _foreign])
@pytest.mark.parametrize("running", [True, False])
def test_a_damaged_file_is_moved_aside_and_counting_begins_anew(
    tmp_path: Path,
    clock: _Clock,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
    running: bool,
) -> None:
    path, broken = tmp_path / "limits.db", tmp_path / "limits.db.broken"
    broken.write_bytes(b"an older one")
    (tmp_path / "limits.db.broken-wal").write_bytes(b"an older one's")
    purses = _purses(tmp_path, clock)
    purses.spend("bob", 1)
    damage(path)
    (tmp_path / "limits.db-shm").write_bytes(b"x")
    damaged = path.read_bytes()
    if not running:
        purses = _purses(tmp_path, clock)
    assert [purses.spend("bob", 1) for _ in range(2)] == ["", ""]
    assert _purses(tmp_path, clock).spend("bob", 1) == "2 messages an hour"
    assert broken.read_bytes()[-512:] == damaged[-512:]
    assert not (tmp_path / "limits.db.broken-wal").exists()
    lost = [each for each in _events(capsys) if each["event"] == "limits_lost"]
    assert [each["file"] for each in lost] == [str(path)]


def test_a_folder_that_is_missing_is_made_for_us_alone(tmp_path: Path, clock: _Clock) -> None:
    folder = tmp_path / "state"
    purses = _purses(folder, clock)
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in (*folder.iterdir(), folder):
        path.rmdir() if path.is_dir() else path.unlink()
    assert purses.forward("bob")
    assert (folder / "limits.db").exists()


def test_where_no_file_can_be_made_it_is_counted_in_memory(
    tmp_path: Path, clock: _Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("not a folder")
    purses = _purses(tmp_path / "state", clock)
    answers: list[str] = []
    thread = threading.Thread(
        target=lambda: answers.extend(purses.spend("bob", 1) for _ in range(3))
    )
    thread.start()
    thread.join()
    assert answers == ["", "", "2 messages an hour"]
    assert [each["event"] for each in _events(capsys)] == ["limits_lost", "mailbox_limited"]


def test_a_file_that_somebody_else_holds_is_left_as_it_is(
    tmp_path: Path, clock: _Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "_TIMEOUT", 0.01)
    _purses(tmp_path, clock).spend("bob", 1)
    holder = sqlite3.connect(tmp_path / "limits.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    purses = _purses(tmp_path, clock)
    with pytest.raises(sqlite3.OperationalError):
        purses.spend("bob", 1)
    holder.close()
    assert [purses.spend("bob", 1) for _ in range(2)] == ["", "2 messages an hour"]
