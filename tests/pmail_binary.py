"""Which PMail the tests run: the real binary where there is one, else the stand-in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.stand_in.build import build, machine_arch

CACHE = Path.home() / ".cache" / "pmail-deploy"


@dataclass(frozen=True, slots=True)
class PmailBinary:
    """A static executable for a Debian host; `real` is False for the stand-in."""

    path: Path
    real: bool


def real_binary(arch: str | None = None) -> PmailBinary | None:
    """PMAIL_BINARY, else ~/.cache/pmail-deploy/pmail-linux-<arch>; None when there is neither.

    Raises FileNotFoundError when PMAIL_BINARY names a file that does not exist.
    """
    named = os.environ.get("PMAIL_BINARY")
    if named:
        path = Path(named)
        if not path.is_file():
            raise FileNotFoundError(f"PMAIL_BINARY={named} is not a file")
        return PmailBinary(path, real=True)
    cached = CACHE / f"pmail-linux-{arch or machine_arch()}"
    return PmailBinary(cached, real=True) if cached.is_file() else None


def stand_in(arch: str | None = None) -> PmailBinary:
    """The stand-in, built if need be; raises StandInBuildError."""
    return PmailBinary(build(arch), real=False)


def pmail_binary(arch: str | None = None) -> PmailBinary:
    """The binary for lab hosts of `arch` (Debian's name, default this machine's)."""
    return real_binary(arch) or stand_in(arch)
