"""What a run does with a rotation: waits by a clock that may be set, and keeps the history once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from deploys.rotation import in_dns
from deploys.rotation.in_dns import REVOKED, InDns
from deploys.rotation.journal import Journal
from deploys.rotation.operations import Clock, Run, waited
from deploys.rotation.outcome import Outcome, Waiting, problem
from deploys.rotation.request import Request
from dns_providers.claims import ClaimMode
from dns_providers.ledger import Ledger, LedgerState
from dns_providers.plan import Entry
from dns_providers.propagation import Delegation, NameServer, ServerState, Verdict
from dns_providers.rrset import TXT, key, rrset
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, begin
from tests.fakes import memory
from tests.postmaster.test_settings import site

RULES = Rules(ttl=60, low_ttl=60, slack=30, keep=86400)
OLD, NEW = KeyRef("pm202611a", "pm202611a"), KeyRef("pm202611b", "pm202611b")
RUN, STAY = Request(), Request(wait=True)


def at(step: Step, strategy: Strategy, emergency: bool = False) -> Rotation:
    """A rotation that came to a step at 1000."""
    rotation = begin("example.test", strategy, OLD, NEW, RULES, 1000.0, emergency=emergency)
    while rotation.step is not step:
        rotation = after(rotation, 1000.0)
    return rotation


@dataclass
class Time:
    """A clock of the test's own: `day` can be set, `real` only passes."""

    day: float = 1000.0
    real: float = 50.0
    jumps: list[float] = field(default_factory=list)  # by which it is set, one at each sleep

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.real += seconds
        self.day += seconds + (self.jumps.pop(0) if self.jumps else 0.0)

    @property
    def clock(self) -> Clock:
        """As the code takes it."""
        return Clock(lambda: self.day, lambda: self.real, self.sleep)


def wait(there: Rotation, request: Request, time: Time, *, clock_wrong: bool = False) -> Outcome:
    def tell(message_id: str, values: Mapping[str, str]) -> None:
        assert values["domain"] == "example.test"

    return waited(there, request, Run(clock_wrong=clock_wrong), tell, time.clock)


def test_a_long_wait_is_left_to_a_later_run_unless_this_one_shall_stay() -> None:
    there, time = at(Step.KEEP, Strategy.DUAL), Time()
    assert wait(there, RUN, time) == Waiting(1000.0 + 86400) and time.real == 50.0
    assert wait(there, STAY, time) is None and time.real == 50.0 + 86400


def test_while_nothing_is_sent_every_run_stays() -> None:
    time = Time()
    assert wait(at(Step.DRAIN, Strategy.FIXED), RUN, time) is None and time.real == 50.0 + 90


def test_a_clock_that_is_set_meanwhile_makes_no_wait_shorter_or_longer() -> None:
    for jump in (86400.0, -86400.0):
        time = Time(jumps=[0.0, jump])
        assert wait(at(Step.DRAIN, Strategy.FIXED), RUN, time) is None
        assert time.real == 50.0 + 90, jump


def test_a_clock_that_was_put_back_since_keeps_mail_paused_for_no_longer() -> None:
    time = Time(day=1000.0 - 86400)
    assert wait(at(Step.DRAIN, Strategy.FIXED), RUN, time) is None and time.real == 50.0 + 90


def test_where_clocks_differ_no_deadline_is_believed() -> None:
    time = Time(day=1000.0 + 7 * 86400)
    why = problem("rotation.clock_stops", domain="example.test")
    for there in (at(Step.KEEP, Strategy.DUAL), at(Step.AGE, Strategy.FIXED)):
        assert wait(there, STAY, time, clock_wrong=True) == why
    assert time.real == 50.0
    # Mail that is paused waits for nobody to set a clock: the whole wait from now is enough.
    drained = wait(at(Step.DRAIN, Strategy.FIXED), RUN, time, clock_wrong=True)
    assert drained is None and time.real == 50.0 + 90


def test_an_end_that_is_written_twice_stands_once_in_the_history(tmp_path: Path) -> None:
    journal, last = Journal(tmp_path), at(Step.ERASE, Strategy.DUAL)
    other = replace(at(Step.ERASE, Strategy.DUAL), domain="second.test")
    for now in (2000.0, 2001.5):  # killed before the journal was gone, it does the step again
        journal.save(last)
        journal.save(after(last, now))
    journal.save(after(other, 2002.0))
    seen = [(each["domain"], each["ended"]) for each in journal.history()]
    assert seen == [("example.test", 2000.0), ("second.test", 2002.0)]
    assert journal.load("example.test") is None


# -- in DNS ------------------------------------------------------------------------------------


OWNER = key("pm202611a._domainkey.example.test", "TXT")
OURS, THEIRS = TXT(b"v=DKIM1; k=rsa; p=b3Vycw=="), TXT(b"v=DKIM1; k=rsa; p=dGhlaXJz")


def retired(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: tuple[TXT, ...],
    how: str = "remove",
    allowed: tuple[str, ...] = (),
) -> tuple[Outcome, set[bytes]]:
    """Retire a record that we wrote and that is now another; the outcome, and what is there."""
    ledger = Ledger(tmp_path, "example.test")
    entry = Entry(OWNER, frozenset({OURS}), 60, "written", "dkim:example.test", ClaimMode.EXCLUSIVE)
    with ledger.locked():
        ledger.save(LedgerState(entries={OWNER: entry}))
    zone = memory([rrset("pm202611a._domainkey.example.test", "TXT", 60, *there)] if there else [])
    everywhere = (ServerState("ns1", "192.0.2.1", OWNER, Verdict.OK),)
    monkeypatch.setattr(in_dns, "open_zone", lambda _: zone)
    monkeypatch.setattr(in_dns, "ledger_of", lambda _: ledger)
    monkeypatch.setattr(in_dns.propagation, "survey", lambda *_: everywhere)
    monkeypatch.setattr(InDns, "_expected", lambda *_: None)
    monkeypatch.setattr(InDns, "_delegation", lambda _: Delegation("z", (NameServer("ns1", ()),)))
    outcome = in_dns_of(allowed).retire(at(Step.RETIRE, Strategy.DUAL), how)
    found = zone.rrsets.get(OWNER)
    return outcome, {
        value.data for value in found.values if isinstance(value, TXT)
    } if found else set()


def in_dns_of(allowed: tuple[str, ...] = ()) -> InDns:
    """The DNS side of a zone."""
    found = site()
    zone = replace(found.zones[0], dns_replace=allowed)
    return InDns(found, zone, lambda *_: None, lambda _: None)


@pytest.mark.parametrize("how", ["remove", "revoke"])
@pytest.mark.parametrize("there", [(THEIRS,), (OURS, THEIRS)])
def test_an_old_record_that_somebody_has_changed_is_told_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, there: tuple[TXT, ...]
) -> None:
    outcome, left = retired(tmp_path, monkeypatch, there, how)
    assert outcome == problem("dns.conflict.edited", key=str(OWNER))
    assert left == {each.data for each in there}


def test_an_old_record_goes_or_is_revoked_and_one_that_is_gone_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert retired(tmp_path, monkeypatch, (OURS,)) == (None, set())
    assert retired(tmp_path, monkeypatch, ()) == (None, set())
    assert retired(tmp_path, monkeypatch, (OURS,), "revoke") == (None, {REVOKED.data})


def test_what_the_user_says_may_be_replaced_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = (str(OWNER),)
    outcome, left = retired(tmp_path, monkeypatch, (THEIRS,), "revoke", allowed)
    assert (outcome, left) == (None, {REVOKED.data})
