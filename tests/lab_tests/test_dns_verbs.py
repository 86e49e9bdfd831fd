"""DNS alone, on real name servers: plan, adopt, publish, remove, undo; and the wrong zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.operator import Run
from tests.lab_tests.site import Site

pytestmark = pytest.mark.lab


def dns(site: Site, action: str, *options: str) -> Run:
    return site.operator.run(
        "deploys/dns.py", *(options or ("-y",)), "--data", f"dns_action={action}"
    )


def succeeds(run: Run) -> str:
    assert run.status == 0, run.output
    return run.output


def test_what_we_wrote_and_only_that_can_be_removed_and_put_back(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", spf_include=["relay.test"])
    for record in (
        'example.test. 300 TXT "v=spf1 include:other.test -all"',
        'example.test. 300 TXT "site-verification=theirs"',
        f"pop.example.test. 300 A {server.ip}",
    ):
        site.foreign("example.test", record)
    before = site.records("example.test")

    planned = succeeds(dns(site, "plan", "--dry"))
    assert "+ smtp.example.test 3600 IN A" in planned and "IN MX 10" in planned
    assert site.records("example.test") == before

    assert "= pop.example.test/A" in succeeds(dns(site, "adopt"))
    assert site.records("example.test") == before
    assert dns(site, "adopt").changed == 0

    succeeds(dns(site, "publish"))
    published = site.records("example.test")
    assert published != before

    assert "pop.example.test/A" in succeeds(dns(site, "remove", "--dry"))
    assert site.records("example.test") == published
    succeeds(dns(site, "remove"))
    assert site.records("example.test") == before
    assert dns(site, "remove").changed == 0

    backup = max((site.operator.state / "backups").iterdir())
    succeeds(dns(site, "undo", "-y", "--data", f"undo={backup}"))
    assert site.records("example.test") == published


def test_what_somebody_added_to_ours_stays_when_ours_is_removed(new_site: Site) -> None:
    site = new_site
    site.add_server("example.test")
    succeeds(dns(site, "publish"))
    site.foreign("example.test", "smtp.example.test. 300 A 192.0.2.77")
    succeeds(dns(site, "remove"))
    assert site.dns.records("smtp.example.test", "A") == ["192.0.2.77"]
    assert site.txt("example.test") == []


def wrong_zone(site: Site, name: str, server: str) -> Path:
    """Put a zone of the operator's own into the inventory, as a file that nobody serves."""
    path = site.operator.folder / f"{name}.zone"
    path.write_text(
        f"$ORIGIN {name}.\n$TTL 300\n@ SOA {server}. host.{name}. 1 60 60 600 60\n@ NS {server}.\n"
    )
    site.operator.zones[name] = {"dns_provider": "zonefile", "zone_file": str(path)}
    return path


def test_a_zone_that_is_live_elsewhere_is_not_written(new_site: Site) -> None:
    site = new_site
    site.add_server("example.test")
    path = wrong_zone(site, "example.test", "ns1.elsewhere.test")
    before = path.read_text()
    done = dns(site, "publish")
    assert done.status != 0
    assert "ns1.servers.test" in done.output and "ns1.elsewhere.test" in done.output
    assert path.read_text() == before


def test_a_zone_that_is_none_of_its_own_in_dns_is_not_written(new_site: Site) -> None:
    site = new_site
    site.add_server("example.test", domains=["sub.example.test"], web_host="mail.sub.example.test")
    path = wrong_zone(site, "sub.example.test", "ns1.servers.test")
    before = path.read_text()
    done = dns(site, "publish")
    assert done.status != 0 and "@zone/example.test" in done.output
    assert path.read_text() == before


def test_a_backup_of_another_site_is_refused(new_site: Site, tmp_path: Path) -> None:
    site = new_site
    site.add_server("example.test")
    backup = tmp_path / "other.json"
    backup.write_text('{"version": 1, "zone": "other.test", "changes": []}')
    done = dns(site, "undo", "-y", "--data", f"undo={backup}")
    assert done.status != 0 and "other.test" in done.output


def test_rights_are_said_and_all_records_exported_without_a_secret(new_site: Site) -> None:
    site = new_site
    site.add_server("example.test")
    site.operator.secrets.clear()
    rights = site.operator.run("deploys/dns_policy.py", "-y")
    assert "update-policy" in succeeds(rights)
    exported = site.operator.folder / "zone.txt"
    data = ("--data", "format=zonefile", "--data", f"output={exported}")
    succeeds(site.operator.run("deploys/dns_export.py", "-y", *data))
    assert "_domainkey.example.test." in exported.read_text()
