"""What DNS has of DMARC for a domain: its record, those above it, and where its reports go."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from dns_providers.rrset import Address
from probes.world.dns import Answer, AskSoon, exchanges, texts

_MOST = 8  # questions of a tree walk (RFC 9989 section 4.10)
_MAILBOX = re.compile(rb"mailto:[^@,;!\s]+@([^,;!?\s]+)", re.I)
_ADDRESSES_MOST = 10  # of a record; the rest is not asked for


@dataclass(frozen=True, slots=True)
class Destination:
    """A domain that reports go to.

    takes_mail: it has an MX record or an address (None: not answered). consent: the TXT records by
    which it says that it wants this domain's reports (RFC 9990 section 4), None where nobody asks
    for that: it is the domain itself, or one above or below it.
    """

    domain: str
    takes_mail: bool | None
    consent: Answer | None = None


@dataclass(frozen=True, slots=True)
class DmarcSite:
    """What DNS has of DMARC for a domain.

    texts: the TXT records of its `_dmarc`. above: those of the names that a tree walk goes on to
    (RFC 9989 section 4.10), in its order. doubled: those of `_dmarc` with the domain twice;
    apex: those of the domain itself; both are asked for where `_dmarc` has none.
    """

    domain: str
    texts: Answer
    above: tuple[Answer, ...] = ()
    doubled: Answer | None = None
    apex: Answer | None = None
    destinations: tuple[Destination, ...] = ()


def tree_walk(domain: str) -> tuple[str, ...]:
    """Return the names that are asked for a record, this one first (RFC 9989 section 4.10)."""
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < _MOST else labels[-(_MOST - 1) :]
    return (domain, *(".".join(rest[at:]) for at in range(len(rest))))


async def look(domain: str, ask: AskSoon) -> DmarcSite:
    """Return what DNS has of DMARC for a domain."""
    owner = f"_dmarc.{domain}"
    names = [f"_dmarc.{name}" for name in tree_walk(domain)]
    found, *above = await asyncio.gather(*(ask(name, "TXT") for name in names))
    doubled = apex = None
    if found.outcome.known and not found.values:
        doubled, apex = await asyncio.gather(ask(f"{owner}.{domain}", "TXT"), ask(domain, "TXT"))
    reports = await asyncio.gather(*(_destination(domain, to, ask) for to in _domains(found)))
    return DmarcSite(domain, found, tuple(above), doubled, apex, tuple(reports))


def _domains(found: Answer) -> tuple[str, ...]:
    """The domains that a record names in its addresses, each once."""
    every = [
        match[1].decode("ascii", "replace").lower().rstrip(".")
        for record in texts(found)
        for match in _MAILBOX.finditer(record)
    ]
    return tuple(dict.fromkeys(every))[:_ADDRESSES_MOST]


async def _destination(domain: str, to: str, ask: AskSoon) -> Destination:
    near = f".{to}".endswith(f".{domain}") or f".{domain}".endswith(f".{to}")
    consent = None if near else await ask(consent_owner(domain, to), "TXT")
    return Destination(to, await _takes_mail(to, ask), consent)


def consent_owner(domain: str, to: str) -> str:
    """Return where `to` says that it wants the reports of a domain (RFC 9990 section 4)."""
    return f"{domain}._report._dmarc.{to}"


async def _takes_mail(domain: str, ask: AskSoon) -> bool | None:
    answer = await ask(domain, "MX")
    if answer.values:
        return exchanges(answer) != (".",)
    if not answer.outcome.known:
        return None
    answers = await asyncio.gather(*(ask(domain, rtype) for rtype in ("A", "AAAA")))
    if any(isinstance(value, Address) for each in answers for value in each.values):
        return True
    return False if all(each.outcome.known for each in answers) else None
