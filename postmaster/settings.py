"""Settings of mail servers and zones, as everything else uses them: validated and frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from dns_providers.rrset import RRKey
from postmaster.mta_sts import DomainPolicy, host
from postmaster.receivers import Rate

TlsMethod = Literal["acme-http", "acme-dns", "files"]
TlsStart = Literal["implicit", "starttls"]
SpfAll = Literal["~all", "-all", "?all"]
DmarcPolicy = Literal["none", "quarantine", "reject"]

# PMail listens on these whatever it is told; they stay closed unless asked for.
CLOSABLE_PORTS = (110, 587, 995)
# What makes PMail sign: a message submitted, written in the browser, or forwarded.
SENDING_PORTS = (25, 443, 465, 587)


def service_names(primary: str) -> tuple[str, ...]:
    """Return the host names of the mail services, all below the primary domain."""
    return tuple(f"{label}.{primary}" for label in ("smtp", "imap", "pop"))


def user_variable(account: str) -> str:
    """Return the environment variable with a user's password."""
    return "PMAIL_USER_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", account.upper())


def file_name(host: str) -> str:
    """Return an inventory name as part of a file's name."""
    return host.replace("/", "_")


def password_file(host: str, account: str) -> str:
    """Return the name of the file with an account's password, of a server by its inventory name."""
    return f"{file_name(host)}-{account}"


@dataclass(frozen=True, slots=True)
class User:
    """A mailbox that must exist: local part and display name."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class PmailSource:
    """Where the PMail release comes from.

    location: an https URL of a zip or binary, or an absolute local path of one.
    mirror: prefix put before a release URL, or None. sha256: pinned sum of the file at
    `location`, 64 hex digits, or None (then recorded on first use).
    """

    version: str
    location: str | None
    mirror: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How the server gets its certificate.

    directory: ACME directory URL. ca_file: PEM file of the CA that the directory's own HTTPS
    certificate comes from (a private CA), or None. cert_file, key_file: for method `files`.
    trust_file: PEM file of the CA that our certificate comes from, or None (then the system's).
    """

    method: TlsMethod
    email: str | None
    directory: str
    ca_file: str | None
    trust_file: str | None
    cert_file: str | None
    key_file: str | None


@dataclass(frozen=True, slots=True)
class Smarthost:
    """A provider that takes our mail for a password.

    domain: the sender domain it is for, or None for all that have none of their own. tls:
    "implicit" from the first octet, or "starttls"; the certificate is verified. The password is
    named by an environment variable or a file, never held here. ca_file: PEM file of a private
    authority, or None for the system's.
    """

    domain: str | None
    host: str
    port: int
    tls: TlsStart
    user: str
    password_env: str | None
    password_file: str | None
    ca_file: str | None


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """How Postfix delivers. retry_for, retry_after, delay_notice: seconds.

    rates: a site's own numbers for receiver groups. dane: DANE by a validating resolver on the
    host, which asks dane_forward_to (or the root servers) and trusts dane_trust_anchor (or the
    root's key). mta_sts: MTA-STS policies are followed.
    """

    retry_for: int
    retry_after: int
    delay_notice: int
    rates: tuple[Rate, ...]
    smarthosts: tuple[Smarthost, ...]
    dane: bool
    dane_forward_to: tuple[str, ...]
    dane_trust_anchor: str | None
    mta_sts: bool


@dataclass(frozen=True, slots=True)
class MailboxLimits:
    """What one mailbox may send, so that a stolen password does little harm.

    messages and recipients, in an hour and in a day; forwards_hour: messages an hour that its rules
    may pass on.
    """

    messages_hour: int = 120
    messages_day: int = 600
    recipients_hour: int = 500
    recipients_day: int = 2000
    forwards_hour: int = 300


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """How mail comes in, and what mailboxes may send.

    unknown_recipients: mail to nobody goes to the "admin", or is refused at RCPT ("reject").
    forgeries: mail from outside that claims to be of an own domain is kept aside ("keep"), or
    refused ("refuse"). greylist: unknown senders have to come twice. aliases: address -> accounts.
    """

    unknown_recipients: Literal["admin", "reject"]
    forgeries: Literal["keep", "refuse"]
    greylist: bool
    aliases: tuple[tuple[str, tuple[str, ...]], ...]
    limits: MailboxLimits


