"""Checks of what DNS says of a mail domain: MX, SPF, DKIM, DMARC, reverse DNS."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ground.words import Words
from keys.dkim import DkimPublicKey, KeyFormatError, public_from_data
from postmaster import dkim, dmarc
from postmaster import spf as spf_records
from postmaster.checks.results import Result, Status
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from postmaster.spf import address_term
from probes.host.state import HostView
from probes.world.dns import Answer, Reverse, exchanges, texts
from probes.world.server import DomainView, ServerView
from probes.world.spf import SpfView


def unanswered(check: str, answer: Answer, subject: str) -> Result:
    """DNS gave no answer: nothing is known."""
    return Result(
        check, subject, Status.UNKNOWN, Words.of("checks.dns.no_answer", name=answer.owner)
    )


def mx(view: DomainView, server: MailServer) -> Result:
    """MX-07: mail for the domain comes to us, and to nobody else."""
    wanted = Words.of("checks.mx.remedy", domain=view.domain, host=server.mail_host)
    if not view.mx.outcome.known:
        return unanswered("MX-07", view.mx, view.domain)
    names = exchanges(view.mx)
    if not names:
        return Result("MX-07", view.domain, Status.FAIL, Words.of("checks.mx.none"), wanted)
    ours = set(server.addresses)
    foreign = [name for name, found in view.mx_addresses if not set(found) & ours]
    hosts = ", ".join(names)
    if len(foreign) == len(names):
        seen = Words.of("checks.mx.foreign", hosts=hosts)
        return Result("MX-07", view.domain, Status.FAIL, seen, wanted)
    if foreign:
        seen = Words.of("checks.mx.mixed", hosts=", ".join(foreign))
        return Result("MX-07", view.domain, Status.WARN, seen, wanted)
    return Result("MX-07", view.domain, Status.PASS, Words.of("checks.mx.ours", hosts=hosts))


def spf(view: SpfView) -> Result:
    """SPF-03: a receiver's SPF check passes for an address that we send from."""
    subject = f"{view.domain} {view.address}"
    seen = Words.of("checks.spf.result", result=view.result, ehlo=view.ehlo, reason=view.reason)
    if view.result == "pass":
        return Result("SPF-03", subject, Status.PASS, seen)
    if view.result == "temperror":
        return Result("SPF-03", subject, Status.UNKNOWN, seen)
    remedy = Words.of("checks.spf.remedy", domain=view.domain, term=address_term(view.address))
    return Result("SPF-03", subject, Status.FAIL, seen, remedy)


def spf_include(answer: Answer) -> Result:
    """SPF-07: a domain that our SPF includes has one SPF record; else ours is an error."""
    if not answer.outcome.known:
        return unanswered("SPF-07", answer, answer.owner)
    found = [value for value in answer.values if spf_records.is_spf(value)]
    seen = Words.of("checks.spf.include", count=len(found))
    if len(found) == 1:
        return Result("SPF-07", answer.owner, Status.PASS, seen)
    remedy = Words.of("checks.spf.include_remedy", name=answer.owner)
    return Result("SPF-07", answer.owner, Status.FAIL, seen, remedy)


def dmarc_checks(view: DomainView, server: MailServer) -> Iterator[Result]:
    """DMARC-01: there is exactly one record; DMARC-02: it parses."""
    owner = dmarc.owner(view.domain)
    if not view.dmarc.outcome.known:
        yield unanswered("DMARC-01", view.dmarc, owner)
        yield Result("DMARC-02", owner, Status.SKIP, Words.of("checks.skip.dmarc"))
        return
    wanted = dmarc.build(server.dmarc_policy, server.dmarc_reports_to(view.domain))
    record = wanted.data.decode("ascii")
    remedy = Words.of("checks.dmarc.remedy", owner=owner, record=record)
    found = [data for data in texts(view.dmarc) if dmarc.is_dmarc(data)]
    if len(found) != 1:
        seen = Words.of("checks.dmarc.count", count=len(found))
        yield Result("DMARC-01", owner, Status.FAIL, seen, remedy)
        yield Result("DMARC-02", owner, Status.SKIP, Words.of("checks.skip.dmarc"))
        return
    yield Result("DMARC-01", owner, Status.PASS, Words.of("checks.dmarc.count", count=1))
    try:
        policy = dmarc.parse(found[0]).policy
    except dmarc.DmarcSyntaxError as error:
        seen = Words.of("checks.dmarc.syntax", tag=str(error))
        yield Result("DMARC-02", owner, Status.FAIL, seen, remedy)
        return
    yield Result("DMARC-02", owner, Status.PASS, Words.of("checks.dmarc.policy", policy=policy))


