"""Checks of what domains say of themselves: to mail programs, and to servers that send to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dns_providers.rrset import SRV
from ground.words import Words
from postmaster import client_setup, mail_programs, mta_sts, tls_rpt
from postmaster.checks import rules, subjects
from postmaster.checks.old_answers import cached
from postmaster.checks.results import Judgement, Status, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.seen import Seen
from postmaster.checks.subjects import Subject
from postmaster.mail_programs import Service
from postmaster.mta_sts import Policy, StsSyntaxError
from postmaster.policy_guard import why_not_enforce
from postmaster.settings import MailDomain, MailServer
from probes.world.dns import Answer
from probes.world.documents import Document
from probes.world.policies import Place
from probes.world.tcp import Reach

_SUBMISSIONS = 465


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


def service_record(found: tuple[Service, Answer], seen: Seen) -> Judgement:
    """CLI-02: SRV records lead mail programs here, and nowhere for what is not offered."""
    judged = _service_record(*found)
    wrong = judged.status in (Status.WARN, Status.FAIL)
    return (cached(seen, found[1].owner, "SRV") if wrong else None) or judged


def _service_record(service: Service, answer: Answer) -> Judgement:
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
    answers = {each.owner: each for each in seen.policies.texts}
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
        before = cached(seen, answer.owner, "TXT")
        return before or warned(Words.of("checks.rpt.count", count=len(records)), remedy)
    try:
        uris = tls_rpt.parse(records[0])
    except tls_rpt.TlsRptSyntaxError as error:
        return warned(Words.of("checks.rpt.syntax", part=error), remedy)
    shown = ", ".join(uris)
    if tls_rpt.outside(uris, domain.name):
        return passed(Words.of("checks.rpt.outside", uris=shown))
    return passed(Words.of("checks.rpt.inside", uris=shown))


# -- documents for mail programs -----------------------------------------------------------------


def places(server: MailServer) -> tuple[Place, ...]:
    """Return where all documents of a server are, as the checks ask for them."""
    policies = server.domains if server.mta_sts_policy != "off" else ()
    found = [_policy_place(each.name) for each in policies]
    if client_setup.is_offered(server):
        found += _autoconfig_places(server)
        found += [_profile_place(server, each.name) for each in server.domains]
    return tuple(found)


def _autoconfig_places(server: MailServer) -> tuple[Place, Place]:
    name, path = client_setup.autoconfig_name(server), client_setup.AUTOCONFIG_PATH
    return Place(name, path), Place(name, path, encrypted=False)


def _profile_place(server: MailServer, domain: str) -> Place:
    name = client_setup.autoconfig_name(server)
    return Place(name, f"/{client_setup.profile_file(domain)}")


def _policy_place(domain: str) -> Place:
    return Place(mta_sts.host(domain), mta_sts.PATH)


def _host(seen: Seen) -> Iterator[tuple[Subject, MailServer]]:
    yield subjects.of_host(seen.server), seen.server


def _remedy(server: MailServer, name: str) -> Words:
    """What to do where a document does not come."""
    if server.tls.method == "files":
        return Words.of("checks.web.names_remedy", name=name)
    return Words.of("checks.web.remedy", name=name)


def autoconfig(server: MailServer, seen: Seen) -> Judgement:
    """CLI-01: mail programs find the settings of the server."""
    wanted, name = client_setup.autoconfig(server).encode(), client_setup.autoconfig_name(server)
    for place in _autoconfig_places(server):
        found = seen.policies.document(place)
        if found is None:
            return unknown(Words.of("checks.dns.no_answer", name=name), required=False)
        if not found.came:
            return warned(_why_not(found), _remedy(server, name))
        if found.content != wanted:
            return warned(Words.of("checks.web.other", name=name), _remedy(server, name))
    return passed(Words.of("checks.autoconfig.right", name=name))


def _why_not(found: Document) -> Words:
    """Why a document did not come, or not from where it was asked for."""
    if found.location:
        return Words.of("checks.web.redirect", name=found.name, location=found.location)
    if found.status:
        return Words.of("checks.web.status", name=found.name, status=found.status)
    return Words.of("checks.web.nothing", name=found.name, reason=found.reason)


def _domains(seen: Seen) -> Iterator[tuple[Subject, MailDomain]]:
    for domain in seen.server.domains:
        yield subjects.of_domain(domain), domain


def profile(domain: MailDomain, seen: Seen) -> Judgement:
    """CLI-04: the domain's profile is served, signed with the certificate in use."""
    server, name = seen.server, client_setup.autoconfig_name(seen.server)
    found = seen.policies.document(_profile_place(server, domain.name))
    if found is None:
        return unknown(Words.of("checks.dns.no_answer", name=name), required=False)
    if not found.came:
        return warned(_why_not(found), _remedy(server, name))
    if client_setup.profile(server, domain.name) not in found.content:
        return warned(Words.of("checks.web.other", name=name), _remedy(server, name))
    shown = [each.certificate for each in seen.world.tls if each.certificate]
    signers = client_setup.signers(found.content)
    if not any(each.fingerprint in signers for each in shown):
        return warned(Words.of("checks.profile.stale"), Words.of("checks.profile.remedy"))
    return passed(Words.of("checks.profile.right"))


