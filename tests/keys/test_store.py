"""The key store: keys are made once, kept for their owner only, and never overwritten."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys import dkim
from keys.store import Damaged, Different, Exposed, InUse, KeyStore, Locked

NAME = ("example.test", "default")


def store(folder: Path, passphrase: str | None = None) -> KeyStore:
    return KeyStore(folder / "store", passphrase)


def test_a_key_is_made_for_its_owner_only_and_openssl_agrees_on_its_public_part(
    tmp_path: Path,
) -> None:
    public = store(tmp_path).create(*NAME)
    path = store(tmp_path).path(*NAME)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    shown = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout"], capture_output=True, text=True, check=True
    ).stdout
    assert "".join(shown.splitlines()[1:-1]) == public.data and public.bits == 2048


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    store(tmp_path).create(*NAME)
    before = store(tmp_path).path(*NAME).read_bytes()
    with pytest.raises(Different):
        store(tmp_path).create(*NAME)
    assert store(tmp_path).path(*NAME).read_bytes() == before


def test_an_encrypted_key_needs_its_passphrase_but_its_public_part_does_not(
    tmp_path: Path,
) -> None:
    made = store(tmp_path, "right").create(*NAME)
    assert b"ENCRYPTED" in store(tmp_path).path(*NAME).read_bytes()
    assert store(tmp_path).public(*NAME) == made
    for passphrase in ("wrong", None):
        with pytest.raises(Locked) as error:
            store(tmp_path, passphrase).private_pem(*NAME)
        assert "wrong" not in str(error.value)
    pem = store(tmp_path, "right").private_pem(*NAME)
    assert dkim.public_key(dkim.read(pem)) == made and b"ENCRYPTED" not in pem


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read_is_refused_with_the_chmod(tmp_path: Path, mode: int) -> None:
    store(tmp_path).create(*NAME)
    path = store(tmp_path).path(*NAME)
    path.chmod(mode)
    with pytest.raises(Exposed) as error:
        store(tmp_path).private_pem(*NAME)
    assert f"chmod 600 {path}" in str(error.value)


def test_a_run_killed_between_the_key_and_its_public_part_is_made_up_for(tmp_path: Path) -> None:
    made = store(tmp_path).create(*NAME)
    store(tmp_path).path(*NAME).with_suffix(".json").unlink()
    assert store(tmp_path).public(*NAME) == made


def test_an_existing_servers_key_is_taken_in(tmp_path: Path) -> None:
    source = tmp_path / "old.pem"
    source.touch(0o600)
    source.write_bytes(dkim.make(1024))
    taken = store(tmp_path).take_in(*NAME, source)
    assert taken == dkim.public_key(dkim.read(source.read_bytes()))


def test_what_is_no_key_is_not_taken_in(tmp_path: Path) -> None:
    source = tmp_path / "old.pem"
    source.touch(0o600)
    source.write_text("no key")
    with pytest.raises(Damaged):
        store(tmp_path).take_in(*NAME, source)
    assert not store(tmp_path).exists(*NAME)


def test_nothing_shows_a_passphrase(tmp_path: Path) -> None:
    assert "right" not in repr(store(tmp_path, "right"))


def test_a_record_gives_back_its_key() -> None:
    public = dkim.public_key(dkim.read(dkim.make(1024)))
    assert dkim.public_from_data(public.data) == public
    assert public.record == f"v=DKIM1; k=rsa; p={public.data}"


def test_another_key_comes_into_use_under_a_selector_that_stays(tmp_path: Path) -> None:
    keys = store(tmp_path)
    old = keys.create(*NAME)
    new = keys.create(*NAME, name="default@202611a")
    assert keys.public(*NAME) == old
    keys.use(*NAME, "default@202611a")
    assert keys.public(*NAME) == new
    assert dkim.public_key(dkim.read(keys.private_pem(*NAME))) == new


def test_a_key_that_was_erased_is_remembered_and_its_name_never_given_again(tmp_path: Path) -> None:
    keys = store(tmp_path)
    assert keys.free_name("example.test", "pm202611") == "pm202611a"
    old = keys.create("example.test", "pm202611a")
    keys.create("example.test", "pm202611b")
    keys.set_current("example.test", "pm202611b")
    keys.erase("example.test", "pm202611a", datetime(2026, 12, 1, tzinfo=UTC))
    assert not keys.file("example.test", "pm202611a").exists()
    about = {each.name: each for each in keys.history("example.test")}["pm202611a"]
    assert about.public == old and about.erased == datetime(2026, 12, 1, tzinfo=UTC)
    assert keys.free_name("example.test", "pm202611") == "pm202611c"


def test_a_key_in_use_is_not_erased(tmp_path: Path) -> None:
    keys, now = store(tmp_path), datetime(2026, 12, 1, tzinfo=UTC)
    keys.create(*NAME)
    with pytest.raises(InUse):
        keys.erase(*NAME, now)
    keys.create(*NAME, name="default@202611a")
    keys.use(*NAME, "default@202611a")
    with pytest.raises(InUse):
        keys.erase("example.test", "default@202611a", now)
    keys.erase(*NAME, now)
    assert keys.public(*NAME) is not None


def test_the_first_time_something_happened_to_a_key_counts(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create(*NAME)
    for day in (3, 4):
        keys.note(*NAME, first_used=datetime(2026, 12, day, tzinfo=UTC))
    (about,) = keys.history("example.test")
    assert about.first_used == datetime(2026, 12, 3, tzinfo=UTC) and about.retired is None
