"""Delivery to receivers of every kind: tried again, encrypted as well as can be, or answered."""

from __future__ import annotations

import json
import smtplib

import dns.reversename
import pytest

from tests.lab.certificates import receiver_files
from tests.lab.network import RECEIVER, RECEIVER_V6, RESOLVER, SECURE, UNTRUSTED, Network
from tests.lab.process import wait_for
from tests.lab.receiver import Receiver, Verdict
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import TWO_DOMAINS, Server, Site, inbox, send, submit

pytestmark = pytest.mark.lab
PUBLIC_V6 = "2001:db8:113::10"


def received(*recipients: str, within: float = 90) -> dict[str, Verdict]:
    """What the receivers found of mail to these, once all of it is there."""

    def found() -> dict[str, Verdict]:
        return {each.recipients[0]: each for each in Receiver().verdicts()}

    there = wait_for(lambda: set(recipients) <= set(found()), within)
    assert there, f"not received: {set(recipients) - set(found())}"
    return found()


def deliveries(site: Site) -> list[dict[str, object]]:
    """What `pmail-deploy queue deliveries --json` shows."""
    data = ("--data", "queue_action=deliveries", "--data", "queue_json=1")
    done = site.operator.run("deploys/queue.py", "-y", *data)
    assert done.status == 0, done.output
    (line,) = [line for line in done.output.splitlines() if '"deliveries":' in line]
    shown: list[dict[str, object]] = json.loads(line[line.index("{") :])["deliveries"]
    return shown


def test_every_kind_of_receiver_gets_its_mail_and_every_sender_an_answer(relayed: Relayed) -> None:
    site, server = relayed
    delivered = (
        *("a@recv.test", "a@secure.test", "a@untrusted.test", "a@broken.test", "a@three.test"),
        *("a@qq.com", "greylist@recv.test", "hour@recv.test", "drop@recv.test"),
    )
    for to in ("hang@recv.test", *delivered, "refuse@recv.test", "a@six.test"):
        send(site, server, to)
    verdicts = received(*delivered)
    for to in delivered:
        found = (verdicts[to].spf, verdicts[to].dkim, verdicts[to].dmarc)
        assert found == ("pass", "pass", "pass"), to
    encrypted = {to for to in delivered if verdicts[to].tls}
    assert encrypted == {"a@secure.test", "a@untrusted.test"}

    # One receiver that hangs holds up nobody; when it breaks off, the message is tried again.
    assert "hang@recv.test" not in received()
    Receiver().restart()
    received("hang@recv.test")

    # What cannot be delivered is answered, in both languages, into the sender's mailbox.
    refusals = ("no such user here", "name=mx.six.test type=A")
    assert wait_for(lambda: all(word in inbox(site, server) for word in refusals), 90)
    assert "could not be delivered" in inbox(site, server) and "未能送达" in inbox(site, server)

    shown = deliveries(site)
    (refused,) = [each for each in shown if each["recipient"] == "refuse@recv.test"]
    assert (refused["status"], refused["code"], refused["dsn"]) == ("bounced", 550, "5.1.1")
    assert "550 5.1.1 no such user here" in str(refused["text"])
    assert (refused["receiver"], refused["sender"]) == ("mx.recv.test", "admin@example.test")
    broken = [each for each in shown if each["recipient"] == "a@broken.test"]
    assert [each["status"] for each in broken][-1] == "sent" and broken[-1]["handshake_failed"]
    (secure,) = [each for each in shown if each["recipient"] == "a@secure.test"]
    assert secure["tls"] == "TLSv1.3"
    # A group of receivers that wants to be treated gently has a service of its own.
    assert "postfix/qq/smtp" in server.host.run("journalctl -u 'postfix*' --no-pager -q -o short")


