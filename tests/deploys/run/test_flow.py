"""The order of a run is kept by real pyinfra runs over zone hosts, whatever the options."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import warm
from tests.warm import REPOSITORY, Program

INVENTORY = 'zones = ["@zone/one.test", "@zone/two.test"]\n'
DEPLOY = """
from pathlib import Path
from paramiko import SSHException
from pyinfra import host, state
from pyinfra.api import FunctionCommand, operation
from deploys.run import flow
from ground.errors import DeployError

@operation()
def step(line, fails=False):
    if fails and BREAKS == "looking" and state.is_executing:
        raise EOFError("gone")
    if fails and BREAKS == "told" and state.is_executing:
        raise DeployError("flow.here", reason="gone")
    def work(state, host):
        if fails and BREAKS == "working":
            raise SSHException("gone")
        if fails:
            return False
        with Path(JOURNAL).open("a") as journal:
            journal.write(f"{line} {host.name}\\n")
    yield FunctionCommand(work, (), {})

flow.among(NEEDS)
flow.begin(name="Begin", alone=ALONE, why_outdated=lambda: None)
step(name="Above", line="above", fails=host.name == FAILING)
flow.barrier("keys_ready", goes_on=GOES_ON)
step(name="Below", line="below")
"""


@dataclass(frozen=True)
class Run:
    """One pyinfra run: its exit status, its output, and the steps done in their order."""

    status: int
    output: str
    steps: tuple[str, ...]


def run(
    folder: Path,
    *options: str,
    failing: str = "",
    answer: str = "",
    alone: bool = True,
    needs: dict[str, frozenset[str]] | None = None,
    goes_on: bool = False,
    breaks: str = "",
) -> Run:
    journal = folder / "journal"
    (folder / "inventory.py").write_text(INVENTORY)
    head = f"JOURNAL = {str(journal)!r}\nFAILING = {failing!r}\nALONE = {alone}\n"
    head += f"NEEDS = {needs or {}}\nGOES_ON = {goes_on}\nBREAKS = {breaks!r}\n"
    (folder / "run.py").write_text(head + DEPLOY)
    words = (str(folder / "inventory.py"), str(folder / "run.py"), *options)
    environment = {**os.environ, "PMAIL_STATE": str(folder / "state"), "PMAIL_LANG": "en"}
    status, said = warm.run(Program.PYINFRA, words, environment, typed=answer)
    steps = tuple(journal.read_text().splitlines()) if journal.exists() else ()
    return Run(status, said, steps)


def test_nothing_below_the_barrier_starts_before_every_host_is_there(tmp_path: Path) -> None:
    done = run(tmp_path, "-y")
    assert done.status == 0, done.output
    assert [step.split()[0] for step in done.steps] == ["above", "above", "below", "below"]


@pytest.mark.parametrize("options", [("-y",), ()])
def test_a_failed_host_stops_all_others_also_when_the_user_says_go_on(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    done = run(tmp_path, *options, failing="@zone/two.test", answer="\n" * 6)
    assert done.status != 0
    assert done.steps == ("above @zone/one.test",)


ONE, TWO = "@zone/one.test", "@zone/two.test"


@pytest.mark.parametrize("options", [("-y",), ()])
def test_a_failed_host_stops_those_that_need_it_and_nobody_asks_whether_to_go_on(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    alone = {ONE: frozenset[str](), TWO: frozenset({ONE})}
    done = run(tmp_path, *options, failing=TWO, needs=alone, answer="\n")
    assert done.status == 1 and done.steps == (f"above {ONE}", f"below {ONE}")
    assert "continue?" not in done.output
    for line in (f"{ONE}: done (2 changed)", f"{TWO}: failed (0 changed before): Above"):
        assert line in done.output


def test_who_waits_for_a_failed_host_says_so_in_the_last_lines(tmp_path: Path) -> None:
    needs = {ONE: frozenset({TWO}), TWO: frozenset({ONE})}
    done = run(tmp_path, "-y", failing=TWO, needs=needs)
    assert done.status == 1 and done.steps == (f"above {ONE}",)
    assert f"{ONE}: stopped (1 changed), it waits for {TWO}" in done.output.splitlines()[-2]


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        ("looking", f"the connection to {TWO} broke: gone"),
        ("working", f"the connection to {TWO} broke: gone"),
        ("told", "this machine could not do its part: gone"),
    ],
)
def test_a_connection_that_breaks_in_the_middle_fails_its_host_without_a_traceback(
    tmp_path: Path, breaks: str, said: str
) -> None:
    alone = {ONE: frozenset[str](), TWO: frozenset({ONE})}
    done = run(tmp_path, "-y", failing=TWO, needs=alone, breaks=breaks)
    assert done.status == 1 and done.steps == (f"above {ONE}", f"below {ONE}"), done.output
    assert "Traceback" not in done.output
    assert f"{TWO}: failed (0 changed before): {said}" in done.output


def test_what_can_do_without_a_failed_host_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path, "-y", failing=TWO, goes_on=True)
    assert done.status == 1 and done.steps == (f"above {ONE}", f"below {ONE}")


@pytest.mark.parametrize("option", ["--serial", "--no-wait"])
def test_the_barrier_itself_notices_a_split_run(tmp_path: Path, option: str) -> None:
    steps = [step.split()[0] for step in run(tmp_path, "-y", option).steps]
    assert "below" not in steps[:2] and (option == "--no-wait" or "below" not in steps)


def test_a_second_run_on_the_same_site_is_refused_while_the_first_works_unless_it_only_looks(
    tmp_path: Path,
) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from deploys.run import paths\n"
            "with paths.locked('site'): print('held', flush=True); sys.stdin.read()",
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PMAIL_STATE": str(tmp_path / "state")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdin and holder.stdout
    try:
        assert holder.stdout.readline() == b"held\n"
        done = run(tmp_path, "-y")
        looks = run(tmp_path, "-y", alone=False)
    finally:
        holder.stdin.close()
        holder.wait(timeout=30)
    assert done.status != 0
    assert "site.lock" in done.output and done.steps == ()
    assert looks.status == 0 and looks.steps
