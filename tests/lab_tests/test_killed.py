"""A run that is killed or cut off at any point is made up for by the next one."""

from __future__ import annotations

import os
import signal

import pytest

from tests.lab_tests.site import Site, converges

pytestmark = pytest.mark.lab


KILL_AT = (
    "Publish records",
    "Configure PMail",
    *(pytest.param(each, marks=pytest.mark.long) for each in ("Certificate", "Start PMail")),
    "Mailboxes",
)


@pytest.mark.parametrize("word", KILL_AT)
def test_killed_and_started_again(new_site: Site, word: str) -> None:
    site = new_site
    server = site.add_server("example.test", users=["bob"])
    run = site.operator.start()
    site.when_printed(run, word, then=lambda: os.killpg(run.pid, signal.SIGKILL))
    run.wait(timeout=300)
    assert not site.set_up_server_reachable(server)
    converges(site, server)
    assert site.can_log_in(server, "bob")


def test_ssh_cut_in_the_middle(new_site: Site) -> None:
    site = new_site
    server = site.add_server("example.test")
    run = site.operator.start()
    site.when_printed(run, "Install PMail", then=server.host.cut_ssh)
    assert run.wait(timeout=300) != 0
    converges(site, server)
