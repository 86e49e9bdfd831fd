"""What a host is made to remember, and from which state it may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploys.accounts import record
from deploys.host import manifest as on_host
from deploys.host.manifest import Found
from deploys.run import identity
from deploys.zones.remembering import remember_now
from postmaster.database_choice import Said
from postmaster.manifest import Manifest, Versions, dump, parse
from tests.postmaster.test_settings import site, zone

SITE = site(zone("example.com"))
SERVER = SITE.servers[0]
KEEP = Said(keep=True)


class There:
    """A host that we deployed, with what it remembers."""

    name, connected = SERVER.host, True
    content: bytes | None = None
    email: int | None = 5

    @property
    def manifest(self) -> Manifest:
        """What it remembers."""
        assert self.content is not None
        return parse(self.content.decode())


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    """It, with a state and keys of their own."""
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PMAIL_KEYS", str(tmp_path / "keys"))
    (tmp_path / "keys" / "example.com").mkdir(parents=True)

    def put(host: There, new: Manifest, before: bytes | None) -> None:
        assert before == host.content
        host.content = dump(new)

    monkeypatch.setattr(
        on_host, "there", lambda host: Found(host.content, True, "m1", Versions(), host.email)
    )
    monkeypatch.setattr(on_host, "put", put)
    yield There()


def remembers(there: Any, **given: Any) -> str:
    """Have it remember; the message id of why not, "" when it does."""
    words = remember_now(there, SERVER, SITE, **given)
    return words.id if words else ""


def test_what_is_so_already_is_not_written_again(there: There) -> None:
    assert remembers(there) == ""
    first = there.content
    assert remembers(there) == remembers(there, taking_over=True) == "" and there.content == first
    there.email = 7  # more mail is no reason
    assert remembers(there) == "" and there.content == first
    there.email = 3  # begun anew
    assert remembers(there) == "" and there.manifest.email == 3


@pytest.mark.parametrize("given", [{"said": KEEP}, {"taking_over": True}])
@pytest.mark.parametrize("gone", [False, True])
def test_a_host_that_was_put_back_is_written_to_by_whoever_says_so(
    there: There, given: dict[str, Any], gone: bool
) -> None:
    assert remembers(there) == ""
    first = there.content
    there.email = 3
    assert remembers(there) == ""
    there.email, there.content = 5, None if gone else first
    refused = "manifest.stands.lost" if gone else "manifest.stands.older"
    assert remembers(there) == refused and there.content == (None if gone else first)
    assert remembers(there, **given) == ""
    assert there.manifest.stamp.generation == 3
    assert remembers(there) == ""


def test_one_that_was_written_to_since_is_not_by_who_speaks_of_the_database_only(
    there: There,
) -> None:
    assert remembers(there) == ""
    known = there.manifest
    later = replace(known, stamp=replace(known.stamp, generation=9, mark="f" * 16))
    there.content = dump(later)
    assert remembers(there, said=KEEP) == "manifest.stands.newer" and there.manifest == later
    assert remembers(there, taking_over=True) == ""
    ours = identity.identity()
    assert ours is not None and there.manifest.stamp.generation == ours.generation == 10


def test_accounts_of_a_database_that_was_replaced_by_word_are_remembered_no_longer(
    there: There,
) -> None:
    record.remember_accounts(SERVER, ["ann", "bob"])
    assert remembers(there) == "" and there.manifest.facts.users == ("ann", "bob")
    record.keep_only(SERVER, ["ann"])
    assert remembers(there) == "" and there.manifest.facts.users == ("ann", "bob")
    assert remembers(there, said=KEEP) == "" and there.manifest.facts.users == ("ann",)
