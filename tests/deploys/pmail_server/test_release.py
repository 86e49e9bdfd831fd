"""PMail's binary: whatever it comes from, only the one that was expected is installed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploys.pmail_server import release
from deploys.pmail_server.release import Known, Release, ReleaseError
from postmaster.settings import PmailSource
from tests.lab.certificates import Files, issue
from tests.probes.talker import Http, talking

VERSION = "v2.9.7"


def elf(machine: int = 62, content: bytes = b"pmail") -> bytes:
    """The beginning of a program for a machine (62: x86-64, 183: AArch64)."""
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + content


def zipped(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # the same sum at any time
    return packed.getvalue()


def official(binary: bytes) -> bytes:
    """A release as upstream packs it."""
    names = {"out/pmail_linux_amd64": binary, "out/plugins/pmail_plugin": b"", "README.md": b""}
    return zipped(**names)


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def source(location: str | Path | None, sha256: str | None = None) -> PmailSource:
    return PmailSource(VERSION, None if location is None else str(location), None, sha256)


def nothing(done: int, whole: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PMAIL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def local(tmp_path: Path) -> Callable[[bytes], Path]:
    def put(data: bytes) -> Path:
        path = tmp_path / "pmail.zip"
        path.write_bytes(data)
        return path

    return put


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """A certificate for this machine, whose authority is trusted meanwhile."""
    files = issue(tmp_path_factory.mktemp("authority"), ("localhost",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(files.authority))
        yield files


def served(data: bytes) -> Http:
    return Http(f"HTTP/1.0 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)


@pytest.fixture
def upstream(
    certified: Files, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Http], AbstractContextManager[PmailSource]]:
    """Has something talk as the project's own release address, which is given."""

    @contextmanager
    def talks(talker: Http) -> Iterator[PmailSource]:
        talker.files = certified
        with talking(talker) as port:
            monkeypatch.setattr(release, "RELEASES", f"https://localhost:{port}/download")
            yield source(None)

    return talks


Upstream = Callable[[Http], AbstractContextManager[PmailSource]]


def refused(where: PmailSource, arch: str = "amd64") -> ReleaseError:
    with pytest.raises(ReleaseError) as error:
        release.obtain(where, arch, nothing)
    return error.value


def test_upstreams_release_is_the_default_and_a_mirror_stands_before_it() -> None:
    upstream = f"https://github.com/Jinnrry/PMail/releases/download/{VERSION}/linux_arm64.zip"
    assert release.location(source(None), "arm64") == upstream
    mirrored = PmailSource(VERSION, None, "https://mirror.test/", None)
    assert release.location(mirrored, "arm64") == f"https://mirror.test/{upstream}"
    assert release.location(source("/own/pmail"), "amd64") == "/own/pmail"


def test_a_binary_is_installed_under_its_version_and_its_sum() -> None:
    assert release.folder_name(VERSION, "0123456789abcdef") == f"{VERSION}-0123456789ab"


@pytest.mark.parametrize("packed", [False, True])
def test_a_local_file_is_the_binary_or_has_it(
    local: Callable[[bytes], Path], packed: bool, state: Path
) -> None:
    path = local(official(elf()) if packed else elf())
    found = release.obtain(source(path), "amd64", nothing)
    assert found == Release(VERSION, sum_of(elf()), state / "downloads" / sum_of(elf()))
    assert found.path.read_bytes() == elf()
    assert release.known(source(path), "amd64") == Known(sum_of(path.read_bytes()), sum_of(elf()))
    assert not (state / "pmail-releases.json").exists(), "a local file says itself what it is"


def test_a_local_file_that_is_not_there_is_not_known_and_cannot_be_had(tmp_path: Path) -> None:
    where = source(tmp_path / "none")
    assert release.known(where, "amd64") is None
    error = refused(where)
    assert error.words.id == "host.release.read"
    assert error.words.named == {"location": where.location, "reason": "No such file or directory"}


def test_a_binary_for_another_machine_is_refused(local: Callable[[bytes], Path]) -> None:
    arm = local(elf(183))
    assert release.obtain(source(arm), "arm64", nothing).sha256 == sum_of(elf(183))
    error = refused(source(arm))
    assert error.words.id == "host.release.not_elf" and error.words.named["arch"] == "amd64"
    assert refused(source(local(b"#!/bin/sh\n" + bytes(30)))).words.id == "host.release.not_elf"
    assert refused(source(local(official(b"text")))).words.id == "host.release.not_elf"


def test_an_archive_without_one_binary_is_refused(local: Callable[[bytes], Path]) -> None:
    none = refused(source(local(zipped(**{"README.md": b"", "notpmail": b""}))))
    assert (none.words.id, none.words.named["found"]) == ("host.release.zip", "")
    two = refused(source(local(zipped(pmail_a=elf(), pmail_b=elf()))))
    assert two.words.named["found"] == "pmail_a, pmail_b"
    torn = refused(source(local(official(elf())[:40])))
    assert (torn.words.id, torn.words.named["found"]) == ("host.release.zip", "-")


