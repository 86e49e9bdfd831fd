"""Is a host fit to become a mail server: all findings together, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator

from ground.words import Words
from postmaster.checks.results import Result, Status
from postmaster.checks.service import CLOCK_OFF, CLOCK_WRONG
from postmaster.outbound import mode_of
from postmaster.settings import MailServer
from probes.host.fitness import PORTS, Fitness, Listener, Outbound

_TRIED = ("debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04")
_ARCHITECTURES = ("x86_64", "aarch64")
_DISK_NEEDED, _DISK_WISHED = 100 * 1024, 1024 * 1024  # KiB
_EDGE_DISK = 250 * 1024  # KiB more: Postfix, OpenDKIM, OpenDMARC, Python, room for a message
_MEMORY_WISHED, _EDGE_MEMORY = 400 * 1024, 80 * 1024  # KiB
_DOES_MAIL = ("master", "exim4", "exim", "sendmail", "smtpd")


def judge(seen: Fitness, server: MailServer, now: float) -> tuple[Result, ...]:
    """Return all findings. now: Unix seconds of the operator's clock. A fail stops the run."""
    return (
        *_system(seen, server),
        *_ports(seen, server),
        *_room(seen, server),
        _clock(seen, server, now),
        _resolver(seen, server),
        _nat(seen, server),
        _address(seen, server),
        *_mailers(seen, server),
        *_outbound(seen, server),
    )


def _result(check: str, server: MailServer, status: Status, id: str, **values: object) -> Result:
    """A finding whose texts are `preflight.<id>` and, when not fine, `preflight.<id>.remedy`."""
    fine = status in (Status.PASS, Status.UNKNOWN)
    todo = None if fine else Words.of(f"preflight.{id}.remedy", **values)
    return Result(check, server.host, status, Words.of(f"preflight.{id}", **values), todo, False)


def _system(seen: Fitness, server: MailServer) -> Iterator[Result]:
    root = seen.uid == 0
    yield _result(
        "PRE-01", server, Status.PASS if root else Status.FAIL, "root" if root else "no_root"
    )
    if seen.init == "systemd":
        yield _result("PRE-02", server, Status.PASS, "systemd")
    else:
        yield _result("PRE-02", server, Status.FAIL, "no_systemd", init=seen.init)
    known = seen.os in _TRIED
    status = Status.PASS if known else Status.WARN
    id = "os" if known else "other_os"
    yield _result("PRE-03", server, status, id, os=seen.os, tried=", ".join(_TRIED))
    fits = seen.arch in _ARCHITECTURES
    status = Status.PASS if fits else Status.FAIL
    yield _result("PRE-04", server, status, "arch" if fits else "other_arch", arch=seen.arch)


def _ports(seen: Fitness, server: MailServer) -> Iterator[Result]:
    taken = [each for each in seen.listeners if each.port in PORTS and not _ours(each, seen)]
    for port in PORTS:
        holders = [each for each in taken if each.port == port]
        if not holders:
            continue
        holder = holders[0]
        # Port 80 is only needed for the certificate's proof.
        needed = port != 80 or server.tls.method == "acme-http"
        id = "port_mta" if holder.process in _DOES_MAIL else "port"
        status = Status.FAIL if needed else Status.WARN
        process = holder.process or "?"
        yield _result("PRE-05", server, status, id, port=port, process=process, pid=holder.pid)
    if not taken:
        yield _result("PRE-05", server, Status.PASS, "ports", ports=", ".join(map(str, PORTS)))


def _ours(listener: Listener, seen: Fitness) -> bool:
    return listener.port in seen.fronts or (seen.ours != 0 and listener.pid == seen.ours)


