"""Records and changes as the table of a web panel, in the user's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import dns.name

from dns_providers.base import Change
from dns_providers.by_hand.panels import Panel, Row, Task, panel_tasks
from ground.columns import aligned

Say = Callable[..., str]  # message id and values -> text


def change_table(
    changes: Iterable[Change], zone: dns.name.Name, panel: Panel, say: Say
) -> tuple[str, ...]:
    """Return the lines that tell somebody at the panel what to do."""
    tasks = panel_tasks(changes, zone, panel)
    heads = [_cells(task.row, say) for task in tasks]
    rows = [(say(f"panel.{t.action}"), *cells) for t, cells in zip(tasks, heads, strict=True)]
    lines = aligned([("", *_heading(say)), *rows])
    table = [lines[0]]
    for task, line in zip(tasks, lines[1:], strict=True):
        table += [line, *_below(task, say)]
    return (*table, *hints(zone, panel, say))


def record_table(
    rows: Iterable[Row], zone: dns.name.Name, panel: Panel, say: Say
) -> tuple[str, ...]:
    """Return the lines of all rows, with a heading and what to know."""
    every = tuple(rows)
    lines = aligned([_heading(say), *(_cells(row, say) for row in every)])
    table = [lines[0]]
    for row, line in zip(every, lines[1:], strict=True):
        table += [line, *_notes(row, say)]
    return (*table, *hints(zone, panel, say))


def hints(zone: dns.name.Name, panel: Panel, say: Say) -> tuple[str, ...]:
    """Return what to know when typing records into the panel."""
    name = zone.to_text(omit_final_dot=True)
    host = "panel.host_full" if panel.apex == "full" else "panel.host_part"
    ids = (host, f"panel.txt_{panel.txt}", *panel.hints)
    return tuple(say(each, zone=name, panel=panel.name) for each in ids)


def _heading(say: Say) -> tuple[str, ...]:
    return tuple(say(f"panel.{name}") for name in ("type", "host", "priority", "ttl", "value"))


def _cells(row: Row, say: Say) -> tuple[str, ...]:
    return (row.rtype, row.host or say("panel.empty"), row.priority, str(row.ttl), _value(row, say))


def _value(row: Row, say: Say) -> str:
    """The value, after the fields that the panel has beside it."""
    if not row.fields:
        return row.value
    fields = (*row.fields, ("value", row.value))
    return "  ".join(f"{say(f'panel.{name}')}: {text}" for name, text in fields)


def _below(task: Task, say: Say) -> tuple[str, ...]:
    """Lines under a row: what it says before, and what does not fit."""
    if task.old is None:
        return _notes(task.row, say)
    old = say("panel.before", value=_value(task.old, say), ttl=task.old.ttl)
    return (f"    {old}", *_notes(task.row, say))


def _notes(row: Row, say: Say) -> tuple[str, ...]:
    return tuple(f"    ! {say(note.message_id, **dict(note.values))}" for note in row.notes)
