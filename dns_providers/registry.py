"""The providers there are: each is a file in adapters/, loaded when its name comes up."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from dns_providers.base import Provider, ProviderError
from dns_providers.spec import Option, ProviderSpec, addresses
from ground.words import Words

_ADAPTERS = Path(__file__).parent / "adapters"
# The names that `dns_provider` may have.
PROVIDERS = tuple(sorted(module.name for module in iter_modules([str(_ADAPTERS)])))


class BadOptions(ProviderError):
    """Options of a provider are missing or wrong."""

    def __init__(self, reasons: tuple[Words, ...]) -> None:
        super().__init__("dns.error.options", reasons="; ".join(map(str, reasons)))


def spec_of(slug: str) -> ProviderSpec:
    """Return what a provider's file says of it. Raises KeyError for an unknown provider."""
    if slug not in PROVIDERS:
        raise KeyError(slug)
    found: ProviderSpec = import_module(f"dns_providers.adapters.{slug}").SPEC
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
        if opening or option.kind not in ("file", "env"):
            found += _value_problem(option, value, environ)
    for group in spec.one_of:
        if sum(bool(options.get(name)) for name in group) != 1:
            found.append(Words.of("dns.option.one_of", options=", ".join(group), provider=slug))
    return (*found, *spec.problems(options, environ, opening))


def _value_problem(option: Option, value: str, environ: Mapping[str, str]) -> list[Words]:
    values = {"option": option.name, "value": value}
    if option.choices and value not in option.choices:
        return [Words.of("dns.option.choice", choices=", ".join(option.choices), **values)]
    if option.kind == "port" and not (value.isdigit() and 0 < int(value) < 65536):
        return [Words.of("dns.option.port", **values)]
    if option.kind == "url" and not value.startswith(("http://", "https://")):
        return [Words.of("dns.option.url", **values)]
    if option.kind == "addresses" and not _all_addresses(value):
        return [Words.of("dns.option.addresses", **values)]
    if option.kind == "file" and not Path(value).is_file():
        return [Words.of("dns.option.no_file", **values)]
    if option.kind == "env" and not environ.get(value):
        return [Words.of("dns.option.no_variable", **values)]
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
