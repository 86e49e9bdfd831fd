"""Publishing: killed at any point, the next run knows what is there; nothing is written twice."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import dns.name
import pytest

from dns_providers.base import (
    Change,
    PartialApply,
    ProviderError,
    Rejected,
    Snapshot,
    Stale,
    Unreachable,
    refuse_stale,
)
from dns_providers.publishing import ledger as ledger_module
from dns_providers.publishing import publish
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.ledger import Ledger, LedgerError, LedgerState, read_backup
from dns_providers.publishing.plan import unused_since, withdrawals
from dns_providers.publishing.publish import (
    adopt,
    carry_out,
    carry_out_undo,
    mark_former,
    mark_proven,
    mark_unused,
    prepare,
    read,
    seen_before,
    unproven,
)
from dns_providers.publishing.watched import Watched
from dns_providers.record_steps import Create, Delete, Modify, Step, steps
from dns_providers.record_steps import carry_out as by_record
from dns_providers.rrset import TXT, Address, rrset
from tests.dns_providers.publishing.test_plan import FOREIGN, HOST, OURS, claim, spf_claim
from tests.fakes import MemoryProvider, memory


@dataclass
class Killed(MemoryProvider):
    """Dies at a write: before it is carried out, or after."""

    after: bool = False

    def apply(self, changes: Sequence[Change]) -> None:
        if self.after:
            super().apply(changes)
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
def test_a_run_killed_at_the_write_is_resolved_by_reading(tmp_path: Path, after: bool) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    with pytest.raises(KeyboardInterrupt):
        carry_out(Killed(zone.rrsets, after=after), [claim()], ledger)
    assert ledger.load().pending != ()

    made = carry_out(zone, [claim()], ledger)

    assert (made.changes == ()) is after
    assert zone.rrsets[claim().key].values == {OURS}
    state = ledger.load()
    assert state.pending == () and state.entries[claim().key].origin == "written"


def test_what_others_wrote_while_we_were_dead_is_foreign(tmp_path: Path) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    with pytest.raises(KeyboardInterrupt):
        carry_out(Killed(zone.rrsets), [claim()], ledger)
    theirs = rrset(HOST, "A", 60, FOREIGN)
    zone.rrsets[theirs.key] = theirs
    made = carry_out(zone, [claim()], ledger)
    assert made.blocked and zone.rrsets[theirs.key] == theirs


def test_a_second_run_writes_nothing(tmp_path: Path) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    carry_out(zone, [claim()], ledger)
    before = ledger.path.stat().st_mtime_ns
    carry_out(zone, [claim()], ledger)
    assert zone.writes == 1 and ledger.path.stat().st_mtime_ns == before


@dataclass
class Counted(MemoryProvider):
    """Counts how often it is read."""

    reads: int = 0

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        self.reads += 1
        return super().read(names)


def test_a_publishing_takes_three_syncs_of_the_disk_and_no_change_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    carry_out(zone, [claim()], ledger)
    assert len(synced) == 3
    carry_out(zone, [claim()], ledger)
    assert len(synced) == 3


def test_a_ledger_that_was_seen_is_not_taken_apart_again_unless_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path, "example.test")
    carry_out(memory(), [claim()], ledger)
    parsed, real = list[object](), ledger_module._state_from

    def counting(record: dict[str, object]) -> LedgerState:
        parsed.append(record)
        return real(record)

    monkeypatch.setattr(ledger_module, "_state_from", counting)
    first = ledger.load()
    assert ledger.load() == first and len(parsed) == 1
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"203.0.113.10", b"203.0.113.11"))
    changed = ledger.load().entries[claim().key].values
    assert changed == {Address("203.0.113.11")} and len(parsed) == 2


@pytest.mark.parametrize("step", ["link", "rename"])
def test_a_run_killed_while_it_writes_its_intent_has_written_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    carry_out(zone, [claim()], ledger)
    before = ledger.load()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, {"link": "hardlink_to", "rename": "replace"}[step], die)
        carry_out(zone, [claim(), claim("imap.example.test")], ledger)
    assert zone.writes == 1 and ledger.load() == before
    carry_out(zone, [claim(), claim("imap.example.test")], ledger)
    assert zone.writes == 2 and ledger.load().pending == ()


@pytest.mark.parametrize("step", ["settle", "_check_written"])
def test_a_run_killed_after_the_write_is_resolved_by_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Ledger if step == "settle" else publish, step, die)
        carry_out(zone, [claim()], ledger)
    assert zone.writes == 1 and ledger.load().pending != ()
    assert carry_out(zone, [claim()], ledger).changes == ()
    assert ledger.load().entries[claim().key].origin == "written" and zone.writes == 1


def test_an_outcome_that_a_power_cut_takes_back_is_found_again_by_reading(tmp_path: Path) -> None:
    """The file with the outcome is not on the disk's list of names, the one with the intent is."""
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    carry_out(zone, [claim()], ledger)
    outcome = ledger.load()
    (backup,) = (tmp_path / "backups").iterdir()
    ledger.path.unlink()
    ledger.path.hardlink_to(backup)  # as it is from the intent to the outcome
    assert ledger.load().pending != ()
    assert carry_out(zone, [claim()], ledger).changes == ()
    assert ledger.load() == outcome and zone.writes == 1
    assert read_backup(backup)[1][0].after == zone.rrsets[claim().key]


