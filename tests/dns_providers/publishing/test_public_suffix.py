"""Where names are registered: the public suffix list's own tests, by what we ask."""

from __future__ import annotations

import re

from dns_providers.publishing.public_suffix import is_public_suffix, organizational
from tests.public_data import public


def test_the_tests_of_the_public_suffix_list_pass() -> None:
    lines = public("psl/tests/test_psl.txt").read_text("utf-8")
    calls = re.findall(r"^checkPublicSuffix\((null|'[^']*'), (null|'[^']*')\);", lines, re.M)
    cases = [tuple(None if each == "null" else each[1:-1] for each in call) for call in calls]
    assert len(cases) == 78
    wrong = [(name, found, wanted) for name, wanted in cases if (found := _of(name)) != wanted]
    assert wrong == []


def _of(name: str | None) -> str | None:
    """By A-labels, as all our names are; an empty name, or one with an empty label, is none."""
    if not name or name.startswith("."):
        return None
    ascii_only = name.encode("idna").decode("ascii").lower()
    found = organizational(ascii_only)
    if found == ascii_only and (is_public_suffix(ascii_only) or "." not in ascii_only):
        return None
    if name.isascii():
        return found
    return found.encode("ascii").decode("idna")


def test_a_suffix_is_nobodys_and_what_is_below_it_is_somebodys() -> None:
    assert is_public_suffix("co.uk") and organizational("co.uk") == "co.uk"
    assert organizational("a.b.example.co.uk") == "example.co.uk"
    assert not is_public_suffix("example.co.uk")