def dkim_check(
    answer: Answer, domain: str, selector: str, host: HostView, stored: DkimPublicKey | None
) -> Result:
    """DKIM-06: the published key is the one that the server signs with."""
    subject = dkim.owner(selector, domain)
    key_data = dict(host.dkim).get(subject)
    if not host.reached or key_data is None:
        return Result("DKIM-06", subject, Status.UNKNOWN, Words.of("checks.dkim.host_unseen"))
    if not answer.outcome.known:
        return unanswered("DKIM-06", answer, subject)
    on_host = public_from_data(key_data)
    remedy = Words.of("checks.dkim.remedy", owner=subject, record=on_host.record)
    published = texts(answer)
    if len(published) != 1:
        seen = Words.of("checks.dkim.count", count=len(published))
        return Result("DKIM-06", subject, Status.FAIL, seen, remedy)
    try:
        in_dns = public_from_data(dkim.public_data(published[0]))
    except (dkim.DkimSyntaxError, KeyFormatError) as error:
        seen = Words.of("checks.dkim.syntax", reason=str(error))
        return Result("DKIM-06", subject, Status.FAIL, seen, remedy)
    if in_dns.fingerprint != on_host.fingerprint:
        if stored is not None and stored.fingerprint == in_dns.fingerprint:
            remedy = Words.of("checks.dkim.deploy")
        seen = Words.of(
            "checks.dkim.different", dns=in_dns.fingerprint[:16], host=on_host.fingerprint[:16]
        )
        return Result("DKIM-06", subject, Status.FAIL, seen, remedy)
    seen = Words.of("checks.dkim.same", fingerprint=on_host.fingerprint[:16], bits=in_dns.bits)
    return Result("DKIM-06", subject, Status.PASS, seen)


def rdns(view: Reverse, server: MailServer) -> Iterator[Result]:
    """RDNS-01: the address has one PTR name; RDNS-02: that name points back (FCrDNS)."""
    if mode_of(server).sends_from == "provider":
        for check in ("RDNS-01", "RDNS-02"):
            yield Result(check, view.address, Status.SKIP, Words.of("checks.skip.provider"))
        return
    remedy = Words.of("checks.rdns.remedy", address=view.address, host=_ptr_name(server))
    if not view.outcome.known:
        seen = Words.of("checks.dns.no_answer", name=view.address)
        yield Result("RDNS-01", view.address, Status.UNKNOWN, seen)
        yield Result("RDNS-02", view.address, Status.SKIP, Words.of("checks.skip.ptr"))
        return
    if not view.names:
        yield Result("RDNS-01", view.address, Status.FAIL, Words.of("checks.rdns.none"), remedy)
        yield Result("RDNS-02", view.address, Status.SKIP, Words.of("checks.skip.ptr"))
        return
    names = ", ".join(view.names)
    seen = Words.of("checks.rdns.names", names=names)
    several = len(view.names) > 1
    status = Status.WARN if several else Status.PASS
    yield Result("RDNS-01", view.address, status, seen, remedy if several else None)
    mine = ipaddress.ip_address(view.address)
    back = [name for name, found in view.forward if mine in map(ipaddress.ip_address, found)]
    if back:
        confirmed = Words.of("checks.rdns.confirmed", name=back[0])
        yield Result("RDNS-02", view.address, Status.PASS, confirmed)
        return
    missing = Words.of("checks.rdns.forward", name=view.names[0], address=view.address)
    yield Result(
        "RDNS-02",
        view.address,
        Status.FAIL,
        Words.of("checks.rdns.not_confirmed", names=names),
        missing,
    )


def _ptr_name(server: MailServer) -> str:
    """The name that PTR should be: one that the server greets with, where that can be one."""
    names = mode_of(server).ehlo_names(server)
    return server.mail_host if server.mail_host in names else names[0]


def all_checks(
    view: ServerView,
    server: MailServer,
    host: HostView,
    stored: dict[tuple[str, str], DkimPublicKey | None],
) -> Iterator[Result]:
    """All DNS checks of a server."""
    for each in view.domains:
        yield mx(each, server)
        for result in each.spf:
            yield spf(result)
        yield from dmarc_checks(each, server)
    for result in view.mail_host_spf:
        yield spf(result)
    for answer in view.spf_includes:
        yield spf_include(answer)
    keys = mode_of(server).signing_keys(server)
    for signing, answer in zip(keys, view.dkim, strict=True):
        key = stored.get((signing.domain, signing.selector))
        yield dkim_check(answer, signing.domain, signing.selector, host, key)
    for reverse in view.reverse:
        yield from rdns(reverse, server)
