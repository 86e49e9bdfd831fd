"""`python -m tests.mutants [OPTION...] [PATH...]`: scripts/mutants says what for."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.mutants import handmade, scope
from tests.mutants.faults import Fault, faults, sample
from tests.mutants.session import KILLED, OPTIONS, Session, Verdict


def main() -> int:
    """Return 0 when enough faults are noticed in each area, 1 when not, 2 when a test is broken."""
    options = _options()
    files = scope.files(tuple(options.paths) or scope.AREAS)
    every = [
        each for path in files for each in faults(path, (scope.ROOT / path).read_text("utf-8"))
    ]
    chosen: Sequence[Fault] = every
    if options.sample:
        chosen = sample(every, options.sample, options.seed)
    if options.handmade:
        chosen = [each.fault for each in handmade.HANDMADE]
    tests = options.tests or (handmade.TESTS if options.handmade else scope.TESTS)
    # All files in scope are watched: what a table is read by may be another one.
    watched = tuple(dict.fromkeys((*scope.files(), *(each.path for each in chosen))))
    session = Session(watched, chosen, _teller(options.output), options.workers)
    pytest.main([*OPTIONS, *tests], plugins=[session])
    enough = _summary(session.verdicts, 100.0 if options.handmade else options.least)
    print(f"Those that were not noticed: {options.output}", file=_OUT)
    if session.broken:
        print("Tests that fail without a fault:", *session.broken, sep="\n  ", file=_OUT)
        return 2
    return 0 if enough else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/mutants", description=sys.modules["__main__"].__doc__
    )
    parser.add_argument("paths", nargs="*", help="folders or files; all when none is given")
    parser.add_argument("--handmade", action="store_true", help="those that once went unnoticed")
    parser.add_argument("--sample", type=int, help="only so many of the faults")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--least", type=float, default=85.0, help="per cent in each area")
    parser.add_argument(
        "--tests", action="append", help="a folder or file of tests, again for more"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=Path("mutants.diff"))
    return parser.parse_args()


_OUT = os.fdopen(os.dup(1), "w", buffering=1)


def _teller(output: Path) -> Callable[[str, Sequence[Verdict]], None]:
    began = time.monotonic()

    def tell(text: str, verdicts: Sequence[Verdict]) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {text}", file=_OUT)
        output.write_text(_survivors(verdicts), "utf-8")

    return tell


def _survivors(verdicts: Sequence[Verdict]) -> str:
    parts = []
    for each in sorted(verdicts, key=lambda it: (it.fault.path, it.fault.start)):
        if each.result == KILLED:
            continue
        fault = each.fault
        right = (scope.ROOT / fault.path).read_text("utf-8")
        wrong = fault.applied(right)
        lines = difflib.unified_diff(
            right.splitlines(), wrong.splitlines(), fault.path, fault.path, lineterm="", n=1
        )
        parts.append("\n".join((f"# {fault.about}: {each.result}", *lines, "", "")))
    return "".join(parts)


def _summary(verdicts: Sequence[Verdict], least: float) -> bool:
    """Print a line for each file and area. Return whether each area has enough."""
    results: dict[str, list[bool]] = defaultdict(list)
    for each in verdicts:
        for name in (each.fault.path, scope.area_of(each.fault.path)):
            results[name].append(each.result == KILLED)
    for name, noticed in sorted(results.items(), key=lambda it: (it[0] in scope.AREAS, it[0])):
        share = 100 * sum(noticed) / len(noticed)
        print(f"{share:6.1f} %  {sum(noticed):5d} of {len(noticed):5d}  {name}", file=_OUT)
    shares = [sum(results[each]) / len(results[each]) for each in scope.AREAS if results[each]]
    return all(100 * share >= least for share in shares)


if __name__ == "__main__":
    raise SystemExit(main())
