"""Reports are kept: each in a file of its own, the last of each server in one, also at one time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploys.run.paths import Busy, locked
from deploys.verification import reports
from ground import private_files
from postmaster.checks.results import Status
from postmaster.checks.selection import Selection
from postmaster.report.json import to_record, with_past
from postmaster.report.model import Report
from tests.postmaster.test_report import faulty

NOW = datetime(2026, 11, 27, 3, 4, 5, tzinfo=UTC)
damaged: list[tuple[Path, Path]] = []


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where reports are kept."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    damaged.clear()
    monkeypatch.setattr(reports, "_to_show", set())
    monkeypatch.setattr(reports.atexit, "register", lambda _: None)
    return tmp_path / "reports"


def keep(report: Report, most: int = 100) -> reports.Made:
    return reports.keep(report, most, lambda path, aside: damaged.append((path, aside)))


def later(seconds: int, report: Report | None = None) -> Report:
    return replace(report or faulty(), made=NOW + timedelta(seconds=seconds))


def last_made(folder: Path) -> datetime | None:
    found = reports.last_whole(folder, "vps")
    return found and found.made


def last(folder: Path) -> list[str]:
    latest = json.loads((folder / "latest.json").read_text())
    return [each["server"] for each in latest["reports"]]


def test_reports_of_one_second_are_each_in_a_file_of_their_own(folder: Path) -> None:
    paths = [keep(Report(server, NOW, ())).path for server in ("a/b", "a_b", "a_b")]
    assert len(set(paths)) == 3 and {path.parent for path in paths} == {folder}
    assert [json.loads(path.read_text())["server"] for path in paths] == ["a/b", "a_b", "a_b"]
    assert last(folder) == ["a/b", "a_b"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_report_waits_for_one_that_is_being_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    other = locked("reports")
    other.__enter__()
    monkeypatch.setattr(private_files.time, "sleep", lambda _: other.__exit__(None, None, None))
    made = keep(Report("a", NOW, ()))
    assert json.loads(made.path.read_text())["server"] == "a"


def test_a_lock_that_nobody_gives_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = iter(range(0, 10_000, 10))
    monkeypatch.setattr(private_files.time, "monotonic", lambda: next(passed))
    monkeypatch.setattr(private_files.time, "sleep", lambda _: None)
    with locked("reports"), pytest.raises(Busy, match=r"reports\.lock"):
        keep(Report("a", NOW, ()))


def test_of_a_server_s_reports_the_newest_stay_and_no_other_s_goes(folder: Path) -> None:
    for second in range(4):
        for server in ("a", "a-2"):
            keep(Report(server, NOW + timedelta(seconds=second), ()))
    for _ in range(2):
        keep(Report("a", NOW + timedelta(seconds=9), ()), 2)
    files = folder.glob("2*.json")
    kept_of = Counter(json.loads(path.read_text())["server"] for path in files)
    assert kept_of == {"a": 2, "a-2": 4}


def test_the_tenth_report_of_a_second_is_newer_than_the_second(folder: Path) -> None:
    for _ in range(11):
        keep(Report("a", NOW, ()), 2)
    assert {path.stem[-5:] for path in folder.glob("2*.json")} == {"-a-10", "-a-11"[-5:]}


def test_a_report_of_some_rules_is_kept_and_is_not_the_last_one(folder: Path) -> None:
    whole = keep(later(0), 2).path
    before = (folder / "latest.json").read_bytes()
    some = Selection.of(["MX"], [])
    partial = later(1)
    partial = replace(partial, results=some.of_results(partial.results), selection=some)
    for second in range(4):
        made = keep(replace(partial, made=NOW + timedelta(seconds=1 + second)), 2)
    assert (folder / "latest.json").read_bytes() == before
    assert json.loads(made.path.read_text())["only"] == ["MX"]
    assert whole.exists() and len(list(folder.glob("2*.json"))) == 3
    assert last_made(folder) == NOW and made.page is None


def test_what_is_different_is_told_from_the_last_whole_report() -> None:
    assert keep(later(0)).changes is None
    green = Report("vps", NOW, ())
    clean = keep(later(1, green)).changes
    assert clean is not None and clean.gone == ("MX-07 example.com", "DMARC-01 _dmarc.example.com")
    some = Selection.of(["MX"], [])
    keep(replace(later(2), selection=some, results=some.of_results(faulty().results)))
    again = keep(later(3)).changes
    assert again is not None and again.since == NOW + timedelta(seconds=1)
    assert again.new == clean.gone and again.gone == ()


def test_files_that_are_no_reports_are_no_past_and_stay(folder: Path) -> None:
    keep(later(0))
    name = "20270101T000000Z-vps"
    junk = [b"", b"[]", b"{", json.dumps({"server": "vps", "results": 3}).encode(), b"\xff"]
    for number, content in enumerate(junk):
        (folder / f"{name}-{number + 1}.json").write_bytes(content)
    assert last_made(folder) == NOW
    assert keep(later(1)).changes is not None
    assert len(list(folder.glob(f"{name}*"))) == len(junk)


def test_a_report_of_the_version_before_is_a_past_too(folder: Path) -> None:
    keep(later(0))
    (path,) = folder.glob("2*.json")
    record = json.loads(path.read_text())
    for name in ("schema_version", "tool_version", "started", "duration_ms", "only", "skip"):
        del record[name]
    for name in ("summary", "receivers", "strict", "language", "changes", "history"):
        del record[name]
    for each in record["results"]:
        for name in ("id", "required_by", "expected", "observed", "why", "texts", "refs"):
            del each[name]
        del each["remedy_values"]
    path.write_text(json.dumps({**record, "version": 1}))
    before = reports.last_whole(folder, "vps")
    assert before is not None and before.history == ()
    assert len(before.findings) == len(faulty().results)
    made = keep(later(1)).changes
    assert made is not None and (made.new, made.gone) == ((), ()) and made.still == 2


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"reports": [1]}', b'{"reports": 1}', b"\xff"]
)
def test_reports_of_the_last_run_that_are_damaged_are_kept_aside_and_begun_anew(
    folder: Path, content: bytes
) -> None:
    folder.mkdir()
    latest = folder / "latest.json"
    latest.write_bytes(content)
    keep(Report("vps10", NOW, ()))
    ((path, aside),) = damaged
    assert path == latest and aside.read_bytes() == content
    keep(Report("a", NOW, ()))
    assert last(folder) == ["vps10", "a"] and len(damaged) == 1


def test_what_is_kept_is_the_record() -> None:
    made = keep(later(0))
    record = with_past(to_record(later(0)), None)
    assert json.loads(made.path.read_text()) == json.loads(json.dumps(record))


def test_the_page_has_the_last_report_of_each_server_and_its_history(folder: Path) -> None:
    report = Report("vps", NOW, faulty().results[:9])
    for second in range(25):
        keep(later(second, report), 3)
    made = keep(Report("vps2", NOW, ()))
    assert made.page == folder / "latest.html" and not made.page.exists()
    reports._show_all()
    assert made.page.stat().st_mode & 0o777 == 0o600
    shown = made.page.read_text()
    assert ">vps</h1>" in shown and ">vps2</h1>" in shown
    newest = reports.last_whole(folder, "vps")
    assert newest is not None and len(newest.history) == 20
    assert [each.made for each in newest.history[-2:]] == [
        NOW + timedelta(seconds=22),
        NOW + timedelta(seconds=23),
    ]
    assert newest.history[-1].count(Status.PASS) == 9


def test_the_page_leaves_out_what_is_no_report(folder: Path) -> None:
    folder.mkdir()
    others = {"reports": [{"server": "old", "results": 3}]}
    (folder / "latest.json").write_text(json.dumps(others))
    made = keep(later(0))
    reports.show(folder)
    assert made.page is not None and ">vps</h1>" in made.page.read_text()
    assert last(folder) == ["old", "vps"]


def test_a_page_that_cannot_be_made_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(later(0))
    (folder / "latest.html").mkdir()
    (folder / "latest.html" / "x").touch()
    reports._show_all()
    assert str(folder) in capsys.readouterr().err
