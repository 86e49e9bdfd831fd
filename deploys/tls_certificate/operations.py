"""pyinfra operations for the certificate: order or take it, install it; nothing is restarted."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pyinfra import host, state
from pyinfra.api import FunctionCommand, Host, State, operation

from deploys.host import files as host_files
from deploys.host import pmail_layout as layout
from deploys.host import web_layout
from deploys.host.files import Wanted
from deploys.host.gathering import Script
from deploys.host.remote import Reply, read
from deploys.host.snapshot import act, look
from deploys.host.systemd import in_order
from deploys.run.flow import leave_unsolved
from deploys.run.paths import keys_dir
from deploys.run.refusals import Around, Refused
from deploys.tls_certificate import challenge_dns
from deploys.tls_certificate.challenge_dns import AcmeError
from deploys.tls_certificate.names import fewer_names, names_for
from deploys.tls_certificate.renewal import Pair, due, problems, proven_by
from deploys.web_front import neighbour
from dns_providers.base import ProviderError
from ground.operations import fail, refuse
from ground.words import Words, lines, text
from postmaster.settings import MailServer, Site
from postmaster.web import web_of
from probes.world.tls import Certificate, describe

Commands = Generator[FunctionCommand, None, None]

INSTALL = f"{layout.TOOLS}/install-certificate"
STOPGAP = f"{layout.TOOLS}/certificate-stopgap"
HOOK = "/etc/letsencrypt/renewal-hooks/deploy/pmail-deploy"
CA_BUNDLE = f"{layout.OWN}/acme-ca.pem"
LINEAGE = "pmail-deploy"
_CERTBOT_LOG = "/var/log/letsencrypt/letsencrypt.log"
_LIVE = f"/etc/letsencrypt/live/{LINEAGE}"
_RENEWAL_CONF = f"/etc/letsencrypt/renewal/{LINEAGE}.conf"
RENEWAL = Script(f"cat {_RENEWAL_CONF} 2>/dev/null")
_CERTBOT_NOISE = (
    *("Saving debug log", "Requesting a certificate", "Ask for help", "Account reg"),
    *("An unexpected error", "AttributeError: can't set attribute", "Renewing an existing"),
)


def current(host: Host, path: str = layout.TLS_CHAIN) -> Certificate | None:
    """Return the certificate at a path on the host, or None."""
    reply = look(host, _chain(path))
    try:
        return describe(reply.stdout.encode("ascii")) if reply.ok and reply.stdout else None
    except ValueError:
        return None


def _chain(path: str) -> Script:
    return Script(f"cat {path} 2>/dev/null")


CHAIN = _chain(layout.TLS_CHAIN)


def waits(unit: str) -> Script:
    """Return the look at whether a timer is enabled and waiting."""
    return Script(in_order(unit))


@operation()
def timer(unit: str) -> Commands:
    """Ensure that a systemd timer is enabled and waiting.

    + unit: its name
    """
    if look(host, waits(unit)).ok:
        host.noop(text("tls.timer_right", unit=unit))
        return
    host.log_styled(f"  ~ {unit}", fg="green")
    script = (
        f"systemctl enable -q --no-reload {unit} && systemctl daemon-reload && "
        f"systemctl start {unit}"
    )
    yield FunctionCommand(host_files.run, (script, text("tls.timer_failed", unit=unit)), {})


@operation()
def from_files(server: MailServer) -> Commands:
    """Ensure that the host has the certificate of the operator's files.

    + server: the mail server
    """
    pair, unusable = _read_files(server)
    if pair is None or unusable:
        yield from fail(str(unusable))
        return
    there = current(host)
    if there is not None and there.fingerprint == pair.certificate.fingerprint:
        host.noop(text("tls.right", until=f"{there.not_after:%Y-%m-%d}"))
        return
    host.log_styled(f"  ~ {layout.TLS_CURRENT} <- {server.tls.cert_file}", fg="green")
    yield FunctionCommand(_install, (pair,), {})


def unusable_files(around: Around[Any]) -> Iterable[Refused]:
    """Refuse where the operator's certificate cannot be used."""
    for _, server in around.servers():
        if server.tls.method == "files" and (unusable := _read_files(server)[1]):
            yield Refused(unusable, server.host)


def _read_files(server: MailServer) -> tuple[Pair | None, Words | None]:
    """The files' certificate, and why it cannot be used."""
    pair, reasons = _in_files(server)
    if not reasons:
        return pair, None
    each = lines(("", *(f"  - {reason}" for reason in reasons)))
    return pair, Words.of("tls.files.unusable", path=server.tls.cert_file, reasons=each)


def _in_files(server: MailServer) -> tuple[Pair | None, list[str]]:
    reasons, contents = [], []
    for path in (Path(server.tls.cert_file or ""), Path(server.tls.key_file or "")):
        try:
            contents.append(path.read_bytes())
        except OSError as error:
            reason = error.strerror or str(error)
            reasons.append(text("tls.files.unreadable", path=str(path), reason=reason))
    key = Path(server.tls.key_file or "")
    if key.is_file() and key.stat().st_mode & 0o077:
        reasons.append(text("tls.files.exposed", path=str(key)))
    if len(contents) != 2:
        return None, reasons
    pair = Pair(contents[0], contents[1])
    found = problems(pair, server.certificate_names, datetime.now(UTC))
    return pair, reasons + list(map(str, found))


