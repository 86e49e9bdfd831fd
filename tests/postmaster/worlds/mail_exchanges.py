"""Domains whose mail goes nowhere, or to somebody else; hosts with addresses that are not ours."""

from __future__ import annotations

from dataclasses import replace

from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from tests.postmaster.full_view import with_world
from tests.postmaster.worlds.case import Case, Fact
from tests.postmaster.worlds.tree import Zone
from tests.postmaster.worlds.world import MAIL_HOST, V4, V6, World

ZONE = "example.com"
WARN, FAIL, UNKNOWN = Status.WARN, Status.FAIL, Status.UNKNOWN
SPKI, PRINT = "a" * 64, "f" * 64
TLSA = f"_25._tcp.{MAIL_HOST}"


def put(owner: str, rtype: str, *values: str, ttl: int = 3600) -> Fact:
    return lambda world: world.zone().put(owner, rtype, *values, ttl=ttl)


def drop(owner: str, *rtypes: str) -> Fact:
    return lambda world: world.zone().drop(owner, *rtypes)


def mx(*values: str) -> Fact:
    return put(ZONE, "MX", *values)


def host(name: str, *addresses: str) -> Fact:
    """One more host of the zone."""

    def fact(world: World) -> None:
        for rtype, mine in (("A", "."), ("AAAA", ":")):
            found = [each for each in addresses if mine in each]
            if found:
                world.zone().put(name, rtype, *found)

    return fact


def signed(world: World) -> None:
    world.tree.sign(ZONE)


def served(world: World) -> None:
    """The certificate of port 25 has a key."""

    def change(seen: Seen) -> Seen:
        shown = seen.world.smtp.tls
        assert shown is not None and shown.certificate is not None
        made = replace(shown, certificate=replace(shown.certificate, spki=SPKI))
        return with_world(seen, smtp=replace(seen.world.smtp, tls=made))

    world.later.append(change)


def unsigned(world: World) -> None:
    world.tree.parent(ZONE).drop(ZONE, "DS")


def silent(world: World) -> None:
    """Somebody's zone whose server says nothing."""
    world.tree.add(Zone("silent.net"), {"ns.silent.net": ("198.18.9.9",)})
    world.tree.servers["198.18.9.9"].silent = True


def alias_beside(world: World) -> None:
    """A server that gives a CNAME to whoever asks for it, and a TXT record to others."""
    name = f"_dmarc.{ZONE}"
    world.zone().put(name, "CNAME", "_dmarc.provider.test.")


WITH_TLSA = (signed, served, put(TLSA, "TLSA", f"3 1 1 {SPKI}"))
BACKUP = (host("mx2.example.com", V4), mx(f"10 {MAIL_HOST}.", "20 mx2.example.com."))

