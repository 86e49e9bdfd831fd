"""A year of daily runs in compressed time: keys are replaced, nobody is needed, nothing fails."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy, after, begin, old_enough

DAY, HOUR = 86400.0, 3600.0
RULES = Rules(ttl=3600, low_ttl=60, slack=300, keep=7 * 86400)
LAGS = (0.0, 40.0, 900.0)  # seconds until each authoritative server shows a change
Zone = frozenset[KeyRef]


@dataclass
class Receiver:
    """Verifies mail with its own cache. stretch: seconds that it keeps a record too long."""

    server: int
    caches: bool = True
    stretch: float = 0.0
    cached: dict[str, tuple[Zone, float]] = field(default_factory=dict)

    def verifies(self, signed: KeyRef, world: Year) -> bool:
        """Whether it finds the key of a signature now; a fixed selector shows one key only."""
        found, until = self.cached.get(signed.selector, (frozenset(), 0.0))
        if not self.caches or world.now >= until:
            shown = world.shown(self.server)
            found = frozenset(ref for ref in shown if ref.selector == signed.selector)
            self.cached[signed.selector] = (found, world.now + world.ttl + self.stretch)
        return signed in found


@dataclass
class Year:
    """Authoritative servers with their lags, a signer, and daily runs of the machine."""

    strategy: Strategy
    signer: KeyRef
    changes: list[tuple[float, Zone]]
    now: float = 0.0
    ttl: float = 3600.0
    paused: bool = False
    rotation: Rotation | None = None
    made: float = 0.0
    ended: list[Rotation] = field(default_factory=list)

    def shown(self, server: int) -> Zone:
        """What a server shows now."""
        return [zone for when, zone in self.changes if when + LAGS[server] <= self.now][-1]

    def run(self) -> None:
        """One daily run; it stays for what has to be waited for while mail is paused."""
        if self.rotation is None and old_enough(self.made, self.now, 180):
            name, old = f"key{len(self.ended) + 2}", self.signer
            new = KeyRef(name, old.selector if self.strategy is Strategy.FIXED else name)
            self.rotation = begin("example.test", self.strategy, old, new, RULES, self.now)
            self.made = self.now
        while self.rotation and self._done(self.rotation):
            self.rotation = after(self.rotation, self.now)
            if self.rotation.ended:
                self.ended.append(self.rotation)
                self.rotation = None

    def _done(self, rotation: Rotation) -> bool:
        if rotation.deadline is not None:
            if rotation.paused:
                self.now = max(self.now, rotation.deadline)
            return self.now >= rotation.deadline
        match rotation.step:
            case Step.LOWER | Step.RESTORE:
                self.ttl = RULES.low_ttl if rotation.step is Step.LOWER else RULES.ttl
            case Step.PUBLISH | Step.RETIRE:
                self.changes.append((self.now, frozenset(rotation.published)))
            case Step.PROVE:
                self.now += max(LAGS)
            case Step.PAUSE:
                self.paused = True
            case Step.SWITCH:
                self.signer = rotation.new
            case Step.RESUME:
                self.paused = False
        return True


@pytest.mark.parametrize("strategy", Strategy)
def test_two_keys_are_replaced_in_a_year_and_no_signature_fails(strategy: Strategy) -> None:
    first = KeyRef("key1", "default" if strategy is Strategy.FIXED else "key1")
    world = Year(strategy, first, [(-DAY, frozenset({first}))])
    receivers = [Receiver(0, caches=False), Receiver(2), Receiver(1, stretch=240.0)]
    late: list[tuple[float, KeyRef]] = []  # mail that somebody verifies days later
    for hour in range(375 * 24):
        world.now = max(world.now, hour * HOUR)
        assert not world.paused, "a daily run never leaves mail paused"
        for number, receiver in enumerate(receivers):
            assert receiver.verifies(world.signer, world), (hour / 24, number, world.rotation)
        if strategy is Strategy.DUAL:
            late.append((world.now + 6 * DAY, world.signer))
        while late and late[0][0] <= world.now:
            _, signed = late.pop(0)
            assert Receiver(2).verifies(signed, world), (hour / 24, signed)
        if hour % 24 == 3:
            world.run()
    assert len(world.ended) == 2 and world.rotation is None
    assert world.signer.name == "key3"
