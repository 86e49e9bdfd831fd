"""A mailbox elsewhere that the live proof sends to, and reads where its owner lets us."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from postmaster.live_mail import Letter
from probes.world import mailing
from probes.world.mailing import Found, Imap

_HOST, _USER, _PASSWORD = "PMAIL_LIVE_IMAP_HOST", "PMAIL_LIVE_IMAP_USER", "PMAIL_LIVE_IMAP_PASSWORD"
VARIABLES = (_HOST, _USER, _PASSWORD)
_WITHIN = 90.0  # seconds: others may look at a message for a while


@dataclass(frozen=True, slots=True)
class Far:
    """Whom to write to. imap: where that mailbox is read, None where nobody has told."""

    address: str
    imap: Imap | None = field(default=None, repr=False)

    def read(self, letter: Letter) -> Found | str | None:
        """Return the message as it came, why it cannot be read, or None: it did not come."""
        if self.imap is None:
            return ""
        found = mailing.read(self.imap, (letter.mark,), _WITHIN)
        return found if isinstance(found, str) else found.get(letter.mark)


def far(address: str | None) -> Far | None:
    """Return the mailbox of an address; how it is read is in the environment, never an argument."""
    if not address:
        return None
    host, user, password = map(os.environ.get, VARIABLES)
    if host and password:
        return Far(address, Imap(host, user or address, password))
    return Far(address)
