"""A rotation that meets a failure ends clean where that bites, and then comes to its end.

Each failure begins at the moment that a step does and lasts until the run has ended; then the next
run goes on. Failures are met once, in turn with two selectors and, with PMAIL_LONG=1, with one;
PMAIL_TIMES=2 besides has each of them at every step with both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from keys.rotation import KeyRef, Rules, Step, Strategy, begin, coming, steps_of
from tests.lab.nameservers import SECONDARY
from tests.lab.process import run, wait_for
from tests.lab_tests.rotation import (
    DISTURBED,
    TIMES,
    Watched,
    assert_one_key,
    assert_safe,
    going_on,
    history,
    rotate,
    selectors,
    signer_key,
)
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab
FOREIGN = '"v=DKIM1; k=rsa; p=Zm9yZWlnbg=="'
DAY = 86400
DUAL, FIXED = Strategy.DUAL, Strategy.FIXED
EVERYWHERE = frozenset(Step)
# Where a rotation of a fixed selector turns back by itself, to the first of them.
_TURNS = (Step.PUBLISH, Step.PROVE)

NO_TIME = Rules(ttl=0, low_ttl=0, slack=0, keep=0)
# Where CI meets failures in an emergency: where it differs from other rotations.
IN_EMERGENCY = {
    DUAL: [("secondary dead", "prove"), ("old record edited", "retire")],
    FIXED: [("provider refuses", "publish"), ("new record edited", "prove")],
}

Meanwhile = Callable[[Site, Server], AbstractContextManager[object]]
Cells = list[tuple[str, Step]]


# -- what goes wrong ---------------------------------------------------------------------------


@contextmanager
def dead(name: str, site: Site, server: Server) -> Iterator[None]:
    """Meanwhile a name server does not run."""
    site.dns.daemons[name].stop()
    try:
        yield
    finally:
        site.dns.restart(name)


def refusing(site: Site, server: Server) -> AbstractContextManager[None]:
    """Meanwhile the provider takes no change."""
    return site.dns.refusing("example.test")


@contextmanager
def full(site: Site, server: Server) -> Iterator[None]:
    """Meanwhile the host's disk has no room."""
    server.host.run("fallocate -l 2G /var/full 2>/dev/null; cat /dev/zero > /var/fuller")
    try:
        yield
    finally:
        server.host.run("rm -f /var/full /var/fuller")


@contextmanager
def full_here(site: Site, server: Server) -> Iterator[None]:
    """Meanwhile the disk that the site's state and keys are on has no room."""
    filler = site.operator.folder / "full"
    run("sh", "-c", f"cat /dev/zero > {filler}", check=False)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def small_disk(site: Site) -> Iterator[None]:
    """Meanwhile the site's folder is a small disk of its own."""
    run("mount", "-t", "tmpfs", "-o", "size=200M", "tmpfs", str(site.operator.folder))
    try:
        yield
    finally:
        run("umount", str(site.operator.folder))


@contextmanager
def another_time(site: Site, server: Server) -> Iterator[None]:
    """Meanwhile the host's clock is a day ahead."""
    fake = "/usr/local/bin/date"
    server.host.run(f'printf \'#!/bin/sh\\nexec /bin/date -d "1 day" "$@"\\n\' > {fake}')
    server.host.run(f"chmod 755 {fake}", check=True)
    try:
        yield
    finally:
        server.host.run(f"rm {fake}", check=True)


@contextmanager
def nothing(site: Site, server: Server) -> Iterator[None]:
    """What goes wrong is in the run itself."""
    yield


@contextmanager
def edited(which: str, site: Site, server: Server, *, for_good: bool = False) -> Iterator[None]:
    """Meanwhile the old or new key's record is somebody else's; it stays as they made it.

    for_good: it is not put back; the user deletes it, as told.
    """
    there = going_on(site)
    assert there
    owner = f"{there[which]['selector']}._domainkey.example.test"
    before = site.dns.records(owner, "TXT")

    def becomes(*values: str) -> None:
        site.dns.edit("example.test", owner, "TXT", *values, ttl=3)
        shown = sorted(values)
        assert wait_for(lambda: site.dns.records(owner, "TXT", SECONDARY) == shown, 90)

    becomes(FOREIGN)
    yield
    assert site.dns.records(owner, "TXT") == [FOREIGN]
    becomes(*(() if for_good and going_on(site) else before))


