"""What state becomes, from what a host remembers and DNS shows; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dns_providers.base import Snapshot
from dns_providers.publishing.claims import ClaimMode
from dns_providers.publishing.ledger import Former
from dns_providers.publishing.plan import Entries, Entry
from dns_providers.rrset import RRKey, RRset, Value, name_text
from ground.words import Words
from keys.rotation import Rotation, behind
from postmaster.manifest import (
    Facts,
    FormerMark,
    Identity,
    Look,
    Manifest,
    RecordMark,
    Standing,
    known_of,
    standing,
    value_sum,
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a zone's ledger becomes. differing: RRsets that are not as they were written."""

    entries: Entries
    differing: tuple[RRKey, ...]


def identity(ours: Identity | None, host: str, there: Manifest) -> Identity:
    """Return which site the state is of, once it knows a host's manifest.

    ours: the state's, None where it has none. host: inventory name.
    """
    stamp, known = there.stamp, known_of(there.facts, there.stamp)
    site = ours or Identity(stamp.site, stamp.generation)
    generation = max(site.generation, stamp.generation)
    return replace(site, generation=generation, hosts={**site.hosts, host: known})


@dataclass(frozen=True, slots=True)
class Before:
    """How a host and the state stood to each other when the run began.

    newer: the host was written to by somebody else since this state was. behind: what the host
    remembers is of an earlier day, or is gone. lost: there was no state.
    """

    newer: bool
    behind: bool
    lost: bool


def before(ours: Identity | None, host: str, seen: Look) -> Before:
    """Return how a host and the state stand to each other.

    ours: the state's, None where it has none. host: inventory name.
    """
    older = standing(ours, host, seen, traces=True) is Standing.OLDER_HOST
    marks = {m for each in (ours.hosts.values() if ours else ()) for m in (each.mark, each.pending)}
    newer = seen.manifest is not None and seen.manifest.stamp.mark not in marks and not older
    return Before(newer, older or (seen.manifest is None and seen.deployed), ours is None)


@dataclass(frozen=True, slots=True)
class Going:
    """What becomes of a domain's journal: a rotation to write, or one that is over elsewhere."""

    domain: str
    write: Rotation | None = None
    over: bool = False


def rotations(
    facts: Facts,
    here: Mapping[str, Rotation],
    damaged: frozenset[str],
    over: frozenset[tuple[str, float]],
    *,
    newer: bool,
) -> tuple[Going, ...]:
    """Return what becomes of the journals of a server's domains.

    here: rotations that the state has going on. damaged: domains whose journal cannot be read.
    over: domain and start of those that have ended. newer: the host was written to since; else what
    the state has counts, unless it is of an earlier day.
    """
    there = {e.domain: e for e in facts.rotations if (e.domain, e.started) not in over}
    found = []
    for domain in dict.fromkeys((*facts.domains, *there)):
        remembered, ours = there.get(domain), here.get(domain)
        if remembered == ours and domain not in damaged:
            continue
        if ours and ours.server not in ("", facts.host):
            continue  # the domain has moved, and goes on elsewhere
        if ours is None or newer or (remembered and behind(ours, remembered)):
            found.append(Going(domain, remembered, over=remembered is None))
    return tuple(found)


def ledger(
    marks: Iterable[RecordMark],
    adopted: Iterable[Entry],
    known: Entries,
    snapshot: Snapshot,
    *,
    newer: bool,
    includes: frozenset[str] = frozenset(),
) -> Ledger:
    """Return what a zone's ledger becomes.

    marks: what hosts remember of it. adopted: what is wanted and there. known: what the ledger has;
    it counts, unless a host was written to since (`newer`). Of what is remembered only that is
    taken which is there as it was. includes: domains that the inventory has in SPF.
    """
    found, differing = {each.key: each for each in adopted}, list[RRKey]()
    for mark in filter(_may_be_ours, marks):
        live = snapshot.get(mark.key)
        if live is None:
            continue  # gone: nothing of ours is left to be withdrawn
        entry = _proven(_with_our_terms(mark, includes), live)
        if entry is not None:
            found[mark.key] = entry
        elif mark.key not in found:
            differing.append(mark.key)
    entries = {**known, **found} if newer else {**found, **known}
    told = (key for key in dict.fromkeys(differing) if key not in entries)
    return Ledger(entries, tuple(told))


