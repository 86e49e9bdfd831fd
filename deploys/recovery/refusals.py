"""Why state cannot be recovered: there is more than one site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploys.host.looked import MEMORY, looked
from deploys.run.identity import IdentityError, identity
from deploys.run.refusals import Around, Refused
from ground.words import Words
from postmaster.manifest import Manifest, ManifestError


def several_sites(around: Around[Any]) -> Iterable[Refused]:
    """Refuse to make one state of several sites'."""
    sites = dict[str, list[str]]()
    for host, _ in around.everywhere():
        try:
            there: Manifest | None = looked(host).of(MEMORY).manifest
        except ManifestError:
            there = None
        if there:
            sites.setdefault(there.stamp.site, []).append(host.name)
    try:
        ours = identity()
    except IdentityError:
        ours = None
    if ours is not None:
        sites.setdefault(ours.site, []).append("state/site.json")
    if len(sites) > 1:
        each = (f"{site[:8]}: {', '.join(names)}" for site, names in sorted(sites.items()))
        found = "; ".join(each)
        yield Refused(Words.of("recover.two_sites", sites=found))