def _install(state: State, host: Host, pair: Pair) -> bool:
    """Send chain and key by standard input into a folder for root only, and install them."""
    lines = "\n".join(base64.b64encode(part).decode("ascii") for part in (pair.chain, pair.key))
    script = (
        f"set -e; umask 077; d=$(mktemp -d {layout.TLS_VERSIONS}/.incoming.XXXXXX); "
        "trap 'rm -rf \"$d\"' EXIT; read -r chain; read -r key; "
        'printf %s "$chain" | base64 -d > "$d/chain"; printf %s "$key" | base64 -d > "$d/key"; '
        f'{INSTALL} "$d/chain" "$d/key"'
    )
    reply = act(host, script, stdin=lines)
    if not reply.ok:
        message = text("host.file_failed", path=layout.TLS_CURRENT, reason=reply.stderr.strip())
        return refuse(state, host, message)
    return True


@operation()
def by_acme_dns(server: MailServer, site: Site) -> Commands:
    """Ensure a certificate from an ACME authority, proven by DNS records.

    + server: the mail server
    + site: the site, for the zones of the names
    """
    there = current(host)
    names = _names(server, site, there)
    reason = due(there, names, datetime.now(UTC))
    if reason is None:
        if state.is_executing:
            yield from _clean_up(server, site)
        host.noop(text("tls.valid"))
        return
    _show(names, reason)
    yield FunctionCommand(_order_by_dns, (server, site, names), {})


def _clean_up(server: MailServer, site: Site) -> Commands:
    """Take away challenge records that a killed run left."""
    for zone in sorted({domain.zone for domain in server.domains}):
        try:
            challenge_dns.remove_left_over(site, zone)
        except ProviderError as error:
            yield FunctionCommand(refuse, (str(error),), {})


def _show(names: tuple[str, ...], reason: Words) -> None:
    host.log_styled(f"  ~ {', '.join(names)} ({reason})", fg="green")


def _names(server: MailServer, site: Site, there: Certificate | None) -> tuple[str, ...]:
    """The names to have; those that have to wait are told."""
    found = names_for(server, site, there)
    for words in found.left_out:
        host.log_styled(f"  {words}", fg="yellow")
    return found.every


def _order(
    state: State,
    host: Host,
    server: MailServer,
    names: tuple[str, ...],
    order: Callable[[tuple[str, ...]], str | None],
) -> bool:
    """Order for these names; without those that mail does not need where these are refused.

    order: orders and installs; returns why it could not.
    """
    there = current(host)
    reason = order(names)
    for fewer in fewer_names(names, server.certificate_names, there, reason or ""):
        host.log_styled(f"  {text('tls.names.refused', reason=reason)}", fg="yellow")
        leave_unsolved(host.name, (text("tls.names.refused", reason=reason),))
        if due(there, fewer, datetime.now(UTC)) is None:
            return True  # the one that is there has all that it needs
        reason = order(fewer)
        if reason is None:
            break
    return reason is None or refuse(state, host, reason)


def _order_by_dns(
    state: State, host: Host, server: MailServer, site: Site, names: tuple[str, ...]
) -> bool:
    # The ACME library takes a tenth of the whole run to load; most runs order nothing.
    from deploys.tls_certificate import acme_dns

    def published(proofs: Mapping[str, str]) -> AbstractContextManager[None]:
        return challenge_dns.challenges(site, server, proofs, host.log)

    account = acme_dns.account(keys_dir(), server.tls.directory)

    def order(names: tuple[str, ...]) -> str | None:
        try:
            pair = acme_dns.order(server.tls, names, account, published)
        except AcmeError as error:
            return str(error)
        return None if _install(state, host, pair) else text("tls.install_failed")

    return _order(state, host, server, names, order)


@operation()
def some(server: MailServer) -> Commands:
    """Ensure that there is some certificate, which the host signs itself where there is none.

    + server: the mail server
    """
    if current(host) is not None:
        host.noop(text("tls.some_there"))
        return
    names = server.certificate_names
    host.log_styled(f"  ~ {text('tls.self_signed', names=', '.join(names))}", fg="green")
    alternative = ",".join(f"DNS:{name}" for name in names)
    script = (
        f"set -e; umask 077; d=$(mktemp -d {layout.TLS_VERSIONS}/.incoming.XXXXXX); "
        "trap 'rm -rf \"$d\"' EXIT; "
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN={names[0]} "
        f"-addext subjectAltName={alternative} "
        '-keyout "$d/key" -out "$d/chain" 2>/dev/null; '
        f'{INSTALL} "$d/chain" "$d/key"'
    )
    yield FunctionCommand(host_files.run, (script, text("tls.install_failed")), {})


