"""The main job: from a bare VPS and a zone to a verified mail server, on both Debian releases."""

from __future__ import annotations

import pytest

from postmaster.web import DEFAULT_WEB
from tests.lab_tests.site import Site, acme, applying, submit

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    ("suite", "sudo", "tls", "outbound", "web"),
    [
        ("bookworm", False, "acme-http", "relay", DEFAULT_WEB),
        pytest.param("trixie", True, "acme-dns", "relay", "pmail", marks=pytest.mark.more),
        pytest.param("trixie", False, "acme-http", "direct", DEFAULT_WEB, marks=pytest.mark.more),
    ],
)
def test_a_bare_host_becomes_a_verified_server_and_a_second_run_changes_nothing(
    new_site: Site, suite: str, sudo: bool, tls: str, outbound: str, web: str
) -> None:
    site = new_site
    data = {**acme(tls), "outbound": outbound, "web": web}
    server = site.add_server("example.test", suite=suite, sudo=sudo, **data)

    first = site.operator.run()
    assert first.status == 0, first.output
    assert site.not_green(server) == []

    before = site.tree(server)
    second = site.operator.run()
    assert second.status == 0, second.output
    assert second.changed == 0, second.output
    assert site.tree(server) == before

    exposure = server.host.run("systemd-analyze security pmail.service | tail -n 1")
    assert float(exposure.split(":")[1].split()[0]) <= 1.5, exposure

    verdict = submit(site, server, to="someone@recv.test")
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == ("pass", "pass", "pass")


def test_dry_shows_every_record_and_writes_nothing(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", suite="bookworm")
    before, records = site.tree(server), site.records("example.test")

    dry = site.operator.run("deploy.py", "--dry")

    assert dry.status == 0, dry.output
    for line in (
        "example.test 3600 IN MX 10 smtp.example.test.",
        f"smtp.example.test 3600 IN A {server.ip}",
        f'"v=spf1 ip4:{server.ip} ~all"',
        "_dmarc.example.test",
        "default._domainkey.example.test",
        "_imaps._tcp.example.test",
    ):
        assert line in dry.output, line
    assert site.tree(server) == before
    assert site.records("example.test") == records
    assert not (site.operator.keys / "example.test").exists()


@pytest.mark.long
def test_three_servers_and_three_zones_in_one_run(new_site: Site) -> None:
    site = new_site
    servers = [site.add_server(domain) for domain in ("example.test", "second.test", "third.test")]
    done = site.operator.run()
    assert done.status == 0, done.output
    for server in servers:
        assert site.mx(server.domain) == [f"10 smtp.{server.domain}."]
        assert site.not_green(server) == []
        assert site.reported(server) == applying(server)


def test_adding_a_domain_and_a_user_is_just_another_run_with_one_restart(new_site: Site) -> None:
    site = new_site
    server = site.add_running("direct")
    started = site.starts(server)

    site.add_zone("second.test")
    server.data["domains"] = ["example.test", "second.test"]
    server.data["users"] = ["bob"]
    done = site.operator.run()

    assert done.status == 0, done.output
    assert site.starts(server) == started + 1
    assert site.mx("second.test") == ["10 smtp.example.test."]
    assert site.can_log_in(server, "bob")

    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert site.starts(server) == started + 1


def test_a_removed_user_is_reported_and_disabled_only_on_request(new_site: Site) -> None:
    site = new_site
    server = site.add_running("direct", users=["bob"])
    assert site.operator.run().status == 0

    server.data["users"] = []
    reported = site.operator.run()
    assert (reported.status, reported.changed) == (0, 0), reported.output
    assert "bob" in reported.output and site.can_log_in(server, "bob")

    server.data["disable_removed_users"] = True
    disabled = site.operator.run()
    assert disabled.status == 0 and disabled.changed > 0, disabled.output
    assert not site.can_log_in(server, "bob")
