"""Outbound by Postfix and OpenDKIM: signed for every domain, retried, and never gone round."""

from __future__ import annotations

import json
import re
import smtplib

import pytest

from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.conftest import Relayed, add_relayed
from tests.lab_tests.site import Site, inbox, send, submit

pytestmark = pytest.mark.lab
GOOD = ("pass", "pass", "pass")


def test_nothing_goes_round_the_relay_and_nothing_is_lost(relayed: Relayed) -> None:
    site, server = relayed
    assert site.not_green(server) == []
    for domain in ("example.test", "second.test"):
        verdict = submit(site, server, to="someone@recv.test", domain=domain)
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD
        assert verdict.ehlo == "smtp.example.test"
        assert f"d={domain};" in verdict.message and "s=default" not in verdict.message

    # Other people's firewall work leaves the redirect alone, and PMail running.
    starts = site.starts(server)
    for command in ("nft flush ruleset", "systemctl restart nftables"):
        server.host.run(command)
        verdict = submit(site, server, to="someone@recv.test")
        assert (verdict.ehlo, verdict.dkim) == ("smtp.example.test", "pass"), command
    assert site.starts(server) == starts

    # The owner of the table dies: PMail does not run without it, and is back with it.
    server.host.run("pkill -9 -x nft")
    assert wait_for(lambda: site.starts(server) > starts and server.answers(465), 30)
    assert submit(site, server, to="someone@recv.test").dkim == "pass"

    # Other users of the host have nothing signed; from outside there is nothing to reach.
    probe = "timeout 3 runuser -u nobody -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/2525' 2>&1"
    assert "refused" in server.host.run(probe)
    assert not server.answers(2525)

    # Signer dead, then Postfix dead: refused for now, not unsigned; mail still comes in.
    before = len(Receiver().verdicts())
    for unit in ("opendkim", "'postfix@-' postfix"):
        server.host.run(f"systemctl stop {unit}")
        with pytest.raises(smtplib.SMTPResponseException) as refused:
            send(site, server, to="someone@recv.test")
        assert 400 <= refused.value.smtp_code < 500
        assert server.answers(25)
        server.host.run(f"systemctl start {unit}")
    assert len(Receiver().verdicts()) == before
    assert submit(site, server, to="someone@recv.test").dkim == "pass"


def test_a_temporary_refusal_is_tried_again_and_a_final_one_told_to_the_sender(
    relayed: Relayed,
) -> None:
    site, server = relayed
    verdict = submit(site, server, to="greylist@recv.test")
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD

    # What waits is listed with the receiver's words; a named message is taken out.
    send(site, server, to="later@recv.test")
    assert wait_for(lambda: "Not yet" in server.host.run("postqueue -j"), 30)
    listed = site.operator.run("deploys/queue.py", "-y", "--data", "queue_json=1")
    assert listed.status == 0 and "Not yet" in listed.output, listed.output
    lines = [line for line in listed.output.splitlines() if '"queue":' in line]
    record = json.loads(lines[0][lines[0].index("{") :])
    (entry,) = record["queue"]
    assert (entry["recipient"], entry["sender"]) == ("later@recv.test", "admin@example.test")
    assert entry["next_try"] >= entry["since"]
    data = ("--data", "queue_action=delete", "--data", "queue_ids=ABCDEF")
    unknown = site.operator.run("deploys/queue.py", "-y", *data)
    assert unknown.status != 0 and "ABCDEF" in unknown.output
    data = ("--data", "queue_action=delete", "--data", f"queue_ids={entry['queue_id']}")
    deleted = site.operator.run("deploys/queue.py", "-y", *data)
    assert deleted.status == 0, deleted.output
    assert "later@recv.test" not in server.host.run("postqueue -j")

    send(site, server, to="refuse@recv.test")
    assert wait_for(lambda: "no such user here" in inbox(site, server), 30)
    assert "could not be delivered" in inbox(site, server) and "未能送达" in inbox(site, server)
    # Nobody but the server's own domains may send.
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        send(site, server, to="someone@recv.test", domain="third.test")
    assert refused.value.smtp_code >= 500


