"""Records and changes as the table of a web panel, in the user's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dns.name

from dns_providers.base import Change
from dns_providers.by_hand.panels import Panel, Row, Task, panel_tasks
from ground.columns import aligned
from ground.words import family, text

_ACTION = family("panel", ("add", "change", "delete"))
_HEADING = family("panel", ("type", "host", "priority", "ttl", "value"))
_FIELD = family("panel", ("flags", "tag", "service", "protocol", "weight", "port", "value"))
_TXT = family("panel.txt", ("raw", "quoted", "strings"))

Say = Callable[..., str]  # message id and values -> text


def change_table(changes: Iterable[Change], zone: dns.name.Name, panel: Panel) -> tuple[str, ...]:
    """Return the lines that tell somebody at the panel what to do."""
    tasks = panel_tasks(changes, zone, panel)
    heads = [_cells(task.row) for task in tasks]
    rows = [(text(_ACTION[t.action]), *cells) for t, cells in zip(tasks, heads, strict=True)]
    lines = aligned([("", *_heading()), *rows])
    table = [lines[0]]
    for task, line in zip(tasks, lines[1:], strict=True):
        table += [line, *_below(task)]
    return (*table, *hints(zone, panel))


def record_table(rows: Iterable[Row], zone: dns.name.Name, panel: Panel) -> tuple[str, ...]:
    """Return the lines of all rows, with a heading and what to know."""
    every = tuple(rows)
    lines = aligned([_heading(), *(_cells(row) for row in every)])
    table = [lines[0]]
    for row, line in zip(every, lines[1:], strict=True):
        table += [line, *_notes(row)]
    return (*table, *hints(zone, panel))


def hints(zone: dns.name.Name, panel: Panel) -> tuple[str, ...]:
    """Return what to know when typing records into the panel."""
    name = zone.to_text(omit_final_dot=True)
    host = "panel.host_full" if panel.apex == "full" else "panel.host_part"
    ids = (host, _TXT[panel.txt], *panel.hints)
    return tuple(text(each, zone=name, panel=panel.name) for each in ids)


def _heading() -> tuple[str, ...]:
    return tuple(text(each) for each in _HEADING.values())


def _cells(row: Row) -> tuple[str, ...]:
    return (row.rtype, row.host or text("panel.empty"), row.priority, str(row.ttl), _value(row))


def _value(row: Row) -> str:
    """The value, after the fields that the panel has beside it."""
    if not row.fields:
        return row.value
    fields = (*row.fields, ("value", row.value))
    return "  ".join(f"{text(_FIELD[name])}: {content}" for name, content in fields)


def _below(task: Task) -> tuple[str, ...]:
    """Lines under a row: what it says before, and what does not fit."""
    if task.old is None:
        return _notes(task.row)
    old = text("panel.before", value=_value(task.old), ttl=task.old.ttl)
    return (f"    {old}", *_notes(task.row))


def _notes(row: Row) -> tuple[str, ...]:
    return tuple(f"    ! {note}" for note in row.notes)
