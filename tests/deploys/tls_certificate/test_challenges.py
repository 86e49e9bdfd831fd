"""Challenge records: in the right zone, seen everywhere, and gone afterwards whatever happens."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploys.tls_certificate import challenge_dns
from deploys.tls_certificate.acme_dns import AcmeError
from deploys.tls_certificate.challenge_dns import remove_left_over
from deploys.zones.access import ledger_of
from dns_providers.base import Capabilities, ProviderError
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.propagation import (
    Delegation,
    Expected,
    Network,
    Outcome,
    ServerState,
    Verdict,
)
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import TXT, Address, RRset, Target, Value, key, owner_name, rrset
from postmaster.settings import Site, ZoneSettings
from tests.fakes import MemoryProvider, memory
from tests.postmaster.test_settings import site, zone

OWNER, OTHER = "_acme-challenge.mail.example.com", "_acme-challenge.mail.other.org"
PROOFS = {OWNER: "proof", OTHER: "another"}


@dataclass
class World:
    """Two zones in memory, and what was waited for. late: servers that do not show a record."""

    site: Site
    zones: dict[str, MemoryProvider]
    awaited: list[tuple[Expected, ...]] = field(default_factory=list)
    late: tuple[ServerState, ...] = ()
    told: list[str] = field(default_factory=list)
    refuses: bool = False

    def open(self, settings: ZoneSettings) -> MemoryProvider:
        if self.refuses:
            raise ProviderError("dns.error.no_zone_file", path="a.zone")
        return self.zones[settings.name]

    def wait(
        self, expected: list[Expected], delegation: Delegation, network: Network, **told: object
    ) -> Outcome:
        server = self.site.servers[0]
        assert told["timeout"] == server.propagation_timeout
        assert network.resolvers == server.resolvers
        assert delegation.zone in self.zones
        self.awaited.append(tuple(expected))
        return Outcome(not self.late, (), self.late)

    def values(self, owner: str) -> frozenset[Value]:
        zone = self.zones["other.org" if owner.endswith("other.org") else "example.com"]
        found = zone.rrsets.get(key(owner, "TXT"))
        return found.values if found else frozenset()

    def published(self, proofs: dict[str, str] = PROOFS) -> AbstractContextManager[None]:
        return challenge_dns.challenges(self.site, self.site.servers[0], proofs, self.told.append)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_LANG", "en")
    zones = zone("example.com"), zone("other.org")
    made = World(
        site(*zones, domains=["example.com", "other.org"]),
        {name: memory([], name) for name in ("example.com", "other.org")},
    )
    monkeypatch.setattr(challenge_dns, "open_zone", made.open)
    monkeypatch.setattr(challenge_dns.propagation, "wait", made.wait)
    monkeypatch.setattr(
        challenge_dns.propagation, "delegation", lambda zone, _: Delegation(zone, ())
    )
    return made


def test_each_proof_is_in_its_zone_while_it_is_needed_and_gone_afterwards(world: World) -> None:
    with world.published():
        assert world.values(OWNER) == {TXT(b"proof")} and world.values(OTHER) == {TXT(b"another")}
        zone = world.zones["example.com"]
        assert zone.rrsets[key(OWNER, "TXT")].ttl == 60
        assert key(OTHER, "TXT") not in zone.rrsets
    assert world.values(OWNER) == world.values(OTHER) == frozenset()
    assert [(each.key, each.values) for (each,) in world.awaited] == [
        (key(OWNER, "TXT"), {TXT(b"proof")}),
        (key(OTHER, "TXT"), {TXT(b"another")}),
    ]
    assert not world.told


def test_proofs_go_though_the_order_failed(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.published():
        raise ZeroDivisionError
    assert world.values(OWNER) == frozenset()


def test_what_somebody_else_proves_at_the_same_name_stays(world: World) -> None:
    theirs = TXT(b"of another authority")
    zone = world.zones["example.com"]
    zone.rrsets[key(OWNER, "TXT")] = RRset(key(OWNER, "TXT"), 300, frozenset({theirs}))
    with world.published():
        assert world.values(OWNER) == {TXT(b"proof"), theirs}
    assert world.values(OWNER) == {theirs}


def test_what_a_killed_run_left_is_removed_and_nothing_else(world: World) -> None:
    assert not remove_left_over(world.site, "example.com")
    left = world.published()
    left.__enter__()
    zone, www = world.zones["example.com"], key("www.example.com", "A")
    other = Claim(
        www,
        ClaimMode.EXCLUSIVE,
        frozenset({Address("192.0.2.1")}),
        60,
        "web",
        True,
        "x",
        "before-mx",
    )
    carry_out(zone, [other], ledger_of("example.com"))
    assert remove_left_over(world.site, "example.com") and world.values(OWNER) == frozenset()
    assert www in zone.rrsets and world.values(OTHER)
    assert not remove_left_over(world.site, "example.com"), "there is nothing left"


def test_a_write_whose_outcome_nobody_saw_is_removed_too(world: World) -> None:
    zone = world.zones["example.com"]
    whole = zone.apply

    def dies(changes: object) -> None:
        whole(changes)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    zone.apply = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        challenge_dns._publish(world.site, world.site.servers[0], "example.com", {OWNER: "proof"})
    zone.apply = whole  # type: ignore[method-assign]
    assert ledger_of("example.com").load().pending and world.values(OWNER)
    assert remove_left_over(world.site, "example.com") and world.values(OWNER) == frozenset()


def refused(world: World, proofs: dict[str, str] = PROOFS) -> AcmeError:
    with pytest.raises(AcmeError) as error, world.published(proofs):
        pytest.fail("nothing was published")
    return error.value


def test_a_name_in_no_zone_is_told_before_anything_is_written(world: World) -> None:
    error = refused(world, {**PROOFS, "_acme-challenge.elsewhere.net": "x"})
    assert is_told(error, "tls.acme.no_zone", name="_acme-challenge.elsewhere.net")
    assert not any(zone.writes for zone in world.zones.values())


def test_a_provider_that_refuses_is_told_with_its_reason(world: World) -> None:
    world.refuses = True
    error = refused(world)
    assert "a.zone" in str(values_of(error)["reason"]) and not world.told
    assert is_told(error, "tls.acme.dns", reason=str(values_of(error)["reason"]))


def test_a_provider_that_refuses_the_removal_is_told_and_the_order_stands(world: World) -> None:
    with world.published():
        world.refuses = True
    assert len(world.told) == 2 and all("a.zone" in each for each in world.told)


def test_a_zone_that_is_entered_by_hand_is_refused(world: World) -> None:
    world.zones["example.com"].capabilities = Capabilities("zone", "native", by_hand=True)
    assert is_told(refused(world), "tls.acme.by_hand", zone="example.com")


def test_servers_that_do_not_show_a_proof_are_told_each_once(world: World) -> None:
    name = key(OWNER, "TXT")
    world.late = (
        ServerState("ns2", "192.0.2.2", name, Verdict.STALE),
        ServerState("ns1", "192.0.2.1", name, Verdict.STALE),
        ServerState("ns1", "192.0.2.1", key(OTHER, "TXT"), Verdict.STALE),
    )
    error = refused(world)
    assert is_told(error, "tls.acme.not_visible", servers="ns1 (192.0.2.1), ns2 (192.0.2.2)")
    assert world.values(OWNER) == frozenset()


def test_what_stands_in_the_way_of_a_proof_is_told(world: World) -> None:
    target = rrset(OWNER, "CNAME", 60, Target(owner_name("elsewhere.net")))
    world.zones["example.com"].rrsets[target.key] = target
    assert is_told(refused(world), "tls.acme.conflict", records=str(key(OWNER, "TXT")))


def values_of(error: AcmeError) -> dict[str, str]:
    return dict(error.words.named)


def is_told(error: AcmeError, message_id: str, **values: str) -> bool:
    return (error.words.id, values_of(error)) == (message_id, values)
