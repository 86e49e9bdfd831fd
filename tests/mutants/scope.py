"""Which files are given faults, and which tests are asked."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
AREAS = ("postmaster/checks", "keys", "probes", "deploys")
# Where the fast tests of these files are.
TESTS = ("tests/postmaster", "tests/keys", "tests/probes", "tests/deploys")
OURS = ("ground", "dns_providers", "probes", "postmaster", "keys", "edge", "deploys", "tests")


def area_of(path: str) -> str:
    """Return the area a file belongs to."""
    return next(each for each in AREAS if path.startswith(each + "/"))


def in_scope(path: Path) -> bool:
    """Whether a file decides something by itself: operations and runbooks are for the lab."""
    if path.name == "operations.py" or path.parent == ROOT / "deploys":
        return False
    code = path.read_text("utf-8")
    if "pyinfra" not in code and "operations" not in code:
        return True  # all workers of the fast tests ask this, and parsing takes a second
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in getattr(node, "names", ()) if isinstance(alias, ast.alias)]
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        modules = [f"{module}.{name}".lstrip(".").split(".") for name in names]
        thin = [each for each in modules if "pyinfra" in each[:1] or "operations" in each]
        if any(not each[-1].endswith("Error") for each in thin):
            return False
    return True


def files(wanted: tuple[str, ...] = AREAS) -> tuple[str, ...]:
    """Return the files below these folders (or these files) that are in scope, from the root."""
    found = []
    for each in wanted:
        path = ROOT / each
        paths = [path] if path.is_file() else sorted(path.rglob("*.py"))
        found += [str(it.relative_to(ROOT)) for it in paths if in_scope(it)]
    return tuple(dict.fromkeys(found))
