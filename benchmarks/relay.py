"""What the relay costs a host: memory, and seconds of the first run, beside mode `direct`.

`python -m benchmarks.relay [RUNS]`, as root, after `python -m tests.lab prepare`. Memory is the
sum of the proportional set sizes of all processes on the host, after a message was sent.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.bootstrap import timed
from tests.lab import __main__ as lab
from tests.lab.network import Network
from tests.lab.operator import Operator
from tests.lab_tests.site import Server, Site, submit

MODES = ("direct", "relay")
# A process that ends meanwhile counts nothing.
_MEMORY = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'"


def measure(runs: int) -> dict[str, dict[str, list[float]]]:
    """Return for each figure and mode what was seen."""
    found: dict[str, dict[str, list[float]]] = {
        figure: {mode: [] for mode in MODES}
        for figure in ("first run, s", "no change, s", "memory, MB")
    }
    for _ in range(runs):
        for mode in MODES:
            with tempfile.TemporaryDirectory() as folder:
                site = Site(Operator(Path(folder) / "site", Network().inside))
                site.operator.folder.mkdir()
                site.dns.up()
                server = site.add_server("example.test", suite="bookworm", outbound=mode)
                found["first run, s"][mode].append(timed(site, "deploy.py"))
                found["no change, s"][mode].append(timed(site, "deploy.py"))
                submit(site, server, "someone@recv.test")
                found["memory, MB"][mode].append(memory(server))
                server.host.stop()
    return found


def memory(server: Server) -> float:
    """Memory of all processes on a host, MB."""
    return int(server.host.run(_MEMORY)) * 1024 / 1e6


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    lab.down()
    lab.up()
    try:
        found = measure(runs)
    finally:
        lab.down()
    for figure, by_mode in found.items():
        for mode, values in by_mode.items():
            low, middle, high = min(values), statistics.median(values), max(values)
            print(
                f"{figure:14} {mode:8} {low:8.2f} {middle:8.2f} {high:8.2f}  ({len(values)} runs)"
            )


if __name__ == "__main__":
    main()
