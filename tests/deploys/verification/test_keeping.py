"""Reports are kept: each in a file of its own, the last of each server in one, also at one time."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploys.run.outcome import Recorder
from deploys.run.paths import Busy, locked
from deploys.verification import steps
from ground import private_files
from postmaster.report.model import Report

NOW = datetime(2026, 11, 27, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What is recorded of reports that are kept below `tmp_path`."""
    recorder = Recorder()
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    monkeypatch.setattr(steps, "recorder", lambda: recorder)
    return recorder


def test_reports_of_one_second_are_each_in_a_file_of_their_own(
    tmp_path: Path, kept: Recorder
) -> None:
    for server in ("a/b", "a_b", "a_b"):
        steps._keep(Report(server, NOW, ()), 100)
    paths = [Path(each.path) for each in kept.seen.reports]
    assert len(set(paths)) == 3 and {path.parent for path in paths} == {tmp_path / "reports"}
    assert [json.loads(path.read_text())["server"] for path in paths] == ["a/b", "a_b", "a_b"]
    latest = json.loads((tmp_path / "reports" / "latest.json").read_text())
    assert [each["server"] for each in latest["reports"]] == ["a/b", "a_b"]


def test_a_report_waits_for_one_that_is_being_kept(
    tmp_path: Path, kept: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = locked("reports")
    other.__enter__()
    monkeypatch.setattr(private_files.time, "sleep", lambda _: other.__exit__(None, None, None))
    steps._keep(Report("a", NOW, ()), 100)
    (made,) = kept.seen.reports
    assert json.loads(Path(made.path).read_text())["server"] == "a"


def test_a_lock_that_nobody_gives_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = iter(range(0, 10_000, 10))
    monkeypatch.setattr(private_files.time, "monotonic", lambda: next(passed))
    monkeypatch.setattr(private_files.time, "sleep", lambda _: None)
    with locked("reports"), pytest.raises(Busy, match=r"reports\.lock"):
        steps._keep(Report("a", NOW, ()), 100)


def test_of_a_server_s_reports_the_newest_stay_and_no_other_s_goes(tmp_path: Path) -> None:
    for second in range(4):
        for server in ("a", "a-2"):
            steps._keep(Report(server, NOW + timedelta(seconds=second), ()), 100)
    for _ in range(2):
        steps._keep(Report("a", NOW + timedelta(seconds=9), ()), 2)
    files = (tmp_path / "reports").glob("2*.json")
    kept_of = Counter(json.loads(path.read_text())["server"] for path in files)
    assert kept_of == {"a": 2, "a-2": 4}
