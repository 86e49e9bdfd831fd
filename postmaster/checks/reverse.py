"""Checks of how the server shows itself to receivers: PTR, greeting name, banner."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from dns_providers.publishing.public_suffix import organizational
from ground.words import Words
from postmaster import vps
from postmaster.checks import rules, subjects
from postmaster.checks.dns_records import unanswered
from postmaster.checks.old_answers import cached
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.outbound import mode_of
from probes.world.dns import Reverse
from probes.world.smtp import SmtpView

# Words in names that providers give to addresses nobody has asked a name for; `static` and
# `business` alone are tolerated by receivers.
_GENERIC = re.compile(
    r"(?:^|[.\-_0-9])(?:dynamic|dyn|dhcp|pool|dsl|adsl|cable|ppp|clients?|customers?|cust|vps|ecs|"
    r"compute|in-addr)(?=$|[.\-_0-9])"
)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def provider(seen: Seen) -> str:
    """Return who the machine is rented from, as `postmaster.vps` knows it."""
    return seen.bare.provider if seen.bare else vps.OTHER


def _addresses(seen: Seen) -> Iterator[tuple[Subject, Reverse]]:
    for view in seen.world.reverse:
        yield subjects.of_address(view.address), view


def ptr(view: Reverse, seen: Seen) -> Judgement:
    """RDNS-01: the address has one PTR name."""
    host = mode_of(seen.server).ptr_name(seen.server)
    remedy = vps.ptr_remedy(provider(seen), view.address, host)
    if not view.outcome.known:
        return unanswered(view.address)
    if not view.names:
        return failed(Words.of("checks.rdns.none"), remedy)
    names = Words.of("checks.rdns.names", names=", ".join(view.names))
    of_before = set(view.names) & set(seen.server.old_names)
    return warned(names, remedy) if len(view.names) > 1 or of_before else passed(names)


def ptr_confirmed(view: Reverse, seen: Seen) -> Judgement:
    """RDNS-02: the PTR name points back (FCrDNS)."""
    mine = ipaddress.ip_address(view.address)
    back = [name for name, found in view.forward if mine in map(ipaddress.ip_address, found or ())]
    if back:
        return passed(Words.of("checks.rdns.confirmed", name=back[0]))
    if mute := [name for name, found in view.forward if found is None]:
        return unanswered(mute[0])
    for name in view.names:
        if old := cached(seen, name, "A" if mine.version == 4 else "AAAA"):
            return old
    missing = Words.of("checks.rdns.forward", name=view.names[0], address=view.address)
    return failed(Words.of("checks.rdns.not_confirmed", names=", ".join(view.names)), missing)


def ptr_own(view: Reverse, seen: Seen) -> Judgement:
    """RDNS-03: the PTR name does not look like one that the provider gives to any address."""
    host = mode_of(seen.server).ptr_name(seen.server)
    ours = {host, seen.server.mail_host}
    generic = [name for name in view.names if name not in ours and is_generic(name, view.address)]
    if generic:
        said = Words.of("checks.rdns.generic", names=", ".join(generic))
        return warned(said, vps.ptr_remedy(provider(seen), view.address, host))
    return passed(Words.of("checks.rdns.own", names=", ".join(view.names)))


def is_generic(name: str, address: str) -> bool:
    """Return whether a PTR name is made from its address, or says that it is any customer's.

    As receivers do: two octets of the address (the last, or the first two; decimal or hexadecimal)
    in the host part of the name, or a word of providers.
    """
    whole = name.lower().rstrip(".")
    host = whole.removesuffix(organizational(name)) or whole
    return bool(_GENERIC.search(host)) or _names_address(host, address)


def _names_address(host: str, address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    if parsed.version == 6:
        return parsed.exploded.replace(":", "")[-8:] in re.sub(r"[^0-9a-f]", "", host)
    octets = parsed.packed
    if parsed.packed.hex() in re.sub(r"[^0-9a-f]", "", host):
        return True
    numbers = [int(each) for each in re.findall(r"(?<!\d)0*(\d{1,3})(?!\d)", host)]
    pairs = {frozenset(octets[:2]), frozenset(octets[2:])}
    return any(pair <= set(numbers) and _enough(numbers, pair) for pair in pairs)


def _enough(numbers: list[int], pair: frozenset[int]) -> bool:
    """Two octets that are the same number have to be there twice."""
    return len(pair) == 2 or numbers.count(next(iter(pair))) >= 2


def ptr_related(view: Reverse, seen: Seen) -> Judgement:
    """RDNS-04: the PTR name is of the organisation that the mail is of."""
    ours = {organizational(each.name) for each in seen.server.domains}
    others = [name for name in view.names if organizational(name) not in ours]
    names = ", ".join(view.names)
    if others:
        host = mode_of(seen.server).ptr_name(seen.server)
        said = Words.of("checks.rdns.other", names=", ".join(others))
        return warned(said, vps.ptr_remedy(provider(seen), view.address, host))
    return passed(Words.of("checks.rdns.related", names=names))


# -- greeting ----------------------------------------------------------------------------------


def greetings(seen: Seen) -> tuple[str, ...]:
    """Return the names that receivers are greeted with: as they were seen, else as they are set."""
    used = sorted({proof.ehlo for proof, _ in seen.relay.proofs if proof.ehlo})
    return tuple(used) or tuple(dict.fromkeys(mode_of(seen.server).ehlo_names(seen.server)))


def _greetings(seen: Seen) -> Iterator[tuple[Subject, str]]:
    for name in greetings(seen):
        yield subjects.of_greeting(name), name


def ehlo_syntax(name: str, seen: Seen) -> Judgement:
    """EHLO-01: the greeting name is a whole host name."""
    labels = name.lower().rstrip(".").split(".")
    whole = len(labels) > 1 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
    if whole and labels[-1] not in ("localdomain", "localhost", "local"):
        return passed(Words.of("checks.ehlo.whole", name=name))
    remedy = Words.of("checks.ehlo.whole_remedy", host=seen.server.mail_host)
    return failed(Words.of("checks.ehlo.not_whole", name=name), remedy)


def ehlo_resolves(name: str, seen: Seen) -> Judgement:
    """EHLO-02: the greeting name leads to the address that it comes from."""
    there = dict(seen.world.greeted).get(name)
    if there is None:
        return unanswered(name)
    shown = ", ".join(there)
    wanted = ", ".join(seen.server.addresses)
    remedy = Words.of("checks.ehlo.resolves_remedy", name=name, addresses=wanted)
    if not there:
        return failed(Words.of("checks.ehlo.nowhere", name=name), remedy)
    missing = set(map(ipaddress.ip_address, seen.server.addresses)) - set(
        map(ipaddress.ip_address, there)
    )
    if missing:
        values = {"name": name, "there": shown, "missing": ", ".join(sorted(map(str, missing)))}
        return warned(Words.of("checks.ehlo.elsewhere", **values), remedy)
    return passed(Words.of("checks.ehlo.resolves", name=name, there=shown))


def _host(seen: Seen) -> Iterator[tuple[Subject, tuple[str, ...]]]:
    yield subjects.of_host(seen.server), greetings(seen)


def ehlo_is_ptr(names: tuple[str, ...], seen: Seen) -> Judgement:
    """EHLO-03: receivers are greeted with the name that the address has."""
    relayed, host = mode_of(seen.server).relayed, seen.server.mail_host
    if relayed and not seen.relay.reached:
        return unknown(Words.of("checks.host.unseen"))
    if relayed and not seen.relay.proofs:
        return unknown(Words.of("checks.relay.no_proof"))
    if relayed and names != (host,):
        other = Words.of("checks.relay.ehlo_other", names=", ".join(names), host=host)
        return failed(other, Words.of("checks.relay.deploy"))
    name, reverse = names[0], seen.world.reverse
    others = [each for each in reverse if each.outcome.known and name not in each.names]
    if not relayed and all(each.names and _same_organisation(name, each.names) for each in others):
        others = []
    if others:
        names_of = ", ".join(f"{each.address} {' '.join(each.names) or '-'}" for each in others)
        different = Words.of("checks.relay.ehlo_ptr", name=name, ptr=names_of)
        return warned(different, vps.ptr_remedy(provider(seen), others[0].address, name))
    if mute := next((each for each in reverse if not each.outcome.known), None):
        return unanswered(mute.address)
    return passed(Words.of("checks.relay.ehlo", name=name))


def _same_organisation(name: str, others: tuple[str, ...]) -> bool:
    return {organizational(each) for each in others} == {organizational(name)}


def _port(seen: Seen) -> Iterator[tuple[Subject, SmtpView]]:
    view = seen.world.smtp
    yield subjects.of_port(view.address, view.port), view


def banner(view: SmtpView, seen: Seen) -> Judgement:
    """EHLO-04: port 25 greets with the PTR name, or with another name of ours."""
    if not view.speaks_smtp:
        return unknown(Words.of("checks.smtp.no_greeting", said=view.banner or view.reason or "-"))
    words = view.banner.removeprefix("220").strip(" -").split()
    name = words[0].lower().rstrip(".") if words else "-"
    ours = {*seen.server.host_names, *(each.name for each in seen.server.domains)}
    reverse = {n for each in seen.world.reverse if each.address == view.address for n in each.names}
    if name in reverse:
        return passed(Words.of("checks.ehlo.banner", name=name))
    if name in ours:
        return passed(Words.of("checks.ehlo.banner_ours", name=name))
    remedy = Words.of("checks.ehlo.banner_remedy", address=view.address)
    return warned(Words.of("checks.ehlo.banner_other", name=name), remedy)


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.RDNS_01, _addresses, ptr),
    Check(rules.RDNS_02, _addresses, ptr_confirmed),
    Check(rules.RDNS_03, _addresses, ptr_own),
    Check(rules.RDNS_04, _addresses, ptr_related),
    Check(rules.EHLO_01, _greetings, ehlo_syntax),
    Check(rules.EHLO_02, _greetings, ehlo_resolves),
    Check(rules.EHLO_03, _host, ehlo_is_ptr),
    Check(rules.EHLO_04, _port, banner),
)
