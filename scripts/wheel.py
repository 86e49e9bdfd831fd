"""Builds the wheel: all of ours in one import package, `pmail_deploy`.

The folders have general names (`keys`, `deploys`), which a clone may have and somebody else's
environment may not: another pyinfra project has a `deploys` of its own. So they are put into one
package, and every import of theirs is turned to where they are then. Nothing else is changed.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

from setuptools.command.build_py import build_py
from setuptools.command.egg_info import egg_info

ROOT = "pmail_deploy"
FOLDERS = ("ground", "dns_providers", "probes", "postmaster", "keys", "edge", "deploys")
# It is sent to mail servers as it is, where it is alone: its own imports are relative.
_ALONE = "edge"
# What a run needs beside them.
_FILES = ("config.py", "inventories/example.py")


class OnePackage(build_py):
    """setuptools' step that collects modules; an editable install is left as it is."""

    def run(self) -> None:
        """Collect them, and put them into one package."""
        if self.editable_mode:
            super().run()
            return
        into = Path(self.build_lib)
        shutil.rmtree(into, ignore_errors=True)  # modules of an earlier build
        super().run()
        for name in FOLDERS:
            shutil.move(into / name, into / ROOT / name)
        for name in _FILES:
            (into / ROOT / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(name, into / ROOT / name)
        for path in into.rglob("*.py"):
            alone = path.parent == into / ROOT / _ALONE
            path.write_text(turned(path.read_text("utf-8"), alone=alone), "utf-8")


def turned(source: str, *, alone: bool = False) -> str:
    """Return a module's text with imports of our folders from where they are in the wheel.

    alone: it imports only modules that lie beside it. Raises ValueError for an import that would
    give the module another name: `import keys.store`.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            if wrong := [each.name for each in node.names if _top(each.name) in FOLDERS]:
                raise ValueError(f"line {node.lineno}: from ... import, not import {wrong[0]}")
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and _top(node.module) in FOLDERS:
            line, start = lines[node.lineno - 1], node.col_offset
            was = f"from {node.module} "
            if not line.startswith(was, start):
                raise ValueError(f"line {node.lineno}: {line}")
            now = f"from {_turned(node.module or '', alone=alone)} "
            lines[node.lineno - 1] = line[:start] + now + line[start + len(was) :]
    return "".join(lines)


def _turned(module: str, *, alone: bool) -> str:
    return f".{module.partition('.')[2]}" if alone else f"{ROOT}.{module}"


def _top(module: str | None) -> str:
    return (module or "").partition(".")[0]


class OneName(egg_info):
    """setuptools' step that writes metadata: tools read there whose an import package is."""

    def run(self) -> None:
        """Write it, with the one import package."""
        super().run()
        (Path(self.egg_info) / "top_level.txt").write_text(f"{ROOT}\n")
