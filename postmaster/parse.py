"""From inventory data to settings: everything is checked, and all mistakes are told at once."""

from __future__ import annotations

import difflib
import ipaddress
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ground.words import Words, text
from postmaster.caa import authority_names
from postmaster.desired import clashes, zone_for
from postmaster.outbound import MODES
from postmaster.settings import (
    CLOSABLE_PORTS,
    EdgeSettings,
    MailDomain,
    MailServer,
    PmailSource,
    RelaySettings,
    RotationSettings,
    Site,
    TlsSettings,
    ZoneSettings,
    file_name,
    password_file,
    service_names,
    user_variable,
)
from postmaster.settings_table import (
    SERVER_SETTINGS,
    ZONE_SETTINGS,
    BadValue,
    Setting,
    address,
    mail_domain,
)
from postmaster.web import WEB_MODES

# Data that pyinfra itself understands, for any connector.
_PYINFRA_PREFIXES = ("_", "ssh_", "docker_", "local_", "podman_", "chroot_")
# Of those, what gets into the arguments of processes on the host.
_PASSWORDS = frozenset({"_sudo_password", "_su_password", "_use_sudo_password"})
_STRICT = "ssh_strict_host_key_checking"
_ZONE = "@zone/"
_DAY = 86400  # seconds
# Copies of what programs send pass through it (edge.sent).
_RESERVED_ACCOUNT = "sent-copies"

Problems = tuple[Words, ...]
SelectorOf = Callable[[str], str]
OptionNames = Callable[[str], frozenset[str]]
OptionProblems = Callable[[str, Mapping[str, str]], Problems]


class SettingsError(Exception):
    """The inventory has mistakes; `reasons` lists all of them, in the user's language."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class HostData:
    """One host of the inventory: its name and its data."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Providers:
    """What is known of DNS providers: their names, and what is wrong with given options."""

    names: frozenset[str]
    option_names: OptionNames
    option_problems: OptionProblems


@dataclass(slots=True)
class _Reasons:
    """Collects reasons; `where` is the host or zone they are about."""

    found: list[str]
    where: str

    def add(self, message_id: str, **values: object) -> None:
        self.found.append(f"{self.where}: {text(message_id, **values)}")


def parse_site(
    servers: Sequence[HostData],
    zones: Sequence[HostData],
    providers: Providers,
    selector_of: SelectorOf,
) -> Site:
    """Return the site that an inventory describes.

    zones: hosts named `@zone/<name>` with the zone's name in their data as `zone`. selector_of:
    the DKIM selector in use for a domain, or the one that a first key gets. Raises SettingsError
    with every reason.
    """
    found: list[str] = []
    known_zones = [
        zone
        for each in zones
        if (zone := _zone(each, providers, _Reasons(found, each.name))) is not None
    ]
    _say_repeated([zone.name for zone in known_zones], "settings.zone_twice", found)
    if not zones:
        found.append(text("settings.no_zones"))
    if not servers:
        found.append(text("settings.no_servers"))
    names = [zone.name for zone in known_zones]
    parsed = [_server(each, names, selector_of, _Reasons(found, each.name)) for each in servers]
    known_servers = tuple(server for server in parsed if server is not None)
    domains = [domain.name for server in known_servers for domain in server.domains]
    _say_repeated(domains, "settings.domain_twice", found)
    _say_one_file(known_servers, found)
    _say_one_password(known_servers, found)
    site = Site(known_servers, tuple(known_zones))
    if not found:
        found += [
            text("settings.clash", key=str(clash.key), hosts=", ".join(clash.hosts))
            for clash in clashes(site)
        ]
    if found:
        raise SettingsError(tuple(found))
    return site


def _say_repeated(names: list[str], message_id: str, found: list[str]) -> None:
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(text(message_id, name=name))


def _say_one_file(servers: Iterable[MailServer], found: list[str]) -> None:
    """Names of different things that would be one file of the state folder."""
    owners = defaultdict[str, list[str]](list)
    for server in servers:
        owners[file_name(server.host)].append(server.host)
        for account in server.accounts:
            owner = f"{account} ({server.host})"
            owners[password_file(server.host, account)].append(owner)
    for file, names in sorted(owners.items()):
        if len(set(names)) > 1:
            found.append(text("settings.one_file", names=", ".join(names), file=file))


