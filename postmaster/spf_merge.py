"""Our terms in a domain's SPF record: where they pass, and nobody who passed before is lost.

Every outcome is evaluated as a receiver does it (RFC 7208 section 4). Whatever is asked of DNS
goes through a function that the caller gives; without an answer nothing is written.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from dns_providers.publishing.claims import Claim, Merge, Singleton
from dns_providers.rrset import TXT, Value, name_text
from ground.words import Words
from postmaster import spf
from postmaster.spf import SpfSyntaxError, Term
from probes.world.dns import Answer, Ask, Outcome
from probes.world.spf import Evaluation, evaluate

LOOKUP_LIMIT, VOID_LIMIT = 10, 2  # RFC 7208 section 4.6.4
# Whose mail goes through the whole record, for each family: no host can have these addresses.
_STRANGER, _STRANGER_6, _ANOTHER = "0.0.0.0", "::", "255.255.255.255"
_MAY_PASS = ("pass", "temperror")
_SHOWN = 5  # senders in a note

Terms = tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a domain's SPF record shall have. all_term: how a record that we make ends."""

    domain: str
    terms: tuple[str, ...]
    all_term: str


def unasked(owner: str, rtype: str) -> Answer:
    """Answer nothing: for who only wants to know what is claimed."""
    return Answer(owner, rtype, Outcome.TIMEOUT)


def singleton(wanted: Wanted, ask: Ask = unasked) -> Singleton:
    """Return how an SPF claim finds and merges its value among the TXT of its name.

    ask: answers from DNS.
    """

    def merge_values(values: tuple[Value, ...], ours: tuple[str, ...]) -> Merge:
        there = tuple(value.data for value in values if isinstance(value, TXT))
        return merge(there, wanted, ours, ask)

    return Singleton(spf.is_spf, merge_values)


def wanted_by(claim: Claim) -> Wanted:
    """Return what an SPF claim wants."""
    (value,) = claim.values
    if not isinstance(value, TXT):
        raise TypeError(f"{claim.key} is no TXT record")
    *terms, all_term = value.data.decode("ascii").split()[1:]
    return Wanted(name_text(claim.key.owner), tuple(terms), all_term)


def claiming(claim: Claim, wanted: Wanted, ask: Ask = unasked) -> Claim:
    """Return a claim that wants this of its SPF record."""
    value = spf.fresh(wanted.terms, wanted.all_term)
    return replace(claim, values=frozenset({value}), singleton=singleton(wanted, ask))


def asking(claims: Iterable[Claim], ask: Ask) -> tuple[Claim, ...]:
    """Return claims whose SPF records are evaluated with these answers from DNS.

    Where there is nothing yet, what the other claims bring is there for whoever asks later.
    """
    every = tuple(claims)
    coming = {
        (name_text(each.key.owner), each.key.rtype): each.values
        for each in every
        if each.values and not each.singleton and not each.only_if_free
    }

    def ask_then(owner: str, rtype: str) -> Answer:
        answer = ask(owner, rtype)
        values = coming.get((owner.lower(), rtype))
        if values is None or answer.values or not answer.outcome.known:
            return answer
        return Answer(owner, rtype, Outcome.ANSWER, values)

    return tuple(
        replace(each, singleton=singleton(wanted_by(each), ask_then)) if each.singleton else each
        for each in every
    )


def merge(there: tuple[bytes, ...], wanted: Wanted, ours: tuple[str, ...], ask: Ask) -> Merge:
    """Merge our terms into the SPF record that is there.

    there: all SPF records of the name. ours: terms that we added earlier; those no longer wanted
    go. ask: answers from DNS. An existing `all` is kept. The result's `problem` says why nothing
    may be written; its value is then what the user can have in place of what is there.
    """
    try:
        records = tuple(map(spf.parse, there))
    except SpfSyntaxError as error:
        return Merge(None, problem=Words.of("dns.spf.syntax", term=str(error)))
    merging = _Merging(wanted, ours, _Receiver(wanted.domain, cache(ask)))
    if not records:
        return merging.fresh()
    if len(records) > 1:
        several = Words.of("dns.spf.several", count=len(records))
        return _on_consent(merging.into(_united(records, wanted.all_term)), several)
    (terms,) = records
    if [term.text for term in terms if not term.is_modifier] == ["-all"]:
        return _on_consent(merging.fresh(), Words.of("dns.spf.parked"))
    if (redirect := _redirect(terms)) and not merging.has_part_in(terms):
        return merging.beside(terms, redirect, TXT(there[0]))
    made = merging.into(terms)
    same = made.value == TXT(spf.render(terms))
    return replace(made, value=TXT(there[0])) if same else made


