"""What is known of a site's DKIM keys, gathered before anything is changed; and what follows."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pyinfra.api import Host

from deploys.host.looked import MEMORY, SIGNER_KEYS, looked
from deploys.host.signer_keys import SignerKeys
from deploys.run.paths import key_store, state_dir
from deploys.run.refusals import Around, Refused, on_each
from deploys.run.start import refine
from deploys.zones.access import ledger_of
from deploys.zones.key_dns import Shown, Values, shown
from dns_providers.publishing.ledger import LedgerError
from dns_providers.publishing.plan import Entries
from dns_providers.rrset import TXT, RRKey, key, name_text
from ground.words import Words
from keys.choice import REVOKED, Choice, Evidence, Make, Refuse, Replace, Seen, candidate, choose
from keys.dkim import month, public_key, read
from keys.journal import Journal, JournalError
from keys.rotation import KeyRef, Rotation
from keys.store import About, KeyStore, KeyStoreError
from postmaster import dkim
from postmaster.desired import zone_for
from postmaster.manifest import Facts, ManifestError
from postmaster.outbound import MODES, mode_of
from postmaster.settings import MailServer, Site, ZoneSettings


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for a domain, from what."""

    host: str
    choice: Choice
    evidence: Evidence


_decided: dict[str, Decision] = {}


def decided(domain: str) -> Decision:
    """Return what was decided for a domain of this run before it began. Raises KeyError."""
    return _decided[domain]


Ask = Callable[[Site, ZoneSettings, frozenset[RRKey]], Shown]


def _nobody(site: Site, zone: ZoneSettings, keys: frozenset[RRKey]) -> Shown:
    """What is known of DNS where nobody asks."""
    return Shown({}, (zone.name,))


@dataclass(frozen=True, slots=True)
class AskedOfKeys:
    """Decide which keys sign; refuse to make one where there may be one, or none can be made.

    ask: gives what DNS shows. making: the run makes keys; else nothing is refused.
    """

    ask: Ask
    making: bool

    def __call__(self, around: Around[Any]) -> Iterable[Refused]:
        """Return why no key can be made on the servers that the run is for. Raises Told."""
        on_each(around.everywhere(), _look)  # at the same time
        for found in gather(around.site, around.reached, self.ask):
            _decided[found.evidence.domain] = found
        refine(refined)
        if not self.making or not getattr(around.asked, "makes_keys", True):
            return
        served = {server.host for _, server in around.servers()}
        for found in _decided.values():
            if isinstance(found.choice, Refuse) and found.host in served:
                yield Refused(found.choice.words, found.host)


def _look(host: Host, server: MailServer) -> Iterable[Words]:
    looked(host)
    return ()


keys_refused = AskedOfKeys(partial(shown, opening=True), making=True)
exported_keys_refused = AskedOfKeys(partial(shown, opening=False), making=True)
rotated_keys_known = AskedOfKeys(partial(shown, opening=True), making=False)
keys_known = AskedOfKeys(_nobody, making=False)


def refined(site: Site) -> Site:
    """Return the site with the selectors that were decided on."""
    return replace(site, servers=tuple(map(_refined, site.servers)))


def _refined(server: MailServer) -> MailServer:
    chosen = {domain: _selector_of(found) for domain, found in _decided.items()}
    selectors = tuple((domain, chosen.get(domain) or kept) for domain, kept in server.selectors)
    return replace(server, selectors=selectors)


def _selector_of(found: Decision) -> str | None:
    """The selector that signs, or shall."""
    if isinstance(found.choice, Refuse):
        return candidate(found.evidence)
    return found.choice.selector