def _say_one_password(servers: Iterable[MailServer], found: list[str]) -> None:
    """Accounts of smarthosts that would have one password: a provider has one for each."""
    owners = defaultdict[str, set[str]](set)
    for each in (smarthost for server in servers for smarthost in server.relay.smarthosts):
        source = each.password_env or each.password_file or ""
        owners[source] |= {f"{each.user} ({each.host})"}
    for source, names in sorted(owners.items()):
        if len(names) > 1:
            names_shown = ", ".join(sorted(names))
            found.append(text("settings.one_password", names=names_shown, source=source))


def _read(
    settings: tuple[Setting, ...], data: Mapping[str, Any], reasons: _Reasons
) -> dict[str, Any]:
    """Read all settings; what is wrong is told and left at its default."""
    values: dict[str, Any] = {}
    for setting in settings:
        given = data.get(setting.name)
        values[setting.name] = setting.value
        if given is None:
            continue
        try:
            values[setting.name] = setting.read(given)
        except BadValue as error:
            reasons.add("settings.bad", name=setting.name, reason=error)
    return values


def _say_unknown(data: Mapping[str, Any], names: frozenset[str], reasons: _Reasons) -> None:
    for name in sorted(data):
        if name in names or name.startswith(_PYINFRA_PREFIXES):
            continue
        if like := nearest(name, names):
            reasons.add("settings.unknown_near", name=name, nearest=like)
        else:
            reasons.add("settings.unknown", name=name)


def nearest(name: str, names: Iterable[str], *, alike: float = 0.6) -> str | None:
    """Return which of some names one may be meant for, if any. alike: 0 any, 1 the same."""
    return next(iter(difflib.get_close_matches(name, names, n=1, cutoff=alike)), None)


def is_known(name: str) -> bool:
    """Return whether a host, or a zone of any provider, may have data of this name."""
    settings = {each.name for each in (*SERVER_SETTINGS, *ZONE_SETTINGS)} | {"zone"}
    return name in settings or name.startswith(_PYINFRA_PREFIXES)


# -- zones -------------------------------------------------------------------------------------


def _zone(host: HostData, providers: Providers, reasons: _Reasons) -> ZoneSettings | None:
    if not host.name.startswith(_ZONE):
        reasons.add("settings.not_a_zone", name=host.name)
        host = HostData(host.name, {**host.data, "zone": host.name})
    before = len(reasons.found)
    values = _read(ZONE_SETTINGS, host.data, reasons)
    name = _name(host.data.get("zone"), reasons)
    slug = values["dns_provider"]
    options: dict[str, str] = {}
    common = frozenset(setting.name for setting in ZONE_SETTINGS) | {"zone"}
    if slug not in providers.names:
        every = frozenset[str]().union(*map(providers.option_names, providers.names))
        _say_unknown(host.data, common | every, reasons)
    if slug is None:
        if not any("dns_provider" in reason for reason in reasons.found[before:]):
            known = ", ".join(sorted(providers.names))
            reasons.add("settings.no_provider", known=known)
    elif slug not in providers.names:
        known = ", ".join(sorted(providers.names))
        reasons.add("settings.unknown_provider", provider=slug, known=known)
    else:
        names = providers.option_names(slug)
        _say_unknown(host.data, common | names, reasons)
        options = {key: str(host.data[key]) for key in sorted(names) if key in host.data}
        for problem in providers.option_problems(slug, options):
            reasons.found.append(f"{reasons.where}: {problem}")
    if name is None:
        return None
    return ZoneSettings(
        name,
        slug or "",
        tuple(options.items()),
        values["dns_replace"],
        values["ttl"],
        values["keep_backups"],
    )


def _name(value: Any, reasons: _Reasons) -> str | None:
    try:
        return mail_domain(value)
    except BadValue as error:
        reasons.add("settings.bad", name="zone", reason=error)
        return None


# -- servers -----------------------------------------------------------------------------------


