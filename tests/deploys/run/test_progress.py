"""What a run waits for is said on pyinfra's moving line, and nowhere else."""

from __future__ import annotations

import io

import pytest
from pyinfra import progress as theirs

from deploys.run.progress import telling, waiting, waits_for, with_waits
from ground.columns import width
from ground.words import Words

ZONE = Words.of("progress.zone", zone="example.com")
MOVING = "    | {vps}\r"


def test_the_moving_line_says_what_the_first_host_waits_for() -> None:
    assert with_waits(MOVING, 80) == MOVING
    with waiting("vps"):
        waits_for("vps", ZONE)
        assert with_waits(MOVING, 80) == "    | {vps} asks the name servers of example.com\r"
        waits_for("vps", Words.of("progress.host"))
        assert with_waits(MOVING, 80) == "    | {vps} looks at the host\r"
        with waiting("other"):
            waits_for("other", ZONE)
            two = "    - 0% (0/2) - {other, vps}\r"
            assert with_waits(two, 80) == f"{two[:-1]} vps: looks at the host (+1)\r"
    assert with_waits(MOVING, 80) == MOVING


def test_what_nobody_ends_is_not_said() -> None:
    waits_for("vps", ZONE)
    assert with_waits(MOVING, 80) == MOVING


def test_it_is_said_no_more_when_the_step_breaks() -> None:
    with pytest.raises(RuntimeError), waiting("vps"):
        waits_for("vps", ZONE)
        raise RuntimeError
    assert with_waits(MOVING, 80) == MOVING


@pytest.mark.parametrize(
    "line", ["[vps] checks\n", "    + record\n", "    | {vps}\n", "\033[K", "x    | {vps}\r", ""]
)
def test_no_other_line_is_changed(line: str) -> None:
    with waiting("vps"):
        waits_for("vps", ZONE)
        assert with_waits(line, 80) == line


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("columns", [0, 10, 12, 14, 20, 33, 40, 80])
def test_the_line_stays_one_line(lang: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", lang)
    with waiting("vps"):
        waits_for("vps", ZONE)
        line = with_waits(MOVING, columns)
    assert line.count("\r") == 1 and line.endswith("\r")
    assert line == MOVING or width(line.rstrip("\r")) < columns


def test_what_pyinfra_writes_is_what_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own code, on a terminal; where that changes, nothing more is said than it does."""
    screen = io.StringIO()

    class Stopped:
        waited = 0

        def is_set(self) -> bool:
            return self.waited > 1

        def wait(self, timeout: float) -> None:
            self.waited += 1

    monkeypatch.setattr(theirs, "IS_TTY", True)
    monkeypatch.delenv("PYINFRA_PROGRESS", raising=False)
    monkeypatch.setattr(theirs.sys, "stderr", telling(telling(screen), lambda: 80))
    with waiting("vps"):
        waits_for("vps", ZONE)
        theirs._print_spinner(Stopped(), ["{vps}"])
    assert screen.getvalue().count("{vps} asks the name servers of example.com\r") == 2
