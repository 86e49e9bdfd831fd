"""Programs that a deploy takes for other releases of PMail: another version, and two bad ones."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.process import run
from tests.pmail_binary import pmail_binary

_VERSION = b"v2.9.7"
# On a copy of the database it is the PMail that is in use; on the database itself it spoils it.
_SPOILER = r"""
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **arguments, char **environment) {
    char group[4096] = "";
    int file = open("/proc/self/cgroup", O_RDONLY);
    if (read(file, group, sizeof group - 1) > 0 && strstr(group, "trial"))
        return execve("/usr/local/lib/pmail/current/pmail", arguments, environment);
    puts("spoiling all");
    fflush(stdout);
    file = open("/var/lib/pmail/data/pmail.db", O_WRONLY);
    lseek(file, 3000, SEEK_SET);
    for (int i = 0; i < 5000; i++)
        if (write(file, "spoiled   ", 10) < 0) return 2;
    return 1;
}
"""


def other_version(folder: Path, version: str = "v2.9.8") -> Path:
    """PMail, but it calls itself another version."""
    content = pmail_binary().path.read_bytes()
    if _VERSION not in content:
        raise RuntimeError(f"{pmail_binary().path} does not say {_VERSION.decode()}")
    return _program(folder / f"pmail-{version}", content.replace(_VERSION, version.encode()))


def ends_at_once(folder: Path) -> Path:
    """A program that is no PMail."""
    return _program(folder / "false", Path("/bin/false").read_bytes())


def spoiler(folder: Path) -> Path:
    """A PMail that works on a copy and spoils the database. Needs a C compiler."""
    source = folder / "spoiler.c"
    source.write_text(_SPOILER)
    run("gcc", "-static", "-o", str(folder / "spoiler"), str(source))
    return folder / "spoiler"


def can_compile() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("gcc") is not None


def _program(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o755)
    return path
