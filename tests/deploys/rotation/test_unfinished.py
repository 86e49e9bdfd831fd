"""What a rotation that goes on keeps other runs from, and what they tell of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.rotation import refusals
from deploys.rotation.request import Request
from deploys.run.options import Look
from deploys.run.options import Request as Change
from deploys.run.paths import state_dir
from deploys.run.paused import mail_paused, paused_elsewhere, paused_on
from deploys.run.refusals import Around
from ground.words import Words
from keys.journal import Journal
from keys.rotation import Rotation, Step, Strategy
from postmaster.settings import Site
from tests.deploys.rotation.test_going import MX1, begun, site


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))


def around(here: Site, asked: Any) -> Around[Any]:
    """A run that reaches all servers."""
    reached: Any = {each.host: SimpleNamespace(name=each.host) for each in here.servers}
    return Around("a verb", asked, here, False, reached, {}, frozenset(reached), {})


def told(found: Any) -> list[tuple[str, str]]:
    """Host and message of each reason."""
    return [(each.host, each.words.id) for each in found]


@pytest.mark.parametrize(
    ("there", "outbound", "domains", "refused"),
    [
        (begun(Strategy.DUAL, "b.test", Step.KEEP), "relay", ["a.test", "b.test"], False),
        (begun(Strategy.DUAL, "b.test", Step.KEEP), "direct", ["a.test", "b.test"], True),
        (begun(Strategy.FIXED, "a.test", Step.AGE), "relay", ["a.test", "b.test"], True),
        (begun(Strategy.FIXED, "a.test", Step.AGE), "direct", ["b.test", "a.test"], True),
        # Its new key is needed before, and no more afterwards.
        (begun(Strategy.DUAL, "b.test", Step.SWITCH), "relay", ["a.test"], True),
        (begun(Strategy.DUAL, "b.test", Step.KEEP), "relay", ["a.test"], False),
        # What pauses mail is refused for that alone.
        (begun(Strategy.FIXED, "a.test", Step.DRAIN), "relay", ["a.test", "b.test"], False),
    ],
)
def test_another_way_to_sign_waits_for_the_one_of_before(
    there: Rotation, outbound: str, domains: list[str], refused: bool
) -> None:
    Journal(state_dir()).save(there)
    here = site(outbound, domains)
    reasons = [(MX1, "rotation.finish_first")] if refused else []
    assert told(refusals.unfinished(around(here, Change()))) == reasons
    assert told(refusals.unfinished(around(here, Look()))) == []


def test_mail_that_is_paused_is_told_by_looks_and_refused_to_the_others() -> None:
    here = site("direct", ["a.test"], second="b.test")
    one, other = here.servers
    assert paused_on(one) is None
    Journal(state_dir()).save(begun(Strategy.FIXED, "a.test", Step.DRAIN))
    assert paused_on(one) == Words.of("rotation.paused", domain="a.test")
    assert paused_on(other) is None
    assert told(mail_paused(around(here, Look()))) == []
    assert told(mail_paused(around(here, Change()))) == [("", "rotation.paused")]


def test_a_pause_that_the_host_remembers_is_told_only_where_the_state_has_lost_it() -> None:
    journal, there = Journal(state_dir()), begun(Strategy.FIXED, "a.test", Step.DRAIN)
    at = {step: replace(there, step=step, entered=there.entered + 60) for step in Step}
    lost = Words.of("manifest.paused", domains="a.test")
    assert paused_elsewhere([there]) == lost
    assert paused_elsewhere([begun(Strategy.FIXED, "a.test", Step.AGE)]) is None
    # Killed before the host could be told that it is over: the rotation itself goes on.
    for known in (there, at[Step.SWITCH], at[Step.RESUME], at[Step.KEEP]):
        journal.save(known)
        assert paused_elsewhere([there]) is None, known.step
    journal.save(replace(there, step=Step.AGE, entered=there.entered - 60))  # of an earlier day
    assert paused_elsewhere([there]) == lost
    (state_dir() / "rotation" / "a.test.json").write_bytes(b"")
    assert paused_elsewhere([there]) == lost
    journal.save(at[Step.DONE])
    (state_dir() / "rotation" / "a.test.json").unlink(missing_ok=True)
    assert paused_elsewhere([there]) is None
    assert paused_elsewhere([replace(there, started=there.started + 60)]) == lost


def test_too_late_is_told_of_a_domain_that_the_inventory_has_no_more() -> None:
    Journal(state_dir()).save(begun(Strategy.DUAL, "b.test", Step.RETIRE))
    here = site("relay", ["a.test"])
    asked = Request(action="abort", domains=("b.test",))
    assert told(refusals.too_late(around(here, asked))) == [(MX1, "rotation.too_late")]
    assert told(refusals.too_late(around(here, Request(action="abort", domains=("a.test",))))) == []