# -- MTA-STS -------------------------------------------------------------------------------------


def _sts_records(seen: Seen) -> Iterator[tuple[Subject, Answer]]:
    for domain in seen.server.domains:
        owner = mta_sts.owner(domain.name)
        answer = seen.policies.text(owner)
        if answer is not None:
            yield subjects.of_record(owner, "TXT", domain), answer


def policy_record(answer: Answer, seen: Seen) -> Judgement:
    """STS-01: senders are told of a policy by one record that they can read."""
    if not answer.outcome.known:
        return _no_answer(answer)
    records, remedy = mta_sts.found_in(answer.values), Words.of("checks.sts.deploy")
    if not records:
        before = cached(seen, answer.owner, "TXT")
        return before or failed(Words.of("checks.sts.no_record"), remedy)
    if len(records) > 1:
        shown = Words.of("checks.sts.count", count=len(records))
        return failed(shown, Words.of("checks.sts.one_record", owner=answer.owner))
    try:
        return passed(Words.of("checks.sts.record", id=mta_sts.parse_record(records[0])))
    except StsSyntaxError as error:
        shown = Words.of("checks.sts.syntax", part=error)
        return failed(shown, Words.of("checks.sts.one_record", owner=answer.owner))


def policy_served(domain: MailDomain, seen: Seen) -> Judgement:
    """STS-02: the policy comes as senders fetch it, and names all MX hosts of the domain."""
    name, found = mta_sts.host(domain.name), _policy(seen, domain)
    if found is None:
        return unknown(Words.of("checks.dns.no_answer", name=name), required=False)
    if not found.came:
        return failed(_why_not(found), _remedy(seen.server, name))
    if not mta_sts.is_plain(found.media_type):
        shown = Words.of("checks.sts.media_type", found=found.media_type or "-")
        return failed(shown, _remedy(seen.server, name))
    try:
        policy = mta_sts.parse_policy(found.content)
    except StsSyntaxError as error:
        return failed(Words.of("checks.sts.syntax", part=error), Words.of("checks.sts.deploy"))
    return _judged(policy, domain, seen)


def _judged(policy: Policy, domain: MailDomain, seen: Seen) -> Judgement:
    views = [each for each in seen.world.domains if each.domain == domain.name]
    hosts = [host for each in views for host, _ in each.mx_addresses]
    missing = [host for host in hosts if not policy.covers(host)]
    if policy.mode == "none":
        return failed(Words.of("checks.sts.none"), Words.of("checks.sts.deploy"))
    if missing:
        shown = Words.of("checks.sts.mx", missing=", ".join(missing))
        return failed(shown, Words.of("checks.sts.mx_remedy", missing=", ".join(missing)))
    if policy.mode == "testing":
        return warned(Words.of("checks.sts.testing"), Words.of("checks.sts.testing_remedy"))
    return passed(Words.of("checks.sts.enforced", mx=", ".join(policy.mx)))


def _policy(seen: Seen, domain: MailDomain) -> Document | None:
    return seen.policies.document(_policy_place(domain.name))


def policy_order(domain: MailDomain, seen: Seen) -> Judgement:
    """STS-03: the id in DNS is that of the policy which is served."""
    answer, found = seen.policies.text(mta_sts.owner(domain.name)), _policy(seen, domain)
    published = mta_sts.published(answer.values) if answer else None
    if published is None or found is None:
        return unknown(Words.of("checks.sts.foreign_id"), required=False)
    if published.sum != mta_sts.parse_policy(found.content).sum:
        before = cached(seen, mta_sts.owner(domain.name), "TXT")
        return before or warned(Words.of("checks.sts.other_id"), Words.of("checks.sts.deploy"))
    return passed(Words.of("checks.sts.same_id"))


def enforceable(server: MailServer, seen: Seen) -> Judgement:
    """STS-04: port 25 shows a certificate that senders with an enforced policy send to."""
    smtp = seen.world.smtp
    if smtp.reach is not Reach.OPEN:
        return unknown(Words.of("checks.sts.port25"), required=False)
    served = next((each.certificate for each in seen.world.tls if each.port == _SUBMISSIONS), None)
    why = why_not_enforce(smtp.tls, served, server.mail_host, seen.now)
    if why is None:
        return passed(Words.of("checks.sts.enforceable"))
    judged = failed if server.mta_sts_policy == "enforce" else warned
    return judged(Words.of("checks.sts.not_enforceable", reason=why), Words.of("checks.sts.guard"))


CHECKS: tuple[Check[Seen, Any], ...] = (
    Check(rules.CLI_01, _host, autoconfig),
    Check(rules.CLI_02, _services, service_record),
    Check(rules.CLI_04, _domains, profile),
    Check(rules.STS_01, _sts_records, policy_record),
    Check(rules.STS_02, _domains, policy_served),
    Check(rules.STS_03, _domains, policy_order),
    Check(rules.STS_04, _host, enforceable),
    Check(rules.RPT_01, _reports, report_record),
)