CASES = (
    Case("MX-07", "no MX", drop(ZONE, "MX"), subject=ZONE, remedy=f"{ZONE} MX 10 {MAIL_HOST}."),
    Case("MX-01", "no MX and no address", drop(ZONE, "MX"), check=True),
    Case(
        "MX-01",
        "no MX, only an address",
        drop(ZONE, "MX"),
        WARN,
        before=(host(ZONE, V4),),
        check=True,
    ),
    Case("MX-02", "a parked domain's template", mx("0 ."), remedy="0 ."),
    Case("MX-02", "a null MX beside another", mx("0 .", f"10 {MAIL_HOST}."), check=True),
    Case(
        "MX-03",
        "an alias",
        put("mx.example.com", "CNAME", f"{MAIL_HOST}."),
        before=(mx("10 mx.example.com."), host("mx.example.com", V4)),
        remedy=MAIL_HOST,
    ),
    Case("MX-04", "an address", mx(f"10 {V4}."), remedy=V4),
    Case("MX-05", "the domain twice", mx(f"10 {MAIL_HOST}.{ZONE}."), remedy=MAIL_HOST),
    Case(
        "MX-05",
        "an underscore",
        mx("10 my_mail.example.com."),
        before=(host("my_mail.example.com", V4),),
    ),
    Case("MX-05", "one label", mx("10 mail.")),
    Case("MX-06", "a host that is gone", mx("10 gone.example.com."), remedy="gone.example.com"),
    Case("MX-06", "nobody answers for it", mx("10 gone.silent.net."), UNKNOWN, before=(silent,)),
    Case(
        "MX-07",
        "to somebody else",
        mx("10 mx.example.com."),
        before=(host("mx.example.com", "9.9.9.10"),),
        remedy=MAIL_HOST,
    ),
    Case(
        "MX-07",
        "to somebody else, too",
        mx(f"10 {MAIL_HOST}.", "10 mx.example.com."),
        WARN,
        before=(host("mx.example.com", "9.9.9.10"),),
    ),
    Case(
        "MX-07",
        "one host leads to two",
        host("mx2.example.com", V4, "9.9.9.10"),
        before=BACKUP,
        remedy="9.9.9.10",
    ),
    Case("MX-08", "the same host twice", mx(f"10 {MAIL_HOST}.", f"20 {MAIL_HOST}."), WARN),
    Case("ADR-01", "another address", put(MAIL_HOST, "A", "9.9.9.10"), remedy=f"A {V4}"),
    Case("ADR-01", "one more address", put(MAIL_HOST, "A", V4, "9.9.9.10"), remedy=f"A {V4}"),
    Case("ADR-01", "no address", drop(MAIL_HOST, "A"), remedy=f"A {V4}"),
    Case("ADR-01", "behind Cloudflare", put(MAIL_HOST, "A", "104.16.1.1"), remedy="grey cloud"),
    Case("ADR-01", "behind Cloudflare", put(MAIL_HOST, "A", "104.16.1.1"), check=True),
    Case("ADR-01", "a private address", put(MAIL_HOST, "A", "10.1.2.3"), check=True),
    Case("ADR-01", "IPv6 alone", drop(MAIL_HOST, "A"), WARN, check=True),
    Case(
        "ADR-02",
        "the panel's own",
        put(MAIL_HOST, "AAAA", V6, "2a00:1450::5"),
        remedy="AAAA 2a00:1450::5",
    ),
    Case(
        "ADR-02",
        "not ours",
        put(MAIL_HOST, "AAAA", "2a00:1450::5"),
        settings={"ipv6": None},
        before=(drop(MAIL_HOST, "AAAA"),),
        remedy="2a00:1450::5",
    ),
    Case("ADR-02", "a local one", put(MAIL_HOST, "AAAA", "fd00::5"), check=True),
    Case("DANE-01", "not signed", unsigned, before=WITH_TLSA, remedy="DNSSEC"),
    Case(
        "DANE-01",
        "another key",
        put(TLSA, "TLSA", f"3 1 1 {'b' * 64}"),
        before=WITH_TLSA,
        remedy=f"3 1 1 {SPKI}",
    ),
    Case("DANE-01", "usage 1", put(TLSA, "TLSA", f"1 1 1 {SPKI}"), WARN, before=WITH_TLSA),
    Case("DEL-09", "a wildcard for all", put(f"*.{ZONE}", "TXT", '"x"'), WARN, remedy=f"*.{ZONE}"),
    Case("DEL-09", "a wildcard below the keys", put(f"*._domainkey.{ZONE}", "TXT", '"x"'), WARN),
    Case("DEL-10", "a CNAME at the apex", put(ZONE, "CNAME", "web.provider.test."), remedy=ZONE),
    Case("DEL-10", "a CNAME beside DMARC", alias_beside, check=True, remedy="_dmarc"),
    Case("CAA-01", "another authority alone", put(ZONE, "CAA", '0 issue "other.test"')),
    Case("DEL-11", "too short", put(MAIL_HOST, "A", V4, ttl=5), WARN, remedy="3600"),
    Case("DEL-11", "a week", put(ZONE, "MX", f"10 {MAIL_HOST}.", ttl=604800), WARN, subject=ZONE),
)
