"""Checks of SPF (RFC 7208): the record, where it leads, and what a receiver makes of our mail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dns_providers.rrset import TXT, key
from ground.words import Words, family, text
from postmaster import pasted, spf, spf_lint
from postmaster.checks import rules, subjects
from postmaster.checks.entries import host_of
from postmaster.checks.old_answers import cached
from postmaster.checks.results import Judgement, Status, failed, passed, skipped, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public
from postmaster.checks.subjects import Subject
from postmaster.pasted import Mishap
from postmaster.spf import Term
from probes.world.dns import Answer, texts
from probes.world.spf import SpfView
from probes.world.spf_site import SpfSite

LOOKUPS_MOST, LOOKUPS_MANY, VOIDS_MOST = 10, 8, 2  # RFC 7208 section 4.6.4
_MISHAP = family("mishap", Mishap)


def mishap_said(found: Iterable[Mishap]) -> str:
    """Return what has happened to a record's text, the first of it, in words."""
    return next((text(_MISHAP[each]) for each in found), "-")


def _unanswered(name: str) -> Judgement:
    return unknown(Words.of("checks.dns.no_answer", name=name))


def _sites(seen: Public) -> Iterator[tuple[Subject, SpfSite]]:
    """Each domain, and the mail host where it has something: whether it has is for SPF-14."""
    for view in seen.domains:
        if view.spf_site is not None:
            yield subjects.of_policy(view.domain, seen.zone(view), view.domain), view.spf_site
    site = seen.mail_host_site
    if site is not None and (_records(site) or any(map(spf_lint.is_meant, texts(site.texts)))):
        first = seen.domains[0]
        yield subjects.of_policy(site.name, seen.zone(first), first.domain), site


def _records(site: SpfSite) -> list[bytes]:
    return [each for each in texts(site.texts) if spf.is_spf(TXT(each))]


def _terms(site: SpfSite) -> tuple[Term, ...]:
    """The terms of a record that is known to be one, and valid."""
    return spf.parse(_records(site)[0])


def _wanted(seen: Public) -> tuple[str, ...]:
    """What a record should have; of a domain that is nobody's of ours, its MX hosts."""
    server = seen.server
    return spf.our_terms(server.addresses, server.spf_include) if server else ("mx",)


def _fresh(seen: Public) -> str:
    """The record for a name that has none."""
    end = seen.server.spf_all if seen.server else "~all"
    return spf.fresh(_wanted(seen), end).data.decode("ascii")


def _entry(name: str, record: str, seen: Public) -> dict[str, str]:
    return {"name": name, "host": host_of(name, seen), "record": record}


def _mended(site: SpfSite, seen: Public) -> Words:
    """The record with all that the rules want of it: whatever is wrong, there is one to publish."""
    terms = _terms(site)
    gone = _unwanted(site, seen)
    front = [_term(view) for view in _failing(site, seen)]
    front += spf.parse(" ".join(("v=spf1", *_wanted(seen))).encode()) if gone else ()
    first = [t for at, t in enumerate(front) if not any(map(t.same_as, front[:at]))]
    rest = [t for t in terms if not t.ends and t not in gone and not any(map(t.same_as, first))]
    end = spf_lint.ending(terms)
    (soft,) = spf.parse(b"v=spf1 ~all")
    if end is None or (end.ends and end.qualifier in ("", "+", "?")):
        end = soft
    kept = [t for t in rest if not (end.ends and t.is_modifier and t.name == "redirect")]
    record = spf.render((*first, *kept, *((end,) if end.ends else ()))).decode("ascii")
    wide = any(each in gone for each in terms)
    values = _entry(site.name, record, seen)
    return Words.of("spf.replace_own" if wide else "spf.replace", **values)


