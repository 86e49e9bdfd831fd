"""Ask block lists from a host, by its own resolver, and registries from here."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from pyinfra.api import Host

from deploys.host.remote import read
from dns_providers.publishing.public_suffix import organizational
from postmaster import registries
from postmaster.block_lists import Listing, lookups
from postmaster.checks.rules import DOM_01
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes.host import block_lists
from probes.world import rdap
from probes.world.rdap import Registration


def listings(host: Host, server: MailServer) -> tuple[Listing, ...]:
    """Return what block lists say of a server's domains, and of its addresses if those are seen.

    Keys of lists are in our environment; they go to the host by standard input.
    """
    if not server.block_lists:
        return ()
    seen = server.addresses if mode_of(server).sends_from == "server" else ()
    names = dict.fromkeys(organizational(each.name) for each in server.domains)
    wanted = lookups(server.block_lists, seen, names, os.environ)
    asked = block_lists.asked(name for each in wanted for name in each.names or ())
    found = block_lists.parse(read(host, block_lists.SCRIPT, stdin=asked).stdout)
    return tuple(
        Listing(each, *(found.get(name) for name in each.names)) if each.names else Listing(each)
        for each in wanted
    )


def registrations(server: MailServer) -> tuple[Registration, ...]:
    """Return what registries say of a server's registered names."""
    if not DOM_01.applies(server):
        return ()
    names = tuple(dict.fromkeys(organizational(each.name) for each in server.domains))
    servers = registries.known().rdap
    with ThreadPoolExecutor(8) as pool:
        asked = (pool.submit(rdap.look, n, servers.get(registries.top_level(n))) for n in names)
        return tuple(each.result() for each in tuple(asked))
