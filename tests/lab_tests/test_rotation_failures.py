"""A rotation that meets one failure after the other: each ends clean, and the next run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from keys.rotation import Step
from tests.lab.nameservers import SECONDARY
from tests.lab.process import wait_for
from tests.lab_tests.rotation import (
    ROTATE,
    TIMES,
    Watched,
    assert_one_key,
    assert_safe,
    data,
    going_on,
    history,
    is_doing,
    rotate,
    selectors,
    signer_key,
)
from tests.lab_tests.site import Server, Site, submit

pytestmark = pytest.mark.lab
FOREIGN = '"v=DKIM1; k=rsa; p=Zm9yZWlnbg=="'


def stops(
    site: Site, server: Server, at: Step, *words: str, back: bool = False, broken: bool = False
) -> None:
    """The next run says these words and ends non-zero at this step, with no harm done.

    back: it is on the way back then. broken: the record of the key in use is somebody else's.
    """
    done = rotate(site, "rotate_wait=1")
    assert done.status != 0, done.output
    for word in words:
        assert word in done.output, f"{word!r} is not in:\n{done.output}"
    assert "Traceback" not in done.output, done.output
    there = going_on(site)
    assert there is not None and there["step"] == at, done.output
    assert there["going_back"] is back
    if not broken:
        assert_safe(site, server, done.output)


def stop_at(site: Site, step: Step) -> None:
    """Go on to a step and not further."""
    run = Watched(site)
    run.kill_when(lambda: (going_on(site) or {}).get("step") == step)
    there = going_on(site)
    assert there is not None and there["step"] == step, run.printed


@contextmanager
def dead(site: Site, name: str) -> Iterator[None]:
    """Meanwhile a name server does not run."""
    site.dns.daemons[name].stop()
    try:
        yield
    finally:
        site.dns.restart(name)


@contextmanager
def refusing(site: Site) -> Iterator[None]:
    """Meanwhile the provider does not take our key."""
    right = site.operator.secrets["TSIG_EXAMPLE_TEST"]
    site.operator.secrets["TSIG_EXAMPLE_TEST"] = "d3JvbmcgLSB3cm9uZyAtIHdyb25nIC0gd3Jvbmc="
    try:
        yield
    finally:
        site.operator.secrets["TSIG_EXAMPLE_TEST"] = right


@contextmanager
def full(server: Server) -> Iterator[None]:
    """Meanwhile the host's disk has no room."""
    server.host.run("fallocate -l 2G /var/full 2>/dev/null; cat /dev/zero > /var/fuller")
    try:
        yield
    finally:
        server.host.run("rm -f /var/full /var/fuller")


@contextmanager
def another_time(server: Server) -> Iterator[None]:
    """Meanwhile the host's clock is a day ahead."""
    fake = "/usr/local/bin/date"
    server.host.run(f'printf \'#!/bin/sh\\nexec /bin/date -d "1 day" "$@"\\n\' > {fake}')
    server.host.run(f"chmod 755 {fake}", check=True)
    try:
        yield
    finally:
        server.host.run(f"rm {fake}", check=True)


@contextmanager
def edited(site: Site, selector: str) -> Iterator[None]:
    """Meanwhile a key record is somebody else's; it must stay as they made it."""
    owner = f"{selector}._domainkey.example.test"
    before = site.dns.records(owner, "TXT")
    site.dns.edit("example.test", owner, "TXT", FOREIGN)
    try:
        yield
        assert site.dns.records(owner, "TXT") == [FOREIGN]
    finally:
        site.dns.edit("example.test", owner, "TXT", *before)
        assert wait_for(lambda: site.dns.records(owner, "TXT", SECONDARY) == before, 30)


@contextmanager
def away(server: Server) -> Iterator[None]:
    """Meanwhile the host cannot be reached by SSH."""
    with server.host.firewall("tcp dport 22 reject with tcp reset"):
        yield


def cut_off(site: Site, server: Server, step: Step) -> None:
    """The connection to the host breaks within a step."""
    run = Watched(site)
    run.wait_until(lambda: is_doing(site, step))
    with away(server):
        server.host.cut_ssh()
        status = run.ended()
    assert status != 0 and "Traceback" not in run.printed, run.printed
    there = going_on(site)
    assert there is not None and there["step"] == step, run.printed
    assert_safe(site, server, run.printed)


