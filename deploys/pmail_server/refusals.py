"""Why a deploy is refused before anything is changed: the PMail that it would install."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyinfra.api import Host

from deploys.host.looked import ARCHITECTURE, looked
from deploys.pmail_server import release
from deploys.pmail_server.binary import ARCHITECTURES
from deploys.run.refusals import Around, Refused, on_each
from ground.words import Words
from postmaster.settings import MailServer


def unusable_release(around: Around[Any]) -> Iterable[Refused]:
    """Refuse a PMail that is here and is not the one that the settings name."""
    return on_each(around.servers(), _unusable)


def _unusable(host: Host, server: MailServer) -> Iterable[Words]:
    # What is wrong with the machine itself is the preflight's to tell.
    if arch := ARCHITECTURES.get(looked(host).of(ARCHITECTURE)):
        release.check(server.source, arch)
    return ()