def test_what_waits_outlives_reboot_power_cut_and_a_full_disk(new_site: Site) -> None:
    site = new_site
    server = add_relayed(site, disk="900M")
    done = site.operator.run()
    assert done.status == 0, done.output
    Receiver().daemon.stop()
    for number in range(3):
        send(site, server, to=f"someone{number}@recv.test")

    def waiting() -> int:
        return server.host.run("postqueue -j").count('"queue_id"')

    assert wait_for(lambda: waiting() == 3, 30)
    for stop in (server.host.reboot, server.host.power_cut):
        stop()
        assert wait_for(lambda: server.answers(465) and waiting() == 3, 60), stop

    # Without room nothing is taken, so nothing is lost; inbound mail is refused for now only.
    server.host.run("fallocate -l 2G /var/full 2>/dev/null || cat /dev/zero > /var/full")
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        send(site, server, to="someone3@recv.test")
    assert 400 <= refused.value.smtp_code < 500
    server.host.run("rm /var/full")
    send(site, server, to="someone3@recv.test")

    Receiver().restart()
    assert wait_for(lambda: len(Receiver().verdicts()) == 4, 90)
    assert {each.recipients[0] for each in Receiver().verdicts()} == {
        f"someone{number}@recv.test" for number in range(4)
    }
    assert {(each.spf, each.dkim, each.dmarc) for each in Receiver().verdicts()} == {GOOD}


def test_other_peoples_firewalls_leave_the_redirect_alone(relayed: Relayed) -> None:
    site, server = relayed
    starts = site.starts(server)
    server.host.run(
        "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
        "--no-install-recommends ufw firewalld </dev/null && systemctl disable --now firewalld",
        check=True,
    )
    for command in (
        "ufw allow 22,25,80,443,465,993/tcp && ufw --force enable",
        "ufw reload",
        "ufw --force disable",
        "systemctl start firewalld && firewall-cmd --set-default-zone=trusted",
        "firewall-cmd --reload",
        "firewall-cmd --complete-reload",
        "systemctl stop firewalld",
    ):
        server.host.run(command, check=True)
        verdict = submit(site, server, to="someone@recv.test")
        assert (verdict.ehlo, verdict.dkim) == ("smtp.example.test", "pass"), command
        assert not server.answers(2525), command
    assert site.starts(server) == starts


def key_records(site: Site) -> list[str]:
    """Selectors of the key records in the zone."""
    return sorted(re.findall(r"^(\S+)\._domainkey\.", site.records("example.test"), re.MULTILINE))


def test_the_mode_is_changed_both_ways_and_every_message_stays_signed(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", dkim_keep_days=1)
    for mode in ("direct", "relay", "direct"):
        server.data["outbound"] = mode
        done = site.operator.run()
        assert done.status == 0, done.output
        assert site.not_green(server) == []
        verdict = submit(site, server, to="someone@recv.test")
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD, mode
        again = site.operator.run()
        assert (again.status, again.changed) == (0, 0), again.output
    # A key that signs no more stays published for mail on its way, then goes; ours and no other.
    (unused,) = [name for name in key_records(site) if name != "default"]
    site.foreign("example.test", "other._domainkey.example.test. 60 TXT v=DKIM1;p=AA")
    server.data["dkim_keep_days"] = 0
    done = site.operator.run()
    assert done.status == 0 and f"{unused}._domainkey" in done.output, done.output
    assert key_records(site) == ["default", "other"]
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output
    running = server.host.run("systemctl is-active opendkim 'postfix@-'")
    assert "\nactive" not in f"\n{running}"


def test_a_mail_system_of_somebody_else_is_found_and_left_alone(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test", outbound="relay")
    server.host.run("mkdir -p /etc/postfix; echo 'myhostname = theirs' > /etc/postfix/main.cf")
    server.host.run("printf '#!/bin/sh\\n' > /usr/sbin/sendmail; chmod 755 /usr/sbin/sendmail")
    before = site.records("example.test")
    done = site.operator.run()
    assert done.status != 0 and "a mail system that is not ours" in done.output, done.output
    assert site.records("example.test") == before
    assert "theirs" in server.host.run("cat /etc/postfix/main.cf")
