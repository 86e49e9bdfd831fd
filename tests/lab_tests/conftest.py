"""The lab for a whole session, and a fresh site for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import __main__ as lab
from tests.lab.image import forget_images
from tests.lab.network import Network
from tests.lab.operator import Operator
from tests.lab.provider import Provider
from tests.lab.receiver import Receiver
from tests.lab_tests.site import TWO_DOMAINS, Server, Site

Relayed = tuple[Site, Server]
# By the times of a whole run, 2 to 4 minutes each.
_LONG = ("test_rotation", "test_failures", "test_edge_host", "test_load", "test_relay", "test_walk")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: no worker waits for it at the end."""
    items.sort(key=lambda item: not item.path.name.startswith(_LONG))


@pytest.fixture(scope="session")
def the_lab() -> Iterator[None]:
    """The lab, up for the whole session and gone afterwards."""
    lab.down()
    lab.up()
    yield
    lab.down()


@pytest.fixture
def new_site(the_lab: None, tmp_path: Path) -> Iterator[Site]:
    """A site without servers, fresh zones, nothing received."""
    site = Site(Operator(tmp_path / "site", Network().inside))
    site.operator.folder.mkdir()
    site.dns.up()
    Receiver().up()
    yield site
    for server in site.servers:
        server.host.stop()


@pytest.fixture
def running_site(new_site: Site) -> Site:
    """A site with one server, deployed."""
    new_site.add_running("direct")
    return new_site


@pytest.fixture
def provider(new_site: Site) -> Iterator[Provider]:
    """A provider that relays for a password."""
    made = Provider()
    made.up(new_site.dns)
    yield made
    made.host.stop()


@pytest.fixture
def relayed(new_site: Site) -> Relayed:
    """A server with two domains that delivers through the relay, with short retries."""
    return new_site, new_site.add_running("relay", *TWO_DOMAINS)


def pytest_configure() -> None:
    """Begin without images; xdist's workers share those that they make."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        forget_images()


def pytest_unconfigure() -> None:
    """Leave none."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        forget_images()
