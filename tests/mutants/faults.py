"""Which faults a piece of Python can be given: each a change of a few characters."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "+",
    ast.BitOr: "&",
    ast.BitAnd: "|",
}
OTHER_CALL = {"min": "max", "max": "min", "any": "all", "all": "any"}
# What a fault makes no difference to, by rule: how long the network is waited for.
WAITS = ("timeout", "pause", "lifetime")


@dataclass(frozen=True, slots=True)
class Fault:
    """Characters `start` to `end` of a file's text are `instead`. line: the first, from 1."""

    path: str
    start: int
    end: int
    line: int
    instead: str
    about: str

    def applied(self, text: str) -> str:
        """Return the faulty text."""
        return text[: self.start] + self.instead + text[self.end :]


def faults(path: str, text: str) -> tuple[Fault, ...]:
    """Return all faults of a file, in the order of its lines."""
    found = _Finder(path, text)
    found.visit(ast.parse(text))
    return tuple(sorted(set(found.faults), key=lambda each: (each.start, each.end, each.instead)))


def sample(all_of: Sequence[Fault], number: int, seed: int) -> tuple[Fault, ...]:
    """Return so many of them, the same ones for the same seed."""
    chosen = random.Random(seed).sample(range(len(all_of)), min(number, len(all_of)))
    return tuple(all_of[each] for each in sorted(chosen))


class _Finder(ast.NodeVisitor):
    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.faults: list[Fault] = []
        lines = text.splitlines(keepends=True)
        self.offsets = [0]
        for line in lines:
            self.offsets.append(self.offsets[-1] + len(line))
        self.lines = lines

    # -- where things stand

    def at(self, line: int, column: int) -> int:
        """The place in the text of a position of the tree, whose columns are octets."""
        return self.offsets[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None and node.end_col_offset is not None
        start = self.at(node.lineno, node.col_offset)
        return start, self.at(node.end_lineno, node.end_col_offset)

    def put(self, node: ast.expr | ast.stmt, instead: str, about: str) -> None:
        start, end = self.span(node)
        self.faults.append(Fault(self.path, start, end, node.lineno, instead, about))

    def operator(self, left: ast.expr, right: ast.expr, instead: Iterable[str], old: str) -> None:
        """Change the operator between two operands."""
        first, last = self.span(left)[1], self.span(right)[0]
        start = self.text.find(old, first, last)
        while start >= 0 and "#" in self.text[first:start].rpartition("\n")[2]:
            start = self.text.find(old, start + 1, last)  # that was in a comment
        if start < 0:
            return
        line = self.text.count("\n", 0, start) + 1
        for new in instead:
            about = f"{old} is {new}"
            self.faults.append(Fault(self.path, start, start + len(old), line, new, about))

    # -- what is left as it is

    def body(self, statements: Sequence[ast.stmt]) -> None:
        for each in statements:
            self.visit(each)

    def body_of(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
        self.body(node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body)

    def visit_Module(self, node: ast.Module) -> None:
        self.body_of(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.body_of(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(default)
        self.body_of(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        target = ast.unparse(node.target)
        if node.value and not _is_wait(target):
            self.visit(node.value)

    def visit_Import(self, node: ast.Import) -> None: ...

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...

    def visit_Assert(self, node: ast.Assert) -> None: ...

    # -- values

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.put(node, str(not value), f"{value} is {not value}")
        elif isinstance(value, int | float):
            self.put(node, repr(value + 1), f"{value} is one more")
        elif isinstance(value, str | bytes):
            wrong = ("" if value else "wrong") if isinstance(value, str) else b"wrong"
            about = "a text is empty" if value else "an empty text is not"
            self.put(node, repr(wrong), about)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        # Not what is inside: its positions are right from Python 3.12 on only.
        self.put(node, "''", "a text is empty")

    def visit_keyword(self, node: ast.keyword) -> None:
        if not (node.arg and _is_wait(node.arg)):
            self.visit(node.value)

    # -- operators

    def visit_Compare(self, node: ast.Compare) -> None:
        operands = (node.left, *node.comparators)
        for left, operation, right in zip(operands, node.ops, operands[1:], strict=False):
            old = _TEXT[type(operation)]
            self.operator(left, right, COMPARISONS[type(operation)], old)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.operator(left, right, (new,), old)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            start, end = self.span(node.operand)
            self.put(node, f"({self.text[start:end]})", "not is left out")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in ARITHMETIC:
            old = _ARITHMETIC_TEXT[type(node.op)]
            self.operator(node.left, node.right, (ARITHMETIC[type(node.op)],), old)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in OTHER_CALL:
            other = OTHER_CALL[node.func.id]
            self.put(node.func, other, f"{node.func.id} is {other}")
        if isinstance(node.func, ast.Name) and node.func.id in ("TypeVar", "cast", "NewType"):
            return
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in ("Literal", "Mapping", "Callable"):
            return
        self.generic_visit(node)

    # -- statements

    def condition(self, test: ast.expr, either: Sequence[str]) -> None:
        for value in either:
            self.put(test, value, f"a condition is always {value.lower()}")

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            return
        self.condition(node.test, ("True", "False"))
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.condition(node.test, ("True", "False"))
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self.condition(node.test, ("False",))
        self.visit_unless_constant(node.test)
        self.body((*node.body, *node.orelse))

    def visit_unless_constant(self, node: ast.expr) -> None:
        if not isinstance(node, ast.Constant):
            self.visit(node)

    def visit_For(self, node: ast.For) -> None:
        self.put(node.iter, "()", "a loop is empty")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.put(node.iter, "()", "a loop is empty")
        for each in node.ifs:
            self.condition(each, ("True",))
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            return
        if not isinstance(node.value, ast.Constant | ast.Compare | ast.BoolOp | ast.UnaryOp):
            self.put(node.value, "None", "None is returned")
        self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        self.put(node, "pass", "nothing is raised")
        # What is raised, by its class and values; a text for programmers makes no difference.
        if isinstance(node.exc, ast.Call):
            for each in (*node.exc.args, *(word.value for word in node.exc.keywords)):
                if not _is_prose(each):
                    self.visit(each)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Yield | ast.YieldFrom):
            self.put(node.value, "(yield from ())", "nothing is yielded")
        elif isinstance(node.value, ast.Call):
            self.put(node, "pass", "a statement is left out")
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(_is_wait(ast.unparse(each)) for each in node.targets):
            return
        if any(ast.unparse(each) in ("__all__", "__slots__") for each in node.targets):
            return
        if not any(isinstance(each, ast.Name | ast.Tuple) for each in node.targets):
            self.put(node, "pass", "a statement is left out")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.put(node, "pass", "a statement is left out")
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        self.put(node, "pass", "a statement is left out")

    def visit_Continue(self, node: ast.Continue) -> None:
        self.put(node, "pass", "a statement is left out")

    def visit_Break(self, node: ast.Break) -> None:
        self.put(node, "pass", "a statement is left out")


_TEXT: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_ARITHMETIC_TEXT: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitOr: "|",
    ast.BitAnd: "&",
}


def _is_wait(name: str) -> bool:
    return any(part in WAITS for part in name.lower().strip("_").split("_"))


def _is_prose(node: ast.expr) -> bool:
    """A sentence and no message id: it has a space."""
    if isinstance(node, ast.JoinedStr):
        return any(_is_prose(each) for each in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
