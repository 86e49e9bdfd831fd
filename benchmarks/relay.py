"""What the relay costs a host: memory, and seconds of the first run, beside mode `direct`.

`python -m benchmarks.relay [RUNS]`, as root, after `python -m tests.lab prepare`. Memory is the
sum of the proportional set sizes of all processes on the host, after a message was sent.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.bootstrap import timed
from benchmarks.frame import fresh_lab, runs, spread
from tests.lab.network import Network
from tests.lab.operator import Operator
from tests.lab_tests.site import Server, Site, submit

MODES = ("direct", "relay")
# A process that ends meanwhile counts nothing.
_MEMORY = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'"


def measure(times: int) -> dict[str, dict[str, list[float]]]:
    """Return for each figure and mode what was seen."""
    found: dict[str, dict[str, list[float]]] = {
        figure: {mode: [] for mode in MODES}
        for figure in ("first run, s", "no change, s", "memory, MB")
    }
    for _ in range(times):
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
    with fresh_lab():
        found = measure(runs(3))
    for figure, by_mode in found.items():
        for mode, values in by_mode.items():
            print(f"{figure:14} {mode:8} {spread(values)}")


if __name__ == "__main__":
    main()
