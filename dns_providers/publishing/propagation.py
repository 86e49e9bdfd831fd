"""Propagation: is a record the same on every address of every authoritative server?

The delegation comes from the parent. Authoritative servers are asked directly (RD=0, AA needed).
A recursive resolver is asked for a name only after all of them agree: asking earlier would put
the old or missing answer into its cache.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from dns_providers.base import ProviderError
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.public_suffix import is_public_suffix
from dns_providers.rrset import RRKey, Value, from_rdata, name_text

ROUNDS = 3
ROUND_PAUSE = 1.0
QUERY_TIMEOUT = 3.0
_WORKERS = 16


class DelegationError(ProviderError):
    """The authoritative servers of a zone cannot be found."""


class Verdict(StrEnum):
    """What one server says of one record."""

    OK = "ok"
    STALE = "stale"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    CNAME = "cname"
    LAME = "lame"
    REFUSED = "refused"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"

    @property
    def silent(self) -> bool:
        """No usable answer, as opposed to a wrong one."""
        return self in _SILENT


_SILENT = frozenset(
    {Verdict.LAME, Verdict.REFUSED, Verdict.SERVFAIL, Verdict.TIMEOUT, Verdict.UNREACHABLE}
)


@dataclass(frozen=True, slots=True)
class NameServer:
    """An authoritative server of a zone: its name and all its addresses."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delegation:
    """The authoritative servers of a zone. `differences`: parent and child do not agree."""

    zone: str
    servers: tuple[NameServer, ...]
    only_parent: tuple[str, ...] = ()
    only_child: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """A record that must be seen: all values (EXCLUSIVE) or at least these (the others).

    gone: none of the values may be seen any more; without values there may be no record at all.
    """

    key: RRKey
    values: frozenset[Value]
    mode: ClaimMode = ClaimMode.EXCLUSIVE
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ServerState:
    """What one address of one server said last of one record."""

    server: str
    address: str
    key: RRKey
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Progress:
    """A round's outcome: states, equal rounds so far, seconds left."""

    states: tuple[ServerState, ...]
    rounds: int
    left: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the wait ended. `failures` name what is wrong; `silent` addresses are warnings."""

    ok: bool
    states: tuple[ServerState, ...]
    failures: tuple[ServerState, ...] = ()
    silent: tuple[ServerState, ...] = ()


class _There(dns.resolver.LRUCache):
    """What is there, until its time to live is over; what is not may be there the next moment."""

    def put(self, key: dns.resolver.CacheKey, value: dns.resolver.Answer) -> None:
        """Remember an answer with records."""
        if value.rrset:
            super().put(key, value)


@dataclass(frozen=True, slots=True)
class Network:
    """How name servers are reached; tests put a port and their own time in.

    resolvers: addresses of recursive resolvers. use_ipv6: None finds out by itself.
    """

    resolvers: tuple[str, ...]
    port: int = 53
    timeout: float = QUERY_TIMEOUT
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    use_ipv6: bool | None = None
    _known: dict[str, bool] = field(default_factory=dict)
    _names: dns.resolver.LRUCache = field(default_factory=_There, compare=False, repr=False)

    def resolver(self) -> dns.resolver.Resolver:
        """Return a stub resolver that asks `resolvers` only, and remembers as long as they do."""
        stub = dns.resolver.Resolver(configure=False)
        stub.nameservers, stub.port = list(self.resolvers), self.port
        stub.timeout, stub.lifetime = self.timeout, self.timeout * 3
        stub.cache = self._names
        return stub

    def ipv6(self) -> bool:
        """Whether this machine has a route to the IPv6 Internet."""
        if self.use_ipv6 is not None:
            return self.use_ipv6
        if "ipv6" not in self._known:
            self._known["ipv6"] = has_ipv6_route()
        return self._known["ipv6"]


def has_ipv6_route() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1", 53))
    except OSError:
        return False
    return True


def ask(address: str, expected: Expected, network: Network) -> Verdict:
    """Ask one address of an authoritative server for one record."""
    try:
        return _verdict(_reply(address, expected.key, network), expected)
    except dns.exception.Timeout:
        return Verdict.TIMEOUT
    except (OSError, dns.exception.DNSException):
        return Verdict.UNREACHABLE


def _reply(address: str, key: RRKey, network: Network) -> dns.message.Message:
    """Ask an authoritative server. Raises dns.exception.DNSException or OSError."""
    query = dns.message.make_query(key.owner, key.rtype, use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    reply, _ = dns.query.udp_with_fallback(
        query, address, timeout=network.timeout, port=network.port, ignore_unexpected=True
    )
    return reply


def served_ttls(key: RRKey, delegation: Delegation, network: Network) -> dict[str, int | None]:
    """Return the TTL (seconds) that each address of each server gives an RRset with.

    None where a server has no such RRset. Addresses that do not answer are left out, while another
    address of the same server does.
    """
    found: dict[str, int | None] = {}
    for server in delegation.servers:
        seen = {each: _ttl_at(each, key, network) for each in server.addresses}
        answers = {each: ttl for each, ttl in seen.items() if ttl is not _SILENT_TTL}
        found |= {f"{server.name} ({each})": ttl for each, ttl in (answers or seen).items()}
    return {where: None if ttl is _SILENT_TTL else ttl for where, ttl in found.items()}


_SILENT_TTL = -1


def _ttl_at(address: str, key: RRKey, network: Network) -> int | None:
    try:
        reply = _reply(address, key, network)
    except (OSError, dns.exception.DNSException):
        return _SILENT_TTL
    kind = dns.rdatatype.from_text(key.rtype)
    found = [each for each in reply.answer if each.name == key.owner and each.rdtype == kind]
    return int(found[0].ttl) if found else None


def _verdict(reply: dns.message.Message, expected: Expected) -> Verdict:
    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Verdict.REFUSED if rcode == dns.rcode.REFUSED else Verdict.SERVFAIL
    if not reply.flags & dns.flags.AA:
        return Verdict.LAME
    if rcode == dns.rcode.NXDOMAIN:
        return Verdict.OK if expected.gone else Verdict.NXDOMAIN
    kind = dns.rdatatype.from_text(expected.key.rtype)
    for found in reply.answer:
        if found.name == expected.key.owner and found.rdtype == kind:
            values = frozenset(from_rdata(rdata) for rdata in found)
            return Verdict.OK if _as_wished(values, expected) else Verdict.STALE
        if found.name == expected.key.owner and found.rdtype == dns.rdatatype.CNAME:
            return Verdict.OK if expected.gone else Verdict.CNAME
    return Verdict.OK if expected.gone else Verdict.NODATA


def _as_wished(values: frozenset[Value], expected: Expected) -> bool:
    if expected.gone:
        return bool(expected.values) and not expected.values & values
    if expected.mode is ClaimMode.EXCLUSIVE:
        return values == expected.values
    return expected.values <= values


def survey(
    expected: Sequence[Expected], delegation: Delegation, network: Network
) -> tuple[ServerState, ...]:
    """Ask every address of every server for every record, all at once."""
    work = [
        (server.name, address, item)
        for server in delegation.servers
        for address in server.addresses
        for item in expected
    ]
    if not work:
        return ()
    with ThreadPoolExecutor(min(_WORKERS, len(work))) as pool:
        verdicts = pool.map(lambda job: ask(job[1], job[2], network), work)
        return tuple(
            ServerState(name, address, item.key, verdict)
            for (name, address, item), verdict in zip(work, verdicts, strict=True)
        )


def judge(states: Iterable[ServerState]) -> tuple[tuple[ServerState, ...], tuple[ServerState, ...]]:
    """Return what is wrong and what is merely silent.

    A silent address is excused while another address of the same server name answers right.
    """
    every = tuple(states)
    right = {(state.server, state.key) for state in every if state.verdict is Verdict.OK}
    failures: list[ServerState] = []
    silent: list[ServerState] = []
    for state in every:
        if state.verdict is Verdict.OK:
            continue
        excused = state.verdict.silent and (state.server, state.key) in right
        (silent if excused else failures).append(state)
    return tuple(failures), tuple(silent)


def wait(
    expected: Sequence[Expected],
    delegation: Delegation,
    network: Network,
    *,
    timeout: float,
    report: Callable[[Progress], None],
) -> Outcome:
    """Wait until all servers show all records in three equal rounds, at most `timeout` seconds."""
    deadline = network.clock() + timeout
    rounds, pause = 0, ROUND_PAUSE
    while True:
        states = survey(expected, delegation, network)
        failures, silent = judge(states)
        left = deadline - network.clock()
        rounds = 0 if failures else rounds + 1
        report(Progress(states, rounds, max(left, 0.0)))
        if rounds >= ROUNDS:
            return Outcome(True, states, silent=silent)
        if failures and left <= 0:
            return Outcome(False, states, failures, silent)
        pause = ROUND_PAUSE if not failures else min(pause * 1.6, 10.0)
        network.sleep(min(pause, max(left, ROUND_PAUSE)))


def delegation(zone: str, network: Network) -> Delegation:
    """Return the zone's authoritative servers as the parent names them.

    Falls back to the child's own NS records where no parent server answers (then the parent's
    answer is not known). Raises DelegationError when neither does, or no resolver answers.
    """
    apex = dns.name.from_text(zone)
    child = _resolve_names(apex, "NS", network)
    if not child and not _answers(network):
        raise DelegationError("dns.error.mute_resolvers", resolvers=", ".join(network.resolvers))
    names, glue = _referral(apex, network)
    chosen = names or child
    if not chosen:
        raise _undelegated(zone, network)
    servers = tuple(NameServer(name, _addresses(name, glue, network)) for name in sorted(chosen))
    dead = [server.name for server in servers if not server.addresses]
    if len(dead) == len(servers):
        raise DelegationError("dns.error.no_address", zone=zone, servers=", ".join(dead))
    only_parent = tuple(sorted(names - child)) if names and child else ()
    only_child = tuple(sorted(child - names)) if names and child else ()
    return Delegation(zone, servers, only_parent, only_child)


def _undelegated(zone: str, network: Network) -> DelegationError:
    """Why a zone has no name servers: it is no zone of its own, or nobody delegates it."""
    seen_from = ", ".join(network.resolvers)
    above = name_text(_zone_above(dns.name.from_text(zone), network)[0])
    if above not in ("", ".") and not is_public_suffix(above):
        return DelegationError("dns.error.no_zone", zone=zone, above=above)
    return DelegationError("dns.error.no_delegation", zone=zone, resolvers=seen_from)


def _zone_above(apex: dns.name.Name, network: Network) -> tuple[dns.name.Name, frozenset[str]]:
    """The nearest zone above a name, and its name servers."""
    above = apex.parent()
    while True:
        servers = _resolve_names(above, "NS", network)
        if servers or above == dns.name.root:
            return above, servers
        above = above.parent()


def _referral(
    apex: dns.name.Name, network: Network
) -> tuple[frozenset[str], dict[str, tuple[str, ...]]]:
    """NS names and glue of `apex` as a server of the parent zone gives them."""
    _, parents = _zone_above(apex, network)
    query = dns.message.make_query(apex, "NS", use_edns=0, payload=1232)
    query.flags &= ~dns.flags.RD
    for server in sorted(parents):
        for address in _addresses(server, {}, network):
            try:
                reply, _ = dns.query.udp_with_fallback(
                    query, address, timeout=network.timeout, port=network.port
                )
            except (OSError, dns.exception.DNSException):
                continue
            names = _ns_names(reply, apex)
            if names:
                return names, _glue(reply)
    return frozenset(), {}


def _ns_names(reply: dns.message.Message, apex: dns.name.Name) -> frozenset[str]:
    return frozenset(
        name_text(rdata.target.canonicalize())
        for section in (reply.answer, reply.authority)
        for found in section
        if found.name == apex and found.rdtype == dns.rdatatype.NS
        for rdata in found
    )


def _glue(reply: dns.message.Message) -> dict[str, tuple[str, ...]]:
    glue: dict[str, tuple[str, ...]] = {}
    for found in reply.additional:
        if found.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            name = name_text(found.name.canonicalize())
            glue[name] = glue.get(name, ()) + tuple(rdata.address for rdata in found)
    return glue


def _answers(network: Network) -> bool:
    """Whether any resolver answers at all: each knows the root, whatever else is out of order.

    Without it every name up to the root would be waited for, and seem to be registered nowhere.
    """
    stub = network.resolver()
    stub.lifetime = network.timeout * len(network.resolvers)
    try:
        stub.resolve(dns.name.root, "NS", raise_on_no_answer=False)
    except dns.exception.Timeout:
        return False
    except dns.exception.DNSException:
        return True
    return True


def _resolve(name: dns.name.Name, rtype: str, network: Network) -> list[dns.rdata.Rdata]:
    try:
        return list(network.resolver().resolve(name, rtype, raise_on_no_answer=False).rrset or ())
    except dns.exception.DNSException:
        return []


def _resolve_names(name: dns.name.Name, rtype: str, network: Network) -> frozenset[str]:
    return frozenset(
        name_text(rdata.target.canonicalize())  # type: ignore[attr-defined]
        for rdata in _resolve(name, rtype, network)
    )


def _addresses(server: str, glue: dict[str, tuple[str, ...]], network: Network) -> tuple[str, ...]:
    name = dns.name.from_text(server)
    found = set(glue.get(server, ()))
    for rtype in ("A", "AAAA"):
        found |= {rdata.address for rdata in _resolve(name, rtype, network)}  # type: ignore[attr-defined]
    usable = {a for a in found if network.ipv6() or ipaddress.ip_address(a).version == 4}
    return tuple(sorted(usable))
