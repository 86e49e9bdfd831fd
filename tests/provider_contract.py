"""What every DNS provider adapter must do: one suite, run against each with a real zone behind it.

A test class takes it in and gives a fixture `provider`, opened for an empty `example.test`; see
:class:`ProviderContract` for what else it gives. What a provider cannot hold it says by its
capabilities, and then planning must tell it: no value is changed silently, none is half there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, NoReturn

import pytest

from dns_providers.base import Change, Provider, Rejected, Stale
from dns_providers.publishing.claims import Claim, ClaimMode
from dns_providers.publishing.ledger import Ledger
from dns_providers.publishing.plan import plan
from dns_providers.publishing.publish import carry_out
from dns_providers.rrset import (
    CAA,
    MX,
    SRV,
    TXT,
    Address,
    RRKey,
    RRset,
    Target,
    Value,
    key,
    name_text,
    owner_name,
    rrset,
)

ZONE = "example.test"
DKIM = TXT(b"v=DKIM1; k=rsa; p=" + b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" * 12)
SAMPLES: dict[str, tuple[Value, ...]] = {
    "A": (Address("203.0.113.10"), Address("203.0.113.11")),
    "AAAA": (Address("2001:db8::1"),),
    "MX": (MX(10, owner_name("smtp.other.test")), MX(20, owner_name("mx.other.test"))),
    "TXT": (DKIM, TXT(b'quote " back\\slash ; semicolon'), TXT(b"x" * 3000)),
    "SRV": (SRV(0, 1, 465, owner_name("smtp.example.test")),),
    "CAA": (CAA(0, "issue", b"letsencrypt.org"), CAA(0, "iodef", b"mailto:a@example.test")),
    "CNAME": (Target(owner_name("elsewhere.test")),),
}
# What providers have got wrong: length, quoting, escapes, ends, charset.
TEXTS: dict[str, bytes] = {
    **{f"{length} octets": b"x" * length for length in (255, 256, 510, 511)},
    "the character-strings of a key": DKIM.data,
    "semicolon": b"v=DMARC1; p=none; rua=mailto:a@example.test",
    "quote": b'say "hi"',
    "quoted": b'"quoted"',
    "backslash": rb"back\slash \\ \; \" \065",
    "space before": b" leading",
    "space after": b"trailing ",
    "spaces inside": b"two  spaces",
    "UTF-8": "Grüße, 你好".encode(),
    "percent": b"v=spf1 exists:%{i}.spf.example.test -all",
    "empty": b"",
}
VALUES: dict[str, tuple[str, tuple[Value, ...]]] = {
    "no service": ("SRV", (SRV(0, 0, 0, owner_name(".")),)),
    "service of equal weight": (
        "SRV",
        (SRV(0, 0, 993, owner_name("a.example.test")), SRV(0, 5, 993, owner_name("b.other.test"))),
    ),
    "no authority": ("CAA", (CAA(0, "issue", b";"),)),
    "authorities": (
        "CAA",
        (
            CAA(0, "issue", b"letsencrypt.org; validationmethods=dns-01"),
            CAA(128, "issuewild", b";"),
            CAA(0, "iodef", b"mailto:security@example.test"),
        ),
    ),
    "lowest preference": ("MX", (MX(0, owner_name("mx.other.test")),)),
    "highest preference": ("MX", (MX(65535, owner_name("mx.other.test")),)),
    "one host twice": (
        "MX",
        (MX(10, owner_name("mx.other.test")), MX(20, owner_name("mx.other.test"))),
    ),
}
# What may stand among other records and is none of its type: type and value.
SENSELESS = (
    ("SRV", "1 2 3"),
    ("MX", "mx.other.test."),
    ("CNAME", "bad..name."),
    ("CNAME", "foo\\344.other.test."),  # an escape beyond an octet
    ("A", "2001:db8::1"),
    ("AAAA", "none"),
)
# Enters a record as somebody else does: owner, type, TTL, value; names as they are written.
Typed = Callable[[str, str, int, str], None]
# Has the provider show a record as it stands, whether it makes sense or not: owner, type, value.
Shows = Callable[[str, str, str], None]


def read(provider: Provider, *owners: str) -> dict[RRKey, RRset]:
    names = frozenset(owner_name(owner) for owner in owners)
    return dict(provider.read(names | {provider.zone}).rrsets)


def put(provider: Provider, *rrsets: RRset) -> None:
    provider.apply([Change(None, each, "test") for each in rrsets])


def wish(wanted: RRset) -> Claim:
    """The claim that an RRset is just so."""
    mode, values = ClaimMode.EXCLUSIVE, wanted.values
    return Claim(wanted.key, mode, values, wanted.ttl, "test", True, "dns.reason.mx", "test")


def problems(provider: Provider, wanted: RRset) -> list[str]:
    """Publish an RRset where planning has nothing against it; gives what it has."""
    snapshot = provider.read(frozenset({wanted.key.owner, provider.zone}))
    made = plan([wish(wanted)], snapshot, {}, capabilities=provider.capabilities)
    if made.changes:
        provider.apply(made.changes)
    return [conflict.problem.id for conflict in made.conflicts]


class ProviderContract:
    """The suite.

    A class gives the fixtures `provider`, `idn_provider`, `typed` and `shows`, and `refusal`: some
    of what the provider says to an alias beside an address. It says in `opt_outs` why it has none
    of the latter four. cannot_hold: names of TEXTS and VALUES that the provider refuses only when
    they are written, and why; what it says by its capabilities needs no entry.
    """

    refusal: ClassVar[str] = ""
    opt_outs: ClassVar[Mapping[str, str]] = {}
    cannot_hold: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def idn_provider(self) -> Provider:
        """The adapter for the empty zone `xn--bcher-kva.test`."""
        self._left_out("idn_provider")

    @pytest.fixture
    def typed(self) -> Typed:
        """Enters a record as somebody else does."""
        self._left_out("typed")

    @pytest.fixture
    def shows(self) -> Shows:
        """Has the provider show a record whether it makes sense or not."""
        self._left_out("shows")

    def _left_out(self, name: str) -> NoReturn:
        if why := self.opt_outs.get(name):
            pytest.skip(why)
        pytest.fail(f"give a fixture {name!r}, or say in opt_outs why there is none")

    def _check_held_or_refused(self, provider: Provider, name: str, wanted: RRset) -> None:
        try:
            refused = problems(provider, wanted)
        except Rejected as error:
            assert name in self.cannot_hold, error
            refused = [error.words.id]
        else:
            assert name not in self.cannot_hold
        found = read(provider, name_text(wanted.key.owner)).get(wanted.key)
        if refused:
            assert found is None
        else:
            assert found is not None and found.values == wanted.values

    @pytest.mark.parametrize("name", TEXTS)
    def test_a_text_comes_back_octet_by_octet_or_is_refused_in_whole(
        self, provider: Provider, name: str
    ) -> None:
        wanted = rrset("text.example.test", "TXT", 600, TXT(TEXTS[name]))
        self._check_held_or_refused(provider, name, wanted)

    @pytest.mark.parametrize("name", VALUES)
    def test_a_value_at_the_edge_comes_back_or_is_refused_in_whole(
        self, provider: Provider, name: str
    ) -> None:
        rtype, values = VALUES[name]
        wanted = rrset("edge.example.test", rtype, 600, *values)
        self._check_held_or_refused(provider, name, wanted)

    def test_a_key_of_2048_bits_is_held(self, provider: Provider) -> None:
        wanted = rrset("s1._domainkey.example.test", "TXT", 600, TXT(DKIM.data[:410]))
        assert problems(provider, wanted) == []
        assert read(provider, "s1._domainkey.example.test")[wanted.key].values == wanted.values

    def test_one_of_two_texts_at_the_apex_goes_and_the_other_stays(
        self, provider: Provider
    ) -> None:
        theirs, ours = TXT(b"google-site-verification=abc"), TXT(b"v=spf1 mx -all")
        put(provider, rrset(ZONE, "TXT", 600, theirs, ours))
        before = read(provider, ZONE)[key(ZONE, "TXT")]
        after = replace(before, values=frozenset({theirs}))
        provider.apply([Change(before, after, "test")])
        assert read(provider, ZONE)[before.key].values == {theirs}

    def test_the_same_host_gets_another_preference(self, provider: Provider) -> None:
        before, after = (
            rrset(ZONE, "MX", 600, MX(number, owner_name("mx.other.test"))) for number in (10, 20)
        )
        put(provider, before)
        live = read(provider, ZONE)[before.key]
        provider.apply([Change(live, replace(live, values=after.values), "test")])
        found = read(provider, ZONE)[before.key]
        assert (found.values, found.ttl) == (after.values, 600)

    def test_an_rrset_goes_and_what_is_at_or_near_its_name_stays(self, provider: Provider) -> None:
        names = ("mail", "webmail", "mail2", "a.mail")
        kept = [rrset(f"{name}.example.test", "A", 600, Address("192.0.2.1")) for name in names]
        kept += [rrset(f"{name}.example.test", "TXT", 600, TXT(b"x")) for name in names[1:]]
        gone = rrset("mail.example.test", "TXT", 600, TXT(b"x"))
        put(provider, gone, *kept)
        owners = [f"{name}.example.test" for name in names]
        provider.apply([Change(read(provider, *owners)[gone.key], None, "test")])
        found = read(provider, *owners)
        assert gone.key not in found
        assert [found[each.key].values for each in kept] == [each.values for each in kept]

    def test_a_name_that_is_delegated_away_is_a_conflict(
        self, provider: Provider, typed: Typed
    ) -> None:
        typed("sub.example.test", "NS", 600, "ns.elsewhere.test.")
        wanted = rrset("smtp.sub.example.test", "A", 600, *SAMPLES["A"])
        assert problems(provider, wanted) == ["dns.conflict.delegated"]

    def test_a_zone_of_several_pages_is_read_whole(self, provider: Provider) -> None:
        many = [
            rrset(f"h{number}.example.test", "A", 600, Address(f"192.0.2.{number % 250}"))
            for number in range(260)
        ]
        put(provider, *many)
        found = read(provider, *(name_text(each.key.owner) for each in many))
        assert [found[each.key].values for each in many] == [each.values for each in many]

    def test_upper_case_is_the_same_name(self, provider: Provider, typed: Typed) -> None:
        typed("Mail.Example.TEST", "A", 600, "192.0.2.1")
        typed("Mail.Example.TEST", "MX", 600, "10 MX.Other.Test.")
        found = read(provider, "mail.example.test")
        address, mx = (found[key("mail.example.test", rtype)] for rtype in ("A", "MX"))
        assert mx.values == {MX(10, owner_name("mx.other.test"))}
        after = replace(address, values=frozenset({Address("192.0.2.2")}))
        provider.apply([Change(mx, None, "test"), Change(address, after, "test")])
        left = read(provider, "mail.example.test")
        assert mx.key not in left and left[address.key].values == after.values

    def test_a_zone_with_letters_beyond_ascii_is_written(self, idn_provider: Provider) -> None:
        host = "smtp.xn--bcher-kva.test"
        wanted = rrset(host, "MX", 600, MX(10, owner_name("xn--mller-kva.test")))
        put(idn_provider, wanted)
        assert read(idn_provider, host)[wanted.key].values == wanted.values
        assert key("xn--bcher-kva.test", "SOA") in read(idn_provider, host)

    def test_what_is_there_as_wished_is_taken_as_it_is(
        self, provider: Provider, tmp_path: Path
    ) -> None:
        there = rrset("host.example.test", "A", 600, *SAMPLES["A"])
        put(provider, there)
        ledger = Ledger(tmp_path / "state", ZONE)
        assert carry_out(provider, [wish(there)], ledger).changes == ()
        assert [each.origin for each in ledger.load().entries.values()] == ["adopted"]
        assert read(provider, "host.example.test")[there.key].values == there.values

    @pytest.mark.parametrize("rtype", ["A", "CNAME"])
    def test_a_name_that_a_wildcard_answers_for_is_made(
        self, provider: Provider, rtype: str
    ) -> None:
        cover = rrset("*.example.test", rtype, 600, *SAMPLES[rtype])
        put(provider, cover)
        wanted = rrset("_acme-challenge.example.test", "TXT", 600, TXT(b"own"))
        assert problems(provider, wanted) == []
        found = read(provider, "_acme-challenge.example.test", "*.example.test")
        assert found[wanted.key].values == wanted.values
        assert found[cover.key].values == cover.values

    def test_an_alias_in_the_way_is_a_conflict_and_stays(self, provider: Provider) -> None:
        alias = rrset("mail.example.test", "CNAME", 600, *SAMPLES["CNAME"])
        put(provider, alias)
        wanted = rrset("mail.example.test", "A", 600, *SAMPLES["A"])
        assert problems(provider, wanted) == ["dns.conflict.alias"]
        assert read(provider, "mail.example.test")[alias.key].values == alias.values

    def test_an_alias_above_a_name_is_not_in_the_way(self, provider: Provider) -> None:
        put(provider, rrset("_domainkey.example.test", "CNAME", 600, *SAMPLES["CNAME"]))
        wanted = rrset("s1._domainkey.example.test", "TXT", 600, TXT(b"v=DKIM1; p="))
        assert problems(provider, wanted) == []
        assert read(provider, "s1._domainkey.example.test")[wanted.key].values == wanted.values

    def test_a_time_to_live_below_the_least_is_no_reason_to_write_again(
        self, provider: Provider, tmp_path: Path
    ) -> None:
        wanted = wish(rrset("host.example.test", "A", 1, *SAMPLES["A"]))
        ledger = Ledger(tmp_path / "state", ZONE)
        assert len(carry_out(provider, [wanted], ledger).changes) == 1
        assert carry_out(provider, [wanted], ledger).changes == ()
        least = provider.capabilities.ttl(1)
        assert read(provider, "host.example.test")[wanted.key].ttl >= least

    @pytest.mark.parametrize("rtype", SAMPLES)
    def test_every_type_comes_back_as_it_was_written(self, provider: Provider, rtype: str) -> None:
        wanted = rrset("host.example.test", rtype, 300, *SAMPLES[rtype])
        put(provider, wanted)
        assert read(provider, "host.example.test")[wanted.key] == wanted

    def test_a_value_is_added_beside_others(self, provider: Provider) -> None:
        before = rrset(ZONE, "TXT", 300, TXT(b"token"))
        put(provider, before)
        after = rrset(ZONE, "TXT", 300, TXT(b"token"), TXT(b"v=spf1 ~all"))
        provider.apply([Change(before, after, "test")])
        assert read(provider, ZONE)[before.key] == after

    def test_a_value_is_replaced_in_one_step(self, provider: Provider) -> None:
        before, after = (
            rrset(ZONE, "MX", 300, MX(10, owner_name(name))) for name in ("a.test", "b.test")
        )
        put(provider, before)
        provider.apply([Change(before, after, "test")])
        assert read(provider, ZONE)[before.key] == after

    def test_an_rrset_is_removed(self, provider: Provider) -> None:
        made = rrset("host.example.test", "A", 300, *SAMPLES["A"])
        put(provider, made)
        provider.apply([Change(made, None, "test")])
        assert made.key not in read(provider, "host.example.test")

    def test_a_time_to_live_is_changed(self, provider: Provider) -> None:
        before = rrset("host.example.test", "A", 300, *SAMPLES["A"])
        put(provider, before)
        provider.apply([Change(before, replace(before, ttl=600), "test")])
        assert read(provider, "host.example.test")[before.key].ttl == 600

    @pytest.mark.parametrize("seen", [None, "203.0.113.99"])
    def test_what_changed_since_it_was_read_is_not_written(
        self, provider: Provider, seen: str | None
    ) -> None:
        there = rrset("host.example.test", "A", 300, Address("203.0.113.10"))
        put(provider, there)
        before = rrset("host.example.test", "A", 300, Address(seen)) if seen else None
        after = rrset("host.example.test", "A", 300, Address("203.0.113.50"))
        with pytest.raises(Stale):
            provider.apply([Change(before, after, "test")])
        assert read(provider, "host.example.test")[there.key] == there

    def test_one_stale_change_stops_all(self, provider: Provider) -> None:
        fine = Change(None, rrset("one.example.test", "A", 300, *SAMPLES["A"]), "test")
        gone = rrset("two.example.test", "A", 300, *SAMPLES["A"])
        with pytest.raises(Stale):
            provider.apply([fine, Change(gone, None, "test")])
        assert fine.key not in read(provider, "one.example.test")

    def test_what_is_refused_is_told_and_nothing_of_the_batch_is_written(
        self, provider: Provider
    ) -> None:
        if provider.capabilities.atomic != "zone":
            pytest.skip("what is written in single calls cannot be refused as a whole")
        if not self.refusal:
            self._left_out("refusal")
        there = rrset("host.example.test", "A", 300, *SAMPLES["A"])
        put(provider, there)
        alias = rrset("host.example.test", "CNAME", 300, *SAMPLES["CNAME"])
        fine = rrset("fine.example.test", "A", 300, *SAMPLES["A"])
        with pytest.raises(Rejected) as error:
            provider.apply([Change(None, fine, "test"), Change(None, alias, "test")])
        assert self.refusal in str(error.value)
        found = read(provider, "fine.example.test", "host.example.test")
        assert fine.key not in found and found[there.key].values == there.values

    def test_what_is_above_and_beside_a_name_is_seen(self, provider: Provider) -> None:
        cover = rrset("*.example.test", "A", 300, *SAMPLES["A"])
        put(provider, cover)
        found = provider.read(frozenset({owner_name("host.example.test")}))
        assert cover.key in {each.key for each in found.covering}

    def test_the_apex_shows_its_soa_and_name_servers(self, provider: Provider) -> None:
        assert {key(ZONE, "SOA"), key(ZONE, "NS")} <= set(read(provider, ZONE))

    def test_nothing_else_in_the_zone_changes(self, provider: Provider) -> None:
        other = rrset("other.example.test", "TXT", 300, TXT(b"theirs"))
        put(provider, other)
        put(provider, rrset("host.example.test", "A", 300, *SAMPLES["A"]))
        assert read(provider, "other.example.test")[other.key] == other

    def test_records_that_make_no_sense_are_not_the_end_of_the_zone(
        self, provider: Provider, shows: Shows
    ) -> None:
        theirs = rrset("other.example.test", "TXT", 600, TXT(b"theirs"))
        put(provider, theirs)
        odd = {f"odd{number}.example.test": each for number, each in enumerate(SENSELESS)}
        for owner, (rtype, value) in odd.items():
            shows(owner, rtype, value)
        shows("no..name.example.test", "A", "192.0.2.1")
        wanted = rrset("smtp.example.test", "A", 600, *SAMPLES["A"])
        assert problems(provider, wanted) == []
        found = read(provider, "other.example.test", "smtp.example.test", *odd)
        assert found[wanted.key].values == wanted.values
        assert found[theirs.key].values == theirs.values
        senseless = {key(owner, rtype) for owner, (rtype, _) in odd.items()}
        assert {each for each in senseless if each in found and found[each].opaque} == senseless

    def test_a_record_that_makes_no_sense_and_is_in_our_way_is_told_and_stays(
        self, provider: Provider, shows: Shows
    ) -> None:
        wanted = []
        for number, (rtype, value) in enumerate(SENSELESS):
            shows(f"host{number}.example.test", rtype, value)
            wanted.append(rrset(f"host{number}.example.test", rtype, 600, *SAMPLES[rtype][:1]))
        owners = [name_text(each.key.owner) for each in wanted]
        before = read(provider, *owners)
        for each in wanted:
            assert problems(provider, each) == ["dns.conflict.opaque"]
        assert read(provider, *owners) == before
