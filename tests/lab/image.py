"""Images: a deployed server with its operator's folder and zones, kept for the tests after it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def images() -> Path:
    """Folder in RAM with the images of this instance; all its test workers share it."""
    return Path("/dev/shm") / f"pmail-images-{os.environ.get('PMAIL_LAB', 'lab')}"


def forget_images() -> None:
    """Remove all images: they are of the code as it was."""
    shutil.rmtree(images(), ignore_errors=True)


@dataclass(frozen=True)
class Image:
    """What a first deploy has made: the host's disk, the operator's folder, the zones' records."""

    name: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return images() / self.name

    @property
    def ready(self) -> bool:
        """Whether it can be used."""
        return self.folder.is_dir()

    @property
    def disk(self) -> Path:
        """What the deploy has written on the host's disk."""
        return self.folder / "disk"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Meanwhile no other worker makes it."""
        images().mkdir(exist_ok=True)
        with (images() / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def keep(self, disk: Path, site: Path, zones: dict[str, list[str]]) -> None:
        """Make it of the disk of a host that is shut down, the operator's folder and records.

        The disk is moved away.
        """
        part = images() / f"{self.name}.part"
        part.mkdir()
        disk.rename(part / "disk")
        shutil.copytree(site, part / "site", symlinks=True)
        (part / "zones.json").write_text(json.dumps(zones))
        part.rename(self.folder)

    def restore(self, site: Path) -> dict[str, list[str]]:
        """Fill an operator's folder; returns the records that its zones had, by zone."""
        shutil.copytree(self.folder / "site", site, symlinks=True, dirs_exist_ok=True)
        zones: dict[str, list[str]] = json.loads((self.folder / "zones.json").read_text())
        return zones
