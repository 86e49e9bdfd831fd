"""Checks of where a domain's mail goes: MX records, the names in them and their addresses."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import dns.name

from dns_providers.rrset import MX, Address, Other, name_text
from ground.words import Words
from postmaster.cdn import proxy_of
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Public
from postmaster.checks.subjects import Subject
from postmaster.settings import MailServer
from probes.world.dns import Answer
from probes.world.domain import DomainView, HostNameView

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
InDomain = tuple[DomainView, HostNameView]


def unanswered(name: str, *, required: bool = True) -> Judgement:
    """DNS gave no answer: nothing is known."""
    return unknown(Words.of("checks.dns.no_answer", name=name), required=required)


def _domains(seen: Public) -> Iterator[tuple[Subject, DomainView]]:
    for view in seen.domains:
        yield seen.subject(view), view


def _records(view: DomainView) -> list[MX]:
    return [value for value in view.mx.values if isinstance(value, MX)]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(sorted(map(str, values)))


# -- MX records ------------------------------------------------------------------------------------


def exists(view: DomainView, _: Public) -> Judgement:
    """MX-01: the domain has an MX record."""
    if not view.mx.outcome.known:
        return unanswered(view.domain)
    found = _records(view)
    if found:
        return passed(Words.of("mx.there", records=_listed(found)))
    remedy = Words.of("checks.mx.remedy", domain=view.domain, host=f"smtp.{view.domain}")
    implicit = [
        value
        for rtype in ("A", "AAAA")
        if (answer := view.at_apex(rtype))
        for value in answer.values
    ]
    if implicit:
        return warned(Words.of("mx.implicit", addresses=_listed(implicit)), remedy)
    return failed(Words.of("checks.mx.none"), remedy)


def takes_mail(view: DomainView, _: Public) -> Judgement:
    """MX-02: no MX record says that the domain takes no mail (RFC 7505)."""
    if not view.mx.outcome.known:
        return unanswered(view.domain)
    null = [each for each in _records(view) if each.exchange == dns.name.root]
    if null:
        remedy = Words.of("mx.null_remedy", domain=view.domain, record=str(null[0]))
        return failed(Words.of("mx.null"), remedy)
    return passed(Words.of("mx.takes_mail"))


def each_once(view: DomainView, _: Public) -> Judgement:
    """MX-08: no host stands in two MX records."""
    count = Counter(each.exchange for each in _records(view))
    twice = [name_text(name) for name, number in count.items() if number > 1]
    if twice:
        remedy = Words.of("mx.twice_remedy", host=_listed(twice), domain=view.domain)
        return warned(Words.of("mx.twice", hosts=_listed(twice)), remedy)
    return passed(Words.of("mx.once"))


# -- the hosts in them -----------------------------------------------------------------------------


def _hosts(seen: Public) -> Iterator[tuple[Subject, InDomain]]:
    for view, host in seen.hosts():
        yield subjects.of_host_name(host.name, seen.zone(view), view.domain), (view, host)


def no_alias(there: InDomain, _: Public) -> Judgement:
    """MX-03: the host in an MX record is no alias."""
    _view, host = there
    aliases = host.a.aliases or host.aaaa.aliases
    if aliases:
        target = aliases[-1].target
        remedy = Words.of("mx.alias_remedy", host=host.name, target=target)
        return failed(Words.of("mx.alias", host=host.name, target=target), remedy)
    return passed(Words.of("mx.no_alias"))


def no_address(there: InDomain, _: Public) -> Judgement:
    """MX-04: an MX record has a name, not an address."""
    view, host = there
    if _is_address(host.name):
        remedy = Words.of("mx.address_remedy", domain=view.domain, address=host.name)
        return failed(Words.of("mx.address", address=host.name), remedy)
    return passed(Words.of("mx.name"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host_name(there: InDomain, _: Public) -> Judgement:
    """MX-05: the name is one of a host, and whole."""
    view, host = there
    labels = host.name.split(".")
    doubled = f".{view.domain}.{view.domain}"
    if f".{host.name}".endswith(doubled):
        right = host.name.removesuffix(f".{view.domain}")
        remedy = Words.of("mx.doubled_remedy", host=right)
        return failed(Words.of("mx.doubled", host=host.name), remedy)
    if len(labels) < 2 or not all(map(_is_label, labels)):
        remedy = Words.of("mx.name_remedy", domain=view.domain)
        return failed(Words.of("mx.no_name", host=host.name), remedy)
    return passed(Words.of("mx.host_name"))


def _is_label(label: str) -> bool:
    inner = bool(label) and set(label) <= _LETTERS
    return inner and not label.startswith("-") and not label.endswith("-")


def resolves(there: InDomain, seen: Public) -> Judgement:
    """MX-06: the host has an address."""
    view, host = there
    found = host.addresses
    if found is None:
        return unanswered(host.name)
    if found:
        return passed(Words.of("mx.addresses", addresses=_listed(found)))
    ours = seen.server is not None and host.name == seen.server.mail_host
    if ours and seen.server is not None:
        addresses = _listed(seen.server.addresses)
        remedy = Words.of("checks.mx.address_remedy", host=host.name, addresses=addresses)
    else:
        remedy = Words.of("mx.dead_remedy", host=host.name, domain=view.domain)
    return failed(Words.of("mx.dead", host=host.name), remedy)


# -- addresses of mail hosts -----------------------------------------------------------------------


def _addresses(rtype: str, seen: Public) -> Iterator[tuple[Subject, HostNameView]]:
    """The server's mail host; without an inventory all that mail goes to."""
    server, host = seen.server, seen.mail_host
    if server is not None:
        if host is not None:
            yield subjects.of_mail_host(server, rtype), host
        return
    for view, each in seen.hosts():
        if each.addresses:
            yield (
                subjects.of_host_name(each.name, seen.zone(view), view.domain, rtype),
                each,
            )


