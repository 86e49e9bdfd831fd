"""SPF records as text: their terms, named where one is wrong, and ours taken out again."""

from __future__ import annotations

import pytest

from dns_providers.rrset import TXT
from postmaster import spf


@pytest.mark.parametrize(
    ("record", "term"),
    [
        ("v=spf1 ipv4:192.0.2.1 -all", "ipv4:192.0.2.1"),
        ("v=spf1 mx include: ~all", "include:"),
        ("v=spf1 ip4:192.0.2.1;ip4:192.0.2.2 ~all", "ip4:192.0.2.1;ip4:192.0.2.2"),
        ("v=spf1 ip4:192.0.2.1/33 ~all", "ip4:192.0.2.1/33"),
        ("v=spf1 a:h.example.net,ip4:192.0.2.2 ~all", "a:h.example.net,ip4:192.0.2.2"),
        ("v=spf1 ip4:192.0.2.1/024 -all", "ip4:192.0.2.1/024"),
        ("v=spf1 ip4:192.0.2 -all", "ip4:192.0.2"),
        ("v=spf1 ip4 -all", "ip4"),
        ("v=spf1 ip6:192.0.2.1 -all", "ip6:192.0.2.1"),
        ("v=spf1 ip4:2001:db8::1 -all", "ip4:2001:db8::1"),
        ("v=spf1 ip6:fe80::1%eth0 -all", "ip6:fe80::1%eth0"),
        ("v=spf1 ip6:2001:db8::/129 -all", "ip6:2001:db8::/129"),
        ("v=spf1 a/24/64 -all", "a/24/64"),
        ("v=spf1 mx, -all", "mx,"),
        ("v=spf1 mx -all;", "-all;"),
        ("v=spf1 mx all:x.test", "all:x.test"),
        ("v=spf1 mx - all", "-"),
        ("v=spf1 exists:%{z}.x.test -all", "exists:%{z}.x.test"),
        ("v=spf1 include:%{d -all", "include:%{d"),
        ("v=spf1 include:localhost -all", "include:localhost"),
        ("v=spf1 redirect=a.test redirect=b.test", "redirect=b.test"),
        ("v=spf1 mx exp=a.test exp=b.test -all", "exp=b.test"),
        ("v=spf1 -redirect=a.test", "-redirect=a.test"),
        ("v=spf1 mx\t-all", "mx\t-all"),
        ("v=spf1 mx ；a -all", "\\xef\\xbc\\x9ba"),
    ],
)
def test_a_term_that_no_receiver_takes_is_named(record: str, term: str) -> None:
    with pytest.raises(spf.SpfSyntaxError) as error:
        spf.parse(record.encode())
    assert str(error.value) == term


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1",
        "V=SPF1  MX   -ALL",
        "v=spf1 +a:%{d2}.x.test/24//64 ptr ?exists:%{ir}.%{v}._spf.%{d} ~all",
        "v=spf1 ip4:0.0.0.0/0 ip6:::/0 moo=%{i} exp=e.x.test redirect=_spf.x.test",
    ],
)
def test_what_receivers_take_is_no_mistake(record: str) -> None:
    words = record.split()
    assert [term.text.lower() for term in spf.parse(record.encode())] == [
        word.lower() for word in words[1:]
    ]


def test_of_two_terms_that_say_the_same_ours_alone_is_taken_out() -> None:
    singleton = spf.unmerge(("ip4:203.0.113.10",), whole=False)
    there = TXT(b"v=spf1 ip4:203.0.113.10 ~ip4:203.0.113.10 mx +ip4:203.0.113.10/32 -all")
    left = singleton.merge((there,), ())
    assert left.value == TXT(b"v=spf1 ~ip4:203.0.113.10 mx +ip4:203.0.113.10/32 -all")


def test_a_record_of_ours_goes_whole_unless_somebody_has_added_to_it() -> None:
    singleton = spf.unmerge(("ip4:203.0.113.10",), whole=True)
    assert singleton.merge((TXT(b"v=spf1 ip4:203.0.113.10 ~all"),), ()).value is None
    left = singleton.merge((TXT(b"v=spf1 ip4:203.0.113.10 mx ~all"),), ()).value
    assert left == TXT(b"v=spf1 mx ~all")
