"""Messages kept aside: forged ones, and what PMail refuses of the world's mail."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.events import event

_ID = re.compile(r"\d{13}-[0-9a-f]{8}")
_DAY = 86400.0
# What a killed run left half written is not touched before it can be nobody's any more.
_LEFTOVER = 3600.0


class NotKept(Exception):
    """There is no message of that id."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept; the oldest go first. messages: their number. days: their age. size: bytes
    of all contents."""

    messages: int = 1000
    days: int = 30
    size: int = 500_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One message: envelope sender and recipients, Unix seconds, reason, bytes of its content."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    when: float
    why: str
    size: int


class Store:
    """The folder of kept messages: `<id>.eml` is the content, `<id>.json` all else.

    A message is there as soon as its `.json` is. Blocking: call it in a thread.
    """

    def __init__(
        self, folder: Path, bounds: Bounds | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._bounds = bounds or Bounds()
        self._clock = clock

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes, why: str) -> Kept:
        """Store a message for good (fsync), then make room. Raises OSError."""
        now = self._clock()
        name = f"{int(now * 1000):013d}-{secrets.token_hex(4)}"
        made = Kept(name, sender, recipients, now, why, len(content))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write(f"{name}.eml", content)
        self._write(f"{name}.json", json.dumps(asdict(made)).encode())
        event("kept", id=name, sender=sender, recipients=" ".join(recipients), why=why)
        self._make_room(name)
        return made

    def all(self) -> tuple[Kept, ...]:
        """Return what is kept, oldest first; what cannot be read is left out."""
        found = (self._read(path) for path in sorted(self._folder.glob("*.json")))
        return tuple(each for each in found if each)

    def release(self, name: str) -> tuple[Kept, bytes]:
        """Return a message and its content, for handing over; it stays. Raises NotKept, OSError."""
        made = self._read(self._path(name, "json"))
        if made is None:
            raise NotKept(f"no message {name} is kept aside")
        return made, self._path(name, "eml").read_bytes()

    def remove(self, name: str) -> None:
        """Delete a message. Raises NotKept, OSError."""
        try:
            self._path(name, "json").unlink()
        except FileNotFoundError as error:
            raise NotKept(f"no message {name} is kept aside") from error
        self._path(name, "eml").unlink(missing_ok=True)

    def _path(self, name: str, kind: str) -> Path:
        if not _ID.fullmatch(name):
            raise NotKept(f"{name!r} is no id of a kept message")
        return self._folder / f"{name}.{kind}"

    def _read(self, path: Path) -> Kept | None:
        try:
            given = json.loads(path.read_bytes())
            made = Kept(**{**given, "recipients": tuple(given["recipients"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return made if made.id == path.stem else None

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._folder / f".{name}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._folder / name)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        self._sync_folder()

    def _sync_folder(self) -> None:
        """The new name is on the disk too before Postfix is told that the message is safe."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _make_room(self, newest: str) -> None:
        there = self.all()
        for name in surplus(there, self._bounds, self._clock()):
            if name != newest:
                self.remove(name)
        known = {each.id for each in there}
        for path in self._folder.iterdir():
            name = path.name.lstrip(".").partition(".")[0]
            if name not in known and self._clock() - path.stat().st_mtime > _LEFTOVER:
                path.unlink(missing_ok=True)


def surplus(kept: tuple[Kept, ...], bounds: Bounds, now: float) -> tuple[str, ...]:
    """Return the ids of what has to go. kept: oldest first. now: Unix seconds."""
    gone: list[str] = []
    messages, size = 0, 0
    for each in reversed(kept):
        messages, size = messages + 1, size + each.size
        old = now - each.when > bounds.days * _DAY
        if old or messages > bounds.messages or size > bounds.size:
            gone.append(each.id)
    return tuple(gone)
