"""The providers there are: each is a file in adapters/, loaded when its name comes up."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from urllib.parse import urlsplit

from dns_providers.base import Provider, ProviderError
from dns_providers.spec import Option, ProviderSpec, addresses, unreadable
from ground.secret_values import BadSecret, read_file, read_variable
from ground.shown import is_name_of_variable, is_path, keep_secret
from ground.words import Words

_ADAPTERS = Path(__file__).parent / "adapters"
# The names that `dns_provider` may have.
PROVIDERS = tuple(sorted(module.name for module in iter_modules([str(_ADAPTERS)])))
_SECRET = ("env", "secret_file")  # kinds of options that say where a secret is


class BadOptions(ProviderError):
    """Options of a provider are missing or wrong."""

    def __init__(self, reasons: tuple[Words, ...]) -> None:
        super().__init__("dns.error.options", reasons="; ".join(map(str, reasons)))


def spec_of(slug: str) -> ProviderSpec:
    """Return what a provider's file says of it. Raises KeyError for an unknown provider."""
    if slug not in PROVIDERS:
        raise KeyError(slug)
    found: ProviderSpec = import_module(f".adapters.{slug}", __package__).SPEC
    return found


def option_names(slug: str) -> frozenset[str]:
    """Return the names of a provider's options. Raises KeyError for an unknown provider."""
    return frozenset(option.name for option in spec_of(slug).options)


def asked_for(slug: str) -> tuple[str, ...]:
    """Return the options that must be given; of alternatives the first. Raises KeyError."""
    spec = spec_of(slug)
    required = tuple(option.name for option in spec.options if option.required)
    return (*required, *(group[0] for group in spec.one_of))


def option_problems(
    slug: str, options: Mapping[str, str], environ: Mapping[str, str], *, opening: bool = True
) -> tuple[Words, ...]:
    """Return all that is wrong with a provider's options.

    opening: whether it is to be opened, so that secrets and files must be there as well. Raises
    KeyError for an unknown provider.
    """
    spec = spec_of(slug)
    found: list[Words] = []
    for option in spec.options:
        value = options.get(option.name)
        if value is None or value == "":
            if option.required:
                found.append(Words.of("dns.option.missing", option=option.name, provider=slug))
            continue
        if option.kind in _SECRET:
            found += _secret_problem(option, value, environ, opening)
        elif opening or option.kind != "file":
            found += _value_problem(option, value)
    for group in spec.one_of:
        if sum(bool(options.get(name)) for name in group) != 1:
            found.append(Words.of("dns.option.one_of", options=", ".join(group), provider=slug))
    return (*found, *spec.problems(options, environ, opening))


def misplaced_secrets(
    slug: str, options: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Words, ...]:
    """Return where a secret itself may stand in place of a variable's or a file's name.

    It is not shown from now on. Raises KeyError for an unknown provider.
    """
    return tuple(
        Words.of("secret.no_name" if option.kind == "env" else "secret.no_path", option=option.name)
        for option in spec_of(slug).options
        if option.kind in _SECRET
        and (value := options.get(option.name))
        and not _is_place(option, value, environ)
    )


def _is_place(option: Option, value: str, environ: Mapping[str, str]) -> bool:
    """Whether an option has what names a secret, or looks like it; else it may be the secret."""
    if option.kind == "env":
        harmless = value in environ or is_name_of_variable(value)
    else:
        harmless = is_path(value) or os.path.isfile(os.path.expanduser(value))
    if not harmless:
        keep_secret(value)
    return harmless


def _value_problem(option: Option, value: str) -> list[Words]:
    values = {"option": option.name, "value": value}
    if option.choices and value not in option.choices:
        return [Words.of("dns.option.choice", choices=", ".join(option.choices), **values)]
    if option.kind == "port" and not (value.isdigit() and 0 < int(value) < 65536):
        return [Words.of("dns.option.port", **values)]
    if option.kind == "url":
        return url_problem(option.name, value)
    if option.kind == "addresses" and not _all_addresses(value):
        return [Words.of("dns.option.addresses", **values)]
    if option.kind == "file" and not os.path.isfile(value):
        return [Words.of("dns.option.no_file", **values)]
    return []


def url_problem(option: str, value: str) -> list[Words]:
    """Return what is wrong with a URL that a secret is sent to."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if "@" in value:
        keep_secret(value)
        return [Words.of("secret.in_url", option=option)]
    if not host or parts.scheme not in ("http", "https") or not _one_word(value) or port == 0:
        return [Words.of("dns.option.url", option=option, value=value)]
    if parts.scheme == "http" and not _is_here(host):
        return [Words.of("secret.no_https", option=option)]
    return []


def _one_word(value: str) -> bool:
    return value.isprintable() and " " not in value


def _is_here(host: str) -> bool:
    """Whether a host is this machine, whatever a resolver says."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secret_problem(
    option: Option, value: str, environ: Mapping[str, str], opening: bool
) -> list[Words]:
    """What is wrong with where a secret is, and with the secret; neither it nor what may be."""
    named = option.kind == "env"
    path = Path(os.path.expanduser(value))
    there = value in environ if named else os.path.isfile(path)
    harmless = _is_place(option, value, environ)
    if not opening:
        return []
    if not harmless:
        return [Words.of("secret.no_name" if named else "secret.no_path", option=option.name)]
    if not there or (named and not environ[value]):
        missing = "dns.option.no_variable" if named else "dns.option.no_file"
        return [Words.of(missing, option=option.name, value=value)]
    try:
        read_variable(environ[value], value) if named else read_file(path)
    except BadSecret as error:
        return [error.words]
    except OSError as error:
        return [unreadable(value, error).words]
    return []


def _all_addresses(text: str) -> bool:
    try:
        return bool([ipaddress.ip_address(each) for each in addresses(text)])
    except ValueError:
        return False


def open_provider(
    slug: str, zone: str, options: Mapping[str, str], environ: Mapping[str, str]
) -> Provider:
    """Open a provider for a zone (A-labels). Raises BadOptions or another ProviderError."""
    problems = option_problems(slug, options, environ)
    if problems:
        raise BadOptions(problems)
    return spec_of(slug).open(zone, options, environ)
