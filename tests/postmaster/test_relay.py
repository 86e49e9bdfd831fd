"""The relay: receiver groups, what Postfix is told, what is seen and how it is judged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from deploys.outbound import configure
from deploys.outbound.configure import Sending, Signed
from ground.words import say
from postmaster.checks.results import Result, Status
from postmaster.receivers import Rate, group_of, groups
from probes.host.proof import Proof, Signature, parse, signatures
from probes.host.relay import Waiting, next_tries, waiting
from probes.host.relay import parse as parse_relay
from probes.world.dns import Outcome
from tests.postmaster.full_view import NOW, found, good, one, server, with_world
from tests.postmaster.test_settings import site, zone
from tests.probes.host.test_delivery import delivered

SERVER = site(zone("example.com"), zone("other.org"), domains=["example.com", "other.org"]).servers[
    0
]
SIGNED = (Signed("example.com", "pm202611a"),)


@pytest.mark.parametrize(
    ("mx", "group"),
    [
        ("mx3.qq.com", "qq"),
        ("mxbiz1.qq.com.", "qq"),
        ("163mx01.mxmail.netease.com", "netease"),
        ("alt1.gmail-smtp-in.l.google.com", "gmail"),
        ("contoso-com.mail.protection.outlook.com", "outlook"),
        ("mx.notqq.com", "others"),
    ],
)
def test_receivers_are_known_by_their_mx_hosts(mx: str, group: str) -> None:
    assert group_of(mx) == group


def test_a_sites_own_rates_replace_single_numbers() -> None:
    (qq,) = [group for group in groups((Rate("qq", "delay", 60),)) if group.name == "qq"]
    assert (qq.delay, qq.connections) == (60, 1)


def test_a_domain_without_a_key_may_not_send() -> None:
    lines = configure.senders(SERVER, SIGNED).splitlines()
    assert "example.com OK" in lines
    assert any(line.startswith("other.org REJECT") for line in lines)
    assert "@other\\.org" in configure.header_checks(SERVER, SIGNED)
    assert configure.parse_key_table(configure.key_table(SIGNED)) == SIGNED


def test_a_host_without_ipv6_for_mail_sends_over_ipv4_only() -> None:
    master = configure.master_cf(SERVER, Sending("8.8.8.8", None))
    assert "-o inet_protocols=ipv4" in master and "smtp_bind_address=8.8.8.8" in master
    both = configure.master_cf(SERVER, Sending("8.8.8.8", "2001:db8::1"))
    assert "inet_protocols" not in both


def test_bounces_are_signed_for_the_primary_domain_and_not_from_a_domain_of_pmails() -> None:
    """PMail takes what comes by SMTP from its own domains for forged, and hides it."""
    assert "myorigin = $myhostname" in configure.main_cf(SERVER, Sending("8.8.8.8", None))
    table = configure.signing_table(SERVER, SIGNED).splitlines()
    assert "smtp.example.com pm202611a._domainkey.example.com" in table


def test_notices_are_in_both_languages() -> None:
    text = configure.bounce(SERVER)
    assert "could not be delivered" in text and "未能送达" in text
    assert all(ord(char) < 128 for line in text.splitlines() if "Subject:" in line for char in line)


def test_a_proof_shows_greeting_and_signatures() -> None:
    proof = parse(
        b"X-Client-Addr: 127.0.0.1\nX-Helo-Args: smtp.example.com\nX-Rcpt-Args: <a@b>\n"
        b"DKIM-Signature: v=1; d=example.com;\n\ts=pm202611a; b=x\nFrom: a@example.com\n\nHi\n"
    )
    assert (proof.domain, proof.ehlo) == ("example.com", "smtp.example.com")
    assert signatures(proof.message) == (("example.com", "pm202611a"),)


GOOD = good(server())


def judged(rule: str, subject: str = "", **changes: Any) -> Result:
    """How a rule ends where the relay shows something else."""
    return one(replace(GOOD, relay=replace(GOOD.relay, **changes)), rule, subject)


def relay_faults(**changes: Any) -> list[tuple[str, str, Status]]:
    """What does not pass where the relay shows something else."""
    results = found(replace(GOOD, relay=replace(GOOD.relay, **changes)))
    return [(r.rule.id, str(r.subject), r.status) for r in results if r.status is not Status.PASS]


def proofs(*signatures: Signature, ehlo: str = "smtp.example.com") -> Any:
    """Messages as they arrived; the second domain's is as it should be."""
    return ((Proof("example.com", ehlo, b""), signatures), GOOD.relay.proofs[1])