# -- gathering ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a domain's keys but what DNS shows.

    here: what the host signs with, None where it was not looked at. facts: of its manifest.
    """

    server: MailServer
    domain: str
    zone: str
    here: SignerKeys | None
    facts: Facts | None
    kept: tuple[KeyRef, ...]
    past: tuple[About, ...]
    entries: Entries
    rotation: Rotation | None
    leaked: frozenset[str]
    problem: Words | None = None
    silent: tuple[str, ...] = ()
    taken: frozenset[str] = field(default_factory=frozenset)

    @property
    def fixed(self) -> str | None:
        """The only selector that the signer knows."""
        return mode_of(self.server).fixed_selector

    @property
    def pinned(self) -> str | None:
        """The selector that the inventory names."""
        named = self.server.rotation.pinned and self.fixed is None
        return dict(self.server.selectors)[self.domain] if named else None

    @property
    def current(self) -> str | None:
        """The selector that the store has in use."""
        return key_store().current(self.domain)

    @property
    def signs(self) -> str | None:
        """The selector that the signer on the host is told to use."""
        return self.here.table.get(self.domain) if self.here else None

    @property
    def marked(self) -> Mapping[str, str]:
        """The selectors that the host's manifest has in use, with the keys' names in the store."""
        keys = self.facts.keys if self.facts else ()
        return {each.selector: each.name for each in keys if each.domain == self.domain}

    @property
    def selectors(self) -> tuple[str, ...]:
        """All selectors that something knows of, for this signer."""
        rotation = self.rotation
        named = [self.fixed, self.pinned, self.current, self.signs]
        named += [ref.selector for ref in self.kept]
        named += [_selector(owner, self.domain) for owner in self.entries]
        named += self.here.selectors(self.domain) if self.here else ()
        named += self.marked
        named += [each.selector for each in (rotation.old, rotation.new)] if rotation else ()
        found = sorted({each for each in named if each})
        return tuple(each for each in found if self._fits(each))

    def _fits(self, selector: str) -> bool:
        """Whether a selector is for this signer, and not for one that knows only another."""
        if self.fixed:
            return selector == self.fixed
        others = {mode.fixed_selector for mode in MODES.values()}
        return selector not in others or selector in (self.pinned, self.signs)

    @property
    def fresh(self) -> str:
        """A selector that nobody had, as far as one knows."""
        stem, store = f"pm{_month()}", key_store()
        # What stands before one that is known was somebody's once.
        known = [each for each in self.selectors if each.startswith(stem)]
        last, taken = max(map(_age, known), default=(0, "")), {*self.taken, *known}
        while True:
            found = store.free_name(self.domain, stem, taken)
            if _age(found) > last:
                return found
            taken.add(found)

    @property
    def owners(self) -> frozenset[RRKey]:
        """The key records that there may be."""
        return frozenset(_owner(each, self.domain) for each in self.selectors)


def gather(site: Site, reached: Mapping[str, Host], ask: Ask) -> tuple[Decision, ...]:
    """Return what is decided for each domain of a site that has a key of its own.

    reached: mail servers that are connected. ask: gives what DNS shows. Raises Told where a host
    or the store cannot be read.
    """
    known = [
        each for server in site.servers for each in _known(site, server, reached.get(server.host))
    ]
    look = partial(_shown, site, ask=ask)
    there = look(known)
    return tuple(_decision(each, there[each.zone], look) for each in known)


def _decision(known: Known, there: Shown, look: Any) -> Decision:
    """Decide; a selector that DNS knows though nobody else does is taken."""
    while True:
        evidence = evidence_of(known, there)
        choice = choose(evidence)
        new = isinstance(choice, Make | Replace) and not evidence.prescribed
        if new:
            fresh = _owner(evidence.fresh, known.domain)
            seen = look([replace(known, kept=(KeyRef("", evidence.fresh),))])[known.zone]
            if fresh in seen.values:
                known = replace(known, taken=known.taken | {evidence.fresh})
                continue
        return Decision(known.server.host, choice, evidence)


def _shown(site: Site, known: Iterable[Known], ask: Ask) -> Mapping[str, Shown]:
    """What each zone shows of what there may be."""
    owners = dict[str, frozenset[RRKey]]()
    for each in known:
        owners[each.zone] = owners.get(each.zone, frozenset()) | each.owners
    names = list(owners)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, site, site.zone(name), owners[name]) for name in names]
        return {name: each.result() for name, each in zip(names, asked, strict=True)}


def _known(site: Site, server: MailServer, host: Host | None) -> Iterable[Known]:
    store = key_store()
    here = looked(host).of(SIGNER_KEYS) if host else None
    facts, silent = _facts(host, server)
    for signing in mode_of(server).signing_keys(server):
        domain = signing.domain
        zone = zone_for(domain, (each.name for each in site.zones))
        if zone is None:
            continue
        kept, past, problem = _stored(store, domain)
        entries, rotation, leaked = _noted(zone, domain)
        yield Known(
            server,
            domain,
            zone,
            here,
            facts,
            kept,
            past,
            entries,
            rotation,
            leaked,
            problem,
            silent,
        )


def _noted(zone: str, domain: str) -> tuple[Entries, Rotation | None, frozenset[str]]:
    """What ledger and journal say; what is damaged says nothing, and is told elsewhere."""
    journal = Journal(state_dir())
    try:
        entries: Entries = ledger_of(zone).load().entries
    except LedgerError:
        entries = {}
    try:
        return entries, journal.load(domain), journal.leaked({domain})
    except JournalError:
        return entries, None, frozenset()


def _facts(host: Host | None, server: MailServer) -> tuple[Facts | None, tuple[str, ...]]:
    if host is None:
        return None, (server.host,)
    try:
        manifest = looked(host).of(MEMORY).manifest
    except ManifestError as error:
        return None, (str(error),)
    return (manifest.facts if manifest else None), ()


def _stored(
    store: KeyStore, domain: str
) -> tuple[tuple[KeyRef, ...], tuple[About, ...], Words | None]:
    """The private keys that the store has, what it knows of all, and why that cannot be read."""
    try:
        return store.kept(domain), store.history(domain), None
    except KeyStoreError as error:
        return (), (), error.words


def evidence_of(known: Known, there: Shown) -> Evidence:
    """Return what is known of a domain's keys, with what DNS shows."""
    revoked = {*known.leaked, *(known.facts.revoked if known.facts else ())}
    found = Evidence(
        domain=known.domain,
        fixed=known.fixed,
        pinned=known.pinned,
        given=_given(known),
        current=known.current,
        signs=known.signs,
        silent=(*known.silent, *there.silent),
        revoked=frozenset(revoked),
        rotation=known.rotation,
        selectors=tuple(_seen(known, there, each) for each in known.selectors),
        fresh=known.fresh,
        fresh_name="",
    )
    stem = f"{candidate(found) or found.fresh}@{_month()}"
    return replace(found, fresh_name=key_store().free_name(known.domain, stem))


