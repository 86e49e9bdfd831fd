"""deploys/rotate_dkim.py, disturbed at the moment that PMAIL_MOMENT names.

`within STEP SECONDS`: its process group is killed so long after the step has begun, or when it is
done but not written down.
`after STEP`: killed as soon as it is written down.
`meets STEP FOLDER [SECONDS]`: when the step begins it makes FOLDER/here and waits for FOLDER/go;
then its clock is set forward by so many seconds.

PMAIL_LEAST_TTL: the low TTL (seconds), less than anybody would want outside a test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from pyinfra import local

from deploys.rotation import operations, steps
from deploys.rotation.outcome import Outcome
from deploys.rotation.run import Clock, this_run
from keys.journal import Journal
from keys.rotation import Rotation

now, set_by = time.time, [0.0]
time.time = lambda: now() + set_by[0]
this_run().clock = Clock(now=time.time)
how, step, *more = os.environ["PMAIL_MOMENT"].split()
steps._LEAST_TTL = int(os.environ.get("PMAIL_LEAST_TTL", steps._LEAST_TTL))
began = operations.waited
save = Journal.save


def waited(there: Rotation, *others: Any) -> Outcome:
    """At the beginning of a step."""
    if there.step == step and how == "within":
        # A process of its own: this one's threads are pyinfra's, and wait for each other.
        script = f"sleep {more[0]}; kill -9 -- -{os.getpgid(0)}"
        subprocess.Popen(["sh", "-c", script], start_new_session=True)
    if there.step == step and how == "meets" and not there.going_back:
        meet(Path(more[0]), float((more[1:] or ["0"])[0]))
    return began(there, *others)


def meet(folder: Path, ahead: float) -> None:
    """Let the test do what it will at this moment; once."""
    if (folder / "here").exists():
        return
    (folder / "here").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    set_by[0] = ahead


def saved(journal: Journal, rotation: Rotation) -> None:
    """At its end."""
    before = journal.load(rotation.domain)
    ended = before is not None and before.step == step != rotation.step
    if ended and how == "within":
        os.killpg(0, signal.SIGKILL)
    save(journal, rotation)
    if ended and how == "after":
        os.killpg(0, signal.SIGKILL)


operations.waited = waited
Journal.save = saved  # type: ignore[method-assign]
local.include("deploys/rotate_dkim.py")
