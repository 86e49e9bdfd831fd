"""What header fields say: pure readings, none of which trusts what it reads."""

from __future__ import annotations

import binascii
import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]

VERDICT = "X-PMail-Deploy-Verdict"
TRACE = "X-PMail-Deploy-Trace"

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(r'\\(.)|"', re.DOTALL)
# RFC 2047 section 2, and with blanks, quotes and brackets in it, as some readers take it.
_ENCODED_WORD = re.compile(r"=\?([^?]*)\?([bBqQ])\?([^?]*)\?=")
_AT_DOMAIN = re.compile(r'@\s*(\[[^\]@\s]{0,60}\]|[^\s<>()\[\],;:\\"@]+)')
_TAG = re.compile(r"<[^<>]*>")
# Letters, digits, dots and hyphens, of any script.
_NAME_OF_HOST = re.compile(r"[A-Za-z0-9.\x80-\U0010ffff-]+")
_AMBIGUOUS = frozenset("<>@")

# No `&`: PMail takes an address for HTML, in which `&#64` is an `@`.
_ATOM = r"[A-Za-z0-9!#$%'*+/=?^_`{|}~-]+"
_DOMAIN = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_ADDRESS = rf"{_ATOM}(?:\.{_ATOM})*@{_DOMAIN}"
_DOT_ATOM = re.compile(_ADDRESS)
# Atoms with dots, and with square brackets and 8-bit text, which are no RFC's but often there.
_WORDS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\[\] \t\xa0-\U0010ffff-]"
_STRING = r'"(?:[^"\\<>\x00-\x08\x0a-\x1f\x7f-\x9f]|\\[ -;=?-~])*"'
_MAILBOX = re.compile(
    rf"(?:(?P<twice>{_ADDRESS})[ \t]*|(?P<name>(?:{_WORDS}|{_STRING})*+))<(?P<angle>{_ADDRESS})>"
    rf"|(?P<bare>{_ADDRESS})"
)
# RFC 5322 section 3.2.2: one comment without anything special in it, after an address.
_REMARK = re.compile(r"[ \t]\([A-Za-z0-9 .-]*\)[ \t]*\Z")
# Longer than any From of a mail program; what is cut by other readers is not read here.
_LONGEST = 2000