def _values(answer: Answer) -> set[str]:
    return {value.address for value in answer.values if isinstance(value, Address)}


def address(host: HostNameView, seen: Public) -> Judgement:
    """ADR-01: the mail host has the server's IPv4 address, and no other."""
    if not host.a.outcome.known:
        return unanswered(host.name)
    found, server = _values(host.a), seen.server
    said = {"host": host.name, "addresses": _listed(found) or "-"}
    if server is not None and found == {server.ipv4}:
        return passed(Words.of("adr.right", **said))
    wanted = server.ipv4 if server is not None else "-"
    remedy = Words.of("adr.remedy", host=host.name, record=f"{host.name} A {wanted}")
    if proxy := next(filter(None, map(proxy_of, sorted(found))), None):
        proxied = Words.of("adr.proxied", proxy=proxy, **said)
        return failed(proxied, Words.of("adr.proxied_remedy", host=host.name))
    if server is not None:
        return failed(Words.of("adr.other", wanted=wanted, **said), remedy)
    if inside := _not_global(found):
        return failed(Words.of("adr.private", inside=_listed(inside), **said), _public(host))
    if not found:
        return warned(Words.of("adr.no_ipv4", **said), Words.of("adr.no_ipv4_remedy", **said))
    return passed(Words.of("adr.right", **said))


def _not_global(found: Iterable[str]) -> list[str]:
    return [each for each in found if not ipaddress.ip_address(each).is_global]


def _public(host: HostNameView) -> Words:
    return Words.of("adr.private_remedy", host=host.name)


def ipv6_address(host: HostNameView, seen: Public) -> Judgement:
    """ADR-02: the mail host has no IPv6 address but the server's."""
    if not host.aaaa.outcome.known:
        return unanswered(host.name)
    found = _values(host.aaaa)
    said = {"host": host.name, "addresses": _listed(found) or "-"}
    if not found:
        return passed(Words.of("adr.no_ipv6"))
    if seen.server is not None:
        if foreign := found - {seen.server.ipv6}:
            remedy = Words.of("adr.ipv6_remedy", host=host.name, foreign=_listed(foreign))
            return failed(Words.of("adr.ipv6", foreign=_listed(foreign), **said), remedy)
    elif inside := _not_global(found):
        return failed(Words.of("adr.private", inside=_listed(inside), **said), _public(host))
    return passed(Words.of("adr.right", **said))


# -- DANE ------------------------------------------------------------------------------------------


def _with_tlsa(seen: Public) -> Iterator[tuple[Subject, HostNameView]]:
    for _, host in seen.hosts():
        if host.tlsa is not None and host.tlsa.values:
            yield subjects.of_tlsa(host.name), host


def dane(host: HostNameView, seen: Public) -> Judgement:
    """DANE-01: TLSA records are signed, and one fits the certificate of port 25."""
    assert host.tlsa is not None  # else there is nothing to judge
    records = sorted(value.text for value in host.tlsa.values if isinstance(value, Other))
    said = {"host": host.name, "records": "; ".join(records)}
    if not seen.validating:
        return unknown(Words.of("dane.not_validated", **said), required=False)
    if not host.tlsa.secure:
        return failed(Words.of("dane.unsigned", **said), Words.of("dane.unsigned_remedy", **said))
    usable = [each for each in records if each.split()[0] in ("2", "3")]
    if not usable:
        return warned(Words.of("dane.pkix", **said), Words.of("dane.record_remedy", **said))
    if seen.certificate is None or not _ours(host, seen.server):
        return unknown(Words.of("dane.not_compared", **said), required=False)
    served = seen.certificate
    fits = {f"3 1 1 {served.spki}", f"3 0 1 {served.fingerprint}"}
    if fits & {each.lower() for each in usable}:
        return passed(Words.of("dane.fits", **said))
    if any(not each.startswith(("3 1 1", "3 0 1")) for each in usable):
        return unknown(Words.of("dane.not_compared", **said), required=False)
    remedy = Words.of("dane.remedy", host=host.name, record=f"3 1 1 {served.spki}")
    return failed(Words.of("dane.other", **said), remedy)


def _ours(host: HostNameView, server: MailServer | None) -> bool:
    return server is not None and host.name == server.mail_host


CHECKS: tuple[Check[Public, Any], ...] = (
    Check(rules.MX_01, _domains, exists),
    Check(rules.MX_02, _domains, takes_mail),
    Check(rules.MX_08, _domains, each_once),
    Check(rules.MX_04, _hosts, no_address),
    Check(rules.MX_05, _hosts, host_name),
    Check(rules.MX_03, _hosts, no_alias),
    Check(rules.MX_06, _hosts, resolves),
    Check(rules.ADR_01, lambda seen: _addresses("A", seen), address),
    Check(rules.ADR_02, lambda seen: _addresses("AAAA", seen), ipv6_address),
    Check(rules.DANE_01, _with_tlsa, dane),
)