OURS = Signature("example.com", "pm202611a", True)
ELSEWHERE = Signature("provider.test", "x", True)


FAILED_GREETING = [
    ("EHLO-01", "localhost", Status.FAIL),
    ("EHLO-02", "localhost", Status.SKIP),
    ("EHLO-03", "vps", Status.FAIL),
]


@pytest.mark.parametrize(
    ("changes", "rule", "subject"),
    [
        ({"redirect": "220 mx.elsewhere.example ESMTP"}, "OUT-01", "vps"),
        ({"redirect": ""}, "OUT-01", "vps"),
        ({"counted": False}, "OUT-01", "vps"),
        ({"round": (587,)}, "OUT-01", "vps"),
        ({"apart": False}, "OUT-01", "vps"),
        ({"listeners": ((25, "master"), (465, "thief"))}, "OUT-02", "vps"),
        ({"listeners": ((25, "master"),)}, "OUT-02", "vps"),
        ({"listeners": ((465, "master"),)}, "OUT-02", "vps"),
        ({"proofs": GOOD.relay.proofs[:1]}, "DKIM-18", "other.org"),
        ({"proofs": proofs()}, "DKIM-18", "example.com"),
        ({"proofs": proofs(ELSEWHERE)}, "DKIM-18", "example.com"),
        ({"proofs": proofs(replace(OURS, valid=False))}, "DKIM-18", "example.com"),
        ({"proofs": proofs(OURS, replace(OURS, valid=False))}, "DKIM-18", "example.com"),
    ],
)
def test_each_fault_of_the_relay_fails_its_check(
    changes: dict[str, object], rule: str, subject: str
) -> None:
    assert relay_faults(**changes) == [(rule, subject, Status.FAIL)]


def test_all_ports_that_postfix_does_not_have_and_all_who_have_them_are_told() -> None:
    assert say(judged("OUT-02", listeners=()).seen).endswith(" 25, 465")
    thieves = judged("OUT-02", listeners=((25, "exim4"), (465, "thief")))
    assert "belong to exim4, thief," in say(thieves.seen)
    assert say(judged("OUT-01", round=(465, 587)).seen).endswith("port 465, 587")


def test_a_signature_of_somebody_else_beside_ours_is_no_fault() -> None:
    broken = replace(ELSEWHERE, valid=False)
    assert relay_faults(proofs=proofs(broken, OURS)) == []


def test_a_signature_whose_key_nobody_tells_is_unknown_unless_another_of_ours_is_broken() -> None:
    mute = replace(OURS, valid=None)
    unknown = judged("DKIM-18", proofs=proofs(mute), subject="example.com")
    assert unknown.status is Status.UNKNOWN
    assert "pm202611a._domainkey.example.com" in say(unknown.seen)
    broken = judged(
        "DKIM-18", proofs=proofs(mute, replace(OURS, valid=False)), subject="example.com"
    )
    assert broken.status is Status.FAIL


def test_another_greeting_than_the_mail_hosts_fails_also_as_one_that_is_no_whole_name() -> None:
    failed = relay_faults(proofs=proofs(OURS, ehlo="localhost"))
    assert failed == FAILED_GREETING


def test_without_a_message_that_arrived_the_greeting_is_unknown() -> None:
    assert judged("EHLO-03", proofs=()).status is Status.UNKNOWN


