"""Mail that waits in a server's queue for a domain that leaves: the server still takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyinfra.api import Host

from deploys.host.looked import RECIPIENTS, looked
from deploys.run.refusals import Around, Refused, on_each
from deploys.run.start import refine
from ground.words import Words
from postmaster.leaving import with_queued
from postmaster.settings import MailServer, Stage


def keep_what_waits(around: Around[Any]) -> Iterable[Refused]:
    """Have the run work with a site that still takes what its servers have in their queues.

    No reason to refuse a run; but that of a host that cannot be asked.
    """
    if not any(e.kind == "domain" and e.stage is Stage.REST for e in around.site.leaving):
        return ()
    queued: dict[str, frozenset[str]] = {}

    def ask(host: Host, server: MailServer) -> Iterable[Words]:
        queued[server.host] = looked(host).of(RECIPIENTS)
        return ()

    refused = on_each(around.everywhere(), ask)
    refine(lambda site: with_queued(site, queued))
    return refused
