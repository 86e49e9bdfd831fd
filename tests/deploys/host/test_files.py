"""Files on a host: root writes only where nobody else can, a service's user in its own folder."""

from __future__ import annotations

import getpass
import grp
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploys.host import files
from deploys.host.files import Wanted
from tests.deploys.host.here import Here

# A host on which all folders are root's, and nobody else writes to them.
ROOTS = "#!/bin/sh\nexit 0\n"


@pytest.fixture
def host(tmp_path: Path) -> Any:
    return Here(tmp_path / "programs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def wanted(path: Path, content: bytes = b"new") -> Wanted:
    group = grp.getgrgid(os.getgid()).gr_name
    return Wanted(str(path), content, getpass.getuser(), group, "640")


def test_root_does_not_write_where_somebody_else_can(host: Any, folder: Path) -> None:
    folder.chmod(0o777)
    said = files.install(host, (wanted(folder / "deep" / "file"),))
    assert "others may write to" in said
    assert list(folder.iterdir()) == [], "not even a folder is made"


def test_root_is_not_led_elsewhere_by_a_link_on_the_way(host: Any, folder: Path) -> None:
    (folder / "link").symlink_to("/tmp")
    assert files.install(host, (wanted(folder / "link" / "file"),)).endswith(
        f"others may write to {folder}/link"
    )


def test_a_file_takes_the_place_of_a_link_and_follows_none(
    host: Any, folder: Path, tmp_path: Path
) -> None:
    host.program("stat", ROOTS)
    other = tmp_path / "other"
    other.write_text("old")
    for name in ("file", "file.new", ".file.new"):
        (folder / name).symlink_to(other)
    assert files.install(host, (wanted(folder / "file"),)) == ""
    assert (folder / "file").read_bytes() == b"new" and not (folder / "file").is_symlink()
    assert other.read_text() == "old"


def test_a_file_is_never_put_into_a_folder_that_has_its_name(host: Any, folder: Path) -> None:
    host.program("stat", ROOTS)
    (folder / "file").mkdir()
    assert files.install(host, (wanted(folder / "file"),)) != ""
    assert [each.name for each in folder.rglob("*")] == ["file"], "nothing is left behind"


def test_what_a_killed_run_left_beside_a_file_goes_with_the_next(host: Any, folder: Path) -> None:
    host.program("stat", ROOTS)
    (folder / ".file.abcdefghij~").write_text("half a secret")
    (folder / ".files.abcdefghij~").write_text("another's")
    assert files.install(host, (wanted(folder / "file"),)) == ""
    assert {each.name for each in folder.iterdir()} == {"file", ".files.abcdefghij~"}


def test_a_service_s_file_is_put_there_as_its_user(host: Any, folder: Path) -> None:
    for name in ("pmail.db.new", "pmail.db"):
        (folder / name).symlink_to("/etc/passwd")
    assert files.put_as(host, "pmail", f"{folder}/pmail.db", b"database") == ""
    made = folder / "pmail.db"
    assert (made.read_bytes(), made.is_symlink(), made.stat().st_mode & 0o777) == (
        b"database",
        False,
        0o600,
    )
    (script,) = host.scripts
    as_root = script.partition("setpriv --reuid=pmail")[0]
    assert str(folder) not in as_root and "base64" not in as_root
    assert "--bounding-set=-all" in script and "--no-new-privs" in script


@pytest.mark.parametrize("before", [None, "as it was seen"])
def test_what_somebody_puts_there_meanwhile_stays(
    host: Any, folder: Path, before: str | None
) -> None:
    host.program("stat", '#!/bin/sh\ncase $1 in -Lc) exit 0;; esac\nexec /usr/bin/stat "$@"\n')
    file, next_one = folder / "file", wanted(folder / "next")
    if before:
        file.write_text(before)
    (there,) = files.look(host, (wanted(file),))
    file.write_text("somebody's")
    said = files.install(host, (replace(wanted(file), seen=there.sha256), next_one))
    assert said.endswith("changed meanwhile") and str(file) in said
    assert [each.read_text() for each in folder.iterdir()] == ["somebody's"]
    (there,) = files.look(host, (wanted(file),))
    assert files.install(host, (replace(wanted(file), seen=there.sha256), next_one)) == ""
    assert {each.read_bytes() for each in folder.iterdir()} == {b"new"}


def test_a_look_does_not_wait_at_a_pipe(host: Any, folder: Path) -> None:
    os.mkfifo(folder / "file")
    (there,) = files.look(host, (wanted(folder / "file"),))
    assert (there.exists, there.right) == (True, False)


def test_of_old_versions_the_newest_stay_and_the_one_in_use(host: Any, folder: Path) -> None:
    for number in range(6):
        version = folder / f"{number:016x}"
        version.mkdir()
        os.utime(version, (number, number))
    (folder / "somebody's").mkdir()
    (folder / "current").symlink_to(folder / f"{1:016x}")
    script = files.prune_script(str(folder), "?" * 16, f"{folder}/current", 2)
    assert files.read(host, script).ok
    left = {each.name for each in folder.iterdir()}
    assert left == {"somebody's", "current", *(f"{number:016x}" for number in (1, 4, 5))}