@dataclass(frozen=True, slots=True)
class RotationSettings:
    """How DKIM keys are replaced.

    max_age: days after which a key is. bits: of new keys. ttl_slack: seconds that resolvers may
    stretch a TTL by. retire: an old record goes ("remove") or says that its key is revoked
    ("revoke"). keep_retired: old private keys stay in the store. pinned: the inventory names the
    selector, so it cannot change.
    """

    max_age: int
    bits: int
    ttl_slack: int
    retire: Literal["remove", "revoke"]
    keep_retired: bool
    pinned: bool


@dataclass(frozen=True, slots=True)
class MailDomain:
    """A domain that a server receives and sends for (A-labels), and the zone it lives in."""

    name: str
    zone: str
    server: str


@dataclass(frozen=True, slots=True)
class MailServer:
    """One mail server: a host of the inventory's group `mail_servers`.

    host: the inventory's name. domains[0] is the primary domain. ipv4, ipv6: public addresses.
    outbound: name of the outbound mode (see postmaster.outbound). web: name of the web mode (see
    postmaster.web). dmarc_rua: mailto address or None for `dmarc@<domain>`. tls_rpt: `mailto:` and
    `https:` URIs for TLS reports. mta_sts_policy: of its own domains; what it follows of others is
    in `relay`. mta_sts_max_age: seconds. caa: CAs to allow, or empty for no CAA record.
    caa_account: the server's own ACME account alone may issue for the names of mail.
    selectors: (domain, DKIM selector) of keys whose selector is data. dkim_keep_days: how long a
    key record stays published after its last use. spf_include: domains whose
    SPF is included. propagation_timeout: seconds. keep_versions: how many configurations, binaries,
    certificates and databases of before stay on the host. keep_reports: how many of its reports
    stay. live_proof: a deploy that changed something sends mail to itself. paused: a key rotation
    lets no mail in or out. block_lists: names of those that are asked.
    leaving: domains that the inventory no longer names and mail is still taken for. old_names: host
    names that it no longer has by the inventory, and still answers to. moves: names of it point, by
    the ledger, to other addresses than its own; moves_from: those of them that it does not have.
    sts: the MTA-STS policies that it has now, those included that are being taken back.
    account_uri: the ACME account that alone may issue, as CAA records have it by now.
    """

    host: str
    domains: tuple[MailDomain, ...]
    ipv4: str
    ipv6: str | None
    web_host: str
    outbound: str
    web: str
    admin_account: str
    users: tuple[User, ...]
    disable_removed_users: bool
    source: PmailSource
    tls: TlsSettings
    spam_filter_level: int
    log_level: str
    open_ports: tuple[int, ...]
    dkim_key_file: str | None
    selectors: tuple[tuple[str, str], ...]
    dkim_keep_days: int
    spf_all: SpfAll
    spf_include: tuple[str, ...]
    dmarc_policy: DmarcPolicy
    dmarc_rua: str | None
    tls_rpt: tuple[str, ...]
    mta_sts_policy: Literal["off", "testing", "enforce"]
    mta_sts_max_age: int
    caa: tuple[str, ...]
    caa_account: bool
    allow_private_address: bool
    resolvers: tuple[str, ...]
    preflight_mx_domains: tuple[str, ...]
    propagation_timeout: int
    keep_versions: int
    keep_reports: int
    live_proof: bool
    block_lists: tuple[str, ...]
    relay: RelaySettings
    edge: EdgeSettings
    rotation: RotationSettings
    paused: bool = False
    leaving: tuple[str, ...] = ()
    old_names: tuple[str, ...] = ()
    moves: bool = False
    moves_from: tuple[str, ...] = ()
    sts: tuple[DomainPolicy, ...] = ()
    account_uri: str | None = None

    @property
    def primary(self) -> str:
        """The primary mail domain."""
        return self.domains[0].name

    def domain(self, name: str) -> MailDomain:
        """Its mail domain of this name (A-labels). Raises KeyError."""
        return {each.name: each for each in self.domains}[name]

    @property
    def accepts(self) -> tuple[str, ...]:
        """The domains that mail is taken for, the primary one first."""
        return (*(each.name for each in self.domains), *self.leaving)

    @property
    def mail_host(self) -> str:
        """MX target, PTR and (where the outbound mode can) EHLO name of all its domains."""
        return f"smtp.{self.primary}"

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names that point to it, the web host first, those of before last."""
        names = (self.web_host, *service_names(self.primary), *self.old_names)
        return tuple(dict.fromkeys(names))

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Names in the certificate; those of before are not asked for where the user brings it."""
        brought = self.tls.method == "files"
        return tuple(n for n in self.host_names if not (brought and n in self.old_names))

    @property
    def document_names(self) -> tuple[str, ...]:
        """Names that documents are served under; the certificate gets those that lead here."""
        if self.web == "pmail":
            return ()
        return (f"autoconfig.{self.primary}", *(host(each.domain) for each in self.sts))

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that the inventory names, the administrator's first."""
        return (self.admin_account, *(user.account for user in self.users))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it sends from, IPv4 first."""
        return (self.ipv4, self.ipv6) if self.ipv6 else (self.ipv4,)

    def dmarc_reports_to(self, domain: str) -> str:
        """The `mailto:` address for a domain's DMARC reports."""
        return self.dmarc_rua or f"mailto:dmarc@{domain}"


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """One zone (A-labels) and the provider it is published through.

    options: the provider's own settings, by name. Secrets stay out: they are named here by an
    environment variable or a file, and read by the adapter.
    dns_replace: `owner/TYPE` of foreign RRsets that may be replaced. ttl: wished TTL, seconds.
    keep_backups: how many backups of its records stay.
    """

    name: str
    provider: str
    options: tuple[tuple[str, str], ...]
    dns_replace: tuple[str, ...]
    ttl: int
    keep_backups: int


