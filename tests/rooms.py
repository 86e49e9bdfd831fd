"""The rooms of the house, read from the code: each folder, and which it imports from.

`python -m tests.rooms` prints the drawing that docs/architecture.md shows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Set
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
# From the ground up: a room imports from those before it. One line is one floor.
LAYERS = (
    ("ground", "ground/messages", "ground/messages/en", "ground/messages/zh", "edge"),
    ("dns_providers", "keys"),
    ("dns_providers/by_hand", "dns_providers/octodns"),
    ("dns_providers/publishing",),
    ("dns_providers/adapters", "probes"),
    ("probes/world",),
    ("probes/host",),
    ("postmaster",),
    ("postmaster/checks",),
    ("postmaster/report",),
    ("deploys/run", "deploys/host"),
    ("deploys/accounts", "deploys/edge", "deploys/web_front"),
    ("deploys/pmail_server", "deploys/zones"),
    ("deploys/outbound", "deploys/tls_certificate"),
    ("deploys/web_documents",),
    ("deploys/verification",),
    ("deploys/rotation", "deploys/recovery"),
    ("deploys/cli",),
    ("deploys/guest",),
    ("deploys",),  # the runbooks
    ("pmail_deploy",),
)
# Rooms whose modules are loaded by a name that only a run knows: which room does that, of which.
BY_NAME = frozenset(
    {("dns_providers", "dns_providers/adapters"), ("ground", "ground/messages")},
)
ROOMS = tuple(room for floor in LAYERS for room in floor)
PACKAGES = tuple(dict.fromkeys(room.split("/")[0] for room in ROOMS))

Arrow = tuple[str, str]  # from, to


def files() -> list[Path]:
    """Return every module of ours, relative to the project."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


def rooms(paths: Iterable[Path]) -> set[str]:
    """Return the folders that modules are in."""
    return {path.parent.as_posix() for path in paths}


@cache
def imported(source: str) -> set[str]:
    """Return all names that a module imports, absolute; `from a import b` gives a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def loaded_by_name(path: Path, source: str) -> set[str]:
    """Return the packages that a module loads modules of by their name: `f".package.{name}"`."""
    if "import_module" not in source:
        return set()
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    starts = (
        call.args[0].values[0]
        for call in calls
        if ast.unparse(call.func).endswith("import_module")
        and call.args
        and isinstance(call.args[0], ast.JoinedStr)
    )
    texts = {str(each.value) for each in starts if isinstance(each, ast.Constant)}
    here = ".".join(path.parent.parts)
    return {f"{here}{text}".rstrip(".") for text in texts if text.startswith(".")}


def room_of(name: str, modules: Set[str]) -> str | None:
    """Return the room of what an import names; None for what is not ours.

    modules: every module of ours, dotted, a package by its folder's name.
    """
    while name and name not in modules:
        name = name.rpartition(".")[0]
    if not name:
        return None
    folder = name.replace(".", "/")
    return folder if (ROOT / folder).is_dir() else folder.rpartition("/")[0]


def dotted(path: Path) -> str:
    """Return a module's name."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows_of(sources: Mapping[Path, str]) -> dict[Arrow, set[Path]]:
    """Return which room imports from which, with the modules that do."""
    modules = {dotted(path) for path in sources}
    found: dict[Arrow, set[Path]] = {}
    for path, source in sources.items():
        here = path.parent.as_posix()
        for name in imported(source):
            there = room_of(name, modules)
            if there not in (None, here):
                found.setdefault((here, str(there)), set()).add(path)
    return found


@cache
def sources() -> Mapping[Path, str]:
    """Return the text of every module of ours."""
    return {path: (ROOT / path).read_text("utf-8") for path in files()}


def upward(arrows: Iterable[Arrow]) -> set[Arrow]:
    """Return the arrows that do not lead to a lower floor; without any, there is no cycle."""
    floor = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}
    return {(here, there) for here, there in arrows if floor[there] >= floor[here]}


def reduced(arrows: Iterable[Arrow]) -> set[Arrow]:
    """Return the arrows that no other way replaces: each room stands on all that it reaches."""
    every = set(arrows)
    below: dict[str, set[str]] = {}
    for room in ROOMS:
        direct = {there for here, there in every if here == room}
        # What points up has no floor below it yet; `upward` tells of it.
        below[room] = direct.union(*(below.get(each, set()) for each in direct))
    return {
        (here, there)
        for here, there in every
        if not any((here, other) in every and there in below[other] for other in ROOMS)
    }


def drawing(arrows: Iterable[Arrow]) -> str:
    """Return the rooms as a Mermaid graph, the highest first."""
    drawn = {room for arrow in arrows for room in arrow}
    lines = ["graph TD"]
    for package in reversed(PACKAGES):
        inside = [room for room in reversed(ROOMS) if room in drawn and _within(room, package)]
        nodes = [f"{_id(room)}[{_label(room)}]" for room in inside]
        if len(nodes) == 1:
            lines.append(f"    {nodes[0]}")
        else:
            lines.append(f"    subgraph in_{package}[{package}]")
            lines += [f"        {node}" for node in nodes]
            lines.append("    end")
    order = sorted(reduced(arrows), key=lambda arrow: tuple(-ROOMS.index(room) for room in arrow))
    lines += [f"    {_id(here)} --> {_id(there)}" for here, there in order]
    late = sorted((here, there) for here, there in BY_NAME if there in drawn)
    lines += [f"    {_id(here)} -. by name .-> {_id(there)}" for here, there in late]
    return "\n".join(lines) + "\n"


def _within(room: str, package: str) -> bool:
    return room.split("/")[0] == package


def _id(room: str) -> str:
    return room.replace("/", "_")


def _label(room: str) -> str:
    if room == "deploys":
        return "runbooks"
    return room.partition("/")[2] or room


if __name__ == "__main__":
    print(drawing(arrows_of(sources())), end="")