def test_ipv6_is_used_once_its_address_has_a_ptr_and_nobody_can_relay_over_either(
    new_site: Site,
) -> None:
    site = new_site
    server = site.add_running("relay", *TWO_DOMAINS, ipv6=PUBLIC_V6)
    without = site.operator.run()
    assert without.status != 0 and f"{PUBLIC_V6} has no PTR" in without.output, without.output
    send(site, server, "a@six.test")
    assert wait_for(lambda: "name=mx.six.test type=A" in inbox(site, server), 90)

    site.dns.set_ptr(PUBLIC_V6, "smtp.example.test")
    owner = dns.reversename.from_address(PUBLIC_V6).to_text()
    assert wait_for(lambda: bool(site.dns.records(owner, "PTR", RESOLVER)), 90)
    done = site.operator.run()
    assert done.status == 0, done.output
    send(site, server, "b@six.test")
    verdict = received("b@six.test")["b@six.test"]
    assert (verdict.at, verdict.peer, verdict.spf) == (RECEIVER_V6, PUBLIC_V6, "pass")
    assert submit(site, server, "a@recv.test").peer == server.ip
    nobody_can_relay(site, server)


@pytest.mark.long
def test_dane_and_mta_sts_are_followed_where_receivers_publish_them(new_site: Site) -> None:
    site = new_site
    anchor = site.operator.folder / "anchor"
    server = site.add_running(
        "relay",
        *TWO_DOMAINS,
        dane=True,
        dane_forward_to=[RESOLVER],
        dane_trust_anchor=str(anchor),
        mta_sts=True,
    )
    anchor.write_text(site.dns.trust_anchor())
    authority = receiver_files().authority.read_text()
    server.host.run(
        f"cat > /usr/local/share/ca-certificates/lab.crt <<'END'\n{authority}END\n"
        "update-ca-certificates",
        check=True,
    )
    done = site.operator.run()
    assert done.status == 0, done.output
    again = site.operator.run()
    assert (again.status, again.changed) == (0, 0), again.output

    right = ("a@good.dane.test", "a@sts.test", "a@secure.test", "a@recv.test")
    wrong = ("a@bad.dane.test", "a@badsts.test")
    for to in (*right, *wrong):
        send(site, server, to)
    verdicts = received(*right)
    assert [verdicts[to].at for to in right] == [SECURE, SECURE, SECURE, RECEIVER]
    trust = {str(each["recipient"]): each["trust"] for each in deliveries(site)}
    assert [trust[to] for to in right] == ["verified", "verified", "trusted", ""]
    for to in wrong:
        assert wait_for(lambda to=to: waits(server, to, "not"), 90), to  # type: ignore[misc]
    assert UNTRUSTED not in {each.at for each in Receiver().verdicts()}


def waits(server: Server, to: str, reason: str) -> bool:
    """Whether mail to somebody waits for a reason with this word."""
    lines = server.host.run("postqueue -j").splitlines()
    return any(to in line and reason in line for line in lines)


def nobody_can_relay(site: Site, server: Server) -> None:
    """From outside nothing is relayed, on no port and by neither family."""
    taken = [
        relays(address, port, sender)
        for address in (server.ip, PUBLIC_V6)
        for port in (25, 465, 587)
        for sender in ("spammer@recv.test", "admin@example.test", "")
    ]
    assert taken.count("closed") == 2 * 3  # 587
    assert "taken" not in taken
    assert submit(site, server, "a@recv.test").sender == "admin@example.test"
    assert [each.message_id for each in Receiver().verdicts() if "spam" in each.message] == []
    assert "queue_id" not in server.host.run("postqueue -j")


def relays(address: str, port: int, sender: str) -> str:
    """Try to have a message relayed: "closed", or the reply at which it ended."""
    with Network().entered():
        try:
            kind = smtplib.SMTP_SSL if port == 465 else smtplib.SMTP
            client = kind(address, port, "spammer.test", timeout=5)  # type: ignore[operator]
        except (TimeoutError, OSError):
            return "closed"
        try:
            client.sendmail(sender, ["victim@recv.test"], f"From: {sender}\r\n\r\nspam\r\n")
            return "taken"
        except smtplib.SMTPException as error:
            return str(error)
        finally:
            client.close()
