"""Texts for users in English and Simplified Chinese, by message id."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from string import Formatter

from postmaster.messages import en, zh

_LANGUAGES = {"en": en, "zh": zh}


def language() -> str:
    """Return `en` or `zh`: `PMAIL_LANG`, else what the locale says, else English."""
    chosen = os.environ.get("PMAIL_LANG", "")
    if chosen in _LANGUAGES:
        return chosen
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


@cache
def catalogue(lang: str) -> dict[str, str]:
    """Return all texts of a language: message id -> template."""
    package = _LANGUAGES[lang]
    texts: dict[str, str] = {}
    for module in iter_modules(package.__path__):
        texts |= import_module(f"{package.__name__}.{module.name}").TEXTS
    return texts


def text(message_id: str, /, **values: object) -> str:
    """Return the text `message_id` in the user's language, with `values` put in.

    Raises KeyError for an unknown id or a missing value: both are mistakes in our code.
    """
    return catalogue(language())[message_id].format(**values)


def placeholders(template: str) -> frozenset[str]:
    """Return the names of the values a template takes."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def error_text(error: BaseException) -> str:
    """Return an error in the user's language, or as it says itself where it has no message id."""
    message_id = getattr(error, "message_id", None)
    if message_id is None or message_id not in catalogue(language()):
        return str(error)
    return text(message_id, **getattr(error, "values", {}))
