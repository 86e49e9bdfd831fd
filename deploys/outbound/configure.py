"""What Postfix, OpenDKIM and the resolver on the host are configured with; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.header import Header
from pathlib import Path

from deploys.host import edge_layout as edge
from deploys.host import outbound_layout as layout
from deploys.host.pmail_layout import MARK, TLS_CHAIN, TLS_KEY, UNITS, stamped
from deploys.host.templates import render
from edge.sent import DOMAIN as SENT_DOMAIN
from ground.words import LANGUAGES, catalogue, family
from postmaster import dkim
from postmaster.outbound import mode_of
from postmaster.receivers import OTHERS, groups
from postmaster.settings import MailServer, Smarthost

_NOTICES = ("failure", "delay", "success", "verify")
_SUBJECT = family("notice", _NOTICES, "subject")
_BODY = family("notice", _NOTICES, "body")
_HERE = Path(__file__).parent
# PMail takes 30 MiB and builds a message anew: text may grow threefold as quoted-printable.
MESSAGE_SIZE = 96 * 1024 * 1024
# What is taken from outside and from mail programs: a bit less than PMail's 30 MiB, so that it
# never refuses for its size what we have accepted.
TAKEN_SIZE = 31_000_000
_HEAD = f"# {MARK}: changes are overwritten.\n"
# Retries slow down to this many times the first pause.
_SLOWEST = 12
_RELAY_INPUTS = (
    layout.MAIN_CF,
    layout.MASTER_CF,
    layout.SENDERS,
    layout.LOGINS,
    layout.SENT,
    layout.WORLD_CHECKS,
    layout.SUBMIT_CHECKS,
    layout.TRANSPORT,
    layout.SENDER_TRANSPORT,
    layout.HEADER_CHECKS,
    layout.BOUNCE_CHECKS,
    layout.BOUNCE,
    TLS_CHAIN,
    TLS_KEY,
)
DKIM_INPUTS = (
    layout.OPENDKIM_CONF,
    layout.KEY_TABLE,
    layout.SIGNING_TABLE,
    layout.SIGNER_POLICY,
)


@dataclass(frozen=True, slots=True)
class Sending:
    """From which addresses Postfix sends: None where the address is not the host's own.

    ipv6: only where it has PTR and SPF; else receivers refuse what comes from there. beyond: our
    public addresses that are on a gateway before the host: an MX that points there points to us.
    """

    ipv4: str | None
    ipv6: str | None
    beyond: tuple[str, ...] = ()

    def options(self) -> tuple[tuple[str, str], ...]:
        """Options of the smtp client: not global ones, so that PMail is heard on both families."""
        found = [] if self.ipv6 else [("inet_protocols", "ipv4")]
        found += [("smtp_bind_address", self.ipv4)] if self.ipv4 else []
        found += [("smtp_bind_address6", self.ipv6)] if self.ipv6 else []
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Signed:
    """A domain and the selector of the key that it is signed with on the host."""

    domain: str
    selector: str

    @property
    def name(self) -> str:
        """The key's name in the signer's tables: its record's owner name."""
        return dkim.owner(self.selector, self.domain)


@dataclass(frozen=True, slots=True)
class Service:
    """A delivery service of master.cf."""

    name: str
    label: str
    processes: str
    options: tuple[tuple[str, str], ...]


def _table(lines: Iterable[str]) -> str:
    """Return a file of ours with these lines."""
    return _HEAD + "".join(f"{line}\n" for line in lines)


# -- Postfix -----------------------------------------------------------------------------------


def main_cf(server: MailServer, sending: Sending) -> str:
    """Return main.cf."""
    mode, relay = mode_of(server), server.relay
    by_provider = mode.sends_from == "provider"
    return render(
        _HERE,
        "main.cf.j2",
        mode=mode.name,
        mail_host=server.mail_host,
        primary=server.primary,
        message_size=MESSAGE_SIZE,
        beyond=sending.beyond,
        own_domains=_own_domains(server),
        chain=TLS_CHAIN,
        key=TLS_KEY,
        auth=edge.AUTH,
        milter=layout.MILTER,
        rules=edge.MILTER,
        routes=edge.ROUTES,
        transport=layout.TRANSPORT,
        default_transport=_next_hop(0, relay.smarthosts[0]) if by_provider else "smtp",
        sender_transport=layout.SENDER_TRANSPORT if relay.smarthosts[1:] else None,
        retry_for=relay.retry_for,
        retry_after=relay.retry_after,
        retry_at_most=relay.retry_after * _SLOWEST,
        delay_notice=relay.delay_notice,
        bounce=layout.BOUNCE,
        dane=relay.dane,
        mta_sts=layout.MTA_STS if relay.mta_sts else None,
        groups=()
        if by_provider
        else [(_transport_of(each.name), each) for each in groups(relay.rates)],
    )


