"""What a rotation does in DNS: publish, prove, retire. Nothing here knows a host."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from deploys.rotation.outcome import Outcome, tried
from deploys.run.paths import key_store
from deploys.zones.access import (
    ledger_of,
    network_of,
    open_zone,
    patience,
    replaced,
    writing_ledger,
)
from deploys.zones.key_records import key_records
from dns_providers.base import ProviderError, Tell
from dns_providers.publishing import propagation
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.ledger import KEPT
from dns_providers.publishing.plan import Entry, Plan, withdrawals
from dns_providers.publishing.propagation import (
    Delegation,
    Expected,
    Network,
    Progress,
    ServerState,
    Verdict,
)
from dns_providers.publishing.publish import carry_out, enter, mark_proven, read
from dns_providers.publishing.wording import state_line
from dns_providers.publishing.zone_choice import NotLive, check_live
from dns_providers.rrset import TXT, RRKey, RRset, Value, key
from dns_providers.text import value_text
from ground.words import Words
from keys.rotation import KeyRef, Rotation, Strategy
from keys.store import KeyStoreError
from postmaster import dkim
from postmaster.desired import desired
from postmaster.settings import Site, ZoneSettings
from probes.world import dns
from probes.world.dns import Resolvers

REVOKED = TXT(b"v=DKIM1; p=")  # RFC 6376 section 3.6.1: an empty p= means revoked
_PAUSE = 2.0  # seconds between two looks


@dataclass(frozen=True, slots=True)
class InDns:
    """The DNS side of the rotations of one zone. report: gets the rounds of a long proof.

    Its steps raise ProviderError or KeyStoreError, too: see `outcome.tried`.
    """

    site: Site
    zone: ZoneSettings
    tell: Tell
    report: Callable[[Progress], None]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def publish(self, rotation: Rotation) -> Outcome:
        """Publish the records that the rotation needs now, as the journal has it."""
        owners = {self._owner(ref, rotation) for ref in rotation.published}
        wanted = desired(self.site, self.zone.name, key_records).claims
        # A domain that moves is on two servers meanwhile.
        claims = tuple(dict.fromkeys(claim for claim in wanted if claim.key in owners))
        if {claim.key for claim in claims} != owners or self._is_lost(rotation):
            return Words.of("rotation.no_key", domain=rotation.domain)
        try:
            self._check_live(owners)
        except NotLive as error:
            # What the servers have, from wherever, needs no publishing.
            if all(self._shows(ref, rotation) for ref in rotation.published):
                return None
            return Words.of("rotation.other_provider", domain=rotation.domain, reason=error)
        return self._carried_out(claims)

    def lower(self, rotation: Rotation) -> Outcome:
        """Publish the low TTL, and wait until every server gives the record with it."""
        return self.publish(rotation) or self._ttl_served(rotation)

    def prove(self, rotation: Rotation) -> Outcome:
        """Wait until every address of every authoritative server shows the new key's record in
        several rounds, and then resolvers that were never asked before.

        In an emergency nobody waits for what resolvers have cached of a record that was replaced.
        """
        return self._put_back(rotation, self._proven)

    def drained(self, rotation: Rotation) -> Outcome:
        """Wait until each resolver that answers gives the new key's record."""
        return self._put_back(rotation, self._resolvers_show)

    def still_shown(self, rotation: Rotation) -> Outcome:
        """Look whether the new key's record is what it was when it was proven, which may be long
        ago: no server that answers shows another.
        """
        return self._put_back(rotation, self._shown)

    def shows_old(self, rotation: Rotation) -> bool:
        """Return whether every server that answers shows the old key's record still."""
        return self._shows(rotation.old, rotation)

    def retire(self, rotation: Rotation, how: str) -> Outcome:
        """Take out the records of keys that leave, or say that they are revoked; then wait until
        no server shows such a key.

        Never while the key that signs is not at every server, whatever DNS does; and never when
        somebody has changed such a record.
        """
        unproven = self._put_back(rotation, self._everywhere)
        if unproven:
            return unproven
        gone = tuple(self._known_as(ref, rotation) for ref in rotation.leaving)
        owners = tuple(each.key for each in gone)
        for owner in owners:
            if owner not in replaced(self.zone) and self._edited(owner):
                return Words.of("dns.conflict.key_changed", key=str(owner))
        claims = (claim for owner in owners for claim in self._retired(owner, rotation, how))
        return self._carried_out(tuple(claims)) or self._gone(gone, rotation)

    def served_ttl(self, ref: KeyRef, domain: str) -> int:
        """Return the longest TTL that a server gives a key's record, the zone's if there is none.

        Raises ProviderError.
        """
        owner = key(dkim.owner(ref.selector, domain), "TXT")
        seen = propagation.served_ttls(owner, self._delegation(), self._network())
        return max((ttl for ttl in seen.values() if ttl is not None), default=self.zone.ttl)

    def _put_back(self, rotation: Rotation, look: Callable[[Rotation], Outcome]) -> Outcome:
        """Return what a look at the new key's record finds, or its proof where it was put back.

        A record that somebody has changed since it was published is a conflict, and no server's
        being late: it is published again only where the user has said so (`dns_replace`), or where
        it is gone.
        """
        found = tried(lambda: look(rotation))
        if not self.zone.provider:
            return found  # nobody could put it back
        try:
            if found is None or not self._changed(self._owner(rotation.new, rotation)):
                return found
        except ProviderError:  # the provider cannot tell us: what was seen has to do
            return found
        return self.publish(rotation) or self._proven(rotation)

    def _proven(self, rotation: Rotation) -> Outcome:
        expected = self._expected(rotation.new, rotation)
        outcome = propagation.wait(
            (expected,),
            self._delegation(),
            self._network(),
            timeout=self._timeout(),
            report=self.report,
        )
        if not outcome.ok:
            return self._late_servers(rotation, outcome.failures)
        mark_proven(ledger_of(self.zone.name), (expected,))
        if rotation.emergency and rotation.strategy is Strategy.FIXED:
            return None
        return self._resolvers_show(rotation)

    def _resolvers_show(self, rotation: Rotation) -> Outcome:
        expected = self._expected(rotation.new, rotation)
        deadline = self.clock() + self._timeout()
        while late := self._late(expected):
            if self.clock() > deadline:
                return Words.of(
                    "rotation.resolvers_late", domain=rotation.domain, resolvers=", ".join(late)
                )
            self.tell(Words.of("rotation.asking_resolvers", resolvers=", ".join(late)))
            self.sleep(_PAUSE)
        return None

    def _everywhere(self, rotation: Rotation) -> Outcome:
        states = self._states(rotation)
        failures, _ = propagation.judge(states)
        return self._late_servers(rotation, failures) if failures or not states else None

    def _shown(self, rotation: Rotation) -> Outcome:
        states = self._states(rotation)
        others = tuple(each for each in states if not each.verdict.silent)
        wrong = tuple(each for each in others if each.verdict is not Verdict.OK)
        # One that is down meanwhile was proven, and its zone is at the others.
        return self._late_servers(rotation, wrong or states) if wrong or not others else None

    def _states(self, rotation: Rotation) -> tuple[ServerState, ...]:
        expected = self._expected(rotation.new, rotation)
        return propagation.survey((expected,), self._delegation(), self._network())

    def _late_servers(self, rotation: Rotation, states: tuple[ServerState, ...]) -> Outcome:
        lines = "; ".join(state_line(each) for each in states)
        return Words.of("rotation.not_everywhere", domain=rotation.domain, servers=lines)

    def _retired(self, owner: RRKey, rotation: Rotation, how: str) -> tuple[Claim, ...]:
        entries = ledger_of(self.zone.name).load().entries
        if owner not in entries:
            return ()  # never published, or not by us
        if how == "remove" or rotation.going_back:
            return withdrawals((owner,), entries)
        return (
            Claim(
                owner,
                ClaimMode.EXCLUSIVE,
                frozenset({REVOKED}),
                self.zone.ttl,
                f"dkim:{rotation.domain}",
                needed=False,
                reason="dns.reason.retired",
                stage="retired",
            ),
        )

    def _known_as(self, ref: KeyRef, rotation: Rotation) -> Expected:
        """The record of a key that leaves, in each form that is known of it: none may stay.

        What is published with this very key is there because of us, as the journal proves, also
        where the ledger is lost, or has found the record there.
        """
        owner, ledger = self._owner(ref, rotation), ledger_of(self.zone.name)
        entry, live = ledger.load().entries.get(owner), self._live(owner)
        shown = live.values if live else frozenset[Value]()
        public = key_store().public_of(rotation.domain, ref.name)
        sums = {ref.fingerprint, public.fingerprint if public else ""} - {""}
        ours = {
            each for each in shown if isinstance(each, TXT) and dkim.fingerprint(each.data) in sums
        }
        if live and ours == shown and (entry is None or not entry.ours):
            entry = Entry(
                owner,
                shown,
                live.ttl,
                "written",
                f"dkim:{rotation.domain}",
                ClaimMode.EXCLUSIVE,
            )
            enter(ledger, entry)
        forms = {dkim.record(public)} if public else set[TXT]()
        written = entry.values if entry else frozenset[Value]()
        return Expected(owner, (written | ours | forms) - {REVOKED}, gone=True)

    def _gone(self, leaving: tuple[Expected, ...], rotation: Rotation) -> Outcome:
        """Wait until no server shows a record of a key that leaves."""
        for each in leaving:
            live = self._live(each.key)
            if still := (live.values if live else frozenset()) & each.values:
                values = ", ".join(sorted(value_text(value, each.key.rtype) for value in still))
                return Words.of(
                    "rotation.still_published",
                    domain=rotation.domain,
                    key=str(each.key),
                    values=values,
                )
        outcome = propagation.wait(
            leaving,
            self._delegation(),
            self._network(),
            timeout=self._timeout(),
            report=self.report,
        )
        if outcome.ok:
            return None
        lines = "; ".join(state_line(each) for each in outcome.failures)
        return Words.of("rotation.still_shown", domain=rotation.domain, servers=lines)

    def _live(self, owner: RRKey) -> RRset | None:
        """What the provider has. Raises ProviderError."""
        return read(open_zone(self.zone), frozenset({owner.owner})).get(owner)

    def _edited(self, owner: RRKey) -> bool:
        """Whether there is something else than we wrote. Raises ProviderError."""
        return self._changed(owner, frozenset(), frozenset({REVOKED}))

    def _changed(self, owner: RRKey, *but: frozenset[Value]) -> bool:
        """Whether what we wrote is there no more, nor one of these. Raises ProviderError."""
        entry = ledger_of(self.zone.name).load().entries.get(owner)
        if entry is None:
            return False
        live = self._live(owner)
        return (live.values if live else frozenset()) not in (entry.values, *but)

    def _check_live(self, owners: set[RRKey]) -> None:
        """Raises NotLive where the inventory has another provider by now than the zone."""
        snapshot = read(open_zone(self.zone), frozenset(each.owner for each in owners))
        check_live(snapshot, self._delegation())

    def _shows(self, ref: KeyRef, rotation: Rotation) -> bool:
        """Whether every server that answers shows a key's record."""
        return self._shown(replace(rotation, new=ref)) is None

    def _carried_out(self, claims: tuple[Claim, ...]) -> Outcome:
        if not claims:
            return None
        ledger = writing_ledger(self.zone)
        made: Plan = carry_out(
            open_zone(self.zone), claims, ledger, replaced(self.zone), tell=self.tell
        )
        for conflict in made.conflicts:
            return conflict.problem
        return None

    def _ttl_served(self, rotation: Rotation) -> Outcome:
        owner, wanted = self._owner(rotation.old, rotation), rotation.rules.low_ttl
        deadline = self.clock() + self._timeout()
        while True:
            seen = propagation.served_ttls(owner, self._delegation(), self._network())
            late = sorted(where for where, ttl in seen.items() if ttl is None or ttl > wanted)
            if seen and not late:
                return None
            if self.clock() > deadline:
                return Words.of("rotation.ttl_not_served", ttl=str(wanted), servers=", ".join(late))
            self.sleep(_PAUSE)

    def _late(self, expected: Expected) -> list[str]:
        resolvers = Resolvers(self._network().resolvers)
        owner = expected.key.owner.to_text(omit_final_dot=True)
        answers = [dns.ask_one(owner, "TXT", each, resolvers) for each in resolvers.addresses]
        return [
            answer.resolver
            for answer in answers
            if answer.outcome.known and answer.values != expected.values
        ]

    def _expected(self, ref: KeyRef, rotation: Rotation) -> Expected:
        public = key_store().public_of(rotation.domain, ref.name)
        if public is None or (ref == rotation.new and self._is_lost(rotation)):
            raise KeyStoreError("rotation.no_key", domain=rotation.domain)
        values = frozenset({dkim.record(public)})
        return Expected(self._owner(ref, rotation), values, ClaimMode.EXCLUSIVE)

    def _is_lost(self, rotation: Rotation) -> bool:
        """Whether a new key is gone before anything signs with it: nothing ever will."""
        there = key_store().file(rotation.domain, rotation.new.name).exists()
        return rotation.signs == rotation.old and not there

    def _owner(self, ref: KeyRef, rotation: Rotation) -> RRKey:
        return key(dkim.owner(ref.selector, rotation.domain), "TXT")

    def _delegation(self) -> Delegation:
        return propagation.delegation(self.zone.name, self._network())

    def _network(self) -> Network:
        return network_of(self.site, self.zone)

    def _timeout(self) -> float:
        return patience(self.site, self.zone)


def in_dns_of(site: Site, zone: str, rotation: Rotation, tell: Tell) -> InDns:
    """Return the DNS side of a rotation, for a look from where its key is.

    A zone that the inventory has no more can be looked at only.
    """
    zones = {each.name: each for each in site.zones}
    there = zones.get(zone) or ZoneSettings(zone, "", (), (), rotation.rules.ttl, KEPT)
    return InDns(site, there, tell, lambda _: None)
