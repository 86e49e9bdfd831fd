"""Every setting an inventory may hold: name, default as shown, and how a value is read."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import idna

from dns_providers.publishing.public_suffix import is_public_suffix
from ground.errors import Told
from ground.shown import is_name_of_variable, keep_secret
from ground.words import Words
from postmaster import block_lists
from postmaster.outbound import DEFAULT_MODE, MODES
from postmaster.receivers import RATE_NAMES, Rate, known
from postmaster.settings import MailboxLimits, Smarthost, TlsStart, User
from postmaster.web import DEFAULT_WEB, WEB_MODES

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
PMAIL_VERSION = "v2.9.7"
RESOLVERS = ("223.5.5.5", "119.29.29.29", "1.1.1.1", "8.8.8.8")
PROBE_DOMAINS = ("qq.com", "163.com", "gmail.com", "outlook.com")
_ACCOUNT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,18}[a-z0-9])?")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_URL = re.compile(
    r"https://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?(?:[/?#][A-Za-z0-9._~:/?#!*+,=%&-]*)?"
)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ISSUER = re.compile(r"[a-z0-9][a-z0-9.-]*")


class BadValue(Told, ValueError):
    """A value of a setting cannot be used."""


Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting. default: as written in the README. read: checks and converts; raises BadValue."""

    name: str
    default: str
    read: Reader
    value: Any = None


def string(value: Any) -> str:
    """A non-empty text on one line, of characters that are seen."""
    if not isinstance(value, str) or not value.strip() or not value.strip().isprintable():
        raise BadValue("settings.bad.text", value=repr(value))
    return value.strip()


