"""A domain, an address, the primary domain change: what was true stays for as long as needed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import smtplib

import dns.message
import dns.query
import pytest

from ground.words import text
from tests.lab.hosts import Host
from tests.lab.network import RESOLVER, Network
from tests.lab.operator import Run
from tests.lab.process import wait_for
from tests.lab.rootfs import PREPARED
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, acme, deliver, inbox, submit

pytestmark = pytest.mark.lab
TWO_DAYS = 2 * 86400


def ended_well(run: Run) -> str:
    assert run.status == 0, run.output
    return run.output


def made_older(site: Site, zone: str, seconds: int) -> None:
    """What the ledger remembers of before is older by so much."""
    path = site.operator.state / "ledger" / f"{zone}.json"
    record = json.loads(path.read_text())
    assert record["former"]
    for each in record["former"]:
        each["since"] -= seconds
    path.write_text(json.dumps(record))


def killed_at(site: Site, printed: str, deploy: str, *options: str) -> None:
    """A run is killed where it begins to do something."""
    run = site.operator.start(deploy, *options)
    site.when_printed(run, printed, then=lambda: os.killpg(run.pid, signal.SIGKILL))
    run.wait(timeout=300)


def arrives(site: Site, server: Server, to: str, subject: str) -> bool:
    """Whether a message from outside is taken and comes into the administrator's mailbox."""
    try:
        deliver(server, "friend@recv.test", to, subject)
    except smtplib.SMTPRecipientsRefused:
        return False
    assert wait_for(lambda: subject in inbox(site, server), 90)
    return True


@pytest.mark.more
def test_a_domain_leaves_by_consent_mx_first_and_its_mail_is_taken_until_nobody_sends_it(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS)
    before, mx = site.records("second.test"), site.mx("second.test")
    server.data["domains"] = ["example.test"]
    zone = site.operator.zones.pop("second.test")
    told = ended_well(site.operator.run())
    assert "second.test and its zone second.test are no longer in the inventory" in told
    assert arrives(site, server, "admin@second.test", "zone-gone")
    site.operator.zones["second.test"] = zone
    assert "its MX record in second.test still sends mail here" in ended_well(site.operator.run())
    again = site.operator.run()
    assert (again.changed, site.records("second.test")) == (0, before)
    assert site.operator.run("deploy.py", "-y", "--data", "withdraw=third.test").status != 0

    consent = ("-y", "--data", "dns_withdraw=second.test")
    killed_at(site, text("dns.name.withdraw_mx"), "deploys/dns.py", *consent)
    ended_well(site.operator.run("deploys/dns.py", *consent))
    assert (mx, site.mx("second.test")) == (["10 smtp.example.test."], [])
    assert site.txt("_dmarc.second.test")
    assert "may be remembered until" in ended_well(site.operator.run())
    assert site.txt("_dmarc.second.test")
    assert arrives(site, server, "admin@second.test", "still-remembered")

    made_older(site, "second.test", TWO_DAYS)
    server.host.run("systemctl stop pmail")
    deliver(server, "friend@recv.test", "admin@second.test", "waits")
    assert "vps10 has mail for it in its queue" in ended_well(site.operator.run())
    assert wait_for(lambda: "waits" in inbox(site, server), 90)
    assert wait_for(lambda: "second.test" not in server.host.run("postqueue -j"), 90)
    killed_at(site, text("dns.name.withdraw"), "deploy.py", "-y")
    ended_well(site.operator.run())
    assert not site.txt("_dmarc.second.test") and not site.txt("second.test")
    assert "_domainkey" in site.records("second.test")
    assert not arrives(site, server, "admin@second.test", "gone")
    assert arrives(site, server, "admin@example.test", "stays")