def _own_domains(server: MailServer) -> tuple[str, ...]:
    """Domains whose mail PMail gets: bounces are from the mail host, so answers go there too."""
    return (*server.accepts, server.mail_host)


def _transport_of(group: str) -> str:
    return "smtp" if group == OTHERS else group


def master_cf(server: MailServer, sending: Sending) -> str:
    """Return master.cf."""
    by_provider = mode_of(server).sends_from == "provider"
    services = [Service("smtp", OTHERS, "-", sending.options())]
    if by_provider:
        services += [_smarthost(n, each) for n, each in enumerate(server.relay.smarthosts)]
    else:
        services += [
            Service(group.name, group.name, str(group.connections), sending.options())
            for group in groups(server.relay.rates)
            if group.name != OTHERS
        ]
    judges = (edge.VERIFY_MILTER, edge.DMARC_MILTER, edge.MILTER)
    return render(
        _HERE,
        "master.cf.j2",
        mode=mode_of(server).name,
        taken_size=TAKEN_SIZE,
        judges=",".join(f"unix:{each}" for each in judges),
        greylist=f"check_policy_service,unix:{edge.GREYLIST}" if server.edge.greylist else "",
        submissions=_submissions(server),
        senders=layout.SENDERS,
        logins=layout.LOGINS,
        sent=layout.SENT,
        header_checks=layout.HEADER_CHECKS,
        world_checks=layout.WORLD_CHECKS,
        submit_checks=layout.SUBMIT_CHECKS,
        bounce_checks=layout.BOUNCE_CHECKS,
        services=services,
    )


def _submissions(server: MailServer) -> list[tuple[int, tuple[str, ...]]]:
    """Ports that mail programs submit at, and how each is encrypted."""
    found: list[tuple[int, tuple[str, ...]]] = [
        (465, ("smtpd_tls_wrappermode=yes", "smtpd_tls_security_level=encrypt"))
    ]
    if 587 in server.open_ports:
        found.append((587, ("smtpd_tls_security_level=encrypt",)))
    return found


def _smarthost(number: int, smarthost: Smarthost) -> Service:
    ca_file = layout.ca_file(number) if smarthost.ca_file else "/etc/ssl/certs/ca-certificates.crt"
    options = (
        ("smtp_sasl_auth_enable", "yes"),
        ("smtp_sasl_password_maps", f"texthash:{layout.password_file(number)}"),
        ("smtp_sasl_security_options", "noanonymous"),
        ("smtp_tls_security_level", "secure"),
        ("smtp_tls_policy_maps", ""),
        ("smtp_tls_CAfile", ca_file),
        ("smtp_tls_wrappermode", "yes" if smarthost.tls == "implicit" else "no"),
        ("smtp_dns_support_level", "enabled"),
    )
    return Service(f"smarthost{number}", f"smarthost{number}", "-", options)


def _next_hop(number: int, smarthost: Smarthost) -> str:
    return f"smarthost{number}:{smarthost_key(smarthost)}"


def smarthost_key(smarthost: Smarthost) -> str:
    """Return a smarthost as Postfix names it: its password is found by this."""
    return f"[{smarthost.host}]:{smarthost.port}"


def password_line(smarthost: Smarthost, password: str) -> str:
    """Return the password file of a smarthost."""
    return f"{_HEAD}{smarthost_key(smarthost)} {smarthost.user}:{password}\n"


def senders(server: MailServer, signed: Iterable[Signed]) -> str:
    """Return who may send: the server's domains that have a key, and nobody else."""
    with_key = {each.domain for each in signed}
    lines = [
        f"{domain.name} OK"
        if domain.name in with_key
        else f"{domain.name} REJECT 5.7.1 {_no_key(domain.name)}"
        for domain in server.domains
    ]
    return _table(lines)


def _no_key(domain: str) -> str:
    # PMail shows its user the first 128 octets of a reply, in ASCII.
    return f"{domain} has no DKIM key here yet: run the deploy"


def header_checks(server: MailServer, signed: Iterable[Signed]) -> str:
    """Return what is taken out of PMail's messages, and what is refused.

    PMail's own signature goes: its key is never published. It is known by domain and selector,
    so that a forwarded message keeps the signatures of others. A From domain of ours without a
    key would leave unsigned.
    """
    own = re.escape(server.primary)
    with_key = {each.domain for each in signed}
    lines = [rf"/^DKIM-Signature:.*[[:space:];]d={own};.*[[:space:]]s=default;/ IGNORE"]
    lines += [
        rf"/^From:.*@{re.escape(domain.name)}[[:space:]>]*$/ REJECT 5.7.1 {_no_key(domain.name)}"
        for domain in server.domains
        if domain.name not in with_key
    ]
    return _table(lines)


