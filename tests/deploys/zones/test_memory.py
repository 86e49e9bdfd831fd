"""Whose state may write to a host, and what is told to whoever has another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploys.run import identity
from deploys.run.outcome import recorder
from deploys.run.refusals import Refused
from deploys.zones import memory
from deploys.zones.access import ledger_of
from deploys.zones.request import DeployRequest
from dns_providers.publishing.ledger import LedgerState
from keys.journal import Journal
from keys.rotation import Step, Strategy
from postmaster.manifest import Known, Look, Manifest, Stamp, wanted
from tests.keys.test_journal import started
from tests.postmaster.test_settings import site, zone

SITE = site(zone("example.com"), zone("other.org"), domains=["example.com", "other.org"])
SERVER = SITE.servers[0]
FACTS = wanted(SITE, SERVER, Known(machine="m1"))
BARE, UNTOLD = Look(None, False), Look(None, True)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and keys of their own."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    return tmp_path / "state"


def written() -> Stamp:
    """A host is written to."""
    stamp = identity.intend(FACTS, None)
    identity.written(FACTS, stamp)
    return stamp


def by(stamp: Stamp, **given: Any) -> Look:
    return Look(Manifest(replace(stamp, **given), FACTS), True)


def said(seen: Look) -> tuple[str, str]:
    words = memory.why_not(identity.identity(), SERVER, seen)
    return (words.id, str(words)) if words else ("", "")


def test_a_host_that_nobody_has_set_up_and_one_that_we_wrote_to_last_are_gone_on_with() -> None:
    assert said(BARE) == ("", "")
    stamp = written()
    assert said(by(stamp)) == ("", "")
    assert said(BARE) == ("", "")  # set up anew: whether it may be is asked elsewhere


def test_a_host_of_an_earlier_version_is_ours_if_the_state_has_a_trace_of_it(state: Path) -> None:
    assert said(UNTOLD)[0] == "manifest.untold_host"
    (state.parent / "keys" / "example.com").mkdir(parents=True)
    assert said(UNTOLD) == ("", "")
    (state.parent / "keys" / "example.com").rmdir()
    ledger_of("other.org").save(LedgerState())
    assert said(UNTOLD) == ("", "")


def test_who_wrote_since_and_when_is_told_with_what_can_be_done() -> None:
    stamp = written()
    later = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
    newer = by(stamp, generation=2, mark="n" * 16, controller="ann@desk", time=later)
    message_id, line = said(newer)
    assert message_id == "manifest.stands.newer"
    for word in ("ann@desk", "2026-11-27 03:00:00+00:00", "number 2", "knows 1", "recover"):
        assert word in line


def test_each_other_way_to_stand_has_its_own_words() -> None:
    stamp = written()
    assert said(UNTOLD)[0] == "manifest.stands.lost"
    assert said(by(stamp, generation=0, mark="o" * 16))[0] == "manifest.stands.older"
    assert said(by(stamp, site="1" * 32))[0] == "manifest.stands.other_site"
    identity.path().unlink()
    assert said(by(stamp))[0] == "manifest.stands.no_state"


# -- whatever happens to copies of the state ----------------------------------------------------


class Copies:
    """A host that is written to from a state, of which there are copies of earlier days.

    What is known is how often the host had been written to when a state last heard of it.
    """

    def __init__(self) -> None:
        self.host, self.writes, self.known = BARE, 0, 0
        self.copies: list[tuple[bytes | None, int]] = []

    def may_write(self) -> bool:
        return said(self.host)[0] == ""

    def run(self, *, ends: bool = True, reaches: bool = True) -> None:
        """A run, which may be killed before it reaches the host, or right after that."""
        stamp = identity.intend(FACTS, self.host.manifest and self.host.manifest.stamp)
        if reaches:
            self.host = Look(Manifest(stamp, FACTS), True)
            self.writes += 1
            self.known = self.writes
        if ends and reaches:
            identity.written(FACTS, stamp)

    def copy(self) -> None:
        path = identity.path()
        self.copies.append((path.read_bytes() if path.exists() else None, self.known))

    def put_back(self, number: int) -> None:
        content, self.known = self.copies[number % len(self.copies)]
        if content is None:
            identity.path().unlink(missing_ok=True)
        else:
            identity.path().parent.mkdir(parents=True, exist_ok=True)
            identity.path().write_bytes(content)


STEPS = st.sampled_from(["run", "killed before", "killed after", "copy", "put back"])


@settings(max_examples=60)
@given(st.lists(st.tuples(STEPS, st.integers(0, 5)), min_size=4, max_size=14))
def test_a_state_writes_to_a_host_if_and_only_if_nobody_wrote_since_it_last_heard_of_it(
    steps: list[tuple[str, int]],
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as here:
        here.setenv("PMAIL_STATE", f"{folder}/state")
        world = Copies()
        world.copy()
        for step, number in steps:
            assert world.may_write() == (world.known == world.writes), (world.host, steps)
            if step == "copy":
                world.copy()
            elif step == "put back":
                world.put_back(number)
            elif world.may_write():
                world.run(ends=step == "run", reaches=step != "killed before")


def around(
    monkeypatch: pytest.MonkeyPatch, seen: Look, *, changes: bool = True, asked: Any = None
) -> Any:
    """A run whose one server is reached, though it may not be for it."""

    def on_each(servers: Iterable[Any], ask: Any) -> tuple[Refused, ...]:
        return tuple(Refused(words, "8.8.8.8") for each in servers for words in ask(*each))

    there = SimpleNamespace(look=seen, manifest=seen.manifest)
    found = SimpleNamespace(of=lambda part: there)
    monkeypatch.setattr(memory, "looked", lambda host: found)
    monkeypatch.setattr(memory, "on_each", on_each)
    asked = asked or SimpleNamespace(changes=changes)
    return SimpleNamespace(site=SITE, everywhere=lambda: ((None, SERVER),), asked=asked)


@pytest.mark.parametrize("asked", [DeployRequest(SERVER.host), DeployRequest(None, SERVER.host)])
def test_of_a_host_whose_database_was_spoken_of_only_a_state_that_is_older_is_refused(
    monkeypatch: pytest.MonkeyPatch, asked: DeployRequest
) -> None:
    stamp = written()
    older, newer = (by(stamp, generation=each, mark="o" * 16) for each in (0, 2))
    passed = (BARE, UNTOLD, older)
    assert [list(memory.older_state(around(monkeypatch, e, asked=asked))) for e in passed] == [
        []
    ] * 3
    for seen in (newer, by(stamp, site="1" * 32)):
        assert list(memory.older_state(around(monkeypatch, seen, asked=asked)))
    others = DeployRequest("another", "another2")
    assert list(memory.older_state(around(monkeypatch, older, asked=others)))


def test_an_older_state_is_refused_by_every_host_that_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newer = by(written(), generation=2, mark="n" * 16)
    (refused,) = memory.older_state(around(monkeypatch, newer))
    assert (refused.words.id, refused.host) == ("manifest.stands.newer", "8.8.8.8")
    assert list(memory.older_state(around(monkeypatch, BARE))) == []


def test_where_nothing_is_changed_an_older_state_is_told_and_ends_the_run_red(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorder.cache_clear()
    newer = by(written(), generation=2, mark="n" * 16)
    assert list(memory.older_state(around(monkeypatch, newer, changes=False))) == []
    assert "another copy of the state" in recorder().left_by("8.8.8.8")[0]
    recorder.cache_clear()


def test_mail_that_is_paused_as_the_host_remembers_is_told_where_the_state_has_lost_it(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    rotation = replace(started(Strategy.FIXED, "example.com"), step=Step.PAUSE)
    stamp = written()
    seen = Look(Manifest(stamp, replace(FACTS, rotations=(rotation,))), True)
    (refused,) = memory.older_state(around(monkeypatch, seen))
    assert refused.words.id == "manifest.paused" and "example.com" in str(refused)
    recorder.cache_clear()
    assert list(memory.older_state(around(monkeypatch, seen, changes=False))) == []
    assert str(refused.words) in recorder().left_by("8.8.8.8")
    Journal(state).save(rotation)
    assert list(memory.older_state(around(monkeypatch, seen))) == []


def test_a_pause_of_a_day_that_the_host_was_put_back_to_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rotation = replace(started(Strategy.FIXED, "example.com"), step=Step.PAUSE)
    stamp = replace(written(), generation=0, mark="o" * 16)
    paused = replace(FACTS, rotations=(rotation,), paused="rotation.paused")
    seen = Look(Manifest(stamp, paused), True)
    assert memory.is_earlier(SERVER, seen)
    told = [each.words.id for each in memory.older_state(around(monkeypatch, seen))]
    assert told == ["manifest.stands.older"]
    keep = DeployRequest(keep_database=SERVER.host)
    assert list(memory.older_state(around(monkeypatch, seen, asked=keep))) == []


def test_a_pause_is_told_beside_whatever_else_the_state_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rotation = replace(started(Strategy.FIXED, "example.com"), step=Step.PAUSE)
    seen = Look(Manifest(written(), replace(FACTS, rotations=(rotation,))), True)
    for content in (b"", None):
        identity.path().unlink() if content is None else identity.path().write_bytes(content)
        told = [each.words.id for each in memory.older_state(around(monkeypatch, seen))]
        unknown = ["manifest.stands.no_state"] if content is None else []
        assert told == [*unknown, "manifest.paused"]


def test_all_that_is_damaged_in_the_state_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    look = around(monkeypatch, BARE)
    assert list(memory.damaged_state(look)) == []
    written()
    ledger_of("example.com").save(LedgerState())
    Journal(state).save(started(domain="other.org"))
    assert list(memory.damaged_state(look)) == []
    paths = [identity.path(), ledger_of("example.com").path, state / "rotation/other.org.json"]
    for path in paths:
        path.write_bytes(path.read_bytes()[:20])
    assert list(memory.damaged_state(around(monkeypatch, BARE, changes=False))) == []
    reasons = [str(each) for each in memory.damaged_state(look)]
    assert len(reasons) == 3
    assert all(str(path) in reason for path, reason in zip(paths, reasons, strict=True))
    assert list(memory.older_state(look)) == []  # one reason is enough
