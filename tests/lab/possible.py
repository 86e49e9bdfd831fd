"""Whether this machine lets us make a lab: asked once, before any test is blamed for it."""

from __future__ import annotations

import os
import subprocess
from functools import cache

REQUIRED = "PMAIL_LAB_REQUIRED"  # set: a lab that cannot start is a failure, not a reason to skip
# What hosts are made of: namespaces, and an overlay on a file system in RAM.
_TRIAL = """
set -e
mount -t tmpfs lab /mnt
mkdir /mnt/lower /mnt/upper /mnt/work /mnt/root
mount -t overlay lab -o lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
"""


@cache
def why_not() -> str:
    """Why there can be no lab here and what to do; empty where there can be one."""
    if os.geteuid() != 0:
        return (
            "needs root: it boots throwaway servers in namespaces of their own (sudo scripts/test)"
        )
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", _TRIAL]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return ""
    return (
        "this machine makes no namespaces or overlays for us: run it on a machine or VM of your "
        f"own, or in a container with --privileged ({' '.join(tried.stderr.split())})"
    )


if __name__ == "__main__":
    print(why_not(), end="")
