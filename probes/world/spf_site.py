"""What DNS has of SPF at one name: its record, where that leads, and what strangers get by it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import spftrace
from spftrace import SpfPermError

from dns_providers.rrset import TXT, Address
from probes.world.dns import Answer, AskSoon, exchanges
from probes.world.spf import Evaluation, evaluated

# Whose mail goes through a whole record, for each family: no host can have these addresses.
STRANGERS = {4: ("0.0.0.0", "255.255.255.255"), 6: ("::",)}


@dataclass(frozen=True, slots=True)
class SpfSite:
    """What DNS has of SPF at one owner name.

    texts: its TXT records. obsolete: its records of type SPF (99). targets: the TXT records where
    `include:` and `redirect=` of the record lead. hosts: each `a` and `mx` term, and the addresses
    that pass by it (None: not answered). strangers: what receivers make of mail from addresses that
    nobody has.
    """

    name: str
    texts: Answer
    obsolete: Answer
    targets: tuple[Answer, ...] = ()
    hosts: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    strangers: tuple[Evaluation, ...] = ()


async def look(name: str, ask: AskSoon, families: tuple[int, ...] = (4,)) -> SpfSite:
    """Return what DNS has of SPF at a name. families: IP versions of the strangers who are tried.

    What a term that depends on the sender (RFC 7208 section 7) leads to is not asked for.
    """
    texts, obsolete = await asyncio.gather(ask(name, "TXT"), ask(name, "SPF"))
    terms = [(each, (each.arg or name).rstrip(".").lower()) for each in _terms(texts)]
    plain = [(term, target) for term, target in terms if "%" not in target]
    led = [target for term, target in plain if term.name in ("include", "redirect")]
    hosts = [(term, target) for term, target in plain if term.name in ("a", "mx")]
    tried = [each for family in families for each in STRANGERS[family]] if _terms(texts) else []
    targets, found, strangers = await asyncio.gather(
        asyncio.gather(*(ask(each, "TXT") for each in dict.fromkeys(led))),
        asyncio.gather(*(_passing(term.name, target, ask) for term, target in hosts)),
        asyncio.gather(*(evaluated(each, name, ask) for each in tried)),
    )
    passing = tuple((term.raw, each) for (term, _), each in zip(hosts, found, strict=True))
    return SpfSite(name, texts, obsolete, tuple(targets), passing, tuple(strangers))


def _terms(texts: Answer) -> list[spftrace.Term]:
    """The terms of a name's one record that may be read."""
    values = (value for value in texts.values if isinstance(value, TXT))
    shown = [value.data.decode("utf-8", "replace") for value in values]
    records = [each for each in shown if each.lower() == "v=spf1" or each[:7].lower() == "v=spf1 "]
    try:
        return spftrace.parse(records[0]).terms if len(records) == 1 else []
    except SpfPermError:
        return []


async def _passing(mechanism: str, name: str, ask: AskSoon) -> tuple[str, ...] | None:
    """The addresses of a host, or of a domain's MX hosts; None where somebody does not answer."""
    names: tuple[str, ...] = (name,)
    if mechanism == "mx":
        answer = await ask(name, "MX")
        if not answer.outcome.known:
            return None
        names = exchanges(answer)
    answers = await asyncio.gather(*(ask(n, rtype) for n in names for rtype in ("A", "AAAA")))
    if not all(each.outcome.known for each in answers):
        return None
    found = {v.address for each in answers for v in each.values if isinstance(v, Address)}
    return tuple(sorted(found))
