"""Checks of what domains say of themselves: to mail programs, and to servers that send to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dns_providers.rrset import SRV
from ground.words import Words
from postmaster import mail_programs, tls_rpt
from postmaster.checks import rules, subjects
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.mail_programs import Service
from postmaster.settings import MailDomain
from probes.world.dns import Answer


def _no_answer(answer: Answer) -> Judgement:
    return unknown(Words.of("checks.dns.no_answer", name=answer.owner), required=False)


# -- mail programs -------------------------------------------------------------------------------


def _services(seen: Seen) -> Iterator[tuple[Subject, tuple[Service, Answer]]]:
    answers = {each.owner: each for each in seen.policies.services}
    for domain in seen.server.domains:
        for service in mail_programs.services(seen.server):
            owner = service.owner(domain.name)
            if owner in answers:
                yield subjects.of_record(owner, "SRV", domain), (service, answers[owner])


def service_record(found: tuple[Service, Answer], _: Seen) -> Judgement:
    """CLI-02: SRV records lead mail programs here, and nowhere for what is not offered."""
    service, answer = found
    if not answer.outcome.known:
        return _no_answer(answer)
    there = {value for value in answer.values if isinstance(value, SRV)}
    said = {"owner": answer.owner, "record": service.value}
    remedy = Words.of("checks.srv.remedy", **said)
    if not there:
        if service.host is None:
            return passed(Words.of("checks.srv.not_said"))
        return warned(Words.of("checks.srv.none"), remedy)
    shown = ", ".join(sorted(map(str, there)))
    if service.host is None:
        if all(value.target == service.value.target for value in there):
            return passed(Words.of("checks.srv.not_offered"))
        return warned(Words.of("checks.srv.elsewhere", found=shown), remedy)
    if {(value.target, value.port) for value in there} == {(service.value.target, service.port)}:
        return passed(Words.of("checks.srv.right", host=service.host, port=service.port))
    if any(value.target == service.value.target for value in there):
        return failed(Words.of("checks.srv.mixed", found=shown), remedy)
    return failed(Words.of("checks.srv.wrong", found=shown), remedy)


# -- reports of senders --------------------------------------------------------------------------


def _reports(seen: Seen) -> Iterator[tuple[Subject, tuple[MailDomain, Answer]]]:
    answers = {each.owner: each for each in seen.policies.tls_rpt}
    for domain in seen.server.domains:
        owner = tls_rpt.owner(domain.name)
        if owner in answers:
            yield subjects.of_record(owner, "TXT", domain), (domain, answers[owner])


def report_record(found: tuple[MailDomain, Answer], seen: Seen) -> Judgement:
    """RPT-01: there is one TLS-RPT record, and senders can read it."""
    domain, answer = found
    if not answer.outcome.known:
        return _no_answer(answer)
    record = tls_rpt.build(seen.server.tls_rpt)
    remedy = Words.of("checks.rpt.remedy", owner=answer.owner, record=record)
    records = tls_rpt.found_in(answer.values)
    if len(records) != 1:
        return warned(Words.of("checks.rpt.count", count=len(records)), remedy)
    try:
        uris = tls_rpt.parse(records[0])
    except tls_rpt.TlsRptSyntaxError as error:
        return warned(Words.of("checks.rpt.syntax", part=error), remedy)
    shown = ", ".join(uris)
    if tls_rpt.outside(uris, domain.name):
        return passed(Words.of("checks.rpt.outside", uris=shown))
    return passed(Words.of("checks.rpt.inside", uris=shown))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.CLI_02, _services, service_record),
    Check(rules.RPT_01, _reports, report_record),
)
