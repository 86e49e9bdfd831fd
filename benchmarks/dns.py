"""Calls and time to publish the DNS records of a mail domain, beside octoDNS and dns-lexicon.

`python -m benchmarks.dns [RUNS]`, with the packages of `octodns`, `octodns-bind`,
`octodns-powerdns`, `octodns-cloudflare`, `octodns-route53`, `dns-lexicon` and `localzone` where
they are to be measured, too. Publishes to real BIND, Knot and PowerDNS where this machine has
them, and to the tests' doubles of the other providers, all on loopback through a relay that
counts. Times are the median and the least of all runs; they hold the opening of a provider, and no
import of a module: a first run is not counted.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from benchmarks import dns_doubles, dns_tools
from benchmarks.counting import Relay, http_requests, relay
from benchmarks.dns_doubles import Double, octodns_powerdns, powerdns_zone
from benchmarks.frame import runs
from dns_providers.base import Change, Provider
from tests.dns_providers import servers
from tests.dns_providers.servers import ZONE, NameServer

ZONES = (1, 10, 100)
WHAT = ("publish", "no change")
NOTES = """
Ours is 1 read + 1 write + 1 read-back (none at Cloudflare: the answer shows it), and besides:
  cloudflare, route53, alidns, dnspod   1 to find the zone
  route53                               1 to see that the change is on all servers
  powerdns, cloudflare, alidns, dnspod  1 more read where the plan's is a second old or older
  alidns, dnspod                        12 writes: the API takes single records
"""


@dataclass
class Figures:
    """Of one kind of work: calls and connections of the last run, seconds of each."""

    calls: int = 0
    connections: int = 0
    seconds: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        middle, least = statistics.median(self.seconds) * 1000, min(self.seconds) * 1000
        return f"{self.calls:5} {self.connections:5} {middle:8.1f} {least:8.1f}"


def timed(counted: Relay | None, figures: Figures, work: Callable[[], object]) -> None:
    """Do some work once, and note what it took."""
    calls, connections = (counted.calls, counted.connections) if counted else (0, 0)
    started = time.perf_counter()
    work()
    figures.seconds.append(time.perf_counter() - started)
    if counted:
        figures.calls = counted.calls - calls
        figures.connections = counted.connections - connections


def tools(double: Double, state: Path) -> Iterator[tuple[str, Callable[[], object] | str]]:
    """Each tool's way to publish to a double, or why it has none."""
    yield "ours", lambda: dns_tools.ours(double.ours(), ZONE, state)
    octodns, lexicon = double.octodns, double.lexicon
    if isinstance(octodns, str):
        yield "octoDNS", octodns
    else:
        yield "octoDNS", lambda: dns_tools.octodns(octodns(), ZONE, double.seeded)
    if isinstance(lexicon, str):
        yield "dns-lexicon", lexicon
    else:
        yield "dns-lexicon", lambda: dns_tools.lexicon(lexicon, ZONE)


def measure(double: Double, times: int) -> Iterator[tuple[str, dict[str, Figures] | str]]:
    """For each tool the figures of publishing and of finding no change, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        for tool, publish in tools(double, Path(folder)):
            if isinstance(publish, str):
                yield tool, publish
                continue
            try:
                yield tool, _measured(double, publish, times, Path(folder))
            except ImportError as error:
                yield tool, f"not installed: {error.name}"
            except Exception as error:  # of any library; the others are measured all the same
                yield tool, f"cannot: {type(error).__name__}: {error}".partition("\n")[0]
            _empty(double, Path(folder))


def _measured(
    double: Double, publish: Callable[[], object], times: int, state: Path
) -> dict[str, Figures]:
    found = {what: Figures() for what in WHAT}
    for number in range(times + 1):
        _empty(double, state)
        if number == 1:  # the first run imported
            found = {what: Figures() for what in WHAT}
        for what in WHAT:
            timed(double.relay, found[what], publish)
            _check(double.ours(), ZONE)
    return found


def _check(provider: Provider, zone: str) -> None:
    if missing := dns_tools.missing(provider, zone):
        raise RuntimeError(f"not there just so: {', '.join(missing)}")


def _empty(double: Double, state: Path) -> None:
    """Take the records out again, and forget them."""
    claims = dns_tools.wanted(ZONE)
    provider = double.ours()
    there = provider.read(frozenset(claim.key.owner for claim in claims))
    live = [found for claim in claims if (found := there.get(claim.key))]
    if live:
        provider.apply([Change(each, None, "benchmark") for each in live])
    for path in state.rglob("*.json"):
        path.unlink()


# -- many zones ------------------------------------------------------------------------------------


def grow(folder: Path) -> Iterator[tuple[str, int, dict[str, Figures] | str]]:
    """For ours and octoDNS, and so many zones in one run one after the other: the figures."""
    with (
        servers.running("powerdns", folder) as server,
        relay(server.api_port, http_requests) as counted,
    ):
        for tool, publish in (("ours", _all_ours), ("octoDNS", _all_octodns)):
            for count in ZONES:
                zones = [f"z{number}-of-{count}-{tool.lower()}.test" for number in range(count)]
                _make(server, zones)
                found = {what: Figures() for what in WHAT}
                try:
                    for what in WHAT:
                        timed(
                            counted, found[what], partial(publish, server, counted, zones, folder)
                        )
                except ImportError as error:
                    yield tool, count, f"not installed: {error.name}"
                    continue
                for zone in zones:
                    _check(powerdns_zone(server, counted, zone), zone)
                yield tool, count, found


def _make(server: NameServer, zones: list[str]) -> None:
    url = f"http://127.0.0.1:{server.api_port}/api/v1/servers/localhost/zones"
    with httpx.Client(headers={"X-API-Key": server.secret}) as client:
        for zone in zones:
            body = {"name": f"{zone}.", "kind": "Native", "nameservers": [f"ns1.{zone}."]}
            client.post(url, json=body).raise_for_status()


def _all_ours(server: NameServer, counted: Relay, zones: list[str], folder: Path) -> None:
    for zone in zones:
        dns_tools.ours(powerdns_zone(server, counted, zone), zone, folder / "state")


def _all_octodns(server: NameServer, counted: Relay, zones: list[str], folder: Path) -> None:
    provider = octodns_powerdns(server, counted)
    for zone in zones:
        dns_tools.octodns(provider, zone, seeded=False)


# -- the tables ------------------------------------------------------------------------------------


def main() -> None:
    """Measure and print."""
    times = runs(5)
    logging.disable()  # octoDNS warns of root NS records that it is not told of
    columns = f"{'calls':>5} {'conn.':>5} {'ms':>8} {'least':>8}"
    print(f"{'':30}{'publish 12 records':^29}   {'no change':^29}")
    print(f"{'provider':17}{'tool':13}{columns}   {columns}")
    with tempfile.TemporaryDirectory() as folder, dns_doubles.running(Path(folder)) as doubles:
        for double in doubles:
            for tool, found in measure(double, times):
                print(f"{double.name:17}{tool:13}{_row(found)}", flush=True)
    print(NOTES)
    if servers.there("powerdns"):
        print(f"{'powerdns, zones':17}{'tool':13}{columns}   {columns}")
        with tempfile.TemporaryDirectory() as folder:
            for tool, count, found in grow(Path(folder)):
                print(f"{count:<17}{tool:13}{_row(found)}", flush=True)


def _row(found: dict[str, Figures] | str) -> str:
    return found if isinstance(found, str) else "   ".join(map(str, found.values()))


if __name__ == "__main__":
    main()
