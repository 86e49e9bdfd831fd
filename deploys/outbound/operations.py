"""pyinfra operations for Postfix and OpenDKIM: configure, run what is on the disk, prove it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Set
from dataclasses import replace
from functools import cache
from pathlib import Path

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation
from pyinfra.api.operation import OperationMeta

from deploys.host import files as host_files
from deploys.host import outbound_layout as layout
from deploys.host.files import Wanted
from deploys.host.foreign import Guarded
from deploys.host.gathering import FileAt, Look, Script
from deploys.host.packages import packages_there
from deploys.host.pmail_layout import MARK, UNITS
from deploys.host.remote import read
from deploys.host.snapshot import act, look
from deploys.host.systemd import active, enabled
from deploys.host.templates import render
from deploys.outbound import configure, proof, smarthosts
from deploys.outbound.configure import Sending, Signed
from deploys.run import flow
from ground.operations import fail, refuse
from ground.words import text
from keys.store import KeyStore, KeyStoreError
from postmaster.outbound import SigningKey, mode_of
from postmaster.settings import MailServer
from probes.host.fitness import ADDRESSES
from probes.world import dns
from probes.world.dns import Resolvers

Commands = Generator[FunctionCommand, None, None]
Proven = Callable[[SigningKey], bool]

_SWITCH_WITHIN = 30  # seconds that a signer may take to read its tables anew
_POSTFIX_UNIT = (
    f"if {layout.POSTFIX_IS_DUMMY}; then echo {layout.POSTFIX_INSTANCE}; "
    f"else echo {layout.POSTFIX_UNIT}; fi"
)
_KEY_TABLE = f"cat {layout.KEY_TABLE} 2>/dev/null"
_KEYS = f"ls -1 {layout.DKIM}/*.key 2>/dev/null"
RESOLVER_PACKAGES: tuple[str, ...] = ("unbound", "dns-root-data")
MTA_STS_PACKAGES: tuple[str, ...] = ("postfix-mta-sts-resolver",)
# Of earlier versions: there for the one unit alone that Postfix ran as at that time.
_OLD_DROP_INS = tuple(
    configure.drop_in(unit) for unit in (layout.POSTFIX_UNIT, layout.POSTFIX_INSTANCE)
)


def postfix_unit(host: Host) -> str:
    """Return the unit that Postfix really runs as."""
    return look(host, _POSTFIX_UNIT).stdout.strip() or layout.POSTFIX_UNIT


# -- the signer --------------------------------------------------------------------------------


@operation()
def signer(server: MailServer, store: KeyStore, proven: Proven) -> Commands:
    """Ensure the signer's keys and tables, and who may send.

    A key whose record is not proven on all authoritative servers is not used: its domain keeps
    the key that it has, and one without any may not send.

    + server: the mail server
    + store: the key store
    + proven: tells whether a key's record was seen everywhere
    """
    signed = _signed(server, proven)
    try:
        keys = _key_files(signed, store)
    except KeyStoreError as error:
        yield from fail(str(error))
        return
    yield from host_files.ensure((*keys, *_tables(server, signed)))


@cache
def _tables(server: MailServer, signed: tuple[Signed, ...]) -> tuple[Wanted, ...]:
    return (
        _file(layout.OPENDKIM_CONF, configure.opendkim_conf()),
        _file(layout.KEY_TABLE, configure.key_table(signed)),
        _file(layout.SIGNING_TABLE, configure.signing_table(server, signed)),
        _file(configure.drop_in(layout.OPENDKIM_UNIT), configure.opendkim_drop_in()),
        _file(layout.SIGNER_POLICY, configure.signer_policy()),
        _table(layout.SENDERS, configure.senders(server, signed)),
        _table(layout.HEADER_CHECKS, configure.header_checks(server, signed)),
    )


def _signed(server: MailServer, proven: Proven) -> tuple[Signed, ...]:
    """The key of each domain: the wanted one where it is proven, else the one that it has."""
    there = {each.domain: each for each in keys_on(host)}
    found = []
    for key in mode_of(server).signing_keys(server):
        wanted = Signed(key.domain, key.selector)
        used = wanted if proven(key) else there.get(key.domain)
        if used:
            found.append(used)
        if used != wanted and state.is_executing:
            line = text("relay.not_proven", domain=key.domain, selector=key.selector)
            host.log_styled(f"  {line}", fg="yellow")
            flow.leave_unsolved(host.name, (line,))
    # Before the first run nothing is proven yet, and this very run proves it.
    if not state.is_executing:
        return tuple(Signed(k.domain, k.selector) for k in mode_of(server).signing_keys(server))
    return tuple(found)


def keys_on(host: Host) -> tuple[Signed, ...]:
    """Return the keys that the signer on a host is told to use."""
    return configure.parse_key_table(look(host, _KEY_TABLE).stdout)


def _key_files(signed: tuple[Signed, ...], store: KeyStore) -> tuple[Wanted, ...]:
    """The private keys, for the signer only. Raises KeyStoreError."""
    return tuple(
        Wanted(
            layout.key_file(each.domain, each.selector),
            store.private_pem(each.domain, each.selector),
            "opendkim",
            "opendkim",
            "600",
        )
        for each in signed
        if store.exists(each.domain, each.selector)
    )


@operation()
def unused_keys(server: MailServer, store: KeyStore) -> Commands:
    """Remove private keys from the host that its signer does not use any more.

    + server: the mail server
    + store: the key store
    """
    used = {layout.key_file(each.domain, each.selector) for each in keys_on(host)}
    there = set(look(host, _KEYS).stdout.split())
    yield from host_files.ensure((), tuple(sorted(unused(there - used, server, store))))


def unused(paths: Set[str], server: MailServer, store: KeyStore) -> set[str]:
    """Return which of the key files that the signer does not use can go.

    Of a domain that has left the inventory the host may have the last copy, and its record may be
    in DNS still.
    """
    served = {each.name for each in server.domains}
    keys = {path: layout.key_of(path) for path in paths}
    return {
        path
        for path, (domain, selector) in keys.items()
        if domain in served or selector in _known(store, domain)
    }


def _known(store: KeyStore, domain: str) -> set[str]:
    """The selectors of all keys that the store has, or had until they were erased."""
    try:
        kept = {each.selector for each in store.kept(domain)}
        return kept | {each.selector for each in store.erased(domain)}
    except KeyStoreError:
        return set()


def _file(path: str, content: str, mode: str = "644") -> Wanted:
    return Wanted(path, content.encode(), "root", "root", mode, MARK)


def _table(path: str, content: str) -> Wanted:
    """A table for Postfix alone: who has which address is not for everybody on the host."""
    return Wanted(path, content.encode(), "root", "postfix", "640", MARK)


def guarded(server: MailServer) -> tuple[Guarded, ...]:
    """Return the files of signer, Postfix and resolver that must not be somebody else's."""
    if not mode_of(server).relayed:
        return ()
    return tuple(_guarded(each.path) for each in _ours(server) if each.ours)


