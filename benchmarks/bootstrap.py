"""How long the whole job takes, first and again, beside an empty pyinfra run on the same host.

`python -m benchmarks.bootstrap [RUNS]`, as root, after `python -m tests.lab prepare`. Prints one
line for each figure: minimum, median and maximum in seconds.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.frame import fresh_lab, runs, spread
from tests.lab.network import Network
from tests.lab.operator import Operator
from tests.lab_tests.site import Site

EMPTY = '"""Nothing to do."""\n'


def measure(times: int) -> dict[str, list[float]]:
    """Return seconds of each kind of run."""
    found: dict[str, list[float]] = {"bootstrap": [], "no change": [], "empty pyinfra run": []}
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            site = Site(Operator(Path(folder) / "site", Network().inside))
            site.operator.folder.mkdir()
            site.dns.up()
            server = site.add_server("example.test", suite="bookworm")
            empty = Path(folder) / "empty.py"
            empty.write_text(EMPTY)
            found["bootstrap"].append(timed(site, "deploy.py"))
            found["no change"].append(timed(site, "deploy.py"))
            found["empty pyinfra run"].append(timed(site, str(empty)))
            server.host.stop()
    return found


def timed(site: Site, deploy: str) -> float:
    """Seconds that one command takes, as a user types it; it must end well."""
    started = time.perf_counter()
    run = site.operator.start(deploy)
    printed = run.communicate()[0]
    assert run.returncode == 0, printed
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    with fresh_lab():
        found = measure(runs(3))
    for name, seconds in found.items():
        print(f"{name:20} {spread(seconds)}")


if __name__ == "__main__":
    main()
