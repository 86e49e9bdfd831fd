"""SPF: our addresses are added to what is there, and nothing of it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dns_providers.rrset import TXT
from postmaster import spf

OURS = ("203.0.113.10",)
OUR_TERMS = spf.our_terms(OURS, ())


def merged(record: str, ours: tuple[str, ...] = (), addresses: tuple[str, ...] = OURS) -> str:
    found = spf.merge((record.encode(),), spf.our_terms(addresses, ()), "~all", ours)
    assert isinstance(found.value, TXT), found
    return found.value.data.decode()


def problem(*records: str) -> str | None:
    found = spf.merge(tuple(each.encode() for each in records), OUR_TERMS, "~all", ()).problem
    return found.id if found else None


def test_a_name_without_spf_gets_addresses_and_all() -> None:
    found = spf.merge((), spf.our_terms(("203.0.113.10", "2001:db8::1"), ()), "~all", ())
    assert found.value == TXT(b"v=spf1 ip4:203.0.113.10 ip6:2001:db8::1 ~all")
    assert found.ours == ("ip4:203.0.113.10", "ip6:2001:db8::1")


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("v=spf1 mx -all", "v=spf1 mx ip4:203.0.113.10 -all"),
        ("v=spf1 include:spf.qq.com ?all", "v=spf1 include:spf.qq.com ip4:203.0.113.10 ?all"),
        ("v=spf1 mx", "v=spf1 mx ip4:203.0.113.10"),
        ("v=spf1 mx exp=e.test -all", "v=spf1 mx ip4:203.0.113.10 exp=e.test -all"),
        ("v=spf1 exists:%{i}._spf.x.test -all", None),
        ("v=spf1 IP4:203.0.113.10/32 -all", "v=spf1 IP4:203.0.113.10/32 -all"),
        ("v=spf1 +ip4:203.0.113.10 -all", "v=spf1 +ip4:203.0.113.10 -all"),
        ("V=SPF1 mx -all", None),
    ],
)
def test_the_existing_record_keeps_its_terms_and_its_end(there: str, wanted: str | None) -> None:
    expected = wanted or there.replace(" -all", " ip4:203.0.113.10 -all")
    assert merged(there).lower() == expected.lower()


def test_a_term_of_ours_that_is_no_longer_wanted_goes() -> None:
    old = "v=spf1 mx ip4:203.0.113.99 -all"
    assert merged(old, ours=("ip4:203.0.113.99",)) == "v=spf1 mx ip4:203.0.113.10 -all"


def test_a_term_that_was_there_before_us_stays() -> None:
    found = spf.merge((b"v=spf1 ip4:203.0.113.10 -all",), OUR_TERMS, "~all", ())
    assert found.ours == ()
    assert merged("v=spf1 ip4:203.0.113.10 -all", addresses=("203.0.113.20",)) == (
        "v=spf1 ip4:203.0.113.10 ip4:203.0.113.20 -all"
    )


@pytest.mark.parametrize(
    ("records", "wanted"),
    [
        (("v=spf1 mx -all", "v=spf1 a -all"), "dns.spf.several"),
        (("v=spf1 redirect=_spf.x.test",), "dns.spf.redirect"),
        (("v=spf1 -all",), "dns.spf.parked"),
        (("v=spf1 ip4=1.2.3.4 ；mx",), "dns.spf.syntax"),
        (
            ("v=spf1 " + " ".join(f"include:{i}.test" for i in range(11)) + " -all",),
            "dns.spf.lookups",
        ),
    ],
)
def test_what_a_person_must_decide_is_a_problem(records: tuple[str, ...], wanted: str) -> None:
    assert problem(*records) == wanted


def test_ten_lookups_are_allowed() -> None:
    includes = " ".join(f"include:{i}.test" for i in range(10))
    assert problem(f"v=spf1 {includes} -all") is None


TERMS = st.lists(
    st.sampled_from(
        ["mx", "a", "include:x.test", "ip4:192.0.2.1", "~a:y.test", "ip6:2001:db8::/32"]
    ),
    max_size=8,
)


@given(TERMS, st.sampled_from(["-all", "~all", "?all", ""]))
def test_merging_twice_is_merging_once_and_loses_nothing(terms: list[str], end: str) -> None:
    there = " ".join(["v=spf1", *terms, end]).strip()
    if there == "v=spf1 -all":
        return
    once = merged(there)
    assert merged(once, ours=("ip4:203.0.113.10",)) == once
    assert [word for word in once.split() if word != "ip4:203.0.113.10"] == there.split()
