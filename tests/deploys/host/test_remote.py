"""A script on a host ends when it should, leaves nothing running, and is told of in words."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from deploys.host.remote import read
from tests.deploys.host.here import Here


@pytest.fixture
def host(tmp_path: Path) -> Any:
    return Here(tmp_path / "programs")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def test_a_script_that_runs_over_its_limit_is_ended_with_its_children_and_told(
    host: Any, tmp_path: Path
) -> None:
    pipe, pids, left = tmp_path / "pipe", tmp_path / "pids", tmp_path / "left"
    os.mkfifo(pipe)
    script = (
        f"touch {left}; trap 'rm {left}' EXIT; "
        f"sha256sum {pipe} & echo $! > {pids}; (cat {pipe} | sort) & echo $! >> {pids}; "
        f"echo so far; cat {pipe}; echo never"
    )
    reply = read(host, script, timeout=1)
    assert (reply.ok, reply.stdout) == (False, "so far")
    assert reply.stderr == "ended after 1 seconds: it took longer than it may"
    assert not [pid for pid in pids.read_text().split() if _runs(int(pid))]
    assert not left.exists(), "what it does at its end is done"


def _runs(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_script_that_fails_by_itself_is_not_said_to_be_too_slow(host: Any) -> None:
    reply = read(host, "echo seen; echo why >&2; exit 3")
    assert (reply.ok, reply.stdout, reply.stderr) == (False, "seen", "why")


def test_a_host_that_is_gone_meanwhile_is_told_without_a_traceback(
    host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(host, "run_shell_command", gone)
    reply = read(host, "true", timeout=7)
    assert (reply.ok, reply.stderr) == (False, "ended after 7 seconds: it took longer than it may")


def test_what_a_script_makes_does_not_depend_on_who_logs_in(host: Any, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert read(host, f"touch {tmp_path}/made").ok
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o644
