"""Checks of the relay: redirect, listeners, signatures, greeting, queue, smarthosts, encryption."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ground.words import Words
from postmaster.checks.results import Result, Status
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes.host.relay import RelayView
from probes.world.dns import Reverse

# What curl(1) says of a login.
_CURL = {6: "unreachable", 7: "unreachable", 28: "unreachable", 60: "certificate", 67: "refused"}
_EDGE_PORTS = (25, 465)
_POSTFIX = "master"  # its process that listens


def all_checks(
    view: RelayView | None,
    server: MailServer,
    reverse: tuple[Reverse, ...],
    now: float | None = None,
) -> Iterator[Result]:
    """OUT-01 redirect, OUT-02 listeners, DKIM-18 signatures, EHLO-03 greeting, OUT-03 queue,
    OUT-04 smarthost login, OUT-05 encryption.
    """
    if view is None:
        return
    if not view.reached:
        for check in ("OUT-01", "OUT-02", "OUT-03"):
            yield Result(check, server.host, Status.UNKNOWN, Words.of("checks.host.unseen"))
        return
    yield _redirect(view, server)
    yield _listeners(view, server)
    for domain in server.domains:
        yield _signature(view, domain.name)
    if mode_of(server).sends_from == "server":
        yield _greeting(view, server, reverse)
    yield _queue(view, server, time.time() if now is None else now)
    for name, status in view.logins:
        yield _login(name, status)
    yield from _encryption(view, server)


def _redirect(view: RelayView, server: MailServer) -> Result:
    remedy = Words.of("checks.relay.deploy")
    if not view.apart:
        seen = Words.of("checks.relay.not_apart")
        return Result("OUT-01", server.host, Status.FAIL, seen, remedy)
    if view.round:
        seen = Words.of("checks.relay.round", ports=", ".join(map(str, view.round)))
        return Result("OUT-01", server.host, Status.FAIL, seen, remedy)
    if not view.redirect.startswith(f"220 {server.mail_host}"):
        seen = Words.of("checks.relay.no_redirect")
        return Result("OUT-01", server.host, Status.FAIL, seen, remedy)
    if not view.counted:
        return Result(
            "OUT-01", server.host, Status.FAIL, Words.of("checks.relay.uncounted"), remedy
        )
    return Result("OUT-01", server.host, Status.PASS, Words.of("checks.relay.redirect"))


def _listeners(view: RelayView, server: MailServer) -> Result:
    remedy = Words.of("checks.relay.deploy")
    others = sorted({name for _, name in view.listeners if name != _POSTFIX})
    if others:
        seen = Words.of("checks.relay.others", names=", ".join(others))
        return Result("OUT-02", server.host, Status.FAIL, seen, remedy)
    missing = [str(port) for port in _EDGE_PORTS if (port, _POSTFIX) not in view.listeners]
    if missing:
        seen = Words.of("checks.relay.silent", ports=", ".join(missing))
        return Result("OUT-02", server.host, Status.FAIL, seen, remedy)
    return Result("OUT-02", server.host, Status.PASS, Words.of("checks.relay.edge"))


def _signature(view: RelayView, domain: str) -> Result:
    remedy = Words.of("checks.relay.sign")
    found = [signatures for message, signatures in view.proofs if message.domain == domain]
    if not found:
        seen = Words.of("checks.relay.no_proof")
        return Result("DKIM-18", domain, Status.FAIL, seen, remedy)
    ours = [each for each in found[0] if each.domain == domain]
    if not ours:
        return Result("DKIM-18", domain, Status.FAIL, Words.of("checks.relay.unsigned"), remedy)
    if bad := next((each for each in ours if not each.valid), None):
        seen = Words.of("checks.relay.bad", selector=bad.selector, reason=bad.reason)
        return Result("DKIM-18", domain, Status.FAIL, seen, remedy)
    seen = Words.of("checks.relay.signed", selector=ours[0].selector)
    return Result("DKIM-18", domain, Status.PASS, seen)


def _greeting(view: RelayView, server: MailServer, reverse: tuple[Reverse, ...]) -> Result:
    names = sorted({message.ehlo for message, _ in view.proofs})
    if not names:
        return Result("EHLO-03", server.host, Status.SKIP, Words.of("checks.relay.no_proof"))
    if names != [server.mail_host]:
        seen = Words.of("checks.relay.ehlo_other", names=", ".join(names), host=server.mail_host)
        return Result("EHLO-03", server.host, Status.FAIL, seen, Words.of("checks.relay.deploy"))
    others = [each for each in reverse if each.outcome.known and names[0] not in each.names]
    if others:
        ptr = ", ".join(f"{each.address} {' '.join(each.names) or '-'}" for each in others)
        seen = Words.of("checks.relay.ehlo_ptr", name=names[0], ptr=ptr)
        remedy = Words.of("checks.relay.ehlo_ptr_remedy", name=names[0])
        return Result("EHLO-03", server.host, Status.WARN, seen, remedy)
    return Result("EHLO-03", server.host, Status.PASS, Words.of("checks.relay.ehlo", name=names[0]))


def _queue(view: RelayView, server: MailServer, now: float) -> Result:
    waiting = [each for each in view.waiting if each.queue != "hold"]
    if not waiting:
        return Result("OUT-03", server.host, Status.PASS, Words.of("checks.relay.queue_empty"))
    oldest = min(waiting, key=lambda each: each.since)
    minutes = int(now - oldest.since) // 60
    values = {
        "count": len(waiting),
        "minutes": minutes,
        "recipient": oldest.recipient,
        "reason": oldest.reason or "-",
    }
    late = server.relay.delay_notice and now - oldest.since > server.relay.delay_notice
    if late:
        seen, remedy = Words.of("checks.relay.queue", **values), Words.of("checks.relay.queue_late")
        return Result("OUT-03", server.host, Status.WARN, seen, remedy)
    return Result("OUT-03", server.host, Status.PASS, Words.of("checks.relay.queue", **values))


def _login(smarthost: str, status: int) -> Result:
    if status == 0:
        return Result("OUT-04", smarthost, Status.PASS, Words.of("checks.relay.login"))
    reason = _CURL.get(status, "other")
    seen = Words.of(f"checks.relay.login_{reason}", status=status)
    remedy = Words.of(f"checks.relay.login_{reason}_remedy", host=smarthost)
    return Result("OUT-04", smarthost, Status.FAIL, seen, remedy)


def _encryption(view: RelayView, server: MailServer) -> Iterator[Result]:
    """Clear text is no fault where nothing else is offered; a failed handshake is worth a look."""
    sent = [each for each in view.deliveries if each.outside and each.status == "sent"]
    if not sent:
        return
    clear = sorted({each.receiver for each in sent if not each.tls})
    failed = sorted({each.receiver for each in sent if each.handshake_failed})
    counts = {"count": len(sent), "encrypted": sum(bool(each.tls) for each in sent)}
    if failed:
        seen = Words.of("checks.relay.tls_failed", **counts, hosts=", ".join(failed))
        remedy = Words.of("checks.relay.tls_failed_remedy")
        yield Result("OUT-05", server.host, Status.WARN, seen, remedy)
        return
    seen = Words.of("checks.relay.tls", **counts, clear=", ".join(clear) or "-")
    yield Result("OUT-05", server.host, Status.PASS, seen)
