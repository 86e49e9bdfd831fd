"""What a run of rotations asks too late is told before anything is done, whoever else it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploys.rotation.refusals import too_late, turned
from deploys.rotation.request import Request
from deploys.run.refusals import Around
from keys.journal import Journal
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, begin
from tests.postmaster.test_settings import site

RULES = Rules(ttl=60, low_ttl=60, slack=30, keep=86400)


def at(step: Step, *, emergency: bool = False) -> Rotation:
    """A rotation under other selectors, at one of its steps."""
    old, new = KeyRef("pm1", "pm1"), KeyRef("pm2", "pm2")
    there = begin("example.com", Strategy.DUAL, old, new, RULES, 1000.0, emergency=emergency)
    while there.step is not step:
        there = after(there, 1000.0)
    return there


def asked(request: Request, there: Rotation | None, folder: Path) -> list[str]:
    """The reasons that a run is refused for."""
    if there is not None:
        Journal(folder).save(there)
    around: Around[Any] = Around("rotate-dkim", request, site(), False, {}, {}, frozenset(), {})
    return [str(each) for each in too_late(around)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    monkeypatch.setenv("PMAIL_LANG", "en")
    return tmp_path


ABORT = Request(action="abort", domains=("example.com",))


def test_turning_back_is_refused_once_the_old_record_is_going(folder: Path) -> None:
    assert asked(ABORT, None, folder) == []
    assert asked(ABORT, at(Step.PROVE), folder) == []
    (reason,) = asked(ABORT, at(Step.RETIRE), folder)
    assert "8.8.8.8: example.com: too late to turn back" in reason


def test_what_is_not_meant_or_just_goes_on_is_refused_nothing(folder: Path) -> None:
    there = at(Step.RETIRE)
    assert asked(Request(), there, folder) == []
    assert asked(Request(action="abort", domains=("other.test",)), there, folder) == []
    assert turned(there, Request(), 1000.0) is None


def test_a_leak_hurries_a_rotation_whose_new_key_is_not_in_use_yet() -> None:
    hurried = turned(at(Step.PROVE), Request(emergency=True), 1000.0)
    assert hurried and hurried.emergency
    assert turned(at(Step.KEEP), Request(emergency=True), 1000.0) is None
    assert turned(at(Step.PROVE, emergency=True), Request(emergency=True), 1000.0) is None
