"""What is said to a user: a message id and its values, and its text in the user's language."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from string import Formatter

# A language is a package of ground.messages with this name.
LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence for the user: message id and the values in it."""

    id: str
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, id: str, /, **values: object) -> Words:
        """Return the sentence `id` with its values as strings."""
        return cls(id, tuple((name, str(value)) for name, value in values.items()))


def language() -> str:
    """Return one of LANGUAGES: `PMAIL_LANG`, else what the locale says, else English."""
    chosen = os.environ.get("PMAIL_LANG", "")
    if chosen in LANGUAGES:
        return chosen
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return next((each for each in LANGUAGES if value.lower().startswith(each)), "en")
    return "en"


@cache
def catalogue(lang: str) -> dict[str, str]:
    """Return all texts of a language: message id -> template."""
    package = import_module(f"ground.messages.{lang}")
    texts: dict[str, str] = {}
    for module in iter_modules(package.__path__):
        texts |= import_module(f"{package.__name__}.{module.name}").TEXTS
    return texts


def text(message_id: str, /, **values: object) -> str:
    """Return the text `message_id` in the user's language, with `values` put in.

    Raises KeyError for an unknown id or a missing value: both are mistakes in our code.
    """
    return catalogue(language())[message_id].format(**values)


def say(words: Words) -> str:
    """Return a sentence in the user's language. Raises KeyError, see `text`."""
    return text(words.id, **dict(words.values))


def placeholders(template: str) -> frozenset[str]:
    """Return the names of the values a template takes."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def error_text(error: BaseException) -> str:
    """Return an error in the user's language, or as it says itself where it has no message id."""
    message_id = getattr(error, "message_id", None)
    if message_id is None or message_id not in catalogue(language()):
        return str(error)
    return text(message_id, **getattr(error, "values", {}))


_families: dict[str, frozenset[str]] = {}


def family(prefix: str, members: type[Enum] | Iterable[str]) -> Mapping[str, str]:
    """Declare the ids that differ in their last part only: `prefix.member` for each member.

    members: an enumeration (its values), or names. Returns member -> message id. Only ids that are
    declared, or written out whole, are known to be in use: a test fails for all others.
    """
    names = [each.value for each in members] if isinstance(members, type) else list(members)
    ids = {name: f"{prefix}.{name}" for name in names}
    _families[prefix] = frozenset(ids.values()) | _families.get(prefix, frozenset())
    return ids


def declared() -> frozenset[str]:
    """Return the ids of all families of the modules that were imported."""
    return frozenset().union(*_families.values())
