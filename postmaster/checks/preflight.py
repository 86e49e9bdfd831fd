"""Is a host fit to become a mail server: all findings together, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ground.words import Words, family
from postmaster import vps
from postmaster.checks import caa, rules, subjects
from postmaster.checks.bare import Bare, Kept, Password
from postmaster.checks.results import Judgement, failed, passed, unknown, warned
from postmaster.checks.runner import Check
from postmaster.checks.service import CLOCK_OFF, CLOCK_WRONG
from postmaster.checks.subjects import Subject
from postmaster.outbound import mode_of
from postmaster.web import web_of
from probes.host.firewall import Block, Connection, Way, blocking
from probes.host.fitness import PORTS, Fitness, Listener, Outbound
from probes.host.past import Found, Kind
from probes.world.caa import CaaView
from probes.world.dns import Reverse

_TRIED = ("debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04")
_ARCHITECTURES = ("x86_64", "aarch64")
_DISK_NEEDED, _DISK_WISHED = 100 * 1024, 1024 * 1024  # KiB
_EDGE_DISK = 250 * 1024  # KiB more: Postfix, OpenDKIM, OpenDMARC, Python, room for a message
_MEMORY_WISHED, _EDGE_MEMORY = 400 * 1024, 80 * 1024  # KiB
_DOES_MAIL = ("master", "exim4", "exim", "sendmail", "smtpd")
_WEB_PORTS = (80, 443)
_FOUND = family("past", Kind)
_CLOSED = ("refused", "timeout", "unreachable")
_OUTBOUND = family("preflight", (f"outbound_{reach}" for reach in _CLOSED))
_OUTBOUND_REMEDY = family("preflight", (f"outbound_{reach}.remedy" for reach in _CLOSED))


def _host(seen: Bare) -> Iterator[tuple[Subject, Fitness]]:
    yield subjects.of_host(seen.server), seen.fitness


def root(seen: Fitness, _: Bare) -> Judgement:
    """PRE-01: we are root."""
    if seen.uid == 0:
        return passed(Words.of("preflight.root"))
    return failed(Words.of("preflight.no_root"), Words.of("preflight.no_root.remedy"))


def systemd(seen: Fitness, _: Bare) -> Judgement:
    """PRE-02: systemd runs the host."""
    if seen.init == "systemd":
        return passed(Words.of("preflight.systemd"))
    other = Words.of("preflight.no_systemd", init=seen.init)
    return failed(other, Words.of("preflight.no_systemd.remedy"))


def system(seen: Fitness, _: Bare) -> Judgement:
    """PRE-03: its distribution was tried."""
    if seen.os in _TRIED:
        return passed(Words.of("preflight.os", os=seen.os))
    tried = ", ".join(_TRIED)
    other = Words.of("preflight.other_os", os=seen.os, tried=tried)
    return warned(other, Words.of("preflight.other_os.remedy", tried=tried))


def architecture(seen: Fitness, _: Bare) -> Judgement:
    """PRE-04: there is a PMail for its processor."""
    if seen.arch in _ARCHITECTURES:
        return passed(Words.of("preflight.arch", arch=seen.arch))
    other = Words.of("preflight.other_arch", arch=seen.arch)
    return failed(other, Words.of("preflight.other_arch.remedy", arch=seen.arch))


def _taken(seen: Bare) -> Iterator[tuple[Subject, Listener | None]]:
    """The first that holds each port and is not ours; None where all are free."""
    held: dict[int, Listener] = {}
    theirs = _WEB_PORTS if web_of(seen.server).ports == "theirs" else ()
    for each in seen.fitness.listeners:
        if each.port in PORTS and each.port not in theirs and not _ours(each, seen.fitness):
            held.setdefault(each.port, each)
    for port in PORTS:
        if port in held:
            yield subjects.of_host(seen.server), held[port]
    if not held:
        yield subjects.of_host(seen.server), None


def _ours(listener: Listener, seen: Fitness) -> bool:
    return listener.port in seen.fronts or (seen.ours != 0 and listener.pid == seen.ours)


def ports(holder: Listener | None, seen: Bare) -> Judgement:
    """PRE-05: nobody else holds a port that we need."""
    if holder is None:
        return passed(Words.of("preflight.ports", ports=", ".join(map(str, PORTS))))
    # Where PMail has the web's ports, 80 is only needed for the certificate's proof.
    mode = web_of(seen.server)
    needed = holder.port != 80 or mode.fronted or seen.server.tls.method == "acme-http"
    judged = failed if needed else warned
    values = {"port": holder.port, "process": holder.process or "?", "pid": holder.pid}
    if holder.process in _DOES_MAIL:
        remedy = Words.of("preflight.port_mta.remedy", **values)
        return judged(Words.of("preflight.port_mta", **values), remedy)
    if holder.port in _WEB_PORTS:
        remedy = Words.of("preflight.port_web.remedy", **values)
        return judged(Words.of("preflight.port_web", **values), remedy)
    remedy = Words.of("preflight.port.remedy", **values)
    return judged(Words.of("preflight.port", **values), remedy)


def disk(seen: Fitness, bare: Bare) -> Judgement:
    """PRE-06: there is room for mail."""
    if seen.disk is None:
        return unknown(Words.of("preflight.disk_unseen"))
    free = f"{seen.disk // 1024} MiB"
    if seen.disk >= _DISK_WISHED:
        return passed(Words.of("preflight.disk", free=free))
    edge_comes = mode_of(bare.server).relayed and not seen.fronts
    enough = seen.disk >= _DISK_NEEDED + (_EDGE_DISK if edge_comes else 0)
    judged = warned if enough else failed
    low = Words.of("preflight.disk_low", free=free)
    return judged(low, Words.of("preflight.disk_low.remedy", free=free))


def memory(seen: Fitness, bare: Bare) -> Judgement:
    """PRE-07: there is memory."""
    if seen.memory is None:
        return unknown(Words.of("preflight.memory_unseen"))
    size = f"{seen.memory // 1024} MiB"
    if seen.memory >= _MEMORY_WISHED + (_EDGE_MEMORY if mode_of(bare.server).relayed else 0):
        return passed(Words.of("preflight.memory", size=size))
    low = Words.of("preflight.memory_low", size=size)
    return warned(low, Words.of("preflight.memory_low.remedy", size=size))


def clock(seen: Fitness, bare: Bare) -> Judgement:
    """PRE-08: the clock is right, and kept right."""
    if seen.clock is None:
        return unknown(Words.of("preflight.clock_unseen"))
    off = abs(seen.clock - bare.now)
    seconds = f"{off:.0f}"
    if off > CLOCK_WRONG:
        wrong = Words.of("preflight.clock_wrong", seconds=seconds)
        return failed(wrong, Words.of("preflight.clock_wrong.remedy", seconds=seconds))
    if off > CLOCK_OFF:
        wrong = Words.of("preflight.clock_off", seconds=seconds)
        return warned(wrong, Words.of("preflight.clock_off.remedy", seconds=seconds))
    if seen.synced == "yes":
        return passed(Words.of("preflight.clock"))
    # Right now, but nothing keeps it right: certificates and signatures need the time.
    return warned(Words.of("preflight.clock_alone"), Words.of("preflight.clock_alone.remedy"))


def resolver(seen: Fitness, _: Bare) -> Judgement:
    """PRE-09: the host has DNS."""
    if seen.resolver is None:
        return unknown(Words.of("preflight.resolver_unseen"))
    if seen.resolver:
        return passed(Words.of("preflight.resolver"))
    return failed(Words.of("preflight.no_resolver"), Words.of("preflight.no_resolver.remedy"))


def nat(seen: Fitness, bare: Bare) -> Judgement:
    """PRE-10: its kernel can redirect connections."""
    if seen.nat == "yes":
        return passed(Words.of("preflight.nat"))
    if seen.nat == "no":
        judged = failed if mode_of(bare.server).relayed else warned
        return judged(Words.of("preflight.no_nat"), Words.of("preflight.no_nat.remedy"))
    return unknown(Words.of("preflight.nat_unseen"))


def addresses(seen: Fitness, bare: Bare) -> Judgement:
    """PRE-11: the addresses in the inventory are its own."""
    missing = [address for address in bare.server.addresses if address not in seen.addresses]
    if not missing:
        address = ", ".join(bare.server.addresses)
        return passed(Words.of("preflight.address", address=address))
    values = {"address": ", ".join(missing), "there": ", ".join(seen.addresses)}
    remedy = Words.of("preflight.address_nat.remedy", **values)
    return warned(Words.of("preflight.address_nat", **values), remedy)


def _mailers(seen: Bare) -> Iterator[tuple[Subject, str | None]]:
    for name in seen.fitness.mailers or (None,):
        yield subjects.of_host(seen.server), name


def mailers(name: str | None, _: Bare) -> Judgement:
    """PRE-12: a mail system of somebody else is never overwritten, nor removed by our packages."""
    if name is None:
        return passed(Words.of("preflight.no_mailer"))
    there = Words.of("preflight.mailer", name=name)
    return failed(there, Words.of("preflight.mailer.remedy", name=name))


def _outbound(seen: Bare) -> Iterator[tuple[Subject, Outbound | tuple[str, ...]]]:
    """Each connection; or the domains together, where none answers or none could be tried."""
    tried, subject = seen.fitness.outbound, subjects.of_host(seen.server)
    if all(each.reach == "timeout" for each in tried):
        yield subject, tuple(each.domain for each in tried)
        return
    for each in tried:
        yield subject, each


def outbound(tried: Outbound | tuple[str, ...], bare: Bare) -> Judgement:
    """PRE-17: port 25 of receivers can be reached, soon enough for who delivers."""
    if isinstance(tried, tuple):
        return _none_reached(tried, bare)
    return one_outbound(tried, bare)


def one_outbound(tried: Outbound, bare: Bare) -> Judgement:
    """Return what a connection to one receiver says."""
    values = {"domain": tried.domain, "address": tried.address, "ms": tried.milliseconds}
    limit = mode_of(bare.server).dial_limit
    if tried.reach != "open":
        reach = f"outbound_{tried.reach}"
        remedy = Words.of(_OUTBOUND_REMEDY[f"{reach}.remedy"], **values)
        return warned(Words.of(_OUTBOUND[reach], **values), remedy)
    if limit is not None and tried.milliseconds >= limit:
        remedy = Words.of("preflight.outbound_slow.remedy", **values)
        return warned(Words.of("preflight.outbound_slow", **values), remedy)
    return passed(Words.of("preflight.outbound", **values))


def _none_reached(domains: tuple[str, ...], bare: Bare) -> Judgement:
    if not domains:
        return unknown(Words.of("preflight.outbound_unseen"))
    return warned(*blocked_outbound(domains, bare))


def blocked_outbound(domains: tuple[str, ...], bare: Bare, family: int = 4) -> tuple[Words, Words]:
    """Return that no receiver answers, and what to do: of the host's own filter, or elsewhere."""
    names = ", ".join(domains)
    block = _blocked(bare, Way.OUT, 25, family)
    if block and block.certain:
        values = {"table": block.table, "chain": block.chain, "rule": block.rule}
        return (
            Words.of("preflight.outbound_filtered", domains=names, **values),
            Words.of("preflight.outbound_filtered.remedy", **values),
        )
    blocked = Words.of("preflight.outbound_blocked", domains=names)
    return blocked, vps.port_25_remedy(bare.provider, names)


