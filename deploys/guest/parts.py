"""Runbooks as functions, for deploys of other projects: each does what its file does.

A part reads the settings from the inventory that the run has, so it is the same part on every host
and in every run; what it needs of other hosts (`everything`) waits for those alone.
"""

from __future__ import annotations

from runpy import run_path
from threading import RLock
from typing import Any

from pyinfra import host, state
from pyinfra.api import deploy

from deploys.cli.refusals import asked_first
from deploys.cli.verbs import DEPLOY, PREFLIGHT, TLS, USERS, VERBS, VERIFY
from deploys.run.cut import guard_operations
from deploys.run.prepare import BadInput
from deploys.run.recording import told
from deploys.run.start import prepared, start_as_guest
from deploys.run.verb import Verb
from ground.words import text
from postmaster.settings import MailServer

_theirs: set[str] = set()
_servers: dict[str, MailServer] = {}
_reading = RLock()  # the hosts of a run are prepared at the same time


def ignore(*names: str) -> None:
    """Say which of your own data look like settings of ours and are none: `user`, `domain`.

    To be called before any other part.
    """
    _theirs.update(names)


def mail_server() -> MailServer:
    """Return the mail server that the current host is, by the settings in its data.

    The host is in the group `mail_servers`, and the zones of its domains in `zones`, as in an
    inventory of ours; data of your own may stand beside. Raises BadInput (pyinfra's OperationError)
    with every mistake in the settings of all of them.
    """
    with told():
        return _mine()


@deploy("pmail-deploy preflight")
def preflight(server: MailServer) -> None:
    """Is the host fit to become a mail server? Changes nothing."""
    _run(PREFLIGHT, server)


@deploy("pmail-deploy users")
def mailboxes(server: MailServer) -> None:
    """Make the mailboxes that the settings name, and prove that the administrator can log in."""
    _run(USERS, server)


@deploy("pmail-deploy tls")
def certificate(server: MailServer) -> None:
    """Renew the certificate where it is due."""
    _run(TLS, server)


@deploy("pmail-deploy verify")
def report(server: MailServer) -> None:
    """Check everything from outside and on the host, and keep the report."""
    _run(VERIFY, server)


@deploy("pmail-deploy deploy")
def everything() -> None:
    """The whole job, in its safe order. To be called once, on all hosts of `mail_servers` and
    `zones`: a server waits for the zones that its records are in, and they for it.
    """
    _join()
    _include(DEPLOY)


def _run(verb: Verb[Any], server: MailServer) -> None:
    """Run a verb on a server. Raises BadInput where it is not the one of the inventory."""
    with told():
        if server != _mine():
            raise BadInput(text("guest.other_server", host=host.name))
    _include(verb)


def _mine() -> MailServer:
    """The server that the current host is, as the inventory has it before any host is asked."""
    _join()
    with _reading:
        if not _servers:
            _servers.update({each.host: each for each in prepared(VERIFY).site.servers})
    if host.name not in _servers:
        raise BadInput(text("guest.no_server", host=host.name))
    return _servers[host.name]


def _join() -> None:
    with _reading:
        start_as_guest(VERBS, asked_first, frozenset(_theirs))


def _include(verb: Verb[Any]) -> None:
    """Have a runbook prepare its operations; what breaks in them fails its host alone."""
    others = frozenset(state.ops[host])
    run_path(str(verb.path))
    guard_operations(state, host, others)
