"""The outbound steps on a mail server: before PMail's mail comes this way, and after it left."""

from __future__ import annotations

from pyinfra.api.operation import OperationMeta

from deploys.host.packages import packages
from deploys.outbound import operations
from deploys.run.paths import key_store
from deploys.zones.key_records import is_proven
from ground.words import text
from postmaster.outbound import mode_of
from postmaster.settings import MailServer, Site

# Debian starts a resolver of its own; ours is another, for Postfix alone.
_NO_OTHER_RESOLVER = "systemctl disable -q --now unbound"


def install_outbound(server: MailServer, site: Site) -> None:
    """Run what the server's outbound mode needs, proven, before PMail's mail comes this way."""
    if not mode_of(server).relayed:
        return
    inputs = []
    if server.relay.dane:
        packages(
            name=text("relay.name.resolver_packages"),
            names=operations.RESOLVER_PACKAGES,
            afterwards=_NO_OTHER_RESOLVER,
        )
        inputs.append(operations.resolver(name=text("relay.name.resolver"), server=server))
    if server.relay.mta_sts:
        packages(name=text("relay.name.mta_sts"), names=operations.MTA_STS_PACKAGES)
    inputs.append(
        operations.signer(
            name=text("relay.name.signer"),
            server=server,
            store=key_store(),
            proven=lambda key: is_proven(site, key),
        )
    )
    inputs.append(operations.postfix(name=text("relay.name.postfix"), server=server))
    operations.running(name=text("relay.name.running"), server=server, inputs=tuple(inputs))
    operations.unused_keys(name=text("relay.name.unused_keys"), server=server, store=key_store())


def reload_outbound(server: MailServer, inputs: tuple[OperationMeta, ...]) -> None:
    """Have Postfix read a certificate that has changed, where it shows one."""
    if mode_of(server).relayed:
        operations.running(name=text("relay.name.running"), server=server, inputs=inputs)


def leave_outbound(server: MailServer) -> None:
    """Stop what another outbound mode had, once it has nothing left to do."""
    if not mode_of(server).relayed:
        operations.retired(name=text("relay.name.retired"))
