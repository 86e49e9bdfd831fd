"""The journal of rotations in the state folder: where each one is, and how those before it went.

`rotation/<domain>.json` is the one that is going on; `rotation/history.jsonl` has a line for each
that has ended.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ground.errors import Told
from ground.private_files import (
    lock_file,
    named_aside,
    private_folder,
    try_lock,
    write_private,
)
from keys.rotation import KeyRef, Rotation, Step
from keys.rotation_record import from_record, to_record

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
            return from_record(json.loads(path.read_text("utf-8")))
        except ValueError:
            raise JournalError("rotation.journal_damaged", path=path) from None

    def going_on(self) -> tuple[Rotation, ...]:
        """Return all rotations that are going on. Raises JournalError."""
        return tuple(found for domain in self.domains() if (found := self.load(domain)))

    def domains(self) -> tuple[str, ...]:
        """Return the domains that a rotation of is going on."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.json")))

    def save(self, rotation: Rotation) -> None:
        """Remember where a rotation is; one that has ended goes into the history."""
        path = self._path(rotation.domain)
        if not rotation.ended:
            write_private(path, _dump(to_record(rotation)))
            return
        self._remember(rotation)
        path.unlink(missing_ok=True)

    def supersede(self, rotation: Rotation, by: Rotation) -> None:
        """Have a rotation take the place of one that is going on, which goes into the history."""
        self._remember(replace(rotation, entered=by.started))
        self.save(by)

    def _remember(self, rotation: Rotation) -> None:
        # A run that was killed between the two files does the last step again, at another time.
        if (rotation.domain, rotation.started) not in self.over():
            known = self.history()
            self.mend_history(datetime.now(UTC))
            write_private(self.history_path, _lines((*known, audit(rotation))))

    def history(self) -> tuple[Mapping[str, Any], ...]:
        """Return the audit records of rotations that have ended, the oldest first.

        What is damaged is passed over, see `mend_history`.
        """
        return tuple(record for record in map(_past, self._kept_lines()) if record)

    def over(self) -> frozenset[tuple[str, float]]:
        """Return the domain and the start of each rotation that has ended."""
        return frozenset((each["domain"], each["started"]) for each in self.history())

    def mend_history(self, now: datetime) -> Path | None:
        """Put a history with damaged lines aside, and go on with those that can be read.

        now: UTC, goes into the name. Returns where it is kept as it was, None where it is whole.
        """
        lines = self._kept_lines()
        records = [_past(line) for line in lines]
        if all(records):
            return None
        aside = named_aside(self.history_path, now)
        write_private(self.history_path, _lines(each for each in records if each))
        return aside

    def _kept_lines(self) -> list[bytes]:
        path = self.history_path
        return path.read_bytes().removesuffix(b"\n").split(b"\n") if path.exists() else []

    @property
    def history_path(self) -> Path:
        """Where those that have ended are."""
        return self.folder / "history.jsonl"

    def leaked(self, domains: Collection[str]) -> frozenset[str]:
        """Return the fingerprints of the domains' keys that an emergency was about.

        Raises JournalError.
        """
        going_on = (each for each in self.going_on() if each.domain in domains)
        ended = (each for each in self.history() if each["domain"] in domains)
        refs = {ref.fingerprint for each in going_on for ref in leaked(each)}
        return frozenset(refs).union(*map(_leaked_before, ended))

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


def leaked(rotation: Rotation) -> tuple[KeyRef, ...]:
    """Return the keys that an emergency is about; they have leaked though it is turned back."""
    if not rotation.emergency:
        return ()
    return (rotation.new if rotation.going_back else rotation.old, *rotation.superseded)


def _past(line: bytes) -> Mapping[str, Any] | None:
    """The record of a line of the history, None for what is none."""
    try:
        record = json.loads(line)
        KeyRef(**record["old"]), KeyRef(**record["new"])
        [KeyRef(**each) for each in record.get("superseded", ())]
        times = [float(record[each]) for each in ("started", "ended", "outage")]
        datetime.fromtimestamp(max(times), UTC)
        right = record["version"] == VERSION and isinstance(record["domain"], str)
        right = right and record.keys() >= {"emergency", "aborted"}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, OSError):
        return None
    return record if right else None


def _lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    lines = (json.dumps(each, ensure_ascii=False, sort_keys=True) for each in records)
    return "".join(f"{line}\n" for line in lines).encode()


def _leaked_before(record: Mapping[str, Any]) -> frozenset[str]:
    """The same of a rotation that has ended: fingerprints."""
    if not record["emergency"]:
        return frozenset()
    old = record["new" if record["aborted"] else "old"]
    return frozenset(each["fingerprint"] for each in (old, *record.get("superseded", ())))


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
