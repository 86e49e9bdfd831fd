"""Checks of a zone: is it delegated, do its servers serve it, alike, over TCP, with DNSSEC."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from ground.words import Words
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public
from postmaster.checks.subjects import Subject
from probes.world.delegation import DelegationView, NameServerView
from probes.world.dns import Answer, Outcome

_SOON = timedelta(days=3)  # signatures that end sooner are not renewed in time
_NETWORK = {4: 24, 6: 48}  # length of the prefix that one network has


def _zones(seen: Public) -> Iterator[tuple[Subject, DelegationView]]:
    known = set()
    for view in seen.domains:
        found = view.delegation
        if found is not None and found.wanted not in known:
            known.add(found.wanted)
            yield subjects.of_zone(found.wanted), found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def delegated(view: DelegationView, _: Public) -> Judgement:
    """DEL-01: the zone above delegates it."""
    if view.found:
        return passed(Words.of("del.delegated", names=_listed(view.names)))
    said = {"zone": view.wanted, "above": view.zone or "."}
    if view.outcome is Outcome.NXDOMAIN:
        return failed(Words.of("del.unregistered", **said), Words.of("del.register", **said))
    if view.outcome.known:
        return failed(Words.of("del.no_zone", **said), Words.of("del.no_zone.remedy", **said))
    return unknown(Words.of("del.not_found", **said))


def same_names(view: DelegationView, _: Public) -> Judgement:
    """DEL-02: the zone's own NS records are those of its parent."""
    parent, there = set(view.names), view.child_names
    if not view.apart:
        return passed(Words.of("del.one_server", names=_listed(parent)))
    others = {label: set(names) for label, names in there.items() if set(names) != parent}
    if not others:
        return passed(Words.of("del.same_names", names=_listed(parent)))
    label, names = sorted(others.items())[0]
    remedy = Words.of("del.names_remedy", zone=view.wanted, names=_listed(parent))
    said = {"server": label, "inside": _listed(names) or "-", "parent": _listed(parent)}
    if not parent & set().union(*map(set, there.values())):
        return failed(Words.of("del.no_overlap", **said), remedy)
    return warned(Words.of("del.other_names", **said), remedy)


def _why(answer: Answer) -> str:
    """What a server answered, in DNS's own words."""
    if answer.outcome.known:
        return f"{answer.rcode}, AA={int(answer.authoritative)}"
    return answer.rcode or answer.outcome.value.upper()


def served(view: DelegationView, _: Public) -> Judgement:
    """DEL-03: each of its name servers serves it."""
    lame = [each for each in view.servers if not each.serves]
    if not view.servers and view.unasked:
        return unknown(Words.of("del.only_ipv6", addresses=_listed(view.unasked)))
    said = [f"{each.label}: {_why(each.soa)}" for each in lame]
    said += [f"{each}: -" for each in view.addressless]
    if not said:
        return passed(Words.of("del.served", count=len(view.servers)))
    values = {"zone": view.wanted, "servers": "; ".join(said)}
    remedy = Words.of("del.lame_remedy", **values)
    if len(lame) == len(view.servers):
        if not view.unasked and any(each.soa.rcode for each in lame):
            return failed(Words.of("del.unserved", **values), remedy)
        if not view.unasked:
            return failed(Words.of("del.silent", **values), remedy)
        return unknown(Words.of("del.only_ipv6", addresses=_listed(view.unasked)))
    return warned(Words.of("del.lame", **values), remedy)


def apart(view: DelegationView, _: Public) -> Judgement:
    """DEL-04: it has two name servers, in two networks."""
    remedy = Words.of("del.second", zone=view.wanted)
    if len(view.names) < 2:
        return warned(Words.of("del.one_name", names=_listed(view.names)), remedy)
    addresses = [*(each.address for each in view.servers), *view.unasked]
    networks = {_network(each) for each in addresses}
    if len(networks) < 2:
        return warned(Words.of("del.one_network", network=_listed(networks) or "-"), remedy)
    return passed(Words.of("del.apart", names=len(view.names), networks=len(networks)))


