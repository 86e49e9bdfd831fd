"""The keys a server signs with: made on the operator's machine, or taken in from a server."""

from __future__ import annotations

from pyinfra import host

from deploys.run.paths import key_store
from ground.words import text
from keys.operations import dkim_key
from postmaster.outbound import mode_of
from postmaster.settings import MailServer


def dkim_keys(server: MailServer) -> None:
    """Ensure every DKIM key that a server's outbound mode signs with."""
    mode = mode_of(server)
    for key in host.loop(mode.signing_keys(server)):
        taken_in = server.dkim_key_file if key.domain == server.primary else None
        dkim_key(
            name=text("keys.name", domain=key.domain, selector=key.selector),
            store=key_store(),
            domain=key.domain,
            selector=key.selector,
            source=taken_in,
            remember=mode.fixed_selector is None,
            bits=server.rotation.bits,
        )
