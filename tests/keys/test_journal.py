"""The journal of rotations: what was saved is what is loaded, and a history says how each went."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ground.words import Words
from keys.journal import Journal, JournalError, audit
from keys.rotation import (
    KeyRef,
    Rotation,
    Rules,
    Step,
    Strategy,
    after,
    back,
    begin,
    failed,
    instead,
)

NOW = datetime(2026, 11, 27, tzinfo=UTC)
RULES = Rules(ttl=3600, low_ttl=60, slack=30, keep=86400)
OLD, NEW = KeyRef("pm202611a", "pm202611a", "aa"), KeyRef("pm202612a", "pm202612a", "bb")


def started(
    strategy: Strategy = Strategy.DUAL, domain: str = "example.test", emergency: bool = False
) -> Rotation:
    return begin(
        domain,
        strategy,
        OLD,
        NEW,
        RULES,
        1000.0,
        emergency=emergency,
        server="mx1",
        zone="example.test",
    )


def ended(rotation: Rotation, seconds: float = 10.0) -> Rotation:
    """A rotation whose steps took so many seconds each."""
    while not rotation.ended:
        rotation = after(rotation, rotation.entered + seconds)
    return rotation


def lines(journal: Journal) -> list[str]:
    return (journal.root / "rotation" / "history.jsonl").read_text("utf-8").splitlines()


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.load("example.test") is None
    there = after(after(started(emergency=True), 1010.0), 1020.5)
    third = KeyRef("pm202612b", "pm202612b")
    for each in (
        started(),
        there,
        failed(there, Words("rotation.not_everywhere", (("servers", "ns1, ns2"), ("domain", "ü")))),
        instead(there, started(emergency=True)),
        replace(there, superseded=(OLD, third), going_back=True, touched=True),
        back(there, 1030.0) if not there.emergency else there,
    ):
        journal.save(each)
        assert journal.load("example.test") == each
    assert (tmp_path / "rotation" / "example.test.json").stat().st_mode & 0o777 == 0o600


def test_the_journal_of_an_earlier_version_names_neither_server_nor_zone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path, record = saved(journal)
    assert (record.pop("server"), record.pop("zone")) == ("mx1", "example.test")
    path.write_text(json.dumps(record))
    assert journal.load("example.test") == replace(started(), server="", zone="")


def test_all_rotations_that_go_on_are_found_in_the_order_of_their_names(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert journal.going_on() == ()
    for domain in ("b.test", "a.test", "c.test"):
        journal.save(started(domain=domain))
    journal.save(ended(started(domain="c.test")))
    assert [each.domain for each in journal.going_on()] == ["a.test", "b.test"]


def saved(journal: Journal) -> tuple[Path, dict[str, object]]:
    """A rotation's file and what stands in it."""
    journal.save(started())
    path = journal.root / "rotation" / "example.test.json"
    return path, json.loads(path.read_text())


def test_a_damaged_journal_is_told_with_its_path_and_never_taken_for_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path, record = saved(journal)
    assert record["version"] == 1
    damages = (
        "",
        "[]",
        '{"version": 1}',
        json.dumps({**record, "version": 2}),
        json.dumps({**record, "step": "dance"}),
        json.dumps({**record, "rules": None}),
        json.dumps({**record, "more": "than is known"}),
        json.dumps({name: value for name, value in record.items() if name != "version"}),
    )
    for damage in damages:
        path.write_text(damage)
        with pytest.raises(JournalError) as error:
            journal.load("example.test")
        assert error.value.words.id == "rotation.journal_damaged"
        assert error.value.words.named["path"] == str(path)
        with pytest.raises(JournalError):
            journal.going_on()


def test_a_journal_from_before_keys_were_superseded_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path, record = saved(journal)
    path.write_text(json.dumps({each: record[each] for each in record if each != "superseded"}))
    assert journal.load("example.test") == started()


