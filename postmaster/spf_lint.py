"""What people write into SPF records, and what they meant: read, put right, put together."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dns_providers.rrset import TXT
from postmaster import pasted, spf
from postmaster.pasted import Mishap
from postmaster.spf import SpfSyntaxError, Term

LENGTH_ADVISED = 450  # octets; RFC 7208 section 3.4
LENGTH_MOST = 512
ANSWER_MOST = 1232  # octets of an answer that come over UDP everywhere (dnsflagday.net/2020)
_WIDEST = {4: 24, 6: 48}

# Where one term ends in another: `ip4:192.0.2.1-all`, `a.testinclude:b.test`. No top-level domain
# has a hyphen before "all", so a name does not end so.
_GLUED = (
    re.compile(r"(?<=[0-9A-Za-z./}])(?=[-~?+]all$)", re.I),
    re.compile(r"(?<=[0-9A-Za-z./}])(?=[-~?+]?(?:ip[46]|include|exists):)", re.I),
    re.compile(r"(?<=[0-9A-Za-z./}])(?=(?:redirect|exp)=)", re.I),
    re.compile(r"(?<![^+~?-])(?<!all)(?<=all)(?=[A-Za-z0-9+~?-])", re.I),
    re.compile(r"(?<=^v=spf1)(?=[A-Za-z+~?-])", re.I),
)
_AFTER_IP4 = re.compile(r"^([-~?+]?ip4:\d+(?:\.\d+){3}(?:/\d+)?)(?=[A-Za-z~?+-])", re.I)
_VERSION = re.compile(r"v?\s*=?\s*spf\s*v?1(?![0-9])", re.I)
_WITH_ARGUMENT = r"(?:ip4|ip6|ipv4|ipv6|ip|include|exists|a|mx|ptr)"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a record. at: the term, as written. mishaps: of its whole text.

    record: as it was meant, None where that cannot be told.
    """

    at: str
    mishaps: tuple[Mishap, ...] = ()
    record: str | None = None


def is_meant(data: bytes) -> bool:
    """Whether a TXT value is no SPF record to a receiver, and was meant to be one."""
    if spf.is_spf(TXT(data)):
        return False
    text = pasted.mended(pasted.decoded(data)).lower()
    return bool(_VERSION.match(text)) and not text.startswith(("spf2", "v=spf2"))


def is_sender_id(data: bytes) -> bool:
    """Whether a TXT value is of Sender ID (RFC 4406), which nobody uses any more."""
    return data.lower().startswith(b"spf2.0")


def unglued(data: bytes) -> str | None:
    """Return a record with a space where one term runs into another; None where none does."""
    words = pasted.decoded(data).split(" ")
    found = [part for word in words for part in _parts(word)]
    return " ".join(found) if len(found) > len(words) else None


def _parts(word: str) -> list[str]:
    word = _AFTER_IP4.sub(r"\1 ", word)
    for joint in _GLUED:
        word = joint.sub(" ", word)
    return word.split(" ")


def mistake(data: bytes) -> Mistake | None:
    """Return what makes receivers give up at a record (RFC 7208 section 4.6), None for nothing."""
    try:
        spf.parse(data)
    except SpfSyntaxError as error:
        text = pasted.decoded(data)
        return Mistake(str(error), pasted.mishaps(text), repaired(data))
    return None


def repaired(data: bytes) -> str | None:
    """Return a record as it was meant; None where not even that is valid."""
    text = pasted.mended(pasted.decoded(data), joint=" ")
    text = re.sub(r"[,;](?![^{]*\})", " ", text)
    text = _VERSION.sub("v=spf1 ", text, count=1)
    text = re.sub(rf"\b({_WITH_ARGUMENT})\s*=\s*", r"\1:", text, flags=re.I)
    text = re.sub(rf"\b({_WITH_ARGUMENT}|redirect|exp)([:=])\s+(?=\S)", r"\1\2", text, flags=re.I)
    text = re.sub(r"(?<= )([-~?+]) +(?=\w)", r"\1", text)
    text = re.sub(r"\b(redirect|exp):", r"\1=", text, flags=re.I)
    words = [part for word in text.split() for part in _parts(word) if part]
    record = " ".join(["v=spf1", *(_meant(word) for word in words[1:])])
    if "v=spf1" in record[6:].lower():
        return None
    return record if _is_valid(record) else None


