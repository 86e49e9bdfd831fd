"""Small faults: what can be one and what cannot, and that each fits where it is put."""

from __future__ import annotations

import ast

import pytest

from tests.mutants import scope
from tests.mutants.faults import Fault, faults, sample
from tests.mutants.handmade import HANDMADE, Handmade
from tests.mutants.walked import WITHOUT


def wrong(text: str) -> set[str]:
    """The faulty texts of a piece of code."""
    return {each.applied(text) for each in faults("a.py", text)}


@pytest.mark.parametrize(
    ("right", "faulty"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a >= b", ["a > b", "a < b"]),
        ("a == b", ["a != b"]),
        ("a not in b", ["a in b"]),
        ("a is not b", ["a is b"]),
        ("a < b == c", ["a <= b == c", "a < b != c"]),
        ("a and b or c", ["a or b or c", "a and b and c"]),
        ("not a", ["(a)"]),
        ("a + b", ["a - b"]),
        ("7", ["8"]),
        ("True", ["False"]),
        ("'text'", ["''"]),
        ("''", ["'wrong'"]),
        ("f'{a} text'", ["''"]),
        ("any(a)", ["all(a)"]),
        ("max(a, b)", ["min(a, b)"]),
        ("b if a else c", ["b if True else c", "b if False else c"]),
        ("[x for x in a if x]", ["[x for x in () if x]", "[x for x in a if True]"]),
    ],
)
def test_an_expression_has_the_faults_that_people_make(right: str, faulty: list[str]) -> None:
    assert {f"x = {each}" for each in faulty} <= wrong(f"x = {right}")


@pytest.mark.parametrize(
    ("right", "faulty"),
    [
        ("if a:\n    b()", ["if True:\n    b()", "if False:\n    b()", "if a:\n    pass"]),
        ("while a:\n    b()", ["while False:\n    b()"]),
        ("for x in a:\n    b()", ["for x in ():\n    b()", "for x in a:\n    pass"]),
        ("for x in a:\n    break", ["for x in a:\n    pass"]),
        ("raise A('id')", ["pass", "raise A('')"]),
        ("a += b", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a[0] = c", ["pass"]),
        ("def f():\n    return g(x)", ["def f():\n    return None"]),
        ("def f():\n    yield a", ["def f():\n    (yield from ())"]),
        ("def f(a=1):\n    b", ["def f(a=2):\n    b"]),
    ],
)
def test_a_statement_can_be_left_out_and_a_loop_be_empty(right: str, faulty: list[str]) -> None:
    assert set(faulty) <= wrong(right)


@pytest.mark.parametrize(
    "text",
    [
        '"""A module."""',
        'def f(a: "int") -> "str":\n    """A function."""',
        "from a import b",
        "x: Literal['a', 'b']",
        "X = Literal['a', 'b']",
        "raise A('a sentence for programmers')",
        "f(timeout=5)",
        "_TIMEOUT = 5.0",
        "@dataclass(frozen=True)\nclass A:\n    a: int",
        "if TYPE_CHECKING:\n    f(1)",
    ],
)
def test_what_is_no_code_or_only_a_wait_is_left_as_it_is(text: str) -> None:
    assert not {each for each in faults("a.py", text) if each.instead != "pass"}


def test_a_fault_stands_where_it_is_whatever_is_before_it_in_the_line() -> None:
    text = "x = 'é' if (  # a < b\n    a < b  # the first\n) else '例'"
    found = [each for each in faults("a.py", text) if each.about == "< is <="]
    assert [(each.line, each.applied(text)) for each in found] == [
        (2, text.replace("    a < b", "    a <= b"))
    ]
    assert text.replace("'例'", "''") in wrong(text)


@pytest.mark.parametrize("path", scope.files())
def test_a_faulty_file_is_python(path: str) -> None:
    text = (scope.ROOT / path).read_text("utf-8")
    for each in sample(faults(path, text), 10, seed=0):
        ast.parse(each.applied(text))
        assert each.applied(text) != text, each


def test_a_sample_is_the_same_for_the_same_seed() -> None:
    every = [Fault("a.py", n, n + 1, 1, "", "") for n in range(100)]
    assert sample(every, 10, 1) == sample(every, 10, 1) != sample(every, 10, 2)
    assert len(set(sample(every, 10, 1))) == 10 and len(sample(every, 1000, 1)) == 100


def test_files_that_decide_are_asked_about_and_those_that_only_act_are_not() -> None:
    found = scope.files()
    for path in ("keys/rotation.py", "probes/world/dns.py", "deploys/rotation/request.py"):
        assert path in found
    assert not [each for each in found if each.endswith(("operations.py", "zones/steps.py"))]
    assert {scope.area_of(each) for each in found} == set(scope.AREAS)
    assert scope.files(("keys/dkim.py",)) == ("keys/dkim.py",)


@pytest.mark.parametrize(
    "each", (*HANDMADE, *(each.fault for each in WITHOUT.values())), ids=lambda each: each.about
)
def test_a_fault_by_hand_is_where_it_was_put(each: Handmade) -> None:
    text = (scope.ROOT / each.path).read_text("utf-8")
    assert each.fault.applied(text) == text.replace(each.right, each.wrong) != text
    ast.parse(each.fault.applied(text))
