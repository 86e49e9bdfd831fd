"""Outbound by Postfix and OpenDKIM: signed for every domain, retried, and never gone round."""

from __future__ import annotations

import json
import re
import shlex
import smtplib
from pathlib import Path
from typing import Any

import dkim
import pytest

from keys import dkim as keys
from tests.lab.nameservers import SECONDARY
from tests.lab.operator import Run
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, applying, deliver, inbox, send, submit

pytestmark = pytest.mark.lab
GOOD = ("pass", "pass", "pass")


def verified(site: Site, *options: str) -> tuple[int, str]:
    """Run `pmail-deploy verify --json`: its exit status and verdict."""
    report = site.operator.folder / "report.json"
    report.unlink(missing_ok=True)
    done = site.operator.pmail_deploy("verify", "--json", str(report), *options)
    outcome = site.operator.outcome
    made = [each["path"] for each in outcome["reports"]]
    assert report.exists() is bool(made), done.output
    if made:
        assert json.loads(report.read_text())["reports"] == [
            json.loads(Path(path).read_text()) for path in made
        ]
    assert outcome["changes"]["count"] == 0
    return done.status, outcome["verdict"]


def test_nothing_goes_round_the_relay_and_nothing_is_lost(relayed: Relayed) -> None:
    site, server = relayed
    assert site.not_green(server) == []
    assert site.reported(server) == applying(server)
    for domain in ("example.test", "second.test"):
        verdict = submit(site, server, to="someone@recv.test", domain=domain)
        assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD
        assert verdict.ehlo == "smtp.example.test"
        assert f"d={domain};" in verdict.message and "s=default" not in verdict.message

    # A proof that is long on its way is waited for, and read when it has arrived whole.
    sink = "/usr/local/sbin/smtp-sink"
    slow = """'#!/bin/sh\\nexec /usr/sbin/smtp-sink -W data:2 "$@"\\n'"""
    server.host.run(f"printf {slow} > {sink} && chmod 755 {sink}", check=True)
    assert verified(site) == (0, "done")
    assert site.not_green(server) == []
    server.host.run(f"rm {sink}", check=True)

    # Some rules, in every form; the last report of the server is still the one of all.
    latest = site.operator.state / "reports" / "latest.json"
    before, folder = latest.read_bytes(), site.operator.folder
    forms = {form: str(folder / f"report.{form}") for form in ("html", "junit", "prometheus")}
    words = [word for form, path in forms.items() for word in (f"--{form}", path)]
    assert verified(site, "--only", "SPF,tls-02", "--skip", "SPF-07", *words) == (0, "done")
    chosen = json.loads((folder / "report.json").read_text())["reports"][0]["results"]
    assert {each["id"].partition("-")[0] for each in chosen} == {"SPF", "TLS"}
    assert all(Path(path).stat().st_size for path in forms.values())
    assert latest.read_bytes() == before
    assert latest.with_suffix(".html").stat().st_mode & 0o777 == 0o600

    # What could not be checked is neither right nor wrong; what was not asked for is not checked.
    resolvers = server.data.get("resolvers")
    server.data["resolvers"] = ["198.51.100.99"]
    assert verified(site) == (3, "unknown")
    server.data["resolvers"] = resolvers
    assert verified(site, "--limit", "nosuch") == (2, "bad-input")
    assert verified(site, "--dry") == (2, "bad-input")

    # Other people's firewall work leaves every way open, and PMail running.
    starts = site.starts(server)
    for command in ("nft flush ruleset", "systemctl restart nftables"):
        server.host.run(command)
        verdict = submit(site, server, to="someone@recv.test")
        assert (verdict.ehlo, verdict.dkim) == ("smtp.example.test", "pass"), command
    assert site.starts(server) == starts

    other_firewalls(site, server)

    # The rules in PMail's network are gone: its mail goes nowhere, not past Postfix.
    in_there = "nsenter --net=/run/netns/pmail"
    server.host.run(f"{in_there} nft flush ruleset", check=True)
    assert verified(site) == (1, "failed")
    assert "OUT-01" in {result["check"] for result in site.not_green(server)}
    server.host.run("systemctl reload pmail-deploy-net", check=True)

    # Signer dead, Postfix dead, key unreadable: refused for now, not unsigned.
    before = Receiver().count()
    keys = "/etc/pmail-deploy/dkim/*.key"
    for breaks, mends in (
        ("systemctl stop opendkim", "systemctl start opendkim"),
        ("systemctl stop 'postfix@-' postfix", "systemctl start 'postfix@-' postfix"),
        (f"chmod 000 {keys}; systemctl reload opendkim", f"chmod 600 {keys}"),
    ):
        server.host.run(breaks)
        with pytest.raises((smtplib.SMTPResponseException, OSError)) as refused:
            send(site, server, to="someone@recv.test")
        if isinstance(refused.value, smtplib.SMTPResponseException):
            assert 400 <= refused.value.smtp_code < 500, breaks
        server.host.run(mends)
    assert Receiver().count() == before
    assert submit(site, server, to="someone@recv.test").dkim == "pass"


