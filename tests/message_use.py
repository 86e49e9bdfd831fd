"""Which message ids a source uses, and how: read from its syntax, without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ground.errors import Told

# Calls that take a message id first, and then its values by name. Errors of ours do, too.
_TAKE_ID = frozenset({"text", "of", "Words", "add", "__init__"})
# Calls whose texts a person reads.
_SHOW = frozenset(
    {
        *("log", "log_styled", "noop", "echo", "secho", "_log", "_show", "leave_unsolved"),
        *("fail", "_fail", "refuse", "_refuse", "UsageError", "ClickException", "BadParameter"),
        *("OperationError", "ConnectError", "InventoryError", "Silent"),
    }
)
_SENTENCE = re.compile(r"(?<![\w./-])[A-Za-z][a-z']+,? [a-z'-]+,? [a-z'-]*[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Call:
    """A call with a message id that is written out, and the names of the values given.

    more: there may be others, given by `**`.
    """

    line: int
    id: str
    names: frozenset[str]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """What a source does with messages, each with its line.

    ids: texts that have the form of an id. built: ids that are put together. english: sentences
    that a person would read.
    """

    ids: tuple[tuple[int, str], ...]
    calls: tuple[Call, ...]
    built: tuple[int, ...]
    english: tuple[tuple[int, str], ...]


def use_of(source: str, areas: frozenset[str]) -> Use:
    """Return what a source does with messages. areas: the first parts of ids."""
    tree = ast.parse(source)
    said = _docstrings(tree)
    nodes = [node for node in ast.walk(tree) if id(node) not in said]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    prefixes = {id(_first(call)) for call in calls if _name(call) == "family"}
    takers = {each.__name__ for each in _below(Told)} | _TAKE_ID
    taking = [call for call in calls if _name(call) in takers]
    built = {node.lineno for node in nodes if _head(node).partition(".")[0] in areas}  # type: ignore[attr-defined]
    built |= {call.lineno for call in taking if isinstance(_first(call), ast.JoinedStr)}
    return Use(
        tuple(
            (node.lineno, node.value)
            for node in nodes
            if isinstance(node, ast.Constant)
            and _is_id(node.value, areas)
            and id(node) not in prefixes
        ),
        tuple(found for call in taking for found in _calls(call, areas)),
        tuple(sorted(built)),
        tuple(_english(taking, calls)),
    )


def _below(kind: type) -> Iterator[type]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)


def _docstrings(tree: ast.AST) -> frozenset[int]:
    return frozenset(
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _first(call: ast.Call) -> ast.expr | None:
    return call.args[0] if call.args else None


def _is_id(value: object, areas: frozenset[str]) -> bool:
    form = re.fullmatch(r"(\w+)(?:\.[\w-]+)+", value, re.ASCII) if isinstance(value, str) else None
    return form is not None and form[1] in areas


def _head(node: ast.AST) -> str:
    """What an f-string or a sum begins with, where that is the beginning of an id."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(head)), *_]):
            pass
        case ast.BinOp(left=ast.Constant(value=str(head))):
            pass
        case _:
            return ""
    return head if re.fullmatch(r"\w+\.[\w.-]*", head, re.ASCII) else ""


def _calls(call: ast.Call, areas: frozenset[str]) -> Iterator[Call]:
    """A call for each id that it may be made with."""
    first = _first(call)
    if _name(call) == "Words":
        return  # its values are no keywords
    names = frozenset(each.arg for each in call.keywords if each.arg)
    more = any(each.arg is None for each in call.keywords)
    for each in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
        if isinstance(each, ast.Constant) and _is_id(each.value, areas):
            yield Call(call.lineno, each.value, names, more)


def _english(taking: list[ast.Call], calls: list[ast.Call]) -> Iterator[tuple[int, str]]:
    """Sentences that are given as values of a message, or shown as they are."""
    values = [each.value for call in taking for each in call.keywords]
    shown = [each for call in calls if _name(call) in _SHOW for each in call.args]
    for node in (*values, *shown):
        for part in _parts(node):
            if _SENTENCE.search(part.value):
                yield part.lineno, part.value


def _parts(node: ast.AST) -> Iterator[ast.Constant]:
    """Texts in an expression, but not those that a call in it gets."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    if not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _parts(child)
