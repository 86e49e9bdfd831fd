"""DKIM key rotation as a state machine: the next step, what it waits for, the way back; pure.

dual-selector: the new key is published under a selector of its own beside the old one, so that
every signature can be verified at any moment (RFC 6376 sections 3.1 and 5.2).

fixed-selector: the signer knows one selector, so the record is replaced in place, while nothing is
sent, until no resolver can have the old one any more. Between the first server that shows the new
record (t1) and the last (t2), and then for the TTL L and the slack S of resolvers that stretch it,
receivers may see either: paused over all of it no signature fails, and the outage is
(t2 - t1) + L + S and the restart.

The way back is the same machine with the keys' parts changed over: whatever is done before the
signer switched is withdrawn, whatever is done after it is a switch like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ground.errors import Told
from ground.words import Words


class Strategy(StrEnum):
    """How a key is replaced; an outbound mode says which one fits."""

    DUAL = "dual-selector"
    FIXED = "fixed-selector"


class Step(StrEnum):
    """One step of a rotation. Doing one again changes nothing."""

    MAKE = "make"  # the new key, in the store
    LOWER = "lower"  # the TTL of the record, its value unchanged
    AGE = "age"  # until no cache has the record with its old TTL
    PAUSE = "pause"  # nothing is sent from here on
    PUBLISH = "publish"  # the new key's record
    PROVE = "prove"  # every authoritative server shows it, then resolvers do
    DRAIN = "drain"  # until no cache has the old record
    INSTALL = "install"  # the new key on the host, not used yet
    SWITCH = "switch"  # the signer uses the new key
    RESUME = "resume"  # mail is sent again
    VERIFY = "verify"  # what is signed now is verified as receivers do
    RESTORE = "restore"  # the record's TTL
    KEEP = "keep"  # the old record, for mail that is verified late
    EMPTY = "empty"  # until nothing waits in the queue that the old key has signed
    RETIRE = "retire"  # the old record goes
    ERASE = "erase"  # the old private key goes
    DONE = "done"


# In the order of all strategies: each one's steps are some of these.
STEPS: tuple[Step, ...] = tuple(step for step in Step if step is not Step.DONE)
_ONLY = {
    Strategy.DUAL: frozenset({Step.INSTALL, Step.EMPTY, Step.RETIRE}),
    Strategy.FIXED: frozenset(
        {Step.LOWER, Step.AGE, Step.PAUSE, Step.DRAIN, Step.RESUME, Step.RESTORE}
    ),
}
# What a leaked key leaves no time for. Its record must go, and caches have it anyway.
_NOT_IN_EMERGENCY = frozenset({Step.LOWER, Step.AGE, Step.DRAIN, Step.KEEP, Step.EMPTY})
_FOR_LATE_MAIL = frozenset({Step.KEEP, Step.EMPTY})
# From here on the new key may be what receivers look for.
_TOUCHES = {Strategy.DUAL: Step.SWITCH, Strategy.FIXED: Step.PUBLISH}
# From here on nothing of the old key can be relied on.
_LAST_WAY_BACK = {Strategy.DUAL: Step.RETIRE, Strategy.FIXED: Step.KEEP}
_PAUSED = frozenset({Step.PAUSE, Step.PUBLISH, Step.PROVE, Step.DRAIN, Step.SWITCH})


class TooLate(Told):
    """There is no way back: the old record is going, or gone."""


@dataclass(frozen=True, slots=True)
class KeyRef:
    """A key of the store: its name there, the selector it is published under, its SHA-256."""

    name: str
    selector: str
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds.

    ttl: of the record when nothing is going on. low_ttl: the least that its provider takes. slack:
    what resolvers stretch a TTL by. keep: how long mail may still be verified.
    """

    ttl: int
    low_ttl: int
    slack: int
    keep: int


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where the rotation of one domain's key is; times in Unix seconds.

    old, new: on the way back their parts are changed over. step: what is to be done next, since
    `entered`. done: the steps that are done, and when. touched: the new key may be in use.
    superseded: old keys of a rotation whose place this one took; they go with its own. server: the
    mail server that signs, by its name in the inventory. zone: of the records. Both as they were
    when it began, "" in a journal of an earlier version.
    """

    domain: str
    strategy: Strategy
    old: KeyRef
    new: KeyRef
    rules: Rules
    started: float
    entered: float
    step: Step = Step.MAKE
    done: tuple[tuple[Step, float], ...] = ()
    emergency: bool = False
    going_back: bool = False
    touched: bool = False
    problem: Words | None = None
    superseded: tuple[KeyRef, ...] = ()
    server: str = ""
    zone: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.step is Step.DONE

    @property
    def paused(self) -> bool:
        """Whether nothing may be sent."""
        return self.strategy is Strategy.FIXED and self.step in _PAUSED

    @property
    def deadline(self) -> float | None:
        """Until when the step waits, None for a step that is no wait."""
        return None if self.waits_for is None else self.entered + self.waits_for

    @property
    def waits_for(self) -> float | None:
        """For how long the step waits, None for a step that is no wait."""
        rules = self.rules
        served = rules.ttl if self.emergency else rules.low_ttl
        waits = {
            Step.AGE: rules.ttl + rules.slack,
            Step.DRAIN: served + rules.slack,
            Step.KEEP: rules.keep,
        }
        return waits.get(self.step)

    @property
    def lowered(self) -> bool:
        """Whether the record is to have the low TTL."""
        return self.strategy is Strategy.FIXED and (
            _place(Step.LOWER) <= _place(self.step) < _place(Step.RESTORE)
        )

    @property
    def published(self) -> tuple[KeyRef, ...]:
        """The keys whose records have to be in DNS."""
        replaced = _place(self.step) >= _place(Step.PUBLISH)
        if self.strategy is Strategy.FIXED:
            return (self.new,) if replaced else (self.old,)
        if _place(self.step) >= _place(Step.RETIRE):
            return (self.new,)
        return (self.old, self.new) if replaced else (self.old,)

    @property
    def signs(self) -> KeyRef:
        """The key that is in use, or shall be from this step on."""
        return self.new if _place(self.step) >= _place(Step.SWITCH) else self.old

    @property
    def switched(self) -> bool:
        """Whether the new key is in use, and mail goes on."""
        return _place(self.step) > _place(Step.RESUME)

    @property
    def returns(self) -> bool:
        """Whether it is on its way back to a key that no other has come in the place of."""
        return self.going_back and not self.switched and self.when(Step.SWITCH) is None

    @property
    def leaving(self) -> tuple[KeyRef, ...]:
        """The keys whose records go; on the way back those of earlier rotations have their time."""
        return (self.old,) if self.going_back else (self.old, *self.superseded)

    def when(self, step: Step) -> float | None:
        """When a step was done last."""
        return dict(self.done).get(step)


def steps_of(strategy: Strategy) -> tuple[Step, ...]:
    """Return the steps of a strategy in order, those that are left out in an emergency too."""
    others = frozenset[Step]().union(*(_ONLY[each] for each in _ONLY if each is not strategy))
    return tuple(step for step in STEPS if step not in others)


def behind(ours: Rotation | None, remembered: Rotation) -> bool:
    """Return whether a journal lacks what a host remembers of a domain's rotation.

    ours: the journal's, None where nothing goes on. The host never knows more than the journal did,
    so that one was lost, or is of an earlier day. While mail is paused the journal counts.
    """
    if ours is None or ours.started < remembered.started:
        return True
    return not ours.paused and ours.entered < remembered.entered


def old_enough(created: float, now: float, max_age: int) -> bool:
    """Whether a key is to be replaced. created, now: Unix seconds. max_age: days."""
    return now - created >= max_age * 86400


def begin(
    domain: str,
    strategy: Strategy,
    old: KeyRef,
    new: KeyRef,
    rules: Rules,
    now: float,
    *,
    emergency: bool = False,
    server: str = "",
    zone: str = "",
) -> Rotation:
    """Return a rotation that is about to start.

    now: Unix seconds. server: name in the inventory of the mail server that signs. zone: of the
    records.
    """
    return Rotation(
        domain,
        strategy,
        old,
        new,
        rules,
        now,
        now,
        emergency=emergency,
        server=server,
        zone=zone,
    )


def after(rotation: Rotation, now: float) -> Rotation:
    """Return the rotation once its step is done."""
    done = (*((s, t) for s, t in rotation.done if s is not rotation.step), (rotation.step, now))
    coming = (step for step in STEPS if _place(step) > _place(rotation.step))
    following = next((step for step in coming if _belongs(step, rotation)), Step.DONE)
    touched = rotation.touched or following is _TOUCHES[rotation.strategy]
    return replace(rotation, step=following, entered=now, done=done, touched=touched, problem=None)


def coming(rotation: Rotation, now: float, *, stays: bool) -> tuple[Step, ...]:
    """Return the steps that a run does from now on, if nothing turns the rotation.

    stays: whether it waits for what is waited for while mail goes on, instead of ending there.
    """
    found = list[Step]()
    while not rotation.ended:
        if not stays and not rotation.paused and left(rotation, now):
            break
        found.append(rotation.step)
        rotation = after(rotation, now)
    return tuple(found)


def left(rotation: Rotation, now: float, *, trusted: bool = True) -> float:
    """Return for how many seconds from now the step has to wait still, 0 when it has not.

    Never more than its whole wait, though a clock that was put back since would have it. trusted:
    whether clocks are right; the whole wait from now is always enough.
    """
    whole = rotation.waits_for
    if whole is None:
        return 0.0
    return whole if not trusted else min(max(rotation.entered + whole - now, 0.0), whole)


def failed(rotation: Rotation, problem: Words) -> Rotation:
    """Return the rotation with the reason why its step could not be done; it stays there."""
    return replace(rotation, problem=problem)


def back(rotation: Rotation, now: float) -> Rotation:
    """Return the rotation on its way back to the old key, safe from any step.

    Raises TooLate once the old record may be gone, or would be used again after it has leaked.
    """
    if _place(rotation.step) >= _place(_LAST_WAY_BACK[rotation.strategy]):
        raise TooLate("rotation.too_late", domain=rotation.domain)
    if rotation.emergency and rotation.touched:
        raise TooLate("rotation.too_late", domain=rotation.domain)
    changed = replace(
        rotation,
        old=rotation.new,
        new=rotation.old,
        entered=now,
        going_back=not rotation.going_back,
        problem=None,
    )
    return replace(changed, step=_way_back(rotation))


def turns_by_itself(rotation: Rotation) -> bool:
    """Whether a step that could not be done had better turn the rotation back.

    Better the old key, soon, than nothing sent for who knows how long; unless it has leaked.
    """
    halfway = rotation.paused and rotation.step in (Step.PUBLISH, Step.PROVE)
    return halfway and not rotation.going_back and not rotation.emergency


def _way_back(rotation: Rotation) -> Step:
    """Where the way back begins: as late as is safe."""
    place = _place(rotation.step)
    if rotation.strategy is Strategy.DUAL:
        # Nothing was signed with a key that never reached the signer: its record just goes.
        return Step.PROVE if rotation.touched else Step.RETIRE
    if place < _place(Step.PUBLISH):
        return Step.RESUME
    if place <= _place(Step.SWITCH):
        return Step.PUBLISH
    return Step.PAUSE if place < _place(Step.RESTORE) else Step.LOWER


def _belongs(step: Step, rotation: Rotation) -> bool:
    if step not in steps_of(rotation.strategy):
        return False
    if step in _FOR_LATE_MAIL and rotation.going_back and not rotation.touched:
        return False  # nobody ever saw that key
    return not (rotation.emergency and step in _NOT_IN_EMERGENCY)


def hurry(rotation: Rotation, now: float) -> Rotation:
    """Return the rotation as an emergency: its old key has leaked, which is still in use."""
    rushed = replace(rotation, emergency=True)
    return after(rushed, now) if rotation.step in _NOT_IN_EMERGENCY else rushed


def instead(rotation: Rotation, emergency: Rotation) -> Rotation:
    """Return the emergency that takes the place of a rotation whose new key, in use, has leaked."""
    return replace(emergency, superseded=(*rotation.superseded, rotation.old))


def _place(step: Step) -> int:
    return _PLACES[step]


_PLACES = {step: place for place, step in enumerate(Step)}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a rotation will take: seconds without sending, and until the old record goes.

    window: for how long a signature may fail at a receiver that has the old record cached.
    """

    outage: float
    window: float
    whole: float


def forecast(strategy: Strategy, rules: Rules, spread: float, *, emergency: bool) -> Forecast:
    """Return what to expect. spread: seconds between the first and the last server's change.

    Model of the module's head: paused over spread + TTL + slack nothing fails.
    """
    keep = 0 if emergency else rules.keep
    if strategy is Strategy.DUAL:
        return Forecast(0, 0, spread + keep)
    if emergency:
        return Forecast(spread, rules.ttl + rules.slack, spread)
    drain = rules.low_ttl + rules.slack
    return Forecast(spread + drain, 0, rules.ttl + rules.slack + spread + drain + keep)