def bounce_checks() -> str:
    """Return what is changed in bounces, before they are signed: multipart and addresses.

    PMail shows the text of multipart/mixed; of multipart/report it makes an attachment without a
    name (PMail dto/parsemail/email.go). In a text it takes what stands in < > for HTML and drops
    it: the address that could not be reached.
    """
    report = r"/^Content-Type: multipart\/report;.*boundary=\"([^\"]+)\"/"
    return _table(
        [
            f'{report} REPLACE Content-Type: multipart/mixed; boundary="$1"',
            r"/^<([^<>]+)>: (.*)$/ REPLACE $1: $2",
        ]
    )


def transport(server: MailServer) -> str:
    """Return where mail of special domains goes: our own to PMail, proofs to their sink."""
    lines = [f"{domain} pmail:unix:{edge.LMTP}" for domain in _own_domains(server)]
    lines.append(f"{SENT_DOMAIN} sent:unix:{edge.LMTP}")
    lines.append(f"{layout.PROOF_DOMAIN} proof:[127.0.0.1]:{layout.PROOF_PORT}")
    return _table(lines)


def logins(server: MailServer) -> str:
    """Return as whom each account may send: its own address at any own domain, `+suffix` too.

    The administrator may send as anybody here, as in PMail's web mail. Aliases come first.
    """
    own = "|".join(re.escape(domain.name) for domain in server.domains)
    admin = server.admin_account
    lines = []
    for address, accounts in server.edge.aliases:
        local, _, domain = address.rpartition("@")
        # A slash, which an address may have, is where the pattern ends in Postfix's table.
        name = re.escape(local).replace("/", r"\/")
        pattern = rf"{name}(\+[^@]*)?@{re.escape(domain)}"
        lines.append(f"/^{pattern}$/ {', '.join((*accounts, admin))}")
    lines.append(rf"/^([^@+]+)(\+[^@]*)?@({own})$/ $1, {admin}")
    return _table(lines)


def sent() -> str:
    """Return what puts a copy into the Sent folder of who has logged in."""
    return _table([f"/^(.+)$/ BCC $1@{SENT_DOMAIN}"])


def world_checks(server: MailServer) -> str:
    """Return what is taken out of what comes from outside: results that only we may give.

    What our own milters add afterwards does not go through these checks.
    """
    name = re.escape(server.mail_host)
    return _table(
        [
            rf"/^Authentication-Results:.*{name}/ IGNORE",
            "/^X-PMail-Deploy-Verdict:/ IGNORE",
        ]
    )


def submit_checks() -> str:
    """Return what is taken out of what mail programs send: where from, and names that are ours."""
    return _table(["/^Received:/ IGNORE", "/^X-PMail-Deploy-[A-Za-z]+:/ IGNORE"])


def sender_transport(server: MailServer) -> str:
    """Return the smarthost of each sender domain that has one of its own."""
    lines = [
        f"@{each.domain} {_next_hop(number, each)}"
        for number, each in enumerate(server.relay.smarthosts)
        if each.domain
    ]
    return _table(lines)


def bounce(server: MailServer) -> str:
    """Return the texts of notices to senders, each in every language (bounce(5))."""
    return _HEAD + "\n".join(map(_notice, _NOTICES))


def _notice(kind: str) -> str:
    texts = [catalogue(language) for language in LANGUAGES]
    subject = " / ".join(each[_SUBJECT[kind]] for each in texts)
    encoded = Header(subject, "utf-8", maxlinelen=900).encode()
    body = "\n\n".join(each[_BODY[kind]] for each in texts)
    copy = "Postmaster-Subject: Postmaster copy: undelivered mail\n" if kind == "failure" else ""
    copy = "Postmaster-Subject: Postmaster copy: delayed mail\n" if kind == "delay" else copy
    head = f"Charset: utf-8\nFrom: MAILER-DAEMON (Mail Delivery System)\nSubject: {encoded}\n"
    return f"{kind}_template = <<EOF\n{head}{copy}\n{body}\nEOF\n"


def drop_in(unit: str) -> str:
    """Return where our addition to a unit of Debian's is."""
    return f"{UNITS}/{unit}.d/{layout.DROP_IN}"


def _relay_inputs(server: MailServer) -> tuple[str, ...]:
    """What Postfix reads: it has to be reloaded when one of them changes."""
    accounts = [
        path
        for number, smarthost in enumerate(server.relay.smarthosts)
        for path in (
            layout.password_file(number),
            *((layout.ca_file(number),) if smarthost.ca_file else ()),
        )
    ]
    return (*_RELAY_INPUTS, *accounts)


