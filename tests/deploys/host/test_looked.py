"""One look at a host: each part gets what its script wrote, whatever that is; a cut one is none."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.connectors import util

from deploys.host import looked as looks
from deploys.host import remote
from deploys.host.looked import MACHINE, PARTS, RECIPIENTS, Part, look_again, looked, parse, script
from deploys.host.remote import _TRY_SUDO
from ground.errors import DeployError

ODD = Part("odd", r"printf 'a\nb \377'; exit 3", str)
BROKEN = Part("broken", "echo x >&2; nosuch-command", str)
LAST = Part("last", "echo fine", str.strip)


def run(*parts: Part[Any]) -> str:
    done = subprocess.run(["sh", "-c", script(parts)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_each_part_sees_what_its_own_script_wrote_and_stops_no_other() -> None:
    found = parse(run(ODD, BROKEN, LAST))
    assert found
    assert found.of(ODD) == "a\nb \ufffd"
    assert (found.of(BROKEN), found.of(LAST)) == ("", "fine")


def test_a_look_that_was_cut_off_anywhere_is_none() -> None:
    lines = run(ODD, LAST).splitlines()
    for count in range(len(lines)):
        assert parse("\n".join(lines[:count])) is None


@dataclass(eq=False)
class Unprivileged:
    """A host with a user who is not root. sudo: what it says, "" where it is let through."""

    name: str
    sudo: str
    state: Any = field(default_factory=lambda: SimpleNamespace(is_executing=False))

    def run_shell_command(self, command: Any, *, _sudo: bool = False, **_: Any) -> tuple[bool, Any]:
        if _sudo:
            assert not self.sudo, "a password would be in the process list"
        output = [f"- {self.sudo}"] if self.sudo and str(command) == _TRY_SUDO else []
        if remote._IF_ROOT in str(command):
            output = [remote._NOT_ROOT]
        return True, SimpleNamespace(stdout_lines=output, stderr_lines=[])


@pytest.mark.parametrize(
    ("sudo", "said"),
    [
        ("sudo: a password is required", "host.no_root"),
        ("sudo: command not found", "host.no_root"),
        ("", "host.not_looked"),
    ],
)
def test_a_host_where_nobody_becomes_root_is_told_as_that_and_no_password_is_asked_for(
    sudo: str, said: str
) -> None:
    host: Any = Unprivileged(f"vps-{sudo}", sudo)
    with pytest.raises(DeployError) as error:
        looked(host)
    assert error.value.words.id == said and sudo in str(error.value)


def test_a_password_that_sudo_wants_later_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "getpass", lambda prompt: pytest.fail("asked"))
    remote.ask_no_password()
    output = util.CommandOutput([util.OutputLine("stderr", "sudo: a password is required")])
    host: Any = SimpleNamespace(print_prefix="", connector_data={})
    with pytest.raises(DeployError) as error:
        util.execute_command_with_sudo_retry(host, {}, lambda: (1, output))
    assert error.value.words.id == "host.sudo_password" and host.connector_data == {}


@dataclass(eq=False)
class Somewhere:
    """A host that runs scripts here, and counts them."""

    name: str
    works: bool = True
    scripts: list[str] = field(default_factory=list)
    state: Any = field(default_factory=lambda: SimpleNamespace(is_executing=False))

    def run_shell_command(self, command: Any, _stdin: str = "", **_: Any) -> tuple[bool, Any]:
        self.scripts.append(str(command))
        words = ["sh", "-c", str(command)] if self.works else ["sh", "-c", "echo cut >&2; exit 1"]
        done = subprocess.run(words, input=_stdin, capture_output=True, text=True, check=False)

        class Output:
            stdout_lines = done.stdout.splitlines()
            stderr_lines = done.stderr.splitlines()

        return done.returncode == 0, Output()


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "PARTS", (MACHINE, LAST))


def test_a_host_is_read_once_in_a_run_and_again_only_on_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host: Any = Somewhere("once")
    monkeypatch.setitem(__import__("deploys.host.remote", fromlist=["_"])._SUDO, "once", False)
    assert looked(host) is looked(host) and len(host.scripts) == 1
    assert looked(host).of(LAST) == "fine"
    look_again(host)
    assert len(host.scripts) == 2


def test_a_host_that_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    host: Any = Somewhere("broken", works=False)
    monkeypatch.setitem(__import__("deploys.host.remote", fromlist=["_"])._SUDO, "broken", False)
    with pytest.raises(DeployError, match="cut"):
        looked(host)


def test_parts_have_names_of_their_own() -> None:
    names = [each.name for each in PARTS]
    assert len(set(names)) == len(names) and not any(" " in each for each in names)


def test_the_domains_that_mail_waits_for_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = (
        '{"queue_name": "deferred", "queue_id": "4Z", "sender": "a@Sender.test", "recipients": '
        '[{"address": "b@Second.test"}, {"address": "c@recv.test", "delay_reason": "x@y.test"}]}'
    )
    program = tmp_path / "postqueue"
    program.write_text(f"#!/bin/sh\ncat <<'E'\n{message}\n{message}\nE\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = parse(run(RECIPIENTS))
    assert found and found.of(RECIPIENTS) == frozenset({"second.test", "recv.test"})
    program.unlink()
    alone = parse(run(RECIPIENTS))
    assert alone and alone.of(RECIPIENTS) == frozenset()


@pytest.mark.parametrize(
    ("sudo", "printed"),
    [
        ("echo 'sudo: unable to resolve host x' >&2; exit 0", ""),
        ("echo a lecture >&2; echo 'sudo: a password is required' >&2; exit 1", "required"),
        ("exit 1", "sudo"),
    ],
)
def test_what_sudo_says_counts_only_where_it_does_not_work(
    tmp_path: Path, sudo: str, printed: str
) -> None:
    program = tmp_path / "sudo"
    program.write_text(f"#!/bin/sh\n{sudo}\n")
    program.chmod(0o755)
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", _TRY_SUDO], env=path, capture_output=True, text=True)
    assert done.stderr == "" and bool(done.stdout) is bool(printed)
    assert all(line.startswith(remote._SAID) for line in done.stdout.splitlines())
    assert done.stdout.rstrip().endswith(printed)
