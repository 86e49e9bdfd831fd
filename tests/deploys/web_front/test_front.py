"""What the front is told, and what is seen of a web server of the user's."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploys.host import web_layout
from deploys.web_front import configure, neighbour, operations
from tests.postmaster.test_settings import site


def server(**data: object):
    return site(**data).servers[0]


@pytest.mark.parametrize("outbound", ["relay", "direct"])
@pytest.mark.parametrize("web", ["nginx", "behind", "pmail"])
def test_what_a_setting_has_is_not_what_another_leaves(outbound: str, web: str) -> None:
    made = server(outbound=outbound, web=web)
    gone = set(operations._gone(made))
    assert not gone & {each.path for each in operations._wanted(made)}
    assert (web_layout.FOLDER in gone) is (web == "pmail")
    assert (web_layout.NGINX_UNIT in gone) is (web != "nginx")
    assert (web_layout.CACHE in gone) is (web != "nginx")
    assert (web_layout.SOCKET_UNIT in gone) is (web == "pmail" or outbound == "relay")


def test_names_of_before_still_show_web_mail_and_challenges_come_for_all() -> None:
    made = replace(server(web="behind"), old_names=("old.example.com",))
    text = configure.sites(made)[web_layout.SITE_NGINX]
    assert "server_name mail.example.com old.example.com;" in text
    plain = next(line for line in text.splitlines() if "smtp.example.com" in line)
    assert set(made.certificate_names) <= set(plain.strip(" ;").split())


@pytest.mark.parametrize(
    ("written", "kind", "user", "included", "current"),
    [
        ("nginx www-data\ncurrent", "nginx", "www-data", False, True),
        ("caddy caddy\nincluded caddy\ncurrent", "caddy", "caddy", True, True),
        ("apache www-data\nincluded nginx", "apache", "www-data", False, False),
        ("included apache", "apache", "www-data", True, False),
        ("nginx root; reboot\n", "nginx", "www-data", False, False),
        ("", "nginx", "www-data", False, False),
    ],
)
def test_a_neighbour_is_what_the_host_shows(
    written: str, kind: str, user: str, included: bool, current: bool
) -> None:
    seen = neighbour.parse(written)
    assert (seen.kind.name, seen.user) == (kind, user)
    assert (seen.included, seen.current) == (included, current)


def test_the_scripts_are_sound() -> None:
    for script in (neighbour.SCRIPT, configure.reload_web()):
        assert not subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode


def test_who_follows_the_advice_gets_one_line_in_a_file_that_is_read_last(tmp_path: Path) -> None:
    for each in neighbour.KINDS:
        file = tmp_path / Path(each.file).name
        command = each.command.replace(each.file, str(file))
        assert each.line in command and f"systemctl reload {each.unit}" in command
        tools = tmp_path / each.name
        tools.mkdir()
        for name in ("nginx", "apache2ctl", "caddy", "systemctl", "a2enmod"):
            tool = tools / name
            tool.write_text("#!/bin/sh\nexit 0\n")
            tool.chmod(0o755)
        path = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
        subprocess.run(["sh", "-c", command], check=True, env=path)
        assert file.read_text() == f"{each.line}\n"
