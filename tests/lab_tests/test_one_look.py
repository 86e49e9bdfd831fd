"""A host is looked at in a few commands, and as it is when something is done about it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploys.host.pmail_layout import DATABASE_READY
from tests.lab_tests.conftest import Relayed
from tests.lab_tests.site import Site
from tests.warm import REPOSITORY

pytestmark = pytest.mark.lab


def test_a_run_without_a_change_sends_three_commands_whatever_there_is(
    relayed: Relayed, tmp_path: Path
) -> None:
    """All that refusals ask about, the administrator's proof, and all that the steps look at."""
    site, server = relayed
    server.data.update(web="nginx")
    assert site.operator.run().status == 0
    counted = tmp_path / "counted"
    command = site.operator.command("deploy.py", "-y")
    command[command.index("pyinfra")] = "benchmarks.counted"
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=site.operator.environment({"PMAIL_COUNTED": str(counted)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{server.name}: done (0 changed)" in done.stdout + done.stderr
    sent = counted.read_text().splitlines()
    assert len(sent) == 3 and all(line.startswith(f"{server.name}\t") for line in sent), sent


def test_what_changes_while_the_question_waits_is_seen(running_site: Site) -> None:
    site = running_site
    (server,) = site.servers
    before = server.host.run(f"cat {DATABASE_READY}")
    run = subprocess.Popen(
        site.operator.command("deploy.py"),
        cwd=REPOSITORY,
        env=site.operator.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.stdin and run.stdout
    printed = ""
    while not printed.endswith("Press enter to execute..."):
        letter = run.stdout.read(1)
        assert letter, printed
        printed += letter
    server.host.run(f"echo exit 0 >> {DATABASE_READY}", check=True)
    then = run.communicate("\n")[0]
    assert run.returncode == 0, then
    assert DATABASE_READY not in printed and f"~ {DATABASE_READY}" in then
    assert f"{server.name}: done (1 changed)" in then
    assert server.host.run(f"cat {DATABASE_READY}") == before


def test_a_server_that_allows_one_channel_at_a_time_is_enough(running_site: Site) -> None:
    site = running_site
    (server,) = site.servers
    drop_in = "/etc/ssh/sshd_config.d/few.conf"
    server.host.run(f"echo 'MaxSessions 1' > {drop_in} && systemctl restart ssh", check=True)
    try:
        assert server.host.run("sshd -T | grep -i maxsessions").strip() == "maxsessions 1"
        server.host.run(f"rm {DATABASE_READY}", check=True)
        assert f"{server.name}: done (1 changed)" in site.operator.run().output
    finally:
        server.host.run(f"rm {drop_in}; systemctl restart ssh", check=True)
