"""What people and panels make of DKIM key records: recognised, and put right."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from postmaster import dkim, pasted
from postmaster.dkim import DkimSyntaxError
from postmaster.pasted import Mishap

STRING_MOST = 255  # octets of one string of a TXT record (RFC 1035 section 3.3.14)
WEAKEST, ADVISED, PROMISED = 1024, 2048, 4096  # bits; RFC 8301 section 3.2

_JOINT = re.compile(r'\\?"\s*\\?"')


def is_joint_kept(data: bytes) -> bool:
    """Whether the quotes between two strings became a part of the record (`"v=…" "…"`)."""
    return bool(_JOINT.search(pasted.decoded(data)))


def strings(record: str) -> tuple[str, ...]:
    """Return a record as the strings that a panel may want it in."""
    return tuple(record[at : at + STRING_MOST] for at in range(0, len(record), STRING_MOST))


def quoted(record: str) -> str:
    """Return a record as strings with their quotes, as a zone file has them."""
    return " ".join(f'"{each}"' for each in strings(record))


def repaired(data: bytes) -> str | None:
    """Return a record as it was meant; None where not even that is one."""
    text = pasted.mended(pasted.decoded(data))
    text = re.sub(r"^v\s*=\s*DKIM\s*1\b\s*[;,:]?", "v=DKIM1;", text, flags=re.I)
    text = re.sub(r"[,;]?\s*\b([vkpthsgn])\s*=", r"; \1=", text).lstrip("; ")
    text = re.sub(r"(?<=p=)[A-Za-z0-9+/= ]+", lambda found: "".join(found[0].split()), text)
    text = text.rstrip("; ")
    try:
        dkim.read(text.encode("utf-8"))
    except DkimSyntaxError:
        return None
    return text


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a record. at: the tag. record: as it was meant, or None."""

    at: str
    mishaps: tuple[Mishap, ...]
    record: str | None


def mistake(data: bytes) -> Mistake | None:
    """Return what keeps verifiers from reading a record, None for nothing."""
    try:
        dkim.read(data)
    except DkimSyntaxError as error:
        text = pasted.decoded(data)
        return Mistake(str(error), pasted.mishaps(text), repaired(data))
    return None


@dataclass(frozen=True, slots=True)
class Cut:
    """A key of which the end is missing: how many octets are there, and of how many."""

    there: int
    whole: int


def cut(data: str) -> Cut | None:
    """Return how much of `p=` is there, where its own beginning says that it was longer.

    The outermost SEQUENCE of a SubjectPublicKeyInfo has its length (X.690 section 8.1.3).
    """
    text = "".join(data.split()).rstrip("=")
    try:
        there = base64.b64decode(text[: len(text) // 4 * 4], validate=True)
    except ValueError:
        return None
    if len(there) < 4 or there[0] != 0x30:
        return None
    if there[1] < 0x80:
        whole = 2 + there[1]
    elif there[1] in (0x81, 0x82):
        size = there[1] & 0x7F
        whole = 2 + size + int.from_bytes(there[2 : 2 + size])
    else:
        return None
    # Up to two octets more are in what was left out of the last group of four characters.
    return Cut(len(there), whole) if whole > len(there) + 2 else None