def _ours(server: MailServer) -> list[Wanted]:
    """All files but keys, as if there were none, and nothing known of the host."""
    files = [*_tables(server, ()), *_postfix_files(server, Sending(None, None, ()))]
    files += (*smarthosts.files(server), *_mta_sts_files(server))
    return files + (_resolver_files(server) if server.relay.dane else [])


def looks(server: MailServer) -> tuple[Look, ...]:
    """Return what these operations look at on a host."""
    if not mode_of(server).relayed:
        return (Script(_STILL_THERE),)
    keys = (layout.key_file(k.domain, k.selector) for k in mode_of(server).signing_keys(server))
    configs = (layout.MAIN_CF, layout.MASTER_CF, *_OLD_DROP_INS, layout.RECEIVERS)
    right = _right_script(server)
    scripts = (_KEY_TABLE, ADDRESSES, smarthosts.OF_HOST, right, _POSTFIX_UNIT, _KEYS)
    packages = [RESOLVER_PACKAGES] if server.relay.dane else []
    packages += [MTA_STS_PACKAGES] if server.relay.mta_sts else []
    return (
        *map(packages_there, packages),
        *map(FileAt, (*keys, *configs)),
        *(each.look for each in _ours(server)),
        *map(Script, scripts),
    )


def _guarded(path: str) -> Guarded:
    if path not in (layout.MAIN_CF, layout.MASTER_CF):
        return Guarded(path)
    return Guarded(path, layout.MAIN_CF, of="postfix")


