"""The command as pip installs it does the whole job on a real server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import installed
from tests.lab_tests.site import Site

pytestmark = pytest.mark.lab


@pytest.mark.more
def test_what_pip_installs_makes_a_mail_server_from_a_folder_of_the_users_own(
    new_site: Site, tmp_path: Path
) -> None:
    wheel = installed.wheel(installed.clone(tmp_path / "clone"), tmp_path)
    program = installed.environment(tmp_path, wheel) / "pmail-deploy"
    server = new_site.add_server("example.test", outbound="relay")
    operator = new_site.operator
    operator.write_inventory()
    environment = {**installed.bare(), **operator.secrets, "PYINFRA_PROGRESS": "off"}

    def deploy() -> str:
        done = subprocess.run(
            operator.in_lab([str(program), "deploy", "-y"]),
            cwd=operator.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    deploy()
    assert new_site.mx(server.domain) == [f"10 smtp.{server.domain}."]
    assert (operator.folder / "state" / "site.json").exists()
    assert f"{server.name}: done (0 changed)" in deploy()
    assert not list(installed.site_packages(program.parent).glob("pmail_deploy/**/site.json"))
