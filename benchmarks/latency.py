"""What a run costs from far away: seconds, commands sent to the hosts, and CPU on both sides.

`python -m benchmarks.latency [RUNS] [HOSTS]`, as root, after `python -m tests.lab prepare`. A relay
before each host's SSH delays each direction (`benchmarks/delay.py`). An empty pyinfra run, a run
without a change, and a first one, at 0, 100 and 200 ms round trip; then no change on HOSTS hosts
with a zone each: 3, and 10 with PMAIL_LONG=1, for which the lab has more zones. Without the report
at the end: that asks the world, not the host.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bootstrap import EMPTY
from benchmarks.frame import fresh_lab, runs, spread
from tests.lab.nameservers import FLEET
from tests.lab.network import Network
from tests.lab.operator import Operator
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.site import Server, Site

ROUND_TRIPS = (0, 100, 200)  # ms
DOMAINS = ("example.test", "second.test", "third.test", *FLEET)
_CLOCK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one run took. here, there: CPU seconds of the controller and of all hosts."""

    seconds: float
    commands: int
    here: float
    there: float


def run(site: Site, deploy: str, folder: Path) -> Cost:
    """Run a deploy file; it must end well."""
    counted = folder / "counted"
    command = site.operator.command(deploy, "-y")
    at = command.index("pyinfra")
    command[at] = "benchmarks.counted"
    environment = {**site.operator.environment(), "PMAIL_COUNTED": str(counted)}
    site.operator.write_inventory()
    before, started = sum(map(cpu, site.servers)), time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=-2
    )
    assert process.stdout
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    assert status == 0, printed.decode()
    there = sum(map(cpu, site.servers)) - before
    lines = counted.read_text().splitlines()
    return Cost(seconds, len(lines), used.ru_utime + used.ru_stime, there)


def cpu(server: Server) -> float:
    """CPU seconds of all that runs on a host, and of what has ended under it."""
    lines = server.host.run("cat /proc/[0-9]*/stat 2>/dev/null").splitlines()
    fields = (line.rpartition(")")[2].split() for line in lines)
    return sum(sum(map(int, each[11:15])) for each in fields) / _CLOCK


@contextmanager
def far(site: Site, milliseconds: int) -> Iterator[None]:
    """Meanwhile the hosts are that far away."""
    ways = {f"127.0.1.{number}": each for number, each in enumerate(site.servers, 1)}
    for near, server in ways.items():
        known = server.host.known_hosts
        lines = known.read_text().replace(server.ip, near)
        known.write_text(lines + known.read_text())
        server.data |= {"ssh_hostname": near, "ipv4": server.ip}
    words = [f"{near}={server.ip}" for near, server in ways.items()]
    command = [sys.executable, "-m", "benchmarks.delay", str(milliseconds), "22", *words]
    relay = subprocess.Popen(Network().inside(command))
    try:
        assert wait_for(lambda: all(map(_listens, ways)), 20)
        yield
    finally:
        relay.kill()
        relay.wait()


def _listens(address: str) -> bool:
    probe = ["bash", "-c", f"exec 3<>/dev/tcp/{address}/22"]
    return subprocess.run(Network().inside(probe), capture_output=True).returncode == 0


@contextmanager
def site_of(domains: Sequence[str]) -> Iterator[tuple[Site, Path]]:
    """A site with a bare server for each domain, and a folder."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Operator(Path(folder) / "site", Network().inside))
        site.operator.folder.mkdir()
        site.dns.up()
        for domain in domains:
            site.add_server(domain, outbound="relay")
        try:
            yield site, Path(folder)
        finally:
            for server in site.servers:
                server.host.stop()


def measure_one(times: int, round_trip: int) -> dict[str, list[Cost]]:
    """Return the costs of each kind of run on one host."""
    found: dict[str, list[Cost]] = {"empty pyinfra run": [], "bootstrap": [], "no change": []}
    for _ in range(times):
        with site_of(["example.test"]) as (site, folder), far(site, round_trip):
            empty = folder / "empty.py"
            empty.write_text(EMPTY)
            found["empty pyinfra run"].append(run(site, str(empty), folder))
            found["bootstrap"].append(run(site, "deploy.py", folder))
            found["no change"].append(run(site, "deploy.py", folder))
    return found


def measure_many(times: int, hosts: int) -> dict[str, list[Cost]]:
    """Return the costs of runs without a change on several hosts, each with a zone."""
    with site_of(DOMAINS[:hosts]) as (site, folder), far(site, 0):
        run(site, "deploy.py", folder)
        return {f"no change, {hosts} hosts": [run(site, "deploy.py", folder) for _ in range(times)]}


def show(title: str, found: dict[str, list[Cost]]) -> None:
    """Print what was found."""
    print(f"\n{title:20} {'s: least, median, most':>27}           commands  CPU here  CPU there")
    for name, costs in found.items():
        last = costs[-1]
        figures = f"{last.commands:8d} {last.here:9.2f} {last.there:9.2f}"
        print(f"{name:20} {spread([each.seconds for each in costs])} {figures}", flush=True)


def main() -> None:
    """Measure and print."""
    times, hosts = runs(3), int(sys.argv[2]) if len(sys.argv) > 2 else len(DOMAINS)
    with fresh_lab():
        Receiver().up()
        for each in ROUND_TRIPS:
            show(f"{each} ms round trip", measure_one(times, each))
        if hosts:
            show("0 ms round trip", measure_many(times, hosts))


if __name__ == "__main__":
    main()
