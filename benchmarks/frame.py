"""What the benchmarks have in common: how many runs, the lab, and how figures are shown."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.lab import __main__ as lab


def runs(default: int) -> int:
    """How many runs were asked for."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else default


@contextmanager
def fresh_lab() -> Iterator[None]:
    """The lab, up for the time of the measurement."""
    lab.down()
    lab.up()
    try:
        yield
    finally:
        lab.down()


def spread(values: Sequence[float]) -> str:
    """Minimum, median and maximum."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{low:8.2f} {middle:8.2f} {high:8.2f}  ({len(values)} runs)"
