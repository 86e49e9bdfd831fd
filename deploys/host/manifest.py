"""The manifest on the host: read with what tells whose it is, and written if nobody else has."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from pyinfra.api import Host

from deploys.host import pmail_layout as layout
from deploys.host.gathering import Script
from deploys.host.remote import read
from deploys.host.snapshot import look
from ground.errors import DeployError
from ground.foreign import whole_number
from ground.words import Words, text
from postmaster.manifest import Look, Manifest, Versions, dump, parse

LAST_EMAIL = 'select coalesce(max(seq), 0) from sqlite_sequence where name = "email";'
SCRIPT = (
    "echo machine $(cat /etc/machine-id 2>/dev/null); "
    f"grep -qsF '{layout.MARK}' {layout.UNIT} && echo deployed; "
    f"echo binary $(readlink {layout.BINARY_CURRENT}); "
    f"echo version $(cat {layout.BINARY_VERSION} 2>/dev/null); "
    # What PMail's user says is a number: in a text there could be lines that look like ours.
    f"echo email $({{ {layout.AS_PMAIL} test -f {layout.DATABASE} && echo '{LAST_EMAIL}' | "
    f"timeout 60 {layout.SQLITE} -readonly {layout.DATABASE} 2>/dev/null; }} | "
    "head -n 1 | tr -cd 0-9 | cut -c -18); "
    f"[ ! -e {layout.MANIFEST} ] || echo manifest $(base64 -w 0 < {layout.MANIFEST}) .; "
    "echo end"
)
LOOK = Script(SCRIPT)


@dataclass(frozen=True, slots=True)
class Found:
    """What is on a host. content: the manifest's file, None where there is none.

    email: the highest id that a message in the database has had, None where it was not read.
    """

    content: bytes | None
    deployed: bool
    machine: str
    versions: Versions
    email: int | None = None

    @property
    def manifest(self) -> Manifest | None:
        """The manifest. Raises ManifestError."""
        return None if self.content is None else parse(self.content.decode("utf-8", "replace"))

    @property
    def look(self) -> Look:
        """What is compared with the state. Raises ManifestError."""
        return Look(self.manifest, self.deployed)


def found(lines: list[str]) -> Found:
    """Return what SCRIPT has printed. Raises DeployError where it has not come to its end."""
    seen = {word: rest for word, _, rest in (line.partition(" ") for line in lines)}
    if "end" not in seen or "machine" not in seen:
        raise DeployError("manifest.unread")
    return Found(
        _decoded(seen["manifest"]) if "manifest" in seen else None,
        "deployed" in seen,
        seen["machine"],
        _versions(seen.get("binary", ""), seen.get("version", "")),
        whole_number(seen.get("email")),
    )


def _decoded(printed: str) -> bytes:
    """The file; one that broke off on its way is none."""
    content, _, end = printed.rpartition(" ")
    try:
        if end == ".":
            return base64.b64decode(content, validate=True)
    except binascii.Error:
        pass
    raise DeployError("manifest.unread")


def _versions(folder: str, said: str) -> Versions:
    """Versions, by the folder that PMail's binary is in. said: what the binary calls itself."""
    version, _, sha256 = folder.removeprefix(f"{layout.BINARIES}/").rpartition("-")
    return Versions(said or version, sha256)


def there(host: Host) -> Found:
    """Look at a host now. Raises DeployError where it cannot be read."""
    return found(read(host, SCRIPT).stdout.splitlines())


def seen(host: Host) -> Found:
    """Return what is on a host, by its snapshot. Raises DeployError where it cannot be read."""
    return found(look(host, LOOK).stdout.splitlines())


def put(host: Host, new: Manifest, before: bytes | None) -> Words | None:
    """Write a manifest, if there is what was read before. Returns why that was not possible.

    before: the file as it was read, None where there was none.
    """
    content = dump(new)
    path, fresh = layout.MANIFEST, f"{layout.MANIFEST}.new"
    expected = hashlib.sha256(before).hexdigest() if before is not None else ""
    digest = hashlib.sha256(content).hexdigest()
    script = (
        f"set -e; umask 022; mkdir -p {layout.OWN}; umask 077; "
        f"exec 9>{layout.MANIFEST_LOCK}; flock -w 60 9; "
        f"there=; [ ! -e {path} ] || there=$(sha256sum < {path} | cut -d' ' -f1); "
        f'[ "$there" = "{expected}" ] || {{ echo {_CHANGED}; exit 75; }}; '
        f"trap 'rm -f -- {fresh}' EXIT; base64 -d > {fresh}; "
        f"echo '{digest}  '{fresh} | sha256sum --check --strict --status; "
        f"sync {fresh}; mv -fT {fresh} {path}; trap - EXIT; sync {layout.OWN}"
    )
    reply = read(host, script, stdin=base64.b64encode(content).decode("ascii"))
    if reply.ok:
        return None
    if _CHANGED in reply.stdout.splitlines():
        return Words.of("manifest.changed", host=host.name)
    reason = reply.stderr.strip() or text("host.no_reason")
    return Words.of("manifest.not_written", host=host.name, reason=reason)


_CHANGED = "changed"
