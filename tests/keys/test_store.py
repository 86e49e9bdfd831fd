"""The key store: keys are made once, kept for their owner only, and never overwritten."""

from __future__ import annotations

import json
import os
import string
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


def test_a_store_that_others_can_enter_is_refused_before_a_key_is_made(tmp_path: Path) -> None:
    for folder in (tmp_path / "store", tmp_path / "store" / "example.test"):
        folder.mkdir(0o700, exist_ok=True)
        folder.chmod(0o750)
        with pytest.raises(Exposed) as error:
            store(tmp_path).create(*NAME)
        assert error.value.words.named == {"path": str(folder), "mode": "700"}
        assert not store(tmp_path).exists(*NAME)
        folder.chmod(0o700)


def test_a_key_in_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    store(tmp_path).create(*NAME)
    folder = tmp_path / "store" / "example.test"
    folder.chmod(0o755)
    for read in (store(tmp_path).private_pem, store(tmp_path).public):
        with pytest.raises(Exposed) as error:
            read(*NAME)
        assert error.value.words.named == {"path": str(folder), "mode": "700"}


def test_a_store_is_made_where_nothing_is_yet(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path / "not" / "there" / "store")
    assert keys.public(*NAME) is None and keys.history("example.test") == ()
    assert keys.current("example.test") is None and not keys.exists(*NAME)
    keys.create(*NAME)
    assert keys.exists(*NAME) and keys.file(*NAME) == keys.root / "example.test" / "default.key"
    assert keys.root.stat().st_mode & 0o777 == 0o700
    left = sorted(each.name for each in keys.file(*NAME).parent.iterdir())
    assert left == ["default.json", "default.key"]


