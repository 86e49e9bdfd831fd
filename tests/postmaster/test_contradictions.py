"""No report contradicts itself, whatever name servers, caches and resolvers show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns_providers.rrset import MX, TXT, RRKey, Value, key, owner_name
from ground.words import Words
from postmaster import dkim
from postmaster.checks import subjects
from postmaster.checks.results import Result, Status, failed, passed, skipped, unknown
from postmaster.checks.rules import DKIM_06, MX_07, NET_02, PROP_01, PROP_03, SPF_03, TLS_03
from postmaster.checks.seen import RecordView, ResolverView, Seen, ZoneView
from postmaster.outbound import mode_of
from probes.world.dkim import KeySite
from probes.world.dmarc import Destination, DmarcSite
from probes.world.dns import Answer, Outcome
from probes.world.spf import SpfView
from probes.world.tcp import Reach
from tests.postmaster.contradictions import contradictions
from tests.postmaster.full_view import (
    ADDRESSES,
    ALL_MODES,
    PUBLIC,
    RESOLVERS,
    found,
    good,
    server,
    with_port,
    with_world,
)
from tests.postmaster.test_worlds import CASES
from tests.postmaster.worlds.case import Case

SERVERS = {mode: server(mode) for mode in ALL_MODES}
RIGHT = {mode: good(there) for mode, there in SERVERS.items()}
OLD: Mapping[str, Value] = {
    "MX": MX(5, owner_name("mx.old.test")),
    "TXT": TXT(b"v=spf1 ip4:192.0.2.1 -all"),
}
OLD_DMARC, OLD_KEY = TXT(b"v=DMARC1; p=reject;; x"), TXT(b"v=DKIM1; p=")


def _policy(name: str) -> TXT:
    return TXT(f"v=DMARC1; p=none; rua=mailto:dmarc@{name}".encode())


class Written(StrEnum):
    """What of a record is at the authoritative servers."""

    WANTED = "as the inventory wants it"
    OUTDATED = "as we wrote it, and the inventory wants another since"
    LATE = "one server has what was there before"


class Cache(StrEnum):
    """What a resolver has."""

    FRESH = "what the servers have"
    OLD = "another value from before"
    NONE = "that there was nothing before"
    DEAD = "no answer"


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the value that is wanted, another one, and how it is written."""

    key: RRKey
    right: Value
    old: Value
    written: Written


def records(mode: str, draw: Any) -> list[Record]:
    """Each record of a server that a rule is about, in some state."""
    there, found_records = SERVERS[mode], []
    keys = mode_of(there).signing_keys(there)
    for domain in there.domains:
        name = domain.name
        found_records += [
            (key(name, "MX"), MX(10, owner_name(there.mail_host)), OLD["MX"]),
            (key(name, "TXT"), TXT(b"v=spf1 ip4:8.8.8.8 ~all"), OLD["TXT"]),
            (key(f"_dmarc.{name}", "TXT"), _policy(name), OLD_DMARC),
        ]
    for each in keys:
        owner = dkim.owner(each.selector, each.domain)
        found_records.append((key(owner, "TXT"), TXT(PUBLIC.record.encode()), OLD_KEY))
    state = st.sampled_from(Written)
    return [Record(*each, draw(state)) for each in found_records]


@st.composite
def worlds(draw: Any) -> Seen:
    """All that is seen of a server, as name servers and resolvers of one world would show it."""
    mode = draw(st.sampled_from(ALL_MODES))
    every = records(mode, draw)
    # A resolver is dead for all, or has each record of some time.
    alive = {each: draw(st.booleans()) for each in RESOLVERS}
    caches = {
        (where, record.key): draw(st.sampled_from((Cache.FRESH, Cache.OLD, Cache.NONE)))
        if alive[where]
        else Cache.DEAD
        for where in RESOLVERS
        for record in every
    }
    first = next((where for where in RESOLVERS if alive[where]), RESOLVERS[-1])
    seen = RIGHT[mode]
    shown = {each.key: _shown(each, caches[first, each.key]) for each in every}
    seen = _with_answers(seen, shown)
    seen = replace(seen, zones=tuple(_zone(seen, zone, every, caches) for zone in _zones(seen)))
    for port in (465, 993, 443):
        if draw(st.booleans()):
            seen = with_port(seen, port, reach=Reach.REFUSED, certificate=None)
    if draw(st.booleans()):
        smtp = replace(seen.world.smtp, reach=Reach.TIMEOUT, banner="", tls=None)
        seen = with_world(seen, smtp=smtp)
    return seen


def _zones(seen: Seen) -> list[str]:
    return [each.zone for each in seen.server.domains]


def _shown(record: Record, cache: Cache) -> Answer:
    """What a resolver says of a record."""
    value = {
        Cache.FRESH: record.right if record.written is Written.WANTED else record.old,
        Cache.OLD: record.old,
    }.get(cache)
    owner = record.key.owner.to_text(omit_final_dot=True)
    if cache is Cache.DEAD:
        return Answer(owner, record.key.rtype, Outcome.TIMEOUT)
    values = frozenset({value} if value else ())
    outcome = Outcome.ANSWER if value else Outcome.NXDOMAIN
    return Answer(owner, record.key.rtype, outcome, values)