def _room(seen: Fitness, server: MailServer) -> Iterator[Result]:
    if seen.disk is None:
        yield _result("PRE-06", server, Status.UNKNOWN, "disk_unseen")
    else:
        free = f"{seen.disk // 1024} MiB"
        needed = _DISK_NEEDED + (_EDGE_DISK if mode_of(server).relayed and not seen.fronts else 0)
        enough = seen.disk >= _DISK_WISHED
        status = Status.FAIL if seen.disk < needed else Status.WARN
        id = "disk" if enough else "disk_low"
        yield _result("PRE-06", server, Status.PASS if enough else status, id, free=free)
    if seen.memory is None:
        yield _result("PRE-07", server, Status.UNKNOWN, "memory_unseen")
        return
    size = f"{seen.memory // 1024} MiB"
    enough = seen.memory >= _MEMORY_WISHED + (_EDGE_MEMORY if mode_of(server).relayed else 0)
    id = "memory" if enough else "memory_low"
    yield _result("PRE-07", server, Status.PASS if enough else Status.WARN, id, size=size)


def _clock(seen: Fitness, server: MailServer, now: float) -> Result:
    if seen.clock is None:
        return _result("PRE-08", server, Status.UNKNOWN, "clock_unseen")
    off = abs(seen.clock - now)
    seconds = f"{off:.0f}"
    if off > CLOCK_WRONG:
        return _result("PRE-08", server, Status.FAIL, "clock_wrong", seconds=seconds)
    if off > CLOCK_OFF:
        return _result("PRE-08", server, Status.WARN, "clock_off", seconds=seconds)
    if seen.synced == "yes":
        return _result("PRE-08", server, Status.PASS, "clock")
    # Right now, but nothing keeps it right: certificates and signatures need the time.
    return _result("PRE-08", server, Status.WARN, "clock_alone")


def _resolver(seen: Fitness, server: MailServer) -> Result:
    if seen.resolver is None:
        return _result("PRE-09", server, Status.UNKNOWN, "resolver_unseen")
    status = Status.PASS if seen.resolver else Status.FAIL
    return _result("PRE-09", server, status, "resolver" if seen.resolver else "no_resolver")


def _nat(seen: Fitness, server: MailServer) -> Result:
    if seen.nat == "yes":
        return _result("PRE-10", server, Status.PASS, "nat")
    if seen.nat == "no":
        needed = mode_of(server).relayed
        status = Status.FAIL if needed else Status.WARN
        return _result("PRE-10", server, status, "no_nat")
    return _result("PRE-10", server, Status.UNKNOWN, "nat_unseen")


def _address(seen: Fitness, server: MailServer) -> Result:
    missing = [address for address in server.addresses if address not in seen.addresses]
    there = ", ".join(seen.addresses)
    if not missing:
        return _result(
            "PRE-11", server, Status.PASS, "address", address=", ".join(server.addresses)
        )
    missing_text = ", ".join(missing)
    return _result("PRE-11", server, Status.WARN, "address_nat", address=missing_text, there=there)


def _mailers(seen: Fitness, server: MailServer) -> Iterator[Result]:
    """Postfix or Exim of somebody else: never overwritten, and never removed by our packages."""
    if not mode_of(server).relayed:
        return
    for name in seen.mailers:
        yield _result("PRE-12", server, Status.FAIL, "mailer", name=name)
    if not seen.mailers:
        yield _result("PRE-12", server, Status.PASS, "no_mailer")


def _outbound(seen: Fitness, server: MailServer) -> Iterator[Result]:
    if mode_of(server).sends_from == "provider":
        return
    if not seen.outbound:
        yield _result("NET-01", server, Status.UNKNOWN, "outbound_unseen")
        return
    if all(each.reach == "timeout" for each in seen.outbound):
        domains = ", ".join(each.domain for each in seen.outbound)
        yield _result("NET-01", server, Status.WARN, "outbound_blocked", domains=domains)
        return
    for each in seen.outbound:
        yield _one_outbound(each, server)


def _one_outbound(each: Outbound, server: MailServer) -> Result:
    values = {"domain": each.domain, "address": each.address, "ms": each.milliseconds}
    limit = mode_of(server).dial_limit
    if each.reach == "open" and (limit is None or each.milliseconds < limit):
        return _result("NET-01", server, Status.PASS, "outbound", **values)
    if each.reach == "open":
        return _result("NET-01", server, Status.WARN, "outbound_slow", **values)
    return _result("NET-01", server, Status.WARN, f"outbound_{each.reach}", **values)
