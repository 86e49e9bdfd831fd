"""`python -m tests.lab prepare|up|down`: build what is slow, start the lab, end everything."""

from __future__ import annotations

import shutil
import sys

from tests.lab import warm
from tests.lab.hosts import Host, apt_proxy
from tests.lab.nameservers import NameServers
from tests.lab.network import Network, state
from tests.lab.pebble import Pebble
from tests.lab.process import Daemon
from tests.lab.receiver import Receiver
from tests.lab.rootfs import SUITES, install_tools, nspawn, unpacked


def prepare() -> None:
    """Install and build what the lab is made of."""
    install_tools()
    nspawn()
    for suite in SUITES:
        unpacked(suite)


def up() -> None:
    """Start network, proxy, name servers, certificate authority and receiver."""
    prepare()
    Network().up()
    apt_proxy()
    NameServers().up()
    Pebble().up()
    Receiver().up()


def down() -> None:
    """End everything of this instance, also what a killed run left."""
    hosts = state() / "hosts"
    for folder in hosts.iterdir() if hosts.is_dir() else ():
        Host(folder.name, "").stop()
    Receiver().daemon.stop()
    Pebble().down()
    NameServers().down()
    Daemon(state() / "apt_proxy.pid").stop()
    warm.stop()
    Network().down()
    shutil.rmtree(state(), ignore_errors=True)


if __name__ == "__main__":
    {"prepare": prepare, "up": up, "down": down}[sys.argv[1]]()
