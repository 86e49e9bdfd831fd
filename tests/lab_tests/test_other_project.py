"""Another project's deploy that uses our parts, on a real server."""

from __future__ import annotations

import shutil

import pytest

from tests.lab.operator import Run
from tests.lab_tests.site import Site
from tests.warm import REPOSITORY

pytestmark = pytest.mark.lab

_PARTS = "from pmail_deploy.parts import everything\neverything()\n"


@pytest.mark.more
def test_a_project_of_somebody_elses_has_a_mail_server_by_our_parts(new_site: Site) -> None:
    server = new_site.add_server("example.test", outbound="direct")
    operator = new_site.operator
    settings = operator.servers[server.name]
    settings |= {"motd": "hello", "team": "x", "users": ["bob"]}
    shutil.copy(REPOSITORY / "examples" / "other_project" / "deploy.py", operator.folder)
    (operator.folder / "whole.py").write_text(_PARTS)

    def run(name: str) -> Run:
        return operator.run(name, folder=operator.folder)

    done = run("whole.py")
    assert done.status == 0, done.output
    assert new_site.mx(server.domain) == [f"10 smtp.{server.domain}."]
    settings |= {"users": ["bob", "carol"]}
    done = run("deploy.py")
    assert done.status == 0, done.output
    assert server.host.run("cat /etc/motd").strip() == "hello"
    assert new_site.password(server, "carol") and new_site.report(server)
    done = run("whole.py")
    assert (done.status, done.changed) == (0, 0), done.output