def lost_by(back: Iterable[Value], now: Iterable[Value], wanted: Wanted, ask: Ask) -> Words | None:
    """Return whose mail passes with a name's values of now, and not with those that are put back.

    The words lack `key`; None where that is nobody. ask: answers from DNS.
    """
    receiver = _Receiver(wanted.domain, cache(ask))
    there, former = _only(now), _only(back)
    if there is None:
        return None
    terms = _Merging(wanted, (), receiver).terms
    ours = (term.rest[1:] for term in terms if term.name in ("ip4", "ip6"))
    senders = dict.fromkeys((*ours, *receiver.samples(there), _STRANGER, _STRANGER_6))
    passing = (each for each in senders if receiver.check(each, there).result in _MAY_PASS)
    everybody = {_STRANGER: f"{_STRANGER}/0", _STRANGER_6: f"{_STRANGER_6}/0"}
    lost = [
        everybody.get(each, each)
        for each in passing
        if former is None or not receiver.passes(each, former)
    ]
    return Words.of("dns.spf.undone", senders=", ".join(lost[:_SHOWN])) if lost else None


def _only(values: Iterable[Value]) -> Terms | None:
    """The SPF record of a name that has one, and one that receivers take."""
    records = [value.data for value in values if isinstance(value, TXT) and spf.is_spf(value)]
    try:
        return spf.parse(records[0]) if len(records) == 1 else None
    except SpfSyntaxError:
        return None


def _on_consent(made: Merge, problem: Words) -> Merge:
    """What is written if the user says that what is there may be replaced."""
    return made if made.problem else replace(made, problem=problem, replaceable=True)


def _redirect(terms: Terms) -> Term | None:
    """Where the record goes on, if a receiver comes to that."""
    if any(term.ends for term in terms):
        return None
    return next((term for term in terms if term.is_modifier and term.name == "redirect"), None)


def _united(records: Iterable[Terms], all_term: str) -> Terms:
    """One record with the senders of several; a receiver took none of them."""
    parts: list[Term] = []
    ends: set[str] = set()
    for terms in records:
        ends.add(next((term.text for term in terms if term.ends), ""))
        more = list(_before_all(terms))
        if redirect := _redirect(terms):
            more.append(Term("", "include", f":{redirect.rest[1:]}"))
        parts += (
            term
            for term in more
            if not term.is_modifier and not any(term.same_as(each) for each in parts)
        )
    end = ends.pop() if len(ends) == 1 else all_term
    return (*parts, *spf.parse(f"v=spf1 {end}".encode("ascii")))


def _before_all(terms: Terms) -> Terms:
    """The terms that a receiver may come to."""
    return terms[: next((i for i, term in enumerate(terms) if term.ends), len(terms))]


def _last(terms: Terms) -> int:
    """Where a mechanism comes last: before `all`, and the modifiers that stand before it."""
    at = len(_before_all(terms))
    while at and terms[at - 1].is_modifier:
        at -= 1
    return at


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Evaluates records for the domain, as whoever gets its mail."""

    domain: str
    ask: Ask

    def check(self, address: str, terms: Terms) -> Evaluation:
        """What mail from an address gets with a record of these terms."""
        return evaluate(address, self.domain, self.ask, spf.render(terms).decode("ascii"))

    def passes(self, address: str, terms: Terms) -> bool:
        return self.check(address, terms).result == "pass"

    def samples(self, terms: Terms) -> tuple[str, ...]:
        """Addresses that stand for all that a record can tell apart by networks and names.

        Of a network its ends, and what lies beside them: between networks in one another the
        result changes there only.
        """
        found: set[str] = set()
        for stranger in (_STRANGER, _STRANGER_6):
            seen = self.check(stranger, terms)
            found.update(seen.addresses)
            for record in seen.records:
                found.update(_ends(record))
        return tuple(sorted(found - {_STRANGER, _STRANGER_6}))


def _ends(record: str) -> Iterator[str]:
    """The ends of a record's networks, and what lies beside them."""
    try:
        terms = spf.parse(record.encode("ascii"))
    except SpfSyntaxError:
        return  # somebody else's; what a receiver makes of it was evaluated
    for term in terms:
        if term.name not in ("ip4", "ip6") or term.is_modifier:
            continue
        network = ipaddress.ip_network(term.rest[1:], strict=False)
        first, last = int(network[0]), int(network[-1])
        make = type(network[0])
        top = 2**network.max_prefixlen - 1
        yield from {str(make(n)) for n in (first - 1, first, last, last + 1) if 0 <= n <= top}


