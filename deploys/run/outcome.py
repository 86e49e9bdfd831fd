"""What became of a run, as data: JSON lines in a file that the caller names, the verdict last.

`PMAIL_OUTCOME` names the file; without it nothing is written. docs/outcome.md says what is in it.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from ground.shown import shown_in

VERSION = 1
VARIABLE = "PMAIL_OUTCOME"
_UNKNOWN = 3  # exit status of a report


class Verdict(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    BAD_INPUT = "bad-input"
    UNKNOWN = "unknown"


_STATUSES = {Verdict.DONE: 0, Verdict.FAILED: 1, Verdict.BAD_INPUT: 2, Verdict.UNKNOWN: 3}


def exit_status(verdict: Verdict | None) -> int:
    """Return 0 done, 1 failed or no verdict, 2 bad input, 3 a required check unknown."""
    return _STATUSES[verdict or Verdict.FAILED]


@dataclass(frozen=True, slots=True)
class ReportMade:
    """A report: of which server, in which file, with which exit status.

    page: the file that a browser shows the last reports from, "" where it is not of them.
    """

    server: str
    path: str
    exit_status: int
    page: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What a run has left open on a host."""

    host: str
    text: str


@dataclass(slots=True)
class Seen:
    """What was seen of a run.

    verbs: what it was to do. dry: with `--dry`. bad_input, errors: why it stopped. declined: why
    nobody said yes, or that somebody stopped it. hosts: names of those that it was for, None while
    the inventory is not read. loaded, ended: verb and host, for those that were prepared and those
    that came to the end. unreached: hosts that could not be connected to, and why. executing: it
    was carried out. failed: names of hosts. failed_in: host and the operation that it failed in
    first. stopped_for: hosts that stopped, and which of those that they need had failed. left: what
    needs somebody. waiting: what a later run goes on with. reports: those made. changes: how many
    operations changed something (with `--dry`: would), by host.
    """

    verbs: set[str] = field(default_factory=set)
    dry: bool = False
    bad_input: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    hosts: frozenset[str] | None = None
    loaded: set[tuple[str, str]] = field(default_factory=set)
    unreached: dict[str, str] = field(default_factory=dict)
    executing: bool = False
    ended: set[tuple[str, str]] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    left: list[Left] = field(default_factory=list)
    waiting: list[Left] = field(default_factory=list)
    stopped_for: dict[str, tuple[str, ...]] = field(default_factory=dict)
    failed_in: dict[str, str] = field(default_factory=dict)
    reports: list[ReportMade] = field(default_factory=list)
    changes: dict[str, int] = field(default_factory=dict)


def verdict(seen: Seen) -> Verdict:
    """Return how a run ended that got as far as was seen.

    Bad input is only what is found before anything is changed: also an inventory that cannot be
    read, and a plan that nobody said yes to.
    """
    if seen.bad_input:
        return Verdict.BAD_INPUT
    if seen.failed or seen.errors or seen.left:
        return Verdict.FAILED
    if seen.hosts is None:
        return Verdict.BAD_INPUT
    everything = every_step(seen)
    if not everything or seen.loaded != everything:
        return Verdict.FAILED
    if seen.dry:
        return Verdict.DONE
    if not seen.executing:
        return Verdict.BAD_INPUT
    if seen.ended != everything:
        return Verdict.FAILED
    unknown = any(each.exit_status == _UNKNOWN for each in seen.reports)
    return Verdict.UNKNOWN if unknown else Verdict.DONE


def every_step(seen: Seen) -> frozenset[tuple[str, str]]:
    """Return each verb with each host that the run is for."""
    return frozenset((verb, host) for verb in seen.verbs for host in seen.hosts or ())


class HowEnded(StrEnum):
    """How a run ended on one host."""

    DONE = "done"
    FAILED = "failed"
    LEFT = "left"  # something there needs somebody
    UNREACHED = "unreached"
    STOPPED = "stopped"  # for others that it needs
    CUT = "cut"  # the whole run was


@dataclass(frozen=True, slots=True)
class HostEnded:
    """How a run ended on a host. changes: how many operations changed something there.

    about: why, in the user's language; "" where it is done.
    """

    host: str
    how: HowEnded
    changes: int
    about: str = ""


def how_ended(seen: Seen, reason: Callable[[str], str | None]) -> tuple[HostEnded, ...]:
    """Return how a run that was carried out ended on each of its hosts.

    reason: gives why a host was failed, where that is known.
    """
    return tuple(_how_ended(seen, host, reason) for host in sorted(seen.hosts or ()))


def _how_ended(seen: Seen, host: str, reason: Callable[[str], str | None]) -> HostEnded:
    changes = seen.changes.get(host, 0)
    left = [each.text for each in seen.left if each.host == host]
    if host in seen.unreached:
        return HostEnded(host, HowEnded.UNREACHED, changes, seen.unreached[host])
    if host in seen.stopped_for:
        return HostEnded(host, HowEnded.STOPPED, changes, ", ".join(seen.stopped_for[host]))
    if left:
        return HostEnded(host, HowEnded.LEFT, changes, left[0])
    if host in seen.failed:
        why = reason(host) or seen.failed_in.get(host, "")
        return HostEnded(host, HowEnded.FAILED, changes, why)
    if seen.ended >= {(verb, host) for verb in seen.verbs}:
        return HostEnded(host, HowEnded.DONE, changes)
    return HostEnded(host, HowEnded.CUT, changes)


