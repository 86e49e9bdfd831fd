"""What changes hands slowly: old addresses stay in SPF for a while, names move in one step; pure.

Mail that an old address has queued still leaves from there, and resolvers remember an SPF record
for its TTL. A name must not point to two servers: mail would be split over their mailboxes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dns_providers.publishing.claims import Claim
from dns_providers.publishing.ledger import Former, LedgerState
from dns_providers.publishing.plan import Entries, Entry, withdrawals
from dns_providers.rrset import MX, RRKey, Value, name_text
from postmaster import spf_merge
from postmaster.desired import MOVE_STAGE

_ADDRESS_TYPES = ("A", "AAAA")
_POINTING = ("addresses", "names", "apex", "client", "sts-host")  # kinds of groups


def former_terms(claims: Iterable[Claim], state: LedgerState, now: int) -> Former:
    """Return the addresses that SPF records have because of us and no server has any more.

    claims: all that the zone should hold, without former addresses. Returns RRset and term, each
    with the time since when it is not wanted (Unix seconds): `now`, unless the ledger knows.
    """
    found: dict[tuple[RRKey, str], int] = {}
    for claim in claims:
        entry = state.entries.get(claim.key)
        if claim.singleton is None or entry is None:
            continue
        wanted = spf_merge.wanted_by(claim).terms
        for term in entry.terms:
            if term.startswith(("ip4:", "ip6:")) and term not in wanted:
                found[claim.key, term] = state.former.get((claim.key, term), now)
    return found


def former(claims: Iterable[Claim], state: LedgerState, mx_keep: int, now: int) -> Former:
    """Return what the ledger shall hold of what is not wanted any more.

    claims: as for `former_terms`. mx_keep: seconds that an MX value counts after it was taken out;
    that of a domain without claims counts for as long as the domain has records.
    """
    every = tuple(claims)
    claimed = {claim.key for claim in every}
    with_records = {entry.group.partition(":")[2] for entry in state.entries.values()}
    kept = {
        (owner, value): since
        for (owner, value), since in state.former.items()
        if owner.rtype == "MX"
        and (
            now < since + mx_keep
            or (owner not in claimed and name_text(owner.owner) in with_records)
        )
    }
    replaced = {
        (claim.key, str(value)): now
        for claim in every
        if claim.key.rtype == "MX" and (entry := state.entries.get(claim.key))
        for value in entry.values
        if not _same_host(value, claim)
    }
    return {**kept, **replaced, **former_terms(every, state, now)}


def with_former(claims: Iterable[Claim], terms: Former, keep: int, now: int) -> tuple[Claim, ...]:
    """Return claims whose SPF records still have the addresses of the last `keep` seconds."""
    made = []
    for claim in claims:
        more = tuple(
            term
            for (owner, term), since in terms.items()
            if owner == claim.key and now < since + keep
        )
        made.append(_extended(claim, more) if claim.singleton and more else claim)
    return tuple(made)


def staged(claims: Iterable[Claim], entries: Entries) -> tuple[Claim, ...]:
    """Return claims with a stage of their own for names that still point to other addresses.

    What such a name has no more of (an AAAA record of a server that has IPv4 alone) goes with it.
    One more address of the same server gives nothing up, and has to be there before mail is sent
    from it.
    """
    every = tuple(claims)
    wanted: dict[object, set[Value]] = {}
    for claim in every:
        if _points(claim.key, claim.group):
            wanted.setdefault(claim.key.owner, set()).update(claim.values)
    there: dict[object, set[Value]] = {}
    for entry in entries.values():
        if _points(entry.key, entry.group):
            there.setdefault(entry.key.owner, set()).update(entry.values)
    moving = {owner for owner, values in wanted.items() if there.get(owner, values) - values}
    keys = {claim.key for claim in every}
    left = [e for e in entries.values() if _left(e) and e.key.owner in moving and e.key not in keys]
    moved = (
        replace(claim, stage=MOVE_STAGE)
        if claim.key.owner in moving and _points(claim.key, claim.group)
        else claim
        for claim in every
    )
    gone = withdrawals((each.key for each in left), entries)
    return (*moved, *(replace(c, stage=MOVE_STAGE, reason="dns.reason.removed") for c in gone))


def _same_host(value: Value, claim: Claim) -> bool:
    """Whether an MX value leads where the claim's does, at whatever preference."""
    hosts = {each.exchange for each in claim.values if isinstance(each, MX)}
    return isinstance(value, MX) and value.exchange in hosts


def _left(entry: Entry) -> bool:
    return entry.ours and _points(entry.key, entry.group)


def _points(owner: RRKey, group: str) -> bool:
    return owner.rtype in _ADDRESS_TYPES and group.partition(":")[0] in _POINTING


def _extended(claim: Claim, more: tuple[str, ...]) -> Claim:
    wanted = spf_merge.wanted_by(claim)
    every = (*wanted.terms, *(each for each in more if each not in wanted.terms))
    return spf_merge.claiming(claim, replace(wanted, terms=every))