def test_a_rotation_that_ended_is_history_and_goes_on_no_more(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.save(started())
    over = ended(started())
    journal.save(over)
    assert journal.load("example.test") is None and journal.history() == (audit(over),)
    again = replace(over, started=2000.0)
    other = replace(over, domain="other.test")
    for each in (again, other, over):
        journal.save(each)
    assert journal.history() == (audit(over), audit(again), audit(other))
    assert all(json.loads(line) for line in lines(journal)) and len(lines(journal)) == 3


def test_a_history_is_lines_whose_fields_stand_in_order_and_in_plain_text(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.save(ended(started(domain="bücher.test")))
    (line,) = lines(journal)
    assert "bücher.test" in line and list(json.loads(line)) == sorted(json.loads(line))


def test_a_rotation_that_another_takes_the_place_of_ends_as_that_one_begins(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    there = after(started(), 1010.0)
    journal.save(there)
    coming = replace(instead(there, started(emergency=True)), started=1500.0)
    journal.supersede(there, coming)
    assert journal.load("example.test") == coming
    (kept,) = journal.history()
    assert (kept["started"], kept["ended"], kept["emergency"]) == (1000.0, 1500.0, False)


def test_one_run_at_a_time_rotates_a_domains_key(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    with journal.locked("example.test"):
        with pytest.raises(JournalError) as error, journal.locked("example.test"):
            pytest.fail("two runs at once")
        assert error.value.words.id == "rotation.busy"
        assert error.value.words.named == {"domain": "example.test"}
        with journal.locked("other.test"):
            journal.save(started())
    with journal.locked("example.test"):
        assert journal.load("example.test") == started(), "the lock is not the journal itself"
    assert journal.going_on() == (started(),)


def test_what_remains_of_a_rotation_says_how_long_nothing_was_sent() -> None:
    fixed = audit(ended(started(Strategy.FIXED)))
    steps = ("pause", "publish", "prove", "drain", "switch", "resume")
    assert fixed["outage"] == 10.0 * (len(steps) - 1) and fixed["spread"] == 10.0
    assert fixed == {
        "version": 1,
        "domain": "example.test",
        "strategy": "fixed-selector",
        "emergency": False,
        "aborted": False,
        "started": 1000.0,
        "ended": 1130.0,
        "steps": dict(fixed["steps"]),
        "old": {"name": "pm202611a", "selector": "pm202611a", "fingerprint": "aa"},
        "new": {"name": "pm202612a", "selector": "pm202612a", "fingerprint": "bb"},
        "superseded": [],
        "outage": 50.0,
        "spread": 10.0,
    }
    assert fixed["steps"]["make"] == 1010.0 and fixed["steps"]["erase"] == 1130.0
    assert [each for each in fixed["steps"] if each in steps] == list(steps)


def test_where_nothing_was_paused_or_published_there_is_no_outage_and_no_spread() -> None:
    assert audit(ended(started()))["outage"] == 0.0
    just_begun = audit(after(started(Strategy.FIXED), 1010.0))
    assert (just_begun["outage"], just_begun["spread"]) == (0.0, None)
    paused = started(Strategy.FIXED)
    while paused.step is not Step.PROVE:
        paused = after(paused, paused.entered + 10)
    assert (audit(paused)["outage"], audit(paused)["spread"]) == (0.0, None)
    taken = audit(instead(just(Step.KEEP), started(emergency=True)))
    assert taken["emergency"] and taken["superseded"] == [
        {"name": "pm202611a", "selector": "pm202611a", "fingerprint": "aa"}
    ]
    assert audit(back(just(Step.INSTALL), 1100.0))["aborted"]


def just(step: Step) -> Rotation:
    """A rotation of two selectors that came to a step."""
    rotation = started()
    while rotation.step is not step:
        rotation = after(rotation, rotation.entered + 10)
    return rotation


def history(tmp_path: Path) -> tuple[Journal, Path, list[bytes]]:
    """A history of three rotations: its journal, its file, its lines."""
    journal = Journal(tmp_path)
    for domain in ("a.test", "b.test", "c.test"):
        journal.save(ended(started(domain=domain)))
    path = tmp_path / "rotation" / "history.jsonl"
    return journal, path, path.read_bytes().splitlines(keepends=True)


DAMAGES = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"{}",
    b'{"version": 1, "domain": "b.test"}',
    b'{"version": 1, "domain": "b.test", "started": 1e40, "ended": 1, "outage": 0, '
    b'"old": {"name": "a", "selector": "a"}, "new": {"name": "b", "selector": "b"}, '
    b'"emergency": false, "aborted": false}',
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_of_the_history_hides_no_other(tmp_path: Path, damage: bytes) -> None:
    journal, path, lines = history(tmp_path)
    damaged = b"".join((lines[0], damage + b"\n", lines[2]))
    path.write_bytes(damaged)
    assert [each["domain"] for each in journal.history()] == ["a.test", "c.test"]
    aside = journal.mend_history(NOW)
    assert aside is not None and aside.read_bytes() == damaged
    assert path.read_bytes() == lines[0] + lines[2]
    assert journal.mend_history(NOW) is None


def test_a_history_that_was_cut_anywhere_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    journal, path, lines = history(tmp_path)
    whole = b"".join(lines)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found = whole[: length + 1].count(b"\n")  # a line is whole without what ends it
        assert len(journal.history()) == found, length


def test_what_ends_after_the_history_was_damaged_is_remembered_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    journal, path, lines = history(tmp_path)
    damaged = lines[0] + lines[1][:40]
    path.write_bytes(damaged)
    journal.save(ended(started(domain="d.test")))
    assert [each["domain"] for each in journal.history()] == ["a.test", "d.test"]
    (aside,) = path.parent.glob("history.jsonl.damaged-*")
    assert aside.read_bytes() == damaged


def test_a_journal_that_was_cut_anywhere_is_told_and_nothing_else_happens(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    path, _ = saved(journal)
    whole = path.read_bytes().rstrip()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(JournalError, match="is damaged"):
            journal.load("example.test")


def test_a_key_that_an_emergency_was_about_has_leaked_for_good(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.save(started())
    assert journal.leaked({"example.test"}) == set()
    journal.save(started(emergency=True))
    assert journal.leaked({"example.test"}) == {"aa"}
    assert journal.leaked({"other.test"}) == set()
    journal.save(back(started(emergency=True), 1000.0))
    assert journal.leaked({"example.test"}) == {"aa"}
    journal.save(ended(started(emergency=True)))
    assert journal.going_on() == ()
    assert journal.leaked({"example.test"}) == {"aa"}


def test_a_key_has_leaked_though_its_emergency_was_turned_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.save(ended(back(started(emergency=True), 1000.0)))
    assert journal.leaked({"example.test"}) == {"aa"}