class Recorder:
    """Keeps what is seen of this process's run, and writes it down where somebody wants it."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._file: int | None = None
        self._passed: set[str] = set()

    def open(self, path: Path) -> None:
        """Write to a file from now on, for its owner only; it is emptied. Raises OSError."""
        self._file = _emptied(path)

    def began(self, verbs: tuple[str, ...], *, dry: bool) -> None:
        """A run began."""
        self.seen.verbs |= set(verbs)
        self.seen.dry = dry
        self._tell("began", verbs=list(verbs), dry=dry)

    def inventory_read(self, hosts: frozenset[str]) -> None:
        """The inventory was read. hosts: names of those that the run is for."""
        self.seen.hosts = hosts
        self._tell("inventory", hosts=sorted(hosts))

    def bad_input(self, reasons: tuple[str, ...]) -> None:
        """What was asked for cannot be done, and nothing was changed."""
        self.seen.bad_input += reasons

    def unreached(self, host: str, reason: str) -> None:
        """A host could not be connected to."""
        self.seen.unreached[host] = reason
        self._tell("unreached", host=host, text=reason)

    def stopped(self, *reasons: str) -> None:
        """The run stopped while it was prepared, or where each host begins."""
        self.seen.errors += (each for each in reasons if each not in self.seen.errors)

    def declined(self, reason: str) -> None:
        """Nobody said yes to a question, or somebody stopped the run."""
        self.seen.declined.append(reason)

    def loaded(self, verb: str, host: str) -> None:
        """A host is prepared."""
        self.seen.verbs.add(verb)
        self.seen.loaded.add((verb, host))

    def operation(self, name: str) -> None:
        """An operation begins, on all hosts that have it."""
        self.seen.executing = True
        self._tell("operation", name=name)

    def step(self, host: str, name: str, *, passed: bool) -> None:
        """A host has done an operation, or has failed in it."""
        if not passed:
            self.seen.failed_in.setdefault(host, name)
        self._tell("step", host=host, operation=name, passed=passed)

    def changed(self, host: str, name: str) -> None:
        """An operation has changed something on a host."""
        self.seen.changes[host] = self.seen.changes.get(host, 0) + 1
        self._tell("changed", host=host, operation=name)

    def barrier(self, point: str) -> None:
        """Every host has arrived at a point."""
        if point not in self._passed:
            self._passed.add(point)
            self._tell("barrier", point=point)

    def stops_for(self, host: str, failed: tuple[str, ...]) -> tuple[str, ...]:
        """A host stops, as it needs some that have failed. Returns those that did not stop so."""
        first = tuple(each for each in failed if each not in self.seen.stopped_for) or failed
        return self.seen.stopped_for.setdefault(host, first)

    def leave(self, host: str, lines: tuple[str, ...]) -> None:
        """Something needs somebody."""
        for line in lines:
            self.seen.left.append(Left(host, line))
            self._tell("left", host=host, text=line)

    def wait(self, host: str, lines: tuple[str, ...]) -> None:
        """Something waits; a later run goes on with it."""
        for line in lines:
            self.seen.waiting.append(Left(host, line))
            self._tell("waiting", host=host, text=line)

    def left_by(self, host: str) -> tuple[str, ...]:
        """Return what a host left."""
        return tuple(each.text for each in self.seen.left if each.host == host)

    def left_in_plan(self) -> frozenset[str]:
        """Return the hosts that something stops or waits for, once all of a `--dry` is shown.

        pyinfra ends with 1 for hosts that it knows to have failed; those that are not prepared yet
        must not think so.
        """
        shown = self.seen.loaded >= every_step(self.seen)
        return (
            frozenset(each.host for each in self.seen.left)
            if self.seen.dry and shown
            else frozenset()
        )

    def report(self, made: ReportMade) -> None:
        """A report was made."""
        self.seen.reports.append(made)
        self._tell("report", **asdict(made))

    def ended(self, verb: str, host: str) -> None:
        """A host came to the end."""
        self.seen.ended.add((verb, host))

    def close(self, hosts: tuple[HostEnded, ...] = ()) -> None:
        """Write the verdict: the last line. hosts: how the run ended on each."""
        seen = self.seen
        self._tell(
            "verdict",
            verdict=verdict(seen).value,
            reasons=[*seen.bad_input, *seen.errors, *seen.declined],
            failed=sorted(seen.failed),
            changes={"count": sum(seen.changes.values()), "hosts": seen.changes},
            reports=[asdict(each) for each in seen.reports],
            left=[asdict(each) for each in seen.left],
            waiting=[asdict(each) for each in seen.waiting],
            hosts=[asdict(each) for each in hosts],
        )
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _tell(self, event: str, **values: object) -> None:
        if self._file is None:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = shown_in({"version": VERSION, "time": now, "event": event, **values})
        # ASCII: whatever a text has in it, a line stays one line.
        try:
            os.write(self._file, json.dumps(record).encode("ascii") + b"\n")
        except OSError:  # a full disk stops no run; without a verdict it counts as failed
            os.close(self._file)
            self._file = None


def _emptied(path: Path) -> int:
    """Open a file of its owner only, emptied. Raises OSError, also for what is no regular file."""
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(path, how, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
    os.fchmod(descriptor, 0o600)
    return descriptor


def empty(path: Path) -> None:
    """Have a file say nothing of any run, before one begins. Raises OSError."""
    os.close(_emptied(path))


@cache
def recorder() -> Recorder:
    """Return the one of this process."""
    return Recorder()


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run's outcome file says in the end."""

    verdict: Verdict
    reports: tuple[ReportMade, ...]


def read(path: Path) -> Ended | None:
    """Return how a run ended, None where its file says nothing of it: then it was cut off."""
    try:
        lines = path.read_text("utf-8").splitlines()
        record = json.loads(lines[-1])
        if record["version"] != VERSION or record["event"] != "verdict":
            return None
        reports = tuple(ReportMade(**each) for each in record["reports"])
        return Ended(Verdict(record["verdict"]), reports)
    except (OSError, ValueError, LookupError, TypeError):
        return None
