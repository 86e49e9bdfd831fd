"""Checks of what DNS says of a mail domain: MX, SPF, DKIM, DMARC, CAA."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dns_providers.rrset import MX, key, name_text
from ground.words import Words
from keys.dkim import KeyFormatError, public_from_data
from postmaster import dkim, dmarc
from postmaster import spf as spf_records
from postmaster.checks import caa, rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import MailServer
from postmaster.spf import address_term
from probes.world.caa import CaaView
from probes.world.dns import Answer, exchanges, texts
from probes.world.domain import DomainView
from probes.world.spf import SpfView


def unanswered(name: str) -> Judgement:
    """DNS gave no answer: nothing is known."""
    return unknown(Words.of("checks.dns.no_answer", name=name))


def _domains(seen: Seen) -> Iterator[tuple[Subject, DomainView]]:
    for view in seen.world.domains:
        yield subjects.of_domain(seen.server.domain(view.domain)), view


def cached(seen: Seen, owner: str, *rtypes: str) -> Judgement | None:
    """What to say where a record is published as it should be, and a resolver has the old one."""
    for rtype in rtypes:
        view = seen.cached(key(owner, rtype))
        if view is not None:
            remedy = Words.of("checks.cached_remedy", ttl=view.ttl)
            return warned(Words.of("checks.cached", record=view.key, count=view.right), remedy)
    return None


def mx(view: DomainView, seen: Seen) -> Judgement:
    """MX-07: mail for the domain comes to us, and to others only while we do not answer."""
    if not view.mx.outcome.known:
        return unanswered(view.mx.owner)
    names = exchanges(view.mx)
    if not names:
        remedy = _mx_remedy(view, seen)
        return cached(seen, view.domain, "MX") or failed(Words.of("checks.mx.none"), remedy)
    ours = set(seen.server.addresses)
    hosts, mute = ", ".join(names), [n for n, found in view.mx_addresses if found is None]
    foreign = [n for n, found in view.mx_addresses if found is not None and not set(found) & ours]
    if len(foreign) == len(names):
        wrong = Words.of("checks.mx.foreign", hosts=hosts)
        return _mx_cached(view, seen, foreign) or failed(wrong, _mx_remedy(view, seen))
    if mute:
        return unanswered(mute[0])
    if parted := _parted(view, seen):
        name, others = parted
        said = {"host": name, "others": ", ".join(others)}
        return failed(Words.of("checks.mx.parted", **said), Words.of("checks.mx.unpart", **said))
    if foreign and _asked_last(view, foreign):
        return passed(Words.of("checks.mx.backup", hosts=hosts, others=", ".join(foreign)))
    if foreign:
        mixed = Words.of("checks.mx.mixed", hosts=", ".join(foreign))
        return _mx_cached(view, seen, foreign) or warned(mixed, _mx_remedy(view, seen))
    return passed(Words.of("checks.mx.ours", hosts=hosts))


def _parted(view: DomainView, seen: Seen) -> tuple[str, list[str]] | None:
    """A host that leads to us and to somebody else, and the addresses that are not ours.

    Those of the mail host have a rule of their own.
    """
    ours = set(seen.server.addresses)
    for name, found in view.mx_addresses:
        others = sorted(set(found or ()) - ours)
        if others and len(others) < len(found or ()) and name != seen.server.mail_host:
            return name, others
    return None


def _asked_last(view: DomainView, hosts: list[str]) -> bool:
    """Whether all others come before these hosts of the domain (RFC 5321 section 5.1)."""
    there = [value for value in view.mx.values if isinstance(value, MX)]
    theirs = [value.preference for value in there if name_text(value.exchange) in hosts]
    first = min(value.preference for value in there)
    return first < min(theirs)


def _mx_cached(view: DomainView, seen: Seen, foreign: list[str]) -> Judgement | None:
    """Whether resolvers have an old MX, or the right one and an old address of it."""
    old = cached(seen, view.domain, "MX")
    if old is None and seen.server.mail_host in foreign:
        old = cached(seen, seen.server.mail_host, "A", "AAAA")
    return old


def _mx_remedy(view: DomainView, seen: Seen) -> Words:
    """What is missing: the MX record, or, where that is right, its name's address."""
    host = seen.server.mail_host
    if exchanges(view.mx) == (host,):
        addresses = ", ".join(seen.server.addresses)
        return Words.of("checks.mx.address_remedy", host=host, addresses=addresses)
    return Words.of("checks.mx.remedy", domain=view.domain, host=host)