def _unwanted(site: SpfSite, seen: Public) -> tuple[Term, ...]:
    """Terms that let others pass, or that ask in vain."""
    terms = _terms(site)
    open_ones = {each.term for each in site.strangers if each.result == "pass"}
    foreign = {term.lower() for term, _ in _foreign(site, seen)}
    others = (*spf_lint.by_name(terms), *spf_lint.too_wide(terms))
    return tuple(
        t
        for t in terms
        if not t.ends and (t in others or t.text in open_ones or t.text.lower() in foreign)
    )


def _failing(site: SpfSite, seen: Public) -> list[SpfView]:
    """Senders of the name that do not pass."""
    views = (each for view in seen.domains for each in view.spf)
    every = (*views, *seen.mail_host_spf)
    bad = ("fail", "softfail", "neutral")
    return [each for each in every if each.domain == site.name and each.result in bad]


def _old(site: SpfSite, seen: Public) -> Judgement | None:
    """What to say where the record is published, and a resolver still has the one of before."""
    return cached(seen, site.name, "TXT")


Judge = Callable[[SpfSite, Public], Judgement]


def _is_one(site: SpfSite) -> bool:
    return len(_records(site)) == 1


def _is_valid(site: SpfSite) -> bool:
    return _is_one(site) and spf_lint.mistake(_records(site)[0]) is None


def _of(judge: Judge, readable: Callable[[SpfSite], bool] = lambda _: True) -> Judge:
    """A judgement of a record that can be read, and that is no old one which a cache still has."""

    def judged(site: SpfSite, seen: Public) -> Judgement:
        old = _old(site, seen)
        if not readable(site):
            return old or skipped(Words.of("spf.unread"))
        found = judge(site, seen)
        return old if old and found.status is Status.FAIL else found

    return judged


# -- the record ------------------------------------------------------------------------------------


def one_record(site: SpfSite, seen: Public) -> Judgement:
    """SPF-01: the name has exactly one record (RFC 7208 section 3.2, 4.5)."""
    if not site.texts.outcome.known:
        return _unanswered(site.name)
    records, wanted = _records(site), _wanted(seen)
    if len(records) == 1:
        return passed(Words.of("spf.one", record=pasted.decoded(records[0])))
    if records:
        several = Words.of("spf.several", count=len(records))
        merged = spf_lint.merged(records, wanted)
        if merged is None:
            return failed(several, Words.of("spf.keep_one", name=site.name))
        return failed(several, Words.of("spf.merge", **_entry(site.name, merged, seen)))
    meant = [each for each in texts(site.texts) if spf_lint.is_meant(each)]
    record = _fresh(seen)
    if meant:
        there = pasted.decoded(meant[0])
        unseen = Words.of("spf.unrecognised", record=there, why=mishap_said(pasted.mishaps(there)))
        record = spf_lint.repaired(meant[0]) or record
        return failed(unseen, Words.of("spf.replace", **_entry(site.name, record, seen)))
    return failed(Words.of("spf.none"), Words.of("spf.publish", **_entry(site.name, record, seen)))


def joints(site: SpfSite, seen: Public) -> Judgement:
    """SPF-11: no term runs into the next where two strings are joined (RFC 7208 section 3.3)."""
    data = _records(site)[0]
    apart = spf_lint.unglued(data)
    if apart is None:
        return passed(Words.of("spf.apart"))
    record = spf_lint.repaired(data) or apart
    glued = Words.of("spf.glued", record=pasted.decoded(data))
    return failed(glued, Words.of("spf.space_inside", **_entry(site.name, record, seen)))


def syntax(site: SpfSite, seen: Public) -> Judgement:
    """SPF-02: the record is valid; else nobody passes (RFC 7208 section 4.6)."""
    data = _records(site)[0]
    wrong = spf_lint.mistake(data)
    if wrong is None and (unread := spf_lint.ignored(spf.parse(data))):
        said = Words.of("spf.ignored", terms=" ".join(term.text for term in unread))
        better = spf_lint.repaired(data) or _fresh(seen)
        return warned(said, Words.of("spf.replace", **_entry(site.name, better, seen)))
    if wrong is None:
        return passed(Words.of("spf.valid"))
    shown = pasted.decoded(data)
    column = shown.find(wrong.at) + 1
    why = mishap_said(wrong.mishaps)
    said = Words.of("spf.invalid", term=wrong.at, column=max(column, 1), why=why)
    record = wrong.record or _fresh(seen)
    return failed(said, Words.of("spf.replace", **_entry(site.name, record, seen)))


