"""What recursive resolvers answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset

from dns_providers.rrset import MX, TXT, Address, Target, Value, from_rdata, name_text, owner_name

TIMEOUT = 5.0
# A resolver that left two questions in a row unanswered is most likely out of reach. To wait the
# whole time for each of a hundred questions would take minutes and find out no more.
_OFTEN, _IMPATIENT = 2, 1.0


class Outcome(StrEnum):
    """How a question was answered."""

    ANSWER = "answer"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"

    @property
    def known(self) -> bool:
        """Whether DNS itself answered, be it with nothing."""
        return self not in (Outcome.SERVFAIL, Outcome.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Alias:
    """A CNAME on the way to an answer: where it leads (A-labels), its TTL in seconds."""

    target: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server says of one owner name and type.

    resolver: the address that was asked. ttl: seconds, of the RRset itself; None where there is
    none. aliases: CNAMEs that lead to it, each with its own TTL, in order. strings: of TXT values,
    how each is cut (RFC 1035 section 3.3.14). rcode: as DNS writes it, or "" without an answer.
    authoritative, secure: the AA and AD flags. errors: extended ones (RFC 8914), code and text.
    """

    owner: str
    rtype: str
    outcome: Outcome
    values: frozenset[Value] = frozenset()
    resolver: str = ""
    ttl: int | None = field(default=None, compare=False)
    aliases: tuple[Alias, ...] = field(default=(), compare=False)
    strings: tuple[tuple[bytes, ...], ...] = field(default=(), compare=False)
    rcode: str = field(default="", compare=False)
    authoritative: bool = field(default=False, compare=False)
    secure: bool = field(default=False, compare=False)
    errors: tuple[str, ...] = field(default=(), compare=False)


