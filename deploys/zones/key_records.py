"""The DKIM records that a site's keys need now, and whether the world has seen them."""

from __future__ import annotations

from datetime import datetime

from deploys.run.paths import key_store, state_dir
from deploys.zones.access import ledger_of
from dns_providers.publishing.ledger import fingerprint
from dns_providers.rrset import key
from keys.dkim import DkimPublicKey
from keys.journal import Journal
from keys.rotation import Rotation, Strategy
from keys.store import KeyStore, KeyStoreError
from postmaster import dkim
from postmaster.desired import KeyRecord, zone_for
from postmaster.outbound import SigningKey
from postmaster.settings import Site


def made_at(domain: str, selector: str) -> datetime | None:
    """Return when the key of a selector was made, as the store has it; None for none."""
    store = key_store()
    try:
        about = store.about(domain, store.name(domain, selector))
    except KeyStoreError:
        return None
    return about.created if about else None


def public_key(domain: str, selector: str) -> DkimPublicKey | None:
    """Return the public part of a kept key, None when there is none. Raises KeyStoreError."""
    return key_store().public(domain, selector)


def key_records(signing: SigningKey) -> tuple[KeyRecord, ...]:
    """Return the key records that a signing key needs now, two while it is being replaced.

    Raises KeyStoreError or JournalError.
    """
    rotation = Journal(state_dir()).load(signing.domain)
    store, records = key_store(), dict[str, KeyRecord]()
    if rotation is not None:
        fixed = rotation.strategy is Strategy.FIXED
        ttl = rotation.rules.low_ttl if rotation.lowered else rotation.rules.ttl
        for key in rotation.published:
            public = store.public_of(signing.domain, key.name)
            replaced = _in_place_of(rotation, store) if fixed else ()
            records[key.selector] = KeyRecord(
                key.selector, public, ttl if fixed else None, replaced
            )
    if signing.selector not in records:
        public = store.public(signing.domain, signing.selector)
        records[signing.selector] = KeyRecord(signing.selector, public)
    return tuple(records.values())


def _in_place_of(rotation: Rotation, store: KeyStore) -> tuple[DkimPublicKey, ...]:
    """The keys whose record a rotation replaces in place: its own, on the way there and back."""
    found = (store.public_of(rotation.domain, each.name) for each in (rotation.old, rotation.new))
    return tuple(each for each in found if each)


def is_proven(site: Site, signing: SigningKey) -> bool:
    """Whether a key's record, as its key is now, was seen on all authoritative servers."""
    owner = key(dkim.owner(signing.selector, signing.domain), "TXT")
    zone = zone_for(signing.domain, (each.name for each in site.zones))
    public = public_key(signing.domain, signing.selector)
    if zone is None or public is None:
        return False
    mark = fingerprint((dkim.record(public),), "TXT")
    return ledger_of(zone).load().proven.get(owner) == mark
