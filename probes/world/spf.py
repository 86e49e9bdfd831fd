"""What a receiver's SPF check (RFC 7208 check_host) gives, of whatever is asked of DNS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dns.exception
from spftrace import Evaluator, Limits, Result
from spftrace.resolver import NOERROR, NXDOMAIN, SERVFAIL, TIMEOUT, BaseResolver

from dns_providers.rrset import MX, TXT, Target, name_text
from probes.world import dns as questions
from probes.world.dns import Answer, Ask, AskSoon, Outcome, Resolvers
from probes.world.loop import wait_for

_STATUS = {
    Outcome.ANSWER: NOERROR,
    Outcome.NODATA: NOERROR,
    Outcome.NXDOMAIN: NXDOMAIN,
    Outcome.SERVFAIL: SERVFAIL,
    Outcome.TIMEOUT: TIMEOUT,
}
_TIME_LIMIT = 60.0  # seconds; RFC 7208 section 4.6.4 asks for at least 20


@dataclass(frozen=True, slots=True)
class SpfView:
    """The outcome for one sending address, MAIL FROM domain and EHLO name."""

    address: str
    domain: str
    ehlo: str
    result: str
    reason: str
    lookups: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What check_host made of one address, and what it went through on the way.

    address: whose mail. result: as RFC 7208 section 2.6 has it. reason: of an error, in English.
    term: of the record itself, the one that was reached last. lookups: how many were counted,
    beyond the limit too. voids: what was asked for and is not there. unanswered: a question that
    got no answer, or "". records: all SPF records that were gone through; addresses: what their
    names have.
    """

    result: str
    reason: str = ""
    term: str = ""
    lookups: int = 0
    voids: tuple[str, ...] = ()
    unanswered: str = ""
    records: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    address: str = ""


class _Resolver(BaseResolver):
    """Asks, and remembers what was not answered."""

    def __init__(self, ask: AskSoon) -> None:
        self._ask = ask
        self.unanswered = ""

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        try:
            answer = await self._ask(name, rtype)
        except dns.exception.DNSException:  # what is no domain name has no records
            return NXDOMAIN, []
        if not answer.outcome.known:
            self.unanswered = f"{name}/{rtype}"
        return _STATUS[answer.outcome], sorted(map(_text, answer.values))


def _soon(ask: Ask) -> AskSoon:
    """Ask somebody who waits, in a thread of its own: the loop goes on."""

    async def asked(owner: str, rtype: str) -> Answer:
        return await asyncio.to_thread(ask, owner, rtype)

    return asked


def _text(value: object) -> str:
    match value:
        case TXT(data=data):
            return data.decode("utf-8", "replace")
        case MX(exchange=name) | Target(name=name):
            return name_text(name)
        case _:
            return str(value)


def evaluate(address: str, domain: str, ask: Ask, record: str = "") -> Evaluation:
    """Return what check_host makes of mail from `address` with this MAIL FROM domain.

    ask: answers from DNS. record: instead of the one that the domain has.
    """
    return wait_for(evaluated(address, domain, _soon(ask), record))


async def evaluated(address: str, domain: str, ask: AskSoon, record: str = "") -> Evaluation:
    """The same, in the loop."""
    resolver = _Resolver(ask)
    # Counted beyond the limits, to say how many there are; the result is that within them.
    limits = Limits(audit=True, max_queries=None, time_limit=_TIME_LIMIT)
    checker = Evaluator(resolver, limits, policy_override=record or None)
    found = await checker.evaluate(address, f"postmaster@{domain}", domain)
    return Evaluation(
        found.result,
        _reason(found),
        _last_term(found),
        found.dns_terms_used,
        tuple(str(each["name"]) for each in _events(found, "void_lookup")),
        resolver.unanswered,
        tuple(str(each["policy"]) for each in _events(found, "policy_parsed")),
        tuple(
            each
            for query in found.queries
            if query.rtype in ("A", "AAAA")
            for each in query.answers
        ),
        address,
    )


def _events(found: Result, kind: str) -> Iterator[dict[str, Any]]:
    return (event.data for event in found.trace.events if event.kind == kind)


def _reason(found: Result) -> str:
    """Why it ended in an error."""
    return next((str(each["reason"]) for each in _events(found, "exit")), "")


def _last_term(found: Result) -> str:
    """The term of the record itself that was reached last, `redirect=` included."""
    for event in reversed(found.trace.events):
        if event.depth == 0 and event.kind == "mech_start":
            return str(event.data["raw"])
        if event.depth == 0 and event.kind == "recurse_in" and event.data["via"] == "redirect":
            return f"redirect={event.data['domain']}"
    return ""


async def check(
    address: str, domain: str, ehlo: str, ask: AskSoon, sender: str | None = None
) -> SpfView:
    """Return what a receiver makes of mail from `address` with this MAIL FROM domain and EHLO.

    sender: the whole MAIL FROM, None for the domain's postmaster.
    """
    sender = f"postmaster@{domain}" if sender is None else sender
    found = await Evaluator(_Resolver(ask)).evaluate(address, sender, ehlo)
    reason = _reason(found) or found.explanation or "; ".join(found.warnings)
    return SpfView(address, domain, ehlo, found.result, reason, found.dns_terms_used)


def check_host(address: str, domain: str, ehlo: str, resolvers: Resolvers) -> SpfView:
    """The same for whoever waits, by recursive resolvers."""
    return wait_for(check(address, domain, ehlo, _soon(questions.asking(resolvers))))
