"""What a rotation does with keys: make, install, switch, pause and resume, verify, erase.

The work itself is that of an ordinary run: the same operations, called while one is executed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pyinfra.api import FunctionCommand, Host, State

from deploys.host import files as host_files
from deploys.host import outbound_layout as layout
from deploys.host import queued
from deploys.host.files import Wanted
from deploys.host.remote import read
from deploys.outbound import operations as outbound
from deploys.outbound import proof
from deploys.pmail_server import configure
from deploys.pmail_server.firewall import firewall, firewall_files
from deploys.pmail_server.service import running
from deploys.pmail_server.signing_key import key_in_use, outgoing_key
from deploys.rotation.outcome import WAITS_FOR_QUEUE, Outcome
from deploys.rotation.run import CLOCK_WITHIN, Clock
from deploys.rotation.wording import moment
from deploys.run.paths import key_store
from deploys.zones.key_records import is_proven
from dns_providers.base import Tell
from ground.words import Words
from keys.rotation import Rotation, Step, Strategy
from postmaster import dkim
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import SENDING_PORTS, MailServer, Site
from probes.host.proof import verified
from probes.world import dns, tcp
from probes.world.dns import Resolvers
from probes.world.tcp import Reach

_DELIVERED_WITHIN = 30.0  # seconds
_LOOK_EVERY = 2.0  # seconds
_SHOWN = 20  # queue ids


@dataclass(frozen=True, slots=True)
class OnHost:
    """The key side of the rotations of one server. Its steps raise KeyStoreError, too."""

    state: State
    host: Host
    server: MailServer
    site: Site
    tell: Tell

    def make(self, rotation: Rotation) -> Outcome:
        """Make the new key, in the store; nothing else knows of it."""
        store, new = key_store(), rotation.new
        if not store.file(rotation.domain, new.name).exists():
            bits = self.server.rotation.bits
            store.create(rotation.domain, new.selector, new.name, bits)
        store.public_of(rotation.domain, new.name)
        # A key that cannot be read would be found out when everything else has been done.
        store.pem_of(rotation.domain, new.name)
        return None

    def install(self, rotation: Rotation) -> Outcome:
        """Put the new key on the host, where nothing uses it yet."""
        pem = key_store().pem_of(rotation.domain, rotation.new.name)
        path = layout.key_file(rotation.domain, rotation.new.selector)
        wanted = Wanted(path, pem, "opendkim", "opendkim", "600")
        return self._done(host_files.ensure((wanted,)))

    def switch(self, rotation: Rotation) -> Outcome:
        """Have the signer use the new key: by reload, or while nothing is sent."""
        store, new = key_store(), rotation.new
        if rotation.strategy is Strategy.DUAL:
            store.set_current(rotation.domain, new.selector)
            server = self._as_it_is_now()
            proven = is_proven(self.site, SigningKey(rotation.domain, new.selector, ()))
            if not proven:
                return Words.of("rotation.not_proven", domain=rotation.domain)
            signer = outbound.signer._inner(
                server=server, store=store, proven=lambda key: is_proven(self.site, key)
            )
            started = outbound.running._inner(server=server, inputs=())
            return self._done(signer) or self._done(started) or self._in_use(rotation)
        store.use(rotation.domain, new.selector, new.name)
        key = mode_of(self.server).signing_keys(self.server)[0]
        return self._done(outgoing_key._inner(store=store, key=key))

    def pause(self, rotation: Rotation) -> Outcome:
        """Close all ways in which PMail gets something to sign, and its own way out."""
        loaded = self._rules(paused=True)
        if loaded:
            return loaded
        still = [
            port
            for port in SENDING_PORTS
            if tcp.connect(self.server.ipv4, port).reach is Reach.OPEN
        ]
        if still:
            return Words.of("rotation.not_paused", ports=", ".join(map(str, still)))
        return None

    def resume(self, rotation: Rotation) -> Outcome:
        """Open what was closed while PMail is down, and start it with the key that is in use."""
        if not read(self.host, "systemctl stop pmail").ok:
            return Words.of("rotation.host_step", host=self.host.name)
        started = running._inner(server=self.server, inputs=())
        return self._rules(paused=False) or self._done(started)

    def verify(self, rotation: Rotation) -> Outcome:
        """Verify what is signed now through each resolver, as receivers do."""
        if rotation.strategy is Strategy.FIXED:
            return self._key_loaded(rotation)
        new = rotation.new
        made = proof.made(self.host, (rotation.domain,))
        if not made.messages:
            return Words.of(
                "rotation.no_proof",
                domain=rotation.domain,
                host=self.host.name,
                reason=made.complaint,
            )
        wrong = []
        for resolver in self.server.resolvers:
            owner, alone = dkim.owner(new.selector, rotation.domain), Resolvers((resolver,))
            if not dns.ask_one(owner, "TXT", resolver, alone).outcome.known:
                continue  # it does not answer us at all
            found = [each for m in made.messages for each in verified(m.message, alone)]
            right = [(each.domain, each.selector, each.valid) for each in found]
            if right != [(rotation.domain, new.selector, True)]:
                reasons = "; ".join(filter(None, (each.reason for each in found)))
                wrong.append(f"{resolver} ({reasons})" if reasons else resolver)
        if wrong:
            return Words.of(
                "rotation.not_verified", domain=rotation.domain, resolvers=", ".join(wrong)
            )
        return None

    def empty(self, rotation: Rotation, clock: Clock) -> Outcome:
        """Look whether a message waits that a key that leaves has signed, until those that are
        being delivered are through. Raises QueueUnknown.
        """
        signers = frozenset((rotation.domain, ref.selector) for ref in rotation.leaving)
        switched = rotation.when(Step.SWITCH)
        before = None if switched is None else switched + CLOCK_WITHIN
        end = clock.passed() + _DELIVERED_WITHIN
        while (left := queued.signed_with(self.host, signers, before)).messages:
            if left.held or clock.passed() > end:
                return self._still_waiting(left, rotation)
            clock.sleep(_LOOK_EVERY)
        return None

    def erase(self, rotation: Rotation, now: float) -> Outcome:
        """Delete old private keys, on the host and in the store, unless they shall be kept."""
        store = key_store()
        when = datetime.fromtimestamp(now, UTC)
        for old in (rotation.old, *rotation.superseded):
            if store.about(rotation.domain, old.name):
                store.note(rotation.domain, old.name, retired=when)
            if not self.server.rotation.keep_retired or rotation.emergency:
                store.erase(rotation.domain, old.name, when)
        if rotation.strategy is Strategy.DUAL:
            return self._done(outbound.unused_keys._inner(server=self.server, store=store))
        return None

    # -- how -----------------------------------------------------------------------------------

    def _done(self, commands: Iterable[object]) -> Outcome:
        for command in commands:
            assert isinstance(command, FunctionCommand)
            if command.execute(self.state, self.host, {}) is False:
                return Words.of("rotation.host_step", host=self.host.name)
        return None

    def _still_waiting(self, left: queued.Signed, rotation: Rotation) -> Words:
        if left.held:
            return Words.of(
                "rotation.queue_held",
                domain=rotation.domain,
                host=self.host.name,
                ids=", ".join(left.held),
            )
        last = max(each.since for each in left.messages) + self.server.relay.retry_for
        return Words.of(
            WAITS_FOR_QUEUE,
            domain=rotation.domain,
            host=self.host.name,
            count=str(len(left.ids)),
            ids=_some(left.ids),
            until=moment(last),
        )

    def _as_it_is_now(self) -> MailServer:
        """The server with the selectors that the store has: this run changes several."""
        store = key_store()
        now = ((domain, store.current(domain) or kept) for domain, kept in self.server.selectors)
        return replace(self.server, selectors=tuple(now))

    def _in_use(self, rotation: Rotation) -> Outcome:
        used = {each.domain: each.selector for each in outbound.keys_on(self.host)}
        if used.get(rotation.domain) != rotation.new.selector:
            return Words.of("rotation.not_switched", domain=rotation.domain)
        return None

    def _rules(self, *, paused: bool) -> Outcome:
        server = replace(self.server, paused=paused)
        files = firewall_files._inner(rules=configure.firewall_rules(server))
        loaded = firewall._inner(server=server)
        return self._done(files) or self._done(loaded)

    def _key_loaded(self, rotation: Rotation) -> Outcome:
        """PMail's unit stamps what it read when it started; the key on the disk is the new one."""
        used = key_in_use(self.host)
        public = key_store().public_of(rotation.domain, rotation.new.name)
        if public is None or used != public.data:
            return Words.of("rotation.not_switched", domain=rotation.domain)
        return None


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join((*ids[:_SHOWN], *("…" for _ in ids[_SHOWN : _SHOWN + 1])))