def queue(site: Site, action: str, *ids: str) -> Run:
    """Run `pmail-deploy queue ACTION IDS --json`."""
    data = (f"queue_action={action}", f"queue_ids={','.join(ids)}", "queue_json=1")
    options = [word for each in data for word in ("--data", each)]
    return site.operator.run("deploys/queue.py", "-y", *options)


def listed(site: Site) -> list[dict[str, Any]]:
    """What waits, as JSON."""
    done = queue(site, "list")
    assert done.status == 0, done.output
    (line,) = [line for line in done.output.splitlines() if '"queue":' in line]
    entries: list[dict[str, Any]] = json.loads(line[line.index("{") :])["queue"]
    return entries


def test_a_temporary_refusal_is_tried_again_and_a_final_one_told_to_the_sender(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, delay_notice=3)
    done = site.operator.run()
    assert done.status == 0, done.output
    verdict = submit(site, server, to="greylist@recv.test")
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == GOOD

    # What waits is listed with the receiver's words; its sender is told after a while.
    send(site, server, to="later@recv.test")
    assert wait_for(lambda: "Not yet" in server.host.run("postqueue -j"), 90)
    (entry,) = listed(site)
    assert (entry["recipient"], entry["sender"]) == ("later@recv.test", "admin@example.test")
    assert "Not yet" in entry["reason"]
    # While it is being tried it has no next time.
    assert wait_for(lambda: all(each["next_try"] for each in listed(site)), 60)
    assert wait_for(lambda: "Not yet" in inbox(site, server), 60)
    assert "is delayed" in inbox(site, server) and "有延迟" in inbox(site, server)

    # Named messages are held, released, tried at once and taken out; unknown ones are refused.
    unknown = queue(site, "delete", "ABCDEF")
    assert unknown.status != 0 and "ABCDEF" in unknown.output
    for action, kind in (("hold", "hold"), ("release", "deferred"), ("retry", "deferred")):
        done = queue(site, action, entry["queue_id"])
        assert done.status == 0, done.output
        assert wait_for(lambda kind=kind: listed(site)[0]["queue"] == kind, 90), action  # type: ignore[misc]
    deleted = queue(site, "delete", entry["queue_id"])
    assert deleted.status == 0 and listed(site) == [], deleted.output

    send(site, server, to="refuse@recv.test")
    assert wait_for(lambda: "no such user here" in inbox(site, server), 90)
    assert "could not be delivered" in inbox(site, server) and "未能送达" in inbox(site, server)
    # Nobody but the server's own domains may send.
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(site, server, to="someone@recv.test", domain="third.test")
    assert refused.value.recipients["someone@recv.test"][0] >= 500

    # What PMail forwards as it came keeps the signatures of others, and gets none of ours.
    forwarded = "X-PMail-Deploy-Trace: smtp.example.test <friend@secure.test>\n"
    forwarded += foreign_message(site)
    server.host.run(
        f"printf %s {shlex.quote(forwarded)} | nsenter --net=/run/netns/pmail "
        "curl -s --noproxy '*' -T - --crlf --mail-from admin@example.test "
        "--mail-rcpt someone@recv.test smtp://192.0.2.1:25",
        check=True,
    )
    assert wait_for(lambda: "far away" in Receiver().verdicts()[-1].message, 90)
    verdict = Receiver().verdicts()[-1]
    assert (verdict.spf, verdict.dkim) == ("pass", "pass")
    assert "d=secure.test" in verdict.message and "d=example.test" not in verdict.message


