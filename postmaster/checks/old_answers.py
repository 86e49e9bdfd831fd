"""What a rule says where a record is published as wanted, and a resolver has the one of before."""

from __future__ import annotations

from dns_providers.rrset import key
from ground.words import Words
from postmaster.checks.results import Judgement, warned
from postmaster.checks.seen import Public, Seen


def cached(seen: Seen | Public, owner: str, *rtypes: str) -> Judgement | None:
    """Return that judgement on an owner name (A-labels) and types; None where there is no such."""
    for rtype in rtypes:
        view = seen.cached(key(owner, rtype))
        if view is not None:
            remedy = Words.of("checks.cached_remedy", ttl=view.ttl)
            return warned(Words.of("checks.cached", record=view.key, count=view.right), remedy)
    return None
