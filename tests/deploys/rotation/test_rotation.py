"""What a run does with a rotation: waits by a clock that may be set, and keeps the history once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dns import name as dns_name

from deploys.host.queued import Signed
from deploys.rotation import in_dns, on_host, revealing, steps
from deploys.rotation.in_dns import REVOKED, InDns
from deploys.rotation.on_host import OnHost
from deploys.rotation.operations import is_for_later, waited
from deploys.rotation.outcome import WAITS_FOR_QUEUE, Outcome
from deploys.rotation.request import Request
from deploys.rotation.run import Clock, Run, this_run
from deploys.rotation.wording import moment
from deploys.run.paths import key_store, state_dir
from deploys.run.paused import why_paused
from deploys.zones.key_records import is_proven
from dns_providers.base import Capabilities, ProviderError
from dns_providers.publishing.propagation import (
    Delegation,
    Expected,
    NameServer,
    ServerState,
    Verdict,
    judge,
)
from dns_providers.publishing.propagation import Outcome as Awaited
from dns_providers.rrset import TXT, Other, RRKey, RRset, Value, key
from ground.words import Words
from keys import rotation as machine
from keys.dkim import make, public_key, read
from keys.journal import Journal, JournalError
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, begin, instead
from keys.store import About
from postmaster import dkim
from postmaster.outbound import SigningKey
from postmaster.settings import Site
from probes.host.queued import Signer
from probes.host.relay import Waiting
from probes.world.dns import Answer
from probes.world.dns import Outcome as Lookup
from tests.fakes import MemoryProvider, memory
from tests.postmaster.test_settings import site

RULES = Rules(ttl=90, low_ttl=60, slack=30, keep=86400)
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


def run_at(time: Time, *, agree: bool | None = True, set_by: float = 0.0) -> Run:
    """A run that has compared its clock, which is set by so much since."""
    run = Run(clock=time.clock)
    if agree is not None:
        run.compared(agree=agree)
    time.day += set_by
    return run


def wait(there: Rotation, run: Run) -> Outcome:
    def tell(words: Words) -> None:
        assert words.named["domain"] == "example.test"

    return waited(there, run, tell)


def test_a_long_wait_is_left_to_a_later_run_unless_this_one_shall_stay() -> None:
    there, time = at(Step.KEEP, Strategy.DUAL), Time()
    run = run_at(time)
    assert is_for_later(there, RUN, run) and not is_for_later(there, STAY, run)
    assert wait(there, run) is None and time.real == 50.0 + 86400
    assert not is_for_later(there, RUN, run)


def test_while_nothing_is_sent_every_run_stays() -> None:
    there, time = at(Step.DRAIN, Strategy.FIXED), Time()
    run = run_at(time)
    assert not is_for_later(there, RUN, run)
    assert wait(there, run) is None and time.real == 50.0 + 90


def test_a_clock_that_is_set_meanwhile_makes_no_wait_shorter_or_longer() -> None:
    for jump in (86400.0, -86400.0):
        time = Time(jumps=[0.0, jump])
        assert wait(at(Step.DRAIN, Strategy.FIXED), run_at(time)) is None
        assert time.real == 50.0 + 90, jump


def test_a_clock_that_was_put_back_since_keeps_mail_paused_for_no_longer() -> None:
    time = Time(day=1000.0 - 86400)
    assert wait(at(Step.DRAIN, Strategy.FIXED), run_at(time)) is None and time.real == 50.0 + 90


NOT_TRUSTED = Words.of("rotation.clock_stops", domain="example.test")


@pytest.mark.parametrize(
    ("agree", "set_by"),
    [(False, 0.0), (None, 0.0), (True, 7 * 86400.0), (True, -7 * 86400.0)],
    ids=["hosts differ", "no host was asked", "set forward meanwhile", "set back meanwhile"],
)
def test_where_the_clock_cannot_be_trusted_no_deadline_is_believed(
    agree: bool | None, set_by: float
) -> None:
    for there in (at(Step.KEEP, Strategy.DUAL), at(Step.AGE, Strategy.FIXED)):
        time = Time()
        run = run_at(time, agree=agree, set_by=set_by)
        assert not is_for_later(there, RUN, run), "it would end without a word"
        assert wait(there, run) == NOT_TRUSTED and time.real == 50.0
    # Mail that is paused waits for nobody to set a clock: the whole wait from now is enough.
    time = Time()
    run = run_at(time, agree=agree, set_by=set_by)
    assert wait(at(Step.DRAIN, Strategy.FIXED), run) is None and time.real == 50.0 + 90


def test_one_host_that_differs_is_not_outvoted() -> None:
    run = Run(clock=Time().clock)
    for agree in (True, False, True):
        run.compared(agree=agree)
    assert not run.trusts_clock


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


def test_a_rotation_whose_place_is_taken_goes_into_the_history_once(tmp_path: Path) -> None:
    journal, there = Journal(tmp_path), at(Step.KEEP, Strategy.DUAL)
    taken = instead(there, replace(at(Step.MAKE, Strategy.DUAL, emergency=True), started=3000.0))
    journal.save(there)
    journal.supersede(there, taken)
    assert journal.load("example.test") == taken and taken.superseded == (OLD,)
    # Killed before it was the one that is going on, the run does it again.
    journal.save(there)
    journal.supersede(there, replace(taken, started=3001.0))
    journal.save(replace(taken, step=Step.DONE, entered=4000.0))
    first, second = journal.history()
    assert (first["started"], first["ended"], first["superseded"]) == (1000.0, 3000.0, [])
    assert [each["name"] for each in second["superseded"]] == [OLD.name]


# -- in DNS ------------------------------------------------------------------------------------


THEIRS = TXT(b"v=DKIM1; k=rsa; p=dGhlaXJz")
EVERYWHERE = ("198.51.100.1", "198.51.100.2")


@dataclass
class World:
    """A zone at a provider, its two name servers, a resolver; and the site's own files.

    down: name servers that do not answer. behind: what one shows instead of the zone. follows:
    it shows the zone as soon as somebody waits for that. cached: what one shows of records that
    are to be gone.
    """

    site: Site
    zone: MemoryProvider
    rotation: Rotation
    down: set[str] = field(default_factory=set)
    behind: dict[str, frozenset[Value]] = field(default_factory=dict)
    cached: dict[str, frozenset[Value]] = field(default_factory=dict)
    follows: bool = False
    refuses: bool = False
    allowed: tuple[str, ...] = ()
    told: list[str] = field(default_factory=list)

    @property
    def in_dns(self) -> InDns:
        """What is tested."""
        zone = replace(self.site.zones[0], dns_replace=self.allowed)
        passed = iter(range(0, 10_000, 60))  # no test waits: each look is a minute later
        return InDns(
            self.site,
            zone,
            lambda words: self.told.append(words.id),
            lambda _: None,
            lambda: float(next(passed)),
            lambda _: None,
        )

    def open(self) -> MemoryProvider:
        """The provider, when it lets us in."""
        if self.refuses:
            raise ProviderError("dns.error.no_soa", zone="example.test")
        return self.zone

    def goes_to(self, step: Step) -> Rotation:
        """Have the rotation come to a step, with all that stands before it in DNS."""
        while self.rotation.step is not step:
            if self.rotation.step is Step.PUBLISH:
                assert self.in_dns.publish(self.rotation) is None
            self.rotation = after(self.rotation, 1000.0)
            Journal(state_dir()).save(self.rotation)
        return self.rotation

    def owner(self, ref: KeyRef) -> RRKey:
        """Where a key's record is."""
        return key(dkim.owner(ref.selector, "example.com"), "TXT")

    def values(self, ref: KeyRef) -> frozenset[Value]:
        """What the provider has of a key's record."""
        found = self.zone.rrsets.get(self.owner(ref))
        return found.values if found else frozenset()

    def right(self, ref: KeyRef) -> frozenset[Value]:
        """What a key's record is to be."""
        public = key_store().public_of("example.com", ref.name)
        assert public
        return frozenset({dkim.record(public)})

    def becomes(self, ref: KeyRef, *values: Value) -> None:
        """Somebody changes a key's record, or takes it out."""
        owner = self.owner(ref)
        self.zone.rrsets.pop(owner, None)
        if values:
            self.zone.rrsets[owner] = RRset(owner, 60, frozenset(values))

    def survey(self, expected: Sequence[Expected], *_: object) -> tuple[ServerState, ...]:
        """What each server says."""
        return tuple(
            ServerState(f"ns{where[-1]}", where, each.key, self._verdict(where, each))
            for where in EVERYWHERE
            for each in expected
        )

    def _verdict(self, where: str, expected: Expected) -> Verdict:
        if where in self.down:
            return Verdict.TIMEOUT
        rrset = self.zone.rrsets.get(expected.key)
        shown = self.behind.get(where, rrset.values if rrset else frozenset())
        if expected.gone:
            shown = self.cached.get(where, shown)
            return Verdict.STALE if shown & expected.values else Verdict.OK
        if not shown:
            return Verdict.NXDOMAIN
        return Verdict.OK if shown == expected.values else Verdict.STALE

    def wait(self, expected: Sequence[Expected], *_: object, **__: object) -> Awaited:
        """The end of a wait."""
        if self.follows:
            self.behind = {}
        states = self.survey(expected)
        failures, silent = judge(states)
        return Awaited(not failures, states, failures, silent)

    def answer(self, owner: str, rtype: str, resolver: str, *_: object) -> Answer:
        """What a resolver says, which caches nothing."""
        found = self.zone.rrsets.get(key(owner, rtype))
        outcome = Lookup.ANSWER if found else Lookup.NXDOMAIN
        return Answer(owner, rtype, outcome, found.values if found else frozenset(), resolver)