def signed_by(site: Site, domain: str) -> str:
    """A message of somebody else's, signed by them, with the key in their zone."""
    key = keys.make(1024)
    public = keys.public_key(keys.read(key))
    owner = f"theirs._domainkey.{domain}"
    site.dns.add(domain, f'{owner}. 60 TXT "{public.record}"')
    assert wait_for(lambda: bool(site.dns.records(owner, "TXT", SECONDARY)), 90)
    head = f"From: friend@{domain}", "To: admin@example.test", "Subject: far away"
    message = "\r\n".join((*head, "", "Hi", ""))
    name = domain.encode()
    return (
        dkim.sign(message.encode(), b"theirs", name, key, include_headers=[b"from"]).decode()
        + message
    )


def foreign_message(site: Site) -> str:
    """A message of somebody else's, signed by them; and with a signature as PMail would add."""
    own = (
        "DKIM-Signature: a=rsa-sha256; bh=x; c=simple/simple; d=example.test;\r\n"
        " h=From; s=default; t=1; v=1;\r\n b=x\r\n"
    )
    return (own + signed_by(site, "secure.test")).replace("\r\n", "\n")


def other_firewalls(site: Site, server: Server) -> None:
    """ufw and firewalld let in what is public and nothing else: everything goes on working."""
    starts = site.starts(server)
    server.host.run(
        "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "
        "--no-install-recommends ufw firewalld </dev/null && "
        # Stopped while it starts it would leave half of its rules behind.
        "until firewall-cmd --state; do sleep 0.2; done && systemctl disable --now firewalld",
        check=True,
    )
    for command in (
        "ufw allow 22,25,443,465,993/tcp && ufw --force enable",
        "ufw reload",
        "ufw --force disable",
        "systemctl start firewalld && firewall-cmd --set-default-zone=drop && "
        "for port in 22 25 443 465 993; do firewall-cmd --permanent --add-port=$port/tcp; done && "
        "firewall-cmd --reload",
        "firewall-cmd --reload",
        "firewall-cmd --complete-reload",
        "systemctl stop firewalld",
    ):
        server.host.run(command, check=True)
        verdict = submit(site, server, to="someone@recv.test")
        assert (verdict.ehlo, verdict.dkim) == ("smtp.example.test", "pass"), command
        subject = f"let in after {command[:24]}"
        deliver(server, "friend@recv.test", "admin@example.test", subject)
        assert wait_for(lambda subject=subject: subject in inbox(site, server), 90)  # type: ignore[misc]
    assert site.starts(server) == starts


def test_what_waits_outlives_reboot_power_cut_and_a_full_disk(new_site: Site) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, disk="900M")
    Receiver().daemon.stop()
    for number in range(3):
        send(site, server, to=f"someone{number}@recv.test")

    def waiting() -> int:
        return server.host.run("postqueue -j").count('"queue_id"')

    assert wait_for(lambda: waiting() == 3, 90)
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
    assert wait_for(lambda: Receiver().count() == 4, 90)
    assert {each.recipients[0] for each in Receiver().verdicts()} == {
        f"someone{number}@recv.test" for number in range(4)
    }
    assert {(each.spf, each.dkim, each.dmarc) for each in Receiver().verdicts()} == {GOOD}


def key_records(site: Site) -> list[str]:
    """Selectors of the key records in the zone."""
    return sorted(re.findall(r"^(\S+)\._domainkey\.", site.records("example.test"), re.MULTILINE))


@pytest.mark.long
def test_the_mode_is_changed_both_ways_and_every_message_stays_signed(new_site: Site) -> None:
    site = new_site
    server = site.add_running("direct", dkim_keep_days=1)
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
