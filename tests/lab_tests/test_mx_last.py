"""MX is never published before its server answers, however the run is started or broken."""

from __future__ import annotations

import pytest

from tests.lab_tests.site import Site

pytestmark = pytest.mark.lab


def test_without_yes_mx_comes_after_the_server(new_site: Site) -> None:
    site = new_site
    watcher = site.watch_mx(site.add_server("example.test"))
    done = site.operator.run("deploy.py", "-v", answer="\n")
    assert done.status == 0, done.output
    assert site.mx("example.test") == ["10 smtp.example.test."]
    assert watcher.never_too_early()


@pytest.mark.parametrize("option", ["--serial", "--no-wait"])
def test_a_split_run_is_refused_before_anything_changes(new_site: Site, option: str) -> None:
    site = new_site
    server = site.add_server("example.test")
    before = site.tree(server)
    done = site.operator.run("deploy.py", "-y", option)
    assert done.status != 0 and option in done.output
    assert site.mx("example.test") == [] and site.tree(server) == before


def test_limited_to_the_zone_mx_waits_for_a_server_that_answers(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    zone_only = site.operator.run("deploy.py", "-y", "--limit", "@zone/example.test")
    assert zone_only.status != 0, zone_only.output
    assert "smtp.example.test" in zone_only.output
    assert site.mx("example.test") == []

    with_its_zone = site.operator.run("deploy.py", "-y", "--limit", server.name)
    assert with_its_zone.status == 0, with_its_zone.output
    assert site.mx("example.test") == ["10 smtp.example.test."]


@pytest.mark.parametrize("options", [("-y",), pytest.param(("-v",), marks=pytest.mark.more)])
def test_a_failing_host_keeps_the_mx_of_its_zone_back_and_no_other(
    new_site: Site, options: tuple[str, ...]
) -> None:
    site = new_site
    site.add_server("example.test")
    broken = site.add_server("second.test")
    broken.host.run("install -m 755 /bin/false /usr/local/sbin/useradd")  # found when it is at work
    done = site.operator.run("deploy.py", *options, answer="\n" * 20)
    assert done.status != 0
    assert broken.name in done.output
    assert site.mx("example.test") == ["10 smtp.example.test."] and site.mx("second.test") == []


def test_a_cloud_firewall_before_port_25_keeps_mx_back(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    with server.host.firewall("tcp dport 25 drop"):
        done = site.operator.run()
        assert done.status != 0 and "security group" in done.output, done.output
        assert site.mx("example.test") == []
    again = site.operator.run()
    assert again.status == 0, again.output
    assert site.mx("example.test") == ["10 smtp.example.test."]
