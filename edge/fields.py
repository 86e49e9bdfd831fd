"""What header fields say: pure readings, none of which trusts what it reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]

VERDICT = "X-PMail-Deploy-Verdict"
TRACE = "X-PMail-Deploy-Trace"

_FOLD = re.compile(r"\r?\n(?=[ \t])")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
# RFC 2047 section 2: an `@` in one belongs to a display name.
_ENCODED = r'=\?[^?\s<>"]+\?[bBqQ]\?[^?\s<>"]*\?='
_ENCODED_WORD = re.compile(_ENCODED)
_AT_DOMAIN = re.compile(r'@\s*(\[[^\]@\s]{0,60}\]|[^\s<>()\[\],;:\\"@]+)')

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\x00-\x1f]|\\[ -~])*")'
_DOMAIN = r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_ADDRESS = rf"{_LOCAL}@{_DOMAIN}"
# Possessive: what is an encoded word is not tried as single characters again.
_PHRASE = rf'(?:{_ENCODED}|"(?:[^"\\]|\\.)*"|[^<>",;@\\\x00-\x08\x0a-\x1f\x7f])*+'
# Programs that know no name write the address in its place, unquoted: still one address.
_MAILBOX = re.compile(
    rf"(?:(?:(?P<twice>{_ADDRESS})\s*|{_PHRASE})<\s*(?P<angle>{_ADDRESS})\s*>|(?P<bare>{_ADDRESS}))"
)
# Longer than any From of a mail program; what is cut by other readers is not read here.
_LONGEST = 2000

_RESULT = re.compile(r"\s*([\w-]+)\s*(?:/\s*\d+\s*)?=\s*([\w-]+)(.*)", re.DOTALL)
_HEADER_FROM = re.compile(r"\bheader\.from\s*=\s*(\S+)", re.IGNORECASE)
_TRACE = re.compile(r"\s*(\S+)\s+<(.*)>\s*", re.DOTALL)


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
    """Return the address of a field that holds exactly one, as RFC 5322 section 3.4 writes it.

    value: unfolded. None for a list, a group, two addresses in a row, an address among other
    words, or anything that two readers could understand differently. Quoted display names,
    encoded words and comments may say what they like.
    """
    text = _uncommented(value) if len(value) <= _LONGEST else None
    found = _MAILBOX.fullmatch(text.strip()) if text is not None else None
    if found is None:
        return None
    address = found["angle"] or found["bare"]
    if found["twice"] and found["twice"].lower() != address.lower():
        return None
    return address


def domains(value: str) -> frozenset[str]:
    """Return every domain that any reader could take for the one of an address in a field.

    value: unfolded. In lower case and A-labels. What only looks like an address, in a quoted
    display name, a comment or an encoded word, is left out.
    """
    text = _uncommented(value)
    shown = value if text is None else _QUOTED.sub('""', text)
    found = _AT_DOMAIN.findall(_ENCODED_WORD.sub("", shown))
    return frozenset(_a_label(domain.rstrip(".").lower()) for domain in found)


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


def _a_label(domain: str) -> str:
    if domain.isascii() or len(domain) > 255:
        return domain
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain
