"""Several servers in one inventory: a dead one stops only what depends on it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.lab.hosts import Host
from tests.lab.nameservers import FLEET
from tests.lab_tests.site import Server, Site, lab_settings

pytestmark = pytest.mark.lab


def add_dead(site: Site, domain: str, *more: str) -> Server:
    """A server in the inventory that nobody has switched on."""
    host = Host("vps66", "203.0.113.66")
    site.add_zone(domain)
    reached = {**site.servers[0].host.data(), "ssh_hostname": host.ip}
    settings = {**reached, **lab_settings(domain), **site.certificate(domain)}
    site.operator.servers[host.name] = {**settings, "domains": [domain, *more]}
    return Server(host, domain, site.operator.servers[host.name])


@pytest.mark.more
def test_a_dead_host_stops_its_own_zones_and_nothing_else(new_site: Site) -> None:
    site = new_site
    alive = site.add_running("direct")
    dead = add_dead(site, "second.test")
    empty = site.records("second.test")
    for options in (("-y",), ()):
        done = site.operator.run("deploy.py", *options, answer="\n")
        assert done.status == 1 and "continue?" not in done.output, done.output
        for line in (
            f"{alive.name}: done (0 changed)",
            f"{dead.name}: not reached",
            "@zone/example.test: done (0 changed)",
            f"@zone/second.test: stopped (0 changed), it waits for {dead.name}",
        ):
            assert line in done.output, done.output
        assert site.records("second.test") == empty

    site.operator.new_key("second.test", "default")
    done = site.operator.run("deploys/dns.py")
    assert done.status == 1 and f"{dead.name}, which signs with it, is not reached" in done.output
    assert "@zone/example.test: done (0 changed)" in done.output, done.output
    published = site.records("second.test")
    assert "smtp.second.test." in published and "_domainkey" not in published

    done = site.operator.run("deploy.py", "-y", "--limit", alive.name)
    assert done.status == 0 and "come along: @zone/example.test" in done.output, done.output
    assert f"{dead.name} is not reached" in done.output and done.changed == 0

    dead.data["domains"] = ["second.test", "sub.example.test"]
    records, tree = site.records("example.test"), site.tree(alive)
    done = site.operator.run()
    assert done.status == 1
    assert f"{alive.name}: stopped (0 changed), it waits for {dead.name}" in done.output
    assert (site.records("example.test"), site.tree(alive)) == (records, tree)
    for deploy in ("deploys/tls.py", "deploys/users.py", "deploys/queue.py", "deploys/verify.py"):
        done = site.operator.run(deploy)
        assert done.status == 1 and f"{dead.name}: not reached" in done.output
        assert f"{alive.name}: done" in done.output or deploy == "deploys/verify.py", done.output


@pytest.mark.long
def test_five_hosts_with_ten_zones_one_dead_one_dying_one_slow(new_site: Site) -> None:
    site = new_site
    zones = ("example.test", "second.test", "third.test", *FLEET)
    first, second, slow, dying = (
        site.add_server(zones[2 * number], domains=list(zones[2 * number : 2 * number + 2]))
        for number in range(4)
    )
    for name in zones:
        site.add_zone(name)
    dead = add_dead(site, zones[8], zones[9])
    with ExitStack() as meanwhile:
        meanwhile.enter_context(slow.host.firewall("tcp dport 22 limit rate over 50/second drop"))

        def dies() -> None:
            meanwhile.enter_context(dying.host.firewall("tcp dport 22 reject with tcp reset"))
            dying.host.cut_ssh()

        run = site.operator.start()
        output = site.when_printed(run, "Install PMail", dies)
        assert run.wait(timeout=600) == 1
    for server in (first, second, slow):
        assert f"{server.name}: done" in output, output
        for domain in server.data["domains"]:  # type: ignore[attr-defined]
            assert f"@zone/{domain}: done" in output
            assert site.mx(domain) == [f"10 smtp.{server.domain}."]
    assert f"{dying.name}: failed" in output and f"{dead.name}: not reached" in output
    for server in (dying, dead):
        for domain in server.data["domains"]:  # type: ignore[attr-defined]
            assert f"it waits for {server.name}" in output
            assert site.mx(domain) == []