Build = Callable[[Strategy], World]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds one where a rotation of example.com's key begins."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))

    def build(strategy: Strategy) -> World:
        store, mode = key_store(), "relay" if strategy is Strategy.DUAL else "direct"
        selector = "pm202611a" if strategy is Strategy.DUAL else "default"
        fresh = KeyRef("pm202611b", "pm202611b" if strategy is Strategy.DUAL else selector)
        store.create("example.com", selector, bits=1024)
        store.set_current("example.com", selector)
        store.create("example.com", fresh.selector, fresh.name, 1024)
        made = {name: key_store().public_of("example.com", name) for name in (selector, fresh.name)}
        sums = {name: each.fingerprint for name, each in made.items() if each}
        old = KeyRef(selector, selector, sums[selector])
        fresh = replace(fresh, fingerprint=sums[fresh.name])
        start = begin("example.com", strategy, old, fresh, RULES, 1000.0)
        zone = memory([], "example.com")
        found = World(site(outbound=mode), zone, start)
        monkeypatch.setattr(in_dns, "open_zone", lambda _: found.open())
        monkeypatch.setattr(in_dns.propagation, "survey", found.survey)
        monkeypatch.setattr(in_dns.propagation, "wait", found.wait)
        monkeypatch.setattr(in_dns.dns, "ask_one", found.answer)
        monkeypatch.setattr(InDns, "_delegation", lambda _: Delegation("example.com", ()))
        Journal(state_dir()).save(start)
        assert found.in_dns.publish(start) is None
        return found

    return build


