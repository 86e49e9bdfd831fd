"""What is wrong with a message's head by RFC 5322, as receivers refuse it for."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_ONCE = ("From", "Date", "Message-ID", "Subject", "To", "MIME-Version", "Reply-To", "Sender", "Cc")
_NEEDED = ("From", "Date", "Message-ID", "Subject", "To")
# RFC 5322 section 3.6.4: a dot-atom, and a domain of at least two labels.
_MESSAGE_ID = re.compile(r"<[^\s<>@]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+>")
_LONGEST = 998  # octets of a line, RFC 5322 section 2.1.1
_LATE = timedelta(hours=1)


def lint(message: bytes, now: datetime) -> tuple[str, ...]:
    """Return what is wrong, each as `Field: what`, in the words of the standard; () for nothing.

    message: with CRLF. now: when it was received.
    """
    return tuple(dict.fromkeys((*_form(message), *_of_fields(message, now))))


def _form(message: bytes) -> Iterator[str]:
    head = message.partition(b"\r\n\r\n")[0]
    if re.search(rb"(?<!\r)\n|\r(?!\n)", message):
        yield "bare CR or LF (RFC 5321 2.3.8)"
    if any(len(line) > _LONGEST for line in message.split(b"\r\n")):
        yield "line > 998 (RFC 5322 2.1.1)"
    if not head.isascii():
        yield "8-bit head (RFC 5322 2.2)"


def _of_fields(message: bytes, now: datetime) -> Iterator[str]:
    read = email.message_from_bytes(message, policy=email.policy.compat32)
    for name in _ONCE:
        count = len(read.get_all(name) or ())
        if count > 1 or (count == 0 and name in _NEEDED):
            yield f"{name}: {count} (RFC 5322 3.6)"
    if (identity := read["Message-ID"]) and not _MESSAGE_ID.fullmatch(str(identity).strip()):
        yield "Message-ID: (RFC 5322 3.6.4)"
    if (date := read["Date"]) and not _in_time(str(date), now):
        yield "Date: (RFC 5322 3.3)"


def _in_time(date: str, now: datetime) -> bool:
    try:
        found = parsedate_to_datetime(date)
    except ValueError:
        return False
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return abs(found - now) <= _LATE
