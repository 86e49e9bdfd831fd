"""MTA-STS policies on the host: none is enforced that port 25 cannot stand for."""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterable, Mapping
from datetime import UTC, datetime

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, operation

from deploys.host import files as host_files
from deploys.host.files import Wanted
from deploys.host.snapshot import look
from deploys.run.flow import leave_unsolved
from deploys.tls_certificate.operations import current
from deploys.web_documents.operations import policy_look, policy_path
from ground.words import Words, text
from postmaster.mta_sts import DomainPolicy
from postmaster.policy_guard import why_not_enforce
from postmaster.settings import MailServer
from probes.world import smtp, tls
from probes.world.tcp import Reach
from probes.world.tls import Certificate, TlsView, describe


@operation()
def served(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Ensure the policies of a server's domains; where one may not be enforced it is only tried.

    + server: the mail server
    """
    there = {each.domain: look(host, policy_look(each.domain)).stdout for each in server.sts}
    raised = raised_to_enforce(server.sts, there)
    problem = _in_the_way(host, server) if raised else None
    if problem:
        line = text("sts.held", domains=", ".join(e.domain for e in raised), reason=problem)
        host.log_styled(f"  {line}", fg="yellow")
        if state.is_executing:
            leave_unsolved(host.name, (line,))
    files = []
    for each in server.sts:
        policy = each.policy.tried_first() if problem and each in raised else each.policy
        files.append(Wanted(policy_path(each.domain), policy.text.encode(), "root", "root", "644"))
    yield from host_files.ensure(tuple(files))


def raised_to_enforce(
    policies: Iterable[DomainPolicy], there: Mapping[str, str]
) -> tuple[DomainPolicy, ...]:
    """Return which policies are to be enforced from now on; one that stands already is left alone.

    there: what the host has, by domain, as a look shows it: without the last line end.
    """
    return tuple(
        each
        for each in policies
        if each.policy.mode == "enforce" and each.policy.text.strip() != there[each.domain].strip()
    )


def _in_the_way(host: Host, server: MailServer) -> Words | None:
    installed = current(host)
    if installed is None and not state.is_executing:
        return None  # nothing is there yet, and so nothing can be seen
    return why_not_enforce(_port_25(host, server), installed, server.mail_host, datetime.now(UTC))


def _port_25(host: Host, server: MailServer) -> TlsView | None:
    """What port 25 shows from outside.

    Many networks let nobody's port 25 through. There it has to do that the host itself sees the
    certificate that port 465 shows to us, trusted.
    """
    seen = smtp.look(server.ipv4, 25, server.mail_host, server.tls.trust_file)
    if seen.reach is Reach.OPEN:
        return seen.tls
    other = tls.look(server.ipv4, 465, server.mail_host, server.tls.trust_file)
    on_host = _seen_on_host(host, server)
    same = other.certificate and on_host and other.certificate.fingerprint == on_host.fingerprint
    return other if same else None


def _seen_on_host(host: Host, server: MailServer) -> Certificate | None:
    asked = "-starttls smtp -servername " + shlex.quote(server.mail_host)
    script = " || ".join(
        f"openssl s_client -connect {address}:25 {asked} </dev/null 2>/dev/null | openssl x509"
        for address in (server.ipv4, "127.0.0.1")
    )
    reply = look(host, script)
    try:
        return describe(reply.stdout.encode("ascii")) if reply.ok and reply.stdout else None
    except ValueError:
        return None