# -- proof -------------------------------------------------------------------------------------


def looks(world: World, step: Step) -> Outcome:
    """Do a step that looks at the new key's record."""
    there = world.rotation
    effects = {
        Step.PROVE: world.in_dns.prove,
        Step.DRAIN: world.in_dns.drained,
        Step.SWITCH: world.in_dns.still_shown,
        Step.RETIRE: partial(world.in_dns.retire, how="remove"),
    }
    return effects[step](there)


LOOKS = [
    *((Strategy.DUAL, step) for step in (Step.PROVE, Step.SWITCH, Step.RETIRE)),
    *((Strategy.FIXED, step) for step in (Step.PROVE, Step.DRAIN, Step.SWITCH)),
]
each_look = pytest.mark.parametrize(("strategy", "step"), LOOKS)


@each_look
def test_a_new_record_that_somebody_has_changed_is_told_as_that_and_left_alone(
    world: Build, strategy: Strategy, step: Step
) -> None:
    there = world(strategy)
    new = there.goes_to(step).new
    there.becomes(new, THEIRS)
    there.allowed = (str(there.owner(new)),)  # dns_replace is no answer for a key record
    assert looks(there, step) == Words.of("dns.conflict.key_changed", key=str(there.owner(new)))
    assert there.values(new) == {THEIRS}


