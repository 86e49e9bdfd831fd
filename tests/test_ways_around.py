"""What is said and written goes through ground/shown.py: no module has a way around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rooms import sources

# Who writes to the process's streams itself; the screen around them is put there before it runs.
STREAMS = {
    "deploys/run/start.py",  # puts it there
    "deploys/zones/policy_steps.py",
    "deploys/zones/export_steps.py",
}
DESCRIPTORS = {"deploys/run/outcome.py"}  # every record of it is made by `shown_in`


def ways_around(source: str) -> Iterator[str]:
    """Give what a module does to show something that nobody looked at."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                yield "print"
            case ast.Call(func=ast.Name(id="Words"), args=[_, _, *_]):
                yield "Words"  # its values are as they come
            case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" | "__stdout__"):
                yield "stream"
            case ast.Attribute(value=ast.Name(id="os"), attr="write"):
                yield "descriptor"
            case ast.Constant(value="/dev/tty" | "/dev/stdout" | "/dev/stderr"):
                yield "terminal"
            case ast.Attribute(attr="print_exc" | "format_exc"):
                yield "traceback"


@pytest.mark.parametrize(
    "path",
    # The edge is alone on the mail server, and writes to its journal.
    [each for each in sources() if each.parts[0] != "edge"],
    ids=Path.as_posix,
)
def test_a_module_shows_nothing_that_is_not_looked_at(path: Path) -> None:
    name, found = path.as_posix(), set(ways_around(sources()[path]))
    allowed = {"stream": name in STREAMS, "descriptor": name in DESCRIPTORS}
    allowed["Words"] = name == "ground/words.py"
    assert {each for each in found if not allowed.get(each)} == set()


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("print(error)", "print"),
        ("sys.stderr.write(error)", "stream"),
        ("os.write(1, error)", "descriptor"),
        ('Words("flow.begun", (("a", error),))', "Words"),
        ('open("/dev/tty", "w").write(error)', "terminal"),
        ("traceback.print_exc()", "traceback"),
        ('host.log(text("flow.begun"))', None),
        ('Words("flow.begun")', None),
    ],
)
def test_a_way_around_is_noticed(line: str, way: str | None) -> None:
    assert list(ways_around(line)) == ([way] if way else [])
