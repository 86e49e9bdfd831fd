"""Registries of domains: where they tell of one, and what receivers think of their names."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Registries:
    """rdap: by top level domain, the address of its server. phishing: domains of 10,000 that phish,
    counted then. too_many: from here on it is worth a warning. distrusted: by whom.
    """

    rdap: dict[str, str]
    phishing: dict[str, float]
    distrusted: dict[str, str]
    counted: str
    too_many: float


@cache
def known() -> Registries:
    """Return what registries.toml says."""
    data = tomllib.loads((Path(__file__).parent / "registries.toml").read_text("utf-8"))
    return Registries(
        data["rdap"], data["phishing"], data["distrusted"], data["counted"], data["too_many"]
    )


def top_level(domain: str) -> str:
    """Return the last label of a domain (A-labels)."""
    return domain.rstrip(".").lower().rpartition(".")[2]