# -- what receivers make of it -----------------------------------------------------------------


def _senders(seen: Public) -> Iterator[tuple[Subject, SpfView]]:
    """Each domain from each address."""
    for view in seen.domains:
        for each in view.spf:
            zone = seen.zone(view)
            yield subjects.sender_of(each.domain, each.address, zone, view.domain), each


def _greetings(seen: Public) -> Iterator[tuple[Subject, SpfView]]:
    """The name that bounces come from, from each address."""
    for each in seen.mail_host_spf:
        first = seen.domains[0]
        zone = seen.zone(first)
        yield subjects.sender_of(each.domain, each.address, zone, first.domain), each


def _site(name: str, seen: Public) -> SpfSite | None:
    return next((site for _, site in _sites(seen) if site.name == name), None)


def sender(view: SpfView, seen: Public) -> Judgement:
    """SPF-03: a receiver's SPF check passes for an address that we send from."""
    said = Words.of("checks.spf.result", result=view.result, ehlo=view.ehlo, reason=view.reason)
    if view.result == "pass":
        return passed(said)
    if view.result == "temperror":
        return unknown(said)
    record = key(view.domain, "TXT")
    if old := cached(seen, view.domain, "TXT"):
        return old
    with_term = _with_term(view, seen)
    if with_term and view.result != "permerror" and _lacks_term(view, seen):
        return failed(said, with_term)
    if seen.published(record):
        return failed(said, Words.of("checks.spf.other_remedy", domain=view.domain))
    values = {"domain": view.domain, "term": spf.address_term(view.address)}
    if view.result == "permerror":
        return failed(said, Words.of("checks.spf.error_remedy", **values))
    return failed(said, with_term or Words.of("checks.spf.remedy", **values))


def _term(view: SpfView) -> Term:
    (term,) = spf.parse(f"v=spf1 {spf.address_term(view.address)}".encode())
    return term


def _lacks_term(view: SpfView, seen: Public) -> bool:
    site = _site(view.domain, seen)
    return site is not None and not any(map(_term(view).same_as, _terms(site)))


def _with_term(view: SpfView, seen: Public) -> Words | None:
    """The record with a sender's address in front, where there is a record to put it into."""
    site = _site(view.domain, seen)
    return _mended(site, seen) if site is not None and _is_valid(site) else None


def greeting(view: SpfView, seen: Public) -> Judgement:
    """SPF-14: the name that receivers are greeted with passes, too: bounces are judged by it."""
    if view.result != "none":
        return sender(view, seen)
    said = Words.of("checks.spf.result", result=view.result, ehlo=view.ehlo, reason=view.reason)
    record = _fresh(seen)
    return warned(said, Words.of("spf.publish", **_entry(view.domain, record, seen)))


def _trouble(site: SpfSite) -> Judgement | None:
    """What to say where a receiver would try again later."""
    for each in site.strangers:
        if each.result == "temperror":
            return _unanswered(each.unanswered or site.name)
    return None if site.strangers else _unanswered(site.name)


def strangers(site: SpfSite, seen: Public) -> Judgement:
    """SPF-04: not everybody passes."""
    if any(each.result == "pass" for each in site.strangers):
        passing = next(each for each in site.strangers if each.result == "pass")
        said = Words.of("spf.everybody", term=passing.term)
        return failed(said, _mended(site, seen))
    return _trouble(site) or passed(Words.of("spf.not_everybody"))