def test_a_plan_of_a_moment_ago_is_carried_out_without_another_read(
    tmp_path: Path, at_once: None
) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), Counted(memory().rrsets)
    made = prepare(zone, [claim()], ledger)
    carry_out(zone, [claim()], ledger, prepared=made)
    assert zone.rrsets[claim().key].values == {OURS} and zone.reads == 2  # plan and read-back


def test_a_plan_is_made_anew_when_it_is_old(tmp_path: Path, a_second_later: None) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), Counted(memory().rrsets)
    made = prepare(zone, [claim()], ledger)
    theirs = rrset(HOST, "A", 60, FOREIGN)
    zone.rrsets[theirs.key] = theirs
    assert carry_out(zone, [claim()], ledger, prepared=made).blocked
    assert zone.rrsets[theirs.key] == theirs and zone.writes == 0


def two_challenges() -> tuple[Claim, Claim]:
    """What two servers of one run prove their names with, at one name."""
    one, two = (claim(HOST, "TXT", TXT(text), mode=ClaimMode.MEMBER) for text in (b"one", b"two"))
    return one, two


def test_a_plan_is_made_anew_when_another_run_of_ours_has_written(
    tmp_path: Path, at_once: None
) -> None:
    """Two servers of one run prove their names with challenges at one name."""
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    first, second = two_challenges()
    made = prepare(zone, [second], ledger)
    carry_out(zone, [first], ledger)
    carry_out(zone, [replace(second, values=first.values | second.values)], ledger, prepared=made)
    assert zone.rrsets[first.key].values == {TXT(b"one"), TXT(b"two")}


def test_a_plan_from_what_was_seen_before_another_run_of_ours_wrote_is_made_anew(
    tmp_path: Path, at_once: None
) -> None:
    """The other run is another process: what this one saw is not forgotten by its write."""
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    first, second = two_challenges()
    counted = Counted(zone.rrsets)
    watched = Watched(counted)
    read(watched, frozenset({first.key.owner}))
    carry_out(zone, [first], ledger)
    assert ledger.load().entries[first.key].values == first.values
    both = replace(second, values=first.values | second.values)
    made = prepare(watched, [both], ledger, reuse=math.inf)
    assert made.plan.changes[0].before == zone.rrsets[first.key]
    # Taken in is only what is read anew, too.
    old = prepare(watched, [first], ledger, reuse=math.inf)
    reads = counted.reads
    carry_out(watched, [first], ledger, prepared=replace(old, loaded=math.inf))
    assert counted.reads > reads


def test_after_a_killed_run_no_plan_is_as_good_as_a_new_one(tmp_path: Path, at_once: None) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), Counted(memory().rrsets)
    with pytest.raises(KeyboardInterrupt):
        carry_out(Killed(zone.rrsets), [claim()], ledger)
    made = prepare(zone, [claim()], ledger)
    assert made.interrupted
    carry_out(zone, [claim()], ledger, prepared=made)
    assert zone.reads == 3 and ledger.load().pending == ()


