#!/usr/bin/env python3
"""Build the stand-in for PMail into the cache and print where it is.

A static executable (Go, with SQLite linked in), named after its sources: it is
built once and again only when they change.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "pmail"
CACHE = Path.home() / ".cache" / "pmail-deploy" / "stand-in"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DEBIAN_PACKAGES = ("golang-go", "gcc", "libc6-dev", "libsqlite3-dev")
LINKER_FLAGS = '-s -w -extldflags "-static -Wl,--no-warnings"'


class StandInBuildError(Exception):
    """The stand-in cannot be built on this machine; the text says why."""


def machine_arch() -> str:
    """Debian's name of this machine's architecture: "amd64" or "arm64"."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def sources_hash() -> str:
    """16 hex digits over names and contents of the Go sources."""
    digest = hashlib.sha256(LINKER_FLAGS.encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def build(arch: str | None = None) -> Path:
    """Path of the stand-in for `arch`, built if need be.

    Raises StandInBuildError: another architecture than this machine's (SQLite
    is C), tools missing without root to install them, or a compiler error.
    """
    arch = arch or machine_arch()
    target = CACHE / sources_hash() / f"pmail-linux-{arch}"
    if target.exists():
        return target
    if arch != machine_arch():
        raise StandInBuildError(f"the stand-in for {arch} has to be built on a {arch} machine")
    _install_tools()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        built = Path(scratch) / target.name
        _compile(built)
        built.replace(target)  # whole or not at all, also with parallel test runs
    return target


def _compile(output: Path) -> None:
    command = ["go", "build", "-trimpath", "-buildvcs=false", "-tags", "netgo osusergo"]
    command += ["-ldflags", LINKER_FLAGS, "-o", str(output), "."]
    environment = os.environ | {"CGO_ENABLED": "1", "GOTOOLCHAIN": "local", "GOPROXY": "off"}
    run = subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        raise StandInBuildError(f"go build failed in {SOURCES}:\n{run.stderr}")


def _install_tools() -> None:
    have_sqlite = any(Path("/usr/lib").glob("*/libsqlite3.a"))
    if shutil.which("go") and shutil.which("gcc") and have_sqlite:
        return
    # A Go from elsewhere is as good as Debian's.
    wanted = [name for name in DEBIAN_PACKAGES if name != "golang-go" or not shutil.which("go")]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StandInBuildError(f"install {' '.join(wanted)} first")
    for command in (["update"], ["install", "-y", "--no-install-recommends", *wanted]):
        run = subprocess.run(["apt-get", "-qq", *command], capture_output=True, text=True)
        if run.returncode != 0:
            raise StandInBuildError(f"apt-get {command[0]} failed:\n{run.stderr}")


if __name__ == "__main__":
    try:
        print(build())
    except StandInBuildError as error:
        sys.exit(str(error))
