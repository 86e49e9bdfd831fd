"""What a host shows: all that is going to be looked at is gathered by one script, in one channel.

What was seen counts until something is done to the host, or `_LASTS` seconds: then whoever looks
next has it gathered anew, together with all that is still to come. What nobody has foreseen is
looked at each time. `remote.read` acts; whoever looks, and changes nothing, looks here. A run that
is carried out begins with nothing seen: its user may have thought about it for hours.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from threading import RLock
from weakref import WeakKeyDictionary

from pyinfra.api import Host

from deploys.host import remote
from deploys.host.channels import opens_ahead
from deploys.host.gathering import FileAt, Look, Script, Seen, apart, behind, parse, script_of
from deploys.host.remote import Reply
from ground.errors import DeployError

_LASTS = 30.0  # seconds
_WITHIN = 300  # seconds that a script may take


_Known = dict[Look, tuple[Reply | Seen, float]]


@dataclass(slots=True)
class _Snapshot:
    """What one host has shown.

    carried_out: whether the run was. acts: how many things had been done to the host. foreseen: the
    only ones that are kept. coming: those that nobody has looked at yet. again: so when the run is
    carried out. seen: with the time.
    """

    lock: RLock = field(default_factory=RLock)
    carried_out: bool = False
    acts: int = 0
    foreseen: set[Look] = field(default_factory=set)
    coming: dict[Look, None] = field(default_factory=dict)
    again: dict[Look, None] = field(default_factory=dict)
    seen: _Known = field(default_factory=dict)

    def known(self, look: Look) -> Reply | Seen | None:
        """Return what was seen, where that counts still."""
        found, at = self.seen.get(look, (None, 0.0))
        return found if time.monotonic() - at < _LASTS else None


_snapshots: WeakKeyDictionary[Host, _Snapshot] = WeakKeyDictionary()
_making = RLock()


def foresee(host: Host, looks: Iterable[Look], *, again: bool) -> None:
    """Have looks be gathered with the first that is asked for.

    again: once more, when the run is carried out.
    """
    opens_ahead(host)
    snapshot = _snapshot(host)
    with snapshot.lock:
        wanted = dict.fromkeys(looks)
        snapshot.foreseen |= wanted.keys()
        snapshot.coming |= wanted
        if again:
            snapshot.again |= wanted


def look(host: Host, script: Script | str) -> Reply:
    """Return what a script shows, as root; it changes nothing.

    Its status is of the script alone; a host that cannot be reached is a failure, too.
    """
    (found,) = _look(host, (Script(script) if isinstance(script, str) else script,))
    return found if isinstance(found, Reply) else Reply(False, "", "")


def look_at(host: Host, paths: Iterable[FileAt]) -> tuple[Seen, ...]:
    """Return what is at paths, each in its place. Raises DeployError where that cannot be seen."""
    looks = tuple(paths)
    found = _look(host, looks)
    for each in found:
        if isinstance(each, Reply):
            raise DeployError("host.not_looked", reason=each.stderr.strip() or "-")
    return tuple(each for each in found if isinstance(each, Seen))


def look_anew(host: Host) -> None:
    """Have everything be looked at once more."""
    snapshot = _snapshot(host)
    with snapshot.lock:
        snapshot.seen.clear()


def act(host: Host, script: str, *, stdin: str | None = None, timeout: int = 900) -> Reply:
    """Run a script as `remote.read` does; what is still to come is looked at in the same channel.

    For what is the last that an operation does: whoever comes next looks.
    """
    snapshot = _snapshot(host)
    with snapshot.lock:
        return _act(host, snapshot, script, stdin, timeout)


def put(host: Host, paths: Iterable[str], script: str, stdin: str, timeout: int) -> Reply:
    """Run a script that puts files at paths, and does nothing else: others are as they were seen.

    What a script has shown does not count any more.
    """
    snapshot = _snapshot(host)
    with snapshot.lock:
        changed = {
            each for path in paths for each in (path, *map(str, PurePosixPath(path).parents))
        }
        kept: _Known = {
            each: found
            for each, found in snapshot.seen.items()
            if isinstance(each, FileAt) and each.path not in changed
        }
        acts = remote.acts_on(host)
        reply = _act(host, snapshot, script, stdin, timeout, also=kept.keys())
        _snapshot(host)  # nothing that was seen before counts, but for what is kept
        if remote.acts_on(host) == acts + remote.ONE_ACT:
            snapshot.seen = kept | snapshot.seen
        return reply


def _act(
    host: Host,
    snapshot: _Snapshot,
    script: str,
    stdin: str | None,
    timeout: int,
    also: Set[Look] = frozenset(),
) -> Reply:
    """Run it, and look. also: what is known then in any case."""
    plain = (each for each in snapshot.coming if isinstance(each, FileAt) or not each.secret)
    looks = tuple(each for each in plain if each not in also)
    # Where a file that is known is the next one, somebody else looks behind what is done with it.
    if not looks or next(iter(snapshot.coming)) in also:
        return remote.read(host, script, stdin=stdin, timeout=timeout)
    acts = remote.acts_on(host)
    reply = remote.read(host, behind(script, looks), stdin=stdin, timeout=timeout)
    stdout, seen = apart(reply.stdout)
    _snapshot(host)  # nothing that was seen before counts
    if remote.acts_on(host) == acts + remote.ONE_ACT:
        _keep(snapshot, parse(seen, looks), time.monotonic())
    return replace(reply, stdout=stdout)


def _snapshot(host: Host) -> _Snapshot:
    """The host's, without what does not count any more."""
    with _making:
        snapshot = _snapshots.setdefault(host, _Snapshot())
    with snapshot.lock:
        if snapshot.acts != remote.acts_on(host):
            snapshot.seen, snapshot.acts = {}, remote.acts_on(host)
        if snapshot.carried_out != host.state.is_executing:
            snapshot.carried_out = host.state.is_executing
            snapshot.seen, snapshot.coming = {}, dict(snapshot.again)
    return snapshot


