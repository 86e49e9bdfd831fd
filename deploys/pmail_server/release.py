"""PMail's binary on the operator's machine: fetched, its sum pinned or recorded, and enforced."""

from __future__ import annotations

import hashlib
import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploys.run.paths import state_dir
from ground.errors import DeployError
from ground.private_files import write_private
from postmaster.settings import PmailSource

RELEASES = "https://github.com/Jinnrry/PMail/releases/download"
_ELF_MACHINE = {"amd64": 62, "arm64": 183}  # e_machine: EM_X86_64, EM_AARCH64
_CHUNK = 1 << 20


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
    return f"{source.mirror or ''}{RELEASES}/{source.version}/linux_{arch}.zip"


def folder_name(version: str, sha256: str) -> str:
    """Return the name of the folder on the host that a binary is installed in."""
    return f"{version}-{sha256[:12]}"


def known(source: PmailSource, arch: str) -> Known | None:
    """Return what earlier runs recorded of this source; nothing is fetched."""
    where = location(source, arch)
    if _is_path(where):
        # A local file says itself what it is.
        path = Path(where)
        return _examine(where, path.read_bytes(), source, arch)[0] if path.is_file() else None
    return _records().get(where)


def check(source: PmailSource, arch: str) -> None:
    """Look whether the binary is the one that is wanted, as far as that is known here already.

    Nothing is fetched, and nothing is kept. Raises ReleaseError.
    """
    where = location(source, arch)
    if _is_path(where):
        _examine(where, _read(where), source, arch)
    elif recorded := _records().get(where):
        _enforce(where, recorded.file_sha256, source.sha256)


def obtain(source: PmailSource, arch: str, progress: Callable[[int, int], None]) -> Release:
    """Return the binary, fetching it when it is not here yet.

    progress: called with octets done and in all (0 when unknown). Raises ReleaseError.
    """
    where = location(source, arch)
    recorded = None if _is_path(where) else _records().get(where)
    if recorded is not None:
        _enforce(where, recorded.file_sha256, source.sha256)
        if _is_kept(recorded.binary_sha256):
            sha256 = recorded.binary_sha256
            return Release(source.version, sha256, _cache(sha256))
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
            return archive.read(names[0])
    except zipfile.BadZipFile:
        raise ReleaseError("host.release.zip", location=where, found="-") from None


def _download(url: str, progress: Callable[[int, int], None]) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            size = int(reply.headers.get("Content-Length") or 0)
            data = bytearray()
            while chunk := reply.read(_CHUNK):
                data += chunk
                progress(len(data), size)
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "reason", None) or error)
        raise ReleaseError("host.release.download", location=url, reason=reason) from None
    if size and len(data) != size:
        raise ReleaseError("host.release.short", location=url, found=str(len(data)), size=str(size))
    return bytes(data)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
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
