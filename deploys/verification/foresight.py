"""What a deploy is going to look at on its servers, so that a look at each costs one command.

It is foreseen once for what is asked first, and once for the steps. What cannot be foreseen, or is
missing here, is looked at by itself: that takes longer, and is as right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from pyinfra.api import Host

from deploys.accounts import admin, stored
from deploys.edge import operations as edge
from deploys.host import looked, manifest
from deploys.host.gathering import Look
from deploys.host.snapshot import foresee
from deploys.outbound import operations as outbound
from deploys.outbound import smarthosts
from deploys.pmail_server import steps as pmail
from deploys.run.cut import BROKEN
from deploys.run.refusals import Around, Refused
from deploys.tls_certificate import steps as tls
from deploys.web_documents import operations as documents
from deploys.web_front import operations as web
from postmaster.settings import MailServer

_Looks = Callable[[MailServer], Iterable[Look]]
GUARDED = (
    pmail.guarded,
    tls.guarded,
    edge.guarded,
    outbound.guarded,
    web.guarded,
    documents.guarded,
)
_STEPS: tuple[_Looks, ...] = (
    lambda _: (manifest.LOOK,),
    smarthosts.passwords_kept,
    *(
        pmail.looks,
        tls.looks,
        edge.looks,
        outbound.looks,
        web.looks,
        documents.looks,
        pmail.start_looks,
    ),
)


def foreseen(around: Around[Any]) -> tuple[Refused, ...]:
    """Foresee what all refusals of a deploy look at; the first of them, it refuses nothing."""
    for host, server in around.everywhere():
        for looks in (_of_all, smarthosts.passwords_kept, _of_guarded):
            _foresee(host, server, looks, again=False)
    return ()


def steps_foreseen(host: Host, server: MailServer) -> None:
    """Foresee what the steps of a deploy look at on a host, in their order."""
    for looks in (*_STEPS, lambda server: admin.looks(host, server)):
        _foresee(host, server, looks, again=True)


def _of_all(server: MailServer) -> Iterable[Look]:
    return (*looked.before(), stored.ACCOUNTS)


def _of_guarded(server: MailServer) -> Iterable[Look]:
    return (look for room in GUARDED for each in room(server) for look in each.looks)


def _foresee(host: Host, server: MailServer, looks: _Looks, *, again: bool) -> None:
    with suppress(*BROKEN):  # whoever meets it tells it
        foresee(host, looks(server), again=again)
