"""Of plugins of before only root's own programs are started again."""

from __future__ import annotations

import getpass
import os
import subprocess
from pathlib import Path

from deploys.host import pmail_layout as layout
from deploys.pmail_server import plugins


def listed(folder: Path, owner: str) -> set[str]:
    """What is listed of a folder, where this user stands for root."""
    script = plugins._LOOK.replace(layout.PLUGINS, str(folder))
    script = script.replace("-user root", f"-user {owner}")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines())


def test_root_s_programs_go_on_and_what_others_could_have_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    for name, mode in (("push", 0o755), ("open", 0o777), ("1.socket", 0o755), ("a\n+ b", 0o755)):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(mode)
    (folder / "linked").symlink_to("/bin/true")
    (folder / "twice").write_text("")
    os.link(folder / "twice", tmp_path / "elsewhere")
    assert listed(folder, getpass.getuser()) == {"+ push", "! open", "! twice"}


def test_what_pmail_s_user_has_put_there_is_not_moved(tmp_path: Path) -> None:
    (tmp_path / "evil").write_text("#!/bin/sh\n")
    assert listed(tmp_path, "daemon") == {"! evil"}


def test_a_host_without_plugins_shows_none(tmp_path: Path) -> None:
    assert listed(tmp_path / "none", "root") == set()
