"""Propagation: every address of every server counts, and a wait ends for a stated reason."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.propagation import (
    Delegation,
    DelegationError,
    Expected,
    NameServer,
    Network,
    Progress,
    ServerState,
    Verdict,
    ask,
    delegation,
    judge,
    wait,
)
from dns_providers.rrset import TXT, key

OWNER = "default._domainkey.example.test"
WANTED = Expected(key(OWNER, "TXT"), frozenset({TXT(b"new")}))
Answer = Callable[[dns.message.Message], dns.message.Message]


def answering(
    *texts: str, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, authoritative: bool = True
) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.set_rcode(rcode)
        if authoritative:
            reply.flags |= dns.flags.AA
        assert not query.flags & dns.flags.RD
        for text in texts:
            quoted = f'"{text}"'
            name = query.question[0].name
            rrset = reply.find_rrset(reply.answer, name, 1, dns.rdatatype.TXT, create=True)
            rrset.add(dns.rdata.from_text("IN", "TXT", quoted), 60)
        return reply

    return answer


@contextmanager
def name_server(address: str, port: int, answer: Answer) -> Iterator[None]:
    """A real UDP name server on a loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))
        listener.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    data, peer = listener.recvfrom(4096)
                except TimeoutError:
                    continue
                listener.sendto(answer(dns.message.from_wire(data)).to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@pytest.fixture
def port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: dict[float, Callable[[], None]] = {}

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for moment in [each for each in self.at if each <= self.now]:
            self.at.pop(moment)()


def network(port: int, clock: Clock) -> Network:
    return Network((), port, 0.3, clock.time, clock.sleep, use_ipv6=False)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (answering("new"), Verdict.OK),
        (answering("old"), Verdict.STALE),
        (answering("new", "old"), Verdict.STALE),
        (answering(), Verdict.NODATA),
        (answering(rcode=dns.rcode.NXDOMAIN), Verdict.NXDOMAIN),
        (answering("new", authoritative=False), Verdict.LAME),
        (answering(rcode=dns.rcode.REFUSED), Verdict.REFUSED),
        (answering(rcode=dns.rcode.SERVFAIL), Verdict.SERVFAIL),
    ],
)
def test_an_answer_is_told_apart(port: int, answer: Answer, verdict: Verdict) -> None:
    with name_server("127.0.0.1", port, answer):
        assert ask("127.0.0.1", WANTED, network(port, Clock())) is verdict


@pytest.mark.parametrize(
    ("answer", "verdict", "of_all"),
    [
        (answering(), Verdict.OK, Verdict.OK),
        (answering(rcode=dns.rcode.NXDOMAIN), Verdict.OK, Verdict.OK),
        (answering("other"), Verdict.OK, Verdict.STALE),  # a wildcard's, or one that says: revoked
        (answering("new"), Verdict.STALE, Verdict.STALE),
        (answering("other", "new"), Verdict.STALE, Verdict.STALE),
        (answering(authoritative=False), Verdict.LAME, Verdict.LAME),
        (answering(rcode=dns.rcode.SERVFAIL), Verdict.SERVFAIL, Verdict.SERVFAIL),
    ],
)
def test_what_is_to_be_gone_is_right_where_it_is_not(
    port: int, answer: Answer, verdict: Verdict, of_all: Verdict
) -> None:
    gone = Expected(WANTED.key, WANTED.values, gone=True)
    nothing = Expected(WANTED.key, frozenset(), gone=True)
    with name_server("127.0.0.1", port, answer):
        assert ask("127.0.0.1", gone, network(port, Clock())) is verdict
        assert ask("127.0.0.1", nothing, network(port, Clock())) is of_all


def test_no_answer_is_no_verdict_on_the_record(port: int) -> None:
    assert ask("127.0.0.9", WANTED, network(port, Clock())).silent


def test_a_member_may_have_others_beside_it(port: int) -> None:
    member = Expected(WANTED.key, WANTED.values, ClaimMode.MEMBER)
    with name_server("127.0.0.1", port, answering("new", "old")):
        assert ask("127.0.0.1", member, network(port, Clock())) is Verdict.OK