def _server(
    host: HostData, zones: list[str], selector_of: SelectorOf, reasons: _Reasons
) -> MailServer | None:
    _say_unknown(host.data, frozenset(s.name for s in SERVER_SETTINGS), reasons)
    if host.data.get(_STRICT, "yes") != "yes":
        reasons.add("settings.host_key", name=_STRICT)
    for name in sorted(_PASSWORDS & host.data.keys()):
        reasons.add("settings.sudo_password", name=name)
    values = _read(SERVER_SETTINGS, host.data, reasons)
    domains = _domains(host, values["domains"], zones, reasons)
    ipv4 = values["ipv4"] or _own_address(host, reasons)
    if not domains or ipv4 is None:
        return None
    web_host = values["web_host"] or f"mail.{domains[0].name}"
    _check_addresses(ipv4, values, reasons)
    _check_names(domains[0].name, web_host, zones, reasons)
    _check_ports(values, reasons)
    _check_users(values, reasons)
    _check_selector(values, reasons)
    tls = _tls(values, reasons)
    _check_relay(values, {domain.name for domain in domains}, reasons)
    _check_keep(values, reasons)
    _check_account(values, tls, reasons)
    if values["mta_sts_policy"] != "off" and not WEB_MODES[values["web"]].fronted:
        reasons.add("settings.sts_web", web=values["web"])
    _check_edge(values, {domain.name for domain in domains}, reasons)
    given = values["dkim_selector"]
    selectors = tuple((each.name, given or selector_of(each.name)) for each in domains)
    return _mail_server(host, domains, ipv4, web_host, tls, selectors, values)


def _mail_server(
    host: HostData,
    domains: tuple[MailDomain, ...],
    ipv4: str,
    web_host: str,
    tls: TlsSettings,
    selectors: tuple[tuple[str, str], ...],
    values: Mapping[str, Any],
) -> MailServer:
    source = PmailSource(
        values["pmail_version"],
        values["pmail_source"],
        values["pmail_mirror"],
        values["pmail_sha256"],
    )
    found = {
        "host": host.name,
        "domains": domains,
        "ipv4": ipv4,
        "web_host": web_host,
        "source": source,
        "tls": tls,
        "selectors": selectors,
        "relay": _relay(values),
        "edge": EdgeSettings(limits=values["mailbox_limits"], **_same_name(EdgeSettings, values)),
        "rotation": RotationSettings(
            values["dkim_max_age"],
            values["dkim_bits"],
            values["dkim_ttl_slack"],
            values["dkim_retire"],
            values["dkim_keep_retired"],
            values["dkim_selector"] is not None,
        ),
    }
    return MailServer(**{**_same_name(MailServer, values), **found})


