"""The ledger: what we wrote into a zone last, kept on the operator's machine; and backups.

An intent is written before the provider is called and its outcome afterwards, so that a run
killed in between is resolved by reading: the ledger never claims what is not there.

Three syncs of the disk are enough. The ledger with an intent holds the before-images, so that file
is the backup too, under a second name: its content and its name in the ledger's folder are on the
disk before the call. An outcome that a power cut takes back leaves the intent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from dns.exception import DNSException

from dns_providers.base import Change, ProviderError, Snapshot
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.plan import Entry
from dns_providers.rrset import RRKey, RRset, Value, key_from_text, same_values
from dns_providers.text import from_record, to_record, value_from_text, value_text
from ground.private_files import (
    await_lock,
    lock_file,
    private_folder,
    write_over,
    write_private,
)

VERSION = 1
_LOCK_TIMEOUT = 120.0  # seconds
KEPT = 100  # backups of a zone that stay
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, DNSException)


class LedgerError(ProviderError):
    """The ledger cannot be read, or is in use by another run."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A change that was about to be written, and the entry it would give."""

    change: Change
    entry: Entry | None


Former = Mapping[tuple[RRKey, str], int]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What a zone's ledger holds.

    proven: fingerprints of RRsets seen on all servers. unused: RRsets that wait for their removal,
    and since when nothing needs them (Unix seconds). former: values, or terms of a value, that are
    not wanted any more and may still be remembered or needed, and since when (Unix seconds).
    """

    entries: Mapping[RRKey, Entry] = field(default_factory=dict)
    pending: tuple[Intent, ...] = ()
    proven: Mapping[RRKey, str] = field(default_factory=dict)
    unused: Mapping[RRKey, int] = field(default_factory=dict)
    former: Former = field(default_factory=dict)


def fingerprint(values: Iterable[Value], rtype: str) -> str:
    """Return what stands for a set of values in the ledger (SHA-256, hex)."""
    texts = sorted(value_text(value, rtype) for value in values)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def resolve(state: LedgerState, snapshot: Snapshot) -> LedgerState:
    """Settle intents that a killed run left, by what is really there (pure).

    An intent whose after-image is live was carried out; one that an API of single records stopped
    halfway is ours to finish; any other was not, and what is there is judged as it stands.
    """
    entries = dict(state.entries)
    for intent in state.pending:
        live = snapshot.get(intent.change.key)
        if live is not None and intent.entry is not None and _halfway(intent, live):
            entries[intent.change.key] = replace(intent.entry, values=live.values)
        if same_values(live, intent.change.after):
            if intent.entry is None:
                entries.pop(intent.change.key, None)
            else:
                entries[intent.change.key] = intent.entry
    return replace(state, entries=entries, pending=())


def _halfway(intent: Intent, live: RRset) -> bool:
    """Whether an RRset wholly of ours lies between its before- and its after-image."""
    change = intent.change
    if intent.entry is None or intent.entry.mode is not ClaimMode.EXCLUSIVE:
        return False  # of a shared RRset we take our own values only, whatever is beside them
    before = change.before.values if change.before else frozenset()
    after = change.after.values if change.after else frozenset()
    return live.values != before and before & after <= live.values <= before | after


_FOLDER = "ledger"
_seen: dict[Path, tuple[bytes, LedgerState]] = {}  # what each ledger held last, and its meaning


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger file of one zone in the state folder `root`. keep: how many backups stay."""

    root: Path
    zone: str
    keep: int = KEPT

    @property
    def path(self) -> Path:
        """`<root>/ledger/<zone>.json`."""
        return self.root / _FOLDER / f"{self.zone}.json"

    def load(self) -> LedgerState:
        """Read the ledger; empty when there is none. Raises LedgerError when damaged.

        A content that was seen before is not taken apart again.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return LedgerState()
        seen = _seen.get(self.path)
        if seen is None or seen[0] != content:
            seen = _seen[self.path] = (content, self._parsed(content))
        return seen[1]

    def _parsed(self, content: bytes) -> LedgerState:
        try:
            return _state_from(json.loads(content.decode()))
        except _UNREADABLE:
            raise LedgerError("dns.ledger.damaged", path=self.path) from None

    def save(self, state: LedgerState) -> None:
        """Write the ledger atomically and durably, readable by its owner only."""
        write_private(self.path, _dump(_state_to(state)))

    def settle(self, state: LedgerState) -> None:
        """Write what came of an intent. After a power cut the intent may be there again."""
        write_over(self.path, _dump(_state_to(state)))

    def intend(self, state: LedgerState, now: datetime | None = None) -> Path:
        """Write the ledger with what is about to be changed, durably, and keep that as a backup.

        state: with its `pending`. Returns the backup's path, in `<root>/backups/`; the oldest of
        the zone go.
        """
        moment = now or datetime.now(UTC)
        path = self.root / "backups" / f"{self.zone}-{moment:%Y%m%dT%H%M%S.%fZ}.json"
        time = moment.isoformat(timespec="seconds")
        record = {**_state_to(state), "zone": self.zone, "time": time}
        write_private(self.path, _dump(record), copy=path)
        # Times of equal length: the order of names is theirs. A zone's name has no such end.
        ours = sorted(path.parent.glob(f"{self.zone}-{'?' * 8}T{'?' * 13}Z.json"))
        for old in ours[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the zone's lock, waiting for others. Raises LedgerError when that takes too long.

        Several servers of one run may publish challenges in one zone at the same time.
        """
        private_folder(self.path.parent)
        with lock_file(self.path.with_suffix(".lock")) as stream:
            if not await_lock(stream, _LOCK_TIMEOUT):
                raise LedgerError("dns.ledger.busy", zone=self.zone)
            yield