def _network(address: str) -> str:
    version = ipaddress.ip_address(address).version
    return str(ipaddress.ip_network(f"{address}/{_NETWORK[version]}", strict=False))


def _serving(view: DelegationView) -> list[NameServerView]:
    return [each for each in view.servers if each.serves]


def one_version(view: DelegationView, _: Public) -> Judgement:
    """DEL-05: all its servers have the same version of it."""
    serials = {each.label: each.serial for each in _serving(view)}
    if len(set(serials.values())) > 1:
        said = "; ".join(f"{label}: {serial}" for label, serial in sorted(serials.items()))
        return warned(Words.of("del.serials", serials=said), Words.of("del.serials_remedy"))
    return passed(Words.of("del.serial", serial=next(iter(serials.values()), "-")))


def glue(view: DelegationView, _: Public) -> Judgement:
    """DEL-06: addresses of name servers inside the zone are at its parent, the same ones."""
    given, own = dict(view.glue), dict(view.own)
    if not own:
        return passed(Words.of("del.no_glue"))
    for name, addresses in own.items():
        at_parent = given.get(name, ())
        said = {"name": name, "parent": _listed(at_parent) or "-"}
        if addresses is None:
            return unknown(Words.of("checks.dns.no_answer", name=name), required=False)
        if set(addresses) != set(at_parent) and view.apart:
            said["own"] = _listed(addresses) or "-"
            return failed(Words.of("del.glue", **said), Words.of("del.glue_remedy", **said))
    return passed(Words.of("del.glue_right", names=_listed(own)))


def dnssec(view: DelegationView, seen: Public) -> Judgement:
    """DEL-07: whoever validates comes to it; or it is not signed at all."""
    found = view.dnssec
    said = {"zone": view.wanted}
    if found.ds is None or found.keys is None:
        return unknown(Words.of("checks.dns.no_answer", name=view.wanted), required=False)
    if not found.ds and not found.keys:
        return passed(Words.of("del.unsigned"))
    if not found.ds:
        return warned(Words.of("del.no_ds"), Words.of("del.no_ds.remedy", **said))
    bogus = _bogus(found.validated, found.unchecked)
    if found.problem or bogus:
        tags = ", ".join(map(str, found.ds))
        why = found.problem or bogus or ""
        remedy = Words.of("del.bogus_remedy", tags=tags, **said)
        return failed(Words.of("del.bogus", reason=why), remedy)
    if found.expires is not None and found.expires - seen.now < _SOON:
        end = found.expires.isoformat(" ", "minutes")
        return warned(Words.of("del.expires", end=end), Words.of("del.expires_remedy", **said))
    return passed(Words.of("del.signed"))


def _bogus(validated: Answer | None, unchecked: Answer | None) -> str | None:
    """Why a resolver that validates does not believe it, in its words."""
    if validated is None or unchecked is None or not unchecked.outcome.known:
        return None
    if validated.outcome.known or not validated.rcode:
        return None
    return "; ".join((validated.rcode, *validated.errors))


def modern(view: DelegationView, _: Public) -> Judgement:
    """DEL-12: its servers answer by TCP, with EDNS, and to any spelling of the name."""
    wrong = []
    for each in _serving(view):
        if not each.by_tcp.outcome.known:
            wrong.append(f"{each.label}: TCP {_why(each.by_tcp)}")
        if not each.edns:
            wrong.append(f"{each.label}: EDNS FORMERR")
        if each.keeps_case is False:
            wrong.append(f"{each.label}: 0x20")
    if wrong:
        seen = Words.of("del.old_server", servers="; ".join(wrong))
        return warned(seen, Words.of("del.old_server.remedy"))
    return passed(Words.of("del.modern"))


CHECKS: tuple[Check[Public, Any], ...] = (
    Check(rules.DEL_01, _zones, delegated),
    Check(rules.DEL_02, _zones, same_names),
    Check(rules.DEL_03, _zones, served),
    Check(rules.DEL_04, _zones, apart),
    Check(rules.DEL_05, _zones, one_version),
    Check(rules.DEL_06, _zones, glue),
    Check(rules.DEL_07, _zones, dnssec),
    Check(rules.DEL_12, _zones, modern),
)