@contextmanager
def away(site: Site, server: Server) -> Iterator[None]:
    """Meanwhile the host cannot be reached by SSH, and connections to it are broken."""
    with server.host.firewall("tcp dport 22 reject with tcp reset"):
        server.host.cut_ssh()
        yield


@dataclass(frozen=True)
class Failure:
    """Something that goes wrong while a rotation is under way.

    says: what the user is told, a pattern. dual, fixed: the steps that it stops. turns: whether it
    is met in time to turn back. back: the steps that it stops on the way back, None for the same.
    edits: whose record. ahead: seconds that this machine's clock is set forward by. between: it
    begins between two runs.
    """

    meanwhile: Meanwhile
    says: str
    dual: frozenset[Step]
    fixed: frozenset[Step]
    turns: bool = True
    back: frozenset[Step] | None = None
    edits: str | None = None
    ahead: int = 0
    between: bool = False

    def bites(self, strategy: Strategy) -> frozenset[Step]:
        """The steps that it stops."""
        return self.dual if strategy is DUAL else self.fixed

    def ends_at(self, strategy: Strategy, met: Step, *, emergency: bool) -> tuple[Step, bool]:
        """Where a run ends that met it at this step, and whether it is on the way back then."""
        way, bites = way_of(strategy, emergency=emergency), self.bites(strategy)
        first = next((step for step in way[way.index(met) :] if step in bites), Step.DONE)
        if strategy is FIXED and self.turns and first in _TURNS and not emergency:
            again = way[way.index(_TURNS[0]) :]
            return next(step for step in again if step in (self.back or bites)), True
        return first, False


def way_of(strategy: Strategy, *, emergency: bool) -> tuple[Step, ...]:
    """The steps of a rotation in order."""
    rotation = begin("", strategy, KeyRef("", ""), KeyRef("", ""), NO_TIME, 0, emergency=emergency)
    return coming(rotation, 0, stays=True)


def steps(*names: str) -> frozenset[Step]:
    """Steps by name."""
    return frozenset(map(Step, names))


FAILURES = {
    "primary dead": Failure(
        partial(dead, "bind"),
        r"198\.51\.100\.53",
        steps("publish", "prove", "retire"),
        steps("lower", "age", "publish", "prove", "restore"),
    ),
    "secondary dead": Failure(
        partial(dead, "knot"),
        r"198\.51\.100\.54",
        steps("prove", "retire"),
        steps("lower", "age", "prove"),
    ),
    "provider refuses": Failure(
        refusing,
        "refused",
        steps("publish", "retire"),
        steps("lower", "publish", "restore"),
        back=steps("restore"),  # the old record is still there
    ),
    "host away": Failure(
        away,
        "the connection to vps10 broke|vps10: see above",
        steps("install", "switch", "verify", "empty", "erase"),
        steps("pause", "switch", "resume", "verify"),
    ),
    "host's disk full": Failure(
        full,
        "No space left|452 ",
        steps("install", "switch", "verify"),
        steps("pause", "switch", "resume"),
    ),
    "disk here full": Failure(
        full_here,
        r"this machine could not write .*No space left",
        EVERYWHERE,
        EVERYWHERE,
        turns=False,
    ),
    "clock here ahead": Failure(
        nothing,
        "clock",
        steps("publish", "keep", "retire"),
        steps("lower", "age", "publish", "restore", "keep"),
        ahead=DAY,
    ),
    "clock here behind": Failure(
        nothing,
        "clock|in the future",
        steps("publish", "verify", "keep", "retire"),
        steps("lower", "age", "publish", "restore", "keep"),
        ahead=-DAY,
    ),
    "host's clock ahead": Failure(
        another_time, "clock", steps("keep"), steps("age", "keep"), between=True
    ),
    "old record edited": Failure(
        partial(edited, "old"),
        "_domainkey.example.test/TXT",
        steps("publish", "retire"),
        steps("lower", "age", "publish", "prove", "drain", "switch", "restore"),
        edits="old",
    ),
    "new record edited": Failure(
        partial(edited, "new"),
        "_domainkey.example.test/TXT",
        steps("publish", "prove", "switch", "retire"),
        steps("lower", "age", "publish", "prove", "drain", "switch", "restore"),
        edits="new",
    ),
    "new record edited for good": Failure(
        partial(edited, "new", for_good=True),
        "_domainkey.example.test/TXT",
        steps("publish", "prove", "switch", "retire"),
        steps("lower", "age", "publish", "prove", "drain", "switch", "restore"),
        edits="new",
    ),
}