def test_what_an_earlier_step_saw_will_do_where_nothing_is_to_be_written(
    tmp_path: Path, a_second_later: None
) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), Counted(memory().rrsets)
    watched = Watched(zone)
    carry_out(watched, [claim()], ledger)
    assert zone.reads == 2
    assert prepare(watched, [claim()], ledger, reuse=math.inf).idle and zone.reads == 2
    # A run that would write reads first.
    other = claim(HOST, "A", Address("203.0.113.99"))
    assert len(prepare(watched, [other], ledger, reuse=math.inf).plan.changes) == 1
    assert zone.reads == 3


def test_what_was_seen_before_a_write_is_not_what_is_there_after_it(
    tmp_path: Path, at_once: None
) -> None:
    zone = Counted(memory().rrsets)
    watched, names = Watched(zone), frozenset({claim().key.owner})
    read(watched, names)
    assert seen_before(watched, names) is not None
    watched.apply([Change(None, rrset(HOST, "A", 60, OURS), "test")])
    assert seen_before(watched, names) is None
    read(watched, names)
    assert seen_before(watched, frozenset({*names, dns.name.from_text("other.test")})) is None


def test_a_zone_that_looks_empty_is_not_planned_from_memory_either(
    tmp_path: Path, at_once: None
) -> None:
    watched = Watched(MemoryProvider({}))
    for _ in range(2):
        with pytest.raises(Rejected):
            prepare(watched, [claim()], Ledger(tmp_path, "example.test"), reuse=math.inf)


@dataclass
class Contested(MemoryProvider):
    """Somebody else writes beside our record just before each of our first writes."""

    times: int = 1

    def apply(self, changes: Sequence[Change]) -> None:
        if self.times:
            self.times -= 1
            raise Stale("dns.error.stale", keys="x")
        super().apply(changes)


def test_a_change_that_somebody_was_faster_with_is_planned_anew(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "example.test")
    zone = Contested(memory().rrsets, times=2)
    carry_out(zone, [claim()], ledger)
    assert zone.rrsets[claim().key].values == {OURS}
    with pytest.raises(Stale):
        carry_out(Contested(memory().rrsets, times=9), [claim()], Ledger(tmp_path / "b", "z"))


class Liar(MemoryProvider):
    """Says yes and writes nothing."""

    def apply(self, changes: Sequence[Change]) -> None:
        return


def test_a_yes_that_is_not_true_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(Rejected) as error:
        carry_out(Liar(memory().rrsets), [claim()], Ledger(tmp_path, "example.test"))
    assert error.value.words.id == "dns.error.not_written"


def test_a_zone_that_looks_empty_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        prepare(MemoryProvider({}), [claim()], Ledger(tmp_path, "example.test"))


class Gone(MemoryProvider):
    """Carries out the write, but its answer is lost."""

    def apply(self, changes: Sequence[Change]) -> None:
        super().apply(changes)
        raise Unreachable("dns.error.no_answers", zone="example.test", servers="ns1")


def test_a_lost_answer_is_made_up_for_by_the_next_run(tmp_path: Path) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    with pytest.raises(Unreachable):
        carry_out(Gone(zone.rrsets), [claim()], ledger)
    assert carry_out(zone, [claim()], ledger).changes == ()
    assert ledger.load().entries[claim().key].origin == "written"


@dataclass
class RecordByRecord(MemoryProvider):
    """An API of single records, that fails after `allowed` of them."""

    allowed: int = 99
    failure: ProviderError = field(
        default_factory=lambda: Unreachable("dns.error.no_answers", zone="example.test", servers="")
    )

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        shown = super().read(names)
        ids = {
            key: replace(each, handles=tuple((v, str(v)) for v in each.values))
            for key, each in shown.rrsets.items()
        }
        return replace(shown, rrsets=ids)

    def apply(self, changes: Sequence[Change]) -> None:
        there = self.read(frozenset(change.key.owner for change in changes)).rrsets
        refuse_stale(changes, there)
        by_record(steps(changes, there), self._one)

    def _one(self, step: Step) -> None:
        if self.allowed == 0:
            raise self.failure
        self.allowed -= 1
        live = self.rrsets.get(step.key) or rrset(HOST, "A", 300)
        gone = {step.old} if isinstance(step, Modify | Delete) else set()
        come = {step.value} if isinstance(step, Create | Modify) else set()
        self.rrsets[step.key] = replace(live, values=live.values - gone | come)


