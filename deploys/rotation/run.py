"""What one run of rotations has come to, and whether its clock can be trusted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from keys.rotation import Rotation

_LOOK_EVERY = 0.05  # seconds
CLOCK_WITHIN = 300  # seconds that this machine and a server may differ by


def _passed() -> float:
    """Seconds that have passed, a closed laptop's sleep too where the system counts it."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day, which can be set, the time that only passes, and a way to let it pass."""

    now: Callable[[], float] = time.time
    passed: Callable[[], float] = _passed
    sleep: Callable[[float], None] = time.sleep

    @property
    def offset(self) -> float:
        """What changes only when the clock is set."""
        return self.now() - self.passed()


@dataclass(slots=True)
class Run:
    """What this run has come to.

    planned: rotations that will begin or turn. prepared: servers of which it is known. stopped:
    domains that are done with for now, and why. clocks_agree: whether each host that told its time
    has the same as we; None when none has told it yet. offset: the clock's when that was.
    """

    planned: dict[str, Rotation] = field(default_factory=dict)
    prepared: set[str] = field(default_factory=set)
    stopped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    clocks_agree: bool | None = None
    offset: float = 0.0

    def await_prepared(self, servers: frozenset[str]) -> None:
        """Wait until it is known of all these servers what will begin."""
        while not servers <= self.prepared:
            self.clock.sleep(_LOOK_EVERY)

    def compared(self, *, agree: bool) -> None:
        """A host has told its time."""
        self.clocks_agree = agree and self.clocks_agree is not False
        self.offset = self.clock.offset

    @property
    def trusts_clock(self) -> bool:
        """Whether the time of day is right, as far as one can know: nothing that waits by it ends
        otherwise.
        """
        was_set = abs(self.clock.offset - self.offset) > CLOCK_WITHIN
        return bool(self.clocks_agree) and not was_set


@cache
def this_run() -> Run:
    """Return the one of this process: hosts share it."""
    return Run()