# -- meeting it --------------------------------------------------------------------------------


def meet(
    site: Site, server: Server, strategy: Strategy, step: Step, name: str, *, emergency: bool
) -> None:
    """A rotation meets a failure at a step; once that is over it comes to its end."""
    failure, before = FAILURES[name], signer_key(site, server)
    folder = site.operator.folder / f"{step}-{name.replace(' ', '-')}"
    watched = come_to(site, step, folder, ahead=failure.ahead, emergency=emergency)
    used, _ = signer_key(site, server)
    with failure.meanwhile(site, server):
        status, printed = ended(site, watched, folder, failure)
        at, back = failure.ends_at(strategy, step, emergency=emergency)
        where = f"{name} at {step}: {at} {back}\n{printed}"
        there = going_on(site)
        assert "Traceback" not in printed, where
        assert (there["step"] if there else Step.DONE) == at, where
        assert (there is not None and there["going_back"]) is back, where
        told = at is not Step.DONE or failure.between
        assert (status != 0) is told, where
        assert re.search(failure.says, printed) or not told, where
        if failure.edits is None or is_safe_from(failure, used, there):
            assert_safe(site, server, where)
    if there:
        done = rotate(site, "rotate_wait=1")
        assert done.status == 0, f"{where}\n{done.output}"
    assert history(site)[-1]["aborted"] is back
    assert (signer_key(site, server) == before) is back, where


def come_to(
    site: Site, step: Step, folder: Path, *, ahead: int = 0, emergency: bool = False
) -> Watched:
    """Start a rotation; it waits where a step begins until there is a `go` in the folder."""
    folder.mkdir()
    moment = f"meets {step} {folder} {ahead}"
    watched = Watched(
        site, DISTURBED, emergency=emergency, PMAIL_MOMENT=moment, PMAIL_LEAST_TTL="3"
    )
    watched.wait_until((folder / "here").exists)
    assert (folder / "here").exists(), watched.printed
    return watched


def ended(site: Site, watched: Watched, folder: Path, failure: Failure) -> tuple[int, str]:
    """Let the run go on, or start another."""
    if failure.between:
        watched.kill_when(lambda: True)
        done = rotate(site, "rotate_wait=1")
        return done.status, done.output
    (folder / "go").touch()
    return watched.ended(), watched.printed


def is_safe_from(failure: Failure, used: str, there: dict[str, object] | None) -> bool:
    """Whether the record that somebody has edited is not the one of the key in use."""
    assert failure.edits
    key = (there or {}).get(failure.edits)
    return isinstance(key, dict) and key["selector"] != used


def meet_all(
    site: Site, server: Server, strategy: Strategy, cells: Cells, *, emergency: bool = False
) -> None:
    """Meet one failure after the other, each in a rotation of its own."""
    done = site.operator.run()
    assert done.status == 0, done.output
    server.data["propagation_timeout"] = 8
    for number, (name, step) in enumerate(cells):
        meet(site, server, strategy, step, name, emergency=emergency)
        assert_one_key(site, server, rotations=number + 1)


def in_turn(strategy: Strategy) -> Cells:
    """Every other failure once, at another of the steps that it stops each time."""
    cells = []
    mine = list(FAILURES.items())[list(Strategy).index(strategy) :: len(Strategy)]
    for number, (name, failure) in enumerate(mine):
        stopped = [step for step in steps_of(strategy) if step in failure.bites(strategy)]
        cells.append((name, stopped[number % len(stopped)]))
    return cells


def cells_of(strategy: Strategy, *, emergency: bool = False) -> list[Cells]:
    """What each test meets: some failures in turn, or one at every step."""
    if TIMES > 1:
        way = way_of(strategy, emergency=emergency)
        return [[(name, step) for step in way] for name in FAILURES]
    if emergency:
        return [[(name, Step(step)) for name, step in IN_EMERGENCY[strategy]]]
    cells = in_turn(strategy)
    return [cells[number : number + 3] for number in range(0, len(cells), 3)]


