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
from typing import TypeVar

from ground.shown import shown

# A language is a package of ground.messages with this name; the first one is where none is chosen.
LANGUAGES = ("en", "zh")


class Said(str):
    """Sentences of ours, with their line ends: what others wrote in them is as it may be shown.

    again: what they say, to say it in another language.
    """

    __slots__ = ("again",)
    again: Words | Lines

    def __new__(cls, text: str, again: Words | Lines) -> Said:
        """Return what is said."""
        said = super().__new__(cls, text)
        said.again = again
        return said

    def __getnewargs__(self) -> tuple[str, Words | Lines]:  # type: ignore[override]
        return str(self), self.again


@dataclass(frozen=True, slots=True)
class Lines:
    """Several texts, each on a line of its own. before: what each begins with."""

    each: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence for the user: message id and the values in it."""

    id: str
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, id: str, /, **values: object) -> Words:
        """Return the sentence `id` with its values as strings, as they may be shown.

        One may be a sentence itself, or an error that has one.
        """
        return cls(id, tuple((name, _as_shown(value)) for name, value in values.items()))

    @property
    def named(self) -> dict[str, str]:
        """The values by name."""
        return dict(self.values)

    def having(self, **values: object) -> Words:
        """Return the sentence with more values in it."""
        return Words(self.id, (*self.values, *Words.of(self.id, **values).values))

    def __str__(self) -> str:
        return say(self)


def language() -> str:
    """Return one of LANGUAGES: `PMAIL_LANG`, else what the locale says, else the first."""
    chosen = os.environ.get("PMAIL_LANG", "")
    if chosen in LANGUAGES:
        return chosen
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return next(
                (each for each in LANGUAGES if value.lower().startswith(each)), LANGUAGES[0]
            )
    return LANGUAGES[0]


@cache
def catalogue(lang: str) -> dict[str, str]:
    """Return all texts of a language: message id -> template."""
    package = import_module(f".messages.{lang}", __package__)
    texts: dict[str, str] = {}
    for module in iter_modules(package.__path__):
        texts |= import_module(f"{package.__name__}.{module.name}").TEXTS
    return texts


def text(message_id: str, /, **values: object) -> str:
    """Return the text `message_id` in the user's language, with `values` put in.

    Raises KeyError for an unknown id or a missing value: both are mistakes in our code.
    """
    return say(Words.of(message_id, **values))


def say(words: Words) -> str:
    """Return a sentence in the user's language. Raises KeyError, see `text`."""
    return Said(catalogue(language())[words.id].format(**words.named), words)


def say_in(lang: str, words: Words) -> str:
    """Return a sentence in one of LANGUAGES, with the sentences in it. Raises KeyError."""
    values = {name: _again_in(lang, value) for name, value in words.values}
    return Said(catalogue(lang)[words.id].format(**values), words)


def _again_in(lang: str, value: str) -> str:
    """A value of a sentence in another language, where it is a sentence itself."""
    if not isinstance(value, Said):
        return value
    if isinstance(value.again, Words):
        return say_in(lang, value.again)
    parts = (f"{value.again.before}{_again_in(lang, each)}" for each in value.again.each)
    return Said("\n".join(parts), value.again)


def lines(each: Iterable[object], before: str = "") -> str:
    """Return several texts as one value of a sentence, each on a line of its own.

    before: what each begins with.
    """
    parts = tuple(map(_as_shown, each))
    return Said("\n".join(f"{before}{part}" for part in parts), Lines(parts, before))


def _as_shown(value: object) -> str:
    if isinstance(value, Said):
        return value
    own = value if isinstance(value, Words) else getattr(value, "words", None)
    return say(own) if isinstance(own, Words) else shown(value)


def placeholders(template: str) -> frozenset[str]:
    """Return the names of the values a template takes."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


_families: set[str] = set()
Member = TypeVar("Member", bound=Enum | str)


def family(prefix: str, members: Iterable[Member], suffix: str = "") -> Mapping[Member, str]:
    """Declare ids that differ in one part only: `prefix.member`, or `prefix.member.suffix`.

    members: an enumeration (its values are the parts), or names. Returns member -> message id.
    Only ids that are declared, or written out whole, are known to be in use: a test fails for all
    others.
    """
    parts = {each: each.value if isinstance(each, Enum) else each for each in members}
    end = f".{suffix}" if suffix else ""
    ids = {each: f"{prefix}.{part}{end}" for each, part in parts.items()}
    _families.update(ids.values())
    return ids


def declared() -> frozenset[str]:
    """Return the ids of all families of the modules that were imported."""
    return frozenset(_families)
