"""pyinfra operation for PMail's binary, in a folder of its own, and the link to the current one."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host import pmail_layout as layout
from deploys.host.files import link_script
from deploys.host.gathering import Script
from deploys.host.looked import ARCHITECTURE, looked
from deploys.host.snapshot import act, look
from deploys.pmail_server import release
from ground.operations import fail, refuse
from ground.words import text
from postmaster.settings import MailServer

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@operation()
def binary(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure PMail's binary in a folder of its own; the first one is the current one at once.

    Another one is tried before it takes the place of the one that runs: `upgrade.switched`.

    + server: the mail server
    """
    arch = _architecture(host)
    if arch is None:
        yield from fail(text("host.architecture"))
        return
    try:
        sha256, path = _wanted_binary(server, arch)
    except release.ReleaseError as error:
        yield from fail(str(error))
        return
    if sha256 is None:
        where = release.location(server.source, arch)
        host.log_styled(f"  + {layout.BINARY} ({where})", fg="green")
        yield FunctionCommand(refuse, (text("host.binary_failed"),), {})
        return
    folder = _folder(server, sha256)
    if _is_there(folder, sha256):
        host.noop(text("host.binary_right", version=server.source.version))
        return
    host.log_styled(f"  + {folder}/pmail", fg="green")
    yield FunctionCommand(_install_binary, (path, folder, sha256), {})


def wanted_folder(server: MailServer) -> str | None:
    """Return the folder of the binary that the current host is to have, None: not fetched yet.

    Raises ReleaseError.
    """
    arch = _architecture(host)
    known = release.known(server.source, arch) if arch else None
    return _folder(server, known.binary_sha256) if known else None


def looks(server: MailServer) -> tuple[Script, ...]:
    """Return what is looked at on the current host. Raises ReleaseError."""
    folder = wanted_folder(server)
    return (_in_use(folder),) if folder else ()


def _is_there(folder: str, sha256: str) -> bool:
    there = look(host, _in_use(folder))
    return there.ok and there.stdout.split(" ")[0] == sha256


def _in_use(folder: str) -> Script:
    # Debian's sha256sum takes five times as long for what is big.
    return Script(f"[ -e {layout.BINARY} ] && openssl dgst -sha256 -r < {folder}/pmail")


def _folder(server: MailServer, sha256: str) -> str:
    return f"{layout.BINARIES}/{release.folder_name(server.source.version, sha256)}"


def _architecture(host: Host) -> str | None:
    return ARCHITECTURES.get(looked(host).of(ARCHITECTURE))


def _wanted_binary(server: MailServer, arch: str) -> tuple[str | None, Path | None]:
    """Sum of the binary, and where it is here.

    It is fetched, or read, only while the run is carried out, for a host that has it not.
    """
    known = release.known(server.source, arch)
    sha256 = known.binary_sha256 if known else None
    if not state.is_executing or (sha256 and _is_there(_folder(server, sha256), sha256)):
        return sha256, None
    found = release.obtain(server.source, arch, _progress(host))
    return found.sha256, found.path


def _progress(host: Host) -> Callable[[int, int], None]:
    shown = [0]

    def report(done: int, size: int) -> None:
        if size and done * 10 // size > shown[0]:
            shown[0] = done * 10 // size
            host.log_styled(f"  {shown[0] * 10} %", fg="cyan")

    return report


@cache
def _packed(path: Path, sha256: str) -> str:
    """A binary on its way, once for all hosts. sha256: of it, so that another one is another."""
    return base64.b64encode(gzip.compress(path.read_bytes(), 6)).decode("ascii")


def _install_binary(state: State, host: Host, path: Path, folder: str, sha256: str) -> bool:
    packed = _packed(path, sha256)
    final = f"{folder}/pmail"
    script = (
        f"set -e; mkdir -p {folder}; rm -f {folder}/.pmail.*; "
        f"fresh=$(mktemp {folder}/.pmail.XXXXXXXXXX); trap 'rm -f \"$fresh\"' EXIT; "
        f'base64 -d | gunzip > "$fresh"; [ "$(sha256sum < "$fresh")" = "{sha256}  -" ]; '
        f'chmod 755 "$fresh"; sync "$fresh"; mv -fT "$fresh" {final}; trap - EXIT; '
        f"[ -e {layout.BINARY} ] || {{ {link_script(layout.BINARY_CURRENT, folder)}; }}"
    )
    reply = act(host, script, stdin=packed)
    if not reply.ok:
        message = text("host.file_failed", path=final, reason=reply.stderr.strip())
        return refuse(state, host, message)
    return True