@pytest.mark.long
def test_what_leaves_is_known_anew_where_the_state_was_lost_meanwhile(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS)
    server.data["domains"] = ["example.test"]
    ended_well(site.operator.run("deploy.py", "-y", "--data", "withdraw=second.test"))
    assert site.mx("second.test") == [] and site.txt("_dmarc.second.test")
    told = ended_well(site.operator.run())
    (line,) = [each for each in told.splitlines() if "may be remembered until" in each][:1]
    shutil.rmtree(site.operator.state)
    shutil.rmtree(site.operator.keys)
    ended_well(site.operator.pmail_deploy("recover", "-y", "--new-admin-password"))
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    assert line.partition("until")[2] in again.output
    assert arrives(site, server, "admin@second.test", "still-remembered")


@pytest.mark.long
def test_names_of_the_former_primary_domain_stay_until_they_are_withdrawn(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, **acme("acme-http"))
    server.data["domains"] = ["second.test", "example.test"]
    told = ended_well(site.operator.run())
    assert site.mx("example.test") == ["10 smtp.second.test."]
    assert site.dns.records("imap.example.test", "A") == [f"{server.ip}"]
    assert "vps10 has these names of before" in ended_well(site.operator.run()), told
    names = [f"{each}.example.test" for each in ("imap", "pop", "mail", "smtp")]
    assert all(name in certificate(server) for name in names)

    consent = ("-y", "--data", "withdraw=" + ",".join(names))
    ended_well(site.operator.run("deploy.py", *consent))
    assert site.dns.records("imap.example.test", "A") == []
    assert site.dns.records("smtp.example.test", "A") == [f"{server.ip}"]
    assert names[0] not in certificate(server) and names[3] in certificate(server)
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    for zone in TWO_DOMAINS:
        made_older(site, zone, TWO_DAYS)
    ended_well(site.operator.run("deploy.py", *("-y", "--data", f"withdraw={names[3]}")))
    assert site.dns.records("smtp.example.test", "A") == []
    assert site.txt("smtp.example.test") == []
    verdict = submit(site, server, to="someone@recv.test", domain="example.test")
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == ("pass", "pass", "pass")


def certificate(server: Server) -> str:
    return server.host.run(
        "openssl x509 -in /etc/pmail-deploy/tls/current/fullchain.pem -noout -ext subjectAltName"
    )


@pytest.mark.more
def test_a_server_that_moves_to_another_host_is_pointed_to_once_that_answers(
    new_site: Site,
) -> None:
    site = new_site
    old = site.add_running("relay")
    moved = Host("vps20", "203.0.113.20")
    site.dns.set_ptr(moved.ip, "smtp.example.test")
    moved.boot(PREPARED)
    try:
        data = {**old.data, **moved.data(), **acme("acme-http")}
        site.operator.servers = {"vps20": data}
        server = Server(moved, "example.test", data)
        with Network().entered():  # it remembers the old record for an hour
            query = dns.message.make_query("example.test", "TXT")
            assert dns.query.udp(query, RESOLVER, timeout=10).answer
        shown = site.operator.run("deploy.py", "--dry")
        assert "will point to 203.0.113.20 once it answers there" in shown.output
        told = ended_well(site.operator.run())
        assert "203.0.113.10 has no server of the inventory any more" in told
        assert site.dns.records("smtp.example.test", "A") == ["203.0.113.20"]
        for owner in ("example.test", "smtp.example.test"):
            assert site.txt(owner) == ["v=spf1 ip4:203.0.113.10 ip4:203.0.113.20 ~all"]
        again = site.operator.run()
        assert (again.status, again.changed) == (0, 0), again.output
        assert "has older answers in its cache" in again.output
        verdict = submit(site, server, to="someone@recv.test")
        assert (verdict.dkim, verdict.dmarc) == ("pass", "pass")
        made_older(site, "example.test", 30 * 86400)
        ended_well(site.operator.run())
        assert site.txt("example.test") == ["v=spf1 ip4:203.0.113.20 ~all"]
    finally:
        moved.stop()
