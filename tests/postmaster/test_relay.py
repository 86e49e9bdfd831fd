"""The relay: receiver groups, what Postfix is told, what is seen and how it is judged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from deploys.outbound import configure
from deploys.outbound.configure import Sending, Signed
from postmaster.checks import relay as checks
from postmaster.checks.results import Status
from postmaster.receivers import Rate, group_of, groups
from probes.host.proof import Proof, Signature, parse, signatures
from probes.host.relay import RelayView, next_tries, waiting
from probes.host.relay import parse as parse_relay
from probes.world.dns import Outcome, Reverse
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


def proof_of(domain: str, valid: bool = True) -> tuple[Proof, tuple[Signature, ...]]:
    signed = Signature(domain, "pm202611a", valid, "" if valid else "body hash")
    return Proof(domain, "smtp.example.com", b""), (signed,)


def judged(view: RelayView) -> dict[str, Status]:
    found = checks.all_checks(view, SERVER, (PTR,), 10_000)
    return {f"{r.check} {r.subject}": r.status for r in found}


PTR = Reverse("8.8.8.8", Outcome.ANSWER, ("smtp.example.com",))
GOOD = RelayView(
    True,
    "220 smtp.example.com ESMTP",
    True,
    (),
    ((25, "master"), (465, "master")),
    (),
    (proof_of("example.com"), proof_of("other.org")),
    apart=True,
)


def test_a_good_relay_passes() -> None:
    assert set(judged(GOOD).values()) == {Status.PASS}
    assert not list(checks.all_checks(None, SERVER, ()))


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"redirect": "220 mx.elsewhere.example ESMTP"}, "OUT-01 8.8.8.8"),
        ({"counted": False}, "OUT-01 8.8.8.8"),
        ({"round": (587,)}, "OUT-01 8.8.8.8"),
        ({"apart": False}, "OUT-01 8.8.8.8"),
        ({"listeners": ((25, "master"), (465, "thief"))}, "OUT-02 8.8.8.8"),
        ({"listeners": ((25, "master"),)}, "OUT-02 8.8.8.8"),
        ({"proofs": (proof_of("example.com"),)}, "DKIM-18 other.org"),
        (
            {"proofs": (proof_of("example.com", False), proof_of("other.org"))},
            "DKIM-18 example.com",
        ),
        ({"logins": (("out.provider.test", 67),)}, "OUT-04 out.provider.test"),
        ({"logins": (("out.provider.test", 60),)}, "OUT-04 out.provider.test"),
        ({"logins": (("out.provider.test", 8),)}, "OUT-04 out.provider.test"),
    ],
)
def test_each_fault_of_the_relay_fails_its_check(changes: dict[str, object], failing: str) -> None:
    found = judged(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert [name for name, status in found.items() if status is Status.FAIL] == [failing]


def test_a_greeting_that_is_not_the_ptr_name_is_a_warning() -> None:
    other = replace(PTR, names=("vps123.hoster.test",))
    (result,) = [r for r in checks.all_checks(GOOD, SERVER, (other,), 0) if r.check == "EHLO-03"]
    assert result.status is Status.WARN


def test_clear_text_is_a_warning_only_where_a_handshake_failed() -> None:
    clear = delivered()
    assert judged(replace(GOOD, deliveries=(clear,)))["OUT-05 8.8.8.8"] is Status.PASS
    failed = replace(clear, handshake_failed=True)
    assert judged(replace(GOOD, deliveries=(clear, failed)))["OUT-05 8.8.8.8"] is Status.WARN
    inside = replace(failed, address="127.0.0.2")
    assert "OUT-05 8.8.8.8" not in judged(replace(GOOD, deliveries=(inside,)))


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
