"""What a run waits for, said on the line that pyinfra moves while hosts work.

pyinfra moves it in a terminal only; elsewhere nothing of this is written.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ground.columns import cut, width
from ground.words import Words, say

# A sign that turns, and the hosts that work; the next text is written over it.
_MOVING = re.compile(r"    [-/|\\] [^\r\n]*\r")
_waits: dict[str, Words] = {}
_at_work: set[str] = set()


def waits_for(host: str, words: Words) -> None:
    """Say what a host's step waits for from now on, where somebody says when that ends."""
    if host in _at_work:
        _waits[host] = words


@contextmanager
def waiting(host: str) -> Iterator[None]:
    """Have what a host waits for be said until the end of this."""
    _at_work.add(host)
    try:
        yield
    finally:
        _at_work.discard(host)
        _waits.pop(host, None)


def with_waits(line: str, columns: int) -> str:
    """Return a line of the screen, with what the first host waits for where pyinfra moves it.

    columns: of the screen; a longer line would not be written over.
    """
    if not _waits or not _MOVING.fullmatch(line):
        return line
    host, words = next(iter(_waits.items()))
    moved = line.rstrip("\r")
    named = "" if moved.endswith(f"{{{host}}}") else f"{host}: "  # it is the only one at work
    others = f" (+{len(_waits) - 1})" if len(_waits) > 1 else ""
    room = columns - width(moved) - width(others) - 2
    return f"{moved} {cut(f'{named}{say(words)}', room)}{others}\r" if room > 0 else line


class _Waiting:
    """A stream with that; what it does not do itself the stream does."""

    def __init__(self, stream: TextIO, columns: Callable[[], int]) -> None:
        self._stream, self._columns = stream, columns

    def write(self, text: str) -> int:
        """Write a text; returns how many characters it had."""
        self._stream.write(with_waits(text, self._columns()) if _waits else text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _columns() -> int:
    return shutil.get_terminal_size().columns


def telling(stream: TextIO, columns: Callable[[], int] = _columns) -> TextIO:
    """Return a stream that tells what is waited for, on the line that moves on it."""
    return stream if isinstance(stream, _Waiting) else _Waiting(stream, columns)  # type: ignore[return-value]
