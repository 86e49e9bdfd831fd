"""Key records as panels make them, each beside one that is right."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from keys import dkim as keys
from postmaster.checks.results import Status
from postmaster.checks.seen import Seen
from tests.postmaster import full_view
from tests.postmaster.worlds.case import Case, Fact
from tests.postmaster.worlds.spf import strings, txt
from tests.postmaster.worlds.tree import NOW
from tests.postmaster.worlds.world import World, site_of

DOMAIN = "example.com"
OWNER = f"pm202611a._domainkey.{DOMAIN}"
RESOLVER = "9.9.9.9"
PUBLIC = full_view.PUBLIC
WARN, FAIL, UNKNOWN = Status.WARN, Status.FAIL, Status.UNKNOWN


def key(*records: str) -> Fact:
    return txt(OWNER, *map(strings, records))


def tags(before: str, data: str = PUBLIC.data, after: str = "") -> Fact:
    return key(f"{before}p={data}{after}")


@cache
def public(bits: int) -> keys.DkimPublicKey:
    return keys.public_key(keys.read(keys.make(bits)))


def ed25519_data() -> str:
    raw = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return base64.b64encode(raw.public_bytes(*form)).decode()


def rsa_data(bits: int) -> str:
    """`p=` with an RSA key of any length, which nobody has the private part of."""
    modulus = (1 << (bits - 1)) | 0b1011
    numbers = b"".join(_der(2, n.to_bytes(n.bit_length() // 8 + 1)) for n in (modulus, 65537))
    algorithm = _der(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    spki = _der(0x30, algorithm + _der(3, b"\0" + _der(0x30, numbers)))
    return base64.b64encode(spki).decode()


def _der(tag: int, content: bytes) -> bytes:
    """One element (X.690 section 8.1), of less than 64 KiB."""
    size = len(content)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2)
    return bytes([tag]) + length + content


def alias(*names: str) -> Fact:
    """The owner name leads to the record by these."""

    def lead(world: World) -> None:
        way = (OWNER, *names)
        for owner, target in zip(way, names, strict=False):
            world.zone().drop(owner, "TXT")
            world.zone().put(owner, "CNAME", f"{target}.")
        world.zone().put(names[-1], "TXT", strings(PUBLIC.record))

    return lead


def dangling(world: World) -> None:
    world.zone().drop(OWNER, "TXT")
    world.zone().put(OWNER, "CNAME", "k1.example.com.")


def nowhere(world: World) -> None:
    world.zone().drop(OWNER, "TXT")


def doubled(world: World) -> None:
    world.zone().drop(OWNER, "TXT")
    world.zone().put(f"{OWNER}.{DOMAIN}", "TXT", strings(PUBLIC.record))


def wildcard(world: World) -> None:
    world.zone().drop(OWNER, "TXT")
    world.zone().put(f"*._domainkey.{DOMAIN}", "TXT", strings(PUBLIC.record))


def made(days: int) -> Fact:
    """The store knows when the key was made."""

    def known(seen: Seen) -> Seen:
        return replace(seen, made={(DOMAIN, "pm202611a"): NOW - timedelta(days=days)})

    return lambda world: world.later.append(known)


def by_pmail(world: World) -> None:
    """PMail sends by itself, and signs all with the key of the first domain."""
    world.site = site_of("direct", {})


def on_host(other: keys.DkimPublicKey) -> Fact:
    """The host signs with another key than DNS has."""

    def changed(seen: Seen) -> Seen:
        return replace(seen, host=replace(seen.host, dkim=((OWNER, other.data),)))

    return lambda world: world.later.append(changed)


def one_has_the_old(world: World) -> None:
    world.tree.resolvers[RESOLVER].cached[OWNER, "TXT"] = (600, (strings(public(2048).record),))


def mute(world: World) -> None:
    world.tree.resolvers[RESOLVER].silent = True


def case(
    rule: str, name: str, fact: Fact, status: Status = FAIL, remedy: str = PUBLIC.data
) -> Case:
    return Case(rule, name, fact, status, subject=OWNER, remedy=remedy)


HEAD, CUT = PUBLIC.record[:100], PUBLIC.record[:255]
CASES = (
    case("DKIM-01", "there is none", nowhere),
    case(
        "DKIM-01", "the domain was entered twice", doubled, remedy="enter pm202611a._domainkey as"
    ),
    case(
        "DKIM-02",
        "the old one was not deleted",
        key(PUBLIC.record, public(2048).record),
        remedy=public(2048).data[-30:],
    ),
    case("DKIM-03", "v is written small", tags("v=dkim1; k=rsa; ")),
    case(
        "DKIM-03",
        "backslashes",
        txt(OWNER, f'"v=DKIM1\\\\; k=rsa\\\\; " "p={PUBLIC.data[:200]}" "{PUBLIC.data[200:]}"'),
    ),
    case("DKIM-03", "v is not the first", tags("k=rsa; v=DKIM1; ")),
    case("DKIM-03", "a tag twice", tags("v=DKIM1; k=rsa; k=rsa; ")),
    case("DKIM-04", "cut by the panel", key(CUT), remedy=f'"{PUBLIC.record[255:]}"'),
    case("DKIM-04", "no base64", tags("v=DKIM1; ", "%%%%")),
    case("DKIM-05", "768 bits", tags("v=DKIM1; ", rsa_data(768)), remedy="2048"),
    case("DKIM-05", "1024 bits", key(public(1024).record), WARN, "2048"),
    Case(
        "DKIM-06",
        "the host has another key",
        on_host(public(2048)),
        subject=OWNER,
        remedy="run the deploy",
    ),
    case("DKIM-06", "DNS has another key", key(public(2048).record)),
    case("DKIM-08", "marked as a test", tags("v=DKIM1; t=y; "), WARN),
    case("DKIM-09", "SHA-1 alone", tags("v=DKIM1; h=sha1; ")),
    case("DKIM-10", "for reports", tags("v=DKIM1; s=tlsrpt; ")),
    case("DKIM-10", "a kind that nobody knows", tags("v=DKIM1; k=dsa; ")),
    case("DKIM-11", "Ed25519 alone", tags("v=DKIM1; k=ed25519; ", ed25519_data()), WARN, "2048"),
    case("DKIM-12", "revoked", tags("v=DKIM1; ", "")),
    case(
        "DKIM-13",
        "the quotes are in it",
        txt(OWNER, f'"{HEAD}\\" \\"{PUBLIC.record[100:240]}" "{PUBLIC.record[240:]}"'),
    ),
    case("DKIM-14", "an alias to nothing", dangling, remedy="k1.example.com"),
    case(
        "DKIM-14", "a long way", alias("k1.example.com", "k2.example.com"), WARN, "k2.example.com"
    ),
    case("DKIM-15", "a wildcard's", wildcard),
    Case(
        "DKIM-16", "signed by another domain", by_pmail, WARN, subject="other.org", remedy="relay"
    ),
    Case(
        "DKIM-17",
        "a resolver has another key",
        one_has_the_old,
        subject=f"{OWNER} @{RESOLVER}",
        remedy=PUBLIC.data,
    ),
    Case("DKIM-17", "a resolver is mute", mute, UNKNOWN, subject=f"{OWNER} @{RESOLVER}"),
    Case(
        "DKIM-19",
        "made a year ago",
        made(365),
        WARN,
        subject=OWNER,
        before=(made(30),),
        remedy="rotate-dkim",
    ),
)
