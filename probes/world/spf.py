"""What a receiver's SPF check (RFC 7208 check_host) gives, asked of our resolvers."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import spftrace
from spftrace.resolver import NOERROR, NXDOMAIN, SERVFAIL, TIMEOUT, BaseResolver

from dns_providers.rrset import MX, TXT, Target, name_text
from probes.world import dns
from probes.world.dns import Outcome, Resolvers

_STATUS = {
    Outcome.ANSWER: NOERROR,
    Outcome.NODATA: NOERROR,
    Outcome.NXDOMAIN: NXDOMAIN,
    Outcome.SERVFAIL: SERVFAIL,
    Outcome.TIMEOUT: TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class SpfView:
    """The outcome for one sending address, MAIL FROM domain and EHLO name."""

    address: str
    domain: str
    ehlo: str
    result: str
    reason: str
    lookups: int


# The check runs an event loop of its own. pyinfra works on several hosts at once in one thread
# (gevent), and a thread can have only one running loop.
_ONE_AT_A_TIME = threading.Lock()


class _Resolver(BaseResolver):
    """Asks our resolvers."""

    def __init__(self, resolvers: Resolvers) -> None:
        self._resolvers = resolvers

    async def _lookup(self, name: str, rtype: str) -> tuple[str, list[str]]:
        answer = dns.ask(name, rtype, self._resolvers)
        texts = []
        for value in answer.values:
            match value:
                case TXT(data=data):
                    texts.append(data.decode("utf-8", "replace"))
                case MX(exchange=exchange):
                    texts.append(name_text(exchange))
                case Target(name=target):
                    texts.append(name_text(target))
                case _:
                    texts.append(str(value))
        return _STATUS[answer.outcome], texts


def check_host(address: str, domain: str, ehlo: str, resolvers: Resolvers) -> SpfView:
    """Return what a receiver makes of mail from `address` with this MAIL FROM domain and EHLO."""
    with _ONE_AT_A_TIME:
        result = spftrace.check(
            address, f"postmaster@{domain}", ehlo, resolver=_Resolver(resolvers)
        )
    reason = result.explanation or "; ".join(result.warnings)
    return SpfView(address, domain, ehlo, result.result, reason, result.dns_terms_used)
