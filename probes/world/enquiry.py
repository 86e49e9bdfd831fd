"""One run's questions to DNS: each server is asked each once, all that is independent at once.

A zone that the run is about is followed from its parent and asked at its own servers: they know
what was written a moment ago, and no cache learns of a name before it is there. For everything else
recursive resolvers are asked; where none answers, the way from the root is gone.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.reversename

from dns_providers.publishing.propagation import NameServer, has_ipv6_route
from dns_providers.rrset import Address, Target, name_text, owner_name
from probes.world import exchange
from probes.world.dns import Alias, Answer, Outcome, Resolvers, Reverse, read
from probes.world.exchange import PAYLOAD, Reach, Reply, Send
from probes.world.loop import wait_for

AT_ONCE = 512  # questions that wait for an answer at the same time
KEPT = 20_000  # replies that are remembered; the oldest are forgotten
_DEEPEST = 24  # zones from the root down, and aliases one after the other
_HEDGE = 0.4  # seconds after which the next server is asked, too
_ROOT_SERVERS = {
    "a": ("198.41.0.4", "2001:503:ba3e::2:30"),
    "b": ("170.247.170.2", "2801:1b8:10::b"),
    "c": ("192.33.4.12", "2001:500:2::c"),
    "d": ("199.7.91.13", "2001:500:2d::d"),
    "e": ("192.203.230.10", "2001:500:a8::e"),
    "f": ("192.5.5.241", "2001:500:2f::f"),
    "i": ("192.36.148.17", "2001:7fe::53"),
    "k": ("193.0.14.129", "2001:7fd::1"),
    "l": ("199.7.83.42", "2001:500:9f::42"),
    "m": ("202.12.27.33", "2001:dc3::35"),
}  # https://www.iana.org/domains/root/servers


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one address. plain: without EDNS. spelled: the name, as it is written."""

    address: str
    owner: dns.name.Name
    rtype: str
    recursive: bool = False
    unchecked: bool = False  # CD
    signed: bool = False  # DO
    tcp: bool = False
    spelled: tuple[bytes, ...] = ()

    def message(self) -> dns.message.Message:
        """The question as it is sent."""
        name = dns.name.Name(self.spelled) if self.spelled else self.owner
        query = dns.message.make_query(
            name, self.rtype, use_edns=0, payload=PAYLOAD, want_dnssec=self.signed
        )
        if not self.recursive:
            query.flags &= ~dns.flags.RD
        else:
            query.flags |= dns.flags.AD  # whoever validates says so (RFC 6840 section 5.7)
        if self.unchecked:
            query.flags |= dns.flags.CD
        return query


@dataclass(frozen=True, slots=True)
class Authority:
    """A zone as its parent delegates it: the name servers with all addresses that can be asked.

    glue: what the parent gives with the delegation. unasked: addresses that there is no route to
    from here. parent: the zone above; the root has none. apart: the parent's own servers gave the
    delegation; else they serve the zone too, and only its own NS records are to be seen.
    """

    zone: dns.name.Name
    servers: tuple[NameServer, ...]
    glue: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unasked: tuple[str, ...] = ()
    parent: Authority | None = None
    apart: bool = True

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Each address of each server, with the server's name; one of each server first."""
        rows = [[(each.name, address) for address in each.addresses] for each in self.servers]
        deepest = max(map(len, rows), default=0)
        return tuple(row[at] for at in range(deepest) for row in rows if at < len(row))


