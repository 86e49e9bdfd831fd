"""Columns on a terminal: Chinese characters take two."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ground.shown import one_line


def width(cell: str) -> int:
    """Return how many columns a text takes: wide (Chinese) characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in cell)


def pad(cell: str, size: int) -> str:
    """Fill a text with blanks to `size` columns."""
    return cell + " " * (size - width(cell))


def cut(cell: str, size: int) -> str:
    """Return a text that takes at most `size` columns; one that is cut ends in an ellipsis."""
    if width(cell) <= size:
        return cell
    shown = ""
    for char in cell:
        if width(shown + char) >= size:
            break
        shown += char
    return f"{shown}…" if size > 0 else ""


def aligned(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return rows of equally many cells as lines; the last cell may be as long as it likes."""
    rows = [tuple(map(one_line, row)) for row in rows]
    sizes = [max(map(width, column)) for column in zip(*rows, strict=True)][:-1]
    return tuple("  ".join((*map(pad, row[:-1], sizes), row[-1])).rstrip() for row in rows)
