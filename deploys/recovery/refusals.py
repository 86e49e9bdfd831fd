"""Why state cannot be recovered: there is more than one site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deploys.recovery.known import known_site, manifest_of
from deploys.run.refusals import Around, Refused
from ground.words import Words


def several_sites(around: Around[Any]) -> Iterable[Refused]:
    """Refuse to make one state of several sites'."""
    sites = dict[str, list[str]]()
    for host, _ in around.everywhere():
        if there := manifest_of(host):
            sites.setdefault(there.stamp.site, []).append(host.name)
    if ours := known_site():
        sites.setdefault(ours.site, []).append("state/site.json")
    if len(sites) > 1:
        each = (f"{site[:8]}: {', '.join(names)}" for site, names in sorted(sites.items()))
        found = "; ".join(each)
        yield Refused(Words.of("recover.two_sites", sites=found))
