"""A BIND zone file on this machine: only our records are changed, everything else stays."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
from collections.abc import Sequence
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
from dns_providers.master_file import MasterFileError, edit, records
from dns_providers.rrset import RRKey, RRset, from_rdataset, name_text, owner_name
from dns_providers.spec import Environ, Option, Options, ProviderSpec


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
        return snapshot_of(self.zone, names, self._rrsets(self._text()).values())

    def apply(self, changes: Sequence[Change]) -> None:
        """Write the file anew, atomically, if every `before` still holds. Raises ProviderError.

        When the reload command fails, the old content is put back.
        """
        path = self.path.resolve()
        with path.open("r+") as locked:
            fcntl.flock(locked, fcntl.LOCK_EX)
            old = self._text()
            refuse_stale(changes, self._rrsets(old))
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
                shlex.split(self.reload_command), capture_output=True, text=True, timeout=60
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
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            raise ZoneNotFound("dns.error.no_zone_file", path=self.path) from None
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> AuthError:
        return AuthError("dns.error.zone_file", path=self.path, reason=error)

    def _rrsets(self, text: str) -> dict[RRKey, RRset]:
        try:
            records(text, self.zone)  # refuses what could not be edited later
            zone = dns.zone.from_text(text, self.zone, relativize=False, check_origin=True)
        except (dns.exception.DNSException, MasterFileError, ValueError) as error:
            raise self._bad_file(error) from None
        found = (from_rdataset(owner, rdataset) for owner, rdataset in zone.iterate_rdatasets())
        return {rrset.key: rrset for rrset in found}

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
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            status = path.stat()
            with fresh.open("w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), status.st_mode & 0o7777)
                if os.geteuid() == 0:
                    os.fchown(stream.fileno(), status.st_uid, status.st_gid)
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise self._unreadable(error) from None


# -- the provider -----------------------------------------------------------------------------


def _open(zone: str, options: Options, environ: Environ) -> ZoneFileProvider:
    reload_command = options.get("zone_reload_command")
    return ZoneFileProvider(owner_name(zone), Path(options["zone_file"]), reload_command)


SPEC = ProviderSpec(
    (Option("zone_file", "file", required=True), Option("zone_reload_command")),
    _open,
    policy="policy.zonefile",
)
