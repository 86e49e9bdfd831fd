"""What happens to a record on its way through a web page, a chat and a panel; and undoing it."""

from __future__ import annotations

import html
import re
import unicodedata
from enum import StrEnum


class Mishap(StrEnum):
    """One kind of damage that no standard allows, and that people cannot see in a panel."""

    WIDE = "wide"  # full-width characters, as a Chinese or Japanese keyboard gives
    CURLY = "curly"  # typographic quotes and dashes, as word processors make
    QUOTES = "quotes"  # quotation marks as part of the text
    BACKSLASH = "backslash"  # `\;`, from a zone file
    ENTITY = "entity"  # `&quot;`, from the source of a web page
    INVISIBLE = "invisible"  # line breaks, tabs, no-break and zero-width spaces


_CURLY = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u2032\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
_UNSEEN = re.compile("[\u0000-\u001f\u007f\u00a0\u00ad\u200b-\u200f\u2028\u2029\u2060\ufeff]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,8});")
_WIDE = "[\u3000-\u3002\uff01-\uff5e]"


def mishaps(text: str) -> tuple[Mishap, ...]:
    """Return what has happened to a record's text, in the order of `Mishap`."""
    found = {
        Mishap.WIDE: re.search(_WIDE, text),
        Mishap.CURLY: text != text.translate(_CURLY),
        Mishap.QUOTES: '"' in text or text[:1] == "'",
        Mishap.BACKSLASH: "\\" in text,
        Mishap.ENTITY: _ENTITY.search(text),
        Mishap.INVISIBLE: _UNSEEN.search(text),
    }
    return tuple(each for each, there in found.items() if there)


def decoded(data: bytes) -> str:
    """Return a record's octets as text; those that are no UTF-8 as U+FFFD."""
    return data.decode("utf-8", "replace")


def mended(text: str, joint: str = "") -> str:
    """Return a record's text as it was meant; spaces at its ends go, too.

    joint: what stood between two strings that were entered with their quotes (`"a" "b"`).
    """
    text = html.unescape(text) if _ENTITY.search(text) else text
    text = _UNSEEN.sub(" ", text.translate(_CURLY))
    text = unicodedata.normalize("NFKC", text).replace("\u3002", ".").replace("\u3001", ",")
    text = re.sub(r'\\?"\s*\\?"', joint, text.replace("\\;", ";"))
    text = text.replace("\\", "").replace('"', "").strip().strip("'")
    return re.sub(" {2,}", " ", text).strip()
