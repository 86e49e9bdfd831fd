"""Rotation: whatever stops it or turns it back, no signature is made that cannot be verified."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ground.words import Words
from keys.rotation import (
    STEPS,
    KeyRef,
    Rotation,
    Rules,
    Step,
    Strategy,
    TooLate,
    after,
    back,
    begin,
    coming,
    failed,
    forecast,
    hurry,
    instead,
    left,
    old_enough,
    steps_of,
    turns_by_itself,
)

RULES = Rules(ttl=3600, low_ttl=60, slack=60, keep=7 * 86400)
OLD = {Strategy.DUAL: KeyRef("pm202611a", "pm202611a"), Strategy.FIXED: KeyRef("one", "default")}
NEW = {Strategy.DUAL: KeyRef("pm202611b", "pm202611b"), Strategy.FIXED: KeyRef("two", "default")}


def started(strategy: Strategy, *, emergency: bool = False) -> Rotation:
    old, new = OLD[strategy], NEW[strategy]
    return begin("example.test", strategy, old, new, RULES, 0.0, emergency=emergency)


def walked(rotation: Rotation, to: Step) -> Rotation:
    while rotation.step is not to:
        assert not rotation.ended, f"{to} is no step of this rotation"
        rotation = after(rotation, rotation.entered + 1)
    return rotation


def path(rotation: Rotation) -> list[str]:
    found = []
    while not rotation.ended:
        found.append(str(rotation.step))
        rotation = after(rotation, rotation.entered + 1)
    return found


def test_the_steps_of_each_strategy() -> None:
    assert " ".join(path(started(Strategy.DUAL))) == (
        "make publish prove install switch verify keep empty retire erase"
    )
    assert " ".join(path(started(Strategy.FIXED))) == (
        "make lower age pause publish prove drain switch resume verify restore keep erase"
    )


def test_an_emergency_waits_for_nothing_but_the_servers() -> None:
    assert " ".join(path(started(Strategy.DUAL, emergency=True))) == (
        "make publish prove install switch verify retire erase"
    )
    assert " ".join(path(started(Strategy.FIXED, emergency=True))) == (
        "make pause publish prove switch resume verify restore erase"
    )


def test_an_emergency_in_a_rotation_ends_its_wait() -> None:
    assert hurry(walked(started(Strategy.FIXED), Step.DRAIN), 9.0).step is Step.SWITCH
    assert hurry(walked(started(Strategy.DUAL), Step.PROVE), 9.0).step is Step.PROVE


def test_a_leaked_key_that_is_the_new_one_is_replaced_and_the_old_one_goes_with_it() -> None:
    keeping = walked(started(Strategy.DUAL), Step.KEEP)
    leaked, third = keeping.new, KeyRef("pm202611c", "pm202611c")
    taken = instead(keeping, begin_after(keeping, third, 9.0))
    assert path(taken) == [
        "make",
        "publish",
        "prove",
        "install",
        "switch",
        "verify",
        "retire",
        "erase",
    ]
    assert (taken.signs, taken.new) == (leaked, third)
    assert taken.leaving == (leaked, OLD[Strategy.DUAL])
    # Turned back, it takes nothing of what the first one kept.
    assert back(walked(taken, Step.INSTALL), 9.0).leaving == (third,)


def test_only_a_key_that_was_in_use_all_the_time_is_returned_to() -> None:
    fixed = started(Strategy.FIXED)
    assert back(walked(fixed, Step.PROVE), 9.0).returns and not fixed.returns
    assert back(walked(fixed, Step.AGE), 9.0).returns  # paused: its way back begins with RESUME
    switched = walked(fixed, Step.RESTORE)
    assert not back(switched, 9.0).returns and back(switched, 9.0).going_back
    # Nothing was paused here: what signs has not changed, and is replaced as ever.
    gone = back(walked(started(Strategy.DUAL), Step.INSTALL), 9.0)
    assert gone.switched and not gone.returns


def begin_after(rotation: Rotation, fresh: KeyRef, now: float) -> Rotation:
    """An emergency for the key that a rotation has brought into use."""
    return begin(
        rotation.domain, rotation.strategy, rotation.new, fresh, RULES, now, emergency=True
    )


def test_waits_end_when_no_cache_can_have_the_old_record() -> None:
    ageing = walked(started(Strategy.FIXED), Step.AGE)
    assert ageing.deadline == ageing.entered + 3600 + 60
    draining = walked(started(Strategy.FIXED), Step.DRAIN)
    assert draining.deadline == draining.entered + 60 + 60
    assert walked(started(Strategy.DUAL), Step.PROVE).deadline is None


def test_a_run_does_what_is_due_until_a_wait_that_it_does_not_stay_for() -> None:
    dual, fixed = started(Strategy.DUAL), started(Strategy.FIXED)
    assert " ".join(coming(dual, 0.0, stays=False)) == "make publish prove install switch verify"
    assert coming(dual, 0.0, stays=True) == steps_of(Strategy.DUAL)
    assert " ".join(coming(fixed, 0.0, stays=False)) == "make lower"
    # Paused, every run stays.
    paused = walked(fixed, Step.PAUSE)
    assert " ".join(coming(paused, paused.entered, stays=False)) == (
        "pause publish prove drain switch resume verify restore"
    )
    kept = walked(dual, Step.KEEP)
    assert coming(kept, kept.entered + RULES.keep - 1, stays=False) == ()
    assert (
        " ".join(coming(kept, kept.entered + RULES.keep, stays=False)) == "keep empty retire erase"
    )


def test_a_problem_stays_until_its_step_is_done() -> None:
    stuck = failed(walked(started(Strategy.DUAL), Step.PROVE), Words("rotation.busy"))
    assert stuck.step is Step.PROVE and stuck.problem
    assert after(stuck, 9.0).problem is None


def test_there_is_no_way_back_once_the_old_record_goes() -> None:
    with pytest.raises(TooLate):
        back(walked(started(Strategy.DUAL), Step.RETIRE), 9.0)
    with pytest.raises(TooLate):
        back(walked(started(Strategy.FIXED), Step.ERASE), 9.0)


def test_there_is_no_way_back_to_a_key_that_has_leaked() -> None:
    with pytest.raises(TooLate):
        back(walked(started(Strategy.DUAL, emergency=True), Step.VERIFY), 9.0)


def test_a_key_that_never_signed_is_just_withdrawn() -> None:
    gone = back(walked(started(Strategy.DUAL), Step.INSTALL), 9.0)
    assert path(gone) == ["retire", "erase"] and gone.published == (OLD[Strategy.DUAL],)
    gone = back(walked(started(Strategy.FIXED), Step.AGE), 9.0)
    assert path(gone) == ["resume", "verify", "restore", "erase"]
    assert gone.published == (OLD[Strategy.FIXED],) and gone.old == NEW[Strategy.FIXED]


def test_a_key_that_signed_is_replaced_as_carefully_as_it_came() -> None:
    returning = back(walked(started(Strategy.DUAL), Step.KEEP), 9.0)
    assert path(returning)[0] == "prove" and "keep" in path(returning)


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("emergency", [False, True])
def test_what_turns_back_by_itself_can_and_only_once(strategy: Strategy, emergency: bool) -> None:
    rotation, turned = started(strategy, emergency=emergency), []
    while not rotation.ended:
        if turns_by_itself(rotation):
            turned.append(rotation.step)
            returning = back(rotation, 9.0)
            assert not any(turns_by_itself(walked(returning, each)) for each in STEPS_OF[strategy])
        rotation = after(rotation, rotation.entered + 1)
    fixed = strategy is Strategy.FIXED and not emergency
    assert turned == ([Step.PUBLISH, Step.PROVE] if fixed else [])


STEPS_OF = {Strategy.DUAL: (Step.RETIRE,), Strategy.FIXED: (Step.PUBLISH, Step.PROVE, Step.SWITCH)}


def test_a_wait_ends_at_its_time_and_is_never_longer_than_it_was_to_be() -> None:
    ageing = walked(started(Strategy.FIXED), Step.AGE)
    whole, begun = 3600 + 60, ageing.entered
    assert left(ageing, begun) == whole and left(ageing, begun + 100) == whole - 100
    assert left(ageing, begun + whole) == left(ageing, begun + 2 * whole) == 0
    # A clock that was put back since would have it wait for days.
    assert left(ageing, begun - 5 * 86400) == whole
    # Where no clock is trusted, the whole wait from now is always enough.
    assert left(ageing, begun + 5 * 86400, trusted=False) == whole
    assert left(walked(started(Strategy.FIXED), Step.PROVE), 0.0, trusted=False) == 0


def test_what_is_foretold() -> None:
    dual = forecast(Strategy.DUAL, RULES, 10, emergency=False)
    assert (dual.outage, dual.window) == (0, 0)
    fixed = forecast(Strategy.FIXED, RULES, 10, emergency=False)
    assert (fixed.outage, fixed.window) == (10 + 60 + 60, 0)
    leaked = forecast(Strategy.FIXED, RULES, 10, emergency=True)
    assert (leaked.outage, leaked.window) == (10, 3600 + 60)


# -- every interleaving ------------------------------------------------------------------------


@dataclass
class World:
    """Authoritative servers that follow the primary when they like, a signer, and a store.

    A server holds a set of (selector, key name): for a fixed selector at most one.
    """

    strategy: Strategy
    servers: list[frozenset[KeyRef]]
    primary: frozenset[KeyRef]
    signer: KeyRef
    stored: KeyRef
    paused: bool = False
    now: float = 0.0
    seen: list[str] = field(default_factory=list)

    def check(self, where: str) -> None:
        """What must hold at every moment."""
        self.seen.append(where)
        if self.paused:
            return
        for server in self.servers:
            assert self.signer in server, f"{self.seen}: {self.signer} is not at every server"
        if self.strategy is Strategy.FIXED:
            assert all(len(server) == 1 for server in self.servers)

    def follow(self, number: int) -> None:
        self.servers[number] = self.primary


def effect(world: World, rotation: Rotation) -> bool:
    """Do a step in the model; False while it has to wait."""
    match rotation.step:
        case Step.PUBLISH | Step.RETIRE:
            world.primary = frozenset(rotation.published)
        case Step.PROVE:
            return all(server == world.primary for server in world.servers)
        case Step.PAUSE:
            world.paused = True
        case Step.SWITCH:
            world.stored = world.signer = rotation.new
        case Step.RESUME:
            world.signer, world.paused = world.stored, False
        case Step.AGE | Step.DRAIN | Step.KEEP:
            return world.now >= (rotation.deadline or 0.0)
    return True


def deploy(world: World, rotation: Rotation) -> None:
    """An ordinary run in between makes true what the rotation has come to."""
    world.primary = frozenset(rotation.published)
    world.paused = rotation.paused
    if world.paused or all(world.stored in server for server in world.servers):
        world.signer = world.stored


ACTS = ["run", "go", "crash before", "crash after", "back", "leak", "time", "deploy"]
# "go" is a run after which all has gone well; a number is one server that follows.
ACTIONS = st.tuples(
    st.integers(0, 13),
    st.lists(
        st.one_of(
            st.sampled_from(ACTS),
            st.integers(0, 2),
        ),
        max_size=40,
    ),
).map(lambda drawn: ["go"] * drawn[0] + drawn[1])


@pytest.mark.slow
@pytest.mark.parametrize("strategy", Strategy)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS)
def test_the_key_in_use_is_at_every_server_unless_nothing_is_sent(
    strategy: Strategy, actions: list[str | int]
) -> None:
    old = OLD[strategy]
    zone = frozenset({old})
    world = World(strategy, [zone] * 3, zone, old, old)
    rotation = started(strategy)
    for action in actions:
        rotation = _act(world, rotation, action)
        world.check(f"{action}@{rotation.step}")
    # Then it is left to run, with servers that follow: it converges.
    for _ in range(100):
        for number in range(3):
            world.follow(number)
            world.check("following")
        world.now = max(world.now, rotation.deadline or 0.0)
        rotation = _act(world, rotation, "run")
        world.check(f"end@{rotation.step}")
    assert rotation.ended
    for number in range(3):
        world.follow(number)
    assert world.signer == rotation.new and world.primary == {rotation.new} and not world.paused


def _act(world: World, rotation: Rotation, action: str | int) -> Rotation:
    world.now += 1
    if isinstance(action, int):
        world.follow(action)
    elif action == "time":
        world.now += 100_000
    elif action == "go":
        world.servers = [world.primary] * 3
        world.now = max(world.now, rotation.deadline or 0.0)
        return _act(world, rotation, "run")
    elif action == "deploy":
        deploy(world, rotation)
    elif rotation.ended:
        return rotation
    elif action == "back":
        try:
            return back(rotation, world.now)
        except TooLate:
            return rotation
    elif action == "leak":
        return _leaked(world, rotation)
    elif action != "crash before" and effect(world, rotation) and action != "crash after":
        return after(rotation, world.now)
    return rotation


def _leaked(world: World, rotation: Rotation) -> Rotation:
    """The key in use has leaked."""
    if rotation.emergency or not rotation.switched:
        return hurry(rotation, world.now)
    fresh = KeyRef(f"made{world.now}", f"made{world.now}")
    if world.strategy is Strategy.FIXED:
        fresh = replace(fresh, selector="default")
    return instead(rotation, begin_after(rotation, fresh, world.now))


def test_every_step_has_its_place() -> None:
    assert {*path(started(Strategy.DUAL)), *path(started(Strategy.FIXED))} == set(STEPS)


@pytest.mark.parametrize("strategy", Strategy)
def test_the_new_key_signs_from_the_switch_on_and_the_old_one_until_then(
    strategy: Strategy,
) -> None:
    rotation = started(strategy)
    while not rotation.ended:
        before = STEPS.index(rotation.step) < STEPS.index(Step.SWITCH)
        assert rotation.signs == (OLD if before else NEW)[strategy], rotation.step
        rotation = after(rotation, rotation.entered + 1)
    assert rotation.signs == NEW[strategy]


@pytest.mark.parametrize("emergency", [False, True])
def test_both_records_are_there_from_the_publication_to_the_end_of_the_old_one(
    emergency: bool,
) -> None:
    dual = started(Strategy.DUAL, emergency=emergency)
    old, new = dual.old, dual.new
    assert walked(dual, Step.MAKE).published == (old,)
    assert walked(dual, Step.PUBLISH).published == (old, new)
    assert walked(dual, Step.VERIFY).published == (old, new)
    assert walked(dual, Step.RETIRE).published == (new,)
    fixed = started(Strategy.FIXED, emergency=emergency)
    assert walked(fixed, Step.PAUSE).published == (fixed.old,)
    assert walked(fixed, Step.PUBLISH).published == (fixed.new,)


def test_each_wait_is_as_long_as_caches_may_have_what_was_there_before() -> None:
    fixed = started(Strategy.FIXED)
    assert walked(fixed, Step.AGE).waits_for == RULES.ttl + RULES.slack
    assert walked(fixed, Step.DRAIN).waits_for == RULES.low_ttl + RULES.slack
    assert walked(fixed, Step.KEEP).waits_for == RULES.keep
    draining = walked(fixed, Step.DRAIN)
    assert draining.deadline == draining.entered + 120 and fixed.deadline is None
    # Its TTL was never lowered.
    assert replace(draining, emergency=True).waits_for == RULES.ttl + RULES.slack


def test_a_forecast_counts_what_is_waited_for() -> None:
    dual = forecast(Strategy.DUAL, RULES, 10.0, emergency=False)
    assert (dual.outage, dual.window, dual.whole) == (0, 0, 10 + RULES.keep)
    rushed = forecast(Strategy.DUAL, RULES, 10.0, emergency=True)
    assert (rushed.outage, rushed.window, rushed.whole) == (0, 0, 10)
    fixed = forecast(Strategy.FIXED, RULES, 10.0, emergency=False)
    assert (fixed.outage, fixed.window) == (10 + 120, 0)
    assert fixed.whole == 3660 + 130 + RULES.keep
    leaked = forecast(Strategy.FIXED, RULES, 10.0, emergency=True)
    assert (leaked.outage, leaked.window, leaked.whole) == (10, 3660, 10)


def test_a_rotation_remembers_when_each_step_was_done_last() -> None:
    rotation = walked(started(Strategy.FIXED), Step.RESUME)
    again = walked(back(rotation, 100.0), Step.DRAIN)
    assert again.when(Step.PUBLISH) is not None and again.when(Step.PUBLISH) > 100.0
    assert [step for step, _ in again.done].count(Step.PUBLISH) == 1
    assert again.when(Step.ERASE) is None


def test_the_way_back_is_as_short_as_is_safe() -> None:
    fixed = started(Strategy.FIXED)
    turned = {
        step: back(walked(fixed, step), 9.0).step
        for step in (Step.PAUSE, Step.PUBLISH, Step.SWITCH, Step.RESUME, Step.VERIFY, Step.RESTORE)
    }
    assert turned == {
        Step.PAUSE: Step.RESUME,
        Step.PUBLISH: Step.PUBLISH,
        Step.SWITCH: Step.PUBLISH,
        Step.RESUME: Step.PAUSE,
        Step.VERIFY: Step.PAUSE,
        Step.RESTORE: Step.LOWER,
    }


def test_a_rotation_in_a_hurry_is_an_emergency_from_there_on() -> None:
    for step in (Step.DRAIN, Step.PUBLISH):
        assert hurry(walked(started(Strategy.FIXED), step), 9.0).emergency


def test_a_key_is_old_enough_on_the_day_that_was_set() -> None:
    assert old_enough(1000.0, 1000.0 + 180 * 86400, 180)
    assert not old_enough(1000.0, 999.0 + 180 * 86400, 180)


def test_the_ttl_is_low_from_its_lowering_until_it_is_restored() -> None:
    rotation, low = started(Strategy.FIXED), []
    while not rotation.ended:
        low += [rotation.step] if rotation.lowered else []
        rotation = after(rotation, rotation.entered + 1)
    expected = "lower age pause publish prove drain switch resume verify"
    assert " ".join(low) == expected and not rotation.lowered
    assert not any(walked(started(Strategy.DUAL), step).lowered for step in (Step.PROVE, Step.KEEP))
