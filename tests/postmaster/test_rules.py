"""The list of rules: each is tried, on all that it is about, and what it needs comes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dns_providers.rrset import key
from ground.words import LANGUAGES, catalogue, say
from postmaster.checks import areas, live, preflight, runner, subjects
from postmaster.checks.results import Result, Status, passed, unknown
from postmaster.checks.rules import RULES, Gate, Rule, Run
from postmaster.checks.runner import Check
from postmaster.checks.seen import ZoneView
from postmaster.checks.subjects import About
from probes.world.tcp import Reach
from tests.postmaster.full_view import (
    ALL_MODES,
    dmarc_site,
    fit,
    found,
    good,
    mute,
    one,
    server,
    with_domain,
    with_port,
    with_world,
)

V4, V6 = "8.8.8.8", "2001:4860:4860::8888"
EACH_DOMAIN = ["example.com", "other.org"]
EACH_ADDRESS = [V4, V6]
ENCRYPTED = [f"{V4}:{port}" for port in (25, 465, 993, 443)]
HOST = ["vps"]
WAYS = [
    "a mail program, to another server",
    "the web mail, to another server",
    "a mail program, between own users",
    "the web mail, between own users",
    "from another server",
]
FAR = "a mailbox elsewhere"
LISTS = (
    (1, EACH_ADDRESS, "spamhaus-zen"),
    (2, EACH_DOMAIN, "spamhaus-dbl"),
    (3, EACH_DOMAIN, "spamhaus-zrd"),
    (4, EACH_ADDRESS[:1], "spamcop"),
    (5, EACH_ADDRESS[:1], "barracuda"),
    (6, EACH_ADDRESS, "abusix"),
)
# Of the server in full_view, which sends by a relay of its own.
EACH_RESOLVER = ["1.1.1.1", "9.9.9.9"]
SUBJECTS = {
    **{f"DEL-{number:02}": EACH_DOMAIN for number in (*range(1, 8), *range(9, 13))},
    **{f"MX-{number:02}": EACH_DOMAIN for number in (2, 8)},
    **{f"MX-{number:02}": ["smtp.example.com"] for number in range(3, 7)},
    "PROP-05": ["DNS"],
    "PROP-06": EACH_RESOLVER,
    "ADR-01": ["smtp.example.com/A"],
    "ADR-02": ["smtp.example.com/AAAA"],
    "DANE-01": ["_25._tcp.smtp.example.com/TLSA"],
    "PROP-01": [f"{each}{name}/TXT" for name in EACH_DOMAIN for each in ("", "_dmarc.")],
    "PROP-03": [f"{name} @{each}" for name in EACH_DOMAIN for each in ("1.1.1.1", "9.9.9.9")],
    "MX-07": EACH_DOMAIN,
    **{
        f"SPF-{number:02}": [*EACH_DOMAIN, "smtp.example.com"]
        for number in range(1, 17)
        if number not in (3, 7, 14, 15)
    },
    "SPF-03": [f"{name} {address}" for name in EACH_DOMAIN for address in EACH_ADDRESS],
    "SPF-07": ["spf.provider.test"],
    "SPF-14": [f"smtp.example.com {address}" for address in EACH_ADDRESS],
    **{f"DMARC-{number:02}": [f"_dmarc.{name}" for name in EACH_DOMAIN] for number in range(1, 11)},
    **{
        f"DKIM-{number:02}": [f"pm202611a._domainkey.{name}" for name in EACH_DOMAIN]
        for number in range(1, 20)
        if number not in (7, 16, 17, 18)
    },
    "DKIM-16": EACH_DOMAIN,
    "DKIM-17": [
        f"pm202611a._domainkey.{name} @{each}"
        for name in EACH_DOMAIN
        for each in ("1.1.1.1", "9.9.9.9")
    ],
    "RDNS-01": EACH_ADDRESS,
    **{f"RDNS-0{number}": EACH_ADDRESS for number in (2, 3, 4)},
    "EHLO-01": ["smtp.example.com"],
    "EHLO-02": ["smtp.example.com"],
    "EHLO-03": HOST,
    "CAA-01": HOST,
    "NET-01": ["163.com IPv4", "qq.com IPv4", "qq.com IPv6"],
    "NET-02": ENCRYPTED,
    **{f"BL-0{number}": [f"{a} {name}" for a in of] for number, of, name in LISTS},
    "BL-07": [f"{name} {each}" for each in ("surbl", "uribl") for name in EACH_DOMAIN],
    "BL-08": EACH_ADDRESS,
    **{f"DOM-0{number}": EACH_DOMAIN for number in (1, 2, 3)},
    "EHLO-04": [f"{V4}:25"],
    "NET-03": [f"{V4}:{port}" for port in ("80/setup", "443/setup", "110", "587")],
    **{f"SMTP-0{number}": [f"{V4}:25"] for number in (1, 3, 4, 5, 2)},
    "SMTP-06": HOST,
    "TLS-04": ENCRYPTED[1:],
    "TLS-05": ENCRYPTED[1:],
    "TLS-01": [f"{V4}:25"],
    "TLS-02": ENCRYPTED,
    "TLS-03": ENCRYPTED,
    "DKIM-07": HOST,
    "HOST-01": HOST,
    "HOST-02": HOST,
    "OUT-01": HOST,
    "OUT-02": HOST,
    "DKIM-18": EACH_DOMAIN,
    "OUT-03": HOST,
    "OUT-05": HOST,
    "CLI-02": [
        f"{service}._tcp.{name}"
        for name in EACH_DOMAIN
        for service in ("_submissions", "_imaps", "_submission", "_pop3s", "_pop3", "_imap")
    ],
    "CLI-01": HOST,
    "CLI-04": EACH_DOMAIN,
    "STS-01": [f"_mta-sts.{name}" for name in EACH_DOMAIN],
    "STS-02": EACH_DOMAIN,
    "STS-03": EACH_DOMAIN,
    "STS-04": HOST,
    "RPT-01": [f"_smtp._tls.{name}" for name in EACH_DOMAIN],
    **{f"EDGE-0{number}": HOST for number in (1, 2, 3, 4)},
    "LIVE-01": [*WAYS, FAR],
    "LIVE-02": WAYS,
    **{f"LIVE-0{number}": WAYS[:2] for number in (3, 4, 5)},
    "LIVE-06": [FAR],
    "WEB-01": HOST,
    "WEB-02": HOST,
}


def ids(results: tuple[Result, ...]) -> list[str]:
    """The rules that are reported, each once, in this order."""
    return list(dict.fromkeys(each.rule.id for each in results))


# -- the list --------------------------------------------------------------------------------------


def test_every_rule_is_declared_once_and_tried_by_one_check() -> None:
    checks: tuple[Check[Any, Any], ...] = (
        *preflight.CHECKS,
        *areas.VERIFICATION,
        *live.CHECKS,
    )
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert sorted(each.rule.id for each in checks) == sorted(rule.id for rule in RULES)
    assert {each.rule.run for each in preflight.CHECKS} == {Run.PREFLIGHT}
    assert {each.rule.run for each in areas.VERIFICATION} == {Run.VERIFY}
    assert {each.rule.run for each in live.CHECKS} == {Run.LIVE}


@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_full_run_reports_every_rule_that_applies_in_the_order_of_the_list(mode: str) -> None:
    there = server(mode)
    assert ids(found(good(there))) == [
        rule.id for rule in RULES if rule.run is not Run.PREFLIGHT and rule.applies(there)
    ]
    assert ids(found(fit(there))) == [
        rule.id for rule in RULES if rule.run is Run.PREFLIGHT and rule.applies(there)
    ]


def test_what_a_preflight_rule_judges_once_more_is_a_rule_of_the_verification() -> None:
    again = {rule.id: rule.again for rule in RULES if rule.again}
    assert again == {"PRE-15": "CAA-01", "PRE-17": "NET-01", "PRE-18": "RDNS-01"}
    of_verification = {rule.id for rule in RULES if rule.run is Run.VERIFY}
    assert set(again.values()) <= of_verification


def test_every_rule_applies_to_a_server_of_some_mode() -> None:
    servers = [server(mode) for mode in ALL_MODES]
    assert [rule.id for rule in RULES if not any(map(rule.applies, (None, *servers)))] == []


def test_what_is_of_some_modes_only_is_not_reported_of_others() -> None:
    every = {rule.id for rule in RULES} - {"MX-01"}  # of domains that are nobody's of ours
    applying = {mode: {r.id for r in RULES if r.applies(server(mode))} for mode in ALL_MODES}
    edge = {f"EDGE-0{number}" for number in (1, 2, 3, 4)}
    relay = {"OUT-01", "OUT-02", "OUT-03", "OUT-05", "DKIM-18", "PRE-12"}
    assert every - applying["relay"] == {"OUT-04", "PRE-13"}
    relay |= {f"SMTP-0{number}" for number in (1, 4, 5, 6)}
    proof = {f"LIVE-0{number}" for number in (3, 4, 5)}
    own = {f"{area}-0{number}" for area in ("RDNS", "EHLO") for number in (1, 2, 3, 4)}
    assert every - applying["smarthost"] == own | {"NET-01", "PRE-17", "PRE-18", "LIVE-05"} | {
        f"BL-0{n}" for n in (1, 4, 5, 6, 8)
    }
    assert every - applying["direct"] == edge | relay | proof | {"OUT-04", "PRE-13"}
    brought = server(tls="files", tls_cert_file="/c", tls_key_file="/k")
    assert applying["relay"] - {r.id for r in RULES if r.applies(brought)} == {"CAA-01", "PRE-15"}


def test_a_rule_is_tried_on_all_that_it_is_about() -> None:
    seen: dict[str, list[str]] = {}
    for each in found(good(server())):
        seen.setdefault(each.rule.id, []).append(str(each.subject))
    assert seen == SUBJECTS


def test_the_smarthosts_are_tried_each() -> None:
    account = {"host": "two.provider.test", "user": "m", "password_env": "PMAIL_OTHER"}
    there = server("smarthost", smarthosts={"other.org": account})
    names = ["out.provider.test", "two.provider.test"]
    assert sorted(str(each.subject) for each in found(good(there), "OUT-04")) == names
    assert sorted(str(each.subject) for each in found(fit(there), "PRE-13")) == names


@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_server_as_it_should_be_is_all_green(mode: str) -> None:
    there = server(mode)
    results = (*found(good(there)), *found(fit(there)))
    wrong = [each.rule.id for each in results if each.status is not Status.PASS]
    # PMail alone signs all mail with the key of the first domain.
    assert wrong == (["DKIM-16", "DMARC-05"] if mode == "direct" else [])
    assert [each.rule.id for each in results if each.subject.about is not each.rule.about] == []
    records = {e.rule.id: dict(e.subject.pieces)["record"] for e in results if e.subject.record}
    others = {each for each in records if not each.startswith(("DKIM-", "DMARC-"))}
    assert others == {"PROP-01", "CLI-02", "RPT-01", "STS-01", "DANE-01"}
    assert str(records.pop("DANE-01")).endswith("/TLSA")
    assert str(records.pop("CLI-02")).endswith("/SRV")
    assert {str(record).partition("/")[2] for record in records.values()} == {"TXT"}


def test_every_rule_has_a_title_in_each_language_and_says_its_source() -> None:
    for language in LANGUAGES:
        titles = [catalogue(language)[rule.title.id] for rule in RULES]
        assert all(titles) and len(set(titles)) >= len(RULES) - 1
    assert [rule.id for rule in RULES if not rule.source] == []


def test_what_is_not_seen_of_a_resolver_or_before_the_first_deploy_is_not_required() -> None:
    optional = {rule.id for rule in RULES if not rule.required}
    thought = {f"BL-0{n}" for n in range(1, 9)} | {f"DOM-0{n}" for n in (1, 2, 3)}
    before = {rule.id for rule in RULES if rule.run is Run.PREFLIGHT}
    strangers = {"TLS-05", *(f"SMTP-0{number}" for number in (1, 3, 4, 5))}
    assert optional == before | thought | strangers | {
        "PROP-03",
        "PROP-06",
        "DKIM-17",
        "DANE-01",
    }


# -- what a rule needs -----------------------------------------------------------------------------


def test_what_needs_a_failed_rule_is_skipped_and_says_for_what() -> None:
    seen = with_domain(good(server()), "other.org", dmarc_site=dmarc_site("other.org"))
    failed, skipped = (one(seen, rule, "_dmarc.other.org") for rule in ("DMARC-01", "DMARC-02"))
    assert (failed.status, skipped.status) == (Status.FAIL, Status.SKIP)
    assert skipped.because == failed and failed.because is None
    assert say(skipped.seen) == "not tried: it needs DMARC-01, which failed (_dmarc.other.org)"
    assert one(seen, "DMARC-02", "_dmarc.example.com").status is Status.PASS


def test_what_needs_an_unknown_rule_is_skipped_and_the_unknown_one_stays_unknown() -> None:
    silent = mute(good(server()).world.domains[1])
    seen = with_domain(good(server()), "other.org", dmarc_site=silent["dmarc_site"])
    assert one(seen, "DMARC-10", "_dmarc.other.org").status is Status.UNKNOWN
    skipped = one(seen, "DMARC-02", "_dmarc.other.org")
    assert skipped.status is Status.SKIP
    assert say(skipped.seen) == "not tried: it needs DMARC-10, which is unknown (_dmarc.other.org)"


def test_a_skip_names_the_first_cause_of_several() -> None:
    seen = with_world(
        good(server()),
        smtp=replace(good(server()).world.smtp, reach=Reach.REFUSED, banner="", tls=None),
    )
    port = f"{V4}:25"
    assert one(seen, "NET-02", port).status is Status.FAIL
    for rule in ("SMTP-02", "TLS-01", "TLS-02", "TLS-03"):
        skipped = one(seen, rule, port)
        assert skipped.because == one(seen, "NET-02", port), rule
    others = {each.status for rule in ("TLS-02", "TLS-03") for each in found(seen, rule)[1:]}
    assert others == {Status.PASS}


FIRST = Rule("A-01", About.HOST, "test")
SECOND = Rule("A-02", About.HOST, "test", needs=(FIRST,))
THIRD = Rule("A-03", About.PORT, "test", needs=(SECOND,))


def test_a_fault_of_the_host_stands_in_the_way_of_its_ports_through_what_it_keeps_from_being_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "RULES", (FIRST, SECOND, THIRD))
    there, tried = server(), list[str]()
    host, port = subjects.of_host(there), subjects.of_port(V4, 25)
    words = RULES[0].title
    checks: list[Check[str, None]] = [
        Check(THIRD, lambda _: [(port, None)], lambda *_: tried.append("third") or passed(words)),
        Check(SECOND, lambda _: [(host, None)], lambda *_: tried.append("second") or passed(words)),
        Check(FIRST, lambda _: [(host, None)], lambda *_: unknown(words)),
    ]
    first, second, third = runner.run(checks, "", there)
    assert tried == []
    assert [each.rule.id for each in (first, second, third)] == ["A-01", "A-02", "A-03"]
    assert second.because == third.because == first


def test_a_warning_and_a_skip_for_want_of_anything_to_look_at_stand_in_nobodys_way() -> None:
    seen = good(server())
    two = tuple(replace(each, names=("a.test", *each.names)) for each in seen.world.reverse)
    seen = with_world(seen, reverse=two)
    assert {each.status for each in found(seen, "RDNS-01")} == {Status.WARN}
    assert {each.status for each in found(seen, "RDNS-02")} == {Status.PASS}


def test_where_a_zones_servers_are_not_found_its_resolvers_are_not_judged() -> None:
    seen = good(server())
    zones = (ZoneView("example.com", problem="no servers"), seen.zones[1])
    seen = replace(seen, zones=zones)
    assert one(seen, "PROP-01", "example.com").status is Status.UNKNOWN
    skipped = one(seen, "PROP-03", "example.com")
    assert skipped.because is not None and skipped.because.rule.id == "PROP-01"
    assert {each.status for each in found(seen, "PROP-03")[1:]} == {Status.PASS}


def test_resolvers_that_were_not_asked_yet_are_skipped_and_not_left_out() -> None:
    seen = good(server())
    seen = replace(seen, zones=(replace(seen.zones[0], resolvers=()), seen.zones[1]))
    skipped = one(seen, "PROP-03", "example.com")
    assert (skipped.status, skipped.because) == (Status.SKIP, None)


def test_a_port_stands_in_the_way_of_itself_alone() -> None:
    shut = with_port(good(server()), 993, reach=Reach.REFUSED, certificate=None)
    statuses = {str(each.subject): each.status for each in found(shut, "TLS-03")}
    assert statuses.pop(f"{V4}:993") is Status.SKIP
    assert set(statuses.values()) == {Status.PASS}


def test_subjects_cover_what_is_a_part_of_them() -> None:
    there = server()
    first, second = there.domains
    host, zone = subjects.of_host(there), subjects.of_zone("example.com")
    domain = subjects.of_domain(first)
    record = subjects.of_record("_dmarc.example.com", "TXT", first)
    assert all(host.covers(each) for each in (host, zone, domain, subjects.of_port(V4, 25)))
    assert zone.covers(domain) and domain.covers(record) and zone.covers(record)
    assert not record.covers(domain) and not domain.covers(zone) and not zone.covers(host)
    assert not zone.covers(subjects.of_domain(second))
    assert subjects.of_address(V4).covers(subjects.of_port(V4, 25))
    assert not subjects.of_port(V4, 25).covers(subjects.of_port(V4, 465))


# -- what a rotation asks ----------------------------------------------------------------------


def test_what_keeps_a_key_from_being_replaced_is_stated_here() -> None:
    gates = {rule.id: rule.gates for rule in RULES if rule.gates}
    assert gates == {
        **dict.fromkeys(("PROP-05", "DEL-01", "DEL-03"), Gate.EACH),
        **{f"PROP-0{number}": gate for number, gate in ((1, Gate.EACH), (3, Gate.ONE))},
        **{f"SPF-{number:02}": Gate.EACH for number in (1, 2, 3, 7, 11, 14)},
        **{f"DMARC-{number:02}": Gate.EACH for number in (1, 2, 10)},
        # Not: a test flag, a kind that few verify, alignment, a resolver's cache, the age.
        **{f"DKIM-{n:02}": Gate.EACH for n in range(1, 19) if n not in (8, 11, 16, 17)},
    }


def test_what_a_gating_rule_needs_gates_too_so_that_no_skip_opens_the_gate() -> None:
    open_ones = [r.id for r in RULES if r.gates for need in r.needs if not need.gates]
    assert open_ones == []


def test_a_record_belongs_to_the_longest_domain_that_it_is_in() -> None:
    there = server(domains=["example.com", "sub.example.com", "other.org"])
    seen = replace(good(server()), server=there)
    owners = ("a.sub.example.com", "sub.example.com", "a.example.com", "elsewhere.test")
    found_in = [seen.domain_above(key(owner, "TXT")) for owner in owners]
    assert found_in == ["sub.example.com", "sub.example.com", "example.com", None]