def test_a_sum_that_the_user_gave_is_enforced_in_whatever_letters(
    local: Callable[[bytes], Path],
) -> None:
    path = local(elf())
    assert release.obtain(source(path, sum_of(elf()).upper()), "amd64", nothing)
    error = refused(source(path, "AB" * 32))
    assert error.words.id == "host.release.sum"
    assert error.words.named == {"location": str(path), "found": sum_of(elf()), "wanted": "ab" * 32}


def test_what_was_fetched_once_is_recorded_and_not_fetched_again(
    state: Path, upstream: Upstream
) -> None:
    data, talker, seen = official(elf()), served(official(elf())), list[tuple[int, int]]()
    with upstream(talker) as where:
        assert release.known(where, "amd64") is None
        first = release.obtain(where, "amd64", lambda done, whole: seen.append((done, whole)))
        assert release.obtain(where, "amd64", nothing) == first
        assert release.known(where, "amd64") == Known(sum_of(data), sum_of(elf()))
        assert len(talker.heard) == 1
        # Damaged since: fetched again.
        first.path.write_bytes(b"harmed")
        assert release.obtain(where, "amd64", nothing) == first
        assert first.path.read_bytes() == elf() and len(talker.heard) == 2
        url = release.location(where, "amd64")
    assert seen[-1] == (len(data), len(data))
    record = json.loads((state / "pmail-releases.json").read_text())
    assert record == {
        "version": 1,
        "releases": {url: {"file_sha256": sum_of(data), "binary_sha256": sum_of(elf())}},
    }


def test_a_source_that_gives_something_else_than_the_first_time_is_refused(
    upstream: Upstream,
) -> None:
    talker = served(official(elf()))
    with upstream(talker) as where:
        release.obtain(where, "amd64", nothing).path.unlink()
        talker.answer = served(official(elf(content=b"another"))).answer
        assert refused(where).words.id == "host.release.sum"
        # What is recorded is held against the sum that the user gave since, before all else.
        pinned = replace(where, sha256="ab" * 32)
        assert refused(pinned).words.id == "host.release.sum" and len(talker.heard) == 2


@pytest.mark.parametrize(
    "where",
    [
        PmailSource(VERSION, None, "https://mirror.test/", None),
        source("https://own.test/pmail.zip"),
        source("https://github.com/Jinnrry/PMail/releases/download/v2.9.7/linux_amd64.zip.evil"),
        source("https://github.com/other/PMail/releases/download/v2.9.7/linux_amd64.zip"),
        source("https://github.com.evil.test/Jinnrry/PMail/releases/download/v1/linux_amd64.zip"),
    ],
    ids=str,
)
def test_what_is_not_the_projects_own_needs_a_sum_before_it_is_fetched(
    where: PmailSource, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "_download", lambda *_: pytest.fail("fetched"))
    with pytest.raises(ReleaseError) as error:
        release.check(where, "amd64")
    assert error.value.words.id == refused(where).words.id == "host.release.unpinned"
    assert not state.exists()
    release.check(replace(where, sha256="ab" * 32), "amd64")


def test_a_mirror_gives_what_the_projects_own_address_gave_or_is_refused(
    upstream: Upstream, certified: Files
) -> None:
    with upstream(served(official(elf()))) as where:
        release.obtain(where, "amd64", nothing).path.unlink()
        talker = served(official(elf(content=b"another")))
        talker.files = certified
        with talking(talker) as port:
            mirrored = replace(where, mirror=f"https://localhost:{port}/")
            assert refused(mirrored).words.id == "host.release.sum"
            talker.answer = served(official(elf())).answer
            assert release.obtain(mirrored, "amd64", nothing).sha256 == sum_of(elf())
        other = replace(mirrored, version="v2.9.8")
        assert refused(other).words.id == "host.release.unpinned"


def test_an_own_address_with_its_sum_is_taken(certified: Files) -> None:
    talker = served(official(elf()))
    talker.files = certified
    with talking(talker) as port:
        url = f"https://localhost:{port}/pmail.zip"
        where = source(url, sum_of(official(elf())))
        assert release.obtain(where, "amd64", nothing).sha256 == sum_of(elf())
        assert refused(source(url, "ab" * 32)).words.id == "host.release.sum"