def _senders(seen: Seen) -> Iterator[tuple[Subject, SpfView]]:
    """Each domain from each address; and the mail host, which bounces come from."""
    for view in seen.world.domains:
        for each in view.spf:
            yield (
                subjects.of_sender(seen.server.domain(view.domain), each.domain, each.address),
                each,
            )
    for each in seen.world.mail_host_spf:
        yield subjects.of_sender(seen.server.domains[0], each.domain, each.address), each


def spf(view: SpfView, seen: Seen) -> Judgement:
    """SPF-03: a receiver's SPF check passes for an address that we send from."""
    said = Words.of("checks.spf.result", result=view.result, ehlo=view.ehlo, reason=view.reason)
    if view.result == "pass":
        return passed(said)
    if view.result == "temperror":
        return unknown(said)
    if old := cached(seen, view.domain, "TXT"):
        return old
    if seen.published(key(view.domain, "TXT")):
        return failed(said, Words.of("checks.spf.other_remedy", domain=view.domain))
    values = {"domain": view.domain, "term": address_term(view.address)}
    if view.result == "permerror":
        return failed(said, Words.of("checks.spf.error_remedy", **values))
    return failed(said, Words.of("checks.spf.remedy", **values))


def _includes(seen: Seen) -> Iterator[tuple[Subject, Answer]]:
    for answer in seen.world.spf_includes:
        yield subjects.of_include(answer.owner), answer


def spf_include(answer: Answer, _: Seen) -> Judgement:
    """SPF-07: a domain that our SPF includes has one SPF record; else ours is an error."""
    if not answer.outcome.known:
        return unanswered(answer.owner)
    found = [value for value in answer.values if spf_records.is_spf(value)]
    seen = Words.of("checks.spf.include", count=len(found))
    if len(found) == 1:
        return passed(seen)
    return failed(seen, Words.of("checks.spf.include_remedy", name=answer.owner))


def _dmarc_records(seen: Seen) -> Iterator[tuple[Subject, DomainView]]:
    for view in seen.world.domains:
        yield (
            subjects.of_record(dmarc.owner(view.domain), "TXT", seen.server.domain(view.domain)),
            view,
        )


def _dmarc_found(view: DomainView) -> list[bytes]:
    return dmarc.found_in(view.dmarc.values)


def _dmarc_above(view: DomainView) -> Judgement | None:
    """What to say of a domain that has no record, and the name above it that has one."""
    for answer in view.dmarc_above:
        if not answer.outcome.known:
            return unanswered(answer.owner)
        if record := dmarc.only_record(answer.values):
            said = {"above": answer.owner, "policy": record.for_subdomains}
            return passed(Words.of("checks.dmarc.above", **said))
    return None


def _dmarc_remedy(view: DomainView, server: MailServer) -> Words:
    wanted = dmarc.build(server.dmarc_policy, server.dmarc_reports_to(view.domain))
    record = wanted.data.decode("ascii")
    return Words.of("checks.dmarc.remedy", owner=dmarc.owner(view.domain), record=record)