# What we write, by kind of group: where a host names anything else it is not believed.
_OURS: Mapping[str, tuple[frozenset[str], str]] = {
    "addresses": (frozenset({"A", "AAAA"}), ""),
    "names": (frozenset({"A", "AAAA"}), ""),
    "apex": (frozenset({"A", "AAAA"}), ""),
    "mx": (frozenset({"MX"}), ""),
    "spf": (frozenset({"TXT"}), ""),
    "dmarc": (frozenset({"TXT"}), "_dmarc"),
    "dkim": (frozenset({"TXT"}), "_domainkey"),
    "srv": (frozenset({"SRV"}), ""),
    "no-srv": (frozenset({"SRV"}), ""),
    "tls-rpt": (frozenset({"TXT"}), "_smtp"),
    "client": (frozenset({"A", "AAAA"}), "autoconfig"),
    "sts-host": (frozenset({"A", "AAAA"}), "mta-sts"),
    "sts": (frozenset({"TXT"}), "_mta-sts"),
    "caa": (frozenset({"CAA"}), ""),
    "caa-account": (frozenset({"CAA"}), ""),
    "acme": (frozenset({"TXT"}), "_acme-challenge"),
}


def _may_be_ours(mark: RecordMark) -> bool:
    """Whether a record is of a kind that we write. A host may be somebody else's by now."""
    kind, _, domain = mark.group.partition(":")
    rtypes, label = _OURS.get(kind, (frozenset[str](), ""))
    owner = name_text(mark.key.owner)
    above = (mark.zone, *(() if kind in ("addresses", "names", "acme") else (domain,)))
    inside = all(f".{owner}".endswith(f".{each}") for each in above)
    return inside and mark.key.rtype in rtypes and (not label or label in owner.split(".")[:2])


def _with_our_terms(mark: RecordMark, includes: frozenset[str]) -> RecordMark:
    """A mark without terms of SPF that may be somebody else's: the next deploy would take them out.

    An address of ours that is none any more has its time first, and is told.
    """
    ours = {f"include:{each}" for each in includes}
    terms = (each for each in mark.terms if each.startswith(("ip4:", "ip6:")) or each in ours)
    return replace(mark, terms=tuple(terms))


def zones(facts: Facts) -> frozenset[str]:
    """Return the zones that a host remembers anything of."""
    records, former = facts.records, facts.former
    return frozenset({*(each.zone for each in records), *(each.zone for each in former)})


def former(marks: Iterable[FormerMark], known: Former, *, newer: bool) -> Former:
    """Return since when values are not wanted any more, by what hosts remember and the ledger has.

    The later time counts, so that nothing goes too early. known: the ledger's; it counts, unless a
    host was written to since (`newer`).
    """
    there: dict[tuple[RRKey, str], int] = {}
    for mark in marks:
        there[mark.key, mark.text] = max(mark.since, there.get((mark.key, mark.text), 0))
    return {**known, **there} if newer else {**there, **known}


def _proven(mark: RecordMark, live: RRset) -> Entry | None:
    """The entry that a mark stands for, where its values are there; None where they are not."""
    by_sum = {value_sum(value, mark.key.rtype): value for value in live.values}
    values = frozenset(by_sum[each] for each in mark.sums if each in by_sum)
    whole = len(values) == len(mark.sums)
    if not whole or (mark.mode is ClaimMode.EXCLUSIVE and values != live.values):
        return None
    return Entry(
        mark.key,
        values,
        mark.ttl,
        mark.origin,
        mark.group,
        mark.mode,
        mark.terms,
        mark.whole,
        _found(mark, by_sum),
    )


def _found(mark: RecordMark, by_sum: Mapping[str, Value]) -> frozenset[Value]:
    """The values that were there before us."""
    if mark.mode is not ClaimMode.MEMBER or mark.origin != "written":
        return frozenset()
    return frozenset(by_sum[each] for each in mark.sums if each not in mark.ours)


def lost(
    facts: Facts, kept: frozenset[str], known: Mapping[str, Entries], *, all_of_it: bool
) -> tuple[Words, ...]:
    """Return what of a server cannot come back.

    kept: accounts whose password is known here. known: what the ledger has of each zone that the
    host remembers records of and the inventory does not have. all_of_it: there was no state.
    """
    accounts = [each for each in (facts.admin, *facts.users) if each not in kept]
    found = [Words.of("recover.lost.password", account=each) for each in accounts]
    for zone, entries in sorted(known.items()):
        keys = [str(e.key) for e in facts.records if e.zone == zone and e.key not in entries]
        if keys:
            found.append(Words.of("recover.lost.zone", zone=zone, records=", ".join(keys)))
    return (*found, Words.of("recover.lost.rest")) if all_of_it else tuple(found)