def state(server: str, address: str, verdict: Verdict) -> ServerState:
    return ServerState(server, address, WANTED.key, verdict)


def test_a_dead_address_is_excused_by_another_of_the_same_name_only() -> None:
    dead = state("ns1", "192.0.2.2", Verdict.TIMEOUT)
    right = state("ns1", "192.0.2.1", Verdict.OK)
    assert judge([right, dead]) == ((), (dead,))
    assert judge([state("ns2", "192.0.2.3", Verdict.OK), dead]) == ((dead,), ())


def test_a_wrong_answer_is_never_excused() -> None:
    wrong = state("ns1", "192.0.2.2", Verdict.STALE)
    assert judge([state("ns1", "192.0.2.1", Verdict.OK), wrong]) == ((wrong,), ())


class Servers:
    """Two name servers whose answers change while somebody waits."""

    def __init__(self, port: int, stack: ExitStack, **answers: str) -> None:
        self.answers = answers
        names = []
        for number, name in enumerate(answers, start=1):
            address = f"127.0.0.{number}"

            def answer(query: dns.message.Message, name: str = name) -> dns.message.Message:
                return answering(self.answers[name])(query)

            stack.enter_context(name_server(address, port, answer))
            names.append(NameServer(name, (address,)))
        self.delegation = Delegation("example.test", tuple(names))


def test_the_wait_ends_after_three_equal_rounds_on_all_servers(port: int) -> None:
    clock, seen = Clock(), list[Progress]()
    with ExitStack() as stack:
        servers = Servers(port, stack, ns1="new", ns2="old")
        clock.at[20.0] = lambda: servers.answers.update(ns2="new")
        outcome = wait(
            [WANTED],
            servers.delegation,
            network(port, clock),
            timeout=900,
            report=seen.append,
        )
    assert outcome.ok and [progress.rounds for progress in seen[-3:]] == [1, 2, 3]
    assert clock.now >= 20


def test_a_server_that_falls_back_starts_the_count_anew(port: int) -> None:
    clock, seen = Clock(), list[Progress]()
    with ExitStack() as stack:
        servers = Servers(port, stack, ns1="new", ns2="new")
        clock.at[1.0] = lambda: servers.answers.update(ns2="old")
        clock.at[10.0] = lambda: servers.answers.update(ns2="new")
        outcome = wait(
            [WANTED], servers.delegation, network(port, clock), timeout=900, report=seen.append
        )
    assert outcome.ok
    assert [p.rounds for p in seen][:2] == [1, 0] and [p.rounds for p in seen][-3:] == [1, 2, 3]


def test_the_deadline_names_the_server_that_is_late(port: int) -> None:
    clock = Clock()
    with ExitStack() as stack:
        servers = Servers(port, stack, ns1="new", ns2="old")
        outcome = wait(
            [WANTED],
            servers.delegation,
            network(port, clock),
            timeout=60,
            report=lambda progress: None,
        )
    assert not outcome.ok and [each.server for each in outcome.failures] == ["ns2"]
    assert 60 <= clock.now < 75


# -- whose servers -----------------------------------------------------------------------------


def test_where_no_resolver_answers_that_is_told_and_not_that_the_zone_is_nowhere(
    port: int,
) -> None:
    mute = replace(network(port, Clock()), resolvers=("127.0.0.8", "127.0.0.9"))
    with pytest.raises(DelegationError) as told:
        delegation("example.test", mute)
    assert told.value.words.id == "dns.error.mute_resolvers"
    assert "127.0.0.8, 127.0.0.9" in str(told.value)


def test_a_zone_that_a_resolver_knows_nothing_of_is_delegated_by_nobody(port: int) -> None:
    asked = []

    def nothing(query: dns.message.Message) -> dns.message.Message:
        asked.append(query.question[0].name.to_text())
        return dns.message.make_response(query)

    with name_server("127.0.0.1", port, nothing), pytest.raises(DelegationError) as told:
        delegation("example.test", replace(network(port, Clock()), resolvers=("127.0.0.1",)))
    assert told.value.words.id == "dns.error.no_delegation" and "example.test." in asked
