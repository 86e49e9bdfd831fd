"""The journal of rotations in the state folder: where each one is, and how those before it went.

`rotation/<domain>.json` is the one that is going on; `rotation/history.jsonl` has a line for each
that has ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ground.errors import Told
from ground.private_files import lock_file, private_folder, try_lock, write_private
from ground.words import Words
from keys.rotation import KeyRef, Rotation, Rules, Step, Strategy

VERSION = 1


class JournalError(Told):
    """The journal is damaged, or another run is rotating this domain's key."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The rotations of one site, in its state folder `root`."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where they are kept."""
        return self.root / "rotation"

    def load(self, domain: str) -> Rotation | None:
        """Return the rotation that is going on. Raises JournalError when its file is damaged."""
        path = self._path(domain)
        if not path.exists():
            return None
        try:
            return _from_record(json.loads(path.read_text("utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise JournalError("rotation.journal_damaged", path=path) from None

    def going_on(self) -> tuple[Rotation, ...]:
        """Return all rotations that are going on. Raises JournalError."""
        domains = sorted(path.stem for path in self.folder.glob("*.json"))
        return tuple(found for domain in domains if (found := self.load(domain)))

    def save(self, rotation: Rotation) -> None:
        """Remember where a rotation is; one that has ended goes into the history."""
        path = self._path(rotation.domain)
        if not rotation.ended:
            write_private(path, _dump(_to_record(rotation)))
            return
        self._remember(rotation)
        path.unlink(missing_ok=True)

    def supersede(self, rotation: Rotation, by: Rotation) -> None:
        """Have a rotation take the place of one that is going on, which goes into the history."""
        self._remember(replace(rotation, entered=by.started))
        self.save(by)

    def _remember(self, rotation: Rotation) -> None:
        history, known = self.folder / "history.jsonl", self.history()
        # A run that was killed between the two files does the last step again, at another time.
        which = (rotation.domain, rotation.started)
        if which not in [(each["domain"], each["started"]) for each in known]:
            records = (*known, audit(rotation))
            lines = (json.dumps(each, ensure_ascii=False, sort_keys=True) for each in records)
            write_private(history, "".join(f"{line}\n" for line in lines).encode())

    def history(self) -> tuple[Mapping[str, Any], ...]:
        """Return the audit records of rotations that have ended, the oldest first."""
        path = self.folder / "history.jsonl"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return tuple(json.loads(line) for line in lines)

    @contextmanager
    def locked(self, domain: str) -> Iterator[None]:
        """Hold a domain's lock. Raises JournalError when another run has it."""
        private_folder(self.folder)
        with lock_file(self._path(domain).with_suffix(".lock")) as stream:
            if not try_lock(stream):
                raise JournalError("rotation.busy", domain=domain)
            yield

    def _path(self, domain: str) -> Path:
        return self.folder / f"{domain}.json"


def audit(rotation: Rotation) -> dict[str, Any]:
    """Return what remains of a rotation: times (Unix seconds), keys, seconds without sending."""
    done = dict(rotation.done)
    paused, resumed = done.get(Step.PAUSE), done.get(Step.RESUME)
    published, proven = done.get(Step.PUBLISH), done.get(Step.PROVE)
    outage = resumed - paused if paused is not None and resumed is not None else 0.0
    spread = proven - published if published is not None and proven is not None else None
    return {
        "version": VERSION,
        "domain": rotation.domain,
        "strategy": rotation.strategy.value,
        "emergency": rotation.emergency,
        "aborted": rotation.going_back,
        "started": rotation.started,
        "ended": rotation.entered,
        "steps": {step.value: when for step, when in rotation.done},
        "old": asdict(rotation.old),
        "new": asdict(rotation.new),
        "superseded": [asdict(each) for each in rotation.superseded],
        "outage": outage,
        "spread": spread,
    }


def _dump(record: object) -> bytes:
    return json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"


def _to_record(rotation: Rotation) -> dict[str, Any]:
    problem = rotation.problem
    return {
        "version": VERSION,
        **asdict(rotation),
        "done": [[step.value, when] for step, when in rotation.done],
        "problem": {"message_id": problem.id, "values": problem.values} if problem else None,
    }


def _from_record(record: dict[str, Any]) -> Rotation:
    if record.pop("version") != VERSION:
        raise ValueError("another version")
    problem = record["problem"]
    plain = {
        **record,
        "strategy": Strategy(record["strategy"]),
        "step": Step(record["step"]),
        "old": KeyRef(**record["old"]),
        "new": KeyRef(**record["new"]),
        "rules": Rules(**record["rules"]),
        "superseded": tuple(KeyRef(**each) for each in record.get("superseded", ())),
        "done": tuple((Step(step), float(when)) for step, when in record["done"]),
        "problem": Words(problem["message_id"], tuple(map(tuple, problem["values"])))
        if problem
        else None,
    }
    return Rotation(**plain)