def test_only_https_is_fetched_also_where_it_leads_elsewhere(upstream: Upstream) -> None:
    plain = served(official(elf()))
    with talking(plain) as port:
        url = f"http://localhost:{port}/pmail.zip"
        for scheme in (url, "file:///etc/passwd", "ftp://localhost/x"):
            error = refused(source(scheme, sum_of(official(elf()))))
            assert error.words.id == "host.release.https"
        for to in (url, "file:///etc/passwd", "ftp://localhost/x"):
            head = f"HTTP/1.0 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            with upstream(Http(head.encode())) as where:
                found = refused(where)
            # Of some schemes Python's own says so first.
            assert found.words.id in ("host.release.https", "host.release.download")
            assert to in str(found)
    assert plain.heard == []
    with upstream(served(official(elf()))) as where:
        target = release.location(where, "amd64")
        with upstream(Http(f"HTTP/1.0 302 Found\r\nLocation: {target}\r\n\r\n".encode())) as led:
            assert release.obtain(led, "amd64", nothing).sha256 == sum_of(elf())


def test_a_download_of_more_than_any_pmail_is_refused_whatever_it_says_of_its_size(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    monkeypatch.setattr(release, "_MOST_FETCHED", 1000)
    for head in ("Content-Length: 1001\r\n", "Content-Length: 10\r\n", ""):
        talker = Http(f"HTTP/1.0 200 OK\r\n{head}\r\n".encode() + elf(content=bytes(1000)))
        with upstream(talker) as where:
            error = refused(where)
        wanted = "host.release.not_elf" if "10\r" in head else "host.release.too_large"
        assert error.words.id == wanted
    assert not (state / "downloads").exists()


def test_an_archive_that_unpacks_to_more_than_any_pmail_is_refused(
    local: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "_MOST_UNPACKED", 1 << 16)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pmail", elf(content=bytes(1 << 20)))
    assert len(packed.getvalue()) < 1 << 13
    assert refused(source(local(packed.getvalue()))).words.id == "host.release.too_large"
    lying = packed.getvalue().replace((1 << 20).to_bytes(4, "little")[:3], b"\x01\x00\x00")
    for data in (lying, packed.getvalue().replace(b"PK\x01\x02", b"PK\x01\x03")):
        error = refused(source(local(data)))
        assert error.words.id in ("host.release.zip", "host.release.too_large")


def test_what_is_here_is_checked_before_anything_is_fetched_or_kept(
    local: Callable[[bytes], Path], state: Path, upstream: Upstream
) -> None:
    path = local(elf())
    release.check(source(path, sum_of(elf())), "amd64")
    wrong = ((source(path, "0" * 64), "amd64"), (source(path), "arm64"))
    for where, arch in (*wrong, (source(state / "none"), "amd64")):
        with pytest.raises(ReleaseError):
            release.check(where, arch)
    assert not state.exists()
    with upstream(served(official(elf()))) as where:
        other = replace(where, sha256="0" * 64)
        release.check(other, "amd64")
        release.obtain(where, "amd64", nothing)
        release.check(where, "amd64")
        with pytest.raises(ReleaseError, match="0" * 64):
            release.check(other, "amd64")


def test_several_sources_are_recorded_beside_each_other(state: Path, upstream: Upstream) -> None:
    with upstream(served(official(elf()))) as where:
        for version in ("v2", "v1"):
            release.obtain(replace(where, version=version), "amd64", nothing)
        record = json.loads((state / "pmail-releases.json").read_text())["releases"]
        assert [each.split("/")[-2] for each in record] == ["v1", "v2"]


def test_a_download_that_fails_or_ends_early_is_told(upstream: Upstream) -> None:
    with upstream(Http(b"HTTP/1.0 404 Not Found\r\n\r\n")) as where:
        error = refused(where)
        assert error.words.id == "host.release.download"
        url = release.location(where, "amd64")
        assert error.words.named == {"location": url, "reason": "Not Found"}
    gone = refused(where)
    assert "refused" in gone.words.named["reason"]
    with upstream(Http(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\nhalf")) as where:
        short = refused(where)
    assert short.words.id == "host.release.short"
    assert (short.words.named["found"], short.words.named["size"]) == ("4", "100")
    with upstream(Http(b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\nhalf")) as where:
        assert refused(where).words.id == "host.release.download"


def test_a_download_of_unknown_length_is_taken(upstream: Upstream) -> None:
    seen = list[tuple[int, int]]()
    with upstream(Http(b"HTTP/1.0 200 OK\r\n\r\n" + elf())) as where:
        found = release.obtain(where, "amd64", lambda *told: seen.append(told))
    assert found.sha256 == sum_of(elf()) and seen == [(len(elf()), 0)]


@pytest.mark.parametrize("damage", ["{", "{}", '{"releases": {"x": {"other": 1}}}'])
def test_a_damaged_record_is_told_with_its_path(state: Path, damage: str) -> None:
    state.mkdir()
    (state / "pmail-releases.json").write_text(damage)
    error = refused(source("https://127.0.0.1:1/x", "ab" * 32))
    assert error.words.id == "host.release.records"
    assert error.words.named == {"path": str(state / "pmail-releases.json")}
