"""What happens here, for the journal: one line of JSON for each event."""

from __future__ import annotations

import json


def event(kind: str, **values: str | int) -> None:
    """Print one event as one line of JSON on standard output, `{"event": kind, ...}`.

    kind: login_held, mailbox_limited, limits_lost, forward_braked, kept, sent_refused or
    pmail_down. values: what it is about; never a password, nor the content of a message. ASCII
    only, so that no value breaks the line or the encoding of the journal.
    """
    print(json.dumps({"event": kind, **values}), flush=True)