def ledgers_in(root: Path) -> tuple[Ledger, ...]:
    """Return the ledgers of all zones that were ever written to. root: the state folder."""
    return tuple(Ledger(root, path.stem) for path in sorted((root / _FOLDER).glob("*.json")))


def read_backup(path: Path) -> tuple[str, tuple[Change, ...]]:
    """Return zone and changes of a backup file. Raises LedgerError when it is none."""
    try:
        record = json.loads(path.read_text("utf-8"))
        # One of before was its changes and no ledger.
        rows = record["changes"] if "changes" in record else _changes_in(record["pending"])
        zone, changes = record["zone"], tuple(map(_change_from, rows))
        if not isinstance(zone, str):
            raise ValueError(zone)
        return zone, changes
    except (OSError, *_UNREADABLE):
        raise LedgerError("dns.backup.damaged", path=path) from None


def _changes_in(pending: object) -> list[object]:
    return [intent["change"] for intent in _list(pending)]


def _dump(record: object) -> bytes:
    return json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _state_to(state: LedgerState) -> dict[str, object]:
    return {
        "version": VERSION,
        "entries": [_entry_to(state.entries[key]) for key in sorted(state.entries)],
        "pending": [
            {
                "change": _change_to(intent.change),
                "entry": _entry_to(intent.entry) if intent.entry else None,
            }
            for intent in state.pending
        ],
        "proven": {str(key): mark for key, mark in state.proven.items()},
        "unused": {str(key): since for key, since in state.unused.items()},
        "former": [
            {"key": str(key), "text": text, "since": since}
            for (key, text), since in sorted(state.former.items())
        ],
    }


def _state_from(record: dict[str, object]) -> LedgerState:
    if record["version"] != VERSION:
        raise ValueError(f"version {record['version']} instead of {VERSION}")
    entries = [_entry_from(entry) for entry in _list(record["entries"])]
    pending = tuple(
        Intent(_change_from(item["change"]), _entry_from(item["entry"]) if item["entry"] else None)
        for item in _list(record["pending"])
    )
    proven, unused = record["proven"], record.get("unused", {})
    if not isinstance(proven, dict) or not isinstance(unused, dict):
        raise ValueError("proven or unused is no object")
    return LedgerState(
        {entry.key: entry for entry in entries},
        pending,
        {key_from_text(text): str(mark) for text, mark in proven.items()},
        {key_from_text(text): int(since) for text, since in unused.items()},
        {
            (key_from_text(str(item["key"])), str(item["text"])): int(str(item["since"]))
            for item in _list(record.get("former", []))
        },
    )


def _list(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list):
        raise ValueError("a list is missing")
    return value


def _entry_to(entry: Entry) -> dict[str, object]:
    return {
        "key": str(entry.key),
        "values": sorted(value_text(value, entry.key.rtype) for value in entry.values),
        "ttl": entry.ttl,
        "origin": entry.origin,
        "group": entry.group,
        "mode": entry.mode.value,
        "terms": list(entry.terms),
        "whole": entry.whole,
        "found": sorted(value_text(value, entry.key.rtype) for value in entry.found),
    }


def _entry_from(record: object) -> Entry:
    if not isinstance(record, dict):
        raise ValueError("an entry is no object")
    key = key_from_text(record["key"])
    return Entry(
        key,
        frozenset(value_from_text(text, key.rtype) for text in record["values"]),
        int(record["ttl"]),
        record["origin"],
        record["group"],
        ClaimMode(record["mode"]),
        tuple(record["terms"]),
        bool(record.get("whole", False)),
        frozenset(value_from_text(text, key.rtype) for text in record.get("found", ())),
    )


def _change_to(change: Change) -> dict[str, object]:
    return {
        "before": to_record(change.before),
        "after": to_record(change.after),
        "group": change.group,
        "reason": change.reason,
    }


def _change_from(record: object) -> Change:
    if not isinstance(record, dict):
        raise ValueError("a change is no object")
    return Change(
        from_record(record["before"]),
        from_record(record["after"]),
        record["group"],
        record["reason"],
    )
