"""A mail server, its zones in a DNS in memory, and what is seen of it: as it should be, at first.

A fact is a function that changes one thing of a `World`. What DNS shows is looked at with the
probes that a run has; what only a host or an open connection shows is `full_view`'s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from deploys.verification import check
from dns_providers.rrset import RRKey, name_text, to_rdata
from postmaster import block_lists
from postmaster.checks import areas
from postmaster.checks.results import Result
from postmaster.checks.seen import Seen, ZoneView
from postmaster.desired import KeyRecord, desired
from postmaster.outbound import SigningKey
from postmaster.parse import HostData, parse_site
from postmaster.settings import MailServer, Site
from probes.world import server as outside
from probes.world.dns import Resolvers
from probes.world.enquiry import Enquiry
from probes.world.loop import wait_for
from tests.postmaster import full_view
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone
from tests.postmaster.worlds.tree import NOW, Resolver, Tree, Zone

V4, V6 = full_view.ADDRESSES
MAIL_HOST = "smtp.example.com"
# In two networks, one of them with its addresses inside the first zone.
NS1, NS2 = "198.18.1.53", "198.19.2.53"
NAME_SERVERS = {"ns1.example.com": (NS1,), "ns2.example.com": (NS2,)}
RESOLVERS = full_view.RESOLVERS


def site_of(outbound: str, data: dict[str, Any]) -> Site:
    """The same server as `full_view.server`, with the site around it."""
    account = {"smarthost": full_view._ACCOUNT} if outbound == "smarthost" else {}
    settings = {
        "domains": ["example.com", "other.org"],
        "outbound": outbound,
        "ipv4": V4,
        "ipv6": V6,
        "spf_include": ["spf.provider.test"],
        "resolvers": list(RESOLVERS),
        "block_lists": list(block_lists.known()),
    }
    zones = [zone("example.com"), zone("other.org")]
    return parse_site([HostData("vps", {**settings, **account, **data})], zones, KNOWN, SELECTOR)


def _key(signing: SigningKey) -> tuple[KeyRecord, ...]:
    return (KeyRecord(signing.selector, full_view.PUBLIC),)


@dataclass
class World:
    """What there is to be seen. later: changes of what was seen, where DNS does not show it.

    right: the records as the inventory wants them.
    """

    site: Site
    tree: Tree = field(default_factory=Tree)
    later: list[Callable[[Seen], Seen]] = field(default_factory=list)
    ipv6: bool = True
    right: dict[RRKey, tuple[str, ...]] = field(default_factory=dict)

    @property
    def server(self) -> MailServer:
        return self.site.servers[0]

    def zone(self, name: str = "example.com") -> Zone:
        """A zone, as all its name servers have it."""
        return self.tree.zone(name)

    def enquiry(self) -> Enquiry:
        """Questions to this DNS."""
        return self.asked_of(Resolvers(tuple(self.tree.resolvers)))

    def asked_of(self, resolvers: Resolvers) -> Enquiry:
        """Questions to this DNS by these resolvers of it."""
        resolvers = Resolvers(resolvers.addresses, timeout=0.1)
        return Enquiry(resolvers, by=self.tree.send, ipv6=self.ipv6, now=NOW)

    def seen(self) -> Seen:
        """All that a verification of the server sees."""
        from deploys.verification.steps import target

        whole = full_view.good(self.server)
        names = wait_for(outside.names(self.enquiry(), target(self.server)))
        seen_outside = replace(
            whole.world,
            **{each: getattr(names, each) for each in names.__slots__},
        )
        zones = tuple(map(self._served, whole.zones))
        seen = replace(whole, world=seen_outside, zones=zones, now=NOW)
        for change in self.later:
            seen = change(seen)
        return seen

    def _served(self, view: ZoneView) -> ZoneView:
        """A zone's records, those as wrong that this DNS has otherwise."""
        zone = self.tree.zone(view.zone)
        records = tuple(
            each
            if zone.records.get((name_text(each.key.owner), each.key.rtype), (0, ()))[1]
            == self.right.get(each.key)
            else replace(each, right=0, wrong=("ns1.example.com: another",))
            for each in view.records
        )
        return replace(view, records=records)

    def results(self) -> tuple[Result, ...]:
        """The results of a verification of the server."""
        return areas.of_server(self.seen())

    def checked(self, name: str = "example.com") -> tuple[Result, ...]:
        """The results for a domain of which nobody knows whose it is."""
        work = check.report(check.CheckRequest((name,)), name, self.enquiry())
        return wait_for(work).results


def honest(outbound: str = "relay", **data: Any) -> World:
    """A world in which nothing is wrong. data: settings of the server."""
    world = World(site_of(outbound, data))
    tree = world.tree
    for address in RESOLVERS:
        tree.resolvers[address] = Resolver(address)
    for each in world.site.zones:
        made = tree.add(Zone(each.name), NAME_SERVERS)
        for claim in desired(world.site, each.name, _key).claims:
            values = sorted(to_rdata(e, claim.key.rtype).to_text() for e in claim.values)
            made.put(name_text(claim.key.owner), claim.key.rtype, *values)
            world.right[claim.key] = tuple(values)
    provider = tree.add(Zone("provider.test"), {"ns.provider.test": ("198.18.9.53",)})
    provider.put("spf.provider.test", "TXT", '"v=spf1 ip4:198.51.100.7 -all"')
    _reverse(tree, world.server)
    return world


def _reverse(tree: Tree, server: MailServer) -> None:
    """PTR of each address of the server: the mail host."""
    import dns.reversename

    made = tree.add(Zone("arpa"), {}) if "arpa" in tree.root.records else tree.top("arpa")
    for address in server.addresses:
        owner = name_text(dns.reversename.from_address(address))
        made.put(owner, "PTR", f"{server.mail_host}.")
