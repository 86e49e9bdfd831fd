"""What Postfix before and behind PMail costs a host, beside PMail alone (mode `direct`).

`python -m benchmarks.relay [RUNS]`, as root, after `python -m tests.lab prepare`. Memory is the
sum of the proportional set sizes of all processes on the host, after a message was sent. In and
out: messages a second that four senders with connections of their own get rid of, at ports 25 and
465, `PMAIL_MESSAGES` in all (1,000); nobody sends a second message on a connection, as PMail alone
would give it to the first one's recipients as well.
"""

from __future__ import annotations

import os
import smtplib
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.bootstrap import timed
from benchmarks.frame import fresh_lab, runs, spread
from probes.world.tls import accepting_any
from tests.lab.network import Network
from tests.lab.operator import Operator
from tests.lab_tests.site import Server, Site, submit

MODES = ("direct", "relay")
MESSAGES = int(os.environ.get("PMAIL_MESSAGES", "1000"))
SENDERS = 4
FIGURES = ("first run, s", "no change, s", "memory, MB", "in, 1/s", "out, 1/s")
# A process that ends meanwhile counts nothing.
_MEMORY = "cat /proc/[0-9]*/smaps_rollup 2>/dev/null | awk '/^Pss:/ {sum += $2} END {print sum}'"
_TEXT = "From: {}\r\nTo: {}\r\nSubject: a message\r\n\r\nHello.\r\n"


def measure(times: int) -> dict[str, dict[str, list[float]]]:
    """Return for each figure and mode what was seen."""
    found: dict[str, dict[str, list[float]]] = {
        figure: {mode: [] for mode in MODES} for figure in FIGURES
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
                found["in, 1/s"][mode].append(rate(partial(incoming, server)))
                found["out, 1/s"][mode].append(rate(partial(outgoing, site, server)))
                server.host.stop()
    return found


def memory(server: Server) -> float:
    """Memory of all processes on a host, MB."""
    return int(server.host.run(_MEMORY)) * 1024 / 1e6


def rate(send: Callable[[], None]) -> float:
    """Messages a second that the senders get rid of."""
    started = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        for done in [pool.submit(send) for _ in range(MESSAGES)]:
            done.result()
    return MESSAGES / (time.perf_counter() - started)


def incoming(server: Server) -> None:
    """One message from outside, to port 25."""
    sender, to = "friend@recv.test", "admin@example.test"
    with Network().entered(), smtplib.SMTP(server.ip, 25, "mx.recv.test", timeout=120) as client:
        client.sendmail(sender, [to], _TEXT.format(sender, to))


def outgoing(site: Site, server: Server) -> None:
    """One message of a mail program, to port 465."""
    sender, to = "admin@example.test", "someone@recv.test"
    with Network().entered():
        client = smtplib.SMTP_SSL(
            server.ip, 465, "client.test", context=accepting_any(), timeout=120
        )
        client.login("admin", site.password(server, "admin"))
        client.sendmail(sender, [to], _TEXT.format(sender, to))
        client.quit()


def main() -> None:
    """Measure and print."""
    with fresh_lab():
        found = measure(runs(3))
    for figure, by_mode in found.items():
        for mode, values in by_mode.items():
            print(f"{figure:14} {mode:8} {spread(values)}")


if __name__ == "__main__":
    main()