def boolean(value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise BadValue("settings.bad.boolean", value=repr(value))
    return value


def number(least: int, most: int) -> Reader:
    """A whole number in a range."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadValue("settings.bad.number", value=repr(value), least=least, most=most)
        return value

    return read


def one_of(*choices: str) -> Reader:
    """One of these texts."""

    def read(value: Any) -> str:
        if value not in choices:
            raise BadValue("settings.bad.choice", value=repr(value), choices=", ".join(choices))
        return str(value)

    return read


def sequence(item: Reader) -> Reader:
    """A list or tuple whose items are read by `item`."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise BadValue("settings.bad.list", value=repr(value))
        return tuple(item(each) for each in value)

    return read


def host_name(value: Any) -> str:
    """A host or domain name in A-labels, lower case; Unicode is converted (UTS 46)."""
    text = string(value).rstrip(".")
    try:
        name = idna.encode(text, uts46=True, transitional=False).decode("ascii").lower()
    except idna.IDNAError as error:
        raise BadValue("settings.bad.name", value=repr(value), reason=str(error)) from None
    if "." not in name or len(name) > 200:
        raise BadValue(
            "settings.bad.name", value=repr(value), reason=Words.of("settings.bad.name_length")
        )
    return name


def mail_domain(value: Any) -> str:
    """A domain that can have mail: no public suffix."""
    name = host_name(value)
    if is_public_suffix(name):
        raise BadValue("settings.bad.suffix", value=repr(value))
    return name


def address(version: int) -> Reader:
    """An IP address of this version, in its canonical form."""

    def read(value: Any) -> str:
        try:
            parsed = ipaddress.ip_address(string(value))
        except ValueError:
            raise BadValue("settings.bad.address", value=repr(value), version=version) from None
        if parsed.version != version or "%" in str(parsed):  # a scope is of one machine alone
            raise BadValue("settings.bad.address", value=repr(value), version=version)
        return str(parsed)

    return read


def any_address(value: Any) -> str:
    """An IP address."""
    try:
        parsed = str(ipaddress.ip_address(string(value)))
    except ValueError:
        parsed = "%"
    if "%" in parsed:
        raise BadValue("settings.bad.any_address", value=repr(value))
    return parsed


def file(value: Any) -> str:
    """An existing file on the operator's machine, as an absolute path."""
    path = os.path.abspath(os.path.expanduser(string(value)))
    if not os.path.isfile(path):
        raise BadValue("settings.bad.file", value=repr(value))
    return path


def url(value: Any) -> str:
    """An https URL; a password in one is not shown."""
    text = string(value)
    if "@" in text:
        keep_secret(text)
        raise BadValue("settings.bad.url_secret")
    if not _URL.fullmatch(text):
        raise BadValue("settings.bad.url", value=repr(value))
    return text


def source(value: Any) -> str:
    """Where PMail comes from: a URL, or an existing file."""
    text = string(value)
    return url(text) if "://" in text else file(text)


def version(value: Any) -> str:
    """A release of PMail, as its tag is named."""
    text = string(value)
    if not _VERSION.fullmatch(text):
        raise BadValue("settings.bad.version", value=repr(value))
    return text


def sha256(value: Any) -> str:
    """A SHA-256 sum in hex."""
    text = string(value)
    if not _SHA256.fullmatch(text):
        raise BadValue("settings.bad.sha256", value=repr(value))
    return text.lower()


def account(value: Any) -> str:
    """A local part that PMail can have as an account."""
    text = string(value)
    if not _ACCOUNT.fullmatch(text):
        raise BadValue("settings.bad.account", value=repr(value))
    return text


def user(value: Any) -> User:
    """A user: `"bob"`, or `{"account": "bob", "name": "Bob"}`."""
    if isinstance(value, dict):
        if set(value) - {"account", "name"} or "account" not in value:
            raise BadValue("settings.bad.user", value=sorted(map(str, value)))
        local = account(value["account"])
        return User(local, string(value.get("name", local)))
    return User(account(value), account(value))


def email(value: Any) -> str:
    """An e-mail address."""
    local, at, domain = string(value).rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise BadValue("settings.bad.email", value=repr(value))
    return f"{local}@{host_name(domain)}"


def mailto(value: Any) -> str:
    """`mailto:` and an address; an address alone is accepted."""
    return "mailto:" + email(string(value).removeprefix("mailto:"))


def reports(value: Any) -> tuple[str, ...]:
    """Where TLS reports go: an address or https URL, or a list of them."""
    several = [value] if isinstance(value, str) else value
    return tuple(dict.fromkeys(sequence(_report)(several)))


def _report(value: Any) -> str:
    return url(value) if string(value).startswith("https:") else mailto(value)


def selector(value: Any) -> str:
    """A DKIM selector of one label."""
    text = string(value).lower()
    if not _SELECTOR.fullmatch(text):
        raise BadValue("settings.bad.selector", value=repr(value))
    return text


def issuer(value: Any) -> str:
    """A certificate authority's domain, as CAA names it."""
    text = string(value).lower()
    if not _ISSUER.fullmatch(text):
        raise BadValue("settings.bad.issuer", value=repr(value))
    return text


def log_level(value: Any) -> str:
    """PMail's log level; `debug` writes passwords and whole messages to the log."""
    if value == "debug":
        raise BadValue("settings.bad.debug")
    return str(one_of("info", "warn", "error")(value))


def mirror(value: Any) -> str:
    """A prefix for the release URL, with a final slash."""
    return url(value).rstrip("/") + "/"


def replaceable(value: Any) -> str:
    """`owner/TYPE` of a record that may be replaced."""
    owner, slash, rtype = string(value).rpartition("/")
    if not slash or not rtype.isalnum():
        raise BadValue("settings.bad.replace", value=repr(value))
    # Owner names such as _dmarc are no host names, so only their form is checked.
    return f"{owner.rstrip('.').lower()}/{rtype.upper()}"


def rates(value: Any) -> tuple[Rate, ...]:
    """A site's own numbers: `{"qq": {"delay": 20}}`."""
    groups = [group.name for group in known()]
    if not isinstance(value, dict) or not all(isinstance(row, dict) for row in value.values()):
        raise BadValue("settings.bad.rates", value=repr(value))
    found = []
    for group, row in value.items():
        one_of(*groups)(group)
        for name, given in row.items():
            one_of(*RATE_NAMES)(name)
            found.append(Rate(group, name, number(0 if name == "delay" else 1, 3600)(given)))
    return tuple(found)


def login_name(value: Any) -> str:
    """A user name at a smarthost: Postfix's password file parts it from the password by `:`."""
    name = string(value)
    if ":" in name or any(char.isspace() for char in name):
        raise BadValue("settings.bad.login_name", value=repr(value))
    return name


def variable(value: Any) -> str:
    """The name of an environment variable; what may be a secret instead is not shown."""
    name = string(value)
    if not is_name_of_variable(name) and name not in os.environ:
        keep_secret(name)
        raise BadValue("settings.bad.variable")
    return name


_SMARTHOST = {
    "host": host_name,
    "port": number(1, 65535),
    "tls": one_of("implicit", "starttls"),
    "user": login_name,
    "password_env": variable,
    "password_file": string,
    "ca_file": file,
}


def smarthost(value: Any) -> Smarthost:
    """A smarthost: `{"host": …, "user": …, "password_env": …}`, and what else it needs."""
    if not isinstance(value, dict):
        raise BadValue("settings.bad.smarthost", value=repr(value))
    unknown = sorted(str(name) for name in value if name not in _SMARTHOST)
    if unknown:
        raise BadValue("settings.bad.smarthost_unknown", names=", ".join(unknown))
    read = {name: _SMARTHOST[name](given) for name, given in value.items() if given is not None}
    missing = [name for name in ("host", "user") if name not in read]
    if missing:
        raise BadValue("settings.bad.smarthost_missing", names=", ".join(missing))
    if ("password_env" in read) == ("password_file" in read):
        raise BadValue("settings.bad.smarthost_password")
    usual: TlsStart = "starttls" if read.get("port") in (25, 587) else "implicit"
    tls: TlsStart = read.get("tls") or usual
    return Smarthost(
        domain=None,
        host=read["host"],
        port=read.get("port") or (465 if tls == "implicit" else 587),
        tls=tls,
        user=read["user"],
        password_env=read.get("password_env"),
        password_file=read.get("password_file"),
        ca_file=read.get("ca_file"),
    )


def smarthosts(value: Any) -> tuple[Smarthost, ...]:
    """Smarthosts of single sender domains: `{"example.org": {…}}`."""
    if not isinstance(value, dict):
        raise BadValue("settings.bad.smarthost", value=repr(value))
    return tuple(replace(smarthost(row), domain=host_name(name)) for name, row in value.items())


def aliases(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Addresses that are no accounts: `{"sales@example.org": ["bob", "carol"]}`."""
    if not isinstance(value, dict):
        raise BadValue("settings.bad.aliases", value=repr(value))
    found = {}
    for address, to in value.items():
        accounts = sequence(account)([to] if isinstance(to, str) else to)
        if not accounts:
            raise BadValue("settings.bad.aliases", value=repr(value))
        found[email(address).lower()] = accounts
    return tuple(sorted(found.items()))


def mailbox_limits(value: Any) -> MailboxLimits:
    """What a mailbox may send: `{"messages_hour": 50}`; what is not named has its default."""
    names = [each.name for each in fields(MailboxLimits)]
    if not isinstance(value, dict):
        raise BadValue("settings.bad.mailbox_limits", value=repr(value), names=", ".join(names))
    for name in value:
        one_of(*names)(name)
    return MailboxLimits(**{name: number(1, 1_000_000)(given) for name, given in value.items()})


SERVER_SETTINGS: tuple[Setting, ...] = (
    Setting("domains", "", sequence(mail_domain)),
    Setting("ipv4", "", address(4)),
    Setting("ipv6", "", address(6)),
    Setting("web_host", "mail.<primary>", host_name),
    Setting("outbound", DEFAULT_MODE, one_of(*MODES), DEFAULT_MODE),
    Setting("web", DEFAULT_WEB, one_of(*WEB_MODES), DEFAULT_WEB),
    Setting("smarthost", "", smarthost),
    Setting("smarthosts", "{}", smarthosts, ()),
    Setting("rates", "{}", rates, ()),
    Setting("retry_for", "172800", number(60, 864000), 172800),
    Setting("retry_after", "300", number(1, 3600), 300),
    Setting("delay_notice", "14400", number(0, 864000), 14400),
    Setting("dane", "False", boolean, False),
    Setting("dane_forward_to", "[]", sequence(any_address), ()),
    Setting("dane_trust_anchor", "", file),
    Setting("mta_sts", "False", boolean, False),
    Setting("admin_account", "admin", account, "admin"),
    Setting("unknown_recipients", "admin", one_of("admin", "reject"), "admin"),
    Setting("forgeries", "keep", one_of("keep", "refuse"), "keep"),
    Setting("greylist", "False", boolean, False),
    Setting("aliases", "{}", aliases, ()),
    Setting("mailbox_limits", "{}", mailbox_limits, MailboxLimits()),
    Setting("users", "[]", sequence(user), ()),
    Setting("disable_removed_users", "False", boolean, False),
    Setting("pmail_version", PMAIL_VERSION, version, PMAIL_VERSION),
    Setting("pmail_source", "", source),
    Setting("pmail_mirror", "", mirror),
    Setting("pmail_sha256", "", sha256),
    Setting("spam_filter_level", "1", number(0, 3), 1),
    Setting("log_level", "info", log_level, "info"),
    Setting("open_ports", "[]", sequence(number(1, 65535)), ()),
    Setting("tls", "acme-http", one_of("acme-http", "acme-dns", "files"), "acme-http"),
    Setting("acme_email", "", email),
    Setting("acme_directory", LETS_ENCRYPT, url, LETS_ENCRYPT),
    Setting("acme_ca_file", "", file),
    Setting("tls_trust_file", "", file),
    Setting("tls_cert_file", "", string),
    Setting("tls_key_file", "", string),
    Setting("dkim_key_file", "", string),
    Setting("dkim_selector", "", selector),
    Setting("dkim_keep_days", "7", number(0, 365), 7),
    Setting("dkim_max_age", "180", number(1, 3650), 180),
    Setting("dkim_bits", "2048", number(1024, 4096), 2048),
    Setting("dkim_ttl_slack", "300", number(0, 86400), 300),
    Setting("dkim_retire", "remove", one_of("remove", "revoke"), "remove"),
    Setting("dkim_keep_retired", "False", boolean, False),
    Setting("spf_all", "~all", one_of("~all", "-all", "?all"), "~all"),
    Setting("spf_include", "[]", sequence(host_name), ()),
    Setting("dmarc_policy", "none", one_of("none", "quarantine", "reject"), "none"),
    Setting("dmarc_rua", "mailto:dmarc@<domain>", mailto),
    Setting("tls_rpt", "[]", reports, ()),
    Setting("mta_sts_policy", "off", one_of("off", "testing", "enforce"), "off"),
    Setting("mta_sts_max_age", "604800", number(86400, 31557600), 604800),
    Setting("caa", "[]", sequence(issuer), ()),
    Setting("caa_account", "False", boolean, False),
    Setting("allow_private_address", "False", boolean, False),
    Setting("resolvers", ", ".join(RESOLVERS), sequence(any_address), RESOLVERS),
    Setting("preflight_mx_domains", ", ".join(PROBE_DOMAINS), sequence(host_name), PROBE_DOMAINS),
    Setting("propagation_timeout", "900", number(1, 86400), 900),
    Setting("keep_versions", "3", number(1, 1000), 3),
    Setting("keep_reports", "100", number(1, 100000), 100),
    Setting("live_proof", "True", boolean, True),
    Setting(
        "block_lists",
        ", ".join(block_lists.DEFAULT),
        sequence(one_of(*block_lists.known())),
        block_lists.DEFAULT,
    ),
)

ZONE_SETTINGS: tuple[Setting, ...] = (
    Setting("dns_provider", "", string),
    Setting("dns_replace", "[]", sequence(replaceable), ()),
    Setting("ttl", "3600", number(1, 604800), 3600),
    Setting("keep_backups", "100", number(1, 100000), 100),
)
