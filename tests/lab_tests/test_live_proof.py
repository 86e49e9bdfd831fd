"""The live proof: mail passes by every way, nothing of it stays, and a broken server is told."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.lab.operator import Run
from tests.lab.process import wait_for
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import Server, Site

pytestmark = pytest.mark.lab


def proven(site: Site, *more: str) -> Run:
    """Verify with a proof."""
    data = [word for each in ("live=1", *more) for word in ("--data", each)]
    return site.operator.run("deploys/verify.py", "-y", *data)


def live(site: Site, server: Server) -> dict[tuple[str, str], dict[str, Any]]:
    """The results of the proof, by rule and way."""
    return {
        (str(each["check"]), str(each["about"]["name"])): each  # type: ignore[index]
        for each in site.report(server)
        if str(each["check"]).startswith("LIVE")
    }


def left(server: Server) -> dict[str, str]:
    """What is there of a proof."""
    sql = "select count(*) from {table} where {which}"
    tables = {
        "user": "account like 'proof-%'",
        "email": "subject like '%Live proof%'",
        "user_email": "user_id not in (select id from user)",
    }
    found = {
        table: server.host.run(
            f'sqlite3 /var/lib/pmail/data/pmail.db "{sql.format(table=table, which=which)}"'
        ).strip()
        for table, which in tables.items()
    }
    found["files"] = server.host.run(
        "ls -d /run/pmail-deploy-live /run/pmail-deploy-edge/proving 2>/dev/null || true"
    ).strip()
    found["queue"] = server.host.run("postqueue -j 2>/dev/null || true").strip()
    found["units"] = server.host.run(
        "systemctl list-units --all --plain --no-legend 'pmail-deploy-live*'"
    ).strip()
    return {what: how for what, how in found.items() if how not in ("", "0")}


def test_mail_passes_by_every_way_and_nothing_of_the_proof_stays(relayed: Relayed) -> None:
    site, server = relayed
    done = proven(site)
    assert done.status == 0, done.output
    found = live(site, server)
    ways = {"program_out", "web_out", "program_home", "web_home", "from_outside"}
    assert {way for _, way in found} == ways
    assert {each["status"] for each in found.values()} == {"pass"}, found
    assert {rule for rule, _ in found} == {f"LIVE-0{number}" for number in (1, 2, 3, 4, 5)}
    assert left(server) == {}
    assert (
        "proof-" not in site.operator.run("deploys/users.py", "--data", "users_action=list").output
    )

    # What a killed run has left goes by itself, or with the next one.
    kill_within(site, server)
    assert "user" in left(server) and "units" in left(server)
    server.host.run("systemctl stop pmail-deploy-live.service")
    assert left(server) == {}

    # Without its signer the server lets nothing out, and the proof says so.
    server.host.run("systemctl stop opendkim", check=True)
    broken = proven(site)
    assert broken.status == 1, broken.output
    failed = {key for key, each in live(site, server).items() if each["status"] == "fail"}
    assert {("LIVE-01", "program_out"), ("LIVE-01", "program_home")} <= failed
    assert left(server) == {}


def kill_within(site: Site, server: Server) -> None:
    """Kill a verification as soon as its accounts are there."""
    run = site.operator.start("deploys/verify.py", "-y", "--data", "live=1")
    there = "pmail-deploy-live.service"
    assert wait_for(lambda: there in server.host.run("systemctl list-units --plain"), 60, 0.1)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()


@pytest.mark.more
def test_pmail_alone_passes_but_for_its_limits_and_not_on_a_slow_line(new_site: Site) -> None:
    site = new_site
    server = site.add_running("direct")
    done = proven(site)
    assert done.status == 0, done.output
    found = live(site, server)
    assert {way for _, way in found} == {"program_home", "web_home", "from_outside"}
    assert {each["status"] for each in found.values()} == {"pass"}, found
    assert left(server) == {}
