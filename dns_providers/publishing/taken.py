"""Who answers at a name already: what a web site may stand behind; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import dns.name

from dns_providers.base import Snapshot
from dns_providers.publishing.claims import Claim
from dns_providers.rrset import RRKey, RRset, Value, ancestors, wildcard_beside

# Types that lead no browser anywhere. Any other does, or may: A and AAAA, CNAME, HTTPS and SVCB,
# and whatever a provider has of its own (ALIAS, ANAME, LUA, URL forwarding under many names).
# fmt: off
_LEADS_NOWHERE = frozenset(
    {
        "AFSDB", "APL", "CAA", "CDNSKEY", "CDS", "CERT", "CSYNC", "DHCID", "DNSKEY", "DS",
        "HINFO", "HIP", "IPSECKEY", "KEY", "LOC", "MX", "NAPTR", "NS", "NSEC", "NSEC3",
        "NSEC3PARAM", "OPENPGPKEY", "PTR", "RP", "RRSIG", "SIG", "SMIMEA", "SOA", "SPF",
        "SRV", "SSHFP", "TLSA", "TXT", "URI", "ZONEMD"
    }
)
# fmt: on
_BESIDE_ADDRESSES = frozenset({"A", "AAAA", "CNAME", "DNAME", "HTTPS", "SVCB"})


def leads_somewhere(rrset: RRset) -> bool:
    """Return whether programs that open a name are led somewhere by an RRset."""
    return rrset.key.rtype not in _LEADS_NOWHERE


def in_place_of_addresses(owner: dns.name.Name, snapshot: Snapshot) -> tuple[RRset, ...]:
    """Return what a provider answers a name's addresses by: ALIAS, LUA, URL forwarding."""
    return tuple(
        each
        for each in snapshot.at(owner)
        if leads_somewhere(each) and not each.synthesised and not _has_a_standard(each.key.rtype)
    )


def _has_a_standard(rtype: str) -> bool:
    """Whether a type that leads somewhere is one of DNS itself, which can be beside an address."""
    return rtype in _BESIDE_ADDRESSES or rtype.startswith("TYPE")


def wildcards_above(owner: dns.name.Name, snapshot: Snapshot) -> tuple[RRset, ...]:
    """Return the RRsets of wildcards that may answer for a name, the nearest first."""
    above = ancestors(owner, snapshot.zone)
    return tuple(each for ancestor in above for each in wildcard_for(ancestor, snapshot))


def wildcard_for(owner: dns.name.Name, snapshot: Snapshot) -> tuple[RRset, ...]:
    """Return the RRsets of the wildcard that answers for a name which has nothing of its own.

    The name above it has to exist (RFC 4592 section 3.3.1).
    """
    every, wild = (*snapshot.covering, *snapshot.rrsets.values()), wildcard_beside(owner)
    return tuple(each for each in every if each.key.owner == wild)


def cut_above(owner: dns.name.Name, snapshot: Snapshot) -> RRset | None:
    """Return what ends the zone above a name, or at it: NS of another zone, or a DNAME above."""
    cuts = {each.key: each for each in snapshot.covering if each.key.rtype in ("NS", "DNAME")}
    for ancestor in ancestors(owner, snapshot.zone) if cuts else ():
        for rtype in ("NS", "DNAME"):
            cut = cuts.get(RRKey(ancestor, rtype))
            if cut is not None and not (rtype == "DNAME" and ancestor == owner):
                return cut
    return None


def answering(
    claims: Iterable[Claim],
    snapshot: Snapshot,
    ours: Mapping[RRKey, frozenset[Value]],
    replaced: frozenset[RRKey],
) -> tuple[RRset, ...]:
    """Return what of somebody else's answers at the name that these claims are for.

    ours: values that we have put there. replaced: RRsets that may be replaced.
    """
    wanted = {claim.key: claim.values for claim in claims}
    (owner,) = {key.owner for key in wanted}
    there = [each for each in snapshot.at(owner) if leads_somewhere(each) and not each.synthesised]
    mine = [
        each
        for each in there
        if not each.opaque and each.values in (wanted.get(each.key), ours.get(each.key))
    ]
    theirs = tuple(
        each
        for each in there
        if each not in mine and (each.opaque or each.key not in replaced & wanted.keys())
    )
    if mine or theirs:
        return theirs
    wild = wildcards_above(owner, snapshot)
    return tuple(each for each in wild if leads_somewhere(each))
