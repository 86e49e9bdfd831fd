"""Zones that are badly delegated, badly served, or badly signed."""

from __future__ import annotations

from datetime import timedelta

from postmaster.checks.results import Status
from tests.postmaster.worlds.case import Case
from tests.postmaster.worlds.tree import NOW, Server
from tests.postmaster.worlds.world import NS1, NS2, World

ZONE = "example.com"
WARN, FAIL, UNKNOWN = Status.WARN, Status.FAIL, Status.UNKNOWN


def signed(world: World) -> None:
    world.tree.sign(ZONE)


def second(world: World) -> Server:
    return world.tree.servers[NS2]


def unregistered(world: World) -> None:
    parent = world.tree.parent(ZONE)
    for name in (ZONE, "ns1.example.com", "ns2.example.com"):
        parent.drop(name)


def other_parent(world: World) -> None:
    """The registrar has a server that the zone does not name."""
    parent = world.tree.parent(ZONE)
    parent.put(ZONE, "NS", *parent.get(ZONE, "NS"), "ns3.example.com.")
    parent.put("ns3.example.com", "A", NS2)


def moved(world: World) -> None:
    """The zone still names the servers of before."""
    world.zone().put(ZONE, "NS", "old1.provider.test.", "old2.provider.test.")


def one_server(world: World) -> None:
    for zone in (world.tree.parent(ZONE), world.zone()):
        zone.put(ZONE, "NS", "ns1.example.com.")


def one_network(world: World) -> None:
    near = "198.18.1.54"
    world.tree.server(near).zones = dict(world.tree.servers[NS2].zones)
    for zone in (world.tree.parent(ZONE), world.zone()):
        zone.put("ns2.example.com", "A", near)


def both(world: World, **changes: object) -> None:
    for address in (NS1, NS2):
        for name, value in changes.items():
            setattr(world.tree.servers[address], name, value)


CASES = (
    Case("DEL-01", "the domain is not registered", unregistered, subject=ZONE, remedy="renew"),
    Case("DEL-01", "nobody knows it", unregistered, subject=ZONE, check=True),
    Case("DEL-02", "the registrar has one more", other_parent, WARN, remedy="ns3.example.com"),
    Case("DEL-02", "the zone names none of them", moved, remedy="ns1.example.com"),
    Case("DEL-03", "one server says nothing", lambda w: both_but_first(w, silent=True), WARN),
    Case("DEL-03", "one server refuses", lambda w: both_but_first(w, refuses=True), WARN),
    Case("DEL-03", "one server is lame", lambda w: both_but_first(w, lame=True), WARN),
    Case("DEL-03", "none has the zone", lambda w: both(w, refuses=True), remedy="REFUSED"),
    Case("DEL-04", "there is one name server", one_server, WARN),
    Case("DEL-04", "both are in one network", one_network, WARN, remedy="another network"),
    Case("DEL-05", "one has an old version", lambda w: old(w), WARN),
    Case("DEL-06", "the registrar has an old address", lambda w: old_glue(w), remedy=NS1),
    Case("DEL-07", "DS without a signature", lambda w: undone(w), before=(signed,), remedy="DS"),
    Case("DEL-07", "another key than the DS has", lambda w: rekeyed(w), before=(signed,)),
    Case("DEL-07", "signatures are over", lambda w: ends(w, -1), before=(signed,)),
    Case("DEL-07", "signatures end soon", lambda w: ends(w, 1), WARN, before=(signed,)),
    Case("DEL-07", "signed and nobody knows", lambda w: no_ds(w), WARN, before=(signed,)),
    Case("DEL-12", "no TCP", lambda w: both_but_first(w, tcp=False), WARN, remedy="TCP"),
    Case("DEL-12", "no EDNS", lambda w: both_but_first(w, edns=False), WARN),
    Case("DEL-12", "another spelling", lambda w: both_but_first(w, keeps_case=False), WARN),
)


def both_but_first(world: World, **changes: object) -> None:
    for name, value in changes.items():
        setattr(second(world), name, value)


def old(world: World) -> None:
    second(world).own(ZONE).serial = 0


def old_glue(world: World) -> None:
    world.tree.parent(ZONE).put("ns1.example.com", "A", NS2)


def undone(world: World) -> None:
    world.zone().key = None


def rekeyed(world: World) -> None:
    world.zone().key = 99


def ends(world: World, days: int) -> None:
    world.zone().ends = NOW + timedelta(days=days)


def no_ds(world: World) -> None:
    world.tree.parent(ZONE).drop(ZONE, "DS")