@each_look
def test_a_new_record_that_is_gone_is_put_back_and_the_servers_have_to_follow(
    world: Build, strategy: Strategy, step: Step
) -> None:
    there = world(strategy)
    new = there.goes_to(step).new
    there.becomes(new)
    there.behind, there.follows = {EVERYWHERE[1]: frozenset({THEIRS})}, True
    assert looks(there, step) is None and there.values(new) == there.right(new)
    assert not there.behind


@each_look
def test_a_provider_that_refuses_does_not_hide_what_the_servers_show(
    world: Build, strategy: Strategy, step: Step
) -> None:
    there = world(strategy)
    new = there.goes_to(step).new
    there.becomes(new, THEIRS)
    there.refuses = True
    outcome = looks(there, step)
    assert outcome is not None and "dns.error" not in outcome.id
    assert there.values(new) == {THEIRS}


@pytest.mark.parametrize("strategy", Strategy)
def test_the_signer_gets_no_key_that_a_server_denies_but_needs_not_all_servers_to_run(
    world: Build, strategy: Strategy
) -> None:
    there = world(strategy)
    there.goes_to(Step.SWITCH)
    there.down = {EVERYWHERE[1]}
    assert looks(there, Step.SWITCH) is None
    for shown in (frozenset[Value](), frozenset[Value]({THEIRS})):
        there.behind = {EVERYWHERE[0]: shown or frozenset({REVOKED})}
        outcome = looks(there, Step.SWITCH)
        assert outcome is not None and outcome.id == "rotation.not_everywhere"
    there.down, there.behind = set(EVERYWHERE), {}
    outcome = looks(there, Step.SWITCH)
    assert outcome is not None and outcome.id == "rotation.not_everywhere"


def test_the_old_record_stays_while_any_server_has_not_the_new_one(world: Build) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    for down, behind in (({EVERYWHERE[0]}, {}), (set(), {EVERYWHERE[1]: frozenset({THEIRS})})):
        there.down, there.behind = down, behind
        outcome = looks(there, Step.RETIRE)
        assert outcome is not None and outcome.id == "rotation.not_everywhere"
        assert there.values(old) == there.right(old)


# -- the old record ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["remove", "revoke"])
@pytest.mark.parametrize("ours_too", [False, True])
def test_an_old_record_that_somebody_has_changed_is_told_and_left_alone(
    world: Build, how: str, ours_too: bool
) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    values = {THEIRS, *(there.right(old) if ours_too else ())}
    there.becomes(old, *values)
    outcome = there.in_dns.retire(there.rotation, how)
    assert outcome == Words.of("dns.conflict.key_changed", key=str(there.owner(old)))
    assert there.values(old) == values


@pytest.mark.parametrize(("how", "left"), [("remove", set()), ("revoke", {REVOKED})])
@pytest.mark.parametrize("gone", [False, True])
def test_an_old_record_goes_or_is_revoked(
    world: Build, how: str, left: set[Value], gone: bool
) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    if gone:
        there.becomes(old)
    assert there.in_dns.retire(there.rotation, how) is None
    assert there.values(old) == left and REVOKED.data == b"v=DKIM1; p="


@pytest.mark.parametrize(("how", "left"), [("remove", {THEIRS}), ("revoke", {REVOKED})])
def test_where_the_user_lets_somebody_elses_record_be_replaced_it_is_and_never_removed(
    world: Build, how: str, left: set[Value]
) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    there.becomes(old, THEIRS)
    there.allowed = (str(there.owner(old)),)
    assert there.in_dns.retire(there.rotation, how) is None
    assert there.values(old) == left


