"""Checks of what port 25 takes from strangers, and of what receivers said to us of late."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from probes.host.delivery import Delivery
from probes.host.relay import RelayView
from probes.world.recipients import Kind, RecipientsView
from probes.world.tls import TlsView

_EXTENSIONS = ("8BITMIME", "SIZE")
# What a refusal is about, and the rule that says how that stands here; the first that fits counts.
_ABOUT = (
    (re.compile(r"5\.7\.25|\bPTR\b|reverse DNS|cannot find your hostname", re.I), "RDNS-01"),
    (re.compile(r"Helo command rejected|need fully-qualified", re.I), "EHLO-01"),
    (re.compile(r"5\.7\.27|\bSPF\b", re.I), "SPF-03"),
    (re.compile(r"5\.7\.26|\bDMARC\b|5\.7\.515", re.I), "DMARC-01"),
    (re.compile(r"\bDKIM\b", re.I), "DKIM-06"),
    (re.compile(r"spamhaus|\bRBL\b|block ?list|blacklist", re.I), "BL-01"),
)


def _port(seen: Seen) -> Iterator[tuple[Subject, RecipientsView]]:
    yield subjects.of_port(seen.server.ipv4, 25), seen.world.recipients


def _unasked(view: RecipientsView) -> Judgement:
    return unknown(Words.of("strangers.unasked", reason=view.reason or "-"))


def no_relay(view: RecipientsView, _: Seen) -> Judgement:
    """SMTP-01: nobody else's mail goes on from here."""
    asked = view.of(Kind.ELSEWHERE)
    if taken := [each for each in asked if each.taken]:
        pairs = "; ".join(f"<{each.sender}> -> <{each.address}>" for each in taken)
        return failed(Words.of("strangers.relay", pairs=pairs), Words.of("strangers.relay_remedy"))
    if not asked or not all(each.refused for each in asked):
        return _unasked(view)
    return passed(Words.of("strangers.no_relay", count=len(asked)))


def duties(view: RecipientsView, seen: Seen) -> Judgement:
    """SMTP-03: postmaster and abuse are read at every domain."""
    asked = view.of(Kind.DUTY)
    if refused := [each.address for each in asked if each.refused]:
        names = ", ".join(refused)
        remedy = Words.of("strangers.duties_remedy", names=names)
        return warned(Words.of("strangers.no_duties", names=names), remedy)
    if not asked or not all(each.taken for each in asked):
        return _unasked(view)
    return passed(Words.of("strangers.duties", count=len(asked)))


def extensions(view: RecipientsView, _: Seen) -> Judgement:
    """SMTP-04: it says how large a message may be, and takes 8 bits."""
    if view.reason:
        return _unasked(view)
    missing = [each for each in _EXTENSIONS if each not in view.extensions]
    if missing:
        said = Words.of("strangers.lacking", names=", ".join(missing))
        return warned(said, Words.of("checks.relay.deploy"))
    return passed(Words.of("strangers.offered", names=", ".join(view.extensions)))


def nobody(view: RecipientsView, seen: Seen) -> Judgement:
    """SMTP-05: mail to nobody is refused at once, or read by the administrator: never bounced."""
    asked = view.of(Kind.NOBODY)
    if not asked or not (asked[0].taken or asked[0].refused):
        return _unasked(view)
    if asked[0].refused:
        return passed(Words.of("strangers.nobody"))
    if seen.server.edge.unknown_recipients == "admin":
        return passed(Words.of("strangers.to_admin"))
    return warned(Words.of("strangers.anybody"), Words.of("checks.relay.deploy"))


# -- encryption from the start -------------------------------------------------------------------


def _implicit(seen: Seen) -> Iterator[tuple[Subject, TlsView]]:
    for each in seen.world.tls:
        yield subjects.of_port(each.address, each.port), each


def encrypted(view: TlsView, _: Seen) -> Judgement:
    """TLS-04: a port that speaks TLS from the start does."""
    if view.certificate is None:
        said = Words.of("strangers.no_tls", reason=view.reason or "-")
        return failed(said, Words.of("checks.tls.deploy"))
    return passed(Words.of("strangers.tls"))


def modern(view: TlsView, _: Seen) -> Judgement:
    """TLS-05: TLS 1.0 and 1.1 are not taken."""
    if view.old is None:
        return unknown(Words.of("strangers.old_untried"))
    if view.old:
        return warned(Words.of("strangers.old"), Words.of("strangers.old_remedy", port=view.port))
    return passed(Words.of("strangers.modern"))


# -- what receivers said ---------------------------------------------------------------------------


def _relay(seen: Seen) -> Iterator[tuple[Subject, RelayView]]:
    yield subjects.of_host(seen.server), seen.relay


def refusals(view: RelayView, _: Seen) -> Judgement:
    """SMTP-06: no receiver refused our mail of late for what we are, not for whom it was to."""
    if not view.reached:
        return unknown(Words.of("checks.host.unseen"))
    found = [each for each in view.deliveries if each.outside and _of_policy(each)]
    if not found:
        return passed(Words.of("strangers.no_refusals"))
    last = found[-1]
    values = {"count": len(found), "receiver": last.receiver or last.recipient, "said": last.text}
    rule = next((rule for sign, rule in _ABOUT if sign.search(last.text)), None)
    said = Words.of("strangers.refusals", **values)
    if rule:
        return warned(said, Words.of("strangers.refusals_rule", rule=rule))
    return warned(said, Words.of("strangers.refusals_remedy"))


def _of_policy(each: Delivery) -> bool:
    """By the enhanced code: X.7 is security and policy; X.1 and X.2 are of the mailbox."""
    return each.status in ("bounced", "deferred", "expired") and each.dsn[1:3] == ".7"


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.SMTP_01, _port, no_relay),
    Check(rules.SMTP_03, _port, duties),
    Check(rules.SMTP_04, _port, extensions),
    Check(rules.SMTP_05, _port, nobody),
    Check(rules.TLS_04, _implicit, encrypted),
    Check(rules.TLS_05, _implicit, modern),
    Check(rules.SMTP_06, _relay, refusals),
)
