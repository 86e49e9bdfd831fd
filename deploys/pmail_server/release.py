"""PMail's binary on the operator's machine: fetched, its sum pinned or recorded, and enforced.

Only what the project's own release address gives may be recorded on first use: a mirror, or
somebody's own address, is held against a sum that is known before.
"""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from deploys.run.paths import state_dir
from ground.errors import DeployError
from ground.private_files import write_private
from postmaster.settings import PmailSource

RELEASES = "https://github.com/Jinnrry/PMail/releases/download"
_ELF_MACHINE = {"amd64": 62, "arm64": 183}  # e_machine: EM_X86_64, EM_AARCH64
_CHUNK = 1 << 20
_MOST_FETCHED = 128 << 20  # octets; a release has 15 to 20 MiB
_MOST_UNPACKED = 256 << 20
_NO_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


class ReleaseError(DeployError):
    """The binary could not be had, or is not the one that was expected."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was recorded of a source: the sum of its file and of the binary in it, hex."""

    file_sha256: str
    binary_sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """A binary ready to be installed."""

    version: str
    sha256: str
    path: Path


def location(source: PmailSource, arch: str) -> str:
    """Return where the release comes from: a path, an own URL, or upstream's (through a mirror)."""
    if source.location is not None:
        return source.location
    return f"{source.mirror or ''}{_upstream(source, arch)}"


def _upstream(source: PmailSource, arch: str) -> str:
    """The project's own release address."""
    return f"{RELEASES}/{source.version}/linux_{arch}.zip"


def folder_name(version: str, sha256: str) -> str:
    """Return the name of the folder on the host that a binary is installed in."""
    return f"{version}-{sha256[:12]}"


def known(source: PmailSource, arch: str) -> Known | None:
    """Return what earlier runs recorded of this source; nothing is fetched."""
    where = location(source, arch)
    if _is_path(where):
        # A local file says itself what it is.
        path = Path(where)
        return _examined(where, _stat(path), source, arch) if path.is_file() else None
    return _recorded(source, arch)


def check(source: PmailSource, arch: str) -> None:
    """Look whether the binary is the one that is wanted, as far as that is known here already.

    Nothing is fetched, and nothing is kept. Raises ReleaseError.
    """
    where = location(source, arch)
    if _is_path(where):
        _examined(where, _stat(Path(where)), source, arch)
    elif recorded := _recorded(source, arch):
        _enforce(where, recorded.file_sha256, source.sha256)
    else:
        _refuse_unpinned(source, arch)


def obtain(source: PmailSource, arch: str, progress: Callable[[int, int], None]) -> Release:
    """Return the binary, fetching it when it is not here yet.

    progress: called with octets done and in all (0 when unknown). Raises ReleaseError.
    """
    where = location(source, arch)
    recorded = None if _is_path(where) else _recorded(source, arch)
    if recorded is not None:
        _enforce(where, recorded.file_sha256, source.sha256)
        if _is_kept(recorded.binary_sha256):
            sha256 = recorded.binary_sha256
            return Release(source.version, sha256, _cache(sha256))
    if recorded is None and not _is_path(where):
        _refuse_unpinned(source, arch)
    data = _read(where) if _is_path(where) else _download(where, progress)
    found, binary = _examine(where, data, source, arch)
    if recorded is not None:
        _enforce(where, found.file_sha256, recorded.file_sha256)
    kept = _cache(found.binary_sha256)
    if not _is_kept(found.binary_sha256):
        write_private(kept, binary)
    if not _is_path(where):
        _record(where, found)
    return Release(source.version, found.binary_sha256, kept)


def _refuse_unpinned(source: PmailSource, arch: str) -> None:
    """Raise ReleaseError where nobody knows what an address that is not the project's gives."""
    where = location(source, arch)
    if source.sha256 is None and where != _upstream(source, arch):
        raise ReleaseError("host.release.unpinned", location=where)


def _stat(path: Path) -> tuple[int, ...]:
    """What is another of a file that has changed. Raises ReleaseError."""
    try:
        found = path.stat()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReleaseError("host.release.read", location=str(path), reason=reason) from None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@cache
def _examined(where: str, stat: tuple[int, ...], source: PmailSource, arch: str) -> Known:
    """Sums of a local file and of the binary in it: for each host and stage anew, the same ones."""
    return _examine(where, _read(where), source, arch)[0]


