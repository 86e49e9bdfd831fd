"""Keys that are lost here: taken back, replaced beside a live record, or refused."""

from __future__ import annotations

import shutil

import pytest

from deploys.host.outbound_layout import DKIM
from tests.lab_tests.conftest import TWO_DOMAINS
from tests.lab_tests.site import Server, Site, submit

pytestmark = pytest.mark.lab


def key_records(site: Site) -> list[str]:
    """The zone's key records."""
    return sorted(
        each for each in site.records("example.test").splitlines() if "_domainkey" in each
    )


def selectors(site: Site) -> list[str]:
    """The selectors in the zone."""
    return [each.partition(".")[0] for each in key_records(site)]


def converges(site: Site, server: Server) -> None:
    """The next run makes it right, the one after has nothing to do, and mail is signed."""
    done = site.operator.run()
    assert done.status == 0, done.output
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert submit(site, server, "someone@recv.test").dkim == "pass"


@pytest.mark.more
def test_what_is_lost_here_is_taken_back_or_replaced_and_no_live_record_changes(
    new_site: Site,
) -> None:
    site, server = new_site, new_site.add_running("relay", *TWO_DOMAINS)
    keys = site.operator.keys / "example.test"
    before, leaked = key_records(site), site.operator.folder / "leaked"
    shutil.copytree(keys, leaked)
    (first,) = selectors(site)

    # The host has it: a key file, the pointer, the whole folder, the ledger too.
    (keys / f"{first}.key").unlink()
    (keys / "current").unlink()
    converges(site, server)
    shutil.rmtree(keys)
    shutil.rmtree(site.operator.state / "ledger")
    converges(site, server)
    assert key_records(site) == before

    # Nobody has it: another selector beside the record, which stays as it is.
    (keys / f"{first}.key").unlink()
    server.host.run(f"rm {DKIM}/example.test.*.key", check=True)
    converges(site, server)
    assert set(before) < set(key_records(site)) and len(selectors(site)) == 2

    # It has leaked: an old copy of the keys brings it back nowhere, and is wiped.
    done = site.operator.run(
        "deploys/rotate_dkim.py",
        *("-y", "--data", "rotate_emergency=1", "--data", "rotate_wait=1"),
        *("--data", "rotate_domains=example.test"),
    )
    assert done.status == 0, done.output
    after, revoked = key_records(site), keys / "current"
    third = revoked.read_text().strip()
    second = next(each for each in selectors(site) if each not in (first, third))
    shutil.copytree(leaked, keys, dirs_exist_ok=True)
    (keys / "current").write_text(f"{second}\n")
    converges(site, server)
    assert key_records(site) == after and (keys / "current").read_text().strip() == third
    assert not (keys / f"{first}.key").exists() or first in selectors(site)


@pytest.mark.long
def test_a_fixed_selectors_key_is_taken_back_or_the_run_is_refused_and_nothing_is_changed(
    new_site: Site,
) -> None:
    site, server = new_site, new_site.add_running("direct")
    keys, before = site.operator.keys / "example.test", key_records(site)
    shutil.rmtree(keys)
    converges(site, server)
    assert key_records(site) == before

    # The host's is another now: nobody has the record's key.
    server.host.run("openssl genrsa -out /var/lib/pmail/config/dkim/dkim.priv 2048", check=True)
    shutil.rmtree(keys)
    tree, zone = site.tree(server), site.records("example.test")
    for options in (("-y",), ("--dry",)):
        done = site.operator.run("deploy.py", *options)
        assert done.status == 1 and "default._domainkey.example.test" in done.output
        assert "dns_replace" not in done.output and "Traceback" not in done.output
        assert site.tree(server) == tree and site.records("example.test") == zone
        assert not keys.exists()
    # As told: the record goes, and a key is made. Who has cached the record is not waited for here.
    site.dns.edit("example.test", "default._domainkey.example.test", "TXT")
    assert "Traceback" not in site.operator.run().output
    assert selectors(site) == ["default"] and key_records(site) != before
    assert site.operator.run().changed == 0
