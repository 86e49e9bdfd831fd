"""A BIND zone file on this machine: only our records are changed, everything else stays.

A file that is not the whole truth of its zone, or not the first of it, is none to edit: a server
keeps what it was told by dynamic update in a journal, and a signed file is made of another one.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import dns.exception
import dns.name
import dns.zone

from dns_providers.base import (
    AuthError,
    Capabilities,
    Change,
    Rejected,
    Snapshot,
    Tell,
    ZoneNotFound,
    refuse_stale,
    snapshot_of,
)
from dns_providers.master_file import (
    MasterFileError,
    Record,
    edit,
    is_stand_in,
    records,
    sensible,
    serial_of,
    signers_types,
)
from dns_providers.rows import as_it_stands
from dns_providers.rrset import RRKey, RRset, from_rdataset, name_text, owner_name
from dns_providers.spec import Environ, Option, Options, ProviderSpec

_JOURNAL_HEAD = struct.Struct(">24sI")  # magic, first serial and its place; the last serial


@dataclass(frozen=True, slots=True)
class ZoneFileProvider:
    """A zone in a master file. `reload_command` is run (without a shell) after each write."""

    slug: ClassVar[str] = "zonefile"
    zone: dns.name.Name
    path: Path
    reload_command: str | None = None

    @property
    def capabilities(self) -> Capabilities:
        """The file is replaced as a whole."""
        return Capabilities(atomic="zone", cas="reread", min_ttl=0)

    def read(self, names: frozenset[dns.name.Name]) -> Snapshot:
        """Read the file. Raises ProviderError."""
        return snapshot_of(self.zone, names, self._whole()[1].values())

    def apply(self, changes: Sequence[Change]) -> None:
        """Write the file anew, atomically, if every `before` still holds. Raises ProviderError.

        When the reload command fails, the old content is put back.
        """
        path = self.path.resolve()
        with path.open("r+") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX)
            old, there = self._whole()
            refuse_stale(changes, there)
            new = self._edited(old, changes)
            self._replace(path, new)
            try:
                self.settle()
            except Rejected:
                self._replace(path, old)
                raise

    def wait_accepted(self, tell: Tell) -> None:
        """Nothing to wait for: a write is carried out when it is answered."""

    def settle(self) -> None:
        """Make the server load the file. Raises Rejected when the command fails."""
        if not self.reload_command:
            return
        try:
            done = subprocess.run(
                shlex.split(self.reload_command),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=60,
            )
            problem = "" if done.returncode == 0 else (done.stderr or done.stdout).strip()
            failed = done.returncode != 0
        except (OSError, subprocess.TimeoutExpired) as error:
            failed, problem = True, str(error)
        if failed:
            raise Rejected(
                "dns.error.reload",
                command=self.reload_command,
                path=str(self.path),
                reason=problem,
            )

    def _text(self) -> str:
        """The file, an octet a character: nothing that others wrote in it has to mean anything."""
        try:
            return self.path.read_bytes().decode("latin-1")
        except FileNotFoundError:
            raise ZoneNotFound("dns.error.no_zone_file", path=self.path) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _whole(self) -> tuple[str, dict[RRKey, RRset]]:
        """The file and what stands in it. Raises Rejected where that is not the whole zone."""
        text = self._text()
        found = self._rrsets(text)
        # A server may know the file by either name.
        for journal in dict.fromkeys(map(_journal, (self.path, self.path.resolve()))):
            if journal.exists() and not self._is_of_signer(journal, text):
                zone = name_text(self.zone)
                raise Rejected("dns.error.zone_journal", path=self.path, journal=journal, zone=zone)
        return text, found

    def _is_of_signer(self, journal: Path, text: str) -> bool:
        """Whether a journal is how a server that signs by itself sees what changed in this file.

        BIND's inline signing writes one when the file is loaded again, beside the signed zone; what
        stands in it came from the file, unless it goes on beyond it.
        """
        if not journal.with_suffix(".signed").exists():
            return False
        try:
            with journal.open("rb") as stream:
                header = stream.read(_JOURNAL_HEAD.size)
            magic, end = _JOURNAL_HEAD.unpack(header)
            here = serial_of(text, self.zone)
        except (OSError, struct.error, MasterFileError, ValueError):
            return False
        return bool(magic.startswith(b";BIND LOG")) and (here - end) % 2**32 < 2**31

    def _unreadable(self, error: Exception) -> AuthError:
        return AuthError("dns.error.zone_file", path=self.path, reason=error)

    def _rrsets(self, text: str) -> dict[RRKey, RRset]:
        try:
            found = records(text, self.zone)
            if signed := signers_types(found):
                raise self._signed(signed)
            plain = sensible(text, found)
            zone = dns.zone.from_text(plain, self.zone, relativize=False, check_origin=True)
        except (dns.exception.DNSException, MasterFileError, ValueError) as error:
            raise self._bad_file(error) from None
        rrsets = (from_rdataset(owner, rdataset) for owner, rdataset in zone.iterate_rdatasets())
        there = {each.key: each for each in rrsets if not is_stand_in(each.key)}
        return {**there, **_odd(found, there)}

    def _signed(self, types: frozenset[str]) -> Rejected:
        listed = ", ".join(sorted(types))
        return Rejected("dns.error.zone_signed", path=self.path, types=listed)

    def _bad_file(self, error: Exception) -> Rejected:
        zone = name_text(self.zone)
        return Rejected("dns.error.bad_zone_file", path=self.path, zone=zone, reason=error)

    def _edited(self, old: str, changes: Sequence[Change]) -> str:
        """The new text; proven to differ from the old in our RRsets and the serial only."""
        before = [change.before for change in changes if change.before]
        after = [change.after for change in changes if change.after]
        try:
            new = edit(old, self.zone, before, after)
        except MasterFileError as error:
            raise self._bad_file(error) from None
        expected = self._rrsets(old)
        for change in changes:
            expected.pop(change.key, None)
            if change.after:
                expected[change.key] = change.after
        soa = RRKey(self.zone, "SOA")
        found = self._rrsets(new)
        if {**expected, soa: found[soa]} != found:
            raise self._bad_file(MasterFileError("dns.zone_file.together"))
        return new

    def _replace(self, path: Path, text: str) -> None:
        name = ""
        try:
            status = path.stat()
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            with open(handle, "wb") as stream:
                os.fchmod(stream.fileno(), status.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(stream.fileno(), status.st_uid, status.st_gid)
                stream.write(text.encode("latin-1"))
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except OSError as error:
            if name:
                Path(name).unlink(missing_ok=True)
            raise self._unreadable(error) from None


def _journal(path: Path) -> Path:
    """Where BIND keeps what it was told by dynamic update (ARM, "journal")."""
    return path.with_name(f"{path.name}.jnl")


def _odd(found: Iterable[Record], there: Mapping[RRKey, RRset]) -> dict[RRKey, RRset]:
    """RRsets of records that nothing can be made of, with what else is at their keys; opaque."""
    texts: dict[RRKey, list[str]] = {}
    for record in found:
        if record.odd:
            texts.setdefault(record.key, []).append(str(record.value))
    return {
        key: as_it_stands(key, (*said, *(map(str, there[key].values) if key in there else ())))
        for key, said in texts.items()
    }


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> ZoneFileProvider:
    reload_command = options.get("zone_reload_command")
    return ZoneFileProvider(owner_name(zone), Path(options["zone_file"]), reload_command)


SPEC = ProviderSpec(
    (Option("zone_file", "file", required=True), Option("zone_reload_command")),
    _open,
    policy="policy.zonefile",
)