def _blocked(bare: Bare, way: Way, port: int, family: int) -> Block | None:
    """What of the host's own packet filter stops connections."""
    of_family = (
        interface
        for address, interface in bare.fitness.sources
        if (":" in address) is (family == 6)
    )
    connection = Connection(way, port, family, next(of_family, ""))
    return blocking(bare.fitness.filters or (), connection)


def _reverse(seen: Bare) -> Iterator[tuple[Subject, Reverse]]:
    for each in seen.reverse:
        yield subjects.of_address(each.address), each


def reverse(view: Reverse, bare: Bare) -> Judgement:
    """PRE-18: the PTR name is ours, asked for early: it may take a ticket and days."""
    if not view.outcome.known:
        return unknown(Words.of("checks.dns.no_answer", name=view.address))
    host, names = mode_of(bare.server).ptr_name(bare.server), ", ".join(view.names)
    if set(view.names) <= {host, bare.server.mail_host} and names:
        return passed(Words.of("checks.rdns.names", names=names))
    said = Words.of("checks.rdns.names", names=names) if names else Words.of("checks.rdns.none")
    return warned(said, vps.ptr_remedy(bare.provider, view.address, host))


def _filters(seen: Bare) -> Iterator[tuple[Subject, tuple[Block, tuple[int, ...]] | None]]:
    """What stops connections to ports that we need, each with those that it stops; or None."""
    families = (4, 6) if seen.server.ipv6 else (4,)
    ours = web_of(seen.server).ports == "ours"
    proven = (80,) if ours or seen.server.tls.method == "acme-http" else ()
    stopped = dict[Block, list[int]]()
    for port in (25, *proven, 443, 465, 993):
        for version in families:
            if block := _blocked(seen, Way.IN, port, version):
                ports = stopped.setdefault(block, [])
                ports += [] if port in ports else [port]
    for block, ports in stopped.items():
        yield subjects.of_host(seen.server), (block, tuple(ports))
    if not stopped:
        yield subjects.of_host(seen.server), None