def test_a_greeting_that_is_not_the_ptr_name_is_a_warning_with_the_address() -> None:
    first, second = GOOD.world.reverse
    seen = with_world(GOOD, reverse=(first, replace(second, names=("vps123.hoster.test",))))
    result = one(seen, "EHLO-03")
    assert result.status is Status.WARN and second.address in say(result.seen)
    mute = with_world(GOOD, reverse=(first, replace(second, outcome=Outcome.TIMEOUT, names=())))
    assert one(mute, "EHLO-03").status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (6, "unreachable"),
        (7, "unreachable"),
        (28, "unreachable"),
        (60, "certificate"),
        (67, "refused"),
        (8, "other"),
    ],
)
def test_a_login_that_fails_says_why(status: int, reason: str) -> None:
    seen = good(server("smarthost"))
    seen = replace(seen, relay=replace(seen.relay, logins=(("out.provider.test", status),)))
    result = one(seen, "OUT-04", "out.provider.test")
    assert (result.status, result.seen.id) == (Status.FAIL, f"checks.relay.login_{reason}")
    assert result.remedy and result.remedy.id == f"{result.seen.id}_remedy"


def waits(minutes: float, queue: str = "deferred", to: str = "b@qq.com") -> Waiting:
    since = int(NOW.timestamp() - minutes * 60)
    return Waiting("A", queue, since, "a@example.com", to, "451 later")


def test_mail_that_waits_is_a_warning_once_its_sender_was_told() -> None:
    assert server().relay.delay_notice == 4 * 60 * 60
    assert judged("OUT-03", waiting=(waits(240),)).status is Status.PASS
    late = judged("OUT-03", waiting=(waits(1), waits(240.02, to="late@qq.com"), waits(2)))
    assert late.status is Status.WARN
    assert "wait: 3; the oldest for 240 min, to late@qq.com: 451 later" in say(late.seen)
    assert judged("OUT-03", waiting=(waits(9999, "hold"),)).status is Status.PASS
    silent = good(server(delay_notice=0))
    silent = replace(silent, relay=replace(silent.relay, waiting=(waits(9999),)))
    assert one(silent, "OUT-03").status is Status.PASS


def test_clear_text_is_a_warning_only_where_a_handshake_failed() -> None:
    clear = delivered()
    plain = judged("OUT-05", deliveries=(clear,))
    assert plain.status is Status.PASS and "hours: 1, encrypted: 0" in say(plain.seen)
    failed = replace(clear, handshake_failed=True)
    assert judged("OUT-05", deliveries=(clear, failed)).status is Status.WARN
    inside, bounced = replace(failed, address="127.0.0.2"), replace(failed, status="bounced")
    for none in ((), (inside,), (bounced,)):
        nothing = judged("OUT-05", deliveries=none)
        assert nothing.status is Status.PASS
        assert nothing.seen.id == "checks.relay.nothing_sent"


def test_what_waits_is_read_with_its_reason_and_next_try() -> None:
    record = {
        "queue_name": "deferred",
        "queue_id": "ABC123",
        "arrival_time": 100,
        "sender": "a@example.com",
        "recipients": [{"address": "b@qq.com", "delay_reason": "451 later"}],
    }
    (entry,) = waiting(json.dumps(record))
    assert (entry.queue_id, entry.recipient, entry.reason) == ("ABC123", "b@qq.com", "451 later")
    assert next_tries("ABC123 1795618785.25\n") == {"ABC123": 1795618785}
    seen = parse_relay(
        "apart yes\nbefore packets 3\nredirect 220 x\nafter packets 4\nround 465 1\nround 587 0\n"
        "listen 25 master\nlisten 465 master\n"
        f"queue\n{json.dumps(record)}"
    )
    assert (seen.round, seen.listeners) == ((587,), ((25, "master"), (465, "master")))
    assert seen.apart and seen.waiting == (entry,) and seen.counted
