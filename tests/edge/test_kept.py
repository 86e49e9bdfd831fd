"""Messages that are kept aside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge.kept import Bounds, Kept, NotKept, Store, surplus

TO = ("bob@example.test", "carol@example.test")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_kept_is_listed_released_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "kept", clock=Clock())
    made = store.keep("a@b.test", TO, b"Subject: x\r\n\r\n\xff\r\n", "forged")
    assert store.all() == (made,)
    assert (made.sender, made.recipients, made.when) == ("a@b.test", TO, Clock.now)
    assert (made.why, made.size) == ("forged", 17)
    assert store.release(made.id) == (made, b"Subject: x\r\n\r\n\xff\r\n")
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["id"], told["why"]) == ("kept", made.id, "forged")
    store.remove(made.id)
    assert store.all() == ()
    assert list((tmp_path / "kept").iterdir()) == []


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    made = Store(tmp_path / "kept").keep("", TO, b"x", "forged")
    folder = tmp_path / "kept"
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {f"{made.id}.eml": 0o600, f"{made.id}.json": 0o600}


@pytest.mark.parametrize("bad", ["../secret", "", "1800000000000-0000000g", "x/y", "."])
def test_an_id_that_is_none_reaches_no_file(tmp_path: Path, bad: str) -> None:
    store = Store(tmp_path)
    with pytest.raises(NotKept):
        store.release(bad)
    with pytest.raises(NotKept):
        store.remove(bad)


def test_a_message_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(NotKept, match="1800000000000-00000000"):
        Store(tmp_path).release("1800000000000-00000000")


def test_the_oldest_go_first_and_the_newest_stays(tmp_path: Path) -> None:
    clock = Clock()
    store = Store(tmp_path, Bounds(messages=2), clock)
    made = []
    for number in range(4):
        clock.now = Clock.now + number
        made.append(store.keep("", TO, b"x", str(number)))
    assert store.all() == tuple(made[2:])
    assert len(list(tmp_path.glob("*.eml"))) == 2


def test_one_message_that_is_larger_than_all_room_is_kept_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path, Bounds(size=10))
    store.keep("", TO, b"x", "old")
    made = store.keep("", TO, b"x" * 100, "large")
    assert store.all() == (made,)


def _kept(number: int, when: float, size: int) -> Kept:
    return Kept(f"{number:013d}-00000000", "", TO, when, "forged", size)


def test_surplus_counts_messages_days_and_bytes() -> None:
    day = 86400.0
    three = tuple(_kept(number, number * day, 10) for number in range(3))
    ids = [each.id for each in three]
    assert surplus(three, Bounds(3, 3, 30), 2 * day) == ()
    assert surplus(three, Bounds(2, 3, 30), 2 * day) == (ids[0],)
    assert surplus(three, Bounds(3, 1, 30), 2 * day) == (ids[0],)
    assert set(surplus(three, Bounds(3, 3, 19), 2 * day)) == set(ids[:2])


def test_a_content_without_its_record_is_not_a_message_and_goes_when_it_is_old(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    orphan = tmp_path / "1700000000000-00000000.eml"
    half = tmp_path / ".1700000000000-00000000.eml.tmp"
    for path in (orphan, half):
        path.write_bytes(b"x")
    fresh = tmp_path / "1700000000001-00000000.eml"
    fresh.write_bytes(b"x")
    assert store.all() == ()
    os.utime(orphan, (1, 1))
    os.utime(half, (1, 1))
    made = store.keep("", TO, b"x", "forged")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {fresh.name, f"{made.id}.eml", f"{made.id}.json"}


def test_a_record_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "1700000000000-00000000.json").write_text("{")
    made = store.keep("", TO, b"x", "forged")
    assert store.all() == (made,)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    store = Store(tmp_path / "kept")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.keep("", TO, b"x", "forged")
    assert list((tmp_path / "kept").iterdir()) == []
