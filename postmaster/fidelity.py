"""Whether a message came as it was sent: octet for octet on the wire, part by part in a mailbox.

What PMail is known to lose has a name (docs/pmail-limits.md); any other difference is a fault.
"""

from __future__ import annotations

import email
import email.policy
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum

_POLICY = email.policy.default.clone(max_line_length=None)
_TAG = re.compile(r"<[^<>]*>")


class Limit(StrEnum):
    """What PMail is known not to keep. The value is a part of a message id."""

    ESCAPED = "escaped"  # subject and plain text are stored escaped, what looks like a tag is gone
    CLEANED = "cleaned"  # HTML is cleaned
    FIELDS = "fields"  # Reply-To, In-Reply-To, References, List-* are not kept
    FILE_NAME = "file_name"  # a name that is written by RFC 2231 alone becomes `no_name_file`
    HIDDEN = "hidden"  # mode direct: mail between own users is hidden as forged


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was sent. what: field or part. limit: None for a fault."""

    what: str
    limit: Limit | None = None


# -- on the wire -----------------------------------------------------------------------------------

# What a server on the way adds on top (RFC 5321 section 4.4, RFC 6376), and takes out.
_ADDED = frozenset({b"received", b"dkim-signature", b"return-path", b"authentication-results"})
_TAKEN = frozenset({b"bcc", b"received"})


def on_the_wire(sent: bytes, came: bytes) -> tuple[Difference, ...]:
    """Return what is different between a message as it was submitted and as a receiver got it.

    Both with CRLF. Fields that servers add are no difference, nor that Bcc is taken out.
    """
    sent_head, sent_body = _split(sent)
    came_head, came_body = _split(came)
    left = [each for each in came_head if _name(each) not in _ADDED]
    wanted = [each for each in sent_head if _name(each) not in _TAKEN]
    lost = [each for each in wanted if each not in left]
    more = [each for each in left if each not in wanted]
    names = dict.fromkeys(_name(each).decode("ascii", "replace") for each in (*lost, *more))
    found = [Difference(each) for each in names]
    if not found and left != wanted:
        found.append(Difference("order of fields"))
    if _bare(sent_body) != _bare(came_body):
        found.append(Difference("body"))
    return tuple(found)


def _split(message: bytes) -> tuple[list[bytes], bytes]:
    head, _, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head.removesuffix(b"\r\n"))
    return [each for each in fields if each], body


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def _bare(body: bytes) -> bytes:
    """A body without empty lines at its end, of which SMTP keeps no account."""
    return body.rstrip(b"\r\n")


# -- in a mailbox, and as the web mail sends -----------------------------------------------------

_KEPT = ("From", "To", "Subject")
_NOT_KEPT = ("Reply-To", "In-Reply-To", "References")


def in_parts(sent: bytes, came: bytes) -> tuple[Difference, ...]:
    """Return what is different between a message and what PMail shows or builds of it."""
    before, after = (email.message_from_bytes(each, policy=_POLICY) for each in (sent, came))
    return tuple(
        dict.fromkeys(
            (
                *_fields(before, after),
                *_texts(before, after),
                *_files(before, after),
            )
        )
    )


def _fields(before: EmailMessage, after: EmailMessage) -> Iterator[Difference]:
    for name in _KEPT:
        if _field(before, name) != _field(after, name):
            yield Difference(name, _escaped(_field(before, name), _field(after, name)))
    for name in _NOT_KEPT:
        if before[name] and _field(before, name) != _field(after, name):
            yield Difference(name, None if after[name] else Limit.FIELDS)


def _field(message: EmailMessage, name: str) -> str:
    value = message[name]
    if value is not None and name in ("From", "To"):
        return ", ".join(sorted(each.addr_spec.lower() for each in value.addresses))
    return " ".join(str(value or "").split())


def _escaped(before: str, after: str) -> Limit | None:
    same = _words(_without_tags(before)) == _words(_without_tags(_unescaped(after)))
    return Limit.ESCAPED if same else None


def _cleaned(before: str, after: str) -> Limit | None:
    """HTML that reads the same: its words, whatever is around them."""
    same = _read(before) == _read(after)
    return Limit.CLEANED if same else None


def _read(markup: str) -> str:
    return "".join(_words(_unescaped(_without_tags(markup))))


def _unescaped(text: str) -> str:
    """A text that may have been escaped more than once."""
    for _ in range(3):
        text = html.unescape(text)
    return text


def _without_tags(text: str) -> str:
    return _TAG.sub("", text)


def _words(text: str) -> list[str]:
    return text.replace("\xa0", " ").split()


def _texts(before: EmailMessage, after: EmailMessage) -> Iterator[Difference]:
    for kind in ("plain", "html"):
        wanted, found = _text(before, kind), _text(after, kind)
        if wanted is None or wanted == found:
            continue
        if found is None:
            yield Difference(f"text/{kind}")
            continue
        limit = _escaped(wanted, found) if kind == "plain" else _cleaned(wanted, found)
        yield Difference(f"text/{kind}", limit)


def _text(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    content = str(part.get_content())
    return "\n".join(line.rstrip() for line in content.splitlines()).strip()


def _files(before: EmailMessage, after: EmailMessage) -> Iterator[Difference]:
    there = list(_attachments(after))
    for name, content in _attachments(before):
        if (name, content) in there:
            continue
        same = [each for each, found in there if found == content]
        if same:
            known = same[0] == "no_name_file"
            yield Difference(f"name of {name}", Limit.FILE_NAME if known else None)
        else:
            yield Difference(name)


def _attachments(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for part in message.walk():
        if part.is_multipart() or part.get_content_disposition() not in ("attachment", "inline"):
            continue
        if part.get_content_maintype() == "text" and not part.get_filename():
            continue
        content = part.get_payload(decode=True)
        yield part.get_filename() or "", content if isinstance(content, bytes) else b""


def faults(found: Iterable[Difference]) -> tuple[str, ...]:
    """Return what is different and should not be."""
    return tuple(each.what for each in found if each.limit is None)


def limits(found: Iterable[Difference]) -> tuple[Limit, ...]:
    """Return the known limits that were met."""
    return tuple(dict.fromkeys(each.limit for each in found if each.limit))
