"""Checks of what others think of the addresses and domains: block lists, registries."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from dns_providers.publishing.public_suffix import organizational
from ground.words import Words
from postmaster import block_lists, registries
from postmaster.block_lists import Listing, Meaning
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, skipped, unknown, warned
from postmaster.checks.rules import Rule
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.outbound import mode_of
from probes.world.rdap import Registration

_YOUNG, _VERY_YOUNG = timedelta(days=42), timedelta(days=14)
_ENDS = timedelta(days=30)
# EPP's words (RFC 5731 section 2.3) as RDAP has them (RFC 8056).
_HELD = frozenset({"client hold", "server hold", "redemption period", "pending delete"})


def _listings(rule: Rule, seen: Seen) -> Iterator[tuple[Subject, Listing | None]]:
    """Each list of a rule, asked of each thing; or the lists that were not to be asked."""
    names = [name for name, each in block_lists.known().items() if each.rule == rule.id]
    asked = [each for each in seen.listings if each.lookup.list in names]
    for each in asked:
        yield subjects.of_listing(each.lookup.subject, each.lookup.list), each
    if not asked:
        yield subjects.of_listing("-", ", ".join(names)), None


def listed(listing: Listing | None, seen: Seen) -> Judgement:
    """BL-01 to BL-07: an address or a domain is on no block list that can be believed."""
    if listing is None:
        return skipped(Words.of("reputation.not_asked"))
    each = block_lists.known()[listing.lookup.list]
    if listing.lookup.names is None:
        return unknown(Words.of("reputation.no_key", variable=each.key), required=False)
    codes = ", ".join(listing.codes or ()) or "-"
    match block_lists.meaning(each, listing.codes, listing.test_listed, listing.test_unlisted):
        case Meaning.CLEAN:
            return passed(Words.of("reputation.clean"))
        case Meaning.REFUSED:
            return unknown(_refused(each.key, codes), required=False)
        case Meaning.ODD:
            return unknown(Words.of("reputation.odd", codes=codes), required=False)
        case Meaning.DEAF:
            return unknown(Words.of("reputation.deaf"), required=False)
        case said:
            judged = failed if said is Meaning.LISTED else warned
            page = {"page": each.page, "subject": listing.lookup.subject}
            remedy = Words.of("reputation.listed_remedy", **page)
            return judged(Words.of("reputation.listed", codes=codes), remedy)


def _refused(key: str, codes: str) -> Words:
    if key:
        return Words.of("reputation.refused_key", variable=key)
    return Words.of("reputation.refused", codes=codes)


def _sources(seen: Seen) -> Iterator[tuple[Subject, str]]:
    """Each address that the host sends from."""
    found = seen.bare.fitness.sources if seen.bare else ()
    for address, _ in found:
        yield subjects.of_address(address), address
    if not found:
        yield subjects.of_address(seen.server.ipv4), ""


def own_way_out(source: str, seen: Seen) -> Judgement:
    """BL-08: the host sends from the addresses that the inventory has, and DNS knows.

    Private ones are turned into the public one on the way. Postfix keeps to what it is told.
    """
    if not source:
        return unknown(Words.of("reputation.no_source"), required=False)
    address, server = ipaddress.ip_address(source), seen.server
    if address in map(ipaddress.ip_address, server.addresses):
        return passed(Words.of("reputation.own_source"))
    if not address.is_global:
        return passed(Words.of("reputation.private_source", source=source))
    known = ", ".join(server.addresses)
    remedy = Words.of("reputation.source_remedy", source=source, known=known)
    if address.version == 6 and server.ipv6 is None:
        if mode_of(server).relayed:
            return passed(Words.of("reputation.ipv4_only", source=source))
        return warned(Words.of("reputation.other_source", source=source), remedy)
    return failed(Words.of("reputation.other_source", source=source), remedy)


# -- domains -----------------------------------------------------------------------------------


def _domains(seen: Seen) -> Iterator[tuple[Subject, Registration | None]]:
    known = {each.domain: each for each in seen.registrations}
    for domain in seen.server.domains:
        yield subjects.of_domain(domain), known.get(organizational(domain.name))


def _unknown(found: Registration | None) -> Judgement:
    reason = found.reason if found and found.reason else "-"
    return unknown(Words.of("reputation.unregistered", reason=reason), required=False)


def age(found: Registration | None, seen: Seen) -> Judgement:
    """DOM-01: the domain is not so new that receivers distrust it."""
    if found is None or found.registered is None:
        return _unknown(found)
    old = seen.now - found.registered
    words = Words.of("reputation.age", days=old.days, since=f"{found.registered:%Y-%m-%d}")
    if old < _VERY_YOUNG:
        return warned(words, Words.of("reputation.very_young"))
    return warned(words, Words.of("reputation.young")) if old < _YOUNG else passed(words)


def state(found: Registration | None, seen: Seen) -> Judgement:
    """DOM-02: the domain is not held, and does not end soon."""
    if found is None or found.reason:
        return _unknown(found)
    held = [each for each in found.status if each.lower() in _HELD]
    if held:
        said = Words.of("reputation.held", status=", ".join(held))
        return failed(said, Words.of("reputation.held_remedy", domain=found.domain))
    if found.expires is None:
        return _unknown(found)
    left = found.expires - seen.now
    words = Words.of("reputation.ends", days=left.days, until=f"{found.expires:%Y-%m-%d}")
    remedy = Words.of("reputation.renew", domain=found.domain)
    if left < timedelta(0):
        return failed(words, remedy)
    return warned(words, remedy) if left < _ENDS else passed(words)


def _endings(seen: Seen) -> Iterator[tuple[Subject, str]]:
    for domain in seen.server.domains:
        yield subjects.of_domain(domain), registries.top_level(domain.name)


def trusted_ending(top: str, _: Seen) -> Judgement:
    """DOM-03: the top level domain is not one that receivers distrust."""
    table = registries.known()
    count = table.phishing.get(top)
    if count is not None and count >= table.too_many:
        values = {"top": top, "count": f"{count:g}", "counted": table.counted}
        return warned(Words.of("reputation.phishing", **values), Words.of("reputation.ending"))
    if who := table.distrusted.get(top):
        said = Words.of("reputation.distrusted", top=top, who=who)
        return warned(said, Words.of("reputation.ending"))
    if count is None:
        return passed(Words.of("reputation.uncounted", top=top))
    values = {"top": top, "count": f"{count:g}", "counted": table.counted}
    return passed(Words.of("reputation.few", **values))


def _of(rule: Rule) -> Callable[[Seen], Iterator[tuple[Subject, Listing | None]]]:
    return partial(_listings, rule)


_LISTS = (
    rules.BL_01,
    rules.BL_02,
    rules.BL_03,
    rules.BL_04,
    rules.BL_05,
    rules.BL_06,
    rules.BL_07,
)
CHECKS: tuple[Check[Seen, Any], ...] = (
    *(Check(rule, _of(rule), listed) for rule in _LISTS),
    Check(rules.BL_08, _sources, own_way_out),
    Check(rules.DOM_01, _domains, age),
    Check(rules.DOM_02, _domains, state),
    Check(rules.DOM_03, _endings, trusted_ending),
)