@pytest.mark.parametrize("step", [Step.KEEP, Step.RETIRE, Step.ERASE])
def test_with_a_leaked_key_goes_the_old_one_of_the_rotation_that_brought_it(
    world: Build, step: Step
) -> None:
    there = world(Strategy.DUAL)
    first = there.goes_to(step)
    if step is Step.ERASE:
        there.rotation = replace(first, step=Step.RETIRE)
        assert there.in_dns.retire(there.rotation, "remove") is None
    third = KeyRef("pm202611c", "pm202611c")
    key_store().create("example.com", third.selector, third.name, 1024)
    leaked = begin("example.com", Strategy.DUAL, first.new, third, RULES, 2.0, emergency=True)
    there.rotation = instead(first, leaked)
    taken = there.goes_to(Step.RETIRE)
    # One that somebody has changed is left alone, and the other stays with it until that is mended.
    there.becomes(first.new, THEIRS)
    told = there.in_dns.retire(taken, "revoke")
    assert told == Words.of("dns.conflict.key_changed", key=str(there.owner(first.new)))
    there.becomes(first.new, *there.right(first.new))
    assert there.in_dns.retire(taken, "revoke") is None
    assert there.values(first.old) == (set() if step is Step.ERASE else {REVOKED})
    assert there.values(first.new) == {REVOKED}
    assert there.values(third) == there.right(third)


@pytest.mark.parametrize(("how", "left"), [("remove", set()), ("revoke", {REVOKED})])
@pytest.mark.parametrize("lost", ["the ledger", "what it says: it found the record there"])
@pytest.mark.parametrize("written", ["", "v=DKIM1; t=s; h=sha256; k=rsa; p="])
def test_an_old_record_goes_by_its_key_when_the_ledger_does_not_know_it_as_ours(
    world: Build, how: str, left: set[Value], lost: str, written: str
) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    (right,) = there.right(old)
    assert isinstance(right, TXT)
    if written:
        there.becomes(old, TXT(written.encode() + dkim.public_data(right.data).encode()))
    ledger = in_dns.ledger_of("example.com")
    known = ledger.load()
    entries = {owner: each for owner, each in known.entries.items() if owner != there.owner(old)}
    if lost != "the ledger":
        found = replace(known.entries[there.owner(old)], origin="adopted")
        entries[there.owner(old)] = replace(found, values=there.values(old))
    ledger.save(replace(known, entries=entries))
    assert there.in_dns.retire(there.rotation, how) is None
    assert there.values(old) == left


def test_what_cannot_be_taken_out_is_told_with_what_to_delete(world: Build) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    there.becomes(old, THEIRS, *there.right(old))
    ledger = in_dns.ledger_of("example.com")
    ledger.path.unlink()
    told = there.in_dns.retire(there.rotation, "remove")
    assert told is not None and told.id == "rotation.still_published"
    (right,) = there.right(old)
    assert isinstance(right, TXT)
    assert told.named["key"] == str(there.owner(old))
    assert told.named["values"] == f'"{right.data.decode()}"'
    # A record of somebody else's key is none of ours, and stays.
    there.becomes(old, THEIRS)
    assert there.in_dns.retire(there.rotation, "remove") is None
    assert there.values(old) == {THEIRS}


def test_no_record_is_retired_before_every_server_has_ceased_to_show_it(world: Build) -> None:
    there = world(Strategy.DUAL)
    old = there.goes_to(Step.RETIRE).old
    there.cached = {EVERYWHERE[1]: there.right(old)}
    for how, left in (("remove", set[Value]()), ("revoke", {REVOKED}), ("remove", {REVOKED})):
        # Killed in between or not, it is looked for again; what is gone stays so.
        told = there.in_dns.retire(there.rotation, how)
        assert told is not None and told.id == "rotation.still_shown"
        assert EVERYWHERE[1] in told.named["servers"]
        assert there.values(old) <= left | {REVOKED}
    there.cached = {}
    assert there.in_dns.retire(there.rotation, "remove") is None


# -- a zone that is no longer what it was ------------------------------------------------------