def lookups(site: SpfSite, seen: Public) -> Judgement:
    """SPF-05: no more terms ask DNS than receivers allow (RFC 7208 section 4.6.4)."""
    count = max((each.lookups for each in site.strangers), default=0)
    said = Words.of("spf.lookups", count=count, most=LOOKUPS_MOST)
    if count <= LOOKUPS_MANY - 1:
        return _trouble(site) or passed(said)
    asking = [t.text for t in _terms(site) if t.name in ("a", "mx", "ptr", "exists", "include")]
    remedy = Words.of("spf.fewer_lookups", name=site.name, terms=" ".join(asking) or "redirect=")
    return failed(said, remedy) if count > LOOKUPS_MOST else warned(said, remedy)


def voids(site: SpfSite, seen: Public) -> Judgement:
    """SPF-06: what the record asks for is there (RFC 7208 section 4.6.4)."""
    names = _void_names(site)
    if not names:
        return _trouble(site) or passed(Words.of("spf.no_voids"))
    said = Words.of("spf.voids", count=len(names), names=", ".join(names))
    remedy = Words.of("spf.remove_void", name=site.name, names=", ".join(names))
    return failed(said, remedy) if len(names) > VOIDS_MOST else warned(said, remedy)


def _void_names(site: SpfSite) -> tuple[str, ...]:
    """What is asked for in vain whoever sends; of each family on its own, the longer list."""
    found: dict[int, list[set[str]]] = {}
    order: list[str] = []
    for stranger in site.strangers:
        family = 6 if ":" in stranger.address else 4
        found.setdefault(family, []).append(set(stranger.voids))
        order += stranger.voids
    common = [set.intersection(*sets) for sets in found.values()]
    longest: set[str] = max(common, key=len, default=set())
    return tuple(name for name in dict.fromkeys(order) if name in longest)


def _includes(seen: Public) -> Iterator[tuple[Subject, Answer]]:
    """Each domain that a record, or the setting spf_include, leads to."""
    every = [*seen.spf_includes]
    for _, site in _sites(seen):
        every += site.targets
    for answer in {each.owner: each for each in reversed(every)}.values():
        yield subjects.of_include(answer.owner), answer


def include(answer: Answer, seen: Public) -> Judgement:
    """SPF-07: a domain that our SPF leads to has one SPF record; else ours is an error."""
    if not answer.outcome.known:
        return _unanswered(answer.owner)
    found = [value for value in answer.values if spf.is_spf(value)]
    said = Words.of("checks.spf.include", count=len(found))
    if len(found) == 1:
        return passed(said)
    if seen.server and answer.owner in seen.server.spf_include:
        return failed(said, Words.of("checks.spf.include_remedy", name=answer.owner))
    sites = (site for _, site in _sites(seen))
    holders = ", ".join(e.name for e in sites for t in e.targets if t.owner == answer.owner)
    return failed(said, Words.of("spf.wrong_target", name=answer.owner, domains=holders))


# -- advice ----------------------------------------------------------------------------------------


def ending(site: SpfSite, seen: Public) -> Judgement:
    """SPF-08: the record says what becomes of all others, at its end."""
    terms = _terms(site)
    end = spf_lint.ending(terms)
    lost = spf_lint.unreached(terms)
    if end is None or (end.ends and end.qualifier == "?"):
        said = Words.of("spf.open_end", end=end.text if end else "-")
        return warned(said, _mended(site, seen))
    if lost:
        said = Words.of("spf.unreached", terms=" ".join(term.text for term in lost))
        return warned(said, _mended(site, seen))
    return passed(Words.of("spf.end", end=end.text))


def by_name(site: SpfSite, seen: Public) -> Judgement:
    """SPF-09: nothing goes by the sender's PTR name (RFC 7208 section 5.5)."""
    found = spf_lint.by_name(_terms(site))
    if not found:
        return passed(Words.of("spf.no_ptr"))
    said = Words.of("spf.ptr", terms=" ".join(t.text for t in found))
    return warned(said, _mended(site, seen))


