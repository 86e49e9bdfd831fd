"""What click says itself, in the user's language.

click looks each of its texts up by gettext, under its English form.
"""

from __future__ import annotations

from click import core, decorators, exceptions, formatting, parser, termui, types

from ground.words import LANGUAGES, catalogue, family, language

_TEXTS = family(
    "click",
    (
        *("usage", "options", "commands", "arguments", "help", "version", "version_line"),
        *("aborted", "error", "bad_input", "try_help", "extra_one", "extra", "missing_command"),
        *("missing_argument", "missing_option", "missing_parameter", "no_option", "no_command"),
        *("mean_one", "mean", "invalid", "invalid_for", "no_value", "argument_one"),
        *("arguments_many", "choice_one", "choice", "choose", "no_number", "range", "file"),
        *("directory", "path", "absent", "is_file", "is_directory", "unreadable", "unwritable"),
        "default",
    ),
)
_IDS = {catalogue(LANGUAGES[0])[id]: id for id in _TEXTS.values()}


def of_click(english: str) -> str:
    """Return a text of click's with its placeholders; one that is not known stays as it is."""
    return catalogue(language())[_IDS[english]] if english in _IDS else english


def of_click_by_number(one: str, many: str, number: int) -> str:
    """Return one of two texts of click's, by a number."""
    return of_click(one if number == 1 else many)


def translate() -> None:
    """Have click say its texts in the user's language; before any command is made."""
    for module in (core, decorators, exceptions, formatting, parser, termui, types):
        vars(module).update(_=of_click, ngettext=of_click_by_number)