@dataclass(frozen=True, slots=True)
class _Merging:
    """One merge: what is wanted, what we added earlier, and who evaluates it."""

    wanted: Wanted
    ours: tuple[str, ...]
    receiver: _Receiver

    @property
    def terms(self) -> Terms:
        """Our terms."""
        return spf.parse(" ".join(("v=spf1", *self.wanted.terms)).encode("ascii"))

    def fresh(self) -> Merge:
        """The record for a name that has none."""
        found = self.into(spf.parse(f"v=spf1 {self.wanted.all_term}".encode("ascii")))
        return replace(found, ours=self.wanted.terms, whole=True)

    def has_part_in(self, terms: Terms) -> bool:
        """Whether we added a term of the record."""
        return len(spf.without(terms, self.ours)) < len(terms)

    def beside(self, terms: Terms, redirect: Term, live: TXT) -> Merge:
        """A record that is kept elsewhere: right where our senders pass there."""
        missing = self._failing(terms)
        if not missing:
            return Merge(live)
        if trouble := _trouble(missing.values()):
            return Merge(None, problem=_unknown(trouble))
        senders = " ".join(term.text for term in missing)
        problem = Words.of("dns.spf.redirect", term=redirect.text, senders=senders)
        return _on_consent(self.into(terms), problem)

    def into(self, terms: Terms) -> Merge:
        """A record with our terms, at its end or, where something else comes first, before it."""
        gone = [text for text in self.ours if text not in self.wanted.terms]
        base = spf.without(terms, gone)
        reached = _before_all(base)
        new = [t for t in self.terms if not any(t.same_as(other) for other in reached)]
        at = _last(base)
        made = (*base[:at], *new, *base[at:])
        failing = self._failing(made)
        if made == terms and (not failing or _trouble(failing.values())):
            return self._unchanged(made, failing)
        for kinds in (("ip4", "ip6"), ("ip4", "ip6", "include")):
            if failing:
                made = self._in_front(made, [t for t in failing if t.name in kinds], new)
                failing = self._failing(made)
        # To take out what was ours costs nobody anything, however the rest of the record is.
        found = self._judged(made, base) if made != base else Merge(TXT(spf.render(made)))
        problem = found.problem or _not_passing(failing)
        return replace(found, ours=self._added(made, base), problem=problem)

    def _unchanged(self, terms: Terms, failing: dict[Term, Evaluation]) -> Merge:
        note = _unseen(trouble) if (trouble := _trouble(failing.values())) else None
        added = tuple(text for text in self.wanted.terms if text in self.ours)
        return Merge(TXT(spf.render(terms)), ours=added, note=note)

    def _in_front(self, terms: Terms, moved: Iterable[Term], new: Iterable[Term]) -> Terms:
        """Put terms first; one that is somebody else's too stays where it is."""
        front = tuple(moved)
        ours = {*self.ours, *(term.text for term in new)}
        left = spf.without(terms, (term.text for term in front if term.text in ours))
        return (*front, *left)

    def _added(self, made: Terms, base: Terms) -> tuple[str, ...]:
        """Our terms that are there because of us."""

        def often(text: str, terms: Terms) -> int:
            (term,) = spf.parse(f"v=spf1 {text}".encode("ascii"))
            return sum(term.same_as(other) for other in terms)

        return tuple(
            text
            for text in self.wanted.terms
            if text in self.ours or often(text, made) > often(text, base)
        )

    def _failing(self, terms: Terms) -> dict[Term, Evaluation]:
        """Which of our terms have senders that do not pass, each with what one of them gets."""
        found: dict[Term, Evaluation] = {}
        for term in self.terms:
            checks = self._checks_of_include if term.name == "include" else self._check_of_address
            seen = next((each for each in checks(term, terms) if each.result != "pass"), None)
            if seen is not None:
                found[term] = seen
        return found

    def _check_of_address(self, term: Term, terms: Terms) -> Iterator[Evaluation]:
        yield self.receiver.check(term.rest[1:], terms)

    def _checks_of_include(self, term: Term, terms: Terms) -> Iterator[Evaluation]:
        """What those get who pass by an include alone."""
        reached = _before_all(terms)
        before = next((i for i, each in enumerate(reached) if each.same_as(term)), None)
        kind = all(each.qualifier in ("", "+") for each in reached[:before])
        whole = (self.receiver.check(each, terms) for each in (_STRANGER, _STRANGER_6))
        if before is not None and kind and not any(map(_error, whole)):
            return  # nothing before it makes anybody fail
        alone = (term, Term("-", "all", ""))
        there = self.receiver.check(_STRANGER, alone)
        every = {*self.receiver.samples(alone), *self.receiver.samples(terms)}
        theirs = [each for each in sorted(every) if self.receiver.passes(each, alone)]
        # Where nobody can be named, only the term itself says that they pass.
        if there.result == "temperror":
            yield there
        elif before is None and not theirs:
            yield self.receiver.check(_STRANGER, terms)
        yield from (self.receiver.check(each, terms) for each in theirs)

    def _judged(self, made: Terms, base: Terms) -> Merge:
        """A record, with what makes receivers refuse whom they took before, or give up at all."""
        seen = self.receiver.check(_STRANGER, made)
        problem, note, count = None, None, self._lookups(made)
        # What is asked for by the sender's address is not there for a stranger alone.
        another = self.receiver.check(_ANOTHER, made).voids
        voids = tuple(name for name in seen.voids if name in another)
        if count > LOOKUP_LIMIT:
            problem = Words.of("dns.spf.lookups", count=count)
        elif len(voids) > VOID_LIMIT:
            problem = Words.of("dns.spf.voids", count=len(voids), names=", ".join(voids))
        elif seen.result == "temperror":
            problem = _unknown(seen)
        else:
            note = self._broken(seen) if seen.result == "permerror" else None
            if any(term.name == "include" for term in self.terms):
                problem = self._lost(made, base)
        return Merge(TXT(spf.render(made)), problem=problem, note=note)

    def _lookups(self, terms: Terms) -> int:
        """How many lookups a record needs; what receivers give up at hides none behind it."""
        before = 0
        while True:
            seen = self.receiver.check(_STRANGER, terms)
            rest = tuple(each for each in terms if each.text != seen.term)
            if seen.result != "permerror" or not seen.reason or len(rest) == len(terms):
                return before + seen.lookups
            before += self.receiver.check(
                _STRANGER, tuple(t for t in terms if t not in rest)
            ).lookups
            terms = rest

    def _broken(self, seen: Evaluation) -> Words:
        """What receivers give up at that come so far; whoever passes before it does so still."""
        values = {"term": seen.term, "reason": seen.reason}
        if seen.term in self.wanted.terms:
            return Words.of("dns.spf.include", **values)
        return Words.of("dns.spf.broken", **values)

    def _lost(self, made: Terms, base: Terms) -> Words | None:
        """Whoever passed before and would not any more, or may have, for all that DNS says."""
        for address in (*self.receiver.samples(base), _STRANGER, _STRANGER_6):
            before = self.receiver.check(address, base)
            if before.result not in _MAY_PASS or self.receiver.passes(address, made):
                continue
            if before.result == "temperror":
                return _unknown(before)
            return Words.of("dns.spf.loses", address=address)
        return None


def _error(seen: Evaluation) -> bool:
    """Whether a receiver gives up."""
    return seen.result in ("permerror", "temperror")


def _trouble(seen: Iterable[Evaluation]) -> Evaluation | None:
    """The first that DNS gave no answer for."""
    return next((each for each in seen if each.result == "temperror"), None)


def _unknown(seen: Evaluation) -> Words:
    return Words.of("dns.spf.unknown", asked=seen.unanswered or seen.reason, term=seen.term)


def _unseen(seen: Evaluation) -> Words:
    return Words.of("dns.spf.unseen", asked=seen.unanswered or seen.reason)


def _not_passing(failing: dict[Term, Evaluation]) -> Words | None:
    for term, seen in failing.items():
        if seen.result == "temperror":
            return _unknown(seen)
        return Words.of("dns.spf.fails", term=term.text, result=seen.result)
    return None
