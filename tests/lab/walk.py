"""A random walk as data: which steps there are, how they are drawn, and how they are written down.

What a step does is in `tests.lab_tests.walker`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from keys.rotation import Strategy, steps_of

_MEND_EVERY = 4  # steps
# Domain, account and setting that come and go.
DOMAIN, ACCOUNT = "second.test", "bob"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is done, and with what."""

    name: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.name, *self.words))


def read(text: str) -> tuple[Step, ...]:
    """Return the steps of a text with one in each line, as `str` writes them; # is a comment."""
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    return tuple(Step(words[0], tuple(words[1:])) for words in lines if words)


def drawn(seed: int, count: int, outbound: Iterable[str]) -> tuple[Step, ...]:
    """Return so many steps, the same for the same seed; the last one mends.

    outbound: modes that the server may be given.
    """
    chance, modes = random.Random(seed), tuple(outbound)
    kinds = {name: each for name, each in _KINDS.items() if name != "outbound" or len(modes) > 1}
    weights = [weight for weight, _ in kinds.values()]
    found = list[Step]()
    while len(found) < count - 1:
        if len(found) % _MEND_EVERY == _MEND_EVERY - 1:
            found.append(_mend(chance))
            continue
        (name,) = chance.choices(list(kinds), weights)
        words = (chance.choice(modes),) if name == "outbound" else kinds[name][1](chance)
        found.append(Step(name, words))
    return (*found, _mend(chance))


def _mend(chance: random.Random) -> Step:
    return Step("mend", (chance.choice(("copy", "recover")),))


Words = Callable[[random.Random], tuple[str, ...]]


def _of(*choices: str) -> Words:
    return lambda chance: (chance.choice(choices),)


def _where(chance: random.Random) -> str:
    """A place in a list of any length."""
    return f"{chance.random():.3f}"


def _lost(chance: random.Random) -> tuple[str, ...]:
    kind = chance.choice(("file", "file", "folder", "cut", "state", "keys"))
    return (kind,) if kind in ("state", "keys") else (kind, _where(chance))


def _killed_rotation(chance: random.Random) -> tuple[str, ...]:
    step = chance.choice(steps_of(chance.choice(tuple(Strategy))))
    after = chance.random() < 0.5
    return ("after", step) if after else ("within", step, f"{chance.uniform(0.0, 0.5):.2f}")


# Weight of each kind of step, and what it is drawn with.
_KINDS: dict[str, tuple[int, Words]] = {
    "deploy": (5, _of("-y", "-y", "-y", "--dry")),
    "verify": (1, lambda _: ()),
    "rotate": (8, _of("normal", "normal", "emergency", "emergency", "abort")),
    "kill-deploy": (4, lambda chance: (str(chance.randint(1, 60)),)),
    "kill-rotate": (4, _killed_rotation),
    "lose": (8, _lost),
    "forget": (2, lambda _: ()),
    "keep": (3, lambda _: ()),
    "back": (5, lambda _: ()),
    "turn": (6, lambda _: ()),
    "recover": (2, lambda _: ()),
    "domain": (2, _of("keep", "too")),
    "withdraw": (1, lambda _: ()),
    "user": (2, lambda _: ()),
    "outbound": (4, lambda _: ()),
    "pmail": (3, _of("other", "usual", "false", "spoiler")),
    "reboot": (1, lambda _: ()),
    "power-cut": (1, lambda _: ()),
    "dns-down": (2, _of("bind", "knot")),
    "far-down": (2, lambda _: ()),
    "database-away": (2, lambda _: ()),
}
