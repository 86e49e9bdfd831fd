"""Checks of the relay: redirect, listeners, signatures, queue, smarthosts, encryption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words, family
from postmaster import dkim
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from probes.host.relay import RelayView

# What curl(1) says of a login.
_CURL = {6: "unreachable", 7: "unreachable", 28: "unreachable", 60: "certificate", 67: "refused"}
_REASONS = ("unreachable", "certificate", "refused", "other")
_LOGIN = family("checks.relay", (f"login_{reason}" for reason in _REASONS))
_LOGIN_REMEDY = family("checks.relay", (f"login_{reason}_remedy" for reason in _REASONS))
_EDGE_PORTS = (25, 465)
_POSTFIX = "master"  # its process that listens


def _unseen() -> Judgement:
    return unknown(Words.of("checks.host.unseen"))


def _host(seen: Seen) -> Iterator[tuple[Subject, RelayView]]:
    yield subjects.of_host(seen.server), seen.relay


def redirect(view: RelayView, seen: Seen) -> Judgement:
    """OUT-01: PMail is in a network of its own, and reaches nobody past Postfix."""
    if not view.reached:
        return _unseen()
    remedy = Words.of("checks.relay.deploy")
    if not view.apart:
        return failed(Words.of("checks.relay.not_apart"), remedy)
    if view.round:
        ports = ", ".join(map(str, view.round))
        return failed(Words.of("checks.relay.round", ports=ports), remedy)
    if not view.redirect.startswith(f"220 {seen.server.mail_host}"):
        return failed(Words.of("checks.relay.no_redirect"), remedy)
    if not view.counted:
        return failed(Words.of("checks.relay.uncounted"), remedy)
    return passed(Words.of("checks.relay.redirect"))


def listeners(view: RelayView, _: Seen) -> Judgement:
    """OUT-02: Postfix has the public ports 25 and 465."""
    if not view.reached:
        return _unseen()
    remedy = Words.of("checks.relay.deploy")
    others = sorted({name for _, name in view.listeners if name != _POSTFIX})
    if others:
        return failed(Words.of("checks.relay.others", names=", ".join(others)), remedy)
    missing = [str(port) for port in _EDGE_PORTS if (port, _POSTFIX) not in view.listeners]
    if missing:
        return failed(Words.of("checks.relay.silent", ports=", ".join(missing)), remedy)
    return passed(Words.of("checks.relay.edge"))


def _domains(seen: Seen) -> Iterator[tuple[Subject, str]]:
    for domain in seen.server.domains:
        yield subjects.of_domain(domain), domain.name


def signature(domain: str, seen: Seen) -> Judgement:
    """DKIM-18: a message of the domain through the relay is signed, and verifies by DNS."""
    if not seen.relay.reached:
        return _unseen()
    remedy = Words.of("checks.relay.sign")
    found = [signatures for proof, signatures in seen.relay.proofs if proof.domain == domain]
    if not found:
        return failed(Words.of("checks.relay.no_proof"), remedy)
    ours = [each for each in found[0] if each.domain == domain]
    if not ours:
        return failed(Words.of("checks.relay.unsigned"), remedy)
    if bad := next((each for each in ours if each.valid is False), None):
        wrong = Words.of("checks.relay.bad", selector=bad.selector, reason=bad.reason)
        return failed(wrong, remedy)
    if mute := next((each for each in ours if each.valid is None), None):
        owner = dkim.owner(mute.selector, domain)
        return unknown(Words.of("checks.dns.no_answer", name=owner))
    return passed(Words.of("checks.relay.signed", selector=ours[0].selector))


def queue(view: RelayView, seen: Seen) -> Judgement:
    """OUT-03: nothing waits for longer than the sender is told after."""
    if not view.reached:
        return _unseen()
    waiting = [each for each in view.waiting if each.queue != "hold"]
    if not waiting:
        return passed(Words.of("checks.relay.queue_empty"))
    oldest = min(waiting, key=lambda each: each.since)
    passed_by = seen.now.timestamp() - oldest.since
    words = Words.of(
        "checks.relay.queue",
        count=len(waiting),
        minutes=int(passed_by) // 60,
        recipient=oldest.recipient,
        reason=oldest.reason or "-",
    )
    notice = seen.server.relay.delay_notice
    if notice and passed_by > notice:
        return warned(words, Words.of("checks.relay.queue_late"))
    return passed(words)


def _smarthosts(seen: Seen) -> Iterator[tuple[Subject, tuple[str, int | None]]]:
    """Each with the exit status of curl(1), None where nobody could try."""
    tried = dict(enumerate(status for _, status in seen.relay.logins))
    for number, each in enumerate(seen.server.relay.smarthosts):
        yield subjects.of_smarthost(each.host), (each.host, tried.get(number))


def login(tried: tuple[str, int | None], _: Seen) -> Judgement:
    """OUT-04: the smarthost takes user name and password, over verified TLS."""
    smarthost, status = tried
    if status is None:
        return _unseen()
    if status == 0:
        return passed(Words.of("checks.relay.login"))
    reason = f"login_{_CURL.get(status, 'other')}"
    remedy = Words.of(_LOGIN_REMEDY[f"{reason}_remedy"], host=smarthost)
    return failed(Words.of(_LOGIN[reason], status=status), remedy)


def encryption(view: RelayView, _: Seen) -> Judgement:
    """OUT-05: clear text is no fault where nothing else is offered; a failed handshake is worth a
    look.
    """
    if not view.reached:
        return _unseen()
    sent = [each for each in view.deliveries if each.outside and each.status == "sent"]
    if not sent:
        return passed(Words.of("checks.relay.nothing_sent"))
    clear = sorted({each.receiver for each in sent if not each.tls})
    broken = sorted({each.receiver for each in sent if each.handshake_failed})
    counts = {"count": len(sent), "encrypted": sum(bool(each.tls) for each in sent)}
    if broken:
        words = Words.of("checks.relay.tls_failed", **counts, hosts=", ".join(broken))
        return warned(words, Words.of("checks.relay.tls_failed_remedy"))
    return passed(Words.of("checks.relay.tls", **counts, clear=", ".join(clear) or "-"))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.OUT_01, _host, redirect),
    Check(rules.OUT_02, _host, listeners),
    Check(rules.DKIM_18, _domains, signature),
    Check(rules.OUT_03, _host, queue),
    Check(rules.OUT_04, _smarthosts, login),
    Check(rules.OUT_05, _host, encryption),
)