def packet_filter(found: tuple[Block, tuple[int, ...]] | None, bare: Bare) -> Judgement:
    """PRE-19: the host's own packet filter, as images come with one, lets our ports in."""
    if bare.fitness.filters is None:
        return unknown(Words.of("preflight.filter_unseen"))
    if found is None:
        return passed(Words.of("preflight.filter"))
    block, ports = found
    values = {
        "table": block.table,
        "chain": block.chain,
        "rule": block.rule,
        "ports": ", ".join(map(str, ports)),
    }
    stops = Words.of("preflight.filtered", **values)
    judged = failed if block.certain else warned
    return judged(stops, _opened(block, values))


def _opened(block: Block, values: dict[str, str]) -> Words:
    """How ports are opened, by whoever has made the rules."""
    ports = values["ports"].replace(" ", "")
    family, _, table = block.table.partition(" ")
    chain = block.chain.lower()
    if chain.startswith("ufw"):
        return Words.of("preflight.filtered_ufw.remedy", ports=ports)
    if table == "firewalld":
        opened = " ".join(f"--add-port={each}/tcp" for each in ports.split(","))
        return Words.of("preflight.filtered_firewalld.remedy", opened=opened)
    if table == "filter" and block.chain == "INPUT":
        tool = "ip6tables" if family == "ip6" else "iptables"
        return Words.of("preflight.filtered_iptables.remedy", tool=tool, ports=ports)
    return Words.of("preflight.filtered_nft.remedy", **values)