_RESULT = re.compile(r"\s*([\w-]+)\s*(?:/\s*\d+\s*)?=\s*([\w-]+)(.*)", re.DOTALL)
_HEADER_FROM = re.compile(r"\bheader\.from\s*=\s*(\S+)", re.IGNORECASE)
_TRACE = re.compile(r"\s*(\S+)\s+<(.*)>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Mailbox:
    """name: decoded, without quotes. twice: whether it is the address over again."""

    name: str
    address: str
    twice: bool


@dataclass(frozen=True, slots=True)
class Results:
    """What our own milters found: each result that was given, in lower case.

    claimed: the From domains that the DMARC results are about.
    """

    dmarc: frozenset[str]
    spf: frozenset[str]
    claimed: frozenset[str]


def values(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the unfolded values of all fields of a name, in any case, from the top."""
    wanted = name.lower()
    return tuple(_FOLD.sub("", value) for field, value in headers if field.lower() == wanted)


def mailbox(value: str) -> str | None:
    """Return the address of a field that PMail and every other reader takes for its only one.

    value: unfolded. It is an address without quotes, or that in angle brackets after a name. PMail
    (dto/parsemail/email.go: buildUser) takes what stands between the first `<` and the last `>`
    where Go cannot read a field, in quotes and comments too. So there are no other brackets, no
    comments but a plain one at the end, as Postfix and cron add it, and what is encoded in the name
    hides neither a bracket nor an address. A name that is an address is that of the field. None
    for all else, though RFC 5322 section 3.4 may allow it.
    """
    found = _read(_REMARK.sub("", value) if len(value) <= _LONGEST else value)
    if found is None or (_DOT_ATOM.fullmatch(found.name) and not found.twice):
        return None
    return found.address


def has_address(value: str) -> bool:
    """Return whether an unfolded field has an address outside quotes and encoded words."""
    text = _uncommented(value)
    shown = value if text is None else _QUOTED.sub('""', text)
    return _AT_DOMAIN.search(_ENCODED_WORD.sub("", shown)) is not None


def domains(value: str) -> frozenset[str]:
    """Return every domain that any reader could take for the one of an address in a field.

    value: unfolded. In lower case and A-labels. Where nothing but one address can be read, its
    domain, and else whatever could be a domain, wherever it stands: in quotes, comments, encoded
    words, or after what PMail does to HTML.
    """
    found = _read(value)
    if found is not None:
        return frozenset({found.address.rpartition("@")[2].lower()})
    names = {name for form in _forms(value) for name in _NAME_OF_HOST.findall(form)}
    return frozenset(_a_label(name.strip(".").lower()) for name in names)


def signing_domain(headers: Headers) -> str:
    """Return `d=` of the first DKIM-Signature, "" for none (RFC 6376 section 3.5).

    The signer comes before us and adds its signature above what is there.
    """
    for signature in values(headers, "DKIM-Signature")[:1]:
        for tag in signature.split(";"):
            name, _, value = tag.partition("=")
            if name.strip() == "d":
                return "".join(value.split()).lower()
    return ""


def results(headers: Headers, authserv_id: str) -> Results:
    """Return what our own milters say in Authentication-Results (RFC 8601).

    They add at the top: OpenDKIM (always, `dkim=`), then OpenDMARC above it. So what stands
    below the first Received or below OpenDKIM's came with the message and is ignored. Where
    OpenDKIM added nothing, forged results can stand beside ours: the caller has to ask that all
    agree.
    """
    dmarc: set[str] = set()
    spf: set[str] = set()
    claimed: set[str] = set()
    for value in _ours(headers, authserv_id):
        for method, result, rest in _resinfo(value):
            if method == "dmarc":
                dmarc.add(result)
                claimed.update(domain.lower() for domain in _HEADER_FROM.findall(rest))
            elif method == "spf":
                spf.add(result)
    return Results(frozenset(dmarc), frozenset(spf), frozenset(claimed))


def traces(headers: Headers, mail_host: str) -> tuple[str, ...]:
    """Return the envelope senders in our own trace fields, from the top; "" for the null one."""
    found = (_TRACE.fullmatch(value) for value in values(headers, TRACE))
    return tuple(trace[2] for trace in found if trace and trace[1].lower() == mail_host.lower())


def automatic(headers: Headers) -> bool:
    """Return whether a program wrote the message, so that nobody waits for a bounce (RFC 3834)."""
    submitted = (value.split(";")[0] for value in values(headers, "Auto-Submitted"))
    kinds = {(_uncommented(value) or value).strip().lower() for value in submitted}
    types = (value.strip().lower() for value in values(headers, "Content-Type"))
    paths = (value.strip() for value in values(headers, "Return-Path"))
    return (
        bool(kinds - {"no"})
        or any(value.startswith("multipart/report") for value in types)
        or "<>" in paths
    )


def _ours(headers: Headers, authserv_id: str) -> Iterator[str]:
    """Yield the unfolded values of the fields that milters after OpenDKIM added, without comments.

    "" for one that cannot be read.
    """
    for name, value in headers:
        if name.lower() == "received":
            return
        if name.lower() != "authentication-results":
            continue
        text = _uncommented(_FOLD.sub("", value))
        plain = "" if text is None else _QUOTED.sub('""', text)
        if plain and plain.split(";")[0].lower().split()[:1] != [authserv_id.lower()]:
            continue
        if any(method == "dkim" for method, _, _ in _resinfo(plain)):
            return
        yield plain


def _resinfo(value: str) -> tuple[tuple[str, str, str], ...]:
    """Return method, result and properties in a field, ("dmarc", "unreadable", "") if it is ""."""
    if not value:
        return (("dmarc", "unreadable", ""), ("spf", "unreadable", ""))
    found = (_RESULT.fullmatch(part) for part in value.split(";")[1:])
    return tuple((each[1].lower(), each[2].lower(), each[3]) for each in found if each)


def _uncommented(value: str) -> str | None:
    """Return a structured value with a blank for each comment, None where quotes or brackets gape.

    RFC 5322 section 3.2.2: comments nest; there are none in a quoted string, nor it in them, and
    outside of both no backslash.
    """
    kept: list[str] = []
    depth = 0
    quoted = False
    characters = iter(value)
    for character in characters:
        if character == "\\":
            if not quoted and not depth:
                return None
            character += next(characters, "")
        if quoted or (depth == 0 and character not in "()"):
            kept.append(character)
            quoted ^= character == '"'
        elif character in "()":
            depth += 1 if character == "(" else -1
            kept.append(" ")
        if depth < 0:
            return None
    return None if depth or quoted else "".join(kept)


def _read(value: str) -> _Mailbox | None:
    """Return what a field says, None where two readers could find two addresses in it."""
    found = _MAILBOX.fullmatch(value.strip(" \t\r\n")) if len(value) <= _LONGEST else None
    if found is None:
        return None
    address = found["angle"] or found["bare"]
    text = _ESCAPE.sub(r"\1", found["twice"] or found["name"] or "")
    words = [_decoded(*word) for word in _ENCODED_WORD.findall(text)]
    left = _ENCODED_WORD.sub("", text)
    # What is encoded twice, or is no encoded word for everybody.
    if "=?" in address or any("=?" in each for each in (left, *words)):
        return None
    name = _ENCODED_WORD.sub(lambda word: _decoded(*word.groups()), text).strip(" \t'")
    twice = name.lower() == address.lower()
    if found["twice"] and not twice:
        return None
    beyond = (character for character in left if not character.isascii())
    hidden = unicodedata.normalize("NFKC", " ".join((*words, *beyond)))
    if _AMBIGUOUS & set(hidden) and not twice:
        return None
    return _Mailbox(name, address, twice)


def _decoded(charset: str, encoding: str, text: str) -> str:
    """Return what an encoded word says, a sign of one where nobody knows (RFC 2047 section 4)."""
    if len(text) > _LONGEST:  # Python's punycode takes quadratic time
        return "=?"
    try:
        if encoding in "bB":
            octets = binascii.a2b_base64(text + "===")
        else:
            octets = binascii.a2b_qp(text, header=True)
        return octets.decode(charset.partition("*")[0], "replace")
    except (LookupError, ValueError):
        return "=?"


def _forms(value: str) -> Iterator[str]:
    """Yield a field in all ways that one can look at it."""
    decoded = _ENCODED_WORD.sub(lambda word: _decoded(*word.groups()), value)
    for form in (value, decoded, unicodedata.normalize("NFKC", decoded)):
        uncommented = _uncommented(form) or ""
        for text in (form, _ESCAPE.sub(r"\1", form), uncommented):
            yield text
            yield "".join(text.split())
            if len(text) <= 2 * _LONGEST:  # Python has no numbers of more than 4300 digits
                yield html.unescape(_TAG.sub("", text))


def _a_label(domain: str) -> str:
    if domain.isascii() or len(domain) > 255:
        return domain
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain
