"""Whether the chosen certificate authority may issue, by DNS with our own records in it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from pyinfra import host
from pyinfra.api import FunctionCommand, operation

from deploys.run.flow import leave_unsolved
from deploys.run.refusals import Around, Refused
from deploys.zones.asking import asking
from dns_providers.rrset import CAA
from ground.words import Words, text
from postmaster.caa_account import is_left_over
from postmaster.checks.caa import judge, sets_of
from postmaster.checks.results import Status
from postmaster.settings import MailServer
from probes.world import caa
from probes.world.caa import CaaView
from probes.world.dns import Answer

_seen: dict[MailServer, tuple[CaaView, ...]] = {}


def caa_of(server: MailServer) -> tuple[CaaView, ...]:
    """Return the CAA records for each name that an authority is asked for, as the run first saw
    them.
    """
    found = _seen.get(server) or _looked(server)
    if all(each.outcome.known for each in found):
        _seen[server] = found
    return found


def _looked(server: MailServer) -> tuple[CaaView, ...]:
    if server.tls.method == "files":
        return ()
    ask = asking((domain.zone for domain in server.domains), server.resolvers)
    ours = frozenset(CAA(0, "issue", issuer.encode("ascii")) for issuer in server.caa)

    @cache
    def ask_then(owner: str, rtype: str) -> Answer:
        answer = ask(owner, rtype)
        # What the inventory wants there comes before the certificate.
        mine = ours if owner == server.primary else frozenset()
        gone = {v for v in answer.values if isinstance(v, CAA) and is_left_over(server, v)}
        return replace(answer, values=(answer.values - gone) | mine)

    return tuple(caa.look(name, ask_then) for name in server.certificate_names)


def forbidden_authority(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where DNS forbids the authority that the certificate is to come from."""
    for _, server in around.servers():
        for words in _forbidding(server):
            yield Refused(words, server.host)


def _forbidding(server: MailServer) -> Iterable[Words]:
    for view in sets_of(caa_of(server)):
        judged = judge(view, server)
        if judged.status is Status.FAIL and judged.remedy:
            values = {"found": judged.seen, "remedy": judged.remedy}
            yield Words.of("caa.forbidden", **values)


@operation()
def foretold(server: MailServer) -> Generator[FunctionCommand, None, None]:
    """Say, in a plan of DNS, what will stop a deploy; the plan ends with it as open.

    + server: the mail server
    """
    for words in _forbidding(server):
        line = str(words)
        for each in (line, f"  {text('caa.stops')}"):
            host.log_styled(f"  ! {each}", fg="yellow")
        leave_unsolved(host.name, (line,))
    host.noop(text("caa.asked"))
    yield from ()
