"""Is a server reachable from here: what MX waits for, and the cloud firewall's commonest trap."""

from __future__ import annotations

import time
from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import FunctionCommand, operation

from ground.operations import refuse
from ground.words import family, text
from postmaster.settings import MailServer
from probes.world import smtp, tcp
from probes.world.dns import Resolvers
from probes.world.server import own_network_blocks
from probes.world.tcp import Reach

PORTS = (25, 443, 465, 993)
_TRIES = 5
_NO_GREETING = family("reach.port25", Reach)


@operation()
def reachable(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Prove that others reach the server's ports from outside; changes nothing.

    A closed port 25 stops the run: MX must not point at a server that takes no mail. Other
    closed ports are shown, and fail in the report.

    + server: the mail server
    """
    if not state.is_executing:
        host.noop(text("reach.later"))
        return
    closed = [port for port in PORTS[1:] if _closed(server.ipv4, port)]
    for port in closed:
        host.log_styled(f"  {text('reach.closed', address=server.ipv4, port=port)}", fg="yellow")
    problem = not_answering(server)
    if problem:
        yield FunctionCommand(refuse, (problem,), {})
        return
    host.noop(text("reach.open"))


def not_answering(server: MailServer) -> str | None:
    """Return why mail must not be sent to a server yet, or None when it greets on port 25.

    Where our own network lets nobody's port 25 through, port 465 has to do: PMail opens both.
    """
    reach, greeting = _greets(server.ipv4, 25)
    if greeting.startswith("220"):
        return None
    if reach is not Reach.OPEN and _blocked_here(server):
        if not _closed(server.ipv4, 465):
            host.log_styled(f"  {text('reach.own_network', address=server.ipv4)}", fg="yellow")
            return None
        return text("reach.own_network_closed", address=server.ipv4)
    return text(_NO_GREETING[reach], host=server.mail_host, address=server.ipv4, port=25)


def _greets(address: str, port: int) -> tuple[Reach, str]:
    """The last of a few tries: a server that was started just now may need a moment."""
    reach, greeting = Reach.TIMEOUT, ""
    for attempt in range(_TRIES):
        reach, greeting = smtp.greets(address, port)
        if greeting.startswith("220") or reach is Reach.TIMEOUT:
            break
        time.sleep(0.5 * attempt)
    return reach, greeting


def _closed(address: str, port: int) -> bool:
    """Whether it stays closed: PMail opens its ports one after the other when its host boots."""
    reach = Reach.REFUSED
    for attempt in range(_TRIES):
        reach = tcp.connect(address, port).reach
        if reach is not Reach.REFUSED:
            break
        time.sleep(0.5 * (attempt + 1))
    return reach is not Reach.OPEN


def _blocked_here(server: MailServer) -> bool:
    return own_network_blocks(server.preflight_mx_domains, Resolvers(server.resolvers))
