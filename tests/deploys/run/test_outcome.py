"""The verdict of a run: from what was seen of it, and what is read from its file."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deploys.run.outcome import (
    Ended,
    HostEnded,
    HowEnded,
    Left,
    Recorder,
    ReportMade,
    Seen,
    Verdict,
    exit_status,
    how_ended,
    read,
    verdict,
)

VERBS, HOSTS = {"verify"}, frozenset({"a", "b"})
EVERYTHING = {("verify", "a"), ("verify", "b")}
DONE = Seen(VERBS, hosts=HOSTS, loaded=EVERYTHING, executing=True, ended=EVERYTHING)
GREEN, RED, MUTE = (ReportMade("a", "/report", status) for status in (0, 1, 3))


@pytest.mark.parametrize(
    ("seen", "ended"),
    [
        (DONE, Verdict.DONE),
        (replace(DONE, reports=[GREEN]), Verdict.DONE),
        (replace(DONE, reports=[GREEN, MUTE]), Verdict.UNKNOWN),
        (replace(DONE, reports=[RED, MUTE], failed={"a"}), Verdict.FAILED),
        (replace(DONE, left=[Left("a", "a record in the way")]), Verdict.FAILED),
        (replace(DONE, waiting=[Left("a", "until tomorrow")]), Verdict.DONE),
        (replace(DONE, failed={"b"}), Verdict.FAILED),
        (replace(DONE, ended={("verify", "a")}), Verdict.FAILED),
        (replace(DONE, ended=set(), executing=False), Verdict.BAD_INPUT),
        (replace(DONE, ended=set(), executing=False, dry=True), Verdict.DONE),
        (replace(DONE, ended=set(), loaded=set(), executing=False, dry=True), Verdict.FAILED),
        (replace(DONE, ended=set(), executing=False, errors=["?"]), Verdict.FAILED),
        (replace(DONE, ended=set(), executing=False, failed={"a"}), Verdict.FAILED),
        (Seen(VERBS, hosts=frozenset(), executing=True), Verdict.FAILED),
        (Seen(VERBS, hosts=HOSTS, bad_input=["?"]), Verdict.BAD_INPUT),
        (Seen(VERBS), Verdict.BAD_INPUT),
        (Seen(VERBS, errors=["?"]), Verdict.FAILED),
        (Seen(hosts=HOSTS, executing=True), Verdict.FAILED),
    ],
)
def test_a_run_is_done_only_when_every_host_came_to_the_end_of_every_verb(
    seen: Seen, ended: Verdict
) -> None:
    assert verdict(seen) is ended


def test_each_verdict_has_its_exit_status_and_none_is_a_failure() -> None:
    assert [exit_status(each) for each in Verdict] == [0, 1, 2, 3]
    assert exit_status(None) == 1


def test_each_host_has_an_ending_of_its_own_with_the_first_reason() -> None:
    names = ("a", "away", "cut", "left", "other", "red", "third")
    seen = Seen(
        VERBS,
        hosts=frozenset(names),
        executing=True,
        ended={("verify", "a")},
        unreached={"away": "no route"},
        failed={"away", "red", "other", "third", "left"},
        failed_in={"red": "Install", "other": "Meet", "third": "Packages", "left": "End"},
        stopped_for={"other": ("red",)},
        left=[Left("left", "a record in the way"), Left("left", "another")],
        changes={"a": 3, "red": 1},
    )
    ended = {each.host: each for each in how_ended(seen, {"red": "disk full"}.get)}
    assert tuple(ended) == names
    assert ended["a"] == HostEnded("a", HowEnded.DONE, 3)
    assert ended["away"] == HostEnded("away", HowEnded.UNREACHED, 0, "no route")
    assert ended["cut"] == HostEnded("cut", HowEnded.CUT, 0)
    assert ended["left"] == HostEnded("left", HowEnded.LEFT, 0, "a record in the way")
    assert ended["other"] == HostEnded("other", HowEnded.STOPPED, 0, "red")
    assert ended["red"] == HostEnded("red", HowEnded.FAILED, 1, "disk full")
    assert ended["third"].about == "Packages"


def test_who_stops_for_others_names_those_that_did_not_stop_so_themselves() -> None:
    recorder = Recorder()
    assert recorder.stops_for("zone", ("server",)) == ("server",)
    assert recorder.stops_for("second", ("server", "zone")) == ("server",)
    assert recorder.stops_for("third", ("zone",)) == ("zone",)


def run(path: Path) -> Recorder:
    """A run of which all is written but the verdict."""
    recorder = Recorder()
    recorder.open(path)
    recorder.began(("verify",), dry=False)
    recorder.inventory_read(HOSTS)
    for host in sorted(HOSTS):
        recorder.loaded("verify", host)
    recorder.operation("Report")
    recorder.changed("a", "Report")
    recorder.barrier("keys_ready")
    recorder.barrier("keys_ready")
    recorder.report(ReportMade("a", "/state/报告.json", 3))
    for host in sorted(HOSTS):
        recorder.step(host, "Report", passed=True)
        recorder.ended("verify", host)
    return recorder


def events(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_events_are_there_while_the_run_goes_on_and_the_verdict_comes_last(tmp_path: Path) -> None:
    path = tmp_path / "outcome"
    recorder = run(path)
    before = [each["event"] for each in events(path)]
    assert before == [
        *("began", "inventory", "operation", "changed", "barrier", "report", "step", "step")
    ]
    assert read(path) is None
    recorder.close()
    *_, last = events(path)
    assert (last["event"], last["verdict"], last["version"]) == ("verdict", "unknown", 1)
    assert last["changes"] == {"count": 1, "hosts": {"a": 1}}
    ended = read(path)
    assert ended and ended.verdict is Verdict.UNKNOWN
    assert ended.reports == (ReportMade("a", "/state/报告.json", 3),)


def test_an_outcome_is_for_its_owner_only_and_says_nothing_of_an_earlier_run(
    tmp_path: Path,
) -> None:
    path = tmp_path / "outcome"
    path.write_text('{"version": 1, "event": "verdict", "verdict": "done", "reports": []}\n')
    path.chmod(0o644)
    assert read(path)
    run(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path) is None


def test_what_is_no_regular_file_is_not_written(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # else it could not be opened at all
    for path in (link, pipe, tmp_path, tmp_path / "none" / "outcome"):
        with pytest.raises(OSError):
            Recorder().open(path)
    os.close(reader)
    assert not (tmp_path / "elsewhere").exists()
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644


def test_a_text_with_any_sign_in_it_stays_one_line(tmp_path: Path) -> None:
    path = tmp_path / "outcome"
    recorder = Recorder()
    recorder.open(path)
    recorder.bad_input(("a\u2028b\x85c\udcff",))
    recorder.close()
    assert read(path) == Ended(Verdict.BAD_INPUT, ())


@pytest.mark.parametrize(
    "text",
    ["", "\n", "no json", '{"version": 2, "event": "verdict", "verdict": "done", "reports": []}'],
)
def test_a_file_without_a_verdict_says_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "outcome"
    path.write_text(text)
    assert read(path) is None and read(tmp_path / "none") is None


def test_nothing_is_written_where_nobody_wants_it(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    recorder = Recorder()
    recorder.began(("verify",), dry=False)
    recorder.close()
    assert list(tmp_path.iterdir()) == []