def _same_name(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are fields of a dataclass under the same name."""
    return {each.name: values[each.name] for each in fields(kind) if each.name in values}


def _domains(
    host: HostData, names: tuple[str, ...] | None, zones: list[str], reasons: _Reasons
) -> tuple[MailDomain, ...]:
    if not names:
        if "domains" not in host.data or host.data["domains"] in ([], ()):
            reasons.add("settings.no_domains")
        return ()
    domains = []
    for name in names:
        zone = zone_for(name, zones)
        if zone is None:
            reasons.add("settings.no_zone", domain=name, zones=", ".join(sorted(zones)) or "-")
        domains.append(MailDomain(name, zone or "", host.name))
    return tuple(domains)


def _own_address(host: HostData, reasons: _Reasons) -> str | None:
    """The address that the host is reached at, where that is one."""
    for candidate in (host.data.get("ssh_hostname"), host.name):
        try:
            return str(address(4)(candidate))
        except BadValue:
            continue
    if "ipv4" not in host.data:
        reasons.add("settings.no_ipv4")
    return None


def _check_addresses(ipv4: str, values: Mapping[str, Any], reasons: _Reasons) -> None:
    if values["allow_private_address"]:
        return
    for name, given in (("ipv4", ipv4), ("ipv6", values["ipv6"])):
        if given and not ipaddress.ip_address(given).is_global:
            reasons.add("settings.not_public", name=name, address=given)


def _check_names(primary: str, web_host: str, zones: list[str], reasons: _Reasons) -> None:
    if zone_for(web_host, zones) is None:
        reasons.add("settings.web_host_zone", web_host=web_host, zones=", ".join(sorted(zones)))
    if web_host in service_names(primary):
        reasons.add("settings.web_host_taken", web_host=web_host)


def _check_ports(values: Mapping[str, Any], reasons: _Reasons) -> None:
    for port in values["open_ports"]:
        if port not in CLOSABLE_PORTS:
            choices = ", ".join(map(str, CLOSABLE_PORTS))
            reasons.add("settings.open_port", port=port, choices=choices)


def _check_users(values: Mapping[str, Any], reasons: _Reasons) -> None:
    accounts = [user.account for user in values["users"]] + [values["admin_account"]]
    for account in sorted({each for each in accounts if accounts.count(each) > 1}):
        reasons.add("settings.user_twice", account=account)
    by_variable = defaultdict[str, set[str]](set)
    for user in values["users"]:
        by_variable[user_variable(user.account)].add(user.account)
    for variable, names in sorted(by_variable.items()):
        if len(names) > 1:
            reasons.add("settings.user_variable", names=", ".join(sorted(names)), variable=variable)
    if _RESERVED_ACCOUNT in accounts:
        reasons.add("settings.user_reserved", account=_RESERVED_ACCOUNT)


def _check_selector(values: Mapping[str, Any], reasons: _Reasons) -> None:
    mode, given = MODES[values["outbound"]], values["dkim_selector"]
    if given and mode.fixed_selector and given != mode.fixed_selector:
        reasons.add("settings.fixed_selector", mode=mode.name, selector=mode.fixed_selector)


def _check_relay(values: Mapping[str, Any], domains: set[str], reasons: _Reasons) -> None:
    """Settings of a mode that is not chosen are a mistake, so are those that it lacks."""
    mode = MODES[values["outbound"]]
    by_provider = mode.sends_from == "provider"
    if by_provider and not values["smarthost"]:
        reasons.add("settings.smarthost_missing", mode=mode.name)
    for name in ("smarthost", "smarthosts"):
        if values[name] and not by_provider:
            reasons.add("settings.smarthost_unused", name=name, mode=mode.name)
    if values["rates"] and (by_provider or not mode.relayed):
        reasons.add("settings.rates_unused", mode=mode.name)
    for each in values["smarthosts"]:
        if each.domain not in domains:
            reasons.add("settings.smarthost_domain", domain=each.domain)
    if values["delay_notice"] >= values["retry_for"]:
        reasons.add("settings.delay_notice", notice=values["delay_notice"])
    for name in ("dane_forward_to", "dane_trust_anchor"):
        if values[name] and not values["dane"]:
            reasons.add("settings.dane_unused", name=name)


def _check_keep(values: Mapping[str, Any], reasons: _Reasons) -> None:
    """A message that is still tried is verified with the key that it was signed with."""
    days, seconds = values["dkim_keep_days"], values["retry_for"]
    if MODES[values["outbound"]].relayed and days * _DAY < seconds:
        reasons.add("settings.keep_less_than_retry", days=days, retry=seconds)


def _check_account(values: Mapping[str, Any], tls: TlsSettings, reasons: _Reasons) -> None:
    """CAA can name an account where an authority issues, and by a name that is known."""
    if values["caa_account"] and tls.method == "files":
        reasons.add("settings.caa_account_files")
    elif values["caa_account"] and not authority_names(tls.directory, values["caa"]):
        reasons.add("settings.caa_account_unknown", directory=tls.directory)


def _check_edge(values: Mapping[str, Any], domains: set[str], reasons: _Reasons) -> None:
    mode = MODES[values["outbound"]]
    defaults = {each.name: each.value for each in SERVER_SETTINGS}
    # What PMail alone cannot do.
    edge_only = (*_same_name(EdgeSettings, values), "mailbox_limits")
    given = [name for name in edge_only if values[name] != defaults[name]]
    for name in given if not mode.relayed else ():
        reasons.add("settings.edge_unused", name=name, mode=mode.name)
    for alias, _ in values["aliases"]:
        if alias.rpartition("@")[2] not in domains:
            reasons.add("settings.alias_domain", address=alias)


def _relay(values: Mapping[str, Any]) -> RelaySettings:
    smarthosts = tuple(filter(None, (values["smarthost"], *values["smarthosts"])))
    return RelaySettings(**{**_same_name(RelaySettings, values), "smarthosts": smarthosts})


def _tls(values: Mapping[str, Any], reasons: _Reasons) -> TlsSettings:
    method = values["tls"]
    files = ("tls_cert_file", "tls_key_file")
    for name in files:
        if method == "files" and not values[name]:
            reasons.add("settings.tls_file_missing", name=name)
        if method != "files" and values[name]:
            reasons.add("settings.tls_file_unused", name=name, method=method)
    return TlsSettings(
        method,
        values["acme_email"],
        values["acme_directory"],
        values["acme_ca_file"],
        values["tls_trust_file"],
        values["tls_cert_file"],
        values["tls_key_file"],
    )
