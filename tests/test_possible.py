"""What needs a lab is skipped with the reason where there can be none, or fails where asked for."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from tests import conftest
from tests.lab import possible


class Item(SimpleNamespace):
    """A test with or without the marker."""

    def get_closest_marker(self, name: str) -> object:
        return name if name in self.markers else None


def set_up(*markers: str) -> None:
    item: Any = Item(markers=markers)
    conftest.pytest_runtest_setup(item)


@pytest.fixture
def impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "why_not", lambda: "needs what is not here")
    monkeypatch.delenv(possible.REQUIRED, raising=False)


def test_a_user_is_told_that_the_lab_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert possible.why_not.__wrapped__().startswith("needs root: ")


def test_root_without_the_right_to_mount_is_told_what_the_system_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused = subprocess.CompletedProcess((), 1, "", "unshare: Operation not permitted\n")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(subprocess, "run", lambda *command, **how: refused)
    assert "(unshare: Operation not permitted)" in possible.why_not.__wrapped__()


def test_where_there_can_be_no_lab_its_tests_are_skipped_with_the_reason(impossible: None) -> None:
    with pytest.raises(pytest.skip.Exception, match="needs what is not here"):
        set_up("lab")
    set_up()


def test_where_the_lab_is_asked_for_its_tests_fail_with_the_reason(
    impossible: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(possible.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="needs what is not here"):
        set_up("lab")
