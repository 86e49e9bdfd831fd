"""Each failure ends clean: a clear message, non-zero status, nothing lost; the next run mends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lab_tests.site import Site, converges

pytestmark = pytest.mark.lab


def refused(site: Site, *words: str) -> str:
    """The run fails and says these words."""
    done = site.operator.run()
    assert done.status != 0, done.output
    for word in words:
        assert word in done.output, f"{word!r} is not in:\n{done.output}"
    assert "Traceback" not in done.output, done.output
    return done.output


def test_wrong_dns_key(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    right = site.operator.secrets["TSIG_EXAMPLE_TEST"]
    site.operator.secrets["TSIG_EXAMPLE_TEST"] = "d3JvbmcgLSB3cm9uZyAtIHdyb25nIC0gd3Jvbmc="
    output = refused(site, "example.test", "TSIG")
    assert right not in output
    site.operator.secrets["TSIG_EXAMPLE_TEST"] = right
    converges(site, server)


def test_dead_name_server(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    right = site.operator.zones["example.test"]["dns_server"]
    site.operator.zones["example.test"]["dns_server"] = "198.51.100.99"
    refused(site, "198.51.100.99")
    site.operator.zones["example.test"]["dns_server"] = right
    converges(site, server)


def test_a_lagging_secondary_is_named_and_the_next_run_waits_for_it(new_site: Site) -> None:
    site = new_site
    server = site.add_server("lag.test", propagation_timeout=3)
    refused(site, "ns3.servers.test", "198.51.100.56")
    assert site.mx("lag.test") == []
    server.data["propagation_timeout"] = 120
    with site.dns.lagging_looks_every(15):
        converges(site, server)


def test_port_25_taken_names_the_process_and_changes_nothing(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    server.host.run("systemd-run --unit=other-mta systemd-socket-activate -l 25 /bin/cat")
    before = site.records("example.test")
    refused(site, "port 25 is taken by systemd-socket")
    assert site.records("example.test") == before
    server.host.run("systemctl stop other-mta")
    converges(site, server)


def test_wrong_sha256_names_both_sums(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", pmail_sha256="0" * 64)
    output = refused(site, "0" * 64)
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", output))) == 2
    del server.data["pmail_sha256"]
    converges(site, server)


@pytest.mark.more
def test_disk_full_while_the_configuration_is_written_keeps_the_running_server(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("direct")
    folder = "/etc/pmail-deploy/config"
    server.host.run(
        f"cp -a {folder} /root/kept && mount -t tmpfs -o size=64k,mode=750 full {folder} && "
        f"chgrp pmail {folder} && cp -a /root/kept/. {folder}/ && rm -r /root/kept; "
        f"dd if=/dev/zero of={folder}/filler bs=4k 2>/dev/null"
    )
    server.data["log_level"] = "warn"
    refused(site, folder, "No space left on device")
    assert server.answers(25)
    server.host.run(f"umount {folder}")
    converges(site, server)


def test_wrong_passphrase_stops_before_anything_is_changed(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    site.operator.secrets["PMAIL_KEYS_PASSPHRASE"] = "right horse"
    assert site.operator.run().status == 0
    key = Path(site.operator.keys / "example.test" / "default.key").read_bytes()
    assert b"ENCRYPTED" in key
    server.host.run("rm /var/lib/pmail/config/dkim/dkim.priv")
    site.operator.secrets["PMAIL_KEYS_PASSPHRASE"] = "wrong horse"
    output = refused(site, "PMAIL_KEYS_PASSPHRASE")
    assert "horse" not in output
    site.operator.secrets["PMAIL_KEYS_PASSPHRASE"] = "right horse"
    converges(site, server)
    assert Path(site.operator.keys / "example.test" / "default.key").read_bytes() == key


def test_a_conflict_in_a_needed_group_stops_the_run_and_is_left_alone(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    site.foreign("example.test", "smtp.example.test. 300 A 192.0.2.77")
    output = refused(site, "smtp.example.test", "192.0.2.77")
    assert "smtp.example.test/A" in output
    assert site.mx("example.test") == []
    site.operator.zones["example.test"]["dns_replace"] = ["smtp.example.test/A"]
    converges(site, server)


def test_a_conflict_in_an_optional_group_lets_the_run_finish_and_ends_it_non_zero(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_server("example.test")
    owner, foreign = "_imaps._tcp.example.test", "0 1 993 imap.elsewhere.test."
    site.foreign("example.test", f"{owner}. 300 SRV {foreign}")
    output = refused(site, f"{owner}/SRV")
    assert site.mx("example.test") == ["10 smtp.example.test."], output
    assert site.dns.records(owner, "SRV") == [foreign]
    site.operator.zones["example.test"]["dns_replace"] = [f"{owner}/SRV"]
    converges(site, server)

    (backup,) = [
        path for path in (site.operator.state / "backups").iterdir() if foreign in path.read_text()
    ]
    undone = site.operator.run("deploys/dns.py", "-y", "--data", f"undo={backup}")
    assert undone.status == 0, undone.output
    assert site.dns.records(owner, "SRV") == [foreign]


def test_a_foreign_spf_record_is_merged_and_a_foreign_txt_stays(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    site.foreign("example.test", 'example.test. 300 TXT "google-site-verification=abc"')
    site.foreign("example.test", 'example.test. 300 TXT "v=spf1 ip4:192.0.2.9 -all"')
    converges(site, server)
    assert sorted(site.txt("example.test")) == [
        "google-site-verification=abc",
        f"v=spf1 ip4:192.0.2.9 ip4:{server.ip} -all",
    ]


@pytest.mark.more
def test_a_zone_with_a_web_site_dmarc_and_backup_mx_of_its_owner_s_is_right_at_once(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_server("example.test", outbound="direct")
    policy = "v=DMARC1; p=reject; rua=mailto:reports@example.test; adkim=s"
    theirs = {
        ("example.test", "A"): ["198.51.100.80"],
        ("smtp.example.test", "A"): [server.ip],  # BIND takes no MX without
        ("example.test", "MX"): ["10 smtp.example.test.", "20 mx.recv.test."],
        ("_dmarc.example.test", "TXT"): [f'"{policy}"'],
    }
    for (owner, rtype), values in theirs.items():
        for value in values:
            site.foreign("example.test", f"{owner}. 300 {rtype} {value}")
    done = site.operator.run()
    assert done.status == 0, done.output
    for told in (policy, "20 mx.recv.test.", "example.test/A is there already"):
        assert told in done.output
    # PMail greets with the domain's own name in this mode, and that leads to the web site.
    assert [each["check"] for each in site.not_green(server)] == ["EHLO-02"]
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    for (owner, rtype), values in theirs.items():
        assert sorted(site.dns.records(owner, rtype)) == values
    assert site.dns.records("example.test", "AAAA") == []


MASTER = "$(readlink -f /etc/pmail-deploy/config/current)/config.json"
DAMAGE = {
    "cut": f"echo '{{' > {MASTER}",
    "unset": f"sed -i s/true/false/ {MASTER}",
    "gone": "rm -f /var/lib/pmail/config/config.json; rm /etc/pmail-deploy/config/current",
}
MORE_DAMAGE = {
    "empty": f": > {MASTER}",
    "removed": f"rm {MASTER}",
    "unreadable": f"chmod 600 {MASTER}",
    "no link": "rm /etc/pmail-deploy/config/current",
}


@pytest.mark.parametrize(
    "damage",
    [pytest.param(each, id=name) for name, each in DAMAGE.items()]
    + [pytest.param(each, id=name, marks=pytest.mark.long) for name, each in MORE_DAMAGE.items()],
)
def test_with_a_damaged_configuration_the_set_up_server_never_listens(
    running_site: Site, damage: str
) -> None:
    site = running_site
    (server,) = site.servers
    server.host.run(damage)
    server.host.reboot()
    assert not site.set_up_server_reachable(server)
    assert "LISTEN" not in server.host.run("ss -Hltn 'sport = :880 or sport = :80'")
    again = site.operator.run()
    assert again.status == 0, again.output
    assert server.answers(25)
    converges(site, server)
