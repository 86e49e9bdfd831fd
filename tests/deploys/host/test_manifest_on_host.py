"""The manifest on the host: written only over what was read, by whatever shell the host has."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploys.host import manifest
from deploys.host.remote import Reply
from ground.errors import DeployError
from postmaster.manifest import Known, Manifest, ManifestError, Stamp, dump, wanted
from tests.postmaster.test_settings import site, zone

SITE = site(zone("example.com"))
FACTS = wanted(SITE, SITE.servers[0], Known(machine="m1"))
ONE = Manifest(Stamp("0" * 32, 1, "a" * 16, "ann@desk", datetime(2026, 11, 1, tzinfo=UTC)), FACTS)
TWO = replace(ONE, stamp=replace(ONE.stamp, generation=2, mark="b" * 16))


class Machine:
    """A host whose files are below a folder."""

    name = "vps10"

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("etc/systemd/system", "usr/local/lib/pmail"):
            (root / folder).mkdir(parents=True)
        (root / "etc/machine-id").write_text("m1\n")

    @property
    def file(self) -> Path:
        """Where the manifest is."""
        return self.root / "etc/pmail-deploy/manifest.json"

    def run(self, script: str, stdin: str | None) -> Reply:
        """Run a script, its paths below the folder."""
        for folder in ("/etc/", "/usr/local/"):
            script = script.replace(folder, f"{self.root}{folder}")
        done = subprocess.run(
            ["dash", "-c", script], input=stdin or "", capture_output=True, text=True
        )
        return Reply(done.returncode == 0, done.stdout.rstrip("\n"), done.stderr)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A host that runs scripts here."""

    def read(host: Machine, script: str, *, stdin: str | None = None, timeout: int = 0) -> Reply:
        return host.run(script, stdin)

    monkeypatch.setattr(manifest, "read", read)
    return Machine(tmp_path)


def test_on_a_bare_host_there_is_nothing_but_a_machine(host: Any) -> None:
    found = manifest.there(host)
    assert (found.content, found.manifest, found.deployed, found.machine) == (
        None,
        None,
        False,
        "m1",
    )


def test_what_was_written_is_what_is_read_and_for_root_only(host: Any) -> None:
    assert manifest.put(host, ONE, None) is None
    found = manifest.there(host)
    assert found.manifest == ONE
    assert found.content == dump(ONE)
    assert host.file.stat().st_mode & 0o777 == 0o600
    assert host.file.parent.stat().st_mode & 0o777 == 0o755
    assert manifest.put(host, TWO, found.content) is None
    assert manifest.there(host).manifest == TWO
    assert {each.name for each in host.file.parent.iterdir()} == {"manifest.json", ".manifest.lock"}


@pytest.mark.parametrize("before", [None, b"another"])
def test_what_somebody_wrote_meanwhile_is_not_overwritten(host: Any, before: bytes | None) -> None:
    assert manifest.put(host, ONE, None) is None
    problem = manifest.put(host, TWO, before)
    assert problem is not None and problem.id == "manifest.changed"
    assert manifest.there(host).manifest == ONE


def test_one_that_somebody_took_away_meanwhile_is_not_written(host: Any) -> None:
    problem = manifest.put(host, TWO, dump(ONE))
    assert problem is not None and problem.id == "manifest.changed"
    assert not host.file.exists()


def test_where_it_cannot_be_written_the_host_s_words_are_told(host: Any) -> None:
    host.file.parent.write_text("a file where the folder should be")
    problem = manifest.put(host, ONE, None)
    assert problem is not None and problem.id == "manifest.not_written"
    assert "exist" in problem.named["reason"] or "directory" in problem.named["reason"].lower()


def test_ours_is_a_host_with_our_unit_and_the_version_is_the_binary_s(host: Any) -> None:
    unit = host.root / "etc/systemd/system/pmail.service"
    unit.write_text("[Unit]\n# somebody's own\n")
    assert not manifest.there(host).deployed
    unit.write_text("# Managed by pmail-deploy\n")
    link = host.root / "usr/local/lib/pmail/current"
    link.symlink_to("/usr/local/lib/pmail/v2.9.7-0123456789ab")
    found = manifest.there(host)
    assert found.deployed
    assert (found.versions.pmail, found.versions.pmail_sha256) == ("v2.9.7", "0123456789ab")


@pytest.mark.parametrize(
    "said", ["41\\nmachine m2\\ndeployed", "41\nmachine m2", "²", "9" * 5000, "*"]
)
def test_what_pmail_s_user_says_is_a_number_and_no_line_of_the_host(
    host: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "said").write_text(said)
    (programs / "setpriv").write_text(f"#!/bin/sh\nexec cat {tmp_path}/said\n")
    (programs / "setpriv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    found = manifest.there(host)
    assert (found.machine, found.deployed, found.content) == ("m1", False, None)
    assert found.email is None or str(found.email).isdecimal()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"version": 1}'])
def test_one_that_is_damaged_is_told(host: Any, content: bytes) -> None:
    host.file.parent.mkdir()
    host.file.write_bytes(content)
    found = manifest.there(host)
    assert found.content == content
    with pytest.raises(ManifestError):
        _ = found.manifest


def test_a_connection_that_breaks_off_is_no_host_without_a_manifest(host: Any) -> None:
    manifest.put(host, ONE, None)
    lines = host.run(manifest.SCRIPT, None).stdout.splitlines()
    assert manifest.found(lines).manifest == ONE
    for count in range(len(lines)):
        with pytest.raises(DeployError):
            manifest.found(lines[:count])
    broken = [line[:-9] if line.startswith("manifest") else line for line in lines]
    with pytest.raises(DeployError):
        manifest.found(broken)