def test_a_key_that_is_there_stays_whole_though_another_is_to_be_kept(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create(*NAME)
    with pytest.raises(Different) as error:
        keys.create(*NAME)
    path = keys.file(*NAME)
    assert error.value.words.named == {"path": str(path)}
    assert sorted(each.name for each in path.parent.iterdir()) == ["default.json", "default.key"]


def test_what_is_known_of_a_key_is_known_without_it(tmp_path: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = store(tmp_path, "secret").create("example.test", "pm202611a", bits=1024)
    about = store(tmp_path).about("example.test", "pm202611a")
    assert about is not None and about.public == made and made.bits == 1024
    assert (about.name, about.selector) == ("pm202611a", "pm202611a")
    assert before <= about.created <= datetime.now(UTC)
    assert about.published is about.first_used is about.retired is about.erased is None
    record = json.loads(
        store(tmp_path).file("example.test", "pm202611a").with_suffix(".json").read_text()
    )
    del record["created"]
    assert record == {
        "version": 1,
        "domain": "example.test",
        "selector": "pm202611a",
        "algorithm": "rsa",
        "bits": 1024,
        "public": made.data,
        "fingerprint": made.fingerprint,
        "encrypted": True,
        "origin": "made",
    }


def test_a_key_that_was_taken_in_or_is_plain_is_known_as_that(tmp_path: Path) -> None:
    source = tmp_path / "old.pem"
    source.touch(0o600)
    source.write_bytes(dkim.make(1024))
    store(tmp_path).take_in(*NAME, source)
    record = json.loads(store(tmp_path).file(*NAME).with_suffix(".json").read_text())
    assert (record["origin"], record["encrypted"]) == ("taken in", False)


def test_a_source_is_refused_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    keys, source = store(tmp_path), tmp_path / "old.pem"
    with pytest.raises(Damaged) as missing:
        keys.check_source(source)
    assert missing.value.words.id == "keys.no_file"
    source.touch(0o644)
    source.write_bytes(dkim.make(1024))
    with pytest.raises(Exposed):
        keys.check_source(source)
    source.chmod(0o600)
    assert dkim.read(keys.check_source(source)).key_size == 1024
    subprocess.run(["openssl", "genrsa", "-out", source, "1016"], capture_output=True, check=True)
    with pytest.raises(Damaged) as error:
        keys.check_source(source)
    assert error.value.words.id == "keys.too_short"
    assert error.value.words.named == {"path": str(source), "bits": "1016", "least": "1024"}


def test_a_folder_of_a_source_may_be_open_as_it_is_not_the_stores(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    source = tmp_path / "old.pem"
    source.touch(0o600)
    source.write_bytes(dkim.make(1024))
    assert store(tmp_path).take_in(*NAME, source).bits == 1024


def test_a_key_that_is_missing_damaged_or_locked_is_told_with_its_path(tmp_path: Path) -> None:
    keys = store(tmp_path)
    path = str(keys.file(*NAME))
    with pytest.raises(Damaged) as missing:
        keys.private_pem(*NAME)
    assert missing.value.words.id == "keys.no_file" and missing.value.words.named == {"path": path}
    store(tmp_path, "right").create(*NAME)
    with pytest.raises(Locked) as locked:
        keys.pem_of(*NAME)
    assert locked.value.words.id == "keys.locked" and locked.value.words.named == {"path": path}
    keys.file(*NAME).write_text("no key")
    with pytest.raises(Damaged) as damaged:
        keys.pem_of(*NAME)
    assert damaged.value.words.id == "keys.damaged" and damaged.value.words.named["path"] == path


def test_a_damaged_public_part_is_told_and_made_again_once_it_is_deleted(tmp_path: Path) -> None:
    keys = store(tmp_path)
    made = keys.create(*NAME)
    path = keys.file(*NAME).with_suffix(".json")
    for damage in ("{", "{}", '{"public": 1}', "[]"):
        path.write_text(damage)
        with pytest.raises(Damaged) as error:
            keys.public(*NAME)
        assert error.value.words.id == "keys.about_damaged"
        assert error.value.words.named == {"path": str(path)}
    path.unlink()
    assert keys.public(*NAME) == made


def test_a_key_under_a_selector_that_stays_is_known_by_that_selector(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create(*NAME, name="default@202611a")
    path = keys.file("example.test", "default@202611a").with_suffix(".json")
    path.unlink()  # made again from the key and its name
    about = keys.about("example.test", "default@202611a")
    assert about is not None and about.selector == "default"
    assert keys.free_name("example.test", "default@202611") == "default@202611b"


def test_names_go_on_after_z(tmp_path: Path) -> None:
    keys, folder = store(tmp_path), tmp_path / "store" / "example.test"
    folder.mkdir(parents=True)
    expected = [*string.ascii_lowercase, "aa", "ab"]
    for letters in expected:
        name = keys.free_name("example.test", "pm202611")
        assert name == f"pm202611{letters}"
        (folder / f"{name}.json").touch()
    for first in string.ascii_lowercase:
        for second in string.ascii_lowercase:
            (folder / f"pm202611{first}{second}.json").touch()
    assert keys.free_name("example.test", "pm202611") == "pm202611aaa"


def test_the_key_in_use_of_a_domain_is_the_one_that_was_set_last(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create("example.test", "pm202611a")
    keys.create("example.test", "pm202611b")
    for selector in ("pm202611a", "pm202611b", "pm202611b"):
        keys.set_current("example.test", selector)
        assert keys.current("example.test") == selector
    with pytest.raises(InUse) as error:
        keys.erase("example.test", "pm202611b", datetime(2026, 12, 1, tzinfo=UTC))
    path = keys.file("example.test", "pm202611b")
    assert error.value.words.named == {"path": str(path)} and path.exists()
    keys.erase("example.test", "never-there", datetime(2026, 12, 1, tzinfo=UTC))


def test_a_key_that_a_signer_of_one_selector_uses_stays_though_another_is_current(
    tmp_path: Path,
) -> None:
    keys, now = store(tmp_path), datetime(2026, 12, 1, tzinfo=UTC)
    keys.create(*NAME)
    keys.create(*NAME, name="default@202611a")
    keys.use(*NAME, "default@202611a")
    keys.use(*NAME, "default@202611a")
    assert keys.path(*NAME) == keys.file("example.test", "default@202611a")
    keys.create("example.test", "pm202611a")
    keys.set_current("example.test", "pm202611a")
    with pytest.raises(InUse):
        keys.erase("example.test", "default@202611a", now)
    keys.erase("example.test", "default", now)
    (gone,) = [each for each in keys.history("example.test") if each.name == "default"]
    assert gone.erased == now


def test_a_history_has_the_oldest_key_first(tmp_path: Path) -> None:
    keys = store(tmp_path)
    for name, created in (("b", "2026-11-02"), ("c", "2026-11-01"), ("a", "2026-11-02")):
        keys.create("example.test", name, bits=1024)
        path = keys.file("example.test", name).with_suffix(".json")
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "created": f"{created}T00:00:00+00:00"}))
    assert [each.name for each in keys.history("example.test")] == ["c", "a", "b"]


def test_each_time_of_a_key_is_remembered_under_its_own_name(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.create(*NAME)
    day = datetime(2026, 12, 3, 4, 5, 6, tzinfo=UTC)
    keys.note(*NAME, published=day)
    keys.note(*NAME, first_used=day.replace(day=4), retired=day.replace(day=5))
    keys.note(*NAME, published=day.replace(day=6), retired=day.replace(day=7))
    (about,) = keys.history("example.test")
    assert about.published == day and about.first_used == day.replace(day=4)
    assert about.retired == day.replace(day=5) and about.erased is None


def test_a_key_that_the_host_had_is_taken_back_beside_what_was_known_of_it(tmp_path: Path) -> None:
    there = store(tmp_path)
    there.create(*NAME, bits=1024)
    there.note(*NAME, published=datetime(2026, 11, 1, tzinfo=UTC))
    pem, about = there.private_pem(*NAME), there.about(*NAME)
    there.path(*NAME).unlink()
    assert there.kept(NAME[0]) == () and about is not None
    assert there.public(*NAME) == about.public, "its record is still claimed as it was"
    there.take_back(*NAME, NAME[1], pem)
    assert there.private_pem(*NAME) == pem and there.about(*NAME) == about
    assert [each.fingerprint for each in there.kept(NAME[0])] == [about.public.fingerprint]


def test_what_is_known_of_a_key_that_was_is_never_written_over(tmp_path: Path) -> None:
    there = store(tmp_path)
    there.create(*NAME, bits=1024)
    there.path(*NAME).unlink()
    before = there.history(NAME[0])
    with pytest.raises(Different):
        there.create(*NAME, bits=1024)
    with pytest.raises(Different):
        there.take_back(*NAME, NAME[1], dkim.make(1024))
    assert there.history(NAME[0]) == before and not there.path(*NAME).exists()


def test_the_private_keys_that_there_are_are_listed_without_a_write(tmp_path: Path) -> None:
    there, domain = store(tmp_path), NAME[0]
    there.create(domain, "default", "default@202611a", 1024)
    lone = there.create(domain, "pm202611a", bits=1024)
    (tmp_path / "store" / domain / "pm202611a.json").unlink()
    files = sorted(tmp_path.rglob("*"))
    first, second = there.kept(domain)
    assert (first.name, first.selector) == ("default@202611a", "default")
    assert (second.name, second.fingerprint) == ("pm202611a", lone.fingerprint)
    assert sorted(tmp_path.rglob("*")) == files


def test_a_key_that_somebody_else_owns_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = store(tmp_path)
    there.create(*NAME, bits=1024)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(Exposed) as error:
        there.private_pem(*NAME)
    assert error.value.words.id == "keys.not_ours"


def test_names_that_others_know_of_are_not_free(tmp_path: Path) -> None:
    assert store(tmp_path).free_name("example.test", "pm", {"pma", "pmc"}) == "pmb"
