"""Records entered by hand: what is read, what is waited for, and what is told of wrong typing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import dns.name
import dns.rcode
import pytest

from dns_providers.adapters.manual import Disagreement, ManualProvider, NotEntered
from dns_providers.adapters.rfc2136 import Rfc2136Provider, TsigKey
from dns_providers.base import Change, Provider, Snapshot, Stale, Tell, Unreachable
from dns_providers.by_hand.panels import PANELS
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import plan
from dns_providers.publishing.propagation import Network
from dns_providers.publishing.publish import carry_out, prepare
from dns_providers.rrset import (
    CAA,
    MX,
    TXT,
    Address,
    Other,
    RRKey,
    RRset,
    key,
    owner_name,
    rrset,
)
from dns_providers.text import value_from_text
from ground.words import Words
from tests.dns_providers import servers
from tests.dns_providers.publishing.test_plan import claim
from tests.dns_providers.publishing.test_propagation import Clock
from tests.dns_providers.servers import ALGORITHM, IDN_ZONE, KEY, NameServer
from tests.dns_providers.zone_server import ZONE, ZoneServer, alias, serving
from tests.provider_contract import DKIM, ProviderContract, Typed

pytestmark = pytest.mark.slow

HOST = f"host.{ZONE}"
APEX = owner_name(ZONE)


@dataclass
class Told:
    """What the user was told."""

    lines: list[Words] = field(default_factory=list)

    def __call__(self, words: Words) -> None:
        self.lines.append(words)

    @property
    def ids(self) -> list[str]:
        return [words.id for words in self.lines]


@dataclass
class Zone:
    """A zone on two servers, the time, and a provider opened for it."""

    servers: tuple[ZoneServer, ...]
    clock: Clock
    provider: ManualProvider
    told: Told = field(default_factory=Told)

    def put(self, *rrsets: RRset) -> None:
        for server in self.servers:
            server.put(*rrsets)

    def drop(self, dropped: RRKey) -> None:
        for server in self.servers:
            server.drop(dropped)

    def wait(self, *changes: Change) -> None:
        self.provider.apply(changes)
        self.provider.wait_accepted(self.told)

    def read(self, *owners: str) -> Snapshot:
        return self.provider.read(frozenset(map(owner_name, owners)) | {APEX})


@pytest.fixture
def zone() -> Iterator[Zone]:
    with serving("127.0.0.1", "127.0.0.2") as (port, running):
        clock = Clock()
        network = Network(("127.0.0.1",), port, 2.0, clock.time, clock.sleep, use_ipv6=False)
        yield Zone(running, clock, ManualProvider(APEX, network, PANELS["generic"]))


def create(made: RRset) -> Change:
    return Change(None, made, "test")


A = rrset(HOST, "A", 300, Address("203.0.113.10"))


# -- waiting ---------------------------------------------------------------------------------


def test_the_wait_ends_when_every_server_shows_what_was_entered(zone: Zone) -> None:
    zone.clock.at[40.0] = lambda: zone.servers[0].put(A)
    zone.clock.at[100.0] = lambda: zone.servers[1].put(A)
    zone.wait(create(A))
    assert 100 <= zone.clock.now < 110
    assert zone.told.ids[0] == "dns.manual.enter" and zone.told.ids[-1] == "dns.manual.done"
    assert "dns.mistake.some_servers" in zone.told.ids


def test_progress_is_told_every_quarter_of_a_minute(zone: Zone) -> None:
    zone.clock.at[60.0] = lambda: zone.put(A)
    zone.wait(create(A))
    waiting = [each.named for each in zone.told.lines if each.id == "dns.manual.waiting"]
    assert [values["left"] for values in waiting] == ["14:45", "14:30", "14:15"]
    assert waiting[0]["keys"] == f"{HOST}/A"


def test_a_wait_that_ends_without_them_names_what_is_missing(zone: Zone) -> None:
    other = rrset(f"other.{ZONE}", "A", 300, Address("203.0.113.10"))
    zone.provider = replace(zone.provider, poll=50.0)
    zone.clock.at[10.0] = lambda: zone.put(other)
    with pytest.raises(NotEntered) as error:
        zone.wait(create(A), create(other))
    assert error.value.words.named["keys"] == f"{HOST}/A"
    assert 900 <= zone.clock.now < 910


def test_a_deletion_is_waited_for(zone: Zone) -> None:
    zone.put(A)
    zone.clock.at[30.0] = lambda: zone.drop(A.key)
    zone.wait(Change(A, None, "test"))
    assert zone.clock.now >= 30


def test_what_changed_since_the_plan_is_stale(zone: Zone) -> None:
    zone.put(A)
    with pytest.raises(Stale):
        zone.wait(create(A))


def test_a_server_that_does_not_answer_does_not_hold_up_the_wait(zone: Zone) -> None:
    zone.servers[1].rcode = dns.rcode.SERVFAIL
    zone.clock.at[10.0] = lambda: zone.servers[0].put(A)
    zone.wait(create(A))
    assert zone.clock.now < 30


def test_servers_that_fail_for_a_while_do_not_end_the_wait(zone: Zone) -> None:
    def fail(rcode: dns.rcode.Rcode) -> Callable[[], None]:
        def set_all() -> None:
            for server in zone.servers:
                server.rcode = rcode

        return set_all

    zone.clock.at[10.0], zone.clock.at[60.0] = fail(dns.rcode.SERVFAIL), fail(dns.rcode.NOERROR)
    zone.clock.at[61.0] = lambda: zone.put(A)
    zone.wait(create(A))
    assert zone.told.ids[-1] == "dns.manual.done"


def test_nothing_is_waited_for_without_a_change(zone: Zone) -> None:
    zone.provider.wait_accepted(zone.told)
    assert zone.told.lines == [] and zone.clock.now == 0


# -- wrong typing ----------------------------------------------------------------------------

SPF = b"v=spf1 ip4:203.0.113.10 ~all"
DMARC = rrset(f"_dmarc.{ZONE}", "TXT", 300, TXT(b"v=DMARC1; p=none"))
KEY_RECORD = rrset(f"default._domainkey.{ZONE}", "TXT", 300, DKIM)
MX_RECORD = rrset(ZONE, "MX", 300, MX(10, owner_name(f"smtp.{ZONE}")))


def instead(right: RRset, *wrong: bytes) -> RRset:
    return replace(right, values=frozenset(map(TXT, wrong)))


def mail_to(target: str) -> RRset:
    return rrset(ZONE, "MX", 300, MX(10, owner_name(target)))


@pytest.mark.parametrize(
    ("right", "wrong", "mistake"),
    [
        (DMARC, instead(DMARC, b'"v=DMARC1; p=none"'), "quotes"),
        (
            KEY_RECORD,
            instead(KEY_RECORD, b'"%s" "%s"' % (DKIM.data[:255], DKIM.data[255:])),
            "quotes",
        ),
        (DMARC, instead(DMARC, rb"v=DMARC1\; p=none"), "backslash"),
        (KEY_RECORD, instead(KEY_RECORD, DKIM.data[:255]), "cut"),
        (KEY_RECORD, instead(KEY_RECORD, DKIM.data[:255], DKIM.data[255:]), "pieces"),
        (KEY_RECORD, instead(KEY_RECORD, DKIM.data[:64] + b" " + DKIM.data[64:]), "spaces"),
        (KEY_RECORD, instead(KEY_RECORD, DKIM.data.lower()), "case"),
        (DMARC, instead(DMARC, b"_dmarc IN TXT v=DMARC1; p=none"), "more"),
        (DMARC, replace(DMARC, key=key(f"_dmarc.{ZONE}.{ZONE}", "TXT")), "doubled_name"),
        (MX_RECORD, replace(MX_RECORD, key=key(f"{ZONE}.{ZONE}", "MX")), "doubled_name"),
        (MX_RECORD, mail_to(f"smtp.{ZONE}.{ZONE}"), "doubled_target"),
        (MX_RECORD, mail_to("smtp"), "short_target"),
        (A, alias(HOST, "parking.test"), "alias"),
        (A, rrset(HOST, "A", 300, Address("203.0.113.99")), "other"),
        (A, replace(A, values=A.values | {Address("203.0.113.99")}), "left"),
    ],
)
def test_wrong_typing_is_told_while_there_is_time_to_mend_it(
    zone: Zone, right: RRset, wrong: RRset, mistake: str
) -> None:
    def mend() -> None:
        zone.drop(wrong.key)
        zone.put(right)

    zone.clock.at[20.0], zone.clock.at[60.0] = (lambda: zone.put(wrong)), mend
    zone.wait(create(right))
    told = [message for message in zone.told.ids if message.startswith("dns.mistake.")]
    assert told == [f"dns.mistake.{mistake}"]


def test_wrong_typing_is_told_again_at_the_end(zone: Zone) -> None:
    zone.provider = replace(zone.provider, timeout=60.0)
    zone.clock.at[20.0] = lambda: zone.put(instead(DMARC, b'"v=DMARC1; p=none"'))
    with pytest.raises(NotEntered):
        zone.wait(create(DMARC))
    assert zone.told.ids.count("dns.mistake.quotes") == 2


def test_a_second_spf_record_is_told_as_left_over(zone: Zone) -> None:
    before = rrset(ZONE, "TXT", 300, TXT(b"v=spf1 -all"), TXT(b"token"))
    after = rrset(ZONE, "TXT", 300, TXT(SPF), TXT(b"token"))
    zone.put(before)
    zone.clock.at[20.0] = lambda: zone.put(replace(after, values=before.values | after.values))
    zone.clock.at[90.0] = lambda: zone.put(after)
    zone.wait(Change(before, after, "spf"))
    (left,) = [each for each in zone.told.lines if each.id == "dns.mistake.left"]
    assert left.named["found"] == '"v=spf1 -all"'


def test_what_is_still_to_be_replaced_is_no_mistake(zone: Zone) -> None:
    before, after = (rrset(HOST, "A", 300, Address(f"203.0.113.{n}")) for n in (1, 2))
    zone.put(before)
    zone.clock.at[30.0] = lambda: zone.put(after)
    zone.wait(Change(before, after, "test"))
    assert not [each for each in zone.told.ids if each.startswith("dns.mistake.")]


# -- reading ---------------------------------------------------------------------------------


def test_servers_that_differ_are_told_with_what_each_says(zone: Zone) -> None:
    zone.servers[0].put(DMARC)
    with pytest.raises(Disagreement) as error:
        zone.read(f"_dmarc.{ZONE}")
    assert error.value.words.named["key"] == f"_dmarc.{ZONE}/TXT"
    assert "ns2.example.test (127.0.0.2): -" in error.value.words.named["answers"]


def test_servers_that_follow_soon_are_waited_for(zone: Zone) -> None:
    zone.servers[0].put(DMARC)
    zone.clock.at[3.0] = lambda: zone.servers[1].put(DMARC)
    assert zone.read(f"_dmarc.{ZONE}").get(DMARC.key) == DMARC


def test_addresses_that_differ_by_server_are_left_alone(zone: Zone) -> None:
    for number, server in enumerate(zone.servers):
        server.put(rrset(ZONE, "A", 300, Address(f"203.0.113.{number}")))
    found = zone.read(ZONE).get(key(ZONE, "A"))
    assert found is not None and found.opaque and len(found.values) == 2
    assert found.special == Words.of("dns.special.differs")


def test_a_web_sites_https_record_is_seen(zone: Zone) -> None:
    value = value_from_text("1 . alpn=h2", "HTTPS")
    for server in zone.servers:
        server.put(rrset(ZONE, "HTTPS", 300, value))
    found = zone.read(ZONE).get(key(ZONE, "HTTPS"))
    assert found is not None and found.values == {value}


def test_no_server_that_answers_is_an_error_with_reasons(zone: Zone) -> None:
    for server in zone.servers:
        server.rcode = dns.rcode.SERVFAIL
        server.rrsets.clear()
    zone.provider = ManualProvider(APEX, replace(zone.provider.network), PANELS["generic"])
    with pytest.raises(Exception) as error:
        zone.read(ZONE)
    assert ZONE in str(error.value)


def test_servers_without_tcp_answers_are_named(zone: Zone) -> None:
    zone.read(ZONE)
    for server in zone.servers:
        server.rcode = dns.rcode.REFUSED
    with pytest.raises(Unreachable) as error:
        zone.read(ZONE)
    assert "ns1.example.test 127.0.0.1: REFUSED" in error.value.words.named["servers"]


def test_a_server_that_hangs_up_early_is_asked_again(zone: Zone) -> None:
    zone.put(A, DMARC)
    for server in zone.servers:
        server.per_connection = 3
    found = zone.read(HOST, f"_dmarc.{ZONE}")
    assert found.get(A.key) == A and found.get(DMARC.key) == DMARC


def test_a_name_that_does_not_exist_costs_one_question(zone: Zone) -> None:
    zone.read(HOST)
    first = list(zone.servers[0].asked)
    assert [each for each in first if each.owner == owner_name(HOST)] == [key(HOST, "TXT")]


def test_all_is_read_over_tcp(zone: Zone) -> None:
    zone.put(KEY_RECORD)
    before = zone.servers[1].tcp_asked
    zone.read(f"default._domainkey.{ZONE}")
    assert zone.servers[1].tcp_asked > before


def test_a_delegation_below_the_zone_is_seen(zone: Zone) -> None:
    cut = rrset(f"sub.{ZONE}", "NS", 60, Other(owner_name("ns.other.test").to_wire(), "ns.other"))
    zone.put(cut)
    found = zone.read(f"mail.sub.{ZONE}")
    assert cut.key in {each.key for each in found.covering}
    assert not [each for each in found.rrsets if each.owner == owner_name(f"mail.sub.{ZONE}")]


# -- wildcards -------------------------------------------------------------------------------

WILD = rrset(f"*.{ZONE}", "A", 300, Address("198.51.100.1"))


def wanted(owner: str, *addresses: str):  # type: ignore[no-untyped-def]
    return claim(owner, "A", *map(Address, addresses))


def test_what_only_a_wildcard_gives_is_no_record_in_the_way(zone: Zone, tmp_path: Path) -> None:
    zone.put(WILD)
    plan = prepare(zone.provider, [wanted(HOST, "203.0.113.10")], Ledger(tmp_path, ZONE)).plan
    assert [change.before for change in plan.changes] == [None] and not plan.conflicts
    assert [note.words.id for note in plan.notes] == ["dns.note.hides_wildcard"]


def test_a_wildcard_is_seen_once_at_its_own_name(zone: Zone) -> None:
    zone.put(WILD)
    found = zone.read(f"default._domainkey.{ZONE}")
    assert [each.key for each in found.covering if each.key.owner.is_wild()] == [WILD.key]


def test_an_alias_by_wildcard_is_not_in_the_way(zone: Zone, tmp_path: Path) -> None:
    zone.put(alias(f"*.{ZONE}", "parking.test"))
    plan = prepare(zone.provider, [wanted(HOST, "203.0.113.10")], Ledger(tmp_path, ZONE)).plan
    assert plan.changes and not plan.conflicts


def test_a_record_of_its_own_beside_a_wildcard_is_foreign(zone: Zone, tmp_path: Path) -> None:
    zone.put(WILD, rrset(HOST, "A", 300, Address("198.51.100.2")))
    plan = prepare(zone.provider, [wanted(HOST, "203.0.113.10")], Ledger(tmp_path, ZONE)).plan
    assert not plan.changes and plan.conflicts


def test_a_wildcard_that_gives_the_right_answer_is_enough(zone: Zone, tmp_path: Path) -> None:
    zone.put(WILD)
    plan = prepare(zone.provider, [wanted(HOST, "198.51.100.1")], Ledger(tmp_path, ZONE)).plan
    assert not plan.changes and not plan.conflicts


def test_a_record_under_a_wildcard_is_entered_and_removed(zone: Zone, tmp_path: Path) -> None:
    zone.put(WILD)
    ledger, right = Ledger(tmp_path, ZONE), wanted(HOST, "203.0.113.10")
    zone.clock.at[10.0] = lambda: zone.put(A)
    carry_out(zone.provider, [right], ledger)
    assert ledger.load().entries[A.key].origin == "written"
    zone.clock.at[zone.clock.now + 10.0] = lambda: zone.drop(A.key)
    zone.wait(Change(A, None, "test"))


# -- with ledger and plan ----------------------------------------------------------------------


def test_what_is_entered_after_the_time_is_recognised_by_the_next_run(
    zone: Zone, tmp_path: Path
) -> None:
    ledger, right = Ledger(tmp_path, ZONE), wanted(HOST, "203.0.113.10")
    with pytest.raises(NotEntered):
        carry_out(replace(zone.provider, timeout=60.0), [right], ledger)
    zone.put(A)
    plan = carry_out(zone.provider, [right], ledger)
    assert plan.changes == () and ledger.load().entries[A.key].origin == "written"


# -- the contract, on a real server --------------------------------------------------------------


@dataclass
class Attended:
    """The provider with a user at the panel, who enters everything while it waits."""

    inner: ManualProvider
    user: Rfc2136Provider

    slug = "attended"

    @property
    def zone(self) -> dns.name.Name:
        return self.inner.zone

    @property
    def capabilities(self):  # type: ignore[no-untyped-def]
        return self.inner.capabilities

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        return self.inner.read(names)

    def apply(self, changes: Sequence[Change]) -> None:
        self.inner.apply(changes)
        entered = threading.Timer(0.1, self.user.apply, [changes])
        entered.start()
        try:
            self.inner.wait_accepted(lambda words: None)
        finally:
            entered.join()

    def wait_accepted(self, tell: Tell) -> None:
        return

    def settle(self) -> None:
        return


@pytest.fixture
def bind(tmp_path: Path) -> Iterator[NameServer]:
    if not servers.there("bind"):
        pytest.skip("bind is not installed")
    with servers.running("bind", tmp_path) as running:
        yield running


def at_bind(server: NameServer, zone: dns.name.Name = APEX) -> ManualProvider:
    network = Network(("127.0.0.1",), server.port, 5.0, use_ipv6=False)
    return ManualProvider(zone, network, PANELS["generic"], timeout=20, poll=0.05)


def attended(server: NameServer, zone: dns.name.Name = APEX) -> Provider:
    key = TsigKey(KEY, ALGORITHM, server.secret)
    user = Rfc2136Provider(zone, "127.0.0.1", key, server.port, 5.0)
    return Attended(at_bind(server, zone), user)


class TestManual(ProviderContract):
    opt_outs: ClassVar = {"shows": "what servers show of what makes no sense is in a test below"}

    @pytest.fixture
    def provider(self, bind: NameServer) -> Provider:
        return attended(bind)

    @pytest.fixture
    def idn_provider(self, bind: NameServer) -> Provider:
        return attended(bind, owner_name(IDN_ZONE))

    @pytest.fixture
    def typed(self, bind: NameServer) -> Typed:
        return partial(servers.enter, bind)


def test_a_record_that_nobody_can_read_is_not_the_end_of_the_zone(zone: Zone) -> None:
    odd = rrset(ZONE, "CAA", 60, Other(b"\0\1-x", "a tag that is none"))
    zone.put(odd, A)
    seen = zone.read(HOST)
    assert seen.rrsets[A.key] == A and seen.rrsets[odd.key].opaque
    conflict = plan(
        [claim(ZONE, "CAA", CAA(0, "issue", b"letsencrypt.org"))],
        seen,
        {},
        capabilities=zone.provider.capabilities,
    ).conflicts
    assert [each.problem.id for each in conflict] == ["dns.conflict.opaque"]


def test_we_never_write(bind: NameServer, tmp_path: Path) -> None:
    user = Rfc2136Provider(APEX, "127.0.0.1", TsigKey(KEY, ALGORITHM, bind.secret), bind.port)
    names = frozenset({APEX, owner_name(HOST)})
    before = user.read(names)
    provider = replace(at_bind(bind), timeout=1)
    with pytest.raises(NotEntered):
        carry_out(provider, [wanted(HOST, "203.0.113.10")], Ledger(tmp_path, ZONE))
    assert user.read(names) == before
