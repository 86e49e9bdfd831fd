"""Templates of configuration files, beside the code that fills them in."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_SHARED = Path(__file__).parent  # templates that those of several rooms include


@cache
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )


def render(folder: Path, name: str, **values: object) -> str:
    """Return the template `name` of a folder with `values`. Raises jinja2.UndefinedError."""
    return _environment(folder).get_template(name).render(**values)
