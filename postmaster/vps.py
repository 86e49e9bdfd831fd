"""Providers of virtual servers: which one a host is at, and where its panel has what."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ground.words import Words, family

OTHER = "other"


@cache
def known() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the providers: name -> (name in DMI, what its value begins with), one is enough."""
    data = tomllib.loads((Path(__file__).parent / "server_providers.toml").read_text("utf-8"))
    pairs = {name: [each.partition("=") for each in row["dmi"]] for name, row in data.items()}
    return {n: tuple((field, start) for field, _, start in row) for n, row in pairs.items()}


def provider_of(dmi: Iterable[tuple[str, str]]) -> str:
    """Return the provider whose machine says this of itself, OTHER where that tells nothing."""
    said = [(name, value.lower()) for name, value in dmi]
    for provider, signs in known().items():
        for name, start in signs:
            if any(n == name and value.startswith(start.lower()) for n, value in said):
                return provider
    return OTHER


_EVERY = (*known(), OTHER)
_PTR = family("vps", _EVERY, "ptr")
_PORT_25 = family("vps", _EVERY, "port25")


def ptr_remedy(provider: str, address: str, name: str) -> Words:
    """Return where and how the PTR of an address is set to a name."""
    return Words.of(_PTR[provider], address=address, host=name)


def port_25_remedy(provider: str, domains: str) -> Words:
    """Return how outbound port 25 is opened. domains: of receivers that were tried in vain."""
    return Words.of(_PORT_25[provider], domains=domains)
