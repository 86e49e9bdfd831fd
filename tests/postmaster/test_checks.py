"""Checks judge what was seen; what was not seen stays unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.rrset import MX, TXT, key, owner_name
from ground.words import say
from keys import dkim as keys
from postmaster.checks.results import Status, exit_status
from postmaster.checks.seen import RecordView, ResolverView, Seen, ZoneView
from probes.host import state as host
from probes.host.state import HostView
from probes.world.dns import Answer, Outcome, Reverse
from probes.world.http import SetUpView
from probes.world.smtp import SmtpView
from probes.world.tcp import Connection, Reach
from probes.world.tls import TlsView
from tests.postmaster.full_view import (
    ADDRESSES,
    ALL_MODES,
    PUBLIC,
    answer,
    certificate,
    dmarc_site,
    found,
    good,
    keys_of,
    mute,
    one,
    server,
    with_domain,
    with_port,
    with_world,
)

PASS, WARN, FAIL, UNKNOWN, SKIP = (
    Status.PASS,
    Status.WARN,
    Status.FAIL,
    Status.UNKNOWN,
    Status.SKIP,
)
OTHER = keys.public_key(keys.read(keys.make(1024)))
V4, V6 = ADDRESSES
SERVER = server()
GOOD = good(SERVER)
OWNER = key("example.com", "A")
DMARC, DKIM = "_dmarc.example.com", "pm202611a._domainkey.example.com"


def with_dmarc(*values: TXT, above: tuple[Answer, ...] = ()) -> Seen:
    """The first domain has these records at _dmarc, and names above it have those."""
    site = dmarc_site("example.com", *values, above=above)
    return with_domain(GOOD, "example.com", dmarc_site=site)


def of(seen: Seen, rule: str) -> dict[str, Status]:
    """How a rule ended, by subject, where it did not pass."""
    return {str(e.subject): e.status for e in found(seen, rule) if e.status is not PASS}


# -- propagation -----------------------------------------------------------------------------------


def zone(**changes: Any) -> Seen:
    """The first zone is different."""
    return replace(GOOD, zones=(replace(GOOD.zones[0], **changes), GOOD.zones[1]))


def claim(rtype: str, *, needed: bool) -> Claim:
    owner = key("example.com", rtype)
    return Claim(owner, ClaimMode.MEMBER, frozenset(), 60, "x", needed, "x", "x")


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (RecordView(key("example.com", "A"), 1, wished=True), PASS),
        (RecordView(key("example.com", "A"), 1), WARN),
        (RecordView(key("example.com", "A"), 1, silent=("ns2: timeout",)), WARN),
        (RecordView(key("example.com", "A"), 1, wrong=("ns2: stale",)), FAIL),
        (RecordView(key("example.com", "A"), 1, ("ns2: stale",), ("ns3: timeout",)), FAIL),
    ],
)
def test_a_record_must_be_right_at_every_name_server(view: RecordView, status: Status) -> None:
    assert one(zone(records=(view,)), "PROP-01", "example.com/A").status is status


def test_every_server_that_is_wrong_or_silent_is_told() -> None:
    two = ("ns1: stale", "ns2: stale")
    for view in (RecordView(OWNER, 0, wrong=two), RecordView(OWNER, 1, silent=two)):
        assert say(one(zone(records=(view,)), "PROP-01", str(OWNER)).seen).endswith("; ".join(two))


@pytest.mark.parametrize(
    ("missing", "status"),
    [
        (claim("MX", needed=False), FAIL),
        (claim("A", needed=True), FAIL),
        (claim("SRV", needed=False), WARN),
    ],
)
def test_what_nobody_published_fails_where_mail_needs_it(missing: Claim, status: Status) -> None:
    assert of(zone(unpublished=(missing,)), "PROP-01") == {str(missing.key): status}


def test_a_zone_whose_servers_are_not_found_is_unknown() -> None:
    seen = replace(GOOD, zones=(ZoneView("example.com", problem="no servers"),))
    assert of(seen, "PROP-01") == {"example.com": UNKNOWN}


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (ResolverView("1.1.1.1", 2), PASS),
        (ResolverView("1.1.1.1", 2, stale=(key("example.com", "MX"),)), WARN),
        (ResolverView("1.1.1.1", 2, stale=(key("example.com", "MX"),), left=90), WARN),
        (ResolverView("1.1.1.1", 2, stretched=(key("example.com", "MX"),)), WARN),
        (ResolverView("1.1.1.1", 0, answers=False), UNKNOWN),
    ],
)
def test_a_resolver_that_does_not_answer_is_unknown(view: ResolverView, status: Status) -> None:
    result = one(zone(resolvers=(view,)), "PROP-03", "example.com @1.1.1.1")
    assert result.status is status and not result.required


# -- DNS -------------------------------------------------------------------------------------------


def test_mx_at_somebody_else_fails_with_the_record_to_publish() -> None:
    theirs = answer("example.com", "MX", MX(10, owner_name("mx.other.test")))
    away = {"mx": theirs, "mx_addresses": (("mx.other.test", ("192.0.2.1",)),)}
    seen = with_domain(GOOD, "example.com", **away)
    assert of(seen, "MX-07") == {"example.com": FAIL}
    remedy = one(seen, "MX-07", "example.com").remedy
    assert remedy and "example.com MX 10 smtp.example.com." in say(remedy)


def test_mx_that_leads_elsewhere_too_is_a_warning_and_none_at_all_a_fail() -> None:
    hosts = GOOD.world.domains[0].mx_addresses
    elsewhere = tuple((name, ("192.0.2.1",)) for name in ("mx1.other.test", "mx2.other.test"))
    names = ("smtp.example.com", "mx1.other.test", "mx2.other.test")
    every = answer("example.com", "MX", *(MX(10, owner_name(name)) for name in names))
    mixed = with_domain(GOOD, "example.com", mx=every, mx_addresses=(*hosts, *elsewhere))
    assert of(mixed, "MX-07") == {"example.com": WARN}
    assert ": mx1.other.test, mx2.other.test" in say(one(mixed, "MX-07", "example.com").seen)
    both = answer("example.com", "MX", *(MX(10, owner_name(name)) for name in names[1:]))
    away = with_domain(GOOD, "example.com", mx=both, mx_addresses=elsewhere)
    assert of(away, "MX-07") == {"example.com": FAIL}
    assert ": mx1.other.test, mx2.other.test" in say(one(away, "MX-07", "example.com").seen)
    none = with_domain(GOOD, "other.org", mx=answer("other.org", "MX"), mx_addresses=())
    assert of(none, "MX-07") == {"other.org": FAIL}


@pytest.mark.parametrize(("preference", "status"), [(20, PASS), (10, WARN), (5, WARN)])
def test_a_host_that_is_asked_while_ours_does_not_answer_is_no_leak(
    preference: int, status: Status
) -> None:
    hosts = GOOD.world.domains[0].mx_addresses
    both = (MX(10, owner_name("smtp.example.com")), MX(preference, owner_name("mx.backup.test")))
    seen = with_domain(
        GOOD,
        "example.com",
        mx=answer("example.com", "MX", *both),
        mx_addresses=(*hosts, ("mx.backup.test", ("192.0.2.1",))),
    )
    assert one(seen, "MX-07", "example.com").status is status
    assert "mx.backup.test" in say(one(seen, "MX-07", "example.com").seen)


@pytest.mark.parametrize("outcome", [Outcome.SERVFAIL, Outcome.TIMEOUT])
def test_dns_that_does_not_answer_is_unknown_never_a_fail(outcome: Outcome) -> None:
    nothing = Answer("example.com", "MX", outcome)
    first = GOOD.world.domains[0]
    seen = with_domain(GOOD, "example.com", mx=nothing, **mute(first, outcome))
    seen = with_world(
        seen,
        reverse=(Reverse(V4, outcome), GOOD.world.reverse[1]),
        spf_includes=(Answer("spf.provider.test", "TXT", outcome),),
        mail_host_site=None,
    )
    others = [replace(each, spf_site=None) for each in seen.world.domains[1:]]
    seen = with_world(seen, domains=(seen.world.domains[0], *others))
    statuses = {str(e.status) for e in found(seen) if e.status is not PASS}
    assert statuses == {"unknown", "skip"}
    assert of(seen, "MX-02") == {"example.com": UNKNOWN}
    assert of(seen, "MX-07") == {"example.com": SKIP}
    assert of(seen, "DMARC-10") == {DMARC: UNKNOWN} and of(seen, "DMARC-02") == {DMARC: SKIP}
    assert of(seen, "SPF-01") == {"example.com": UNKNOWN}
    assert of(seen, "SPF-07") == {"spf.provider.test": UNKNOWN}
    assert of(seen, "DKIM-14") == {DKIM: UNKNOWN} and of(seen, "DKIM-06") == {DKIM: SKIP}
    assert of(seen, "RDNS-01") == {V4: UNKNOWN} and of(seen, "RDNS-02") == {V4: SKIP}
    assert of(seen, "EHLO-03") == {"vps": UNKNOWN}


def test_an_mx_host_whose_address_nobody_tells_is_unknown_and_nobody_elses() -> None:
    mute: Any = (("smtp.example.com", None),)
    seen = with_domain(GOOD, "example.com", mx_addresses=mute)
    assert of(seen, "MX-07") == {"example.com": UNKNOWN}
    hosts = ("smtp.example.com", "mx.test")
    two = answer("example.com", "MX", *(MX(10, owner_name(host)) for host in hosts))
    theirs = (*mute, ("mx.test", ("192.0.2.1",)))
    one_known = with_domain(GOOD, "example.com", mx=two, mx_addresses=theirs)
    assert of(one_known, "MX-07") == {"example.com": UNKNOWN}


def test_a_ptr_name_whose_address_nobody_tells_is_unknown_unless_another_points_back() -> None:
    first, second = GOOD.world.reverse
    mute = replace(first, names=("a.test",), forward=(("a.test", None),))
    assert of(with_world(GOOD, reverse=(mute, second)), "RDNS-02") == {V4: UNKNOWN}
    back = replace(mute, forward=(("a.test", None), ("b.test", (V4,))))
    assert of(with_world(GOOD, reverse=(back, second)), "RDNS-02") == {}


@pytest.mark.parametrize("mode", ALL_MODES)
def test_where_no_resolver_answers_nothing_fails_and_the_exit_status_is_3(mode: str) -> None:
    there = good(server(mode))
    dead = {
        "domains": tuple(
            replace(
                each,
                mx=Answer(each.domain, "MX", Outcome.TIMEOUT),
                mx_addresses=(),
                spf=tuple(replace(spf, result="temperror") for spf in each.spf),
                **mute(each),
            )
            for each in there.world.domains
        ),
        "mail_host_spf": tuple(replace(e, result="temperror") for e in there.world.mail_host_spf),
        "mail_host_site": None,
        "spf_includes": tuple(
            replace(e, outcome=Outcome.TIMEOUT) for e in there.world.spf_includes
        ),
        "reverse": tuple(Reverse(e.address, Outcome.TIMEOUT) for e in there.world.reverse),
    }
    proofs = tuple(
        (proof, tuple(replace(each, valid=None) for each in signatures))
        for proof, signatures in there.relay.proofs
    )
    zones = tuple(ZoneView(each.zone, problem="no answer") for each in there.zones)
    seen = replace(with_world(there, **dead), zones=zones)
    results = found(replace(seen, relay=replace(seen.relay, proofs=proofs)))
    wrong = {each.rule.id for each in results if each.status in (FAIL, WARN)}
    # That PMail alone signs for another domain is known without DNS.
    assert wrong == ({"DKIM-16"} if mode == "direct" else set())
    assert exit_status(results) == 3


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("pass", PASS),
        ("fail", FAIL),
        ("softfail", FAIL),
        ("neutral", FAIL),
        ("none", FAIL),
        ("permerror", FAIL),
        ("temperror", UNKNOWN),
    ],
)
def test_spf_is_judged_by_what_a_receiver_gets(result: str, status: Status) -> None:
    first, second = GOOD.world.mail_host_spf
    seen = with_world(GOOD, mail_host_spf=(first, replace(second, result=result)))
    judged = one(seen, "SPF-14", f"smtp.example.com {V6}")
    assert judged.status is (WARN if result == "none" else status)
    assert of(seen, "SPF-14").keys() <= {f"smtp.example.com {V6}"}
    assert judged.remedy is None or f"ip6:{V6}" in say(judged.remedy)


def test_spf_of_each_domain_is_judged_for_each_address() -> None:
    view = GOOD.world.domains[1]
    spf = (view.spf[0], replace(view.spf[1], result="fail"))
    assert of(with_domain(GOOD, "other.org", spf=spf), "SPF-03") == {f"other.org {V6}": FAIL}


@pytest.mark.parametrize(
    ("record", "statuses"),
    [
        (b"v=DMARC1; p=none; rua=mailto:a@example.com", [PASS, PASS]),
        (b"v=DMARC1; p=nothing", [PASS, FAIL]),
        (b"v=DMARC1; p=none; p=reject", [PASS, FAIL]),
        (b"v=DMARC1; rua=mailto:a@example.com", [PASS, WARN]),
        (b"v=spf1 -all", [FAIL, SKIP]),
    ],
)
def test_dmarc_is_there_once_and_parses(record: bytes, statuses: list[Status]) -> None:
    seen = with_dmarc(TXT(record))
    judged = [one(seen, rule, DMARC) for rule in ("DMARC-01", "DMARC-02")]
    assert [each.status for each in judged] == statuses
    for each in judged:
        assert each.remedy is None or f'{DMARC} TXT "v=DMARC1' in say(each.remedy)


@pytest.mark.parametrize(
    ("above", "status"),
    [
        ((answer("_dmarc.com", "TXT", TXT(b"v=DMARC1; p=reject")),), PASS),
        ((answer("_dmarc.com", "TXT", TXT(b"v=DMARC1; p=oops")),), FAIL),
        ((answer("_dmarc.com", "TXT"),), FAIL),
        ((), FAIL),
        ((Answer("_dmarc.com", "TXT", Outcome.TIMEOUT),), UNKNOWN),
    ],
)
def test_a_domain_without_a_dmarc_record_has_its_organisations(
    above: tuple[Answer, ...], status: Status
) -> None:
    seen = with_dmarc(above=above)
    assert one(seen, "DMARC-01", DMARC).status is status
    if status is PASS:
        assert one(seen, "DMARC-02", DMARC).status is PASS
        assert "reject" in say(one(seen, "DMARC-01", DMARC).seen)


def test_two_dmarc_records_are_none_to_a_receiver() -> None:
    two = (TXT(b"v=DMARC1; p=none"), TXT(b"v=DMARC1; p=reject"), TXT(b"other"))
    seen = with_dmarc(*two)
    assert of(seen, "DMARC-01") == {DMARC: FAIL}
    assert "DMARC records: 2" in say(one(seen, "DMARC-01", DMARC).seen)


def dkim(*published: str, on_host: str | None = PUBLIC.data, reached: bool = True) -> Seen:
    """Key records of the first domain, and the key that its host signs with."""
    there = ((DKIM, on_host),) if on_host else ()
    seen = keys_of(GOOD, "example.com", *(TXT(each.encode()) for each in published))
    return replace(seen, host=replace(GOOD.host, reached=reached, dkim=there))


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (dkim(PUBLIC.record), PASS),
        (dkim(OTHER.record), FAIL),
        (dkim("v=DKIM1; p="), SKIP),
        (dkim("v=DKIM1; p=%%%"), SKIP),
        (dkim(), SKIP),
        (dkim(PUBLIC.record, OTHER.record), SKIP),
        (dkim(PUBLIC.record, on_host=None), UNKNOWN),
        (dkim(PUBLIC.record, reached=False), UNKNOWN),
    ],
)
def test_the_published_key_must_be_the_one_on_the_host(seen: Seen, status: Status) -> None:
    result = one(seen, "DKIM-06", DKIM)
    assert result.status is status
    if status is FAIL:
        assert result.remedy and f'{DKIM} TXT "{PUBLIC.record}"' in say(result.remedy)


@pytest.mark.parametrize(
    ("published", "rule"),
    [((), "DKIM-01"), (("v=DKIM1; p=",), "DKIM-12"), (("v=DKIM1; p=%%%",), "DKIM-04")],
)
def test_a_record_without_a_key_fails_once_with_the_record_to_publish(
    published: tuple[str, ...], rule: str
) -> None:
    (failing,) = (e for e in found(dkim(*published)) if e.status is FAIL)
    assert (failing.rule.id, str(failing.subject)) == (rule, DKIM)
    assert failing.remedy and f'{DKIM} TXT "{PUBLIC.record}"' in say(failing.remedy)


def test_two_keys_that_differ_are_told_by_the_first_sixteen_digits_of_each() -> None:
    different = say(one(dkim(OTHER.record), "DKIM-06", DKIM).seen)
    in_dns, here = OTHER.fingerprint[:16], PUBLIC.fingerprint[:16]
    assert different == f"DNS has key {in_dns}, the server signs with {here}"
    same = say(one(dkim(PUBLIC.record), "DKIM-06", DKIM).seen)
    assert same == f"the server's key {here} (2048 bits)"


def test_where_the_stores_key_is_published_the_deploy_puts_it_back_on_the_host() -> None:
    remedy = one(dkim(PUBLIC.record, on_host=OTHER.data), "DKIM-06", DKIM).remedy
    assert remedy and remedy.id == "checks.dkim.deploy"


@pytest.mark.parametrize(
    ("view", "statuses"),
    [
        (Reverse(V4, Outcome.ANSWER, ("a.test",), (("a.test", (V4,)),)), [PASS, PASS]),
        (Reverse(V4, Outcome.ANSWER, ("a.test",), (("a.test", ("192.0.2.1",)),)), [PASS, FAIL]),
        (Reverse(V4, Outcome.ANSWER, ("a.test", "b.test"), (("b.test", (V4,)),)), [WARN, PASS]),
        (Reverse(V4, Outcome.NXDOMAIN), [FAIL, SKIP]),
    ],
)
def test_a_ptr_must_point_back(view: Reverse, statuses: list[Status]) -> None:
    seen = with_world(GOOD, reverse=(view, GOOD.world.reverse[1]))
    assert [one(seen, rule, V4).status for rule in ("RDNS-01", "RDNS-02")] == statuses
    assert one(seen, "RDNS-02", V6).status is PASS


def test_all_names_of_an_address_are_told() -> None:
    view = Reverse(V4, Outcome.ANSWER, ("a.test", "b.test"), (("a.test", ()), ("b.test", ())))
    seen = with_world(GOOD, reverse=(view, GOOD.world.reverse[1]))
    assert say(one(seen, "RDNS-01", V4).seen) == "PTR: a.test, b.test"
    assert say(one(seen, "RDNS-02", V4).seen).startswith("a.test, b.test does not point back")


def test_an_ipv6_address_is_compared_as_an_address() -> None:
    long = "2001:4860:4860:0:0:0:0:8888"
    view = Reverse(V6, Outcome.ANSWER, ("a.test",), (("a.test", (long,)),))
    seen = with_world(GOOD, reverse=(GOOD.world.reverse[0], view))
    assert one(seen, "RDNS-02", V6).status is PASS


@pytest.mark.parametrize(
    ("outbound", "domains", "name"),
    [
        ("relay", ["example.com", "other.org"], "smtp.example.com"),
        ("direct", ["example.com", "other.org"], "example.com"),
        ("direct", ["example.com", "smtp.example.com"], "smtp.example.com"),
    ],
)
def test_the_ptr_to_set_is_a_name_that_the_server_greets_with(
    outbound: str, domains: list[str], name: str
) -> None:
    there = server(outbound, domains=domains)
    seen = with_world(good(there), reverse=(Reverse(V4, Outcome.NXDOMAIN),))
    remedy = one(seen, "RDNS-01", V4).remedy
    assert remedy and dict(remedy.values) == {"address": V4, "host": name}


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ((TXT(b"v=spf1 -all"), TXT(b"hello")), PASS),
        ((), FAIL),
        ((TXT(b"v=spf1 -all"), TXT(b"v=spf1 ~all")), FAIL),
    ],
)
def test_an_included_domain_must_have_exactly_one_spf_record(
    records: tuple[TXT, ...], status: Status
) -> None:
    included = (answer("spf.provider.test", "TXT", *records),)
    assert one(with_world(GOOD, spf_includes=included), "SPF-07").status is status


# -- ports -----------------------------------------------------------------------------------------


def smtp(**changes: Any) -> Seen:
    """Port 25 is different."""
    return with_world(GOOD, smtp=replace(GOOD.world.smtp, **changes))


@pytest.mark.parametrize("port", [465, 993, 443])
@pytest.mark.parametrize("reach", [Reach.REFUSED, Reach.TIMEOUT, Reach.UNREACHABLE])
def test_a_port_that_others_need_must_be_open(port: int, reach: Reach) -> None:
    seen = with_port(GOOD, port, reach=reach, certificate=None)
    assert of(seen, "NET-02") == {f"{V4}:{port}": FAIL}
    result = one(seen, "NET-02", f"{V4}:{port}")
    assert result.seen.id == f"checks.net.{reach}"
    assert result.remedy and f"port {port}/TCP" in say(result.remedy)


def test_a_closed_port_25_is_unknown_where_our_own_network_is_closed() -> None:
    shut = smtp(reach=Reach.TIMEOUT, banner="", tls=None)
    assert of(shut, "NET-02") == {f"{V4}:25": FAIL}
    blocked = with_world(shut, own_network_blocks=True)
    assert of(blocked, "NET-02") == {f"{V4}:25": UNKNOWN}
    assert not one(blocked, "NET-02", f"{V4}:25").required
    # That network says nothing of other ports, and an open port needs no excuse.
    other = with_port(with_world(GOOD, own_network_blocks=True), 465, reach=Reach.TIMEOUT)
    assert of(other, "NET-02") == {f"{V4}:465": FAIL}


@pytest.mark.parametrize("port", [465, 443])
def test_a_port_that_a_rotation_closes_is_nobodys_firewall(port: int) -> None:
    shut = with_port(GOOD, port, reach=Reach.TIMEOUT, certificate=None)
    paused = replace(shut, server=replace(shut.server, paused=True))
    result = one(paused, "NET-02", f"{V4}:{port}")
    assert (result.status, result.seen.id) == (UNKNOWN, "checks.net.paused")
    assert not result.required and result.remedy is None
    # What is asked through it is not blamed either.
    assert FAIL not in of(paused, "TLS-02").values()
    # Others it does not close.
    other = with_port(paused, 993, reach=Reach.TIMEOUT, certificate=None)
    assert one(other, "NET-02", f"{V4}:993").status is FAIL


def test_the_set_up_server_must_answer_nowhere() -> None:
    answering = (SetUpView(80, Reach.OPEN), SetUpView(443, Reach.OPEN, answered=True))
    seen = with_world(GOOD, set_up=answering)
    assert of(seen, "NET-03") == {f"{V4}:443/setup": FAIL}


def test_each_port_that_nobody_needs_must_be_closed() -> None:
    for port in (110, 587):
        closed = tuple(
            Connection(V4, each, Reach.OPEN if each == port else Reach.REFUSED, 0.1)
            for each in (110, 587)
        )
        assert of(with_world(GOOD, closed=closed), "NET-03") == {f"{V4}:{port}": FAIL}


def test_a_password_asked_for_in_clear_text_fails() -> None:
    assert of(smtp(auth_in_clear=True), "SMTP-02") == {f"{V4}:25": FAIL}


def test_a_mail_server_without_starttls_fails_and_has_no_certificate_to_look_at() -> None:
    seen = smtp(starttls=False, tls=None)
    assert of(seen, "TLS-01") == {f"{V4}:25": FAIL}
    assert of(seen, "TLS-02") == of(seen, "TLS-03") == {f"{V4}:25": SKIP}


def test_an_open_port_that_does_not_greet_is_unknown_and_no_green() -> None:
    seen = with_world(GOOD, smtp=SmtpView(V4, 25, Reach.OPEN, "554 go away"))
    assert of(seen, "SMTP-02") == of(seen, "TLS-01") == {f"{V4}:25": UNKNOWN}
    assert "554 go away" in say(one(seen, "SMTP-02").seen)


def test_an_open_port_without_a_handshake_is_unknown_and_no_green() -> None:
    seen = with_port(GOOD, 993, certificate=None, trusted=False, reason="wrong version")
    assert of(seen, "TLS-02") == of(seen, "TLS-03") == {f"{V4}:993": UNKNOWN}
    assert "wrong version" in say(one(seen, "TLS-02", f"{V4}:993").seen)


SECOND = 1 / 86400


@pytest.mark.parametrize(
    ("days", "lifetime", "status"),
    [
        # Of 90 days: 21 and 3 days.
        (21, 90, PASS),
        (21 - SECOND, 90, WARN),
        (3, 90, WARN),
        (3 - SECOND, 90, FAIL),
        (-1, 90, FAIL),
        # Of 20 days: a quarter, and a tenth.
        (5, 20, PASS),
        (5 - SECOND, 20, WARN),
        (2, 20, WARN),
        (2 - SECOND, 20, FAIL),
        # A quarter of 84 days are 21, a tenth of 30 are 3: from there on it is the days.
        (21, 85, PASS),
        (20.5, 80, PASS),
        (3, 40, WARN),
        (2.9, 40, FAIL),
    ],
)
def test_time_left_is_measured_against_the_lifetime(
    days: float, lifetime: float, status: Status
) -> None:
    seen = with_port(GOOD, 465, certificate=certificate(days, lifetime))
    result = one(seen, "TLS-03", f"{V4}:465")
    assert result.status is status and say(result.seen).startswith(f"days left: {days:.1f} ")


def test_a_missing_name_fails_and_distrust_is_a_warning_on_port_25_only() -> None:
    wrong = with_port(GOOD, 465, certificate=certificate(names=("a.test",)))
    assert of(wrong, "TLS-02") == {f"{V4}:465": FAIL}
    tls = tuple(replace(each, trusted=False) for each in GOOD.world.tls)
    after = replace(GOOD.world.smtp, tls=TlsView(V4, 25, "x", Reach.OPEN, certificate()))
    assert of(with_world(GOOD, tls=tls, smtp=after), "TLS-02") == {
        f"{V4}:25": WARN,
        **{f"{V4}:{port}": FAIL for port in (465, 993, 443)},
    }


# -- PMail on its host -----------------------------------------------------------------------------


def on_host(**changes: Any) -> Seen:
    """The host shows something else."""
    return replace(GOOD, host=replace(GOOD.host, **changes))


def test_what_the_script_on_the_host_says_is_read() -> None:
    seen = host.parse(
        "active=yes\ncurrent=no\nkey default._domainkey.a.test abc=\nclock=100", "", 98
    )
    assert seen == HostView(True, True, False, (("default._domainkey.a.test", "abc="),), "", 2.0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"active": False}, FAIL),
        ({"current": False}, FAIL),
        ({"active": None}, UNKNOWN),
        ({"current": None}, UNKNOWN),
    ],
)
def test_pmail_must_run_with_what_is_on_the_disk(changes: Any, status: Status) -> None:
    assert of(on_host(**changes), "DKIM-07") == {"vps": status}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"login": "wrong password"}, FAIL),
        ({"login": None}, UNKNOWN),
        ({"reached": False}, UNKNOWN),
    ],
)
def test_the_administrator_must_be_able_to_log_in(changes: Any, status: Status) -> None:
    assert of(on_host(**changes), "HOST-01") == {"vps": status}


@pytest.mark.parametrize(
    ("ahead", "status"),
    [
        (0.0, PASS),
        (5.0, PASS),
        (-5.0, PASS),
        (5.1, WARN),
        (-5.1, WARN),
        (60.0, WARN),
        (60.1, FAIL),
        (-60.1, FAIL),
        (None, UNKNOWN),
    ],
)
def test_a_clock_that_is_off_is_told(ahead: float | None, status: Status) -> None:
    assert one(on_host(clock=ahead), "HOST-02").status is status


def test_a_host_that_is_not_reached_is_unknown_in_all_that_it_would_show() -> None:
    shown = {"DKIM-06", "DKIM-07", "DKIM-18", "EHLO-03", "HOST-01", "HOST-02", "WEB-02"}
    shown |= {f"EDGE-0{number}" for number in (1, 2, 3, 4)}
    shown |= {"NET-01", "SMTP-06", *(f"OUT-0{number}" for number in (1, 2, 3, 5))}
    away = Seen(SERVER, GOOD.now, GOOD.world, HostView(False), GOOD.zones, policies=GOOD.policies)
    unknown = {e.rule.id for e in found(away) if e.status is UNKNOWN and e.required}
    needed = (each for each in found(away) if each.required)
    assert unknown == shown == {e.rule.id for e in needed if e.status not in (PASS, SKIP)}
    by_provider = good(server("smarthost"))
    away = replace(by_provider, relay=away.relay)
    assert one(away, "OUT-04").status is UNKNOWN


# -- what a resolver has of before -----------------------------------------------------------------


def remembered(seen: Seen, *records: str, wished: bool = True) -> Seen:
    """All name servers show these records; a resolver has the old ones."""
    keys = tuple(key(*each.split("/")) for each in records)
    views = tuple(RecordView(each, 2, wished=wished, ttl=300) for each in keys)
    resolvers = (ResolverView("1.1.1.1", 2, keys), ResolverView("9.9.9.9", 2))
    (first, *others) = seen.zones
    rest = tuple(each for each in first.records if each.key not in keys)
    changed = replace(first, records=(*views, *rest), resolvers=resolvers)
    return replace(seen, zones=(changed, *others))


def old_mx_address() -> Seen:
    return with_domain(GOOD, "example.com", mx_addresses=(("smtp.example.com", ("9.9.9.9",)),))


def old_spf(result: str = "softfail") -> Seen:
    view = GOOD.world.domains[0]
    first, *others = view.spf
    return with_domain(GOOD, "example.com", spf=(replace(first, result=result), *others))


def old_dkim(*values: TXT) -> Seen:
    return keys_of(GOOD, "example.com", *values)


def old_forward() -> Seen:
    seen = Reverse(V4, Outcome.ANSWER, ("smtp.example.com",), (("smtp.example.com", ("9.9.9.9",)),))
    return with_world(GOOD, reverse=(seen, GOOD.world.reverse[1]))


OF_BEFORE: list[tuple[Seen, str, str, str]] = [
    (
        with_domain(GOOD, "example.com", mx=answer("example.com", "MX")),
        "MX-07",
        "example.com",
        "example.com/MX",
    ),
    (
        with_domain(
            GOOD,
            "example.com",
            mx=answer("example.com", "MX", MX(10, owner_name("mx.old.test"))),
            mx_addresses=(("mx.old.test", ("9.9.9.9",)),),
        ),
        "MX-07",
        "example.com",
        "example.com/MX",
    ),
    (old_mx_address(), "MX-07", "example.com", "smtp.example.com/A"),
    (old_spf(), "SPF-03", f"example.com {V4}", "example.com/TXT"),
    (old_dkim(), "DKIM-01", DKIM, f"{DKIM}/TXT"),
    (old_dkim(TXT(b"v=DKIM1; p=")), "DKIM-12", DKIM, f"{DKIM}/TXT"),
    (old_dkim(TXT(OTHER.record.encode())), "DKIM-06", DKIM, f"{DKIM}/TXT"),
    (old_forward(), "RDNS-02", V4, "smtp.example.com/A"),
    (
        with_dmarc(),
        "DMARC-01",
        DMARC,
        f"{DMARC}/TXT",
    ),
    (
        with_dmarc(TXT(b"v=DMARC1; p=no")),
        "DMARC-02",
        DMARC,
        f"{DMARC}/TXT",
    ),
]
NAMED = [f"{rule}-{number}" for number, (_, rule, _, _) in enumerate(OF_BEFORE)]


@pytest.mark.parametrize(("seen", "rule", "subject", "record"), OF_BEFORE, ids=NAMED)
def test_what_only_a_resolver_has_of_before_is_told_and_nothing_is_to_be_published(
    seen: Seen, rule: str, subject: str, record: str
) -> None:
    judged = one(remembered(seen, record), rule, subject)
    assert judged.status is WARN
    assert judged.remedy is not None
    assert (judged.seen.id, judged.remedy.id) == ("checks.cached", "checks.cached_remedy")
    assert judged.seen.named["record"] == record


@pytest.mark.parametrize(("seen", "rule", "subject", "record"), OF_BEFORE, ids=NAMED)
def test_what_name_servers_do_not_show_as_wanted_has_to_be_published(
    seen: Seen, rule: str, subject: str, record: str
) -> None:
    assert one(seen, rule, subject).status is FAIL
    assert one(remembered(seen, record, wished=False), rule, subject).status is FAIL


def test_a_right_mx_whose_name_points_elsewhere_is_not_to_be_published_again() -> None:
    judged = one(old_mx_address(), "MX-07", "example.com")
    assert judged.remedy is not None and judged.remedy.id == "checks.mx.address_remedy"


def test_an_spf_record_that_has_our_address_and_fails_needs_it_no_second_time() -> None:
    record = RecordView(key("example.com", "TXT"), 2, wished=True)
    (first, *others) = old_spf("permerror").zones
    seen = replace(old_spf("permerror"), zones=(replace(first, records=(record,)), *others))
    judged = one(seen, "SPF-03", f"example.com {V4}")
    assert judged.status is FAIL
    assert judged.remedy is not None and judged.remedy.id == "checks.spf.other_remedy"


@pytest.mark.parametrize(
    ("result", "remedy"),
    [
        ("permerror", "checks.spf.error_remedy"),
        ("fail", "spf.replace"),
        ("softfail", "spf.replace"),
    ],
)
def test_an_spf_record_in_error_is_to_be_mended_and_any_other_gets_our_address_first(
    result: str, remedy: str
) -> None:
    (first, *others) = old_spf(result).zones
    unpublished = replace(old_spf(result), zones=(replace(first, records=()), *others))
    judged = one(unpublished, "SPF-03", f"example.com {V4}")
    assert judged.remedy is not None and judged.remedy.id == remedy


def test_a_ptr_name_of_before_is_told() -> None:
    before = replace(SERVER, old_names=("smtp.old.test",))
    seen = Reverse(V4, Outcome.ANSWER, ("smtp.old.test",), (("smtp.old.test", ADDRESSES),))
    world = with_world(GOOD, reverse=(seen, GOOD.world.reverse[1]))
    assert one(replace(world, server=before), "RDNS-01", V4).status is WARN
    assert one(world, "RDNS-01", V4).status is PASS
