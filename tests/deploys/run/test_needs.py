"""A host waits for those that its records need, and for nobody else."""

from __future__ import annotations

from deploys.run.needs import missing_beside, needs, zones_of
from postmaster.parse import HostData, parse_site
from postmaster.settings import Site
from tests.postmaster.test_settings import KNOWN, SELECTOR, zone

ZONES = ("a.test", "b.test", "c.test", "d.test", "e.test", "lonely.test")
HOSTS = {name: f"@zone/{name}" for name in ZONES}


def site(**domains: list[str]) -> Site:
    servers = [
        HostData(name, {"domains": there, "ipv4": f"8.8.8.{number}"})
        for number, (name, there) in enumerate(domains.items(), 1)
    ]
    return parse_site(servers, tuple(map(zone, ZONES)), KNOWN, SELECTOR)


def test_a_server_has_records_in_the_zones_of_its_domains_and_of_its_names() -> None:
    there = site(one=["a.test", "sub.b.test"], two=["c.test"])
    assert zones_of(there, HOSTS) == {
        "one": {"@zone/a.test", "@zone/b.test"},
        "two": {"@zone/c.test"},
    }


def test_hosts_that_share_a_zone_wait_for_each_other_and_others_for_nobody() -> None:
    there = site(
        one=["a.test", "b.test"], two=["in.b.test", "c.test"], three=["in.c.test"], four=["d.test"]
    )
    found = needs(there, HOSTS)
    chain = {"one", "two", "three", "@zone/a.test", "@zone/b.test", "@zone/c.test"}
    for host in chain:
        assert found[host] == chain - {host}
    assert found["four"] == {"@zone/d.test"} and found["@zone/d.test"] == {"four"}
    assert "@zone/lonely.test" not in found


def test_the_order_of_servers_makes_no_difference() -> None:
    one = site(one=["a.test"], two=["b.test"], both=["x.a.test", "x.b.test"])
    other = site(both=["x.a.test", "x.b.test"], two=["b.test"], one=["a.test"])
    assert needs(one, HOSTS) == needs(other, HOSTS)
    assert len(needs(one, HOSTS)["one"]) == 4


def test_half_of_a_pair_needs_the_other_but_a_zone_not_all_of_its_servers() -> None:
    pairs = {("one", "@zone/x"), ("two", "@zone/x"), ("two", "@zone/y")}
    assert missing_beside({"one"}, pairs) == {"@zone/x"}
    assert missing_beside({"@zone/x"}, pairs) == {"one", "two"}
    assert missing_beside({"one", "@zone/x"}, pairs) == frozenset()
    assert missing_beside({"one", "@zone/x", "@zone/y"}, pairs) == {"two"}
    assert missing_beside(frozenset(), pairs) == frozenset()
