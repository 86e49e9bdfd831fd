"""deploys/rotate_dkim.py, killed at the moment that PMAIL_KILL names: its whole process group.

`within STEP SECONDS`: so long after the step has begun, or when it is done but not written down.
`after STEP`: as soon as it is written down.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any

from pyinfra import local

from deploys.rotation import operations
from deploys.rotation.journal import Journal
from keys.rotation import Rotation

how, step, *seconds = os.environ["PMAIL_KILL"].split()
began = operations.waited
save = Journal.save


def waited(there: Rotation, *others: Any) -> operations.Outcome:
    """At the beginning of a step."""
    if how == "within" and there.step == step:
        # A process of its own: this one's threads are pyinfra's, and wait for each other.
        script = f"sleep {seconds[0]}; kill -9 -- -{os.getpgid(0)}"
        subprocess.Popen(["sh", "-c", script], start_new_session=True)
    return began(there, *others)


def saved(journal: Journal, rotation: Rotation) -> None:
    """At its end."""
    before = journal.load(rotation.domain)
    ended = before is not None and before.step == step != rotation.step
    if ended and how == "within":
        os.killpg(0, signal.SIGKILL)
    save(journal, rotation)
    if ended:
        os.killpg(0, signal.SIGKILL)


operations.waited = waited
Journal.save = saved  # type: ignore[method-assign]
local.include("deploys/rotate_dkim.py")