def one_dmarc_record(view: DomainView, seen: Seen) -> Judgement:
    """DMARC-01: there is exactly one record, at the domain or at the organisation's name."""
    if not view.dmarc.outcome.known:
        return unanswered(view.dmarc.owner)
    count = len(_dmarc_found(view))
    words = Words.of("checks.dmarc.count", count=count)
    if count == 1:
        return passed(words)
    if count == 0 and (above := _dmarc_above(view)):
        return above
    old = cached(seen, dmarc.owner(view.domain), "TXT")
    return old or failed(words, _dmarc_remedy(view, seen.server))


def dmarc_syntax(view: DomainView, seen: Seen) -> Judgement:
    """DMARC-02: the record parses."""
    found = _dmarc_found(view)
    if len(found) != 1:  # a resolver still has what was there before
        return one_dmarc_record(view, seen)
    try:
        policy = dmarc.parse(found[0]).policy
    except dmarc.DmarcSyntaxError as error:
        wrong = Words.of("checks.dmarc.syntax", tag=str(error))
        old = cached(seen, dmarc.owner(view.domain), "TXT")
        return old or failed(wrong, _dmarc_remedy(view, seen.server))
    return passed(Words.of("checks.dmarc.policy", policy=policy))


def _dkim_records(seen: Seen) -> Iterator[tuple[Subject, tuple[SigningKey, Answer]]]:
    keys = mode_of(seen.server).signing_keys(seen.server)
    for signing, answer in zip(keys, seen.world.dkim, strict=True):
        owner = dkim.owner(signing.selector, signing.domain)
        subject = subjects.of_record(owner, "TXT", seen.server.domain(signing.domain))
        yield subject, (signing, answer)


def dkim_key(published: tuple[SigningKey, Answer], seen: Seen) -> Judgement:
    """DKIM-06: the published key is the one that the server signs with."""
    signing, answer = published
    owner = dkim.owner(signing.selector, signing.domain)
    key_data = dict(seen.host.dkim).get(owner)
    if not seen.host.reached or key_data is None:
        return unknown(Words.of("checks.dkim.host_unseen"))
    if not answer.outcome.known:
        return unanswered(answer.owner)
    on_host = public_from_data(key_data)
    remedy = Words.of("checks.dkim.remedy", owner=owner, record=on_host.record)
    stored = seen.stored.get((signing.domain, signing.selector))
    same = stored is not None and stored.fingerprint == on_host.fingerprint
    old = cached(seen, owner, "TXT") if same else None
    records = texts(answer)
    if len(records) != 1:
        return old or failed(Words.of("checks.dkim.count", count=len(records)), remedy)
    try:
        in_dns = public_from_data(dkim.public_data(records[0]))
    except (dkim.DkimSyntaxError, KeyFormatError) as error:
        return old or failed(Words.of("checks.dkim.syntax", reason=str(error)), remedy)
    short = on_host.fingerprint[:16]
    if in_dns.fingerprint != on_host.fingerprint:
        if old:
            return old
        if stored is not None and stored.fingerprint == in_dns.fingerprint:
            remedy = Words.of("checks.dkim.deploy")
        different = Words.of("checks.dkim.different", dns=in_dns.fingerprint[:16], host=short)
        return failed(different, remedy)
    return passed(Words.of("checks.dkim.same", fingerprint=short, bits=in_dns.bits))


def _caa(seen: Seen) -> Iterator[tuple[Subject, CaaView | None]]:
    for each in caa.sets_of(seen.world.caa) or (None,):
        yield subjects.of_host(seen.server), each


def authority(view: CaaView | None, seen: Seen) -> Judgement:
    """CAA-01: DNS lets the chosen authority renew the certificate."""
    return caa.judge(view, seen.server)


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.MX_07, _domains, mx),
    Check(rules.SPF_03, _senders, spf),
    Check(rules.SPF_07, _includes, spf_include),
    Check(rules.DMARC_01, _dmarc_records, one_dmarc_record),
    Check(rules.DMARC_02, _dmarc_records, dmarc_syntax),
    Check(rules.DKIM_06, _dkim_records, dkim_key),
    Check(rules.CAA_01, _caa, authority),
)