@dataclass(frozen=True, slots=True)
class Cut:
    """Which zone a name is in. outcome: what the last server on the way said of the name's NS.

    authority: None where the way could not be gone.
    """

    name: str
    outcome: Outcome
    authority: Authority | None = None

    @property
    def zone(self) -> str:
        """The zone's name; the root's is empty."""
        zone = self.authority.zone if self.authority else dns.name.root
        return "" if zone == dns.name.root else name_text(zone)


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody's answer: the server's name and address, and the whole message, if there is one."""

    server: str
    answer: Answer
    reply: Reply


@dataclass
class _Memory:
    """What a run knows."""

    replies: dict[Question, asyncio.Task[Reply]] = field(default_factory=dict)
    zones: dict[dns.name.Name, asyncio.Task[Authority | None]] = field(default_factory=dict)
    answering: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    ours: set[dns.name.Name] = field(default_factory=set)  # zones that the run is about
    asked: int = 0


class Enquiry:
    """The questions of one run. Its coroutines run in `probes.world.loop`, or all in one loop."""

    def __init__(
        self,
        resolvers: Resolvers,
        *,
        by: Send = exchange.send,
        ipv6: bool | None = None,
        now: datetime | None = None,
    ) -> None:
        """Nothing is asked yet.

        resolvers: recursive ones, the port of all servers, and how long to wait for an answer.
        by: what sends a question. ipv6: whether there is a route; None finds out. now: the time
        that signatures are judged by (UTC); None for that of the clock.
        """
        self.now = now or datetime.now(UTC)
        self.resolvers = resolvers
        self._by = by
        self._ipv6 = has_ipv6_route() if ipv6 is None else ipv6
        self._known = _Memory()
        self._places: asyncio.Semaphore | None = None

    # -- what is asked for ---------------------------------------------------------------------

    async def ask(self, owner: str, rtype: str) -> Answer:
        """Ask for an owner name (A-labels): of a zone that the run is about its own servers.

        For all others, and where none of the servers answers, recursive resolvers.
        """
        name = owner_name(owner)
        if any(name.is_subdomain(zone) for zone in self._known.ours):
            found = await self.authoritative(owner, rtype)
            if found.outcome.known:
                return found
            return await self._recursive_instead(found)
        found = await self.recursive(owner, rtype)
        return found if found.outcome.known else await self._authoritative_instead(found)

    async def _recursive_instead(self, found: Answer) -> Answer:
        other = await self.recursive(found.owner, found.rtype)
        return other if other.outcome.known else found

    async def _authoritative_instead(self, found: Answer) -> Answer:
        if not self.deaf:
            return found  # they answer: it is the name that nobody answers for
        other = await self.authoritative(found.owner, found.rtype)
        return other if other.outcome.known else found

    async def recursive(self, owner: str, rtype: str) -> Answer:
        """Ask resolvers: the first that gives any answer counts."""
        last = Answer(owner, rtype, Outcome.TIMEOUT)
        for resolver in self.resolvers.addresses:
            found = await self.at_resolver(resolver, owner, rtype)
            if found.outcome.known:
                return found
            # What it says counts more than that another says nothing.
            last = found if found.rcode or not last.rcode else last
        return last

    async def at_resolver(
        self, resolver: str, owner: str, rtype: str, *, unchecked: bool = False
    ) -> Answer:
        """Ask one resolver. unchecked: it shall not validate."""
        name = owner_name(owner)
        question = Question(resolver, name, rtype, recursive=True, unchecked=unchecked)
        return _answer(question, owner, await self.reply(question))

    async def authoritative(self, owner: str, rtype: str) -> Answer:
        """Ask the servers that a name is kept on, found from the root down; aliases are followed.

        An answer without the AA flag is none.
        """
        name = owner_name(owner)
        aliases: tuple[Alias, ...] = ()
        for _ in range(_DEEPEST):
            _, heard = await self._ask_down(name, rtype)
            found = heard.answer
            aliases += found.aliases
            if found.values or not found.aliases or not found.outcome.known:
                return _renamed(found, owner, aliases)
            name = owner_name(found.aliases[-1].target)
        return Answer(owner, rtype, Outcome.SERVFAIL, aliases=aliases)

    async def everywhere(self, owner: str, rtype: str, zone: Authority) -> tuple[Heard, ...]:
        """Ask every address of every server of a zone."""
        name = owner_name(owner)

        async def one(server: str, address: str) -> Heard:
            question = Question(address, name, rtype)
            reply = await self.reply(question)
            return Heard(server, _answer(question, owner, reply), reply)

        return tuple(await asyncio.gather(*(one(*each) for each in zone.addresses)))

    async def at(self, question: Question) -> Heard:
        """Ask just this."""
        reply = await self.reply(question)
        owner = name_text(question.owner)
        return Heard(question.address, _answer(question, owner, reply), reply)

    async def authoritative_reply(self, owner: str, rtype: str) -> Heard:
        """Ask where a name is kept, of a DS record its parent; aliases are not followed."""
        _, heard = await self._ask_down(owner_name(owner), rtype)
        return heard

    async def first(
        self, zone: Authority, owner: str, rtype: str, *, signed: bool = False
    ) -> Heard:
        """Ask the servers of a zone: the first that knows counts. signed: with DNSSEC records."""
        return await self._first(zone, owner_name(owner), rtype, signed)

    async def validated(self, owner: str, rtype: str) -> tuple[Answer, Answer]:
        """What a resolver says that answers, and what it says where it need not validate."""
        for resolver in self.resolvers.addresses:
            found = await asyncio.gather(
                self.at_resolver(resolver, owner, rtype),
                self.at_resolver(resolver, owner, rtype, unchecked=True),
            )
            if any(each.rcode for each in found):
                return found[0], found[1]
        nothing = Answer(owner, rtype, Outcome.TIMEOUT)
        return nothing, nothing

    async def validating(self) -> bool:
        """Whether the first resolver that answers validates: the root is signed."""
        return (await self.recursive(".", "NS")).secure

    async def addresses(self, owner: str) -> tuple[str, ...] | None:
        """All addresses of a host name; None where none was found, but not for want of any."""
        answers = await asyncio.gather(self.ask(owner, "A"), self.ask(owner, "AAAA"))
        return addresses_in(answers)

    async def reverse(self, address: str) -> Reverse:
        """Look up PTR, and forward again (FCrDNS)."""
        owner = name_text(dns.reversename.from_address(str(ipaddress.ip_address(address))))
        answer = await self.recursive(owner, "PTR")
        names = tuple(sorted(name_text(v.name) for v in answer.values if isinstance(v, Target)))
        forward = await asyncio.gather(*map(self.addresses, names))
        return Reverse(address, answer.outcome, names, tuple(zip(names, forward, strict=True)))

    def waiting(self, owner: str, rtype: str) -> Answer:
        """`ask` for those who wait (`Ask`); never in the loop itself."""
        return wait_for(self.ask(owner, rtype))

    @property
    def asked(self) -> int:
        """How many questions went out."""
        return self._known.asked

    @property
    def deaf(self) -> bool:
        """Whether none of the resolvers has answered, and each was asked."""
        return all(each in self._known.mute for each in self.resolvers.addresses)

    # -- from the root down --------------------------------------------------------------------

    async def cut(self, name: str) -> Cut:
        """Find the zone that a name is in; from now on the run is about it."""
        found = await self._cut(owner_name(name))
        if found.authority is not None and len(found.authority.zone.labels) > 2:
            self._known.ours.add(found.authority.zone)
        return found

    async def _cut(self, name: dns.name.Name) -> Cut:
        zone, heard = await self._ask_down(name, "NS")
        text, outcome, message = name_text(name), heard.answer.outcome, heard.reply.message
        if zone is None or zone.zone == name or message is None:
            return Cut(text, outcome, zone)
        if heard.answer.values:  # the parent's servers serve the zone as well
            return Cut(
                text, outcome, await self._entered(zone, name, name_servers(heard), (), False)
            )
        above = next((e.name for e in message.authority if e.rdtype == dns.rdatatype.SOA), None)
        if above and above != zone.zone and above != name and above.is_subdomain(zone.zone):
            return Cut(text, outcome, (await self._cut(above.canonicalize())).authority)
        return Cut(text, outcome, zone)

    async def _ask_down(self, name: dns.name.Name, rtype: str) -> tuple[Authority | None, Heard]:
        """Ask for a name where it is kept: that zone, and what one of its servers says."""
        nobody = Heard("", Answer(name_text(name), rtype, Outcome.TIMEOUT), Reply(Reach.TIMEOUT))
        zone = await self._nearest(name, rtype)
        heard = nobody
        for _ in range(_DEEPEST):
            if zone is None:
                return None, nobody
            heard = await self._first(zone, name, rtype)
            lower = _referral(heard, zone, name)
            if lower is None:
                break
            zone = await self._entered(zone, *lower, True)
        if heard.answer.outcome.known and not heard.answer.authoritative:
            lame = Answer(heard.answer.owner, rtype, Outcome.SERVFAIL, rcode=heard.answer.rcode)
            heard = Heard(heard.server, lame, heard.reply)
        return zone, heard

    async def _nearest(self, name: dns.name.Name, rtype: str) -> Authority | None:
        """The lowest zone above a name that is known already; the root, if need be."""
        above = name.parent() if rtype == "DS" and name != dns.name.root else name
        while above != dns.name.root:
            if known := self._known.zones.get(above):
                return await asyncio.shield(known)
            above = above.parent()
        return await self._once(dns.name.root, self._root())

    async def _once(
        self, zone: dns.name.Name, work: Coroutine[Any, Any, Authority | None]
    ) -> Authority | None:
        """Do the work of finding a zone's servers, unless somebody does already."""
        if zone in self._known.zones:
            work.close()
        else:
            self._known.zones[zone] = asyncio.ensure_future(work)
        return await asyncio.shield(self._known.zones[zone])

    async def _entered(
        self,
        above: Authority,
        zone: dns.name.Name,
        names: tuple[str, ...],
        glue: tuple[tuple[str, tuple[str, ...]], ...],
        apart: bool,
    ) -> Authority | None:
        return await self._once(zone, self._enter(above, zone, names, glue, apart))

    async def _enter(
        self,
        above: Authority,
        zone: dns.name.Name,
        names: tuple[str, ...],
        glue: tuple[tuple[str, tuple[str, ...]], ...],
        apart: bool,
    ) -> Authority:
        given = dict(glue)
        found = await asyncio.gather(
            *(self._of_server(n, zone, above, given.get(n, ())) for n in names)
        )
        every = dict(zip(names, found, strict=True))
        unasked = tuple(a for some in found for a in some if not self._route(a))
        servers = tuple(
            NameServer(name, tuple(a for a in some if self._route(a)))
            for name, some in every.items()
        )
        return Authority(zone, servers, glue, unasked, above, apart)

    async def _of_server(
        self, name: str, zone: dns.name.Name, above: Authority, glue: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The addresses of a name server: as the parent gives them, else as DNS does."""
        if glue:
            return tuple(sorted(glue))
        inside = above if owner_name(name).is_subdomain(zone) else None
        answers = await asyncio.gather(*(self._address(name, t, inside) for t in ("A", "AAAA")))
        return addresses_in(answers) or ()

    async def _address(self, name: str, rtype: str, above: Authority | None) -> Answer:
        if above is not None:  # who delegates to a zone may serve it, too
            heard = await self._first(above, owner_name(name), rtype)
            if heard.answer.values:
                return heard.answer
        found = await self.recursive(name, rtype)
        if found.outcome.known or not self.deaf:
            return found
        try:  # servers whose names are kept by each other are found by nobody
            async with asyncio.timeout(3 * self.resolvers.timeout):
                return await self.authoritative(name, rtype)
        except TimeoutError:
            return found

    def _route(self, address: str) -> bool:
        return self._ipv6 or ":" not in address

    async def _root(self) -> Authority | None:
        """The root's servers as resolvers name them, else as everybody knows them."""
        for resolver in self.resolvers.addresses:
            reply = await self.reply(Question(resolver, dns.name.root, "NS", recursive=True))
            if reply.message is None:
                continue
            heard = Heard(resolver, read("", "NS", reply.message, resolver), reply)
            names, glue = name_servers(heard), dict(_glue(reply.message))
            missing = [each for each in names if each not in glue]
            for rtype in ("A", "AAAA"):
                more = await asyncio.gather(*(self.recursive(n, rtype) for n in missing))
                for each in more:
                    glue[each.owner] = glue.get(each.owner, ()) + (addresses_in([each]) or ())
            servers = tuple(
                NameServer(n, tuple(a for a in glue.get(n, ()) if self._route(a))) for n in names
            )
            if any(each.addresses for each in servers):
                return Authority(dns.name.root, servers)
        servers = tuple(
            NameServer(f"{letter}.root-servers.net", tuple(filter(self._route, addresses)))
            for letter, addresses in _ROOT_SERVERS.items()
        )
        return Authority(dns.name.root, servers)

    async def _first(
        self, zone: Authority, name: dns.name.Name, rtype: str, signed: bool = False
    ) -> Heard:
        """What the first of a zone's servers says that says something of use."""
        questions = [(s, Question(a, name, rtype, signed=signed)) for s, a in zone.addresses]
        owner = name_text(name)
        last = Heard("", Answer(owner, rtype, Outcome.TIMEOUT), Reply(Reach.TIMEOUT))

        async def one(server: str, question: Question) -> Heard:
            reply = await self.reply(question)
            return Heard(server, _answer(question, owner, reply), reply)

        # Those that have answered before come first; who is silent is not waited for alone.
        questions.sort(key=lambda each: each[1].address not in self._known.answering)
        waiting: set[asyncio.Task[Heard]] = set()
        while questions or waiting:
            if questions:
                waiting.add(asyncio.ensure_future(one(*questions.pop(0))))
            done, waiting = await asyncio.wait(
                waiting,
                timeout=_HEDGE if questions else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for each in done:
                heard = each.result()
                if _of_use(heard, zone, name):
                    return heard
                last = heard if heard.reply.message is not None else last
        return last

    # -- one question --------------------------------------------------------------------------

    async def reply(self, question: Question) -> Reply:
        """Ask one address one question; who asks it again gets the same reply."""
        known = self._known.replies
        if question not in known:
            if len(known) >= KEPT:
                for old in [each for each, task in known.items() if task.done()][: KEPT // 4]:
                    del known[old]
            known[question] = asyncio.ensure_future(self._ask_one(question))
        # Whoever gives up waiting does not take it from others.
        return await asyncio.shield(known[question])

    async def _ask_one(self, question: Question) -> Reply:
        address, known = question.address, self._known
        if self._places is None:
            self._places = asyncio.Semaphore(AT_ONCE)
        async with self._places:
            if address in known.mute:
                return Reply(Reach.TIMEOUT)
            known.asked += 1
            reply = await exchange.exchange(
                question.message(),
                address,
                self.resolvers.port,
                self.resolvers.timeout,
                tcp=question.tcp,
                by=self._by,
            )
        if reply.message is not None or reply.no_tcp:
            known.answering.add(address)
        elif address not in known.answering and not question.tcp:
            known.mute.add(address)  # it had its time, and others need not wait again
        return reply


def addresses_in(answers: Iterable[Answer]) -> tuple[str, ...] | None:
    """All addresses in answers; None where there are none, but not for want of any."""
    every = tuple(answers)
    found = {v.address for each in every for v in each.values if isinstance(v, Address)}
    if not found and not all(each.outcome.known for each in every):
        return None
    return tuple(sorted(found))


def _answer(question: Question, owner: str, reply: Reply) -> Answer:
    if reply.message is None:
        timeout = reply.reach is Reach.TIMEOUT
        outcome = Outcome.TIMEOUT if timeout else Outcome.SERVFAIL
        return Answer(owner, question.rtype, outcome, resolver=question.address)
    try:
        return read(owner, question.rtype, reply.message, question.address)
    except (dns.exception.DNSException, ValueError):
        return Answer(owner, question.rtype, Outcome.SERVFAIL, resolver=question.address)


def _renamed(found: Answer, owner: str, aliases: tuple[Alias, ...]) -> Answer:
    """An answer as one to the name that was asked for."""
    if found.owner == owner and found.aliases == aliases:
        return found
    return Answer(
        owner,
        found.rtype,
        found.outcome,
        found.values,
        found.resolver,
        found.ttl,
        aliases,
        found.strings,
        found.rcode,
        found.authoritative,
        found.secure,
        found.errors,
    )


def _of_use(heard: Heard, zone: Authority, name: dns.name.Name) -> bool:
    """Whether a server knows: it keeps the name, or knows who is nearer to it."""
    if _referral(heard, zone, name):
        return True
    return heard.answer.outcome.known and heard.answer.authoritative


def _referral(
    heard: Heard, zone: Authority, name: dns.name.Name
) -> tuple[dns.name.Name, tuple[str, ...], tuple[tuple[str, tuple[str, ...]], ...]] | None:
    """The zone below that a reply refers to, its servers and their glue."""
    message = heard.reply.message
    if message is None or heard.answer.authoritative or not heard.answer.outcome.known:
        return None
    for found in (*message.authority, *message.answer):
        lower = found.name.canonicalize()
        if found.rdtype != dns.rdatatype.NS or lower == zone.zone:
            continue
        if lower.is_subdomain(zone.zone) and name.is_subdomain(lower):
            names = sorted(name_text(each.target.canonicalize()) for each in found)
            return lower, tuple(names), _glue(message)
    return None


def name_servers(heard: Heard) -> tuple[str, ...]:
    """The names in an answer of NS records."""
    message = heard.reply.message
    found = [] if message is None else message.answer
    return tuple(
        sorted(
            name_text(each.target.canonicalize())
            for rrset in found
            if rrset.rdtype == dns.rdatatype.NS
            for each in rrset
        )
    )


def _glue(message: dns.message.Message) -> tuple[tuple[str, tuple[str, ...]], ...]:
    glue: dict[str, tuple[str, ...]] = {}
    for found in message.additional:
        if found.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = name_text(found.name.canonicalize())
            glue[name] = glue.get(name, ()) + tuple(each.address for each in found)
    return tuple(sorted((name, tuple(sorted(some))) for name, some in glue.items()))