def size(site: SpfSite, seen: Public) -> Judgement:
    """SPF-10: the record, and all TXT records of the name, fit into an answer by UDP."""
    record, every = len(_records(site)[0]), texts(site.texts)
    answer = spf_lint.answer_size(every, site.name)
    said = Words.of("spf.size", record=record, answer=answer)
    if record > spf_lint.LENGTH_ADVISED:
        most = spf_lint.LENGTH_MOST if record > spf_lint.LENGTH_MOST else spf_lint.LENGTH_ADVISED
        return warned(said, Words.of("spf.shorter", name=site.name, most=most))
    if answer > spf_lint.ANSWER_MOST:
        return warned(said, Words.of("spf.fewer_texts", name=site.name, most=spf_lint.ANSWER_MOST))
    return passed(said)


def obsolete(site: SpfSite, seen: Public) -> Judgement:
    """SPF-12: nothing is left of SPF records of type 99 and of Sender ID (RFC 7208 section 3.1)."""
    if not site.texts.outcome.known:
        return _unanswered(site.name)
    kinds = ["SPF"] if site.obsolete.values else []
    kinds += ["TXT spf2.0"] if any(map(spf_lint.is_sender_id, texts(site.texts))) else []
    if not kinds:
        return passed(Words.of("spf.nothing_obsolete"))
    found = ", ".join(kinds)
    return warned(
        Words.of("spf.obsolete", kinds=found),
        Words.of("spf.delete", name=site.name, host=host_of(site.name, seen), kinds=found),
    )


def foreign_hosts(site: SpfSite, seen: Public) -> Judgement:
    """SPF-13: `a` and `mx` lead to our addresses, and to nobody else's."""
    if site.hosts and seen.server is None:
        return skipped(Words.of("spf.no_addresses"))
    wrong = _foreign(site, seen)
    if wrong:
        term, others = wrong[0]
        said = Words.of("spf.foreign", term=term, addresses=", ".join(others))
        return warned(said, _mended(site, seen))
    if mute := next((term for term, found in site.hosts if found is None), None):
        return _unanswered(mute)
    return passed(Words.of("spf.own_hosts"))


def _foreign(site: SpfSite, seen: Public) -> list[tuple[str, list[str]]]:
    """Terms that lead to others' addresses, and to which."""
    if seen.server is None:
        return []
    ours = set(seen.server.addresses)
    found = [(term, sorted(set(there or ()) - ours)) for term, there in site.hosts]
    return [(term, others) for term, others in found if others]


def width(site: SpfSite, seen: Public) -> Judgement:
    """SPF-16: no term lets a whole provider's network pass."""
    found = spf_lint.too_wide(_terms(site))
    if not found:
        return passed(Words.of("spf.narrow"))
    said = Words.of("spf.wide", terms=" ".join(t.text for t in found))
    return warned(said, _mended(site, seen))


CHECKS: tuple[Check[Public, Any], ...] = (
    Check(rules.SPF_01, _sites, _of(one_record)),
    Check(rules.SPF_11, _sites, _of(joints, _is_one)),
    Check(rules.SPF_02, _sites, _of(syntax, _is_one)),
    Check(rules.SPF_03, _senders, sender),
    Check(rules.SPF_04, _sites, _of(strangers, _is_valid)),
    Check(rules.SPF_05, _sites, _of(lookups, _is_valid)),
    Check(rules.SPF_06, _sites, _of(voids, _is_valid)),
    Check(rules.SPF_07, _includes, include),
    Check(rules.SPF_08, _sites, _of(ending, _is_valid)),
    Check(rules.SPF_09, _sites, _of(by_name, _is_valid)),
    Check(rules.SPF_10, _sites, _of(size, _is_valid)),
    Check(rules.SPF_12, _sites, _of(obsolete)),
    Check(rules.SPF_13, _sites, _of(foreign_hosts, _is_valid)),
    Check(rules.SPF_14, _greetings, greeting),
    Check(rules.SPF_16, _sites, _of(width, _is_valid)),
)
