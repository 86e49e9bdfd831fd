"""Imports go one way, and pyinfra is where it belongs."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("ground", "dns_providers", "probes", "postmaster", "keys", "edge", "deploys")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "ground": (),
    "dns_providers": ("ground",),
    "keys": ("ground",),
    "edge": (),  # runs on the mail server, alone
    "probes": ("ground", "dns_providers"),
    "postmaster": (
        "ground",
        "dns_providers.publishing.claims",
        "dns_providers.publishing.public_suffix",
        "ground.columns",
        "dns_providers.rrset",
        "keys.dkim",
        "probes",
    ),
    "deploys": PACKAGES,
}
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """All modules a file imports; `from a import b` counts as a.b too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def below(module: str, parent: str) -> bool:
    return module == parent or module.startswith(parent + ".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_stands_below_it(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = (package, *MAY_IMPORT[package])
    ours = {name for name in imported(path) if name.split(".")[0] in PACKAGES}
    assert {name for name in ours if not any(below(name, each) for each in allowed)} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pyinfra_is_imported_at_the_edge_only(path: Path) -> None:
    relative = path.relative_to(ROOT)
    edge = (
        relative.parts[0] == "deploys"
        or relative.name in ("operations.py", "facts.py")
        or relative == Path("dns_providers/connector.py")
    )
    assert edge or not any(below(name, "pyinfra") for name in imported(path))
