"""Block lists: what to ask them of addresses and domains, and what their answers mean; pure."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

import dns.reversename

Codes = tuple[str, ...] | None
DEFAULT = ("spamhaus-zen", "spamhaus-dbl", "spamcop", "surbl", "uribl")


@dataclass(frozen=True, slots=True)
class BlockList:
    """One list. of: "address" or "domain". families: of addresses, 4 and 6.

    zone: where it is asked without a key, "" where it wants one. keyed: with `{key}` in it. key:
    environment variable with that. tests: of domains, what is listed and what is not. fail, warn,
    refused: answers, or beginnings that end with a dot.
    """

    name: str
    rule: str
    of: str
    families: tuple[int, ...]
    zone: str
    keyed: str
    key: str
    tests: tuple[str, str]
    fail: tuple[str, ...]
    warn: tuple[str, ...]
    refused: tuple[str, ...]
    page: str


@cache
def known() -> Mapping[str, BlockList]:
    """Return the lists of block_lists.toml by name."""
    data = tomllib.loads((Path(__file__).parent / "block_lists.toml").read_text("utf-8"))
    return {
        name: BlockList(
            name,
            row["rule"],
            row["of"],
            tuple(row.get("families", ())),
            row.get("zone", ""),
            row.get("keyed", ""),
            row.get("key", ""),
            tuple(row.get("test", ("", ""))),
            tuple(row.get("fail", ())),
            tuple(row.get("warn", ())),
            tuple(row.get("refused", ())),
            row["page"],
        )
        for name, row in data.items()
    }


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is asked of one list about one address or domain: three names of its zone.

    names: of the thing itself; of what is listed for a test; of what is not. Empty where the list
    wants a key that is not given.
    """

    list: str
    subject: str
    names: tuple[str, str, str] | None


def lookups(
    lists: Iterable[str],
    addresses: Iterable[str],
    domains: Iterable[str],
    environment: Mapping[str, str],
) -> tuple[Lookup, ...]:
    """Return what is asked: each list of what it is about. environment: keys are in it."""
    found = list[Lookup]()
    every = {"address": tuple(addresses), "domain": tuple(domains)}
    for each in (known()[name] for name in lists):
        zone = zone_of(each, environment)
        for subject in every[each.of]:
            if each.of == "address" and ipaddress.ip_address(subject).version not in each.families:
                continue
            names = tuple(f"{label}.{zone}" for label in _labels(each, subject))
            asked = (names[0], names[1], names[2]) if zone else None
            found.append(Lookup(each.name, subject, asked))
    return tuple(found)


def zone_of(each: BlockList, environment: Mapping[str, str]) -> str:
    """Return where a list is asked, "" where it wants a key that nobody has given."""
    key = environment.get(each.key, "") if each.key else ""
    usable = bool(key) and key.isascii() and key.isalnum()
    return each.keyed.replace("{key}", key) if usable and each.keyed else each.zone


def _labels(each: BlockList, subject: str) -> tuple[str, str, str]:
    if each.of == "domain":
        return subject, *each.tests
    listed, unlisted = (
        ("127.0.0.2", "127.0.0.1")
        if ipaddress.ip_address(subject).version == 4
        else ("::ffff:7f00:2", "::ffff:7f00:1")
    )
    return reverse_labels(subject), reverse_labels(listed), reverse_labels(unlisted)


def reverse_labels(address: str) -> str:
    """Return an address as lists have it: octets, or nibbles, in reverse order (RFC 5782 2.1, 2.4).

    An IPv4 address in IPv6 is one of IPv6 here.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return dns.reversename.from_address(address).to_text().removesuffix(".in-addr.arpa.")
    return ".".join(reversed(parsed.exploded.replace(":", "")))


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list answered: addresses of a lookup's three names; None where nobody did."""

    lookup: Lookup
    codes: Codes = None
    test_listed: Codes = None
    test_unlisted: Codes = None


class Meaning(StrEnum):
    """What a list says."""

    CLEAN = "clean"
    POLICY = "policy"  # listed, and no fault of its own
    LISTED = "listed"
    REFUSED = "refused"  # it does not answer whoever asks
    ODD = "odd"  # no answer of a block list: somebody else's, or a list that is gone
    DEAF = "deaf"  # it does not answer its own test as it should


def meaning(each: BlockList, codes: Codes, listed: Codes, unlisted: Codes) -> Meaning:
    """Return what answers mean. codes, listed, unlisted: addresses of the three names of a lookup,

    None where nobody answered. The list is believed only where its tests come out right.
    """
    for answers in (codes, listed, unlisted):
        if _any(answers, each.refused):
            return Meaning.REFUSED
    if any(not _loopback(code) for answers in (codes, listed, unlisted) for code in answers or ()):
        return Meaning.ODD
    if codes is None or not listed or unlisted is None or unlisted:
        return Meaning.DEAF
    if not codes:
        return Meaning.CLEAN
    return Meaning.LISTED if _any(codes, each.fail) else Meaning.POLICY


def _any(codes: Codes, wanted: Iterable[str]) -> bool:
    signs = tuple(wanted)
    return any(
        code.startswith(sign) if sign.endswith(".") else code == sign
        for code in codes or ()
        for sign in signs
    )


def _loopback(code: str) -> bool:
    return code.startswith("127.")
