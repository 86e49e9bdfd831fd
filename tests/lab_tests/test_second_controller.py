"""An old copy of the state, and a second controller, change nothing: the host remembers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.lab.actors import second_controller
from tests.lab.operator import Operator, Run
from tests.lab_tests.rotation import ROTATE, data
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab
MANIFEST = "/etc/pmail-deploy/manifest.json"


def files(folder: Path) -> dict[str, bytes]:
    """A folder's files; locks say nothing."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def manifest(server: Server) -> dict[str, object]:
    found: dict[str, object] = json.loads(server.host.run(f"cat {MANIFEST}"))
    return found


def assert_refused(site: Site, server: Server, operator: Operator, *words: str) -> Run:
    """A run is refused before it changes anything, with -y too."""
    before = (site.records("example.test"), files(operator.state), manifest(server))
    done = operator.run(*words)
    assert done.status != 0, done.output
    assert "another copy of the state" in done.output, done.output
    assert "Traceback" not in done.output
    assert (site.records("example.test"), files(operator.state), manifest(server)) == before
    return done


def test_an_old_copy_of_the_state_publishes_and_uses_no_leaked_key_again(
    new_site: Site, tmp_path: Path
) -> None:
    site, server = new_site, new_site.add_running("relay")
    old = second_controller(site.operator, tmp_path / "old")
    done = site.operator.run(ROTATE, *data("rotate_emergency=1"))
    assert done.status == 0, done.output
    assert len(manifest(server)["facts"]["revoked"]) == 1  # type: ignore[index]
    for deploy in ("deploy.py", "deploys/dns.py", "deploys/users.py", ROTATE):
        assert_refused(site, server, old, deploy, "-y")
    assert_refused(site, server, old, "deploy.py", "--dry")
    seen = old.run("deploys/verify.py", "-y")
    assert seen.status != 0 and "another copy of the state" in seen.output
    again = site.operator.run()
    assert again.status == 0 and again.changed == 0, again.output


def test_of_two_controllers_in_turn_the_second_is_told_who_was_first(
    new_site: Site, tmp_path: Path
) -> None:
    site, server = new_site, new_site.add_running("direct")
    second = second_controller(site.operator, tmp_path / "second")
    server.data["users"] = ["ann"]
    done = site.operator.run()
    assert done.status == 0, done.output
    stamp = manifest(server)["stamp"]
    refused = assert_refused(site, server, second, "deploy.py", "-y")
    assert stamp["controller"] in refused.output  # type: ignore[index]
    # The state that wrote last goes on, whoever brings it along.
    shutil.rmtree(second.folder)
    third = second_controller(site.operator, second.folder)
    done = third.run()
    assert done.status == 0 and done.changed == 0, done.output