def _look(host: Host, looks: tuple[Look, ...]) -> tuple[Reply | Seen, ...]:
    snapshot = _snapshot(host)
    with snapshot.lock:
        known = {each: found for each in looks if (found := snapshot.known(each)) is not None}
        if missing := tuple(each for each in looks if each not in known):
            known |= _gather(host, snapshot, missing)
        for each in looks:
            snapshot.coming.pop(each, None)
        return tuple(known[each] for each in looks)


def _gather(
    host: Host, snapshot: _Snapshot, asked: tuple[Look, ...]
) -> Mapping[Look, Reply | Seen]:
    """See what is asked for, and all that is to come; where that breaks off, the former alone."""
    at, acts = time.monotonic(), remote.acts_on(host)
    coming = (each for each in snapshot.coming if snapshot.known(each) is None)
    unknown = tuple(dict.fromkeys((*asked, *coming)))
    found, reply = _seen(host, unknown)
    lost = tuple(each for each in asked if each not in found)
    if lost and len(lost) < len(unknown):
        more, reply = _seen(host, lost)
        found |= more
    if acts == remote.acts_on(host):
        _keep(snapshot, found, at)
    failed = Reply(False, "", reply.stderr)
    return {each: found.get(each, failed) for each in asked}


def _keep(snapshot: _Snapshot, found: Mapping[Look, Reply | Seen], at: float) -> None:
    foreseen = {each: seen for each, seen in found.items() if each in snapshot.foreseen}
    snapshot.seen |= {each: (seen, at) for each, seen in foreseen.items()}


def _seen(host: Host, looks: tuple[Look, ...]) -> tuple[dict[Look, Reply | Seen], Reply]:
    reply = remote.ask(host, _READ, stdin=script_of(looks), timeout=_WITHIN)
    return parse(reply.stdout, looks), reply


# No argument of a process: it may be long, and is nobody's business.
_READ = 'eval "$(cat)" 2>/dev/null </dev/null | base64 -w 4000'