@pytest.mark.parametrize("done", [1, 2, 3])
def test_what_an_api_of_single_records_did_halfway_is_finished_by_the_next_run(
    tmp_path: Path, done: int
) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    addresses = [Address(f"203.0.113.{number}") for number in range(1, 8)]
    carry_out(zone, [claim(HOST, "A", *addresses[:3])], ledger)
    wanted = claim(HOST, "A", *addresses[2:7])
    with pytest.raises(PartialApply) as error:
        carry_out(RecordByRecord(zone.rrsets, allowed=done), [wanted], ledger)
    assert error.value.words.named["done"] == str(done) and error.value.words.named["total"] == "4"
    carry_out(RecordByRecord(zone.rrsets), [wanted], ledger)
    assert zone.rrsets[wanted.key].values == wanted.values
    assert carry_out(zone, [wanted], ledger).changes == ()


def test_halfway_and_then_changed_by_somebody_else_is_foreign(tmp_path: Path) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    wanted = claim(HOST, "A", OURS, Address("203.0.113.77"))
    with pytest.raises(PartialApply):
        carry_out(RecordByRecord(zone.rrsets, allowed=1), [wanted], ledger)
    theirs = rrset(HOST, "A", 60, FOREIGN)
    zone.rrsets[theirs.key] = theirs
    assert carry_out(zone, [wanted], ledger).blocked and zone.rrsets[theirs.key] == theirs


def test_a_record_that_somebody_was_faster_with_halfway_is_planned_anew(tmp_path: Path) -> None:
    overtaken = Stale("dns.error.stale", keys="x")
    zone = RecordByRecord(memory().rrsets, allowed=1, failure=overtaken)

    class Once(RecordByRecord):
        def apply(self, changes: Sequence[Change]) -> None:
            try:
                super().apply(changes)
            finally:
                self.allowed = 99

    once = Once(zone.rrsets, allowed=1, failure=overtaken)
    wanted = claim(HOST, "A", OURS, Address("203.0.113.77"))
    carry_out(once, [wanted], Ledger(tmp_path, "example.test"))
    assert once.rrsets[wanted.key].values == wanted.values


def test_a_backup_puts_back_what_was_there(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "example.test")
    old = rrset(HOST, "A", 60, FOREIGN)
    zone = memory([old])
    carry_out(zone, [claim()], ledger, frozenset({old.key}))
    (backup,) = (tmp_path / "backups").iterdir()
    name, changes = read_backup(backup)
    assert name == "example.test" and backup.stat().st_mode & 0o077 == 0
    carry_out_undo(zone, changes, ledger)
    assert zone.rrsets[old.key] == old


def test_adopting_writes_the_ledger_and_nothing_else(tmp_path: Path) -> None:
    ledger, theirs = Ledger(tmp_path, "example.test"), rrset(HOST, "A", 60, OURS)
    zone = memory([theirs])
    claims = [claim(), claim("imap.example.test")]
    assert [entry.key for entry in adopt(zone, claims, ledger)] == [theirs.key]
    assert zone.writes == 0 and ledger.load().entries[theirs.key].origin == "adopted"
    assert adopt(zone, claims, ledger) == ()
    carry_out(zone, claims, ledger)
    origins = {str(e.key): e.origin for e in ledger.load().entries.values()}
    assert origins == {"smtp.example.test/A": "adopted", "imap.example.test/A": "written"}


def test_what_the_ledger_remembers_comes_back_as_it_was(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "example.test")
    shared = claim("example.test", "TXT", TXT(b"ours"), TXT(b"theirs"), mode=ClaimMode.MEMBER)
    carry_out(memory([rrset("example.test", "TXT", 60, TXT(b"theirs"))]), [shared], ledger)
    (kept,) = ledger.load().entries.values()
    assert kept.found == {TXT(b"theirs")} and kept.written == {TXT(b"ours")}
    mail = Ledger(tmp_path, "spf.test")
    carry_out(memory(), [spf_claim("203.0.113.10")], mail)
    (kept,) = mail.load().entries.values()
    assert kept.whole and kept.terms == ("ip4:203.0.113.10",)