class Stage(StrEnum):
    """How far something that the inventory no longer names is withdrawn."""

    THERE = "there"  # waits for somebody's consent
    CACHED = "cached"  # its MX, or the last one that names it, is out, and may be remembered
    REST = "rest"  # nobody is sent here by it any more


@dataclass(frozen=True, slots=True)
class Leaving:
    """A mail domain, or a host name, that the inventory no longer has and our records still name.

    zone: that the records are in. held: the inventory has this zone. server: inventory name of the
    server that it belongs to, "" for none. until: when its stage is over at the earliest (Unix
    seconds), None where that is not a matter of time. records: what we wrote or found for it.
    """

    kind: Literal["domain", "name"]
    name: str
    zone: str
    held: bool
    server: str
    stage: Stage
    until: int | None
    records: tuple[RRKey, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """Everything one inventory describes; leaving: what it describes no longer."""

    servers: tuple[MailServer, ...]
    zones: tuple[ZoneSettings, ...]
    leaving: tuple[Leaving, ...] = ()

    def server(self, host: str) -> MailServer:
        """The server with this inventory name. Raises KeyError."""
        return {server.host: server for server in self.servers}[host]

    def zone(self, name: str) -> ZoneSettings:
        """The zone with this name. Raises KeyError."""
        return {zone.name: zone for zone in self.zones}[name]

    @property
    def moves(self) -> bool:
        """Whether names of some server point, by the ledger, to other addresses than its own."""
        return any(server.moves for server in self.servers)
