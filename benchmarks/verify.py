"""How long `pmail-deploy check` takes for 1, 10, 100 and 1,000 domains, beside checkdmarc.

`python -m benchmarks.verify [DOMAINS ...]`. The DNS is `benchmarks.far_dns`: on loopback, each
answer after 30 ms. For one domain the wall time is set beside the longest chain of questions that
came one after the other. Modules and lists are loaded by a first run that is not counted.
checkdmarc is measured where it is installed, on few domains; its seconds for more are those for
one, times the number.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.far_dns import RESOLVER
from deploys.verification import check
from deploys.verification.check import CheckRequest
from probes.world.dns import Resolvers
from probes.world.enquiry import Enquiry
from probes.world.loop import wait_for

ROUND_TRIP = 30  # milliseconds
PORT = 5399
SIZES = (1, 10, 100, 1000)
_MOST = 20  # domains that checkdmarc is given


@contextlib.contextmanager
def far_dns(log: Path) -> Iterator[None]:
    """The DNS, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.far_dns", str(PORT), str(ROUND_TRIP), str(log)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.communicate()


def longest(log: list[tuple[float, float, str, str]]) -> int:
    """The most questions of which each came after the one before it was answered."""
    chain, free = 0, 0.0
    for came, answered, *_ in sorted(log, key=lambda each: each[1]):
        if came >= free:
            chain, free = chain + 1, answered
    return chain


def ours(domains: tuple[str, ...]) -> tuple[float, int]:
    """Seconds for all domains, and how many questions went out."""
    enquiry = Enquiry(Resolvers((RESOLVER,), port=PORT), ipv6=False)
    request = CheckRequest(domains, selectors=("s1",))
    started = time.perf_counter()
    told: list[str] = []
    statuses = wait_for(check.each_told(request, enquiry, lambda made: told.append(made.server)))
    seconds = time.perf_counter() - started
    assert told == list(domains) and len(statuses) == len(domains)
    return seconds, enquiry.asked


def theirs(domains: tuple[str, ...]) -> float | None:
    """Seconds that checkdmarc takes for the domains; None where it is not installed."""
    try:
        import checkdmarc
        import dns.nameserver
    except ImportError:
        return None
    server: Any = dns.nameserver.Do53Nameserver(RESOLVER, PORT)
    started = time.perf_counter()
    checkdmarc.check_domains(list(domains), nameservers=[server], skip_tls=True, timeout=5, wait=0)
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print."""
    sizes = [int(each) for each in sys.argv[1:]] or list(SIZES)
    print(f"{'domains':>8} {'seconds':>8} {'questions':>10} {'chain x RTT':>12} {'checkdmarc':>11}")
    with tempfile.TemporaryDirectory() as folder:
        with far_dns(Path(folder) / "first.json"):
            ours(("d0.test",))
        for size in sizes:
            domains = tuple(f"d{number}.test" for number in range(size))
            log = Path(folder) / f"{size}.json"
            with far_dns(log):
                seconds, asked = ours(domains)
            chain = longest(json.loads(log.read_text())) * ROUND_TRIP / 1000
            few = domains[:_MOST]
            with far_dns(Path(folder) / "theirs.json"):
                other = theirs(few)
            shown = "-" if other is None else f"{other / len(few) * size:.1f}"
            bound = f"{chain:.2f}" if size == 1 else "-"
            print(f"{size:8} {seconds:8.2f} {asked:10} {bound:>12} {shown:>11}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory: {peak:.0f} MB at most")


if __name__ == "__main__":
    main()
