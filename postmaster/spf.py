"""SPF records (RFC 7208): parse, and merge our terms into the one that is there."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dns_providers.publishing.claims import Merge, Singleton
from dns_providers.rrset import TXT, Value
from ground.words import Words

LOOKUP_LIMIT = 10  # RFC 7208 section 4.6.4
_LOOKS_UP = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
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
    try:
        words = data.decode("ascii").split()
    except UnicodeDecodeError:
        raise SpfSyntaxError(data.decode("ascii", "backslashreplace")) from None
    terms = []
    for word in words[1:]:
        found = _TERM.fullmatch(word)
        if found is None:
            raise SpfSyntaxError(word)
        terms.append(Term(found["qualifier"], found["name"].lower(), found["rest"] or ""))
    return tuple(terms)


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


def lookups(terms: Iterable[Term]) -> int:
    """Count the terms that cost a receiver a DNS lookup (RFC 7208 section 4.6.4)."""
    return sum(term.name in _LOOKS_UP for term in terms)


def merge(
    there: tuple[bytes, ...], wanted: tuple[str, ...], all_term: str, ours: tuple[str, ...]
) -> Merge:
    """Merge our terms into the SPF record that is there.

    there: all SPF records of the name. wanted: our terms. all_term: used only for a new record,
    an existing `all` is kept. ours: terms that we added earlier; those no longer wanted go. The
    result's `problem` says why nothing can be merged.
    """
    if not there:
        return Merge(fresh(wanted, all_term), ours=wanted)
    if len(there) > 1:
        return Merge(None, problem=Words.of("dns.spf.several", count=len(there)))
    try:
        terms = parse(there[0])
    except SpfSyntaxError as error:
        return Merge(None, problem=Words.of("dns.spf.syntax", term=error))
    problem = _obstacle(terms)
    if problem:
        return problem
    return _merged(terms, wanted, ours, there[0])


def _obstacle(terms: tuple[Term, ...]) -> Merge | None:
    """What a person must decide: a redirect that our terms would not reach, a parked name."""
    redirect = next((term for term in terms if term.name == "redirect" and term.is_modifier), None)
    has_all = any(term.name == "all" for term in terms)
    if redirect is not None and not has_all:
        return Merge(None, problem=Words.of("dns.spf.redirect", term=redirect.text))
    if [term.text for term in terms] == ["-all"]:
        return Merge(None, problem=Words.of("dns.spf.parked"))
    return None


def _merged(
    terms: tuple[Term, ...], wanted: tuple[str, ...], ours: tuple[str, ...], old: bytes
) -> Merge:
    gone = [_term(text) for text in ours if text not in wanted]
    kept = [term for term in terms if not any(term.same_as(other) for other in gone)]
    new, added = [], []
    for text in wanted:
        term = _term(text)
        present = any(term.same_as(other) for other in kept)
        if not present:
            new.append(term)
        if not present or text in ours:
            added.append(text)
    if not new and len(kept) == len(terms):
        return Merge(TXT(old), ours=tuple(added))
    at = next(
        (i for i, term in enumerate(kept) if term.name == "all" or term.is_modifier), len(kept)
    )
    merged = [*kept[:at], *new, *kept[at:]]
    if lookups(merged) > LOOKUP_LIMIT:
        return Merge(None, problem=Words.of("dns.spf.lookups", count=lookups(merged)))
    return Merge(TXT(render(merged)), ours=tuple(added))


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


def _term(text: str) -> Term:
    return parse(f"v=spf1 {text}".encode("ascii"))[0]


def singleton(terms: tuple[str, ...], all_term: str) -> Singleton:
    """Return how an SPF claim finds and merges its value among the TXT of its name."""

    def merge_values(values: tuple[Value, ...], ours: tuple[str, ...]) -> Merge:
        there = tuple(value.data for value in values if isinstance(value, TXT))
        return merge(there, terms, all_term, ours)

    return Singleton(is_spf, merge_values)


def unmerge(ours: tuple[str, ...], whole: bool) -> Singleton:
    """Return how our terms are taken out of an SPF record again; a record that was made by us
    (`whole`) goes with them, if nobody has added to it since.
    """

    def without(values: tuple[Value, ...], _: tuple[str, ...]) -> Merge:
        there = [value for value in values if isinstance(value, TXT)]
        if not there:
            return Merge(None)
        if len(there) > 1:
            return Merge(None, problem=Words.of("dns.spf.several", count=len(there)))
        try:
            terms = parse(there[0].data)
        except SpfSyntaxError as error:
            return Merge(None, problem=Words.of("dns.spf.syntax", term=error))
        gone = [_term(text) for text in ours]
        left = [term for term in terms if not any(term.same_as(other) for other in gone)]
        if whole and all(term.name == "all" for term in left):
            return Merge(None)
        return Merge(there[0] if len(left) == len(terms) else TXT(render(left)))

    return Singleton(is_spf, without)
