"""`pmail-deploy check DOMAIN ...`: any domain, without a host, an inventory or pyinfra."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from deploys.cli import check as cli
from deploys.cli.main import main
from tests.postmaster.worlds.delegation import unregistered
from tests.postmaster.worlds.tree import Resolver
from tests.postmaster.worlds.world import World, honest
from tests.warm import REPOSITORY


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """What `check` asks."""
    made = honest()
    monkeypatch.setenv("PMAIL_LANG", "en")
    monkeypatch.setattr(cli, "Enquiry", made.asked_of)
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["check", *words])


def test_a_domain_that_is_right_is_green_and_one_that_nobody_knows_is_not(world: World) -> None:
    right = run("Example.COM")
    assert right.exit_code == 0 and "example.com: " in right.output and "FAIL" not in right.output
    wrong = run("nobody.com")
    assert wrong.exit_code == 1 and "register nobody.com" in wrong.output


def test_what_needs_a_domain_that_is_not_there_is_not_tried(world: World) -> None:
    unregistered(world)
    words = run("example.com", "--json", "-")
    (report,) = json.loads(words.stdout)["reports"]
    failed = [each["id"] for each in report["results"] if each["status"] == "fail"]
    assert failed == ["DEL-01"]
    skipped = [each for each in report["results"] if each["status"] == "skip"]
    assert skipped and {each["because"] for each in skipped} == {"DEL-01"}


def test_of_several_each_is_told_in_their_order_and_the_worst_is_the_exit_status(
    world: World,
) -> None:
    done = run("other.org", "nobody.com", "example.com")
    assert done.exit_code == 1
    places = [done.output.index(f"{each}: ") for each in ("other.org", "nobody.com", "example.com")]
    assert places == sorted(places)


def test_all_that_is_wrong_is_told_before_anything_is_asked(world: World) -> None:
    done = run("co.uk", "x", "--ip", "1.2.3", "--resolver", "dns.test", "--only", "NONE-1")
    assert done.exit_code == 2 and not world.tree.asked
    assert all(each in done.output for each in ("co.uk", "'x'", "1.2.3", "dns.test", "NONE-1"))


def test_the_resolvers_that_are_named_are_asked_and_no_others(world: World) -> None:
    world.tree.resolvers["192.0.2.99"] = Resolver("192.0.2.99")
    assert run("example.com", "--resolver", "192.0.2.99").exit_code == 0
    asked = {address for address, _, _ in world.tree.asked}
    assert "192.0.2.99" in asked and not asked & {"1.1.1.1", "8.8.8.8", "223.5.5.5"}


def test_rules_are_chosen_as_verify_has_them(world: World) -> None:
    done = run("example.com", "--only", "MX", "--skip", "MX-08", "--json", "-")
    (report,) = json.loads(done.stdout)["reports"]
    assert {each["id"].partition("-")[0] for each in report["results"]} == {"MX"}
    assert "MX-08" not in {each["id"] for each in report["results"]}


def test_pyinfra_is_not_loaded() -> None:
    code = "import sys, deploys.cli.check; sys.exit('pyinfra' in sys.modules)"
    environment = {"PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_a_name_of_a_zone_above_is_no_zone_of_its_own(world: World) -> None:
    world.zone().put("mail.example.com", "MX", "10 smtp.example.com.")
    done = run("mail.example.com", "--only", "DEL")
    assert done.exit_code == 0 and re.search(r"DEL-01 +example\.com ", done.output)