def postfix_drop_in(server: MailServer) -> str:
    """Return what is added to Debian's unit of Postfix, whatever that is called."""
    return render(
        _HERE,
        "postfix-drop-in.j2",
        dane=server.relay.dane,
        resolver_unit=layout.RESOLVER_UNIT,
        resolv_conf=layout.RESOLV_CONF,
        unit_files=f"{layout.POSTFIX_DROP_IN} {layout.POSTFIX_GENERATOR}",
        inputs=" ".join(_relay_inputs(server)),
        stamp=layout.RELAY_STAMP,
    )


def postfix_generator() -> str:
    """Return the program that tells systemd which unit of Postfix ours is added to."""
    return render(
        _HERE,
        "postfix-generator.sh.j2",
        unit=layout.POSTFIX_UNIT,
        instance=layout.POSTFIX_INSTANCE,
        is_dummy=layout.POSTFIX_IS_DUMMY,
        drop_in=layout.POSTFIX_DROP_IN,
        file=layout.DROP_IN,
    )


# -- MTA-STS ---------------------------------------------------------------------------------------


def mta_sts_conf() -> str:
    """Return the configuration of the program that tells Postfix of receivers' MTA-STS policies."""
    cache = "cache:\n  type: sqlite\n  options:\n    filename: /var/lib/mta-sts/cache.db\n"
    return f"{_HEAD}path: {layout.MTA_STS}\nmode: 0660\n{cache}"


def mta_sts_drop_in() -> str:
    """Return what is added to Debian's unit of it."""
    return render(
        _HERE, "mta-sts-drop-in.j2", conf=layout.MTA_STS_CONF, runtime=layout.MTA_STS_FOLDER
    )


# -- OpenDKIM ----------------------------------------------------------------------------------


def opendkim_conf() -> str:
    """Return the signer's configuration."""
    return render(
        _HERE,
        "opendkim.conf.j2",
        milter=layout.MILTER,
        key_table=layout.KEY_TABLE,
        signing_table=layout.SIGNING_TABLE,
        policy=layout.SIGNER_POLICY,
    )


def signer_policy() -> str:
    """Return what the signer asks before it signs."""
    return (_HERE / "signer.lua").read_text("utf-8")


def opendkim_drop_in() -> str:
    """Return what is added to Debian's unit of OpenDKIM."""
    return render(
        _HERE,
        "opendkim-drop-in.j2",
        conf=layout.OPENDKIM_CONF,
        milter=layout.MILTER,
        drop_in=drop_in(layout.OPENDKIM_UNIT),
        stamped=stamped(layout.OPENDKIM_UNIT, DKIM_INPUTS),
        stamp=layout.DKIM_STAMP,
    )


def key_table(signed: Iterable[Signed]) -> str:
    """Return OpenDKIM's KeyTable: name of a key -> domain, selector and file."""
    lines = (
        f"{each.name} {each.domain}:{each.selector}:{layout.key_file(each.domain, each.selector)}"
        for each in signed
    )
    return _table(lines)


def signing_table(server: MailServer, signed: Iterable[Signed]) -> str:
    """Return OpenDKIM's SigningTable: From domain -> name of its key.

    Bounces are from the mail host, and signed for the primary domain, which is above it.
    """
    by_domain = {each.domain: each.name for each in signed}
    if server.primary in by_domain:
        by_domain.setdefault(server.mail_host, by_domain[server.primary])
    return _table(f"{domain} {name}" for domain, name in by_domain.items())


def parse_key_table(text: str) -> tuple[Signed, ...]:
    """Return what a KeyTable of ours says."""
    found = []
    for line in text.splitlines():
        fields = line.partition(" ")[2].split(":")
        if not line.startswith("#") and len(fields) == 3:
            found.append(Signed(fields[0], fields[1]))
    return tuple(found)


# -- the resolver ------------------------------------------------------------------------------


def resolver_conf(server: MailServer) -> str:
    """Return unbound's configuration."""
    return render(
        _HERE,
        "unbound.conf.j2",
        address=layout.RESOLVER_ADDRESS,
        anchor=layout.RESOLVER_ANCHOR
        if server.relay.dane_trust_anchor
        else "/usr/share/dns/root.key",
        forward_to=server.relay.dane_forward_to,
    )


def resolver_unit() -> str:
    """Return the resolver's unit."""
    return render(_HERE, "resolver.service.j2", conf=layout.RESOLVER_CONF)


def resolv_conf() -> str:
    """Return /etc/resolv.conf as Postfix alone sees it."""
    return f"{_HEAD}nameserver {layout.RESOLVER_ADDRESS}\noptions edns0 trust-ad\n"
