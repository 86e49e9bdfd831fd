"""Public suffixes (publicsuffix.org): below them names are registered, they are nobody's zone."""

from __future__ import annotations

from publicsuffixlist import PublicSuffixList

_SUFFIXES = PublicSuffixList()


def is_public_suffix(name: str) -> bool:
    """Whether a name (A-labels, no final dot) is a public suffix, as co.uk and com.cn are."""
    return bool(_SUFFIXES.publicsuffix(name, accept_unknown=False) == name)