def _with_answers(seen: Seen, shown: Mapping[RRKey, Answer]) -> Seen:
    domains = []
    for view in seen.world.domains:
        mx = shown[key(view.domain, "MX")]
        hosts = [value for value in mx.values if isinstance(value, MX)]
        names = [each.exchange.to_text(omit_final_dot=True) for each in hosts]
        ours = seen.server.mail_host
        addresses = tuple((n, ADDRESSES if n == ours else ("192.0.2.9",)) for n in names)
        spf = shown[key(view.domain, "TXT")]
        result = "temperror" if not spf.outcome.known else _spf_of(spf)
        domains.append(
            replace(
                view,
                mx=mx,
                mx_addresses=addresses,
                spf=tuple(SpfView(a, view.domain, ours, result, "", 1) for a in ADDRESSES),
                spf_site=replace(
                    view.spf_site,
                    texts=spf,
                    strangers=view.spf_site.strangers if spf.values else (),
                ),
                keys=tuple(_key_as(site, shown[key(site.owner, "TXT")]) for site in view.keys),
                dmarc_site=DmarcSite(
                    view.domain,
                    shown[key(f"_dmarc.{view.domain}", "TXT")],
                    destinations=(Destination(view.domain, True),),
                ),
            )
        )
    return with_world(seen, domains=tuple(domains))


def _key_as(site: KeySite, shown: Answer) -> KeySite:
    views = tuple(replace(shown, resolver=each) for each in RESOLVERS) if shown.values else ()
    return replace(site, texts=shown, views=views)


def _spf_of(answer: Answer) -> str:
    if not answer.values:
        return "none"
    return "fail" if OLD["TXT"] in answer.values else "pass"


def _zone(seen: Seen, zone: str, every: list[Record], caches: Mapping[Any, Cache]) -> ZoneView:
    apex = key(zone, "MX").owner
    mine = [each for each in every if each.key.owner.is_subdomain(apex)]
    views = tuple(
        RecordView(
            each.key,
            1 if each.written is Written.LATE else 2,
            wrong=("ns2 (192.0.2.53): old",) if each.written is Written.LATE else (),
            wished=each.written is not Written.OUTDATED,
            ttl=600,
        )
        for each in mine
    )
    asked = [each for each in mine if each.written is not Written.LATE]
    resolvers = tuple(
        ResolverView(where, 0, answers=False)
        if Cache.DEAD in {caches[where, each.key] for each in mine}
        else ResolverView(
            where,
            len(asked),
            tuple(each.key for each in asked if caches[where, each.key] is not Cache.FRESH),
        )
        for where in RESOLVERS
        if asked
    )
    return ZoneView(zone, views, resolvers)


@settings(max_examples=15)
@given(worlds())
def test_no_report_contradicts_itself(seen: Seen) -> None:
    assert contradictions(found(seen)) == ()


@pytest.mark.slow
@settings(max_examples=400)
@given(worlds())
def test_no_report_of_many_worlds_contradicts_itself(seen: Seen) -> None:
    assert contradictions(found(seen)) == ()


@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_server_as_it_should_be_has_no_contradiction(mode: str) -> None:
    assert contradictions(found(RIGHT[mode])) == ()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_broken_world_has_a_report_that_contradicts_itself(case: Case) -> None:
    broken = case.broken()
    results = broken.checked() if case.check else broken.results()
    # What these worlds show of propagation is right, whatever is in their DNS.
    seen = tuple(e for e in results if e.rule.id != "PROP-01" or e.status is not Status.PASS)
    assert contradictions(seen) == ()


# -- what is found -----------------------------------------------------------------------------

THERE = SERVERS["relay"]
DOMAIN = THERE.domains[0]
WORDS = MX_07.title
PUBLISH = Words.of("checks.mx.remedy", domain="example.com", host="smtp.example.com")
WAIT = Words.of("checks.cached_remedy", ttl=1)
MX_KEY = key("example.com", "MX")
MX_RIGHT = Result(PROP_01, subjects.of_rrset(MX_KEY, "example.com", "example.com"), passed(WORDS))
MX_MISSING = Result(MX_07, subjects.of_domain(DOMAIN), failed(WORDS, PUBLISH))
PORT = subjects.of_port("8.8.8.8", 993)
MUTE = Result(PROP_03, subjects.of_resolver("example.com", "1.1.1.1"), unknown(WORDS))
KEY_SUBJECT = subjects.of_record("a._domainkey.example.com", "TXT", DOMAIN)


def _key_record(rule: Any, record: str) -> Result:
    remedy = Words.of("checks.dkim.remedy", owner="a", record=record)
    return Result(rule, KEY_SUBJECT, failed(WORDS, remedy))


@pytest.mark.parametrize(
    ("results", "told"),
    [
        ((MX_RIGHT, MX_MISSING), "publish example.com/MX"),
        ((MX_RIGHT, replace(MX_MISSING, judgement=failed(WORDS, WAIT))), ""),
        ((MX_MISSING,), ""),
        ((MX_MISSING, replace(MX_MISSING, judgement=passed(WORDS))), "fail, and pass"),
        (
            (
                Result(NET_02, PORT, failed(WORDS, WAIT)),
                Result(TLS_03, PORT, passed(WORDS)),
            ),
            "behind a closed port",
        ),
        ((Result(TLS_03, PORT, skipped(WORDS), MX_MISSING),), "TLS-03 8.8.8.8:993 skip, for"),
        ((MX_MISSING, Result(TLS_03, PORT, skipped(WORDS), MX_MISSING)), ""),
        ((MUTE, MX_MISSING), "while no resolver answers"),
        (
            (MUTE, replace(MUTE, subject=subjects.of_resolver("example.com", "2")), MX_RIGHT),
            "",
        ),
        ((_key_record(DKIM_06, "a"), _key_record(SPF_03, "b")), "is to be ['a', 'b']"),
        (
            (replace(MX_MISSING, judgement=replace(MX_MISSING.judgement, remedy=None)),),
            "has no remedy",
        ),
    ],
)
def test_what_contradicts_is_found(results: tuple[Result, ...], told: str) -> None:
    seen = contradictions(results)
    assert (told in " ".join(seen)) if told else seen == ()
    assert Status.FAIL in {each.status for each in (MX_MISSING,)}
