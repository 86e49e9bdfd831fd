"""Parts in the deploy of another project, whose inventory and data are its own."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploys.cli.refusals import asked_first
from deploys.cli.verbs import VERBS
from deploys.run import start
from deploys.run.prepare import BadInput
from ground.words import text
from tests import warm
from tests.this_machine import apart
from tests.warm import REPOSITORY, Program

MAIL: dict[str, Any] = {
    **{"domains": ["example.com"], "ipv4": "8.8.8.8", "users": ["bob"]},
    # nobody is asked
    **{"resolvers": ["127.0.0.1"], "preflight_mx_domains": []},
    **{"tls": "files", "tls_cert_file": "/c", "tls_key_file": "/k"},
}
THEIRS = {"motd": "hello", "team": "infrastructure", "release": 5, "format": "tar", "panel": "x"}
ZONE = ("@zone/example.com", {"dns_provider": "manual", "owner": "dns team"})
HEAD = """
from pyinfra import host
from pyinfra.operations import server as shell
from pmail_deploy.parts import *
mail = "mail_servers" in host.groups
if mail:
    shell.shell(name="Before", commands=["touch {seen}"])
"""
PART = "if mail:\n    preflight(mail_server())\n"


@dataclass(frozen=True)
class Project:
    """A folder of a project of somebody else's."""

    folder: Path

    @property
    def seen(self) -> bool:
        """Whether what the project itself does was carried out."""
        return (self.folder / "seen").exists()

    def run(self, deploy: str, *words: str, data: dict[str, object] | None = None) -> str:
        """Run `pyinfra inventory.py deploy.py` with a mail server that is this machine."""
        mail = {**MAIL, **THEIRS, **(data or {})}
        content = f"mail_servers = [('@local', {mail!r})]\nzones = [{ZONE!r}]\n"
        (self.folder / "inventory.py").write_text(apart(self.folder, content))
        head = HEAD.format(seen=self.folder / "seen")
        (self.folder / "deploy.py").write_text(head + deploy)
        environment = {**os.environ, "PMAIL_LANG": "en", "PMAIL_OUTCOME": str(self.folder / "out")}
        _, said = warm.run(
            Program.PYINFRA,
            ("inventory.py", "deploy.py", *(words or ("-y",))),
            environment,
            folder=self.folder,
        )
        return said


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("PMAIL_STATE", "PMAIL_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return Project(tmp_path)


def test_a_part_is_carried_out_among_what_a_project_does_itself(project: Project) -> None:
    said = project.run(PART)
    assert "pmail-deploy preflight | Preflight" in said and "Preflight of @local:" in said
    assert project.seen and "Traceback" not in said


_BREAKS = """
import deploys.verification.preflight as module
def broken(server):
    raise ConnectionResetError("gone in the middle")
module.examine = broken
"""


def test_what_breaks_in_a_part_fails_its_host_and_the_run_goes_on(project: Project) -> None:
    said = project.run(_BREAKS + PART)
    assert "gone in the middle" in said and "Grand total" in said
    assert "Traceback" not in said


def test_data_of_a_projects_own_are_its_own(project: Project) -> None:
    said = project.run(PART, "--dry", "--data", "version_of_theirs=7")
    assert "pmail-deploy preflight | Preflight" in said, said
    assert not any(name in said for name in THEIRS)


def test_what_looks_like_a_setting_of_ours_is_refused_before_anything_is_done(
    project: Project,
) -> None:
    said = project.run(PART, data={"domanis": ["a.test"], "user": "deploy"})
    assert "no setting domanis; did you mean domains?" in said
    assert "no setting user; did you mean users?" in said
    assert not any(name in said for name in THEIRS) and not project.seen


def test_a_project_says_which_of_its_data_only_look_like_a_setting(project: Project) -> None:
    said = project.run(f"ignore('user')\n{PART}", "--dry", data={"user": "deploy"})
    assert "pmail-deploy preflight | Preflight" in said, said


def test_settings_that_are_wrong_are_told_all_at_once(project: Project) -> None:
    said = project.run(PART, data={"outbound": "pigeons", "users": ["bob", "bob"]})
    assert "pigeons" in said and "bob" in said.partition("pigeons")[2] and not project.seen


def test_state_is_beside_the_projects_inventory_and_no_outcome_is_written(
    project: Project,
) -> None:
    said = project.run("if mail:\n    mailboxes(mail_server())\n", "--dry")
    assert "pmail-deploy users | Mailboxes" in said, said
    names = {path.name for path in project.folder.iterdir()}
    assert names <= {"inventory.py", "deploy.py", "on_this_machine", "state", "keys"}


@pytest.mark.parametrize(
    ("deploy", "told"),
    [
        ("if not mail:\n    mail_server()\n", text("guest.no_server", host="@zone/example.com")),
        (
            "import dataclasses\nif mail:\n"
            "    preflight(dataclasses.replace(mail_server(), ipv4='9.9.9.9'))\n",
            text("guest.other_server", host="@local"),
        ),
    ],
)
def test_a_part_is_for_the_server_that_the_inventory_describes(
    project: Project, deploy: str, told: str
) -> None:
    assert told in project.run(deploy) and not project.seen


def test_parts_say_where_they_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_started", [])
    monkeypatch.delitem(sys.modules, "pyinfra_cli.cli", raising=False)
    with pytest.raises(BadInput, match=r"pyinfra INVENTORY deploy\.py"):
        start.start_as_guest(VERBS, asked_first, frozenset())


def test_what_changes_something_is_not_split_over_hosts(project: Project) -> None:
    changing = "if mail:\n    mailboxes(mail_server())\n"
    assert "--serial would let one host run ahead" in project.run(changing, "-y", "--serial")
    assert not project.seen
    assert "Preflight of @local:" in project.run(PART, "-y", "--serial")


def test_the_whole_job_is_not_done_for_a_server_without_its_zones(project: Project) -> None:
    said = project.run("everything()\n", "-y", "--limit", "@local")
    assert "leaves @zone/example.com out" in said and not project.seen


def test_the_example_is_one_that_runs(project: Project) -> None:
    folder = REPOSITORY / "examples" / "other_project"
    shutil.copy(folder / "deploy.py", project.folder)
    here = (folder / "inventory.py").read_text().replace('"203.0.113.20"', '"@local"')
    here = here.replace('"team": "web"', '"team": "web", "domain": "example.com"')
    (project.folder / "inventory.py").write_text(apart(project.folder, here))
    words = ("inventory.py", "deploy.py", "--dry", "--limit", "web_servers")
    environment = {**os.environ, "CF_TOKEN": "x"}
    status, said = warm.run(Program.PYINFRA, words, environment, folder=project.folder)
    assert status == 0 and "Message of the day" in said, said