# -- Postfix -----------------------------------------------------------------------------------


@operation()
def postfix(server: MailServer) -> Commands:
    """Ensure Postfix's configuration; a foreign one is never overwritten.

    + server: the mail server
    """
    files = list(_postfix_files(server, _sending(host, server)))
    # Debian's own master.cf, installed a moment ago and never started, is nobody's.
    if not host_files.existing(host, (layout.MAIN_CF,)):
        files = [replace(each, ours=None) if _is_debians(each) else each for each in files]
    # Passwords that are missing were told by the preflight.
    files += (*smarthosts.files(server), *_mta_sts_files(server))
    unused = (*smarthosts.unused(host, server), layout.RECEIVERS, *_OLD_DROP_INS)
    yield from host_files.ensure(tuple(files), unused)


def _is_debians(wanted: Wanted) -> bool:
    return wanted.path == layout.MASTER_CF


@cache
def _postfix_files(server: MailServer, sending: Sending) -> tuple[Wanted, ...]:
    return (
        _file(layout.MAIN_CF, configure.main_cf(server, sending)),
        _file(layout.MASTER_CF, configure.master_cf(server, sending)),
        _table(layout.LOGINS, configure.logins(server)),
        _table(layout.SENT, configure.sent()),
        _table(layout.WORLD_CHECKS, configure.world_checks(server)),
        _table(layout.SUBMIT_CHECKS, configure.submit_checks()),
        _table(layout.TRANSPORT, configure.transport(server)),
        _table(layout.SENDER_TRANSPORT, configure.sender_transport(server)),
        _table(layout.BOUNCE_CHECKS, configure.bounce_checks()),
        _file(layout.BOUNCE, configure.bounce(server)),
        _file(layout.POSTFIX_DROP_IN, configure.postfix_drop_in(server)),
        _file(layout.POSTFIX_GENERATOR, configure.postfix_generator(), "755"),
    )


def _sending(host: Host, server: MailServer) -> Sending:
    """The addresses to send from: those of the host's own, IPv6 only where it is known for it."""
    own = look(host, ADDRESSES).stdout.split()
    ipv4 = server.ipv4 if server.ipv4 in own else None
    beyond = tuple(address for address in server.addresses if address not in own)
    if server.ipv6 is None or server.ipv6 not in own:
        return Sending(ipv4, None, beyond)
    seen = dns.reverse(server.ipv6, Resolvers(server.resolvers))
    known = any(server.ipv6 in (found or ()) for _, found in seen.forward)
    if not known and state.is_executing:
        line = text("relay.no_ipv6", address=server.ipv6, host=server.mail_host)
        host.log_styled(f"  {line}", fg="yellow")
    return Sending(ipv4, server.ipv6 if known else None, beyond)


# -- the resolver ------------------------------------------------------------------------------


@operation()
def resolver(server: MailServer) -> Commands:
    """Ensure the configuration of the validating resolver that Postfix alone asks.

    + server: the mail server
    """
    files = _resolver_files(server)
    if anchor := server.relay.dane_trust_anchor:
        content = Path(anchor).read_bytes()
        files.append(Wanted(layout.RESOLVER_ANCHOR, content, "root", "root", "644"))
    yield from host_files.ensure(tuple(files))


def _resolver_files(server: MailServer) -> list[Wanted]:
    return [
        _file(layout.RESOLVER_CONF, configure.resolver_conf(server)),
        _file(layout.RESOLV_CONF, configure.resolv_conf()),
        _file(f"{UNITS}/{layout.RESOLVER_UNIT}", configure.resolver_unit()),
    ]


def _mta_sts_files(server: MailServer) -> list[Wanted]:
    if not server.relay.mta_sts:
        return []
    return [
        _file(layout.MTA_STS_CONF, configure.mta_sts_conf()),
        _file(configure.drop_in(layout.MTA_STS_UNIT), configure.mta_sts_drop_in()),
    ]


# -- running -----------------------------------------------------------------------------------


