"""Keys of domains that the inventory no longer has go when nobody needs them, and never before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.host.queued import QueueUnknown, Signed
from deploys.run.paths import key_store, state_dir
from deploys.zones import gone_keys
from deploys.zones.access import ledger_of
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import LedgerState
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import TXT, key
from keys.dkim import DkimPublicKey
from keys.journal import Journal
from keys.rotation import KeyRef, Step, Strategy
from probes.world.dns import Answer, Outcome
from tests.keys.test_journal import started
from tests.postmaster.test_settings import site, zone

EXCLUSIVE = ClaimMode.EXCLUSIVE
GONE, SELECTOR = "gone.org", "pm202611a"
SITE = site(zone("example.com"))
HOST = SITE.servers[0].host
OWNER = key(f"{SELECTOR}._domainkey.{GONE}", "TXT")


class World:
    """A signer without the key, a queue without its mail, name servers without its record."""

    def __init__(self, made: DkimPublicKey) -> None:
        self.made, self.files, self.queue = made, dict[str, str](), Signed(())
        self.outcome, self.shown = Outcome.NXDOMAIN, frozenset[TXT]()
        self.reached = True

    @property
    def record(self) -> TXT:
        return TXT(self.made.record.encode())

    def over(self) -> tuple[str, ...]:
        hosts: Mapping[str, Any] = {HOST: SimpleNamespace(name=HOST)} if self.reached else {}
        return tuple(each.name for each in gone_keys.over(SITE, hosts, GONE))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    made = key_store().create(GONE, SELECTOR, bits=1024)
    key_store().set_current(GONE, SELECTOR)
    age(365)
    there = World(made)
    look = SimpleNamespace(of=lambda part: SimpleNamespace(files=there.files))
    monkeypatch.setattr(gone_keys, "looked", lambda host: look)
    monkeypatch.setattr(gone_keys, "signed_with", lambda host, signer: there.queue)

    def ask(owner: str, rtype: str, resolvers: object) -> Answer:
        return Answer(owner, rtype, there.outcome, there.shown)

    monkeypatch.setattr(gone_keys.dns, "ask", ask)
    return there


def age(days: int) -> None:
    """The key was made so many days ago."""
    path = key_store().file(GONE, SELECTOR).with_suffix(".json")
    record = json.loads(path.read_text())
    made = gone_keys.datetime.now(gone_keys.UTC) - gone_keys.timedelta(days=days)
    path.write_text(json.dumps({**record, "created": made.isoformat(timespec="seconds")}))


def test_a_key_whose_domain_is_gone_with_its_record_and_its_mail_is_needed_by_nobody(
    world: World,
) -> None:
    key_store().create("example.com", SELECTOR, bits=1024)
    assert gone_keys.gone_domains(SITE) == (GONE,)
    assert world.over() == (SELECTOR,)


def test_a_domain_whose_rotation_goes_on_is_not_gone(world: World) -> None:
    Journal(state_dir()).save(started(Strategy.DUAL, GONE))
    assert gone_keys.gone_domains(SITE) == ()


def test_a_key_that_something_may_need_stays(world: World) -> None:
    def stays(**change: Any) -> None:
        before = {name: getattr(world, name) for name in change}
        for name, value in change.items():
            setattr(world, name, value)
        assert world.over() == (), change
        for name, value in before.items():
            setattr(world, name, value)
        assert world.over() == (SELECTOR,)

    stays(reached=False)
    stays(files={"/a.key": world.made.fingerprint})
    waits: Any = SimpleNamespace(queue_id="A", queue="deferred")
    stays(queue=Signed((waits,)))
    stays(outcome=Outcome.TIMEOUT)
    stays(outcome=Outcome.ANSWER, shown=frozenset({world.record}))
    age(1)
    assert world.over() == ()
    age(365)
    entry = Entry(OWNER, frozenset({world.record}), 60, "adopted", f"dkim:{GONE}", EXCLUSIVE)
    ledger_of(GONE).save(LedgerState({OWNER: entry}))
    assert world.over() == ()
    ledger_of(GONE).path.write_bytes(b"")
    assert world.over() == ()


def test_a_queue_that_cannot_be_read_may_hold_mail_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> Signed:
        raise QueueUnknown("queue.unreadable", host=HOST, reason="-")

    monkeypatch.setattr(gone_keys, "signed_with", unknown)
    assert world.over() == ()


def test_what_has_leaked_goes_in_any_case_and_what_is_to_be_kept_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.reached = False
    leaked = KeyRef(SELECTOR, SELECTOR, world.made.fingerprint)
    over = replace(started(Strategy.DUAL, GONE), old=leaked, emergency=True, step=Step.DONE)
    Journal(state_dir()).save(over)
    assert world.over() == (SELECTOR,)


def test_keys_that_the_settings_keep_stay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tests.deploys.zones.test_gone_keys.SITE",
        site(zone("example.com"), dkim_keep_retired=True),
    )
    assert world.over() == ()


def test_the_last_key_of_a_domain_goes_though_it_was_in_use(world: World) -> None:
    store, now = key_store(), gone_keys.datetime.now(gone_keys.UTC)
    store.create(GONE, "pm202611b", bits=1024)
    store.erase(GONE, SELECTOR, now, gone=True)
    store.end_use(GONE)
    assert store.current(GONE) == SELECTOR and store.domains() == (GONE,)
    store.erase(GONE, "pm202611b", now, gone=True)
    store.end_use(GONE)
    assert store.current(GONE) is None and store.domains() == ()
    assert store.free_name(GONE, "pm202611") == "pm202611c"


def test_what_others_keep_beside_the_keys_of_domains_is_no_domain(world: World) -> None:
    account = key_store().root / "acme" / "acme.example.com_dir.key"
    account.parent.mkdir()
    account.write_text("an ACME account's")
    assert gone_keys.gone_domains(SITE) == (GONE,)
