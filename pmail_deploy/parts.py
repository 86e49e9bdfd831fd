"""Parts for deploys of other projects: the one module of ours that they import from.

docs/other-projects.md says what each needs, and examples/other_project/ shows one in use.
"""

from __future__ import annotations

from deploys.guest.parts import (
    certificate,
    everything,
    ignore,
    mail_server,
    mailboxes,
    preflight,
    report,
)
from postmaster.settings import MailServer

__all__ = [
    "MailServer",
    "certificate",
    "everything",
    "ignore",
    "mail_server",
    "mailboxes",
    "preflight",
    "report",
]
