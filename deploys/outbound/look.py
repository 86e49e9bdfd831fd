"""Look at the relay on a host, and have a message of each domain go through it."""

from __future__ import annotations

from pyinfra.api import Host

from deploys.outbound import layout, proof
from deploys.pmail_server.layout import USER
from deploys.remote import read
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes import relay
from probes.dns import Resolvers
from probes.proof import verified
from probes.relay import RelayView


def relay_view(host: Host, server: MailServer) -> RelayView | None:
    """Return what the relay shows, or None where the outbound mode has none."""
    if not mode_of(server).relayed:
        return None
    reply = read(host, relay.script(USER, layout.PORT))
    if not reply.ok:
        return RelayView(False)
    resolvers = Resolvers(server.resolvers)
    messages = proof.made(host, tuple(domain.name for domain in server.domains))
    return relay.parse(
        reply.stdout, tuple((each, verified(each.message, resolvers)) for each in messages)
    )
