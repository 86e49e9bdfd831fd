"""The messages of a live proof: what mail programs write, in small, with a mark to know them by."""

from __future__ import annotations

import base64
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

OUTSIDER = "somebody@probe.invalid"  # RFC 2606: nobody is pretended to have written
_POLICY = email.policy.SMTP
_SUBJECT = "Live proof {mark}: Don't & 会议"
_TEXT = "Don't panic: 1 < 2 && 3 > 2.\n您好，明天上午十点开会。\n.\nFrom here on: such a line.\n"
_HTML = "<html><body><p>Don't panic: <b>1 &lt; 2</b>.</p><p>您好</p></body></html>\n"
_FILE = b"%PDF-1.4\n" + bytes(range(256)) * 8 + b"\n%%EOF\n"
_BIG = 600_000  # octets: what a line of 64 kB/s carries in 13 seconds


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to send. mark: a word of its subject, no other message has it.

    message: with CRLF; for the web mail, what it should come to. content: what the web mail is
    given.
    """

    mark: str
    to: str
    message: bytes
    content: Mapping[str, Any]


def letter(*, mark: str, author: str, to: str, web: bool, big: bool) -> Letter:
    """Return the message of one way. big: as long on its way as one with a photograph."""
    file = _FILE + (b"0123456789abcdef" * (_BIG // 16) if big else b"")
    made = EmailMessage(policy=_POLICY)
    made["From"], made["To"] = author, to
    made["Subject"] = subject = _SUBJECT.format(mark=mark)
    made["Date"] = formatdate(localtime=False)
    made["Message-ID"] = make_msgid(domain=author.rpartition("@")[2])
    if not web:
        made["Reply-To"] = author
        made["References"] = f"<before-{mark}@{author.rpartition('@')[2]}>"
    made.set_content(_TEXT, cte="quoted-printable")
    made.add_alternative(_HTML, subtype="html", cte="quoted-printable")
    made.add_attachment(file, maintype="application", subtype="pdf", filename="contract.pdf")
    attached = f"data:application/pdf;base64,{base64.b64encode(file).decode('ascii')}"
    content = {
        "subject": subject,
        "text": _TEXT,
        "html": _HTML,
        "attrs": [{"name": "contract.pdf", "data": attached}],
    }
    return Letter(mark, to, made.as_bytes(), content)
