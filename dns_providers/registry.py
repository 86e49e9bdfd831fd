"""The providers there are, the options each takes, and how to open one for a zone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dns.resolver

from dns_providers.base import AuthError, Provider, ProviderError
from dns_providers.by_hand.manual import ManualProvider
from dns_providers.by_hand.panels import PANELS
from dns_providers.octodns import packages as octodns_packages
from dns_providers.publishing.propagation import Network
from dns_providers.rfc2136 import ALGORITHMS, Rfc2136Provider, TsigKey
from dns_providers.rrset import owner_name
from dns_providers.zonefile import ZoneFileProvider


@dataclass(frozen=True, slots=True)
class Option:
    """A provider's setting.

    kind: text, port, url, addresses (IP addresses with blanks between them), file (a path here),
    env (a variable's name).
    """

    name: str
    kind: str = "text"
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider: its options, and of which groups exactly one must be given.

    problems: what else can be wrong with options and environment, see `option_problems`.
    """

    slug: str
    options: tuple[Option, ...]
    open: Callable[[str, Mapping[str, str], Mapping[str, str]], Provider]
    one_of: tuple[tuple[str, ...], ...] = ()
    problems: Callable[
        [Mapping[str, str], Mapping[str, str], bool], list[tuple[str, dict[str, str]]]
    ] = lambda options, environ, opening: []


class BadOptions(ProviderError):
    """Options of a provider are missing or wrong; `reasons` lists (message id, values)."""

    def __init__(self, reasons: tuple[tuple[str, dict[str, str]], ...]) -> None:
        english = "; ".join(f"{name} {values}" for name, values in reasons)
        super().__init__("dns.error.options", english, reasons=english)
        self.reasons = reasons


def _secret(options: Mapping[str, str], environ: Mapping[str, str], name: str) -> str:
    """The secret named by the option `<name>_env` or `<name>_file`."""
    if variable := options.get(f"{name}_env"):
        return environ.get(variable, "").strip()
    path = Path(options.get(f"{name}_file", ""))
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise _unreadable(str(path), error) from None


def _unreadable(path: str, error: OSError) -> AuthError:
    english = f"the secret's file {path} cannot be read: {error.strerror}"
    reason = error.strerror or ""
    return AuthError("dns.error.secret_file", english, path=path, reason=reason)


def _open_rfc2136(
    zone: str, options: Mapping[str, str], environ: Mapping[str, str]
) -> Rfc2136Provider:
    key = TsigKey(
        options["dns_key_name"],
        options.get("dns_key_algorithm", ALGORITHMS[0]),
        _secret(options, environ, "dns_key_secret"),
    )
    try:
        key.keyring()
    except Exception:
        # The exception's own text may hold the secret.
        raise AuthError(
            "dns.error.secret_form",
            f"the secret of TSIG key {key.name} is no base64",
            key=key.name,
        ) from None
    port = int(options.get("dns_port", "53"))
    return Rfc2136Provider(owner_name(zone), options["dns_server"], key, port)


def _open_zonefile(
    zone: str, options: Mapping[str, str], environ: Mapping[str, str]
) -> ZoneFileProvider:
    reload_command = options.get("zone_reload_command")
    return ZoneFileProvider(owner_name(zone), Path(options["zone_file"]), reload_command)


def _open_cloudflare(zone: str, options: Mapping[str, str], environ: Mapping[str, str]) -> Provider:
    # SDKs take long to load: only who uses one waits for it.
    from dns_providers.cloudflare import CloudflareProvider

    token = _secret(options, environ, "cloudflare_token")
    return CloudflareProvider(owner_name(zone), token, options.get("cloudflare_zone_id"))


def _open_route53(zone: str, options: Mapping[str, str], environ: Mapping[str, str]) -> Provider:
    from dns_providers.route53 import Route53Provider

    # Credentials come the way of every AWS tool: environment, or a profile's file.
    zone_id, profile = options.get("route53_zone_id"), options.get("route53_profile")
    return Route53Provider(owner_name(zone), zone_id, profile)


def _open_dnspod(zone: str, options: Mapping[str, str], environ: Mapping[str, str]) -> Provider:
    from dns_providers.dnspod import ENDPOINT, DnsPodProvider

    key = _secret(options, environ, "dnspod_secret_key")
    endpoint = options.get("dnspod_endpoint", ENDPOINT)
    return DnsPodProvider(owner_name(zone), options["dnspod_secret_id"], key, endpoint)


def _open_powerdns(zone: str, options: Mapping[str, str], environ: Mapping[str, str]) -> Provider:
    from dns_providers.powerdns import PowerDnsProvider

    key = _secret(options, environ, "powerdns_key")
    server_id = options.get("powerdns_server_id", "localhost")
    return PowerDnsProvider(owner_name(zone), options["powerdns_url"], key, server_id)


def _open_alidns(zone: str, options: Mapping[str, str], environ: Mapping[str, str]) -> Provider:
    from dns_providers.alidns import ENDPOINT, AliDnsProvider

    secret = _secret(options, environ, "alidns_key_secret")
    endpoint = options.get("alidns_endpoint", ENDPOINT)
    return AliDnsProvider(owner_name(zone), options["alidns_key_id"], secret, endpoint)


def _open_octodns(zone: str, options: Mapping[str, str], environ: Mapping[str, str]) -> Provider:
    from dns_providers.octodns.bridge import OctoDnsProvider

    package = octodns_packages.PACKAGES[options["octodns_provider"]]
    try:
        arguments = octodns_packages.arguments_of(package, options, environ)
    except OSError as error:
        raise _unreadable(str(error.filename), error) from None
    return OctoDnsProvider(owner_name(zone), package, arguments)


def _open_manual(
    zone: str, options: Mapping[str, str], environ: Mapping[str, str]
) -> ManualProvider:
    resolvers = _addresses(options.get("manual_resolvers", "")) or _system_resolvers(zone)
    panel = PANELS[options.get("manual_panel", "generic")]
    return ManualProvider(owner_name(zone), Network(resolvers), panel)


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _system_resolvers(zone: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, dns.resolver.Resolver().nameservers))
    except dns.resolver.NoResolverConfiguration:
        english = f"{zone}: this machine has no resolver configured; set manual_resolvers"
        raise ProviderError("dns.error.no_resolvers", english, zone=zone) from None


