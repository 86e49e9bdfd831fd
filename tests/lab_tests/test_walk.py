"""A random walk: whatever is lost, copied, late or wrong, nothing is destroyed.

Its steps are printed, before it begins and as it goes: `PMAIL_WALK_SEED` and `PMAIL_WALK_STEPS`
have the same drawn again, `PMAIL_WALK=FILE` has those of a file done, one in each line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import binaries
from tests.lab.network import instance
from tests.lab.walk import drawn, read
from tests.lab_tests.site import TWO_DOMAINS, Site
from tests.lab_tests.walker import Walker
from tests.mutants.scope import ROOT
from tests.mutants.walked import WITHOUT

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not binaries.can_compile(), reason="a C compiler: gcc"),
]
SEED, STEPS = "38", "6"


def walker(site: Site, folder: Path) -> Walker:
    """One at the beginning of a walk."""
    made = Walker(site, site.add_running("relay", *TWO_DOMAINS), folder)
    made.begin()
    return made


@pytest.mark.more
def test_a_short_walk_destroys_nothing(new_site: Site, tmp_path: Path) -> None:
    walker(new_site, tmp_path).walk(drawn(int(SEED), int(STEPS), ("relay",)), f"seed={SEED}")


@pytest.mark.long
def test_a_long_walk_destroys_nothing(new_site: Site, tmp_path: Path) -> None:
    chosen, seed = os.environ.get("PMAIL_WALK"), int(os.environ.get("PMAIL_WALK_SEED", SEED))
    count = int(os.environ.get("PMAIL_WALK_STEPS", "100"))
    steps = read(Path(chosen).read_text()) if chosen else drawn(seed, count, ("relay", "direct"))
    walker(new_site, tmp_path).walk(steps, chosen or f"seed={seed}")


@pytest.mark.long
@pytest.mark.parametrize("what", WITHOUT)
def test_a_directed_walk_destroys_nothing(new_site: Site, tmp_path: Path, what: str) -> None:
    walker(new_site, tmp_path).walk(WITHOUT[what].steps, what)


@pytest.mark.long
@pytest.mark.parametrize("what", WITHOUT)
def test_the_walk_fails_without(tmp_path: Path, what: str) -> None:
    missing, copy, steps = WITHOUT[what].fault.fault, tmp_path / "copy", tmp_path / "steps"
    hidden = shutil.ignore_patterns(".*", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=hidden)
    path = copy / missing.path
    path.write_text(missing.applied(path.read_text("utf-8")), "utf-8")
    steps.write_text(WITHOUT[what].directed)
    own = {"PMAIL_WALK": str(steps), "PMAIL_LAB": f"{instance()}-w", "PYTHONPATH": str(copy)}
    test = "tests/lab_tests/test_walk.py::test_a_long_walk_destroys_nothing"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", test],
        cwd=copy,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 1 and "walker.Broken: " in done.stdout, done.stdout