@pytest.mark.more
@pytest.mark.parametrize("cells", cells_of(DUAL), ids=lambda cells: cells[0][0])
def test_with_two_selectors(new_site: Site, cells: Cells) -> None:
    with two_selectors(new_site) as server:
        meet_all(new_site, server, DUAL, cells)


@pytest.mark.long
@pytest.mark.parametrize("cells", cells_of(FIXED), ids=lambda cells: cells[0][0])
def test_with_one_selector(new_site: Site, cells: Cells) -> None:
    with one_selector(new_site) as server:
        meet_all(new_site, server, FIXED, cells)


@pytest.mark.long
@pytest.mark.parametrize("cells", cells_of(DUAL, emergency=True), ids=lambda cells: cells[0][0])
def test_an_emergency_with_two_selectors(new_site: Site, cells: Cells) -> None:
    with two_selectors(new_site) as server:
        meet_all(new_site, server, DUAL, cells, emergency=True)


@pytest.mark.long
@pytest.mark.parametrize("cells", cells_of(FIXED, emergency=True), ids=lambda cells: cells[0][0])
def test_an_emergency_with_one_selector(new_site: Site, cells: Cells) -> None:
    with one_selector(new_site) as server:
        meet_all(new_site, server, FIXED, cells, emergency=True)


@pytest.mark.long
def test_a_leaked_key_that_a_rotation_returns_to_or_has_brought_is_replaced(
    new_site: Site,
) -> None:
    site = new_site
    with one_selector(site) as server:
        assert site.operator.run().status == 0
        server.data["propagation_timeout"] = 8
        folder, leaked = site.operator.folder / "moment", signer_key(site, server)
        watched = come_to(site, Step.PUBLISH, folder)
        with dead("bind", site, server):
            (folder / "go").touch()
            assert watched.ended() != 0
        there = going_on(site)
        assert there and there["going_back"], watched.printed
        told = rotate(site, "rotate_emergency=1")
        assert told.status != 0 and "run --emergency again" in told.output, told.output
        assert going_on(site) is None and signer_key(site, server) == leaked
        done = rotate(site, "rotate_emergency=1")
        assert done.status == 0, done.output
        assert signer_key(site, server) != leaked
        assert_one_key(site, server, rotations=2)

        # Nor has one to wait for what is left of a rotation whose new key leaks.
        server.data["dkim_keep_days"] = 1

        def kept() -> bool:
            done = rotate(site)
            there = going_on(site)
            assert done.status == 0 and there, done.output
            return bool(there["step"] == Step.KEEP)

        assert wait_for(kept, 60)
        leaked = signer_key(site, server)
        done = rotate(site, "rotate_emergency=1")
        assert done.status == 0, done.output
        assert signer_key(site, server) != leaked
        assert_one_key(site, server, rotations=4)


@contextmanager
def two_selectors(site: Site) -> Iterator[Server]:
    """A server whose key is replaced by one under another selector."""
    with small_disk(site):
        yield site.add_running("relay", dkim_keep_days=0, disk="900M")


@contextmanager
def one_selector(site: Site) -> Iterator[Server]:
    """A server whose key is replaced in place."""
    with small_disk(site):
        yield site.add_running("direct", ttl=6, dkim_keep_days=0, dkim_ttl_slack=2, disk="900M")


@pytest.mark.long
def test_a_host_that_is_away_does_not_hold_up_the_others(new_site: Site) -> None:
    site = new_site
    here = site.add_server("example.test", outbound="relay", dkim_keep_days=0)
    there = site.add_server("second.test", outbound="relay", dkim_keep_days=0)
    assert site.operator.run().status == 0
    old = {domain: selectors(site, domain) for domain in ("example.test", "second.test")}
    with away(site, there):
        done = rotate(site)
        assert "Traceback" not in done.output and there.name in done.output
        assert done.status != 0, done.output
    assert selectors(site, "example.test") != old["example.test"]
    assert_one_key(site, here, rotations=1)
    assert selectors(site, "second.test") == old["second.test"]
    done = rotate(site, "rotate_domains=second.test")
    assert done.status == 0, done.output
    assert_one_key(site, there, rotations=1)