def _meant(word: str) -> str:
    """One term, with the name that its argument asks for."""
    sign, name = re.match(r"([-~?+]?)(.*)", word, re.S).groups()  # type: ignore[union-attr]
    kind, colon, rest = name.partition(":")
    if kind.lower() in ("ip", "ipv4", "ipv6", "ip4", "ip6", "a") and colon and _network(rest):
        return f"{sign}ip{_version(rest)}:{rest}"
    if _network(name):
        return f"{sign}ip{_version(name)}:{name}"
    if kind.lower() == "all" and rest == "" and colon:
        return f"{sign}all"
    return word


def _network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _version(text: str) -> int:
    return ipaddress.ip_network(text, strict=False).version


def _is_valid(record: str) -> bool:
    try:
        spf.parse(record.encode("utf-8"))
    except SpfSyntaxError:
        return False
    return True


def merged(records: Iterable[bytes], wanted: Iterable[str] = ()) -> str | None:
    """Return one record that says what several say, with terms that are wanted before all others.

    The laxest of their `all` ends it: whoever passed, or was let through, by one of them still
    is. None where one of them is not valid, or leads to a record elsewhere by `redirect=`.
    """
    terms = list(spf.parse(b" ".join((b"v=spf1", *(each.encode("ascii") for each in wanted)))))
    ends: list[Term] = []
    for data in records:
        record = repaired(data)
        if record is None:
            return None
        for term in spf.parse(record.encode("ascii")):
            if term.is_modifier:
                if term.name == "redirect":
                    return None
                continue
            if term.ends:
                ends.append(term)
                break
            if not any(term.same_as(other) for other in terms):
                terms.append(term)
    end = max(ends, key=lambda term: "-~?+".index(term.qualifier or "+"), default=None)
    last = end.text if end and end.qualifier in ("-", "~", "?") else "~all"
    return spf.render((*terms, *spf.parse(f"v=spf1 {last}".encode()))).decode("ascii")


def ending(terms: Iterable[Term]) -> Term | None:
    """Return what decides of everybody else: the first `all`, else `redirect=`, or None."""
    every = tuple(terms)
    end = next((term for term in every if term.ends), None)
    return end or next((t for t in every if t.is_modifier and t.name == "redirect"), None)


def unreached(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return terms that no receiver comes to: mechanisms after `all`, and `redirect=` beside it."""
    every = tuple(terms)
    end = next((number for number, term in enumerate(every) if term.ends), None)
    if end is None:
        return ()
    after = (term for term in every[end + 1 :] if not term.is_modifier)
    return (*after, *(t for t in every if t.is_modifier and t.name == "redirect"))


def ignored(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return terms that mean a mechanism and are an unknown modifier to receivers: `ip4=…`."""
    names = {"ip", "ip4", "ip6", "ipv4", "ipv6", "a", "mx", "ptr", "include", "exists", "all"}
    return tuple(term for term in terms if term.is_modifier and term.name in names)


def by_name(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return terms that go by the sender's PTR name: `ptr`, and the macro `%{p}`."""
    return tuple(
        term
        for term in terms
        if (term.name == "ptr" and not term.is_modifier)
        or re.search(r"%\{p\d*r?[.\-+,/_=]*\}", term.rest, re.I)
    )


def too_wide(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return terms that let a network of more than a /24 (IPv6: /48) pass."""
    return tuple(term for term in terms if any(_is_wide(*each) for each in _prefixes(term)))


def _is_wide(version: int, prefix: int) -> bool:
    return prefix < _WIDEST[version]


def _prefixes(term: Term) -> Iterator[tuple[int, int]]:
    if term.is_modifier or term.qualifier not in ("", "+"):
        return
    if term.name in ("ip4", "ip6"):
        network = ipaddress.ip_network(term.rest[1:], strict=False)
        yield network.version, network.prefixlen
    if term.name in ("a", "mx"):
        found = re.search(r"(?:(?<!/)/(\d+))?(?://(\d+))?$", term.rest)
        for version, prefix in zip((4, 6), found.groups() if found else (), strict=False):
            if prefix:
                yield version, int(prefix)


def answer_size(values: Iterable[bytes], owner: str) -> int:
    """Return the octets of a DNS answer with these TXT values (RFC 1035 section 4.1), with EDNS."""
    head = 12 + len(owner) + 2 + 4 + 11
    return head + sum(12 + len(each) + max(1, -(-len(each) // 255)) for each in values)
