"""Text as it may be shown: no secret in it, and no character that a terminal or a reader obeys.

All that is said goes through here, by `ground.words`, and so does all that reaches the screen, by
`shown_on` around it. What others wrote (providers, name servers, mail servers, hosts) cannot move
the cursor, colour or hide text, turn it around, or look like a line of ours. A secret is known from
the moment it is read, and is not shown in whatever form a library has it.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

HIDDEN = "***"
CONTINUED = "    | "  # before each further line of a text of others
_SHORTEST = 6  # characters; a shorter one is guessed anyway, and a word of our own too often
_FOLDED = 8  # characters of a secret that is recognised also where it is broken
# What a form of a secret may be broken by, or lack: line ends, indents, quotes, escapes.
_BREAKS = re.compile(r"\\[rnt]|\\u000[AaDd9]|[\s\\'\"`,()\[\]]")
_USERINFO = re.compile(r"(?<=://)(?:[^\s/?#'\"<>@]*|[^\s/?#'\"<>@:]+:(?!\d+/)[^\s'\"<>]+)@")
_HEADER = re.compile(
    r"((?:authorization|x-api-key|x-auth-token|api[_-]?key|apikey|x-auth-key)['\"]?\s*[:=]\s*b?['\"]?"
    r"(?:(?:basic|bearer|token|apikey)\s+)?)[^\s'\",;}\])]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b((?:Basic|Bearer)\s+)[A-Za-z0-9+/=._~-]{16,}")
_PRIVATE = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_BASE64 = "A-Za-z0-9+/=_-"
# Of a terminal's own, what click and pyinfra write themselves: colours, bold, the end of a line.
_STYLES = re.compile(r"\x1b\[(?:0|1|3[1-7]|9[1-7])m|\x1b\[K|\r\Z")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_secrets: set[str] = set()


def keep_secret(value: str) -> str:
    """Return a secret that was read; from now on it is not shown."""
    for each in {value, value.strip(), *value.splitlines()}:
        if len(each) >= _SHORTEST and each not in _secrets:
            _secrets.add(each)
            _forms.cache_clear()
    return value


def shown(value: object) -> str:
    """Return what others wrote as it may be shown. Said once or more often, it is the same.

    Line ends stay, and a further line cannot be taken for one of ours.
    """
    text = visible(redacted(str(value).replace("\r\n", "\n")))
    return re.sub(rf"\n(?!{re.escape(CONTINUED)})", f"\n{CONTINUED}", text.rstrip("\n"))


def one_line(value: object) -> str:
    """Return what others wrote as it may be shown on a line of ours, line ends visible too."""
    return visible(redacted(str(value))).replace("\n", "\\n")


def json_line(data: Any) -> str:
    """Return data for programs as one line of JSON; what is not seen is escaped as JSON does."""
    written = json.dumps(data, ensure_ascii=False)
    return "".join(each if _visible(each) == each else json.dumps(each)[1:-1] for each in written)


def shown_in(data: Any) -> Any:
    """Return data for a file as it may be shown: every text in its lists and mappings."""
    if isinstance(data, str):
        return visible(redacted(data))
    if isinstance(data, dict):
        return {shown_in(name): shown_in(each) for name, each in data.items()}
    return list(map(shown_in, data)) if isinstance(data, (list, tuple)) else data


def shortened(value: object, most: int) -> str:
    """Return at most so many characters of what others wrote, and no part of a secret."""
    return redacted(str(value))[:most]


def visible(text: str, *, styles: bool = False) -> str:
    """Return a text in which every character is seen; line ends stay.

    styles: colours stay too, and blanks of all kinds: the text is on its way to the screen.
    """
    if text.isprintable():
        return text
    if not styles:
        return "".join(map(_visible, text))
    parts, last = [], 0
    for found in _STYLES.finditer(text):
        parts += [*map(_on_screen, text[last : found.start()]), found[0]]
        last = found.end()
    return "".join((*parts, *map(_on_screen, text[last:])))


def _visible(char: str) -> str:
    if char == "\n" or unicodedata.category(char) not in _INVISIBLE:
        return char
    return char.encode("unicode_escape").decode("ascii")


def _on_screen(char: str) -> str:
    return char if char == "\t" else _visible(char)


# -- secrets -----------------------------------------------------------------------------------


def redacted(text: str) -> str:
    """Return a text without the secrets that were read, and without what looks like one."""
    for form in _forms():
        text = form.hidden_in(text)
    text = _PRIVATE.sub(HIDDEN, text)
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _HEADER.sub(rf"\g<1>{HIDDEN}", text)
    return _SCHEME.sub(rf"\g<1>{HIDDEN}", text)


class _Literal:
    """A form of a secret, wherever it stands."""

    def __init__(self, form: str) -> None:
        self.form = form

    def hidden_in(self, text: str) -> str:
        return text.replace(self.form, HIDDEN)


class _Folded:
    """A form of a secret, also where line ends, quotes or escapes are in it."""

    def __init__(self, form: str) -> None:
        self.form = _BREAKS.sub("", form)

    def hidden_in(self, text: str) -> str:
        folded = _folded(text)
        if self.form not in folded:
            return text
        places, last = list[int](), 0
        for found in _BREAKS.finditer(text):
            places += range(last, found.start())
            last = found.end()
        places += range(last, len(text))
        at, begun, parts = 0, 0, list[str]()
        while (at := folded.find(self.form, at)) >= 0:
            parts += [text[begun : places[at]], HIDDEN]
            at += len(self.form)
            begun = places[at - 1] + 1
        return "".join((*parts, text[begun:]))


@lru_cache(4)
def _folded(text: str) -> str:
    """A text without line ends, quotes and escapes; all forms are looked for in the same."""
    return _BREAKS.sub("", text)


class _Encoded:
    """The part of a Base64 text that a secret makes, with what else is in that text."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.form = re.compile(rf"[{_BASE64}]*{re.escape(part)}[{_BASE64}]*")

    def hidden_in(self, text: str) -> str:
        return self.form.sub(HIDDEN, text) if self.part in text else text


_Form = _Literal | _Folded | _Encoded


@cache
def _forms() -> tuple[_Form, ...]:
    """Every form of every secret, the longest secret first: one may be in another."""
    found: dict[tuple[type, str], _Form] = {}
    for secret in sorted(_secrets, key=len, reverse=True):
        for form in sorted(_written(secret), key=len, reverse=True):
            kind = _Folded if len(_BREAKS.sub("", form)) >= _FOLDED else _Literal
            found.setdefault((kind, form), kind(form))
        for part in _encoded(secret):
            found.setdefault((_Encoded, part), _Encoded(part))
    return tuple(found.values())


def _written(secret: str) -> set[str]:
    """A secret as it stands in texts of libraries."""
    octets = secret.encode("utf-8", "surrogateescape")
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    return {
        secret,
        repr(secret)[1:-1],
        repr(octets)[2:-1],
        json.dumps(secret)[1:-1],
        html.escape(secret),
        octets.hex(),
        octets.hex().upper(),
        *quoted,
        *(quote(each, safe="") for each in quoted),
        *(re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), each) for each in quoted),
    }


def _encoded(secret: str) -> Iterator[str]:
    """What is always the same of a Base64 text that has a secret in it, after 0 to 2 octets more.

    A Basic authorization is one: the user's name and a colon come before.
    """
    octets = secret.encode("utf-8", "surrogateescape")
    for before in range(3):
        coded = base64.b64encode(bytes(before) + octets).decode("ascii")
        part = coded[-(-before * 8 // 6) : (before + len(octets)) * 8 // 6]
        if len(part) > _SHORTEST:
            yield from dict.fromkeys((part, part.translate(_URL_SAFE)))
    # A secret that is Base64 itself may be shown as the octets that it stands for.
    try:
        plain = base64.b64decode(octets, validate=True)
    except (binascii.Error, ValueError):
        return
    if len(plain) >= _FOLDED:
        yield plain.hex()


_URL_SAFE = str.maketrans("+/", "-_")


# -- the screen --------------------------------------------------------------------------------


class _Screen:
    """A stream of text that shows nothing else; what it does not do itself the stream does."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text; returns how many characters it had."""
        out = visible(redacted(text), styles=True)
        coding = self._stream.encoding or "utf-8"
        self._stream.write(out.encode(coding, "backslashreplace").decode(coding))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write several."""
        for each in lines:
            self.write(each)

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach"):  # a way around
            raise AttributeError(name)
        return getattr(self._stream, name)


def shown_on(stream: TextIO) -> TextIO:
    """Return a stream that writes to this one, and shows nothing else than what may be."""
    return stream if isinstance(stream, _Screen) else _Screen(stream)  # type: ignore[return-value]


# -- names where somebody may have put a secret ------------------------------------------------

_WORD = re.compile(r"(?<![\w./+=-])(?=[./+=-]*\w*?[A-Za-z])(?=\S*?\d)[\w./+=-]{12,}")
_VARIABLE = re.compile(
    r"[A-Z]{1,16}[0-9]{0,2}(?:_(?:[A-Z]{1,16}[0-9]{0,2}|[0-9]{1,2}))*|[a-z]{1,12}(?:_[a-z]{1,12})+"
)


def is_name_of_variable(value: str) -> bool:
    """Return whether a text looks like the name of an environment variable, and not like a token.

    Only what does may be shown where it is no variable's name after all.
    """
    return len(value) <= 64 and _VARIABLE.fullmatch(value) is not None


def without_tokens(text: str) -> str:
    """Return a text without words that may be secrets: long, of letters and digits, no path."""
    return _WORD.sub(
        lambda found: found[0] if is_path(found[0]) or is_name_of_variable(found[0]) else HIDDEN,
        text,
    )


def is_path(value: str) -> bool:
    """Return whether a text looks like the path of a file, and not like a token."""
    start = value.startswith(("/", "~/", "./", "../"))
    return start or re.fullmatch(r"[\w-]+(?:/[\w-]+)*\.[a-z]{1,8}", value) is not None