@operation()
def by_acme_http(server: MailServer, site: Site) -> Commands:
    """Ensure a certificate from an ACME authority, proven on the host's port 80 by certbot.

    + server: the mail server
    + site: the site, for the zones of the names
    """
    there = current(host)
    names = _names(server, site, there)
    reason = due(there, names, datetime.now(UTC))
    if reason is None:
        host.noop(text("tls.valid"))
        return
    _show(names, reason)
    yield FunctionCommand(_order_by_http, (server, names), {})


def _order_by_http(state: State, host: Host, server: MailServer, names: tuple[str, ...]) -> bool:
    if web_of(server).ports == "theirs" and not read(host, _shown(server)).ok:
        found = neighbour.parse(read(host, neighbour.SCRIPT).stdout).kind
        values = {"address": server.ipv4, "server": found.name, "command": found.command}
        return refuse(state, host, text("tls.acme.not_shown", **values))
    return _order(state, host, server, names, partial(_by_certbot, host, server))


def _by_certbot(host: Host, server: MailServer, names: tuple[str, ...]) -> str | None:
    """Order when certbot's own is due too: a run may have been killed after the order."""
    kept = current(host, f"{_LIVE}/fullchain.pem")
    if due(kept, names, datetime.now(UTC)) is not None:
        order = _certbot(server, names)
        # A nonce that is not good any more is the server's wish to be asked again (RFC 8555 6.5);
        # Debian 12's certbot breaks on it.
        again = f"tail -n 80 {_CERTBOT_LOG} | grep -q ':badNonce' && order"
        tries = f"order || {{ {again}; }} || {{ {again}; }}"
        reply = read(host, f"order() {{ {order}; }}; {tries}", timeout=900)
        if not reply.ok:
            return text("tls.acme.refused", reason=_said(host, reply))
    reply = act(host, f"{INSTALL} {_LIVE}/fullchain.pem {_LIVE}/privkey.pem")
    return None if reply.ok else f"{text('tls.install_failed')}\n  {reply.stderr.strip()}"


def _shown(server: MailServer) -> str:
    """Whether the user's web server shows on port 80 what an authority looks for there."""
    folder = f"{web_layout.CHALLENGES}/.well-known/acme-challenge"
    name = f"Host: {server.web_host}"
    url = f"http://{server.ipv4}/.well-known/acme-challenge/"
    return (
        f"systemctl is-active -q {web_layout.NGINX} && exit 0; umask 022; mkdir -p {folder}; "
        f"file=$(mktemp {folder}/test.XXXXXX); trap 'rm -f $file' EXIT; "
        f"echo ${{file##*.}} > $file; chmod 644 $file; "
        f"[ \"$(curl -s --noproxy '*' --max-time 10 -H {shlex.quote(name)} "
        f'{shlex.quote(url)}${{file##*/}})" = "${{file##*.}}" ]'
    )


@operation()
def renews(server: MailServer) -> Commands:
    """Ensure that certbot's timer proves names by who has port 80 now; nobody is stopped for it.

    + server: the mail server
    """
    conf = look(host, RENEWAL).stdout
    webroot = web_layout.CHALLENGES if web_of(server).fronted else None
    wanted = proven_by(conf, webroot)
    if not conf or wanted.strip() == conf.strip():
        host.noop(text("tls.renews"))
        return
    host.log_styled(f"  ~ {_RENEWAL_CONF}", fg="green")
    file = Wanted(_RENEWAL_CONF, wanted.encode(), "root", "root", "644")
    yield FunctionCommand(host_files.install_all, ((file,),), {})


def _said(host: Host, reply: Reply) -> str:
    """Why certbot failed: its own words, and the authority's from its log."""
    lines = (reply.stdout + "\n" + reply.stderr).splitlines()
    said = [line for line in lines if line.strip() and not line.startswith(_CERTBOT_NOISE)][-12:]
    log = read(host, f'tail -n 200 {_CERTBOT_LOG} | grep -o \'"detail": ".*"\' | sort -u')
    return "\n  ".join([*said, *log.stdout.splitlines()[-5:]])


def _certbot(server: MailServer, names: tuple[str, ...]) -> str:
    tls = server.tls
    words = [
        *("certbot", "certonly", "--non-interactive", "--agree-tos"),
        *("--cert-name", LINEAGE, "--force-renewal", "--renew-with-new-domains"),
        # RSA: old mail servers cannot do ECDSA. The deploy restarts PMail itself, once.
        *("--key-type", "rsa", "--rsa-key-size", "2048", "--no-directory-hooks"),
        *("--server", tls.directory),
    ]
    words += ["--email", tls.email] if tls.email else ["--register-unsafely-without-email"]
    for name in names:
        words += ["-d", name]
    bundle = f"REQUESTS_CA_BUNDLE={CA_BUNDLE} " if tls.ca_file else ""
    theirs = "true" if web_of(server).ports == "theirs" else "false"
    order = " ".join(shlex.quote(word) for word in words)
    # Who has port 80 now: that may be another than who has it when this run is over.
    return (
        f"if {theirs} || systemctl is-active -q {web_layout.NGINX}; "
        f"then way='--webroot -w {web_layout.CHALLENGES}'; else way=--standalone; fi; "
        f"{bundle}{order} $way"
    )