def test_with_two_selectors(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", outbound="relay", dkim_keep_days=0, disk="900M")
    assert site.operator.run().status == 0
    server.data["propagation_timeout"] = 5
    (old,) = selectors(site, "example.test")
    with refusing(site):
        stops(site, server, Step.PUBLISH, "TSIG")
    with edited(site, old):
        stops(site, server, Step.PUBLISH, f"{old}._domainkey.example.test/TXT", broken=True)
    with dead(site, "bind"):
        stops(site, server, Step.PUBLISH, "198.51.100.53")
    with dead(site, "knot"):
        stops(site, server, Step.PROVE, "ns2.servers.test")
    with full(server):
        stops(site, server, Step.INSTALL, "No space left")
    assert signer_key(site, server)[0] == old
    cut_off(site, server, Step.SWITCH)
    with another_time(server):
        stops(site, server, Step.KEEP, "clock")
    (new,) = {*selectors(site, "example.test")} - {old}
    assert signer_key(site, server)[0] == new
    with edited(site, old):
        stops(site, server, Step.RETIRE, f"{old}._domainkey.example.test/TXT")
    with edited(site, new):
        stops(site, server, Step.RETIRE, "ns1.servers.test", "ns2.servers.test", broken=True)
    with dead(site, "bind"):
        stops(site, server, Step.RETIRE, "198.51.100.53")
    with away(server):
        stops(site, server, Step.RETIRE, server.name)
    done = rotate(site)
    assert done.status == 0, done.output
    assert_one_key(site, server, rotations=1)


def test_with_one_selector(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", dkim_keep_days=0, dkim_ttl_slack=2, disk="900M")
    site.operator.zones["example.test"]["ttl"] = 5
    assert site.operator.run().status == 0
    server.data["propagation_timeout"] = 15
    old = signer_key(site, server)
    with another_time(server):
        stops(site, server, Step.AGE, "clock")
    # What is found before the pause leaves the old key in use.
    with edited(site, "default"):
        stops(site, server, Step.AGE, "default._domainkey.example.test/TXT", broken=True)
        assert server.answers(465)
    with dead(site, "bind"):
        stops(site, server, Step.AGE, "198.51.100.53")
    with full(server):
        stops(site, server, Step.PAUSE, "No space left")
    assert submit(site, server, to="someone@recv.test").dkim == "pass"

    # What is found too late for that makes it turn back; paused until it has.
    stop_at(site, Step.PUBLISH)
    with refusing(site):
        stops(site, server, Step.PUBLISH, "TSIG", back=True)
        assert not server.answers(465)
    turned_back(site, server, old)
    if TIMES > 1:
        stop_at(site, Step.PUBLISH)
        with edited(site, "default"):
            owner = "default._domainkey.example.test/TXT"
            stops(site, server, Step.PUBLISH, owner, back=True, broken=True)
        turned_back(site, server, old)
        stop_at(site, Step.PAUSE)
        with dead(site, "knot"):
            stops(site, server, Step.PROVE, "ns2.servers.test", back=True)
        turned_back(site, server, old)

    # Past the way back it stays where it is, and goes on.
    stop_at(site, Step.SWITCH)
    with full(server):
        stops(site, server, Step.SWITCH, "No space left")
    cut_off(site, server, Step.RESUME)
    with edited(site, "default"):
        stops(site, server, Step.RESTORE, "default._domainkey.example.test/TXT", broken=True)
    with dead(site, "bind"):
        stops(site, server, Step.RESTORE, "198.51.100.53")
    with away(server):
        stops(site, server, Step.RESTORE, server.name)
    done = rotate(site)
    assert done.status == 0, done.output
    assert signer_key(site, server) != old
    assert_one_key(site, server, rotations=4 if TIMES > 1 else 2)


def turned_back(site: Site, server: Server, old: tuple[str, str]) -> None:
    """The next run ends it where it began."""
    done = rotate(site, "rotate_wait=1")
    assert done.status == 0, done.output
    assert history(site)[-1]["aborted"] and signer_key(site, server) == old
    assert submit(site, server, to="someone@recv.test").dkim == "pass"


def test_a_host_that_is_away_does_not_hold_up_the_others(new_site: Site) -> None:
    site = new_site
    here = site.add_server("example.test", outbound="relay", dkim_keep_days=0)
    there = site.add_server("second.test", outbound="relay", dkim_keep_days=0)
    assert site.operator.run().status == 0
    old = {domain: selectors(site, domain) for domain in ("example.test", "second.test")}
    with away(there):
        # Unless it is asked for, one host that cannot be connected to ends the run.
        done = rotate(site)
        assert done.status != 0 and there.name in done.output
        assert selectors(site, "example.test") == old["example.test"]
        done = site.operator.run(ROTATE, *data(), "--fail-percent", "100")
        assert "Traceback" not in done.output and there.name in done.output
        assert done.status != 0, done.output
    assert selectors(site, "example.test") != old["example.test"]
    assert_one_key(site, here, rotations=1)
    assert selectors(site, "second.test") == old["second.test"]
    done = rotate(site, "rotate_domains=second.test")
    assert done.status == 0, done.output
    assert_one_key(site, there, rotations=1)
