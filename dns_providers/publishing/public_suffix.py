"""Public suffixes (publicsuffix.org): below them names are registered, they are nobody's zone."""

from __future__ import annotations

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_public_suffix(name: str) -> bool:
    """Whether a name (A-labels, no final dot) is a public suffix, as co.uk and com.cn are."""
    return bool(_suffixes().publicsuffix(name, accept_unknown=False) == name)


def organizational(name: str) -> str:
    """Return the registered name that a host name is in, the name itself where it is none."""
    return str(_suffixes().privatesuffix(name.lower().rstrip(".")) or name)


@cache
def _suffixes() -> PublicSuffixList:
    """The list, parsed when it is asked for: few runs ask."""
    return PublicSuffixList()