def _seen(known: Known, there: Shown, selector: str) -> Seen:
    store, domain = key_store(), known.domain
    owner = _owner(selector, domain)
    entry = known.entries.get(owner)
    kept = tuple(each for each in known.kept if each.selector == selector)
    name = store.name(domain, selector)
    stored = next((each.fingerprint for each in kept if each.name == name), None)
    public = next((each.public for each in known.past if each.name == name), None)
    fixed, here = known.fixed is not None, known.here
    return Seen(
        selector=selector,
        stored=stored,
        kept=kept,
        known=public.fingerprint if public else None,
        on_host=here.files.get(here.path(domain, selector, fixed=fixed)) if here else None,
        ledger=key_of(entry.values) if entry else None,
        live=key_of(there.values[owner]) if owner in there.values else None,
        marked=known.marked.get(selector),
        unusable=known.problem or _unusable(store, domain, kept, name),
    )


def _unusable(store: KeyStore, domain: str, kept: tuple[KeyRef, ...], name: str) -> Words | None:
    """Why the private key in use cannot be read."""
    if name not in {each.name for each in kept}:
        return None
    try:
        store.pem_of(domain, name)
    except KeyStoreError as error:
        return error.words
    return None


def _given(known: Known) -> str | None:
    """Fingerprint of the key that the inventory names for a domain. Raises KeyStoreError."""
    path = taken_in(known.server, known.domain)
    if path is None:
        return None
    return public_key(read(key_store().check_source(Path(path)))).fingerprint


def taken_in(server: MailServer, domain: str) -> str | None:
    """Return the file of an existing server's key that the inventory names for a domain."""
    return server.dkim_key_file if domain == server.primary else None


def key_of(values: Values) -> str:
    """Return the fingerprint of what a key record holds, REVOKED for none.

    What is no key record has a fingerprint of its own.
    """
    try:
        (value,) = values
        if isinstance(value, TXT):
            data = dkim.public_data(value.data)
            return hashlib.sha256(base64.b64decode(data)).hexdigest() if data else REVOKED
    except (ValueError, dkim.DkimSyntaxError):
        pass
    return hashlib.sha256(repr(sorted(map(str, values))).encode()).hexdigest()


def _owner(selector: str, domain: str) -> RRKey:
    return key(dkim.owner(selector, domain), "TXT")


def _selector(owner: RRKey, domain: str) -> str | None:
    """The selector of a key record's owner name, None of any other."""
    name, below = name_text(owner.owner), f"._domainkey.{domain}"
    return name.removesuffix(below) if name.endswith(below) and owner.rtype == "TXT" else None


def _age(selector: str) -> tuple[int, str]:
    """In which order dated selectors are given."""
    return len(selector), selector


def _month() -> str:
    return month(datetime.now(UTC).date())
