"""Tests read English texts, whatever the machine's locale, and take as long as it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from dns_providers import base
from ground import shown
from tests.lab.possible import REQUIRED, why_not

os.environ["PMAIL_LANG"] = "en"
# A user's PATH often lacks where Debian has its name servers.
os.environ["PATH"] += ":/usr/sbin:/sbin"
_MORE = {"PMAIL_MORE", "PMAIL_LONG"}
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests() -> None:
    """What is a secret in one test may be a word in another."""
    shown._secrets.clear()
    shown._forms.cache_clear()


@pytest.fixture
def a_second_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was read of a zone is more than a moment ago when it is to be written."""
    monkeypatch.setattr(base, "FRESH", 0.0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read of a zone is still fresh when it is to be written, on any machine."""
    monkeypatch.setattr(base, "FRESH", float("inf"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What needs a lab is skipped where there can be none, or fails where one is asked for."""
    if item.get_closest_marker("lab") and (reason := why_not()):
        (pytest.fail if os.environ.get(REQUIRED) else pytest.skip)(reason)
    if item.get_closest_marker("long") and not os.environ.get("PMAIL_LONG"):
        pytest.skip("takes minutes: PMAIL_LONG=1")
    if item.get_closest_marker("more") and not _MORE & os.environ.keys():
        pytest.skip("takes a minute or two: PMAIL_MORE=1")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say last, and loudly, what was not tried."""
    yield
    skipped = terminalreporter.stats.get("skipped", ())
    skipped = [each for each in skipped if "lab" in getattr(each, "keywords", ())]
    reason = why_not() if skipped else ""
    if reason:
        terminalreporter.section("NOT TRIED", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests of the lab: {reason}", red=True, bold=True)
