"""The key store: keys are made once, kept for their owner only, and never overwritten."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from keys import dkim
from keys.store import Damaged, Different, Exposed, KeyStore, Locked

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