PROVIDERS: dict[str, ProviderSpec] = {
    spec.slug: spec
    for spec in (
        ProviderSpec(
            "rfc2136",
            (
                Option("dns_server", required=True),
                Option("dns_port", "port", default="53"),
                Option("dns_key_name", required=True),
                Option("dns_key_algorithm", default=ALGORITHMS[0], choices=ALGORITHMS),
                Option("dns_key_secret_env", "env"),
                Option("dns_key_secret_file", "file"),
            ),
            _open_rfc2136,
            one_of=(("dns_key_secret_env", "dns_key_secret_file"),),
        ),
        ProviderSpec(
            "zonefile",
            (Option("zone_file", "file", required=True), Option("zone_reload_command")),
            _open_zonefile,
        ),
        ProviderSpec(
            "cloudflare",
            (
                Option("cloudflare_zone_id"),
                Option("cloudflare_token_env", "env"),
                Option("cloudflare_token_file", "file"),
            ),
            _open_cloudflare,
            one_of=(("cloudflare_token_env", "cloudflare_token_file"),),
        ),
        ProviderSpec(
            "route53",
            (Option("route53_zone_id"), Option("route53_profile")),
            _open_route53,
        ),
        ProviderSpec(
            "dnspod",
            (
                Option("dnspod_secret_id", required=True),
                Option("dnspod_secret_key_env", "env"),
                Option("dnspod_secret_key_file", "file"),
                Option(
                    "dnspod_endpoint",
                    default="dnspod.tencentcloudapi.com",
                    choices=("dnspod.tencentcloudapi.com", "dnspod.intl.tencentcloudapi.com"),
                ),
            ),
            _open_dnspod,
            one_of=(("dnspod_secret_key_env", "dnspod_secret_key_file"),),
        ),
        ProviderSpec(
            "powerdns",
            (
                Option("powerdns_url", "url", required=True),
                Option("powerdns_server_id", default="localhost"),
                Option("powerdns_key_env", "env"),
                Option("powerdns_key_file", "file"),
            ),
            _open_powerdns,
            one_of=(("powerdns_key_env", "powerdns_key_file"),),
        ),
        ProviderSpec(
            "alidns",
            (
                Option("alidns_key_id", required=True),
                Option("alidns_key_secret_env", "env"),
                Option("alidns_key_secret_file", "file"),
                Option("alidns_endpoint", default="alidns.aliyuncs.com"),
            ),
            _open_alidns,
            one_of=(("alidns_key_secret_env", "alidns_key_secret_file"),),
        ),
        ProviderSpec(
            "manual",
            (
                Option("manual_panel", default="generic", choices=tuple(PANELS)),
                Option("manual_resolvers", "addresses"),
            ),
            _open_manual,
        ),
        ProviderSpec(
            "octodns",
            (
                Option(
                    "octodns_provider",
                    required=True,
                    choices=tuple(sorted(octodns_packages.PACKAGES)),
                ),
                Option("octodns_arguments"),
                Option("octodns_variables"),
            ),
            _open_octodns,
            problems=octodns_packages.problems,
        ),
    )
}


