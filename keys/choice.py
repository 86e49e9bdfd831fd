"""Which key a domain signs with, from all that host, store, ledger and DNS know of it; pure.

That nothing is known of a key here does not mean that there is none: a key is made only where all
that could know one were asked, and a live record's key is never another's from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ground.words import Words
from keys.rotation import KeyRef, Rotation

REVOKED = ""  # RFC 6376 section 3.6.1: an empty p= means revoked


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one selector; fingerprints are SHA-256 of the public part, hex.

    stored: of the private key in the store that is in use under it. kept: all private keys that
    the store has under it. known: of the last one that the store had. on_host: of the private key
    on the host. ledger: of the record that we wrote or adopted last. live: of the record in DNS,
    REVOKED, None where there is none. marked: its name in the store, where the host's manifest has
    it in use. unusable: why the stored key cannot be read.
    """

    selector: str
    stored: str | None = None
    kept: tuple[KeyRef, ...] = ()
    known: str | None = None
    on_host: str | None = None
    ledger: str | None = None
    live: str | None = None
    marked: str | None = None
    unusable: Words | None = None

    @property
    def blank(self) -> bool:
        """Whether nobody has ever seen a key under it."""
        keys = (self.stored, self.known, self.on_host, self.ledger, self.live, self.marked)
        return not self.kept and all(each is None for each in keys)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of a domain's keys.

    fixed: the only selector that the signer knows, None where it is data. pinned: selector that the
    inventory names. given: fingerprint of the private key that the inventory names. current: the
    selector that the store has in use. signs: the one that the signer on the host is told to use.
    silent: who could have known a key and did not answer. revoked: fingerprints that are never used
    again. selectors: the oldest first. fresh: a selector that nobody had. fresh_name: a name in the
    store that no key had, for one under the selector that is prescribed.
    """

    domain: str
    fixed: str | None
    pinned: str | None
    given: str | None
    current: str | None
    signs: str | None
    silent: tuple[str, ...]
    revoked: frozenset[str]
    rotation: Rotation | None
    selectors: tuple[Seen, ...]
    fresh: str
    fresh_name: str

    def of(self, selector: str | None) -> Seen:
        """Return what is known of a selector."""
        found = (each for each in self.selectors if each.selector == selector)
        return next(found, Seen(selector or ""))

    @property
    def banned(self) -> frozenset[str]:
        """Fingerprints that are not used; a rotation itself takes care of the one that it ends."""
        ending = self.rotation.signs.fingerprint if self.rotation else None
        return self.revoked - {ending}

    @property
    def prescribed(self) -> str | None:
        """The selector that is no choice of ours."""
        return self.fixed or self.pinned


@dataclass(frozen=True, slots=True)
class Keep:
    """Sign with a key of the store. name: in the store."""

    selector: str
    name: str


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take the key that the host has into the store, under a name that is free there."""

    selector: str
    name: str


