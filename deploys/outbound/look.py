"""Look at the relay on a host: a message of each domain goes through it, smarthosts are tried."""

from __future__ import annotations

import shlex
from dataclasses import replace

from pyinfra.api import Host

from deploys.host import edge_layout as edge
from deploys.host import outbound_layout as layout
from deploys.host.pmail_layout import USER
from deploys.host.remote import read
from deploys.outbound import proof
from deploys.run.progress import waits_for
from ground.foreign import whole_number
from ground.words import Words
from postmaster.outbound import mode_of
from postmaster.settings import MailServer, Smarthost
from probes.host import delivery, relay
from probes.host.delivery import Delivery
from probes.host.proof import verified
from probes.host.relay import RelayView
from probes.world.dns import Resolvers

_HOURS = 24  # of deliveries that the checks look at


def relay_view(host: Host, server: MailServer) -> RelayView:
    """Return what the relay shows, where the outbound mode has one."""
    waits_for(server.host, Words.of("progress.relay"))
    reply = read(host, relay.script(USER, edge.NAMESPACE_FILE))
    if not reply.ok:
        return RelayView(False)
    resolvers = Resolvers(server.resolvers)
    made = proof.made(host, tuple(domain.name for domain in server.domains))
    return replace(
        relay.parse(reply.stdout),
        proofs=tuple((each, verified(each.message, resolvers)) for each in made.messages),
        deliveries=deliveries(host, _HOURS),
        logins=_logins(host, server),
    )


def deliveries(host: Host, hours: int) -> tuple[Delivery, ...]:
    """Return what Postfix's journal tells of the last hours, the oldest first."""
    return delivery.parse(read(host, delivery.script(hours)).stdout.splitlines())


def _logins(host: Host, server: MailServer) -> tuple[tuple[str, int], ...]:
    """Log in at each smarthost as Postfix does; the exit status of curl(1) for each."""
    if mode_of(server).sends_from != "provider":
        return ()
    found = []
    for number, smarthost in enumerate(server.relay.smarthosts):
        status = whole_number(read(host, _login_script(number, smarthost)).stdout.strip())
        found.append((smarthost.host, -1 if status is None else status))
    return tuple(found)


def _login_script(number: int, smarthost: Smarthost) -> str:
    scheme = "smtps" if smarthost.tls == "implicit" else "smtp"
    url = f"{scheme}://{smarthost.host}:{smarthost.port}"
    authority = f"--cacert {layout.ca_file(number)}" if smarthost.ca_file else ""
    return (
        # The password goes from file to curl by a pipe, as no argument.
        f"sed -n 's/^\\[[^ ]* //p' {layout.password_file(number)} "
        '| sed \'s/[\\\\"]/\\\\&/g; s/.*/user = "&"/\' '
        f"| curl -s -o /dev/null --noproxy '*' --max-time 20 --ssl-reqd {authority} "
        f"-X NOOP -K - {shlex.quote(url)}; echo $?"
    )