def _examine(where: str, data: bytes, source: PmailSource, arch: str) -> tuple[Known, bytes]:
    """Sums of a source's file and of the binary in it, and that binary."""
    file_sha256 = _sum(data)
    _enforce(where, file_sha256, source.sha256)
    binary = _binary(where, data, arch)
    return Known(file_sha256, _sum(binary)), binary


def _enforce(where: str, found: str, wanted: str | None) -> None:
    if wanted is not None and found != wanted.lower():
        raise ReleaseError("host.release.sum", location=where, found=found, wanted=wanted.lower())


def _binary(where: str, data: bytes, arch: str) -> bytes:
    """The binary in `data`: a zip's (its bundled plugins start by themselves, so not them)."""
    if data[:2] == b"PK":
        data = _from_zip(where, data)
    if data[:4] != b"\x7fELF" or int.from_bytes(data[18:20], "little") != _ELF_MACHINE[arch]:
        raise ReleaseError("host.release.not_elf", location=where, arch=arch)
    return data


def _from_zip(where: str, data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [
                name
                for name in archive.namelist()
                if Path(name).name.startswith("pmail") and "plugin" not in name
            ]
            if len(names) != 1:
                raise ReleaseError("host.release.zip", location=where, found=", ".join(names))
            with archive.open(names[0]) as member:
                # What an archive says of a file's size need not be true.
                return _limited(where, member, _MOST_UNPACKED)
    except _NO_ZIP:
        raise ReleaseError("host.release.zip", location=where, found="-") from None


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirections that nobody on the way can change."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the request for where a redirection leads. Raises ReleaseError."""
        _refuse_insecure(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _refuse_insecure(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise ReleaseError("host.release.https", location=url)


def _opener() -> urllib.request.OpenerDirector:
    """What opens https addresses and no others."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _OnlyHttps(),
    ):
        opener.add_handler(handler)
    return opener


def _download(url: str, progress: Callable[[int, int], None]) -> bytes:
    _refuse_insecure(url)
    try:
        with _opener().open(url, timeout=60) as reply:
            size = int(reply.headers.get("Content-Length") or 0)
            if size > _MOST_FETCHED:
                raise _too_large(url, _MOST_FETCHED)
            data = _limited(url, reply, _MOST_FETCHED, lambda done: progress(done, size))
    except (OSError, ValueError, HTTPException) as error:
        reason = str(getattr(error, "reason", None) or error)
        raise ReleaseError("host.release.download", location=url, reason=reason) from None
    if size and len(data) != size:
        raise ReleaseError("host.release.short", location=url, found=str(len(data)), size=str(size))
    return data


def _limited(
    where: str, stream: IO[bytes], most: int, progress: Callable[[int], None] = lambda done: None
) -> bytes:
    """All of a stream that gives no more than it may. Raises ReleaseError."""
    data = bytearray()
    while chunk := stream.read(_CHUNK):
        data += chunk
        if len(data) > most:
            raise _too_large(where, most)
        progress(len(data))
    return bytes(data)


def _too_large(where: str, most: int) -> ReleaseError:
    return ReleaseError("host.release.too_large", location=where, most=most >> 20)


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return _limited(path, stream, _MOST_UNPACKED)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReleaseError("host.release.read", location=path, reason=reason) from None


def _is_path(where: str) -> bool:
    return "://" not in where


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _cache(sha256: str) -> Path:
    return state_dir() / "downloads" / sha256


def _is_kept(sha256: str) -> bool:
    """Whether the binary with this sum is here, unharmed."""
    kept = _cache(sha256)
    return kept.is_file() and _sum(kept.read_bytes()) == sha256


def _records_path() -> Path:
    return state_dir() / "pmail-releases.json"


def _recorded(source: PmailSource, arch: str) -> Known | None:
    """What was recorded of an address; what a mirror gives is what the project's own gave."""
    records, where = _records(), location(source, arch)
    mirrored = source.location is None
    return records.get(where) or (records.get(_upstream(source, arch)) if mirrored else None)


def _records() -> dict[str, Known]:
    try:
        record = json.loads(_records_path().read_text("utf-8"))
        return {where: Known(**sums) for where, sums in record["releases"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError):
        raise ReleaseError("host.release.records", path=str(_records_path())) from None


def _record(where: str, found: Known) -> None:
    sums = {
        place: {"file_sha256": known.file_sha256, "binary_sha256": known.binary_sha256}
        for place, known in {**_records(), where: found}.items()
    }
    record = {"version": 1, "releases": sums}
    write_private(_records_path(), json.dumps(record, indent=1, sort_keys=True).encode() + b"\n")
