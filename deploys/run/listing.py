"""A list for programs: what all verbs show with `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ground.shown import json_line

VERSION = 1


def as_json(server: str, kind: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return a server's list as one line of JSON.

    server: name in the inventory. kind: what the list is of.
    """
    return json_line({"version": VERSION, "server": server, kind: rows})
