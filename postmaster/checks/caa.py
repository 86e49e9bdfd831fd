"""Checks of which certificate authority may issue for the server's names."""

from __future__ import annotations

from collections.abc import Iterable

from ground.words import Words
from postmaster.caa import Leave, leave, line
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.settings import MailServer
from probes.world.caa import CaaView


def sets_of(views: Iterable[CaaView]) -> tuple[CaaView, ...]:
    """Return the views without those of the same records as another; one where all have none."""
    return tuple(
        {(each.owner if each.values else "", each.outcome): each for each in views}.values()
    )


def judge(view: CaaView | None, server: MailServer) -> Judgement:
    """Tell whether the authority that a server's certificate comes from may issue."""
    if view is None or (view.outcome.known and not view.values):
        return passed(Words.of("caa.none"))
    values = {"owner": view.owner, "directory": server.tls.directory}
    if not view.outcome.known:
        return unknown(Words.of("caa.unanswered", owner=view.owner))
    seen = {"owner": view.owner, "records": ", ".join(sorted(map(str, view.values)))}
    match leave(view.values, server):
        case Leave.GIVEN:
            return passed(Words.of("caa.given", **seen))
        case Leave.UNKNOWN:
            return unknown(Words.of("caa.unknown", **values), required=False)
        case Leave.ONE_ACCOUNT:
            return warned(Words.of("caa.one_account", **seen), Words.of("caa.one_account.remedy"))
        case Leave.STRANGE:
            return failed(Words.of("caa.strange", **seen), Words.of("caa.strange.remedy", **seen))
        case Leave.REFUSED:
            remedy = Words.of("caa.refused.remedy", line=line(view.owner, server))
            return failed(Words.of("caa.refused", **seen), remedy)
