"""Files that `pmail-deploy verify` writes: of this run's reports, at once, and told where not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from deploys.cli import main as cli
from deploys.cli.report_files import ReportFiles, write_at_once
from deploys.run import outcome
from deploys.run.outcome import Recorder, ReportMade
from postmaster.report.json import to_record
from tests.postmaster.test_report import faulty


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A run that makes one report; how it was started."""
    seen: list[dict[str, Any]] = []
    kept = tmp_path / "kept.json"
    kept.write_text(json.dumps(to_record(faulty())))

    def call(command: list[str], environment: dict[str, str], **named: Any) -> int:
        seen.append(named)
        run = Recorder()
        run.open(Path(environment[outcome.VARIABLE]))
        run.began(("verify",), dry=False)
        run.report(ReportMade("vps", str(kept), 1))
        run.seen.failed.add("vps")
        run.close()
        return 1

    monkeypatch.setattr(cli, "call", call)
    monkeypatch.setenv("PMAIL_LANG", "en")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory.py").touch()
    return seen


def verify(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["verify", *words])


def test_one_run_writes_all_files_that_are_asked_for(
    calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    files = ("--json", "a.json", "--junit", "b.xml", "--prometheus", "c.prom", "--html", "d.html")
    done = verify(*files)
    assert done.exit_code == 1 and calls == [{}], done.output
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["schema_version"] == 2
    assert [each["server"] for each in record["reports"]] == ["vps"]
    assert ElementTree.parse(tmp_path / "b.xml").getroot().get("failures") == "2"
    assert ">vps</h1>" in (tmp_path / "d.html").read_text()
    assert 'pmail_verify_exit_status{server="vps"} 1\n' in (tmp_path / "c.prom").read_text()


def test_on_standard_output_is_the_json_alone(calls: list[dict[str, Any]]) -> None:
    done = verify("--json", "-")
    assert json.loads(done.stdout)["reports"][0]["exit_status"] == 1
    assert calls == [{"stdout": 2}]


def test_where_no_file_is_wanted_none_is_made(calls: list[dict[str, Any]], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert list(ReportFiles().write([{}])) == []
    assert verify().exit_code == 1 and sorted(tmp_path.iterdir()) == before


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_written(
    calls: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = verify("--junit", "nowhere/b.xml", "--prometheus", "c.prom")
    assert done.exit_code == 1 and "nowhere/b.xml" in done.stderr
    assert (tmp_path / "c.prom").exists()


def test_a_file_is_replaced_at_once_and_its_rights_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "c.prom", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    before = path.stat().st_ino
    write_at_once(link, "new\n")
    assert link.is_symlink() and path.read_text() == "new\n"
    assert path.stat().st_ino != before and path.stat().st_mode & 0o777 == 0o640
    assert sorted(each.name for each in tmp_path.iterdir()) == ["c.prom", "link"]


def test_a_new_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        write_at_once(tmp_path / "c.prom", "x")
    finally:
        os.umask(old)
    assert (tmp_path / "c.prom").stat().st_mode & 0o777 == 0o644


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_at_once(pipe, "x")
    assert os.read(reader, 9) == b"x" and pipe.is_fifo()
    os.close(reader)
