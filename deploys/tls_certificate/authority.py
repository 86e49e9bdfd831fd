"""Whether the chosen certificate authority may issue, by DNS with our own records in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from deploys.run.refusals import Around, Refused
from deploys.zones.asking import asking
from dns_providers.rrset import CAA
from ground.words import Words
from postmaster.checks.caa import judge, sets_of
from postmaster.checks.results import Status
from postmaster.settings import MailServer
from probes.world import caa
from probes.world.caa import CaaView
from probes.world.dns import Answer


def caa_of(server: MailServer) -> tuple[CaaView, ...]:
    """Return the CAA records for each name that an authority is asked for."""
    if server.tls.method == "files":
        return ()
    ask = asking((domain.zone for domain in server.domains), server.resolvers)
    ours = frozenset(CAA(0, "issue", issuer.encode("ascii")) for issuer in server.caa)

    @cache
    def ask_then(owner: str, rtype: str) -> Answer:
        answer = ask(owner, rtype)
        # What the inventory wants there comes before the certificate.
        mine = ours if owner == server.primary else frozenset()
        return replace(answer, values=answer.values | mine)

    return tuple(caa.look(name, ask_then) for name in server.certificate_names)


def forbidden_authority(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where DNS forbids the authority that the certificate is to come from."""
    for _, server in around.servers():
        for view in sets_of(caa_of(server)):
            judged = judge(view, server)
            if judged.status is Status.FAIL and judged.remedy:
                values = {"found": judged.seen, "remedy": judged.remedy}
                yield Refused(Words.of("caa.forbidden", **values), server.host)