def test_a_damaged_ledger_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    carry_out(zone, [claim()], ledger)
    ledger.path.write_text("{")
    with pytest.raises(LedgerError):
        carry_out(zone, [claim("imap.example.test")], ledger)
    assert zone.writes == 1


def test_a_ledger_that_was_cut_anywhere_is_told_and_nothing_else_happens(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "example.test")
    carry_out(memory(), [claim()], ledger)
    whole = ledger.path.read_bytes().rstrip()
    for length in range(len(whole)):
        ledger.path.write_bytes(whole[:length])
        with pytest.raises(LedgerError, match="is damaged"):
            ledger.load()


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("entries", [{"key": "a..b/A"}]),
        ("entries", [1]),
        ("entries", {}),
        ("pending", [{}]),
        ("pending", [{"change": 1, "entry": None}]),
        ("proven", {"a..b/A": "x"}),
        ("proven", []),
        ("unused", {"example.test/A": "yesterday"}),
    ],
)
def test_a_ledger_with_something_else_in_it_is_told(
    tmp_path: Path, name: str, there: object
) -> None:
    ledger = Ledger(tmp_path, "example.test")
    carry_out(memory(), [claim()], ledger)
    record = json.loads(ledger.path.read_text())
    ledger.path.write_text(json.dumps({**record, name: there}))
    with pytest.raises(LedgerError, match="is damaged"):
        ledger.load()


def test_what_is_not_needed_since_a_day_in_the_future_is_not_needed_from_now_on(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path, "example.test")
    carry_out(memory(), [replace(claim(), group="dkim:example.test")], ledger)
    entries, wrong = ledger.load().entries, {claim().key: 4_000_000_000}
    assert unused_since([], entries, wrong, "dkim", 1000) == {claim().key: 1000}
    assert unused_since([], entries, {claim().key: 900}, "dkim", 1000) == {claim().key: 900}


def test_what_retired_is_forgotten_and_has_to_be_seen_anew_when_it_comes_back(
    tmp_path: Path,
) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    carry_out(zone, [claim()], ledger)
    mark_proven(ledger, ledger.load().entries.values())
    mark_unused(ledger, {claim().key: 100})
    assert ledger.load().unused == {claim().key: 100}
    carry_out(zone, withdrawals([claim().key], ledger.load().entries), ledger)
    left = ledger.load()
    assert claim().key not in zone.rrsets
    assert (left.entries, left.proven, left.unused) == ({}, {}, {})


@pytest.mark.parametrize("after", [False, True])
def test_a_run_killed_while_it_takes_something_out_is_resolved_by_whatever_comes_next(
    tmp_path: Path, after: bool
) -> None:
    """The next run no longer wants anything at that name."""
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    gone, stays = claim("gone.example.test"), claim()
    carry_out(zone, [gone, stays], ledger)
    mark_proven(ledger, ledger.load().entries.values())
    out = withdrawals([gone.key], ledger.load().entries)
    with pytest.raises(KeyboardInterrupt):
        carry_out(Killed(zone.rrsets, after=after), out, ledger)

    carry_out(zone, [stays], ledger)

    left = ledger.load()
    assert left.pending == () and stays.key in left.entries
    assert (gone.key in left.entries) is (gone.key in left.proven) is (not after)
    carry_out(zone, withdrawals([gone.key], left.entries), ledger)
    assert gone.key not in zone.rrsets and gone.key not in ledger.load().entries


def test_since_when_something_is_not_wanted_is_remembered_over_writes(tmp_path: Path) -> None:
    ledger, zone = Ledger(tmp_path, "example.test"), memory()
    former = {(claim().key, "192.0.2.1"): 100}
    mark_former(ledger, former)
    carry_out(zone, [claim()], ledger)
    assert ledger.load().former == former


def test_what_was_seen_everywhere_is_not_waited_for_again(tmp_path: Path) -> None:
    ledger, made = Ledger(tmp_path, "example.test"), rrset(HOST, "A", 60, OURS)
    assert unproven(ledger.load(), [made]) == (made,)
    mark_proven(ledger, [made])
    assert unproven(ledger.load(), [made]) == ()
    assert unproven(ledger.load(), [rrset(HOST, "A", 60, FOREIGN)]) != ()