def _passwords(seen: Bare) -> Iterator[tuple[Subject, Password]]:
    for each in seen.passwords:
        yield subjects.of_smarthost(each.smarthost), each


def password(seen: Password, _: Bare) -> Judgement:
    """PRE-13: a smarthost's password is here, for its owner only, or on the host already."""
    problem = password_problem(seen)
    return failed(*problem) if problem else passed(Words.of("preflight.password", user=seen.user))


def password_problem(seen: Password) -> tuple[Words, Words] | None:
    """Return what is wrong with where a password is, and what to do about it; None: nothing."""
    match seen.kept:
        case Kept.KNOWN:
            return None
        case Kept.EXPOSED:
            values = {"source": seen.source}
            return (
                Words.of("preflight.password_exposed", **values),
                Words.of("preflight.password_exposed.remedy", **values),
            )
        case Kept.MISSING:
            return (
                Words.of("preflight.no_password", user=seen.user),
                Words.of("preflight.no_password.remedy", source=seen.source),
            )


def _past(seen: Bare) -> Iterator[tuple[Subject, Found | None]]:
    for each in seen.foreign or (None,):
        yield subjects.of_host(seen.server), each


def past(found: Found | None, _: Bare) -> Judgement:
    """PRE-14: there is no PMail that is not ours, whose data we would take for our own."""
    if found is None:
        return passed(Words.of("past.none"))
    return failed(of_found(found), Words.of("past.remedy"))


def of_found(found: Found) -> Words:
    """Return what is said of something of a PMail that is not ours."""
    return Words.of(_FOUND[found.kind], path=found.path, detail=found.detail)


def _caa(seen: Bare) -> Iterator[tuple[Subject, CaaView | None]]:
    for each in caa.sets_of(seen.caa) or (None,):
        yield subjects.of_host(seen.server), each


def authority(view: CaaView | None, bare: Bare) -> Judgement:
    """PRE-15: DNS lets the chosen authority issue the certificate."""
    return caa.judge(view, bare.server)


def privileged(seen: Fitness, _: Bare) -> Judgement:
    """PRE-16: only root can listen on our ports.

    Else any user of the host takes one while its program restarts, and gets mail, passwords, or a
    certificate.
    """
    if seen.open_from is None:
        return unknown(Words.of("preflight.privileged_unseen"))
    open_ports = ", ".join(str(port) for port in sorted(PORTS) if port >= seen.open_from)
    if not open_ports:
        return passed(Words.of("preflight.privileged"))
    values = {"ports": open_ports, "first": seen.open_from}
    return failed(
        Words.of("preflight.unprivileged", **values),
        Words.of("preflight.unprivileged.remedy", **values),
    )


CHECKS: tuple[Check[Bare, Any], ...] = (
    Check(rules.PRE_01, _host, root),
    Check(rules.PRE_02, _host, systemd),
    Check(rules.PRE_03, _host, system),
    Check(rules.PRE_04, _host, architecture),
    Check(rules.PRE_05, _taken, ports),
    Check(rules.PRE_06, _host, disk),
    Check(rules.PRE_07, _host, memory),
    Check(rules.PRE_08, _host, clock),
    Check(rules.PRE_09, _host, resolver),
    Check(rules.PRE_10, _host, nat),
    Check(rules.PRE_11, _host, addresses),
    Check(rules.PRE_12, _mailers, mailers),
    Check(rules.PRE_13, _passwords, password),
    Check(rules.PRE_14, _past, past),
    Check(rules.PRE_15, _caa, authority),
    Check(rules.PRE_16, _host, privileged),
    Check(rules.PRE_17, _outbound, outbound),
    Check(rules.PRE_18, _reverse, reverse),
    Check(rules.PRE_19, _filters, packet_filter),
)
