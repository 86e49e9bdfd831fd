"""What is known of keys: from store, host, manifest and ledger, and from what DNS shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deploys.host import outbound_layout as layout
from deploys.host import pmail_layout, signer_keys
from deploys.host.signer_keys import SignerKeys
from deploys.zones import evidence
from deploys.zones.evidence import Known, evidence_of, key_of
from deploys.zones.key_dns import Shown
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import TXT, key
from keys.choice import REVOKED, Keep, Make, Replace, TakeBack, choose
from keys.dkim import make, public_key, read
from keys.store import KeyStore
from postmaster import dkim
from tests.postmaster.test_settings import site

DOMAIN, S, T = "example.com", "pm202611a", "pm202611b"
PEM = make(1024)
PUBLIC = public_key(read(PEM))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    """This site's key store, empty."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    return evidence.key_store()


def owner(selector: str) -> object:
    return key(dkim.owner(selector, DOMAIN), "TXT")


def known(outbound: str = "relay", **there: object) -> Known:
    """What is known of a domain; of one that was never there, but for what is given."""
    server = replace(site(outbound=outbound).servers[0], host="vps1")
    nothing = Known(server, DOMAIN, DOMAIN, None, None, (), (), {}, None, frozenset())
    return replace(nothing, **there)  # type: ignore[arg-type]


def host(selector: str = S, *, fingerprint: str = PUBLIC.fingerprint) -> SignerKeys:
    return SignerKeys({DOMAIN: selector}, {layout.key_file(DOMAIN, selector): fingerprint}, None)


def live(selector: str = S) -> Shown:
    return Shown({owner(selector): frozenset({dkim.record(PUBLIC)})})  # type: ignore[dict-item]


def test_what_a_host_signs_with_is_read_from_its_table_and_its_files() -> None:
    written = (
        f"table # {pmail_layout.MARK}\n"
        f"table {S}._domainkey.{DOMAIN} {DOMAIN}:{S}:{layout.key_file(DOMAIN, S)}\n"
        f"key {layout.key_file(DOMAIN, S)} aa\nkey {layout.key_file('other.com', T)} bb\n"
        f"key {pmail_layout.DKIM_PRIVATE} cc\n"
    )
    seen = signer_keys.parse(written)
    assert seen.table == {DOMAIN: S} and list(seen.selectors(DOMAIN)) == [S]
    assert seen.files[seen.path(DOMAIN, S, fixed=False)] == "aa"
    assert seen.files[seen.path(DOMAIN, "default", fixed=True)] == "cc"
    # PMail's own key in relay mode is nobody's.
    own = signer_keys.parse(f"{written}own\n")
    assert own.path(DOMAIN, "default", fixed=True) not in own.files


def test_a_host_cannot_name_keys_so_that_they_lead_elsewhere() -> None:
    seen = signer_keys.parse(
        f"table a.test:../../x:{layout.key_file('a.test', 'x')}\n"
        f"key {layout.key_file('a.test', '../../x')} aa\n"
        f"key {layout.key_file('a.test', 'b')} bb\n"
    )
    assert seen.table == {} and tuple(seen.selectors("a.test")) == ("b",)


def test_a_lost_store_takes_the_hosts_key_back(store: KeyStore) -> None:
    there = evidence_of(known(here=host()), live())
    assert choose(there) == TakeBack(S, S) and there.signs == S


def test_a_store_without_its_pointer_goes_on_with_what_the_host_uses(store: KeyStore) -> None:
    store.take_back(DOMAIN, S, S, PEM)
    store.create(DOMAIN, T, bits=1024)
    kept = {"kept": store.kept(DOMAIN), "past": store.history(DOMAIN)}
    assert choose(evidence_of(known(here=host(), **kept), live())) == Keep(S, S)
    # Also where nobody but DNS and the ledger can be asked.
    record = frozenset({dkim.record(PUBLIC)})
    entry = Entry(owner(S), record, 60, "written", "dkim", ClaimMode.EXCLUSIVE)  # type: ignore[arg-type]
    asleep = known(silent=("vps1",), entries={entry.key: entry}, **kept)
    assert choose(evidence_of(asleep, live())) == Keep(S, S)


def test_a_new_selector_is_none_that_anybody_knows_or_that_stood_before_one(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "_month", lambda: "202611")
    assert choose(evidence_of(known(), Shown({}))) == Make(S, S)
    # pm202611b is in use: what pm202611a was is forgotten, and it stays so.
    gone = known(here=host(T, fingerprint="f" * 64))
    made = choose(evidence_of(gone, live(T)))
    assert isinstance(made, Replace) and made.selector == "pm202611c"
    assert evidence_of(replace(gone, taken=frozenset({"pm202611c"})), live(T)).fresh == "pm202611d"


def test_another_modes_selector_is_no_candidate(store: KeyStore) -> None:
    store.create(DOMAIN, "default", bits=1024)
    kept = {"kept": store.kept(DOMAIN), "past": store.history(DOMAIN)}
    relayed = evidence_of(known(**kept), Shown({}))
    assert not relayed.selectors and isinstance(choose(relayed), Make)
    direct = evidence_of(known("direct", **kept), Shown({}))
    assert choose(direct) == Keep("default", "default")


def test_a_key_that_cannot_be_read_is_told(store: KeyStore) -> None:
    store.create(DOMAIN, S, bits=1024)
    store.path(DOMAIN, S).write_bytes(b"")
    kept = {"kept": store.kept(DOMAIN), "past": store.history(DOMAIN)}
    (seen,) = evidence_of(known(here=host(), **kept), live()).selectors
    assert seen.unusable is not None and seen.unusable.id == "keys.damaged"


def test_a_records_key_is_told_from_another_and_from_none() -> None:
    assert key_of(frozenset({dkim.record(PUBLIC)})) == PUBLIC.fingerprint
    assert key_of(frozenset({TXT(f"k=rsa; p={PUBLIC.data}".encode())})) == PUBLIC.fingerprint
    assert key_of(frozenset({TXT(b"v=DKIM1; p=")})) == REVOKED
    others = {key_of(frozenset({TXT(each)})) for each in (b"v=spf1 -all", b"v=DKIM1; p=x")}
    assert len(others) == 2 and not others & {PUBLIC.fingerprint, REVOKED}
