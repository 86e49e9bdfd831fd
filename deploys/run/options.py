"""Options of a verb: each is declared once, as a field of what the verb can be asked for.

From the field come the option of `pmail-deploy`, the word of pyinfra's `--data`, how its value is
read and written, and that its name is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ground.errors import Told
from ground.words import Words

if TYPE_CHECKING:
    from postmaster.settings import Site

_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")
R = TypeVar("R", bound="Request")


class BadOption(Told):
    """A value is none that the option takes."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    def read(self, word: str, given: str) -> object:
        """Return the value of what was given. Raises BadOption."""
        if given.lower() not in (*_YES, *_NO):
            raise BadOption("option.flag", word=word, given=given)
        return given.lower() in _YES

    def written(self, value: Any) -> str:
        """Return the value as `--data` takes it."""
        return _YES[0] if value else _NO[0]


@dataclass(frozen=True, slots=True)
class Text:
    """Any text."""

    def read(self, word: str, given: str) -> object:
        """Return the value of what was given."""
        return given

    def written(self, value: Any) -> str:
        """Return the value as `--data` takes it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class File(Text):
    """A file. exists: it must be there."""

    exists: bool = False

    def read(self, word: str, given: str) -> object:
        """Return the path. Raises BadOption."""
        if self.exists and not Path(given).is_file():
            raise BadOption("option.no_file", word=word, path=given)
        return given

    def written(self, value: Any) -> str:
        """Return the path from the root: pyinfra runs elsewhere than the user."""
        return str(Path(value).absolute())


@dataclass(frozen=True, slots=True)
class Choice(Text):
    """One of several words."""

    choices: tuple[str, ...] = ()

    def read(self, word: str, given: str) -> object:
        """Return the word. Raises BadOption."""
        if given not in self.choices:
            choices = ", ".join(self.choices)
            raise BadOption("option.choice", word=word, given=given, choices=choices)
        return given


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number."""

    least: int
    most: int

    def read(self, word: str, given: str) -> object:
        """Return the number. Raises BadOption."""
        if not given.isdecimal() or not self.least <= int(given) <= self.most:
            values = {"least": self.least, "most": self.most, "given": given}
            raise BadOption("option.number", word=word, **values)
        return int(given)

    def written(self, value: Any) -> str:
        """Return the value as `--data` takes it."""
        return str(value)


@dataclass(frozen=True, slots=True)
class Names:
    """Several names, with commas between them in `--data`."""

    def read(self, word: str, given: str) -> object:
        """Return the names."""
        return tuple(filter(None, given.split(",")))

    def written(self, value: Any) -> str:
        """Return the value as `--data` takes it."""
        return ",".join(value)


Kind = Flag | Text | File | Choice | Number | Names


@dataclass(frozen=True, slots=True)
class Option:
    """How an option is given. word: in `--data`.

    flags: of `pmail-deploy`; where there are none it is an argument. help: message id.
    """

    word: str
    kind: Kind
    flags: tuple[str, ...] = ()
    help: str | None = None


def option(
    word: str, kind: Kind, *flags: str, default: object = None, help: str | None = None
) -> Any:
    """Declare a field of a request as an option of its verb."""
    return field(default=default, metadata={"option": Option(word, kind, flags, help)})


@dataclass(frozen=True, slots=True)
class Request:
    """What a verb without options is asked for: to run."""

    @property
    def changes(self) -> bool:
        """Whether something can be changed by it."""
        return True

    @property
    def asks(self) -> bool:
        """Whether somebody has to say yes."""
        return self.changes

    @property
    def shown_dry(self) -> bool:
        """Whether a run with `--dry` shows anything."""
        return True

    @property
    def groups(self) -> tuple[str, ...] | None:
        """Groups of hosts that it does something on, where they are fewer than its verb's."""
        return None

    def problems(self, *, dry: bool) -> Iterable[Words]:
        """Return why this makes no sense. dry: nothing is going to be carried out."""
        return ()

    def problems_in(self, site: Site, here: Site) -> Iterable[Words]:
        """Return why this makes no sense for a site.

        here: the part of it that `--limit` and `--exclude` leave.
        """
        return ()


@dataclass(frozen=True, slots=True)
class Look(Request):
    """A verb without options that changes nothing."""

    @property
    def changes(self) -> bool:
        """It only looks."""
        return False


def options(request: type[Request]) -> dict[str, Option]:
    """Return the options of a request: field -> option."""
    return {each.name: each.metadata["option"] for each in fields(request)}


def words(request: type[Request]) -> tuple[str, ...]:
    """Return the words that `--data` takes for a request."""
    return tuple(each.word for each in options(request).values())


def parse(request: type[R], data: Mapping[str, object]) -> tuple[R, tuple[Words, ...]]:
    """Return what was asked for by `--data`, or by an inventory with values of its own types.

    With it, what is wrong; that stays at its default.
    """
    values, wrong = dict[str, Any](), list[Words]()
    for name, each in options(request).items():
        given = data.get(each.word)
        if given is None or given == "":
            continue
        try:
            values[name] = each.kind.read(each.word, _as_typed(each, given))
        except BadOption as error:
            wrong.append(error.words)
    return request(**values), tuple(wrong)


def _as_typed(each: Option, given: object) -> str:
    """A value as it would be typed. Raises BadOption for what cannot be."""
    if isinstance(each.kind, Names) and isinstance(given, list | tuple):
        return each.kind.written(tuple(_one_as_typed(each.word, part) for part in given))
    return _one_as_typed(each.word, given)


def _one_as_typed(word: str, given: object) -> str:
    if not isinstance(given, str | int | Path):
        raise BadOption("option.value", word=word, given=given)
    return str(given)


def as_data(request: Request) -> tuple[str, ...]:
    """Return a request as `--data` takes it: every word, so that none of an inventory's counts.

    A word without a value stands for what has none.
    """
    return tuple(
        f"{each.word}={'' if value is None else each.kind.written(value)}"
        for name, each in options(type(request)).items()
        for value in (getattr(request, name),)
    )