def option_names(slug: str) -> frozenset[str]:
    """Return the names of a provider's options. Raises KeyError for an unknown provider."""
    return frozenset(option.name for option in PROVIDERS[slug].options)


def asked_for(slug: str) -> tuple[str, ...]:
    """Return the options that must be given; of alternatives the first. Raises KeyError."""
    spec = PROVIDERS[slug]
    required = tuple(option.name for option in spec.options if option.required)
    return (*required, *(group[0] for group in spec.one_of))


def option_problems(
    slug: str, options: Mapping[str, str], environ: Mapping[str, str], *, opening: bool = True
) -> tuple[tuple[str, dict[str, str]], ...]:
    """Return all that is wrong with a provider's options, as (message id, values).

    opening: whether it is to be opened, so that secrets and files must be there as well. Raises
    KeyError for an unknown provider.
    """
    spec = PROVIDERS[slug]
    found: list[tuple[str, dict[str, str]]] = []
    for option in spec.options:
        value = options.get(option.name)
        if value is None or value == "":
            if option.required:
                found.append(("dns.option.missing", {"option": option.name, "provider": slug}))
            continue
        if opening or option.kind not in ("file", "env"):
            found += _value_problem(option, value, environ)
    for group in spec.one_of:
        if sum(bool(options.get(name)) for name in group) != 1:
            found.append(("dns.option.one_of", {"options": ", ".join(group), "provider": slug}))
    return (*found, *spec.problems(options, environ, opening))


def _value_problem(
    option: Option, value: str, environ: Mapping[str, str]
) -> list[tuple[str, dict[str, str]]]:
    values = {"option": option.name, "value": value}
    if option.choices and value not in option.choices:
        return [("dns.option.choice", {**values, "choices": ", ".join(option.choices)})]
    if option.kind == "port" and not (value.isdigit() and 0 < int(value) < 65536):
        return [("dns.option.port", values)]
    if option.kind == "url" and not value.startswith(("http://", "https://")):
        return [("dns.option.url", values)]
    if option.kind == "addresses" and not _all_addresses(value):
        return [("dns.option.addresses", values)]
    if option.kind == "file" and not Path(value).is_file():
        return [("dns.option.no_file", values)]
    if option.kind == "env" and not environ.get(value):
        return [("dns.option.no_variable", values)]
    return []


def _all_addresses(text: str) -> bool:
    try:
        return bool([ipaddress.ip_address(each) for each in _addresses(text)])
    except ValueError:
        return False


def open_provider(
    slug: str, zone: str, options: Mapping[str, str], environ: Mapping[str, str]
) -> Provider:
    """Open a provider for a zone (A-labels). Raises BadOptions or another ProviderError."""
    problems = option_problems(slug, options, environ)
    if problems:
        raise BadOptions(problems)
    return PROVIDERS[slug].open(zone, options, environ)
