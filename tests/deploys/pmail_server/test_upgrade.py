"""What became of a switch to another PMail is read from what its program printed, and told."""

from __future__ import annotations

import subprocess

import pytest

from deploys.pmail_server import configure, upgrade
from deploys.pmail_server.service import ready_function
from deploys.pmail_server.upgrade import Switched, parse, told
from tests.postmaster.test_settings import site


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMAIL_LANG", "en")


def test_its_end_its_reasons_and_the_last_words_of_pmail_are_told_apart() -> None:
    assert parse("panic: no\nreason spoiled\nreason whatever\nback\n") == Switched(
        "back", reasons=("spoiled",), words=("panic: no", "reason whatever")
    )
    assert parse("switched v2.9.8\n") == Switched("switched", "v2.9.8")
    assert parse("refusedly\n") == Switched("", words=("refusedly",))


@pytest.mark.parametrize("end", ["refused", "back", "stuck"])
def test_a_switch_that_failed_says_what_runs_now_and_why(end: str) -> None:
    said = told(parse(f"panic: no\nreason spoiled\n{end}\n"))
    assert said.startswith(("the new PMail did not work", "the new PMail did not get ready"))
    assert "damaged the database" in said
    assert said.endswith("panic: no")


def test_a_switch_that_was_not_heard_of_is_told_as_that() -> None:
    assert "nothing was heard" in told(parse(""))


@pytest.mark.parametrize("outbound", ["relay", "direct"])
def test_the_program_is_one_and_keeps_mail_away_where_pmail_is(outbound: str) -> None:
    made = configure.switch_pmail(site(outbound=outbound).servers[0], ready_function())
    assert not subprocess.run(["sh", "-n"], input=made, text=True, check=False).returncode
    assert ("nsenter --net=/run/netns/pmail" in made) is (outbound == "relay")
    ports = made.partition("tcp dport { ")[2].partition(" }")[0].split(", ")
    assert {"25", "465", "993"} <= set(ports)
    # On the host it is of the web server's that stands before PMail: its way to PMail is closed.
    assert ("443" in ports) is (outbound == "relay")
    assert ('meta skuid "pmail" tcp dport 880' in made) is (outbound == "direct")
    # It asks there whether PMail is ready.
    assert "880" not in ports


def test_pmail_does_not_start_while_it_is_switched() -> None:
    unit = configure.unit(site().servers[0])
    (held,) = (line for line in unit.splitlines() if line.startswith("ConditionPathExists="))
    assert held.removeprefix("ConditionPathExists=!") in configure.switch_pmail(
        site().servers[0], ready_function()
    )
    assert upgrade.layout.HELD.startswith("/run/")  # gone after a reboot