# Answers for an owner name (A-labels) and a type; one waits, the other is waited for in the loop.
Ask = Callable[[str, str], Answer]
AskSoon = Callable[[str, str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Resolvers:
    """The recursive resolvers to ask, in this order; the first that answers counts.

    timeout: seconds to wait for an answer.
    """

    addresses: tuple[str, ...]
    port: int = 53
    timeout: float = TIMEOUT
    _unanswered: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def patience(self, address: str) -> float:
        """Seconds to wait for an answer of one of them now."""
        often = self._unanswered.get(address, 0) >= _OFTEN
        return min(self.timeout, _IMPATIENT) if often else self.timeout

    def remember(self, address: str, *, answered: bool) -> None:
        """Remember whether it has answered, for `patience`."""
        self._unanswered[address] = 0 if answered else self._unanswered.get(address, 0) + 1


def ask(owner: str, rtype: str, resolvers: Resolvers) -> Answer:
    """Ask for an owner name (A-labels): the first resolver that gives any answer counts."""
    last = Answer(owner, rtype, Outcome.TIMEOUT)
    for resolver in resolvers.addresses:
        last = ask_one(owner, rtype, resolver, resolvers)
        if last.outcome.known:
            break
    return last


def asking(resolvers: Resolvers) -> Ask:
    """Return what asks them."""
    return lambda owner, rtype: ask(owner, rtype, resolvers)


def ask_one(owner: str, rtype: str, resolver: str, resolvers: Resolvers) -> Answer:
    """Ask one resolver."""
    query = dns.message.make_query(owner_name(owner), rtype, use_edns=0, payload=1232)
    try:
        reply, _ = dns.query.udp_with_fallback(
            query, resolver, timeout=resolvers.patience(resolver), port=resolvers.port
        )
    except dns.exception.Timeout:
        resolvers.remember(resolver, answered=False)
        return Answer(owner, rtype, Outcome.TIMEOUT, resolver=resolver)
    except (OSError, dns.exception.DNSException):
        return Answer(owner, rtype, Outcome.SERVFAIL, resolver=resolver)
    resolvers.remember(resolver, answered=True)
    return read(owner, rtype, reply, resolver)


def read(owner: str, rtype: str, reply: dns.message.Message, resolver: str) -> Answer:
    """Return what a message says of an owner name (A-labels) and a type. resolver: who sent it."""
    kind = dns.rdatatype.from_text(rtype)
    aliases, found = _led_to(owner_name(owner), kind, reply)
    values = frozenset(from_rdata(rdata) for rdata in found or ())
    if reply.rcode() == dns.rcode.NXDOMAIN:
        outcome = Outcome.NXDOMAIN
    elif reply.rcode() != dns.rcode.NOERROR:
        outcome = Outcome.SERVFAIL
    else:
        outcome = Outcome.ANSWER if values else Outcome.NODATA
    return Answer(
        owner,
        rtype,
        outcome,
        values if outcome is Outcome.ANSWER else frozenset(),
        resolver,
        ttl=found.ttl if found is not None else None,
        aliases=aliases,
        strings=_strings(found),
        rcode=dns.rcode.to_text(reply.rcode()),
        authoritative=bool(reply.flags & dns.flags.AA),
        secure=bool(reply.flags & dns.flags.AD),
        errors=tuple(
            each.to_text() for each in reply.options if each.otype == dns.edns.OptionType.EDE
        ),
    )


def _led_to(
    owner: dns.name.Name, kind: dns.rdatatype.RdataType, reply: dns.message.Message
) -> tuple[tuple[Alias, ...], dns.rrset.RRset | None]:
    """The CNAMEs from an owner name to the RRset of a type, and that."""
    there = {(each.name.canonicalize(), each.rdtype): each for each in reply.answer}
    aliases: list[Alias] = []
    while (owner, kind) not in there and (owner, dns.rdatatype.CNAME) in there:
        found = there.pop((owner, dns.rdatatype.CNAME))  # once: they may lead in a circle
        owner = found[0].target.canonicalize()
        aliases.append(Alias(name_text(owner), found.ttl))
    return tuple(aliases), there.get((owner, kind))


def _strings(found: dns.rrset.RRset | None) -> tuple[tuple[bytes, ...], ...]:
    if found is None or found.rdtype != dns.rdatatype.TXT:
        return ()
    return tuple(sorted(rdata.strings for rdata in found))


def texts(answer: Answer) -> tuple[bytes, ...]:
    """TXT values of an answer, sorted."""
    return tuple(sorted(value.data for value in answer.values if isinstance(value, TXT)))


def exchanges(answer: Answer) -> tuple[str, ...]:
    """MX hosts of an answer, most preferred first."""
    found = [value for value in answer.values if isinstance(value, MX)]
    found.sort(key=lambda value: (value.preference, value.exchange))
    return tuple(name_text(value.exchange) for value in found)


def addresses(owner: str, resolvers: Resolvers) -> tuple[str, ...] | None:
    """All addresses of a host name; None where none was found, but not for want of any."""
    answers = [ask(owner, rtype, resolvers) for rtype in ("A", "AAAA")]
    found = {v.address for each in answers for v in each.values if isinstance(v, Address)}
    if not found and not all(each.outcome.known for each in answers):
        return None
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Reverse:
    """The PTR names of an address, and to which addresses each points (None: not answered)."""

    address: str
    outcome: Outcome
    names: tuple[str, ...] = ()
    forward: tuple[tuple[str, tuple[str, ...] | None], ...] = ()


def reverse(address: str, resolvers: Resolvers) -> Reverse:
    """Look up PTR, and forward again (FCrDNS)."""
    owner = name_text(dns.reversename.from_address(str(ipaddress.ip_address(address))))
    answer = ask(owner, "PTR", resolvers)
    names = tuple(sorted(name_text(v.name) for v in answer.values if isinstance(v, Target)))
    forward = tuple((name, addresses(name, resolvers)) for name in names)
    return Reverse(address, answer.outcome, names, forward)


def ask_kept(owner: str, rtype: str, servers: Iterable[str], resolvers: Resolvers) -> Answer:
    """Ask a zone's own name servers: they know what was written a moment ago, and no cache learns.

    servers: their addresses. Where none of them knows, as of a name in a zone below or of an
    alias that leads out of the zone, resolvers are asked.
    """
    query = dns.message.make_query(owner_name(owner), rtype, use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    for server in servers:
        try:
            reply, _ = dns.query.udp_with_fallback(
                query, server, timeout=resolvers.patience(server), port=resolvers.port
            )
        except (OSError, dns.exception.DNSException) as error:
            silent = isinstance(error, dns.exception.Timeout)
            resolvers.remember(server, answered=not silent)
            continue
        found = read(owner, rtype, reply, server)
        if not found.outcome.known:
            continue
        alias = any(each.rdtype == dns.rdatatype.CNAME for each in reply.answer)
        if reply.flags & dns.flags.AA and (found.values or not alias):
            return found
        break
    return ask(owner, rtype, resolvers)
