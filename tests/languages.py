"""What tests know of each language: how its documents are named, how its texts are recognised."""

from __future__ import annotations

import re

from ground.words import LANGUAGES

_SUFFIX = {"en": "", "zh": ".zh-CN"}
# The first language's texts are what the others are translated from.
SCRIPTS = {"zh": re.compile(r"[\u4e00-\u9fff]")}


def documents(stem: str) -> tuple[str, ...]:
    """Return the names of a document (`README`, `docs/edge`) in every language."""
    return tuple(f"{stem}{_SUFFIX[each]}.md" for each in LANGUAGES)