def test_with_another_provider_nothing_is_published_where_nobody_would_see_it(
    world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(Strategy.FIXED)
    first = there.goes_to(Step.PUBLISH)
    # The inventory has one that has the zone, too, and is asked by nobody.
    elsewhere = memory([], "example.com")
    name = dns_name.from_text("ns1.elsewhere.test").to_wire()
    assert name
    servers = RRset(key("example.com", "NS"), 60, frozenset({Other(name, "")}))
    elsewhere.rrsets[servers.key] = servers
    at_home, there.zone = there.zone, elsewhere
    delegated = Delegation("example.com", (NameServer("ns1.home.test", ("192.0.2.1",)),))
    monkeypatch.setattr(InDns, "_delegation", lambda _: delegated)
    there.behind = {where: at_home.rrsets[there.owner(first.old)].values for where in EVERYWHERE}
    told = there.in_dns.publish(first)
    assert told is not None and told.id == "rotation.other_provider"
    assert "ns1.elsewhere.test" in told.named["reason"]
    assert not there.values(first.new)
    # On the way back the servers have it already: nothing stands in the way of mail.
    back = machine.back(first, 1000.0)
    assert there.in_dns.publish(replace(back, step=Step.PUBLISH)) is None
    assert there.in_dns.shows_old(first)
    there.behind = {where: there.right(first.new) for where in EVERYWHERE}
    assert not there.in_dns.shows_old(first)


def test_another_ttl_in_the_middle_changes_nothing_before_the_end(world: Build) -> None:
    there = world(Strategy.FIXED)
    raised = replace(there.site.zones[0], ttl=7200)
    there.site = replace(there.site, zones=(raised,))
    served = []
    for step in (Step.LOWER, Step.PUBLISH, Step.RESTORE):
        there.goes_to(step)
        assert there.in_dns.publish(there.rotation) is None
        served.append(there.zone.rrsets[there.owner(there.rotation.new)].ttl)
    assert served == [RULES.low_ttl, RULES.low_ttl, RULES.ttl]
    assert there.rotation.rules == RULES


# -- the queue ---------------------------------------------------------------------------------


def in_queue(queue_id: str, queue: str = "deferred", since: int = 1000) -> Waiting:
    """A message that waits."""
    return Waiting(queue_id, queue, since, "a@example.com", "b@recv.test", "")


@pytest.mark.parametrize("back", [False, True])
def test_the_old_record_waits_for_what_its_key_has_signed_and_is_still_in_the_queue(
    monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    third = KeyRef("pm202610a", "pm202610a")
    there = replace(at(Step.EMPTY, Strategy.DUAL), superseded=(third,), going_back=back)
    asked, time = list[frozenset[Signer]](), Time()
    left = [(in_queue("1", "active"), in_queue("2")), (in_queue("2"),), ()]

    def look(host: object, signers: frozenset[Signer], before: float | None) -> Signed:
        assert before == 1000.0 + 300  # no later message can have it
        asked.append(signers)
        return Signed(left.pop(0) if left[1:] else left[0])

    monkeypatch.setattr(on_host.queued, "signed_with", look)
    host: Any = SimpleNamespace(name="mx1")
    server: Any = SimpleNamespace(relay=SimpleNamespace(retry_for=50))
    here = OnHost(cast(Any, None), host, server, site(), lambda _: None)
    assert here.empty(there, time.clock) is None and not left[0]
    names = [OLD.name] if back else [OLD.name, third.name]
    assert set(asked) == {frozenset(("example.test", name) for name in names)}
    # What does not go in a while is told, and waited for by another run.
    left[:] = [tuple(in_queue(str(number), since=number) for number in range(1, 23))]
    told = here.empty(there, time.clock)
    assert told is not None and told.id == WAITS_FOR_QUEUE
    assert told.named["ids"] == ", ".join([*map(str, range(1, 21)), "…"])
    assert (told.named["count"], told.named["until"]) == ("22", moment(22 + 50))
    left[:] = [(in_queue("1"), in_queue("2", "hold"))]
    told = here.empty(there, time.clock)
    assert told == Words.of("rotation.queue_held", domain="example.test", host="mx1", ids="2")


def test_a_key_that_nobody_saw_waits_for_no_queue() -> None:
    unseen = machine.back(at(Step.PROVE, Strategy.DUAL), 1000.0)
    seen = machine.back(at(Step.VERIFY, Strategy.DUAL), 1000.0)
    assert Step.EMPTY not in machine.coming(unseen, 1000.0, stays=True)
    assert Step.EMPTY in machine.coming(seen, 1000.0, stays=True)


# -- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("served", "least", "low"),
    [(3600, 1, 60), (3600, 60, 60), (3600, 61, 61), (3600, 600, 600), (30, 1, 30), (300, 600, 300)],
)
def test_the_times_of_a_rotation_are_those_of_the_settings_the_record_and_the_provider(
    monkeypatch: pytest.MonkeyPatch, served: int, least: int, low: int
) -> None:
    limits = Capabilities("zone", "native", min_ttl=least)
    monkeypatch.setattr(InDns, "served_ttl", lambda *_: served)
    monkeypatch.setattr(steps, "open_zone", lambda _: SimpleNamespace(capabilities=limits))
    there = site(dkim_keep_days=9, dkim_ttl_slack=45)
    signing = SigningKey("example.com", "pm202611a", ("example.com",))
    times = steps._rules(there, there.servers[0], signing, OLD)
    assert times == Rules(ttl=served, low_ttl=low, slack=45, keep=9 * 86400)


def test_a_private_key_is_not_revealed_before_the_last_mail_and_the_last_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = site(dkim_keep_days=9, dkim_ttl_slack=45)
    retired = datetime(2026, 11, 1, tzinfo=UTC)
    public = public_key(read(make(1024)))
    about = About("pm202610a", "pm202610a", public, retired, retired=retired)
    end = retired.timestamp() + 9 * 86400 + 45 + there.zones[0].ttl
    monkeypatch.setattr(revealing, "_served", lambda *_: [])
    answers = []
    for now in (end - 1, end):
        monkeypatch.setattr(revealing.time, "time", lambda now=now: now)
        answers.append(revealing._too_early(about, "example.com", there.servers[0], there))
    assert answers[0] and answers[1] is None
    monkeypatch.setattr(revealing, "_served", lambda *_: ["ns1 (192.0.2.1)"])
    still = revealing._too_early(about, "example.com", there.servers[0], there)
    assert still and "ns1 (192.0.2.1)" in still


# -- TTLs and resolvers ------------------------------------------------------------------------


def serving(monkeypatch: pytest.MonkeyPatch, *looks: Mapping[str, int | None]) -> None:
    """Have the servers give the record with these TTLs, look after look, the last one for ever."""
    left = list(looks)
    monkeypatch.setattr(
        in_dns.propagation, "served_ttls", lambda *_: left.pop(0) if left[1:] else left[0]
    )


def test_a_low_ttl_is_waited_for_at_every_server(
    world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(Strategy.FIXED)
    serving(monkeypatch, {}, {"ns1": 60, "ns2": 3600}, {"ns1": 60, "ns2": None}, {"ns1": 60})
    assert there.in_dns.lower(there.rotation) is None


def test_servers_that_keep_the_old_ttl_are_told_by_their_names(
    world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(Strategy.FIXED)
    serving(monkeypatch, {"ns3": 61, "ns2": None, "ns1": 60})
    told = there.in_dns.lower(there.rotation)
    assert told == Words.of("rotation.ttl_not_served", ttl="60", servers="ns2, ns3")


def test_the_longest_ttl_that_a_server_gives_counts(
    world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(Strategy.FIXED)
    served = partial(there.in_dns.served_ttl, there.rotation.old, "example.com")
    serving(monkeypatch, {"ns1": 60, "ns2": 7200, "ns3": None})
    assert served() == 7200
    serving(monkeypatch, {"ns1": None})
    assert served() == there.site.zones[0].ttl


def test_resolvers_that_have_the_old_record_are_waited_for_and_told(
    world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(Strategy.DUAL)
    there.goes_to(Step.PROVE)
    late = iter(range(4))  # questions that are answered from a cache

    def answer(owner: str, rtype: str, resolver: str, *_: object) -> Answer:
        found = there.answer(owner, rtype, resolver)
        return replace(found, values=frozenset({THEIRS})) if next(late, None) is not None else found

    monkeypatch.setattr(in_dns.dns, "ask_one", answer)
    assert looks(there, Step.PROVE) is None
    assert "rotation.asking_resolvers" in there.told


def test_resolvers_that_never_follow_are_told_by_their_addresses(
    world: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = world(Strategy.DUAL)
    there.goes_to(Step.PROVE)

    def answer(owner: str, rtype: str, resolver: str, *_: object) -> Answer:
        return replace(there.answer(owner, rtype, resolver), values=frozenset({THEIRS}))

    monkeypatch.setattr(in_dns.dns, "ask_one", answer)
    resolvers = ", ".join(there.site.servers[0].resolvers)
    assert looks(there, Step.PROVE) == Words.of(
        "rotation.resolvers_late", domain="example.com", resolvers=resolvers
    )
    # A resolver that does not answer at all holds nobody up, and a leak waits for no cache.
    monkeypatch.setattr(
        in_dns.dns, "ask_one", lambda owner, rtype, *_: Answer(owner, rtype, Lookup.TIMEOUT)
    )
    assert looks(there, Step.PROVE) is None


@pytest.mark.parametrize(("strategy", "waits"), [(Strategy.FIXED, False), (Strategy.DUAL, True)])
def test_a_leaked_key_of_one_selector_waits_for_no_resolver(
    world: Build, monkeypatch: pytest.MonkeyPatch, strategy: Strategy, waits: bool
) -> None:
    there = world(strategy)
    there.goes_to(Step.PROVE)
    there.rotation = replace(there.rotation, emergency=True)
    monkeypatch.setattr(
        in_dns.dns, "ask_one", lambda owner, rtype, *_: Answer(owner, rtype, Lookup.NXDOMAIN)
    )
    assert (looks(there, Step.PROVE) is not None) is waits


def test_a_record_is_proven_once_every_server_shows_it(world: Build) -> None:
    there = world(Strategy.DUAL)
    new = there.goes_to(Step.PROVE).new
    there.down = {EVERYWHERE[0]}
    told = looks(there, Step.PROVE)
    assert told is not None and told.id == "rotation.not_everywhere"
    signing = SigningKey("example.com", new.selector, ("example.com",))
    assert not is_proven(there.site, signing)
    there.down = set()
    assert looks(there, Step.PROVE) is None and is_proven(there.site, signing)


def test_a_key_that_is_not_in_the_store_is_not_published(world: Build) -> None:
    there = world(Strategy.DUAL)
    there.goes_to(Step.PROVE)
    new = there.rotation.new
    key_store().file("example.com", new.name).unlink()
    assert there.in_dns.publish(there.rotation) == Words.of("rotation.no_key", domain="example.com")
    assert looks(there, Step.PROVE) == Words.of("rotation.no_key", domain="example.com")


# -- the run -----------------------------------------------------------------------------------


def test_hosts_wait_for_each_other_before_a_rotation_begins() -> None:
    time = Time()
    run = Run(clock=time.clock)
    servers = frozenset({"a", "b"})

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        run.prepared.add("a" if "b" in run.prepared else "b")

    run.clock = Clock(time.clock.now, time.clock.passed, sleep)
    run.await_prepared(servers)
    assert run.prepared == servers
    run.await_prepared(frozenset({"a"}))
    assert time.real == pytest.approx(50.1)


def test_a_clock_may_drift_by_five_minutes_and_no_more() -> None:
    assert run_at(Time(), set_by=300.0).trusts_clock
    assert not run_at(Time(), set_by=301.0).trusts_clock
    assert this_run() is this_run() and not this_run().trusts_clock
    clock = Clock()
    assert clock.passed() <= clock.passed() and clock.offset == pytest.approx(clock.offset, abs=60)


def test_while_a_rotation_has_paused_mail_no_other_run_changes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path))
    journal = Journal(tmp_path)
    assert why_paused() is None
    journal.save(at(Step.AGE, Strategy.FIXED))
    assert why_paused() is None
    for domain in ("b.test", "a.test"):
        journal.save(replace(at(Step.DRAIN, Strategy.FIXED), domain=domain))
    refused = str(why_paused())
    assert "a.test, b.test" in refused and "example.test" not in refused
    (tmp_path / "rotation" / "a.test.json").write_text("{")
    with pytest.raises(JournalError, match=r"a\.test\.json"):
        why_paused()