@operation()
def running(server: MailServer, inputs: tuple[OperationMeta, ...]) -> Commands:
    """Ensure that signer and Postfix run with what is on the disk now, and prove it.

    Reloads where that is enough: no message waits for it. The proof is a message of each domain
    that goes the whole way and is verified.

    + server: the mail server
    + inputs: operations that may change what they read
    """
    right = look(host, _right_script(server)).ok
    coming = not state.is_executing and any(each.will_change for each in inputs)
    if right and not coming:
        host.noop(text("relay.running"))
        return
    host.log_styled(f"  ~ {text('relay.restart')}", fg="green")
    yield FunctionCommand(_run, (server, postfix_unit(host)), {})


def _right_script(server: MailServer) -> str:
    resolver_unit = layout.RESOLVER_UNIT if server.relay.dane else ""
    mta_sts_unit = layout.MTA_STS_UNIT if server.relay.mta_sts else ""
    every = (layout.OPENDKIM_UNIT, resolver_unit, mta_sts_unit, "$postfix")
    units = " ".join(each for each in every if each)
    stamps = (layout.DKIM_STAMP, layout.RELAY_STAMP)
    read_by_them = " ".join(f"{stamp} {stamp}.start" for stamp in stamps)
    return (
        f"postfix=$({_POSTFIX_UNIT}); {active(units)} && {enabled('opendkim postfix')} && "
        f"sha256sum --check --strict --status {read_by_them}"
    )


def _run(state: State, host: Host, server: MailServer, unit: str) -> bool:
    script = render(
        Path(__file__).parent,
        "start-relay.sh.j2",
        units=((layout.OPENDKIM_UNIT, layout.DKIM_STAMP), (unit, layout.RELAY_STAMP)),
        postfix=unit,
        resolver=layout.RESOLVER_UNIT if server.relay.dane else None,
        mta_sts=layout.MTA_STS_UNIT if server.relay.mta_sts else None,
        mark=layout.MODE_MARK,
        mode=mode_of(server).name,
    )
    started = act(host, script, timeout=300)
    if not started.ok:
        journal = read(host, f"journalctl -u {unit} -u opendkim -n 30 --no-pager -o cat").stdout
        lines = (started.stderr + "\n" + journal).splitlines()
        return refuse(state, host, "\n".join([text("relay.not_started"), *lines[-20:]]))
    return _proven(state, host)


def _proven(state: State, host: Host) -> bool:
    """Send a message of each domain through signer and Postfix, until all are signed right.

    A reload takes effect some time after the command has ended.
    """
    signed = keys_on(host)
    deadline = time.monotonic() + _SWITCH_WITHIN
    while True:
        made = proof.made(host, tuple(each.domain for each in signed))
        wrong = [each for each in signed if not proof.signed_by(made.messages, each)]
        if not wrong:
            return True
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    names = ", ".join(each.name for each in wrong)
    journal = read(host, "journalctl -t opendkim -n 15 --no-pager -o cat").stdout.splitlines()
    lines = [text("relay.not_signed", keys=names), made.complaint, *journal]
    return refuse(state, host, "\n".join(filter(None, lines)))


# -- leaving -----------------------------------------------------------------------------------


_STILL_THERE = f"grep -qsF '{MARK}' {layout.MAIN_CF} && systemctl is-active -q $({_POSTFIX_UNIT})"


@operation()
def retired() -> Commands:
    """Stop Postfix and the signer where another mode had them, once nothing waits in the queue."""
    if not look(host, _STILL_THERE).ok:
        host.noop(text("relay.not_there"))
        return
    unit = postfix_unit(host)
    waiting = read(host, "postqueue -j 2>/dev/null | grep -c queue_id").stdout.strip()
    if waiting not in ("", "0"):
        # Signed already; Postfix goes on trying, and a later run stops it.
        host.log_styled(f"  {text('relay.still_waiting', count=waiting)}", fg="yellow")
        host.noop(text("relay.still_waiting", count=waiting))
        return
    host.log_styled(f"  - {text('relay.stopped')}", fg="red")
    script = (
        f"systemctl disable -q --now postfix opendkim; systemctl stop {unit}; "
        f"systemctl disable -q --now {layout.RESOLVER_UNIT} 2>/dev/null; "
        f"rm -f {layout.MODE_MARK} {layout.DKIM}/*.key {layout.RELAY}/*.password"
    )
    yield FunctionCommand(host_files.run, (script, text("relay.not_stopped")), {})