@dataclass(frozen=True, slots=True)
class Make:
    """Make the domain's first key, or take in the one that the inventory names."""

    selector: str
    name: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Make a key under a new selector beside a record whose key is lost, or must not be used."""

    lost: KeyRef
    selector: str

    @property
    def name(self) -> str:
        """The new key's name in the store."""
        return self.selector


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing can be decided, or nothing can be done from here."""

    words: Words


Choice = Keep | TakeBack | Make | Replace | Refuse


def choose(evidence: Evidence) -> Choice:
    """Return the key that a domain is to sign with, and how it comes into the store."""
    seen = evidence.of(candidate(evidence))
    if seen.unusable:
        return Refuse(seen.unusable)
    usable = _kept(evidence, seen) or _given(evidence, seen) or _taken_back(evidence, seen)
    if usable:
        return usable
    begun = evidence.of(evidence.current)
    if evidence.prescribed is None and not begun.unusable and (kept := _kept(evidence, begun)):
        return kept  # a replacement that was begun
    if evidence.silent:
        who = ", ".join(evidence.silent)
        return Refuse(Words.of("keys.not_asked", domain=evidence.domain, who=who))
    return _made(evidence, seen)


def candidate(evidence: Evidence) -> str | None:
    """Return the selector that ought to sign, by who knows best; None where nobody knows one."""
    rotation = evidence.rotation
    marked = next((each.selector for each in evidence.selectors if each.marked), None)
    known = (
        rotation.signs.selector if rotation and not evidence.fixed else None,
        evidence.prescribed,
        *(each for each in (evidence.signs, marked) if not _is_past(evidence, each)),
        evidence.current,
        _matching(evidence),
    )
    return next((each for each in known if each is not None), None)


def _is_past(evidence: Evidence, selector: str | None) -> bool:
    """Whether a host says what signed on an earlier day: its record is gone, and that of the
    store's current key is there. The host had the domain once, and has it again.
    """
    current = evidence.of(evidence.current)
    verifies = current.live is not None and current.live == current.stored
    verifies = verifies and current.live not in evidence.banned
    return verifies and evidence.of(selector).live is None


def new_key_lost(evidence: Evidence) -> bool:
    """Whether the new key of a rotation is lost before anything was signed with it."""
    rotation = evidence.rotation
    if rotation is None or rotation.touched or not rotation.new.fingerprint:
        return False
    seen = evidence.of(rotation.new.selector)
    keys = {each.fingerprint for each in seen.kept} | {seen.on_host}
    return rotation.new.fingerprint not in keys


def unnamed(evidence: Evidence, choice: Choice, *, keep: bool) -> tuple[KeyRef, ...]:
    """Return the private keys of the store that do not sign, and whose record is not there.

    keep: old ones stay, unless they were revoked.
    """
    if isinstance(choice, Refuse):
        return ()
    going = evidence.rotation
    refs = (going.old, going.new, *going.superseded) if going else ()
    named = {choice.name, *(each.name for each in refs)}
    return tuple(
        each
        for seen in evidence.selectors
        for each in seen.kept
        if each.name not in named
        and (each.fingerprint in evidence.banned or not (keep or each.fingerprint == seen.live))
    )


def _matching(evidence: Evidence) -> str | None:
    """The youngest selector whose record in DNS is of a key that there is."""
    found = [
        each.selector
        for each in evidence.selectors
        if each.live and each.live in (each.stored, each.on_host)
    ]
    return found[-1] if found else None


def _kept(evidence: Evidence, seen: Seen) -> Keep | None:
    """A key of the store whose record is there, or not there yet."""
    rotation = evidence.rotation
    if rotation and seen.stored in (rotation.old.fingerprint, rotation.new.fingerprint):
        # In place: what a server is late with is the rotation's to judge.
        return Keep(seen.selector, _in_use(seen))
    keys = [each for each in seen.kept if each.fingerprint not in evidence.banned]
    same = [each for each in keys if each.fingerprint == seen.live]
    if seen.live is None:
        same = [each for each in keys if each.fingerprint == seen.stored]
    return Keep(seen.selector, same[-1].name) if same else None


def _in_use(seen: Seen) -> str:
    return next(each.name for each in seen.kept if each.fingerprint == seen.stored)


def _given(evidence: Evidence, seen: Seen) -> Make | None:
    """The key that the inventory names, where the record is its own or is not there."""
    selector = seen.selector or evidence.fresh
    wanted = evidence.given is not None and evidence.given not in evidence.banned
    if not wanted or seen.kept or seen.live not in (None, evidence.given):
        return None
    if evidence.silent and seen.live is None:
        return None
    return Make(selector, _name(evidence, seen, selector, evidence.given))


def _taken_back(evidence: Evidence, seen: Seen) -> TakeBack | None:
    """The host's key, where the record is its own, or is gone and nothing else was there."""
    key = seen.on_host
    if key is None or key in evidence.banned or seen.live not in (None, key):
        return None
    if seen.live is None and evidence.silent:
        return None
    if seen.live is None and seen.ledger not in (None, key):
        return None
    return TakeBack(seen.selector, _name(evidence, seen, seen.selector, key))


def _made(evidence: Evidence, seen: Seen) -> Choice:
    """A new key: under the prescribed selector only where nobody can have another's record."""
    domain, wanted = evidence.domain, evidence.prescribed
    if evidence.given in evidence.banned:
        return Refuse(Words.of("keys.given_revoked", domain=domain))
    if wanted is None:
        return _beside(evidence, seen)
    if seen.blank or (evidence.fixed and seen.live is None):
        return Make(wanted, _name(evidence, seen, wanted))
    problem = "keys.lost_fixed" if evidence.fixed else "keys.pinned_lost"
    return Refuse(Words.of(problem, domain=domain, selector=wanted))


def _beside(evidence: Evidence, seen: Seen) -> Choice:
    """A new selector; what the one before was is told, where something may have known it."""
    lost = seen.live or seen.on_host or seen.stored or seen.ledger or seen.known
    if seen.selector and (lost or seen.live == REVOKED):
        return Replace(KeyRef(seen.selector, seen.selector, lost or ""), evidence.fresh)
    return Make(evidence.fresh, evidence.fresh)


def _name(evidence: Evidence, seen: Seen, selector: str, key: str | None = None) -> str:
    """A name in the store for a key under a selector: its own, unless another key had that."""
    names = {each.name for each in seen.kept}
    if key is not None and seen.marked is not None and seen.marked not in names:
        return seen.marked
    taken = seen.known not in (None, key) or bool(seen.kept)
    return evidence.fresh_name if taken else selector
