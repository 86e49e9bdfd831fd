"""SPF records (RFC 7208): their terms, ours among them, and how ours go again."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

import spftrace
from spftrace.errors import SpfPermError

from dns_providers.publishing.claims import Merge, Singleton
from dns_providers.rrset import TXT, Value
from ground.words import Words

_TERM = re.compile(
    r"(?P<qualifier>[-+~?]?)(?P<name>[A-Za-z][A-Za-z0-9._-]*)(?P<rest>[:=/].*)?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Term:
    """One term: qualifier (empty for mechanisms without), lower-case name, rest as written."""

    qualifier: str
    name: str
    rest: str

    @property
    def text(self) -> str:
        """The term as written."""
        return f"{self.qualifier}{self.name}{self.rest}"

    @property
    def is_modifier(self) -> bool:
        """`name=value` (RFC 7208 section 6)."""
        return self.rest.startswith("=")

    @property
    def ends(self) -> bool:
        """`all`: no receiver comes to a mechanism after it."""
        return self.name == "all" and not self.is_modifier

    def same_as(self, other: Term) -> bool:
        """Whether both say the same; `+` is the default qualifier, names ignore case."""
        return _canonical(self) == _canonical(other)


def _canonical(term: Term) -> tuple[str, str, str]:
    rest = term.rest.lower()
    if term.name in ("ip4", "ip6"):
        with contextlib.suppress(ValueError):
            rest = ":" + str(ipaddress.ip_network(rest[1:], strict=False))
    return (term.qualifier or "+", term.name, rest)


class SpfSyntaxError(ValueError):
    """The text is no valid SPF record; the message names the term."""


def is_spf(value: Value) -> bool:
    """Tell whether a TXT value is an SPF record (RFC 7208 section 4.5)."""
    if not isinstance(value, TXT):
        return False
    text = value.data.lower()
    return text == b"v=spf1" or text.startswith(b"v=spf1 ")


def parse(data: bytes) -> tuple[Term, ...]:
    """Return the terms of an SPF record. Raises SpfSyntaxError."""
    terms: list[Term] = []
    for word in data.split(b" ")[1:]:
        if not word:
            continue
        if not word.isascii():  # written out again it would be another
            raise SpfSyntaxError(word.decode("ascii", "backslashreplace"))
        term = _term(word.decode("ascii"))
        once = term.is_modifier and term.name in ("redirect", "exp")
        if once and any(other.is_modifier and other.name == term.name for other in terms):
            raise SpfSyntaxError(term.text)
        terms.append(term)
    return tuple(terms)


def _term(word: str) -> Term:
    found = _TERM.fullmatch(word)
    try:
        spftrace.parse(f"v=spf1 {word}")
    except SpfPermError:
        raise SpfSyntaxError(word) from None
    # Python takes an IPv6 address with a zone; RFC 7208 section 5.6 does not.
    if found is None or (found["name"].lower() == "ip6" and "%" in word):
        raise SpfSyntaxError(word)
    return Term(found["qualifier"], found["name"].lower(), found["rest"] or "")


def render(terms: Iterable[Term]) -> bytes:
    """Return an SPF record of these terms."""
    return " ".join(("v=spf1", *(term.text for term in terms))).encode("ascii")


def address_term(address: str) -> str:
    """Return `ip4:…` or `ip6:…` for one address."""
    parsed = ipaddress.ip_address(address)
    return f"ip{parsed.version}:{parsed}"


def our_terms(addresses: Iterable[str], includes: Iterable[str]) -> tuple[str, ...]:
    """Return the terms for our addresses, and for those who send for us (`include:`)."""
    return (*map(address_term, addresses), *(f"include:{name}" for name in includes))


def fresh(terms: Iterable[str], all_term: str) -> TXT:
    """Return the record for a name that has none: our terms, then `all_term` (`~all`)."""
    return TXT(" ".join(("v=spf1", *terms, all_term)).encode("ascii"))


def says(record: bytes, wanted: bytes) -> bool:
    """Return whether a record has all terms of another but its `all`."""
    try:
        there = parse(record)
        return all(
            any(term.same_as(other) for other in there)
            for term in parse(wanted)
            if term.name != "all"
        )
    except SpfSyntaxError:
        return False


def without(terms: Iterable[Term], gone: Iterable[str]) -> tuple[Term, ...]:
    """Return terms without one of each that go; somebody's own that says the same stays."""
    left = list(terms)
    for term in map(_term, gone):
        at = next((i for i, other in enumerate(left) if term.same_as(other)), None)
        if at is not None:
            del left[at]
    return tuple(left)


def unmerge(ours: tuple[str, ...], whole: bool) -> Singleton:
    """Return how our terms are taken out of an SPF record again; a record that was made by us
    (`whole`) goes with them, if nobody has added to it since.
    """

    def left_of(values: tuple[Value, ...], _: tuple[str, ...]) -> Merge:
        there = [value for value in values if isinstance(value, TXT)]
        if not there:
            return Merge(None)
        if len(there) > 1:
            return Merge(None, problem=Words.of("dns.spf.several", count=len(there)))
        try:
            terms = parse(there[0].data)
        except SpfSyntaxError as error:
            return Merge(None, problem=Words.of("dns.spf.syntax", term=error))
        left = without(terms, ours)
        if whole and all(term.ends for term in left):
            return Merge(None)
        return Merge(there[0] if len(left) == len(terms) else TXT(render(left)))

    return Singleton(is_spf, left_of)
